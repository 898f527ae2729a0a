"""Jacobians from functions of Python, chosen columns, stacks."""
import unittest

import numpy as np
from kit import LAYERS, Case, close, data

import ntk

MATRIX = data(6, 9)


class Jacobians(Case):
    def test_functions(self):
        v, u = data(1, 9)[0], data(1, 6, 1)[0]
        ways = {"jvp": lambda v: MATRIX @ v, "vjp": lambda u: MATRIX.T @ u, "rows": lambda first, count: MATRIX[first:first + count]}
        for chosen in ({"jvp"}, {"vjp"}, {"rows"}, {"jvp", "vjp"}, set(ways)):
            j = ntk.Jacobian.from_functions((6, 9), outputs=3, **{name: ways[name] for name in chosen})
            self.assertEqual((j.shape, j.outputs), ((6, 9), 3))
            close(j.apply(v), MATRIX @ v, 1e-14)
            close(j.apply_transposed(u), MATRIX.T @ u, 1e-14)
            close(j.rows(1, 4), MATRIX[1:5], 1e-15)
            self.assertLess(j.adjoint_error(), 1e-14)
        wrong = ntk.Jacobian.from_functions((6, 9), jvp=ways["jvp"], vjp=lambda u: np.ones(9))
        self.assertGreater(wrong.adjoint_error(seed=3), 1e-3)

    def test_what_functions_do_wrong(self):
        v, problem = np.ones(9), ZeroDivisionError("mine")

        def broken(v):
            raise problem
        with self.assertRaises(ZeroDivisionError) as caught:
            ntk.Jacobian.from_functions((6, 9), jvp=broken).apply(v)
        self.assertIs(caught.exception, problem)
        with self.assertRaisesRegex(ValueError, r"gave shape \(5,\); expected \(6,\)"):
            ntk.Jacobian.from_functions((6, 9), jvp=lambda v: v[:5]).apply(v)
        self.fails("ERROR_CALLBACK", "jvp gave out[0] = ", ntk.Jacobian.from_functions((6, 9), jvp=lambda v: np.full(6, np.nan)).apply, v)
        self.fails("ERROR_NULL", "none of jvp, vjp and get_rows", ntk.Jacobian.from_functions, (6, 9))

    def test_differences(self):
        theta, x = data(1, 4)[0], data(5, 4)
        right = np.cos(x * theta) * x  # of f_r = sum_c sin(x_rc theta_c)
        for order, bound in ((2, 1e-9), (4, 1e-11)):
            close(ntk.Jacobian.from_function(lambda t: np.sin(x * t).sum(1), theta, order=order).rows(), right, bound)
        self.assertEqual(ntk.Jacobian.from_function(lambda t: np.outer(t, [1, 2]), theta).outputs, 2)

    def test_a_network_of_another_kind(self):
        """The kernel of a network given by its jvp and vjp is the kernel of the network."""
        net = ntk.Network(LAYERS, input=[3])
        theta, x = net.initialize(1), data(5)
        own = ntk.Jacobian.from_functions((10, net.parameters), jvp=lambda v: net.jvp(theta, x, v), vjp=lambda u: net.vjp(theta, x, u.reshape(5, 2)), outputs=2)
        close(ntk.Spectrum(ntk.Gram.from_jacobian(own)).values(), ntk.Spectrum(ntk.Gram.from_jacobian(ntk.Jacobian(net, theta, x))).values(), 1e-13)

    def test_algorithms(self):
        net = ntk.Network(LAYERS, input=[3])
        j = ntk.Jacobian(net, net.initialize(1), data(5))
        grams = [ntk.Gram.from_jacobian(j, algorithm=name) for name in ("auto", "structured", "contraction", "products")]
        self.assertEqual([gram.algorithm for gram in grams], ["structured", "structured", "contraction", "products"])
        for gram in grams[1:]:
            close(gram.multiply(data(10, 2)), grams[0].multiply(data(10, 2)), 1e-14)
            close(gram.diagonal(), grams[0].diagonal(), 1e-14)

    def test_parts(self):
        net = ntk.Network(LAYERS, input=[3])
        theta, x = net.initialize(1), data(5)
        j = ntk.Jacobian(net, theta, x)
        whole = j.rows()
        close(j.restrict(slice(0, 4), slice(10, None)).rows(), np.hstack([whole[:, :4], whole[:, 10:]]), 0)
        close(j.restrict_layers("layers[0]").rows(), whole[:, :16], 0)
        close(ntk.Jacobian.stack([j, ntk.Jacobian(net, theta, x[:2])]).rows(), np.vstack([whole, whole[:4]]), 0)
        self.fails("ERROR_ARGUMENT", "no layer with parameters", j.restrict_layers, "layers[1]")
        with self.assertRaisesRegex(ValueError, "without steps"):
            j.restrict(slice(0, 4, 2))


if __name__ == "__main__":
    unittest.main()
