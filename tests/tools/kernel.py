"""ntk kernel and ntk network against the textbook recursion and against each other."""
import json
import os

import numpy as np

import kit
from kit import RELU, dense, network, save

W, B = 1.4, 0.1
NET = RELU + RELU + [dense(units=3, w_std=W, b_std=B)]


class Infinite(kit.ToolTest):
    def setUp(self):
        super().setUp()
        network(NET)
        self.x1, self.x2 = kit.random(11, 6, 4), kit.random(12, 5, 4)
        save("a.npy", self.x1)
        save("b.npy", self.x2)
        self.command = ["kernel", "--network", "net.json", "--x1", "a.npy"]

    def test_against_the_textbook(self):
        # arccos loses eps/sin(angle): the angles here are above 0.1
        for kind, i in (("nngp", 0), ("ntk", 1)):
            self.close(self.result(*self.command, "--x2", "b.npy", "--kind", kind), kit.relu_kernels(self.x1, self.x2, 3, W, B)[i], 1e-13)
            k = self.result(*self.command, "--kind", kind)
            self.close(k, kit.relu_kernels(self.x1, self.x1, 3, W, B)[i], 1e-13)
            self.same(k, k.T.copy())
            self.close(self.result(*self.command, "--kind", kind, "--diagonal"), np.diag(k).copy(), 4 * kit.EPS)
        self.same(self.result(*self.command), self.result(*self.command, "--kind", "ntk"))

    def test_per_layer(self):
        terms, k = self.result(*self.command, "--per-layer"), self.result(*self.command)
        self.assertEqual(terms.shape, (3, 6, 6))
        self.close(terms.sum(0), k, 8 * kit.EPS)
        self.assertEqual(self.result(*self.command, "--x2", "b.npy", "--per-layer").shape, (3, 6, 5))
        self.close(self.result(*self.command, "--per-layer", "--diagonal").sum(0), np.diag(k).copy(), 8 * kit.EPS)

    def test_f32(self):
        got = self.result(*self.command, "--dtype", "f32")
        self.assertEqual(got.dtype, np.float32)
        self.close(got.astype(float), self.result(*self.command), 1e-5)

    def test_overflow_is_a_failure(self):
        network([dense(w_std=1e30), {"op": "relu"}, dense()])
        self.ntk(*self.command, "--dtype", "f32", "--out", "k.npy", code=1)
        self.assertFalse(os.path.exists("k.npy"))


