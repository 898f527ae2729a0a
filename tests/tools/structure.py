"""Masks and graphs from files: masked samples give what cropped ones give, nodes may be permuted, and what does not fit is refused."""

import numpy as np

import kit
from kit import dense, network, save

N, T, C = 3, 6, 2
LENGTHS = (4, 6, 2)
CONV = [{"op": "conv", "units": 8, "kernel": 3, "padding": "same", "w_std": 1.4, "b_std": 0.3}, {"op": "relu"}]
END = [{"op": "global_avg_pool"}, dense(units=2, b_std=0.1)]
SEQUENCE = CONV + [{"op": "avg_pool", "window": 2, "strides": 2, "padding": "same"}] + CONV + END
GRAPH = [dense(b_std=0.3), {"op": "relu"}, {"op": "aggregate"}, dense(), {"op": "relu"}] + END


class Masks(kit.ToolTest):
    def setUp(self):
        super().setUp()
        network(SEQUENCE, (T, C))
        self.x = kit.random(21, N, T * C).reshape(N, T, C)
        self.mask = np.arange(T) < np.array(LENGTHS)[:, None]
        padded = np.where(self.mask[:, :, None], self.x, 100)
        save("x.npy", padded)
        save("m.npy", self.mask)

    def cropped(self, *command, lengths, **more):
        """The command on one sample each, cut to its length, by a network of that input."""
        for number, i in enumerate(lengths, 1):
            network(SEQUENCE, (LENGTHS[i], C), "net%d.json" % LENGTHS[i])
            save("x%d.npy" % number, self.x[i:i + 1, :LENGTHS[i]])
        return self.result(*command, "--network", "net%d.json" % LENGTHS[lengths[0]], "--x1", "x1.npy", **more)

    def test_infinite(self):
        k = self.result("kernel", "--network", "net.json", "--x1", "x.npy", "--mask1", "m.npy")
        self.same(k, k.T.copy())
        for i in range(N):
            self.close(k[i:i + 1, i:i + 1], self.cropped("kernel", lengths=[i]), 1e-14)
        self.close(self.result("kernel", "--network", "net.json", "--x1", "x.npy", "--mask1", "m.npy", "--diagonal"), np.diag(k).copy(), 0)
        two = ["kernel", "--network", "net.json", "--x1", "x.npy", "--mask1", "m.npy", "--x2", "x.npy", "--mask2", "m.npy"]
        self.close(self.result(*two), k, 1e-15)
        self.close(self.result(*two, "--per-layer").sum(0), k, 1e-14)
        self.close(self.result(*two, "--dtype", "f32").astype(float), k, 1e-5)
        values = self.result("spectrum", "--network", "net.json", "--x1", "x.npy", "--mask1", "m.npy")
        self.close(values, np.linalg.eigvalsh(k)[::-1].copy(), 1e-13)

    def test_finite(self):
        self.ntk("network", "init", "--network", "net.json", "--seed", "7", "--out", "p.npy")
        f = self.result("network", "forward", "--network", "net.json", "--params", "p.npy", "--x1", "x.npy", "--mask1", "m.npy")
        j = self.result("network", "jacobian", "--network", "net.json", "--params", "p.npy", "--x1", "x.npy", "--mask1", "m.npy")
        for i in range(N):
            self.close(f[i:i + 1], self.cropped("network", "forward", "--params", "p.npy", lengths=[i]), 1e-15)
            self.close(j[2 * i:2 * i + 2], self.cropped("network", "jacobian", "--params", "p.npy", lengths=[i]), 1e-15)
        k = self.result("kernel", "--empirical", "--network", "net.json", "--params", "p.npy", "--x1", "x.npy", "--mask1", "m.npy", "--outputs", "full")
        self.close(k, j @ j.T, 1e-13)

    def test_a_structured_kernel_gives_way(self):
        network(END, (T, C))
        self.ntk("network", "init", "--network", "net.json", "--seed", "7", "--out", "p.npy")
        j = self.result("network", "jacobian", "--network", "net.json", "--params", "p.npy", "--x1", "x.npy", "--mask1", "m.npy")
        k = self.result("kernel", "--empirical", "--network", "net.json", "--params", "p.npy", "--x1", "x.npy", "--mask1", "m.npy", "--outputs", "full")
        self.close(k, j @ j.T, 1e-13)

    def test_refused(self):
        command = ["kernel", "--network", "net.json", "--x1", "x.npy", "--out", "k.npy", "--mask1", "bad.npy"]
        hole = self.mask.copy()
        hole[1, 2] = False
        half = self.mask * 0.5
        for bad, words in ((self.mask[:2], "the mask of x1 has shape [2, 6]"), (self.mask[:, :4], "the mask of x1 has shape [3, 4]"),
                           (hole, "the mask of x1[1] is not a prefix of ones"), (half, "the mask of x1[0] is not a prefix of ones"),
                           (self.mask & False, "the mask of x1[0] is not a prefix of ones"), (self.mask[:, ::-1].copy(), "the mask of x1[0] is not a prefix")):
            save("bad.npy", bad)
            self.ntk(*command, code=2, saying=words)
        save("bad.npy", np.where(self.mask, 1, np.nan))
        self.ntk(*command, code=2, saying="bad.npy")
        self.ntk("kernel", "--network", "net.json", "--x1", "x.npy", "--mask2", "m.npy", "--out", "k.npy", code=2, saying="--mask2")
        save("bad.npy", self.mask)
        for layers, words in ((CONV + [{"op": "flatten"}, dense()], "layers[2]: the mask of x1[0] is partial, and flatten has weights for each position"),
                              ([{"op": "conv_local", "units": 2, "kernel": 1}] + END, "layers[0]: the mask of x1[0] is partial, and conv_local"),
                              ([{"op": "conv", "units": 2, "kernel": 5}] + END, "x1[0], cut to its mask, does not fit the network: layers[0]: the kernel does not fit")):
            network(layers, (T, C))
            self.ntk(*command, code=2, saying=words)
        network([dense()], (T * C,))
        self.ntk(*command, code=2, saying="an input of the network has no positions")


