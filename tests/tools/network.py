"""ntk network show, init, forward, jacobian on images: any shape with the right number of values, against loops in numpy."""
import json
import pathlib
import struct
import unittest

import numpy as np

from kit import ToolTest, network, save

CNN = [{"op": "conv", "units": 3, "kernel": [3, 2], "strides": 2, "padding": "same", "w_std": 1.5, "b_std": 0.1}, {"op": "erf"},
       {"op": "avg_pool", "window": 2}, {"op": "global_sum_pool"}, {"op": "dense", "units": 2, "w_std": 0.5}]
SHAPE = (6, 5, 1)
EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "networks" / "cnn.json"


def erf(x):
    from math import erf as one
    return np.vectorize(one)(x)


def forward(theta, x):
    """The network CNN, position by position."""
    w, b, v = theta[:18].reshape(3, 3, 2, 1), theta[18:21], theta[21:].reshape(2, 3)
    z = np.zeros((len(x), 3, 3, 3))  # ceil(6/2), ceil(5/2), units
    low = (max(2 * 2 + 3 - 6, 0) // 2, max(2 * 2 + 2 - 5, 0) // 2)
    for i, j, a, c in np.ndindex(3, 3, 3, 2):
        p, q = 2 * i + a - low[0], 2 * j + c - low[1]
        if 0 <= p < 6 and 0 <= q < 5:
            z[:, i, j] += 1.5 / np.sqrt(6) * x[:, p, q] @ w[:, a, c].T
    h = erf(z + 0.1 * b)
    pooled = (h[:, :-1, :-1] + h[:, 1:, :-1] + h[:, :-1, 1:] + h[:, 1:, 1:]) / 4
    return 0.5 / np.sqrt(3) * pooled.sum((1, 2)) @ v.T


class Images(ToolTest):
    def setUp(self):
        super().setUp()
        network(CNN, SHAPE)
        self.ntk("network", "init", "--network", "net.json", "--seed", "3", "--out", "p.npy")
        self.theta = np.load("p.npy")
        self.pixels = np.random.default_rng(0).integers(0, 5, (4,) + SHAPE).astype(np.uint8)
        np.save("x.npy", self.pixels)

    def arguments(self, command, x="x.npy"):
        return "network", command, "--network", "net.json", "--params", "p.npy", "--x1", x

    def test_show(self):
        shown = json.loads(self.ntk("network", "show", "--network", "net.json", "--json"))
        self.assertEqual((shown["input"], shown["outputs"], shown["parameters"]), ([6, 5, 1], 2, 27))
        self.assertEqual(len(self.theta), 27)

    def test_forward(self):
        self.close(self.result(*self.arguments("forward")), forward(self.theta, self.pixels.astype(float)), 1e-14)

    def test_selection(self):
        """--limit and --unit-norm, of outputs, Jacobian and kernel: those of the selected inputs."""
        norms = np.sqrt((self.pixels.astype(float) ** 2).sum((1, 2, 3), keepdims=True))
        save("few.npy", (self.pixels / norms)[:3])
        for command in (self.arguments("forward"), self.arguments("jacobian"), ("kernel", "--empirical") + self.arguments("forward")[2:]):
            few = command[:-1] + ("few.npy",)
            self.close(self.result(*command, "--limit", 3, "--unit-norm"), self.result(*few), 1e-14)
        self.assertEqual(self.result(*self.arguments("forward"), "--limit", 9).shape, (4, 2))
        cross = self.result("kernel", "--empirical", *self.arguments("forward")[2:], "--x2", "x.npy", "--limit", 2)
        self.assertEqual(cross.shape, (4, 8))
        self.ntk(*self.arguments("forward"), "--limit", 0, "--out", "f.npy", code=2, saying="--limit")

    def test_shapes_of_images(self):
        want = self.result(*self.arguments("forward"))
        np.save("flat.npy", self.pixels.reshape(4, 30).astype(float))
        np.save("gray.npy", self.pixels[..., 0])
        with open("images.idx", "wb") as f:
            f.write(struct.pack(">HBBIII", 0, 8, 3, 4, 6, 5) + self.pixels.tobytes())
        for name in ("flat.npy", "gray.npy", "images.idx"):
            self.same(self.result(*self.arguments("forward", name)), want)
        np.save("wrong.npy", self.pixels[:, :5])
        self.ntk(*self.arguments("forward", "wrong.npy"), "--out", "f.npy", code=2, saying="[4, 5, 5, 1]")

    def test_jacobian_and_kernel(self):
        x, h = self.pixels.astype(float), 1e-6
        j = self.result(*self.arguments("jacobian"))
        differences = [(forward(self.theta + h * e, x) - forward(self.theta - h * e, x)).ravel() / (2 * h) for e in np.eye(27)]
        self.close(j, np.transpose(differences), 1e-8)
        k = self.result("kernel", "--empirical", "--network", "net.json", "--params", "p.npy", "--x1", "x.npy", "--outputs", "full")
        self.close(k, j @ j.T, 1e-13)

    def test_example(self):
        np.save("mnist.npy", np.zeros((2, 28, 28), np.uint8))
        self.ntk("network", "init", "--network", EXAMPLE, "--seed", "1", "--out", "q.npy")
        f = self.result("network", "forward", "--network", EXAMPLE, "--params", "q.npy", "--x1", "mnist.npy")
        self.assertEqual(f.shape, (2, 10))
        self.same(f[0], f[1])


if __name__ == "__main__":
    unittest.main()
