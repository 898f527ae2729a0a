"""The kit of the tool's tests: a folder of its own per test, runs with an expected exit code, small reference formulas."""
import json
import os
import subprocess
import tempfile
import unittest

import numpy as np

TOOL = os.environ["NTK_TOOL"]
EPS = np.finfo(float).eps
RELU = [{"op": "dense", "units": 32, "w_std": 1.4, "b_std": 0.1}, {"op": "relu"}]


class ToolTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)

    def ntk(self, *args, code=0, saying="", **more):
        """Runs the tool. A failure must be one sentence on stderr, hold the words, and leave stdout empty."""
        p = subprocess.run([TOOL] + [str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=100, **more)
        err = p.stderr.decode()
        self.assertEqual(p.returncode, code, "%s: %s" % (args, err))
        if code:
            self.assertEqual((err.count("\n"), err[:5], p.stdout), (1, "ntk: ", b""), err)
        for words in [saying] if isinstance(saying, str) else saying:
            self.assertIn(words, err)
        return p.stdout.decode()

    def result(self, *args, out="out", **more):
        """Runs with --<out> r.npy and returns the array."""
        self.ntk(*args, "--" + out, "r.npy", **more)
        return np.load("r.npy")

    def close(self, got, want, bound):
        """max |got - want| <= bound * max |want|"""
        self.assertEqual(got.shape, want.shape)
        self.assertTrue(np.isfinite(got).all())
        self.assertLessEqual(np.abs(got - want).max(initial=0), bound * np.abs(want).max(initial=0) + 1e-300)

    def same(self, got, want):
        self.assertEqual((got.shape, got.dtype, got.tobytes()), (want.shape, want.dtype, want.tobytes()))


def save(name, values):
    np.save(name, np.asarray(values))
    return name


def network(layers, shape=(4,), name="net.json"):
    with open(name, "w") as f:
        json.dump({"format": "ntk-network", "version": 1, "input": list(shape), "layers": layers}, f)
    return name


def dense(**keys):
    return dict({"op": "dense", "units": 8}, **keys)


def random(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def positive(seed, n):
    """A symmetric positive definite matrix of condition at most about n."""
    a = random(seed, n, n)
    return a @ a.T / n + np.eye(n)


def relu_kernels(x1, x2, layers, w, b):
    """NNGP and NTK of dense, (relu, dense) * (layers - 1), textbook recursion; equal rows must be the same object's rows."""
    same = x1 is x2
    d = x1.shape[1]
    q1 = w * w * (x1 * x1).sum(1) / d + b * b
    q2 = w * w * (x2 * x2).sum(1) / d + b * b
    k = w * w * x1 @ x2.T / d + b * b
    theta = k.copy()
    for _ in range(layers - 1):
        p = np.sqrt(np.outer(q1, q2))
        angle = np.arccos(np.clip(k / p, -1, 1))
        if same:
            np.fill_diagonal(angle, 0)
        k, dot = p * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi), (np.pi - angle) / (2 * np.pi)
        theta = w * w * theta * dot
        k, q1, q2 = w * w * k + b * b, w * w * q1 / 2 + b * b, w * w * q2 / 2 + b * b
        theta = theta + k
    return k, theta


def main():
    unittest.main(verbosity=1)