class Finite(kit.ToolTest):
    """forward by hand, jacobian by central differences, kernels from the jacobian."""

    def setUp(self):
        super().setUp()
        network([dense(units=5, b_std=0.3), {"op": "erf"}, dense(units=2)])
        self.ntk("network", "init", "--network", "net.json", "--seed", "7", "--out", "p.npy")
        self.params = np.load("p.npy")
        save("a.npy", kit.random(13, 3, 4))
        save("b.npy", kit.random(14, 2, 4))
        self.empirical = ["kernel", "--empirical", "--network", "net.json", "--params", "p.npy", "--x1", "a.npy"]

    def forward(self, params, x):
        return self.result("network", "forward", "--network", "net.json", "--params", save("q.npy", params), "--x1", x)

    def jacobian(self, x):
        return self.result("network", "jacobian", "--network", "net.json", "--params", "p.npy", "--x1", x)

    def test_init(self):
        self.assertEqual(self.params.shape, (4 * 5 + 5 + 5 * 2,))
        self.same(self.result("network", "init", "--network", "net.json", "--seed", "7"), self.params)
        self.assertFalse(np.array_equal(self.result("network", "init", "--network", "net.json", "--seed", 2**64 - 1), self.params))

    def test_jacobian(self):
        j, h = self.jacobian("a.npy"), 1e-5
        self.assertEqual(j.shape, (6, 35))
        for column in (0, 7, 21, 34):
            step = np.eye(35)[column] * h
            slope = (self.forward(self.params + step, "a.npy") - self.forward(self.params - step, "a.npy")).ravel() / (2 * h)
            # h^2 f'''/6 and eps f/h
            self.assertLess(np.abs(slope - j[:, column]).max(), 1e-9)

    def test_outputs(self):
        j1, j2 = self.jacobian("a.npy"), self.jacobian("b.npy")
        full = j1 @ j2.T
        blocks = full.reshape(3, 2, 2, 2)
        bound = 40 * kit.EPS
        self.close(self.result(*self.empirical, "--x2", "b.npy"), full, bound)
        self.close(self.result(*self.empirical, "--x2", "b.npy", "--outputs", "full"), full, bound)
        self.close(self.result(*self.empirical, "--x2", "b.npy", "--outputs", "trace"), np.einsum("iojo->ij", blocks) / 2, bound)
        self.close(self.result(*self.empirical, "--x2", "b.npy", "--outputs", "diagonal"), np.einsum("iojo->ijo", blocks), bound)
        k = j1 @ j1.T
        self.close(self.result(*self.empirical), k, bound)
        self.close(self.result(*self.empirical, "--diagonal"), np.diag(k).copy(), bound)
        self.close(self.result(*self.empirical, "--diagonal", "--outputs", "diagonal"), np.diag(k).reshape(3, 2).copy(), bound)
        f = self.forward(self.params, "a.npy")
        self.close(self.result(*self.empirical, "--kind", "nngp", "--outputs", "trace"), f @ f.T / 2, bound)

    def test_single_precision(self):
        # at the same numbers: sums of up to 6 terms in a chain of three steps
        bound = 40 * 2.0**-24
        save("p.npy", self.params.astype(np.float32).astype(float))
        for name in ("a.npy", "b.npy"):
            save(name, np.load(name).astype(np.float32).astype(float))
        for flags in ([], ["--outputs", "trace", "--x2", "b.npy"], ["--outputs", "diagonal"], ["--diagonal"], ["--per-layer"], ["--algorithm", "contraction"],
                      ["--kind", "nngp"], ["--optimizer-d", save("d.npy", 1 + kit.random(16, 35) ** 2)]):
            k = self.result(*self.empirical, *flags, "--dtype", "f32")
            self.assertEqual(k.dtype, np.float32)
            self.close(k.astype(float), self.result(*self.empirical, *flags), bound)
        for command in ("forward", "jacobian"):
            call = "network", command, "--network", "net.json", "--params", "p.npy", "--x1", "a.npy"
            f = self.result(*call, "--dtype", "f32")
            self.assertEqual(f.dtype, np.float32)
            self.close(f.astype(float), self.result(*call), bound)
        drawn = self.result("network", "init", "--network", "net.json", "--seed", "7", "--dtype", "f32")
        self.same(drawn, self.params.astype(np.float32))

    def test_optimizers(self):
        j, v = self.jacobian("a.npy"), kit.random(15, 35) ** 2
        save("v.npy", v)
        d = np.sqrt(v) + 0.01
        want = j / d @ j.T
        self.close(self.result(*self.empirical, "--optimizer", "adam", "--second-moment", "v.npy", "--epsilon", "0.01"), want, 40 * kit.EPS)
        self.close(self.result(*self.empirical, "--optimizer-d", save("d.npy", d)), want, 40 * kit.EPS)
        self.same(self.result(*self.empirical, "--optimizer", "identity"), self.result(*self.empirical))

    def test_layers_and_algorithms(self):
        k = self.result(*self.empirical)
        layers = self.result(*self.empirical, "--per-layer")
        self.assertEqual(layers.shape, (2, 6, 6))
        self.close(layers.sum(0), k, 40 * kit.EPS)
        j = self.jacobian("a.npy")
        self.close(layers[0], j[:, :25] @ j[:, :25].T, 40 * kit.EPS)
        self.close(self.result(*self.empirical, "--algorithm", "contraction", "--per-layer"), layers, 40 * kit.EPS)
        self.close(self.result(*self.empirical, "--algorithm", "structured", "--per-layer", "--diagonal").sum(0), np.diag(k).copy(), 40 * kit.EPS)

    def test_monte_carlo(self):
        draws = []
        for seed in ("7", "8", "9"):
            self.ntk("network", "init", "--network", "net.json", "--seed", seed, "--out", "p.npy")
            draws.append(self.result(*self.empirical, "--outputs", "trace", "--x2", "b.npy"))
        mean = ["kernel", "--network", "net.json", "--x1", "a.npy", "--x2", "b.npy", "--monte-carlo", "3", "--seed", "7"]
        got = self.result(*mean, "--out-error", "e.npy")
        self.close(got, np.mean(draws, 0), 40 * kit.EPS)
        self.close(np.load("e.npy"), np.std(draws, 0, ddof=1) / np.sqrt(3), 100 * kit.EPS)
        wide, exact = self.result(*mean, "--width", "2000", "--kind", "ntk"), self.result("kernel", "--network", "net.json", "--x1", "a.npy", "--x2", "b.npy")
        self.close(wide, exact, 0.1)  # 6 (3 x 2000)^-1/2
        self.ntk(*mean[:-3], "1", "--out", "k.npy", code=2, saying="at least 2")
        self.ntk(*mean, "--dtype", "f32", "--out", "k.npy", code=2, saying="not in this version")
        self.ntk(*mean, "--per-layer", "--out", "k.npy", code=2, saying="--per-layer")

    def test_estimate(self):
        x = save("wide.npy", kit.random(13, 3000, 4))
        command = ["kernel", "--network", "net.json", "--x1", x, "--estimate"]
        full, single = [json.loads(self.ntk(*command, "--json", *more)) for more in ([], ["--dtype", "f32", "--diagonal"])]
        self.assertEqual(full["result_bytes"], 8 * 3000 ** 2)
        self.assertEqual(single["result_bytes"], 4 * 3000)
        self.assertGreater(full["flops"], 3000 ** 2 * 4)
        self.assertLess(full["working_bytes"], 64 << 20)
        self.ntk(*command, "--out", "k.npy", code=2, saying="exclude")
        self.ntk(*command[:-1], code=2, saying="--out K.npy is missing")
        self.assertFalse(os.path.exists("k.npy"))

    def test_refused(self):
        bad = self.empirical + ["--out", "k.npy"]
        self.ntk(*bad, "--optimizer", "adam", code=2, saying="--second-moment")
        self.ntk(*bad, "--optimizer", "identity", "--epsilon", "1", code=2, saying="--optimizer adam")
        self.ntk(*bad, "--optimizer-d", save("d.npy", np.zeros(35)), code=2, saying="d.npy")
        self.ntk(*bad, "--optimizer-d", save("d.npy", np.ones(34)), code=2, saying="34")
        save("p.npy", np.ones(34))
        self.ntk(*bad, code=2, saying=["p.npy", "34", "35"])


if __name__ == "__main__":
    kit.main()
