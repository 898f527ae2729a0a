"""Training as a linear system, and in steps, against NumPy."""
import unittest

import numpy as np
from kit import Case, close, data

import ntk


class Systems(Case):
    def setUp(self):
        self.a, self.b, self.c = data(6, 6) / 3 - 2 * np.eye(6), data(6, 2, seed=1), data(3, 6, seed=2)
        self.system = ntk.System.from_matrices(self.a, self.b, self.c)

    def test_general(self):
        wo, wc = self.system.gramian(), self.system.gramian("controllability")
        close(self.a.T @ wo + wo @ self.a, -self.c.T @ self.c, 1e-13)
        self.assertAlmostEqual(self.system.abscissa, np.linalg.eigvals(self.a).real.max(), places=13)
        close(self.system.hankel()**2, np.sort(np.linalg.eigvals(wc @ wo).real)[::-1], 1e-12)
        e = np.eye(6) + 0.1 * self.a
        w = self.system.discrete_gramian(0.1)
        close(e.T @ w @ e + self.c.T @ self.c, w, 1e-13)

    def test_reduce(self):
        reduced = self.system.reduce(2)
        self.assertEqual([m.shape for m in reduced.matrices()], [(2, 2), (2, 2), (3, 2)])
        close(np.diag(reduced.gramian()), self.system.hankel()[:2], 1e-12)
        for own, given in zip(self.system.matrices(), (self.a, self.b, self.c)):
            close(own, given, 0)
        self.fails("ERROR_ARGUMENT", "k is 7", self.system.reduce, 7)

    def test_steps(self):
        d = ntk.Dynamics(ntk.Gram.from_matrix(np.diag([4.0, 1.0])), np.ones(2), learning_rate=0.1, discrete=True)
        close(d.at([3.0])[0], 1 - np.array([0.6, 0.9])**3, 1e-15)
        self.assertAlmostEqual(d.largest_step, 0.5, places=15)
        self.assertEqual((d.time_to_loss(0.1), d.unreachable_loss), (8, 0))
        self.assertLessEqual(d.loss_at([3.0])[0], d.bound_at([3.0])[0])


if __name__ == "__main__":
    unittest.main()
