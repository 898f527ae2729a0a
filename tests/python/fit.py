"""Regression, its dynamics and Gramians, against dense linear algebra in NumPy."""
import tempfile
import unittest

import numpy as np
from kit import LAYERS, Case, close, data

import ntk


def exp_symmetric(a):
    w, u = np.linalg.eigh(a)
    return u * np.exp(w) @ u.T


class Fit(Case):
    def setUp(self):
        self.net = ntk.Network(LAYERS, input=[3])
        self.kernel = ntk.Kernel(self.net)
        self.x, self.z, self.y = data(8), data(5, seed=1), data(8, 2, seed=2)
        self.gram = ntk.Gram(self.kernel, self.x, kinds=("ntk", "nngp"))
        self.k = np.asarray(self.gram)

    def test_estimate(self):
        e = ntk.Predictor.estimate(self.kernel, 1000, 500, columns=3, covariance=True, dtype="f32")
        self.assertEqual(e["result_bytes"], 4 * (500 * 3 + 500 ** 2))
        self.assertGreater(e["bytes"], 4 * (1000 * 1001 + 3 * 500 * 1000))
        self.assertEqual(ntk.Predictor.estimate(None, 1000, 500)["result_bytes"], 8 * 500)
        with self.assertRaises(ntk.Error):
            ntk.Predictor.estimate(self.kernel, -1)

    def test_mean_and_covariance(self):
        """Condition number about 1e3 here: 1e-11 is generous."""
        ridge = 0.01
        model = ntk.Predictor(self.gram, self.y, ridge=ridge)
        inverse = np.linalg.inv(self.k + ridge * np.eye(8))
        cross = self.kernel(self.z, self.x)
        close(model.mean(self.z), cross @ inverse @ self.y, 1e-11)
        close(ntk.Predictor(self.gram, self.y[:, 0], ridge=ridge).mean(self.z), cross @ inverse @ self.y[:, 0], 1e-11)
        c = ntk.Predictor(self.gram, self.y, posterior="ntkgp", ridge=ridge).covariance(self.z)
        close(c, self.kernel(self.z) - cross @ inverse @ cross.T, 1e-11)
        out = np.empty((5, 2), order="F")
        self.assertIs(model.mean(self.z, out=out), out)
        blocks = {"ntk": cross}
        close(ntk.Predictor(ntk.Gram.from_matrix(self.k), self.y, ridge=ridge).at(blocks=blocks)[0], out, 1e-11)
        mean, covariance = model.at(self.z, covariance=True)
        self.assertEqual((mean.shape, covariance.shape), ((5, 2), (5, 5)))

    def test_finite_time(self):
        model = ntk.Predictor(self.gram, self.y, decomposition="eigen", ridge=0.0, learning_rate=0.5)
        t = 0.7
        s = np.linalg.solve(self.k, np.eye(8) - exp_symmetric(-0.5 * t * self.k))
        close(model.mean(self.z, time=t), self.kernel(self.z, self.x) @ s @ self.y, 1e-10)

    def test_solver(self):
        solver = ntk.Solver(self.gram, ridge=0.1)
        a = self.k + 0.1 * np.eye(8)
        b = self.y.copy()
        x = solver.solve(b)
        close(x, np.linalg.solve(a, b), 1e-11)
        self.assertLess(solver.backward_error(b, x), 1e-14)
        self.assertIs(solver.solve(b, out=b), b)
        close(b, x, 0)
        self.assertAlmostEqual(solver.log_determinant(), np.linalg.slogdet(a)[1], places=10)
        self.assertEqual(solver.ridge, 0.1)

    def test_conjugate_gradients(self):
        want = ntk.Solver(self.gram, ridge=0.1).solve(self.y)
        close(ntk.Solver(self.gram, ridge=0.1, decomposition="cg", tolerance=1e-12, rank=3).solve(self.y), want, 1e-11)
        with self.assertRaises(ntk.Error) as failed:
            ntk.Solver(self.gram, ridge=0.1, decomposition="cg", rank=1, most=1).solve(self.y)
        self.assertIn("after 1 products", str(failed.exception))
        want = ntk.Predictor(self.gram, self.y, ridge=0.1).mean(self.z)
        close(ntk.Predictor(self.gram, self.y, ridge=0.1, decomposition="cg", tolerance=1e-12).mean(self.z), want, 1e-11)

    def test_storage(self):
        b = self.y
        want = ntk.Solver(self.gram, ridge=0.1).solve(b)
        for storage in ("auto", "full", "packed"):
            gram = ntk.Gram(self.kernel, self.x, storage=storage)
            solver = ntk.Solver(gram, ridge=0.1, consume=True)
            close(solver.solve(b), want, 1e-12)
            self.assertFalse(gram.has("ntk"))
            gram = ntk.Gram(self.kernel, self.x, storage=storage)
            close(ntk.Predictor(gram, b, ridge=0.1, consume=True).mean(self.z), self.kernel(self.z, self.x) @ want, 1e-12)
        with self.assertRaises(ValueError):
            ntk.Gram(self.kernel, self.x, storage="paper")

    def test_dynamics(self):
        flow, t = ntk.Dynamics(self.gram, self.y), np.array([0, 0.3, np.inf])
        f = flow.at(t)
        decay = exp_symmetric(-0.3 * self.k)
        close(f, np.stack([0 * self.y, self.y - decay @ self.y, self.y]), 1e-12)
        close(flow.loss_at(t[:2]), [0.5 * (self.y**2).sum(), 0.5 * ((decay @ self.y)**2).sum()], 1e-12)
        cross = self.kernel(self.z, self.x)
        close(flow.test_at(cross, [0.3])[0], cross @ np.linalg.solve(self.k, self.y - decay @ self.y), 1e-11)
        self.assertEqual(flow.rank, 8)

    def test_a_full_gram(self):
        """Outputs by sample, [n, o]: the linearised network itself."""
        theta = self.net.initialize(seed=1)
        gram = ntk.Gram(ntk.Kernel.empirical(self.net, theta), self.x)
        f0 = self.net.forward(theta, self.x)
        model = ntk.Predictor(gram, self.y, ridge=0.01, f0=f0)
        j, jz = np.asarray(ntk.Jacobian(self.net, theta, self.x)), np.asarray(ntk.Jacobian(self.net, theta, self.z))
        weights = np.linalg.solve(j @ j.T + 0.01 * np.eye(16), (self.y - f0).ravel())
        close(model.mean(self.z), (jz @ j.T @ weights).reshape(5, 2), 1e-10)
        flow = ntk.Dynamics(ntk.Gram.from_jacobian(ntk.Jacobian(self.net, theta, self.x)), self.y, f0=f0)
        step = flow.parameters_at([0.2])[0]
        close(f0.ravel() + j @ step, flow.at([0.2])[0].ravel(), 1e-10)

    def test_learning(self):
        """Any loss: that of the library against a function's, squares against the closed form, and going on from a state."""
        times = [0.5, 2.0]
        close(ntk.Learning(self.gram, self.y, loss="mse").at(times), ntk.Dynamics(self.gram, self.y).at(times), 1e-8)
        y = np.eye(2)[np.arange(8) % 2]

        def softmax(f, t):
            p = np.exp(f) / np.exp(f).sum(1, keepdims=True)
            return -(t * np.log(p)).sum(), p - t

        built_in, own = ntk.Learning(self.gram, y), ntk.Learning(self.gram, y, loss=softmax, curvature=0.5)
        w = built_in.weights_at(times)
        close(own.weights_at(times), w, 1e-8)
        close(own.loss(w), built_in.loss(w), 1e-13)
        cross = self.kernel(self.z, self.x)
        close(built_in.test(cross, w), -cross @ w, 1e-13)
        state = built_in.state()
        close(built_in.weights_at(times[:1], state), w[:1], 1e-8)
        close(built_in.weights_at(times[1:], state.copy()), w[1:], 1e-8)
        self.assertEqual(state[0], 0.5)
        with self.assertRaisesRegex(ntk.Error, "callback of the loss returned 1"):
            ntk.Learning(self.gram, y, loss=lambda f, t: 1 / 0)

    def test_learning_goes_on(self):
        """A state saved in a file and loaded goes on to the bit as one that stayed; each loss, flow, momentum and steps."""
        y = np.eye(2)[np.arange(8) % 2]
        ways = [dict(loss="cross-entropy"), dict(loss="huber", momentum=0.4), dict(loss="mse", discrete=True, learning_rate=0.01)]
        for way in ways:
            learning = ntk.Learning(self.gram, y, **way)
            stays = learning.state()
            first = learning.weights_at([1.0, 4.0], stays)
            with tempfile.TemporaryDirectory() as folder:
                np.save(folder + "/state.npy", stays)
                loaded = np.load(folder + "/state.npy")
            fresh = ntk.Learning(self.gram, y, **way)
            self.assertEqual(loaded[0], 4.0)
            self.assertEqual(fresh.weights_at([9.0], loaded).tobytes(), learning.weights_at([9.0], stays).tobytes())
            self.assertEqual(loaded.tobytes(), stays.tobytes())
            self.assertFalse(np.array_equal(first[0], first[1]))
            with self.assertRaisesRegex(ntk.Error, "the state stands at 9 already"):
                learning.weights_at([5.0], stays)

    def test_decay_to_zero(self):
        """theta' = -eta (Jt e + w theta) in steps, by a loop."""
        theta, w, eta = self.net.initialize(seed=3), 0.2, 0.002
        j, jz = (np.asarray(ntk.Jacobian(self.net, theta, a)) for a in (self.x, self.z))
        f0 = self.net.forward(theta, self.x)
        flow = ntk.Dynamics(ntk.Gram.from_jacobian(ntk.Jacobian(self.net, theta, self.x)), self.y, f0=f0, weight_decay=w, decay_to_zero=True, theta0=theta,
                            discrete=True, learning_rate=eta)
        step = np.zeros(len(theta))
        for _ in range(50):
            step -= eta * (j.T @ (f0.ravel() + j @ step - self.y.ravel()) + w * (theta + step))
        close(flow.parameters_at([50])[0], step, 1e-12)
        close(flow.at([50])[0].ravel(), f0.ravel() + j @ step, 1e-12)
        fz = self.net.forward(theta, self.z)
        got = flow.test_at(jz @ j.T, [50], f0=fz, linear0=(jz @ theta).reshape(fz.shape))[0]
        close(got.ravel(), fz.ravel() + jz @ step, 1e-12)

    def test_classification(self):
        """Labels to calibrated probabilities, from the same model; variances, draws and noise."""
        labels = (self.x[:, 0] > 0).astype(int) + (self.x[:, 1] > 0.3)
        y = ntk.classes.code(labels, 3)
        close(y, np.eye(3)[labels] - 1 / 3, 1e-15)
        noise = np.linspace(0.1, 0.5, 8)
        model = ntk.Predictor(self.gram, y, noise=noise)
        k, cross = self.k + np.diag(noise), self.kernel(self.z, self.x)
        close(model.mean(self.z), cross @ np.linalg.solve(k, y), 1e-11)
        inverse = np.linalg.inv(k)
        mean, variance = model.leave_one_out(y)
        close(mean, y - inverse @ y / np.diag(inverse)[:, None], 1e-11)
        close(variance, 1 / np.diag(inverse), 1e-11)
        t = ntk.classes.temperature(mean, labels)
        p = ntk.classes.probabilities(model.mean(self.z), t)
        close(p.sum(1), np.ones(5), 1e-14)
        self.assertTrue((ntk.classes.decide(p) == model.mean(self.z).argmax(1)).all())
        accuracy, nll = ntk.classes.score(p, [0, 1, 2, 0, 1])
        close(np.array(nll), -np.log(p[np.arange(5), [0, 1, 2, 0, 1]]).mean(), 1e-13)
        self.assertEqual(accuracy, (p.argmax(1) == [0, 1, 2, 0, 1]).mean())
        blocks = {"ntk": cross, "nngp": cross, "ntk_test": np.ones(5), "nngp_test": np.ones(5)}
        process = ntk.Predictor(self.gram, y, posterior="ntkgp", ridge=0.1)
        close(process.variance(blocks=blocks), np.maximum(1 - np.einsum("ij,ji->i", cross, np.linalg.solve(self.k + 0.1 * np.eye(8), cross.T)), 0), 1e-10)
        draws = process.sample(self.z, draws=3, seed=1)
        self.assertEqual(draws.shape, (3, 5, 3))
        close(process.sample(self.z, draws=2, seed=1), draws[:2], 0)

    def test_tuner(self):
        """Values, their gradient by differences, and the network that they make."""
        tuner = ntk.Tuner(self.net, self.x, self.y, objective="loo", noise=0.1)
        values, names = tuner.values(), tuner.names()
        self.assertEqual((names[0], names[-1], len(names)), ("layers[0].w_std", "noise", len(tuner)))
        value, gradient = tuner.evaluate(values)
        for i in range(len(values)):
            step = np.where(np.arange(len(values)) == i, 1e-6, 0)
            self.assertAlmostEqual(gradient[i], (tuner.evaluate(values + step)[0] - tuner.evaluate(values - step)[0]) / 2e-6, 7)
        self.assertAlmostEqual(tuner.negative_logs(np.log(values))[0], -value, 12)
        other = ntk.Tuner(tuner.network(1.1 * values), self.x, self.y)
        close(other.values()[:-1], 1.1 * values[:-1], 1e-15)

    def test_system(self):
        system = ntk.System(self.gram)
        w = system.gramian()
        close(w, np.linalg.inv(self.k) / 2, 1e-11)
        self.assertLess(system.residual(w), 1e-13)
        a, c = -np.diag([1.0, 2.0]), np.array([[1.0, 1.0]])
        w = ntk.System.from_matrices(a, c=c).gramian(horizon=0.5)
        close(w, (1 - np.exp(-0.5 * np.array([[2, 3], [3, 4]]))) / np.array([[2, 3], [3, 4]]), 1e-14)


if __name__ == "__main__":
    unittest.main()
