"""Masks, graphs and dropout from Python: masked samples give what cropped ones give, nodes have no names, answers use what came with the data."""
import unittest

import numpy as np
from kit import Case, close, data

import ntk

N, T, C = 4, 5, 2
DENSE = [{"op": "dense", "units": 3, "b_std": 0.2}, {"op": "relu"}]
CONV = [{"op": "conv", "units": 3, "kernel": 3, "padding": "same"}, {"op": "relu"}]
END = [{"op": "global_avg_pool"}, {"op": "dense", "units": 1}]
LENGTHS = (5, 3, 4, 3)


class Structures(Case):
    def setUp(self):
        self.x = data(N, T * C).reshape(N, T, C)
        self.mask = np.arange(T) < np.array(LENGTHS)[:, None]
        self.graph = data(N, T * T, seed=2).reshape(N, T, T)

    def test_masked_is_cropped(self):
        net = ntk.Network(CONV + END, input=[T, C])
        theta = net.initialize(seed=1)
        k = ntk.Kernel(net)(self.x, mask1=self.mask)
        f, j = net.forward(theta, self.x, mask=self.mask), ntk.Jacobian(net, theta, self.x, mask=self.mask).apply(theta)
        for i, t in enumerate(LENGTHS):
            cut, x = ntk.Network(CONV + END, input=[t, C]), self.x[i:i + 1, :t]
            close(k[i:i + 1, i:i + 1], ntk.Kernel(cut)(x), 1e-14)
            close(f[i:i + 1], cut.forward(theta, x), 1e-14)
            close(np.ravel(j)[i:i + 1], np.ravel(ntk.Jacobian(cut, theta, x).apply(theta)), 1e-14)
        close(ntk.Kernel(net).diagonal(self.x, mask=self.mask), np.diag(k), 1e-14)
        close(ntk.Kernel(net)(self.x[:2], self.x, mask1=self.mask[:2], mask2=self.mask), k[:2], 1e-14)

    def test_graphs_and_answers(self):
        net = ntk.Network(DENSE + [{"op": "aggregate"}] + DENSE + END, input=[T, C])
        kernels = ntk.Kernel(net), ntk.Kernel.monte_carlo(net, samples=2, seed=3), ntk.Kernel.sum([ntk.Kernel(net)] * 2, [1, 2])
        structure, y = {"mask": self.mask, "graph": self.graph}, data(N, 1, seed=5)
        for kernel in kernels:
            k = kernel(self.x, mask1=self.mask, graph1=self.graph)
            gram = ntk.Gram(kernel, self.x, **structure)
            close(np.asarray(gram), k, 1e-14)
            model = ntk.Predictor(gram, y, ridge=0.5)
            new = {name: a[::-1].copy() for name, a in structure.items()}
            cross = kernel(self.x[::-1].copy(), self.x, mask1=new["mask"], graph1=new["graph"], mask2=self.mask, graph2=self.graph)
            close(model.mean(self.x[::-1].copy(), **new), cross @ np.linalg.solve(k + 0.5 * np.eye(N), y), 1e-12)
            self.fails("ERROR_ARGUMENT", "aggregate needs the graph", model.mean, self.x)
        self.fails("ERROR_ARGUMENT", "aggregate needs the graph of x1", kernels[0], self.x)
        self.fails("ERROR_SHAPE", "the graph of x1 has shape [4, 5, 4]", kernels[0], self.x, graph1=self.graph[:, :, :4])
        order = np.array([3, 1, 4, 0, 2])
        close(kernels[0](self.x[:, order], graph1=self.graph[:, order][:, :, order]), kernels[0](self.x, graph1=self.graph), 1e-13)

    def test_dropout(self):
        net = ntk.Network(DENSE + [{"op": "dropout", "keep": 0.5}, {"op": "dense", "units": 1}], input=[3])
        without = ntk.Network(DENSE + [{"op": "dense", "units": 1}], input=[3])
        x = data(4)
        close(ntk.Kernel(net, dropout="inference")(x), ntk.Kernel(without)(x), 1e-14)
        close(np.diag(ntk.Kernel(net)(x, want="nngp")), 2 * np.diag(ntk.Kernel(without)(x, want="nngp")), 1e-14)
        with self.assertRaises(ValueError):
            ntk.Kernel(net, dropout="never")


if __name__ == "__main__":
    unittest.main()
