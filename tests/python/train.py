"""Training and Adam's moments against NumPy."""
import unittest

import numpy as np
from kit import LAYERS, Case, close, data

import ntk


class Training(Case):
    def setUp(self):
        self.net = ntk.Network(LAYERS, input=[3])
        self.theta, self.x, self.y = self.net.initialize(1), data(6), data(6, 2, seed=1)

    def test_descents(self):
        theta, m, v = self.theta.copy(), 0, 0
        trainer = ntk.Trainer(self.net, theta, self.x, self.y, descent="adam", learning_rate=0.01)
        for t in range(1, 8):
            g = self.net.vjp(theta, self.x, self.net.forward(theta, self.x) - self.y)
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            theta -= 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        trainer.run(7)
        self.assertEqual(trainer.steps, 7)
        close(trainer.parameters(), theta, 1e-12)
        close(trainer.moments()[1], v, 1e-11)
        close(trainer.outputs(), self.net.forward(theta, self.x), 1e-11)
        self.assertAlmostEqual(trainer.loss(), ((trainer.outputs() - self.y) ** 2).sum() / 2)
        again = ntk.Trainer(self.net, self.theta, self.x, self.y, descent="adam", learning_rate=0.01)
        again.resume(7, trainer.parameters(), trainer.moments()).run(2)
        close(again.parameters(), trainer.run(2).parameters(), 0)

    def test_single_precision(self):
        theta, x, y = (a.astype(np.float32) for a in (self.theta, self.x, self.y))
        for descent in ("gd", "momentum", "adam"):
            single = ntk.Trainer(self.net, theta, x, y, descent=descent, learning_rate=0.01, epsilon=1e-3).run(5)
            wide = ntk.Trainer(self.net, *(a.astype(float) for a in (theta, x, y)), descent=descent, learning_rate=0.01, epsilon=1e-3).run(5)
            for got, want in ((single.parameters(), wide.parameters()), (single.outputs(), wide.outputs()), *zip(single.moments(), wide.moments())):
                self.assertEqual(got.dtype, np.float32)
                close(got.astype(float), want, 5 * 100 * 2.0**-24)
        self.fails("ERROR_DTYPE", "y holds f64; expected f32", ntk.Trainer, self.net, theta, x, self.y)

    def test_linearised_with_frozen_d(self):
        optimizer = ntk.Optimizer.diagonal(np.linspace(1, 2, self.net.parameters))
        linear = ntk.Trainer(self.net, self.theta, self.x, self.y, learning_rate=1e-3, linearised=True, optimizer=optimizer).run(5)
        jacobian = np.asarray(ntk.Jacobian(self.net, self.theta, self.x))
        e = (self.net.forward(self.theta, self.x) - self.y).ravel()
        step = np.eye(12) - 1e-3 * jacobian / optimizer.get_diagonal() @ jacobian.T
        close(linear.outputs().ravel() - self.y.ravel(), np.linalg.matrix_power(step, 5) @ e, 1e-12)

    def test_refusals(self):
        self.fails("ERROR_ARGUMENT", "frozen D", ntk.Trainer, self.net, self.theta, self.x, self.y, descent="adam", optimizer=ntk.Optimizer())
        self.fails("ERROR_SHAPE", "y has shape", ntk.Trainer, self.net, self.theta, self.x, self.y[:5])
        with self.assertRaises(ValueError):
            ntk.Trainer(self.net, self.theta, self.x, self.y, descent="sgd")

    def test_moments_of_a_run(self):
        g = data(9, 4)
        v = sum(0.01 * 0.99 ** (8 - t) * g[t] ** 2 for t in range(9))
        close(ntk.Optimizer.adam_update(g, np.zeros(4), beta2=0.99), v, 1e-14)
        close(ntk.Optimizer.adam_of_run(g, beta2=0.99, epsilon=0.5).get_diagonal(), np.sqrt(v / (1 - 0.99**9)) + 0.5, 1e-14)
        self.fails("ERROR_ARGUMENT", "beta2 is 1", ntk.Optimizer.adam_update, g, np.zeros(4), beta2=1)


if __name__ == "__main__":
    unittest.main()
