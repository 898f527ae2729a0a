"""Kernels and progress in Python: exceptions come out where they belong, Ctrl-C included."""
import os
import signal
import subprocess
import sys
import unittest

import numpy as np
from kit import LAYERS, Case, close, data

import ntk

LONG = """
import numpy as np, ntk, sys
kernel = ntk.Kernel(ntk.Network([{"op": "dense", "units": 4}, {"op": "relu"}] * 400 + [{"op": "dense", "units": 1}], input=[4]))
print("ready", flush=True)
try:
    kernel(np.random.default_rng(0).standard_normal((12000, 4)))
except KeyboardInterrupt:
    print("interrupted")
    sys.exit(130)
"""


class Callbacks(Case):
    def test_kernel(self):
        x, z = data(700), data(5, seed=1)  # more than one tile
        kernel = ntk.Kernel.from_function(lambda a, b: np.exp(-((a[:, None] - b)**2).sum(2)), kind="nngp")
        close(kernel(x, z, want="nngp"), np.exp(-((x[:, None] - z)**2).sum(2)), 1e-15)
        gram = ntk.Gram(kernel, x[:20], kinds="nngp")
        model = ntk.Predictor(gram, x[:20, 0], posterior="nngp", ridge=0.1)
        k = np.exp(-((x[:20, None] - x[:20])**2).sum(2))
        close(model.mean(z), np.exp(-((z[:, None] - x[:20])**2).sum(2)) @ np.linalg.solve(k + 0.1 * np.eye(20), x[:20, 0]), 1e-12)
        close(kernel.diagonal(x[:5], want="nngp"), np.ones(5), 0)
        self.fails("ERROR_ARGUMENT", "does not deliver ntk", kernel, x)

    def test_kernel_made_of_a_kernel(self):
        """Calls from inside a callback have a context of their own."""
        inner = ntk.Kernel(ntk.Network(LAYERS, input=[3]))
        with ntk.Context() as context:
            close(ntk.Kernel.from_function(lambda a, b: 2 * inner(a, b))(data(6), data(4)), 2 * inner(data(6), data(4)), 0)
            with self.assertRaisesRegex(RuntimeError, "in the middle of a call"):
                ntk.Kernel.from_function(lambda a, b: context.call("kernel_eval", None))(data(6))

    def test_exceptions_of_a_kernel(self):
        for problem in (ZeroDivisionError("mine"), KeyboardInterrupt(), SystemExit(3)):
            def broken(a, b):
                raise problem
            with self.assertRaises(type(problem)) as caught:
                ntk.Gram(ntk.Kernel.from_function(broken), data(4))
            self.assertIs(caught.exception, problem)
        self.fails("ERROR_CALLBACK", "not finite", ntk.Kernel.from_function(lambda a, b: a @ b.T * np.nan), data(4))
        with self.assertRaisesRegex(ValueError, "4 x 4 pairs"):
            ntk.Kernel.from_function(lambda a, b: 1.0)(data(4))

    def test_progress(self):
        heard = []
        kernel = ntk.Kernel(ntk.Network(LAYERS, input=[3]))
        with ntk.Context(progress=heard.append):
            kernel(data(1500))
        self.assertEqual((len(heard), heard[-1]), (3, 1))
        self.assertEqual(heard, sorted(heard))
        kernel(data(1500))
        self.assertEqual(len(heard), 3)  # outside of the block nobody listens

    def test_cancel(self):
        kernel, out = ntk.Kernel(ntk.Network(LAYERS, input=[3])), np.empty((1500, 1500))
        with ntk.Context(progress=lambda done: done > 0.4):
            self.fails("ERROR_CANCELLED", "cancelled by the progress callback at 4", kernel, data(1500), out=out)

    def test_exceptions_of_progress(self):
        problem = LookupError("mine")

        def broken(done):
            raise problem
        with ntk.Context(progress=broken):
            with self.assertRaises(LookupError) as caught:
                ntk.Spectrum(ntk.Gram.from_matrix(np.eye(3)))
        self.assertIs(caught.exception, problem)
        self.assertEqual(ntk.Spectrum(ntk.Gram.from_matrix(np.eye(3))).size, 3)

    def test_interrupt(self):
        """Ctrl-C ends a call of minutes at once, without a progress callback of the user's."""
        env = {name: value for name, value in os.environ.items() if name != "MALLOC_PERTURB_"}
        child = subprocess.Popen([sys.executable, "-c", LONG], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        self.addCleanup(child.kill)
        self.assertEqual(child.stdout.readline(), "ready\n")
        try:
            out, err = child.communicate(timeout=1)
            self.fail(f"ended before it was interrupted: {out} {err}")
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
        self.assertEqual((child.returncode, out, err), (130, "interrupted\n", ""))

    def test_interrupt_in_a_callback(self):
        gram = ntk.Gram.from_matrix(np.eye(3))

        def interrupt(done):
            os.kill(os.getpid(), signal.SIGINT)
        with ntk.Context(progress=interrupt):
            self.assertRaises(KeyboardInterrupt, ntk.Spectrum, gram)
        self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)
        self.assertEqual(ntk.Spectrum(gram).size, 3)


if __name__ == "__main__":
    unittest.main()
