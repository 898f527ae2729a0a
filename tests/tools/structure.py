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


if __name__ == "__main__":
    kit.main()