class Graphs(kit.ToolTest):
    def setUp(self):
        super().setUp()
        network(GRAPH, (T, C))
        self.x = kit.random(22, N, T * C).reshape(N, T, C)
        self.a = kit.random(23, N, T * T).reshape(N, T, T)
        save("x.npy", self.x)
        save("a.npy", self.a)
        self.ntk("network", "init", "--network", "net.json", "--seed", "7", "--out", "p.npy")

    def test_nodes_may_be_permuted(self):
        order = [np.random.default_rng(i).permutation(T) for i in range(N)]
        save("y.npy", [self.x[i][order[i]] for i in range(N)])
        save("b.npy", [self.a[i][np.ix_(order[i], order[i])] for i in range(N)])
        for command in (["kernel"], ["kernel", "--empirical", "--params", "p.npy"], ["network", "forward", "--params", "p.npy"],
                        ["network", "jacobian", "--params", "p.npy"], ["spectrum"]):
            one = self.result(*command, "--network", "net.json", "--x1", "x.npy", "--graph1", "a.npy")
            self.close(self.result(*command, "--network", "net.json", "--x1", "y.npy", "--graph1", "b.npy"), one, 1e-13)

    def test_the_identity_graph_is_no_layer(self):
        save("a.npy", np.broadcast_to(np.eye(T), (N, T, T)).astype(np.int64))
        with_graph = self.result("kernel", "--network", "net.json", "--x1", "x.npy", "--graph1", "a.npy")
        network([layer for layer in GRAPH if layer["op"] != "aggregate"], (T, C), "plain.json")
        self.close(with_graph, self.result("kernel", "--network", "plain.json", "--x1", "x.npy"), 1e-14)

    def test_forward_by_hand(self):
        network([{"op": "aggregate"}], (T, C))
        save("p.npy", np.zeros(0))
        f = self.result("network", "forward", "--network", "net.json", "--params", "p.npy", "--x1", "x.npy", "--graph1", "a.npy")
        self.close(f, np.einsum("nij,nic->njc", self.a, self.x).reshape(N, -1), 1e-15)

    def test_masked_nodes(self):
        mask = np.arange(T) < np.array(LENGTHS)[:, None]
        save("m.npy", mask)
        k = self.result("kernel", "--network", "net.json", "--x1", "x.npy", "--graph1", "a.npy", "--mask1", "m.npy")
        f = self.result("network", "forward", "--params", "p.npy", "--network", "net.json", "--x1", "x.npy", "--graph1", "a.npy", "--mask1", "m.npy")
        for i, v in enumerate(LENGTHS):
            network(GRAPH, (v, C), "crop.json")
            save("y.npy", self.x[i:i + 1, :v])
            save("b.npy", self.a[i:i + 1, :v, :v])
            self.close(k[i:i + 1, i:i + 1], self.result("kernel", "--network", "crop.json", "--x1", "y.npy", "--graph1", "b.npy"), 1e-14)
            self.close(f[i:i + 1], self.result("network", "forward", "--params", "p.npy", "--network", "crop.json", "--x1", "y.npy", "--graph1", "b.npy"), 1e-15)

    def test_refused(self):
        command = ["kernel", "--network", "net.json", "--x1", "x.npy", "--out", "k.npy"]
        self.ntk(*command, code=2, saying="layers[2]: aggregate needs the graph of x1")
        self.ntk("network", "forward", "--params", "p.npy", "--network", "net.json", "--x1", "x.npy", "--out", "f.npy", code=2, saying="aggregate needs the graph of x")
        for bad in (self.a[:2], self.a[:, :5], self.a[:, :5, :5], self.a[0]):
            save("bad.npy", bad)
            self.ntk(*command, "--graph1", "bad.npy", code=2, saying="the graph of x1 has shape")
        save("bad.npy", np.where(self.a > 0.9, np.inf, self.a))
        self.ntk(*command, "--graph1", "bad.npy", code=2, saying="bad.npy")
        network(CONV + END, (T, C))
        self.ntk(*command, "--graph1", "a.npy", code=2, saying="the graph of x1 is given, but no layer of the network aggregates")
        network([{"op": "aggregate"}] + END, (3, 2, C))
        self.ntk("network", "show", "--network", "net.json", code=2, saying="layers[0]: aggregate needs an input [nodes, channels]")
        network([{"op": "aggregate"}, {"op": "slice", "stop": 4}, {"op": "aggregate"}] + END, (T, C))
        self.ntk(*command, "--graph1", "a.npy", code=2, saying="layers[2]: aggregate meets 4 nodes, the one before it 6")

    def test_monte_carlo(self):
        save("m.npy", np.arange(T) < np.array(LENGTHS)[:, None])
        given = ["--network", "net.json", "--x1", "x.npy", "--graph1", "a.npy", "--mask1", "m.npy"]
        mean = self.result("kernel", "--monte-carlo", "2", "--seed", "7", *given)
        draws = []
        for seed in (7, 8):
            self.ntk("network", "init", "--network", "net.json", "--seed", seed, "--out", "p.npy")
            draws.append(self.result("kernel", "--empirical", "--params", "p.npy", "--outputs", "trace", *given))
        self.close(mean, (draws[0] + draws[1]) / 2, 1e-14)


