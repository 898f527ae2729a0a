"""Training as a linear system, and in steps, against NumPy."""
import unittest

import numpy as np
from kit import Case, close, data

import ntk


def expm(a):
    """By the eigenvectors of a."""
    values, vectors = np.linalg.eig(a)
    return ((vectors * np.exp(values)) @ np.linalg.inv(vectors)).real


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
        self.assertLess(self.system.discrete_residual(0.1, w), 1e-15)
        self.assertGreater(self.system.discrete_residual(0.1, 2 * w), 1e-3)

    def test_reduce(self):
        reduced = self.system.reduce(2)
        self.assertEqual([m.shape for m in reduced.matrices()], [(2, 2), (2, 2), (3, 2)])
        close(np.diag(reduced.gramian()), self.system.hankel()[:2], 1e-12)
        for own, given in zip(self.system.matrices(), (self.a, self.b, self.c)):
            close(own, given, 0)
        self.fails("ERROR_ARGUMENT", "k is 7", self.system.reduce, 7)

    def test_uses(self):
        times = np.linspace(0, 3, 31)
        e = np.array([np.linalg.matrix_power(expm(self.a * 0.1), k) for k in range(31)])
        x0 = data(6, 1, seed=3)[:, 0]
        z = self.system.response(x0, times)
        close(z, (self.c @ e) @ x0, 1e-11)
        h, noise = (self.c @ e).reshape(-1, 6), 0.1 + times
        got, covariance, rank = self.system.reconstruct(times, z, noise=noise)
        scaled = h / np.repeat(noise, 3)[:, None]
        self.assertEqual(rank, 6)
        close(got, x0, 1e-8)
        close(covariance, np.linalg.inv(scaled.T @ scaled), 1e-8)
        vectors, energies, shares = self.system.directions(horizon=2.0)
        w = self.system.gramian(horizon=2.0)
        close(w @ vectors, vectors * energies, 1e-12)
        self.assertTrue((shares > 0).all() and (shares <= 1).all())
        energy, costate = self.system.minimum_energy(x0, 2.0)
        close(self.system.gramian("controllability", 2.0) @ costate, x0, 1e-7)
        self.assertAlmostEqual(energy / (x0 @ costate), 1, places=12)
        self.assertEqual(self.system.resting_modes(), 0)
        q = self.c.T @ self.c - np.eye(6)
        x = self.system.lyapunov(q)
        close(self.a.T @ x + x @ self.a, -q, 1e-12)
        other = self.system.with_ports(c=np.eye(6)[:2])
        self.assertEqual((other.inputs, other.outputs), (2, 2))
        close(other.gramian("controllability"), self.system.gramian("controllability"), 0)

    def test_parameter_space(self):
        j, d = data(4, 9), 0.5 + np.abs(data(9, 1, seed=4)[:, 0])
        s = ntk.System.from_jacobian(ntk.Jacobian.from_matrix(j), ntk.Optimizer.diagonal(d), 0.3)
        self.assertEqual((s.size, s.rank, s.outputs), (9, 4, 4))
        f = s.gramian_factor()
        close(f @ f.T, s.gramian(), 1e-13)
        k = (j / d) @ j.T
        close(s.hankel()[:4], np.sort(np.linalg.eigvalsh(k) / 2 / (np.linalg.eigvalsh(k) + 0.3))[::-1], 1e-12)
        reduced = s.reduce(2)
        self.assertAlmostEqual(reduced.bound, 2 * s.hankel()[2:].sum(), places=13)

    def test_margins(self):
        values = np.linalg.eigvals(self.a)
        close(np.sort_complex(self.system.eigenvalues()), np.sort_complex(values), 1e-12)
        value, mode = self.system.dominant_mode()
        close(self.a @ mode, value * mode, 1e-12)
        self.assertAlmostEqual(self.system.largest_step, (-2 * values.real / abs(values)**2).min(), places=12)
        time, certain = self.system.settling_time(0.1)
        self.assertAlmostEqual(time, np.log(10) / -values.real.max(), places=11)
        self.assertLessEqual(np.linalg.norm(expm(self.a * certain), 2), 0.1)
        small = ntk.System.from_matrices(np.diag([-1.0, -2.0]), np.array([[1.0], [0.0]]))
        self.fails("ERROR_UNREACHABLE", "x cannot be reached", small.minimum_energy, np.array([0.0, 1.0]))

    def test_steps(self):
        d = ntk.Dynamics(ntk.Gram.from_matrix(np.diag([4.0, 1.0])), np.ones(2), learning_rate=0.1, discrete=True)
        close(d.at([3.0])[0], 1 - np.array([0.6, 0.9])**3, 1e-15)
        self.assertAlmostEqual(d.largest_step, 0.5, places=15)
        self.assertEqual((d.time_to_loss(0.1), d.unreachable_loss), (8, 0))
        self.assertLessEqual(d.loss_at([3.0])[0], d.bound_at([3.0])[0])


if __name__ == "__main__":
    unittest.main()
