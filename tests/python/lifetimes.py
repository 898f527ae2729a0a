"""Handles go in any order, also by the garbage collector; borrowed arrays stay as long as anything reads them."""
import gc
import itertools
import unittest
import weakref

import numpy as np
from kit import LAYERS, Case, close, data

import ntk

NAMES = ("network", "kernel", "gram", "solver", "predictor", "dynamics")


def family():
    """One handle of each generation, and what the youngest ones answer."""
    network = ntk.Network(LAYERS, input=[3])
    kernel = ntk.Kernel(network)
    gram = ntk.Gram(kernel, data(5))
    models = ntk.Solver(gram, 0.1), ntk.Predictor(gram, data(5, 2), ridge=0.1), ntk.Dynamics(gram, data(5, 2))
    return dict(zip(NAMES, (network, kernel, gram, *models)))


def answers(handles):
    ask = {"solver": lambda h: h.solve(np.ones(5)), "predictor": lambda h: h.mean(data(2)), "dynamics": lambda h: h.at([1.0]),
           "gram": lambda h: h.diagonal(), "kernel": lambda h: h(data(2))}
    return {name: ask[name](handle) for name, handle in handles.items() if name in ask}


class Lifetimes(Case):
    def test_every_order(self):
        wanted = answers(family())
        for order in itertools.permutations(NAMES):
            handles = family()
            for name in order:
                del handles[name]
            gc.collect(0)
        for order in itertools.islice(itertools.permutations(NAMES), 0, None, 37):
            handles = family()
            for name in order:
                del handles[name]
                for left, answer in answers(handles).items():
                    close(answer, wanted[left], 0)

    def test_destroyed_once(self):
        """The handle of the library goes with the Python object, children first as well as parents first."""
        for parents_first in (True, False):
            handles = family()
            alive = {name: weakref.ref(handle) for name, handle in handles.items()}
            for name in NAMES if parents_first else reversed(NAMES):
                del handles[name]
            gc.collect()
            self.assertEqual([name for name, ref in alive.items() if ref()], [])

    def test_cycles(self):
        for _ in range(20):
            handles = family()
            for a, b in itertools.permutations(handles.values(), 2):
                a.other, b.other = b, a
            handles["solver"].everything = handles
            gone = weakref.ref(handles["gram"])
            del handles, a, b
            gc.collect()
            self.assertIsNone(gone())

    def test_a_kernel_that_refers_to_itself(self):
        holder = []
        holder.append(ntk.Kernel.from_function(lambda a, b: (a @ b.T) * len(holder)))
        close(holder[0](data(3)), data(3) @ data(3).T, 1e-15)
        gone = weakref.ref(holder[0])
        del holder
        gc.collect()
        self.assertIsNone(gone())

    def test_borrowed_arrays_stay(self):
        k, j = np.diag(np.arange(1.0, 401)), data(40, 60)
        gone = weakref.ref(k), weakref.ref(j)
        solver, spectrum = ntk.Solver(ntk.Gram.from_matrix(k)), ntk.Spectrum(ntk.Gram.from_jacobian(ntk.Jacobian.from_matrix(j)))
        wanted = spectrum.parameter_vectors()
        del k, j
        gc.collect()
        noise = [np.full((400, 400), 7.0) for _ in range(4)]  # would lie where the matrices were
        self.assertLess(solver.backward_error(np.ones(400), 1 / np.arange(1.0, 401)), 1e-15)
        close(spectrum.parameter_vectors(), wanted, 0)
        self.assertTrue(all(ref() is not None for ref in gone))
        del solver, spectrum, noise
        gc.collect()
        self.assertTrue(all(ref() is None for ref in gone))

    def test_handles_outlive_their_context(self):
        with ntk.Context(threads=1):
            handles = family()
        gc.collect()
        self.assertEqual(len(answers(handles)), 5)

    def test_failed_constructors_leave_nothing(self):
        for _ in range(50):
            self.fails("ERROR_NETWORK", "", ntk.Network, [], input=[0])
        gc.collect()


if __name__ == "__main__":
    unittest.main()