class Fits(kit.ToolTest):
    """ntk fit and spectrum with what comes with the data, against linear algebra on the kernels of ntk kernel."""

    def setUp(self):
        super().setUp()
        for number, (name, n) in enumerate((("train", 5), ("test", 3))):
            save(name + "-x.npy", kit.random(31 + number, n, T, C))
            save(name + "-g.npy", kit.random(41 + number, n, T, T))
            save(name + "-m.npy", np.arange(T) < np.array((4, 6, 2, 3, 5))[:n, None])
        save("y.npy", kit.random(51, 5, 2))

    def fitted(self, given_train, given_test, kernel, limit=5):
        fit = ["fit", "--network", "net.json", "--x", "train-x.npy", "--x-test", "test-x.npy", "--y", "y.npy", "--ridge", "0.1", *kernel]
        if limit < 5:
            fit += ["--limit", limit]
        command = ["kernel", "--network", "net.json", *kernel]
        mean = self.result(*fit, *given_train, *given_test)
        k = self.result(*command, "--x1", "train-x.npy", *given_train)[:limit, :limit]
        swap = [flag.replace("2", "1") if flag[:2] == "--" else flag for flag in given_test], [flag.replace("1", "2") if flag[:2] == "--" else flag for flag in given_train]
        cross = self.result(*command, "--x1", "test-x.npy", "--x2", "train-x.npy", *swap[0], *swap[1])[:, :limit]
        self.close(mean, cross @ np.linalg.solve(k + 0.1 * np.eye(limit), np.load("y.npy")[:limit]), 1e-11)

    def test_masks(self):
        network(SEQUENCE, (T, C))
        for limit in (5, 4):
            self.fitted(["--mask1", "train-m.npy"], ["--mask2", "test-m.npy"], [], limit)

    def test_graphs(self):
        network(GRAPH, (T, C))
        for limit in (5, 4):
            self.fitted(["--mask1", "train-m.npy", "--graph1", "train-g.npy"], ["--mask2", "test-m.npy", "--graph2", "test-g.npy"], ["--kind", "nngp"], limit)
        command = ["fit", "--network", "net.json", "--x", "train-x.npy", "--x-test", "test-x.npy", "--y", "y.npy"]
        self.ntk(*command, code=2, saying="layers[2]: aggregate needs the graph of x")
        self.ntk(*command, "--graph1", "train-g.npy", code=2, saying="layers[2]: aggregate needs the graph of x")
        self.ntk(*command, "--graph1", "train-g.npy", "--graph2", "train-g.npy", code=2, saying="the graph of x has shape [5, 6, 6]")

    def test_dropout(self):
        network(CONV + [{"op": "dropout", "keep": 0.6}] + END, (T, C))
        fits = []
        for mode in ("training", "inference"):
            self.fitted([], [], ["--dropout", mode])
            fits.append(np.load("r.npy"))
            k = self.result("kernel", "--network", "net.json", "--x1", "train-x.npy", "--dropout", mode)
            values = self.result("spectrum", "--network", "net.json", "--x1", "train-x.npy", "--dropout", mode)
            self.close(values, np.linalg.eigvalsh(k)[::-1].copy(), 1e-13)
            fits.append(values)
        self.assertGreater(np.abs(fits[1] - fits[3]).max(), 1e-3)  # they are two
        self.ntk("fit", "--network", "net.json", "--x", "train-x.npy", "--x-test", "test-x.npy", "--y", "y.npy", "--dropout", "both", code=2, saying="--dropout 'both'")


if __name__ == "__main__":
    kit.main()
