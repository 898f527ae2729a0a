"""Kernels against the recursion in NumPy, and finite networks against finite differences."""
import json
import unittest

import numpy as np
from kit import LAYERS, Case, close, data, relu_kernels

import ntk

NET = {"format": "ntk-network", "version": 1, "input": [3], "layers": LAYERS}


class Kernels(Case):
    def test_infinite(self):
        """The recursion loses a few eps per layer, and sqrt(eps) of an angle near 0: the same points are compared apart."""
        x1, x2 = data(6), data(4, seed=1)
        kernel = ntk.Kernel.infinite(ntk.Network(NET))
        answers = kernel(x1, x2, want=("ntk", "nngp"))
        theta, k = relu_kernels(x1, x2)
        close(answers["ntk"], theta, 1e-13)
        close(answers["nngp"], k, 1e-13)
        close(kernel(x1), relu_kernels(x1, x1)[0], 1e-7)
        layers = kernel(x1, x2, want="layers")
        self.assertEqual(layers.shape, (3, 6, 4))
        close(layers.sum(0), theta, 1e-13)
        close(kernel.diagonal(x1), np.diag(kernel(x1)), 1e-14)

    def test_estimate(self):
        kernel = ntk.Kernel(ntk.Network(NET))
        e = kernel.estimate(1000, 500, want=("ntk", "nngp"), dtype="f32")
        self.assertEqual(e["result_bytes"], 1000 * 500 * 4 * 2)
        self.assertGreater(kernel.estimate(1000, gram=True)["bytes"], 1000 * 1001 / 2 * 8)
        with self.assertRaisesRegex(ntk.Error, "n1"):
            kernel.estimate(-1)

    def test_gram(self):
        x = data(6)
        kernel = ntk.Kernel(ntk.Network(NET))
        gram = ntk.Gram(kernel, x, kinds=("ntk", "nngp"))
        self.assertEqual((gram.size, gram.has("ntk"), gram.has("nngp")), (6, True, True))
        self.assertFalse(ntk.Gram(kernel, x).has("nngp"))
        close(np.asarray(gram), kernel(x), 0)
        close(gram.block(1, 2, (3, 4), kind="nngp"), kernel(x, want="nngp")[1:4, 2:6], 0)
        close(gram.diagonal(), np.diag(kernel(x)), 0)
        v = data(6, 2)
        close(gram.multiply(v), kernel(x) @ v, 1e-14)
        close(gram.multiply(v[:, 0]), kernel(x) @ v[:, 0], 1e-14)

    def test_network(self):
        net = ntk.Network(json.dumps(NET))
        self.assertEqual((net.parameters, net.outputs, net.layers, net.input), (53, 2, 3, (3,)))
        self.assertEqual(ntk.Network(net.format()).format(), net.format())
        self.assertEqual(ntk.Network(LAYERS, input=[3]).parameters, 53)

    def test_finite(self):
        net, x = ntk.Network(NET), data(5)
        theta, v = net.initialize(seed=3), data(1, 53, seed=2)[0]
        f, df, h = net.forward(theta, x), net.jvp(theta, x, v), 1e-6
        close(df, (net.forward(theta + h * v, x) - net.forward(theta - h * v, x)) / (2 * h), 1e-7)
        u = data(5, 2, seed=4)
        self.assertAlmostEqual(net.vjp(theta, x, u) @ v, (u * df).sum(), places=11)
        self.assertEqual(f.shape, (5, 2))

    def test_sum_and_normalised(self):
        net, x = ntk.Network(NET), data(5)
        one, two = ntk.Kernel(net), ntk.Kernel.from_function(lambda a, b: a @ b.T)
        k = one(x)
        close(ntk.Kernel.sum([one, two], [2, -0.5])(x), 2 * k - 0.5 * x @ x.T, 1e-15)
        root = np.sqrt(np.diag(k))
        close(one.normalised()(x), k / np.outer(root, root), 1e-15)
        close(ntk.Kernel.sum([one.normalised(), two])(x), k / np.outer(root, root) + x @ x.T, 1e-15)

    def test_empirical(self):
        net, x = ntk.Network(NET), data(5)
        theta = net.initialize(seed=3)
        jacobian = ntk.Jacobian(net, theta, x)
        j = np.asarray(jacobian)
        self.assertEqual(jacobian.shape, (10, 53))
        full, blocks = j @ j.T, (j @ j.T).reshape(5, 2, 5, 2)
        close(ntk.Kernel.empirical(net, theta)(x), full, 1e-14)
        for algorithm in ("structured", "contraction"):
            close(ntk.Kernel.empirical(net, theta, algorithm=algorithm)(x), full, 1e-14)
        close(ntk.Kernel.empirical(net, theta, outputs="trace")(x), np.einsum("iojo->ij", blocks) / 2, 1e-14)
        close(ntk.Kernel.empirical(net, theta, outputs="diagonal")(x), np.einsum("iojo->ijo", blocks), 1e-14)
        mean = ntk.Kernel.monte_carlo(net, samples=2, seed=3)(x, want=("ntk", "ntk_error"))
        two = [ntk.Kernel.empirical(net, net.initialize(seed=s), outputs="trace")(x) for s in (3, 4)]
        close(mean["ntk"], (two[0] + two[1]) / 2, 1e-14)
        close(mean["ntk_error"], abs(two[0] - two[1]) / 2, 1e-13)
        close(ntk.Kernel.monte_carlo(net, 2, width=9)(x), ntk.Kernel.monte_carlo(net.widen(9), 2)(x), 0)
        d = 0.5 + np.arange(53)
        close(ntk.Kernel.empirical(net, theta, ntk.Optimizer.diagonal(d))(x), j / d @ j.T, 1e-14)
        close(np.asarray(ntk.Gram.from_jacobian(jacobian, ntk.Optimizer.adam(d**2, 0.0))), j / d @ j.T, 1e-14)
        close(jacobian.apply(d), j @ d, 1e-14)
        close(jacobian.apply_transposed(np.arange(10.0)), j.T @ np.arange(10), 1e-14)
        close(jacobian.fisher_multiply(d), j.T @ (j @ d), 1e-14)
        self.assertAlmostEqual(jacobian.fisher_norm(d) / np.linalg.norm(j @ d), 1, places=14)
        close(ntk.Optimizer().get_diagonal(4), np.ones(4), 0)

    def test_scalars(self):
        self.assertAlmostEqual(ntk.kappa0(0.0), 0.5, places=15)
        self.assertAlmostEqual(ntk.kappa1(1.0), 1.0, places=15)
        self.assertEqual(ntk.library_version(), ntk.__version__)


if __name__ == "__main__":
    unittest.main()
