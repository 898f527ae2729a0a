"""examples/networks/cntk21.json: 21 convolutions and a global pool, as a user computes a gram of images with it."""
import json
import os
import pathlib
import signal
import subprocess
import time

import numpy as np

import kit
from kit import save

NET = str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "networks" / "cntk21.json")


def box(k):
    """Sum over 3 x 3 windows of both images together: k[y, x, y', x'], zeros outside."""
    for axis in (0, 1):
        padded = np.pad(k, [(1, 1) if a % 2 == axis else (0, 0) for a in range(4)])
        cut = lambda t: tuple(slice(t, t + 28) if a % 2 == axis else slice(None) for a in range(4))
        k = padded[cut(0)] + padded[cut(1)] + padded[cut(2)]
    return k


def layer(k, theta, q1, q2):
    """K and Theta behind a convolution and a ReLU, from the textbook (near-equal patches lose digits here)."""
    k, theta = 2 * box(k) / 9, 2 * box(theta) / 9 + 2 * box(k) / 9
    scale = np.sqrt(q1[:, :, None, None] * q2[None, None])
    angle = np.arccos(np.clip(np.divide(k, scale, out=np.zeros_like(k), where=scale > 0), -1, 1))
    return scale * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi), theta * (np.pi - angle) / (2 * np.pi)


def norms(q):
    padded = np.pad(q, 1)
    return 2 / 9 * sum(padded[i:i + 28, j:j + 28] for i in range(3) for j in range(3))


def textbook(x, y):
    k = x[:, :, None, None] * y[None, None]
    theta, q1, q2 = np.zeros_like(k), x * x, y * y
    for _ in range(21):
        q1, q2 = norms(q1), norms(q2)
        k, theta = layer(k, theta, q1, q2)
        q1, q2 = q1 / 2, q2 / 2
    return k.mean() + theta.mean()  # the last layer: w_std = 1


class Cntk(kit.ToolTest):
    def images(self, n):
        """Smooth, dark at the rim as pictures of things are, 0 ... 255."""
        x = kit.random(5, n, 28, 28, 1)
        for axis in (1, 2):
            x = x + np.roll(x, 1, axis) + np.roll(x, -1, axis)
        x = np.clip(np.rint(60 * x + 60), 0, 255)
        x[:, :3] = x[:, -3:] = 0
        return x

    def kernel(self, *flags):
        report = json.loads(self.ntk("kernel", "--network", NET, "--out", "k.npy", "--json", *flags))
        return np.load("k.npy"), report

    def test_textbook(self):
        x = self.images(3)
        save("x.npy", x)
        k, report = self.kernel("--x1", "x.npy")
        self.assertTrue((k == k.T).all())
        self.assertGreater(report["seconds"], 0)
        self.assertGreater(report["peak_bytes"], 0)
        self.assertIn(report["instruction_set"], ("avx512", "avx2", "c"))
        self.assertEqual(report["dtype"], "f64")
        for i, j in ((0, 1), (2, 0)):
            want = textbook(x[i, :, :, 0], x[j, :, :, 0])
            self.assertLess(abs(k[i, j] / want - 1), 1e-9)
        single, report = self.kernel("--x1", "x.npy", "--dtype", "f32")
        self.assertLess(np.max(np.abs(single - k)) / np.max(k), 2e-6)

    def test_interrupt(self):
        save("x.npy", self.images(200))
        before = sorted(os.listdir("."))
        p = subprocess.Popen([kit.TOOL, "kernel", "--network", NET, "--x1", "x.npy", "--dtype", "f32", "--out", "k.npy"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(p.kill)
        time.sleep(1)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=60)  # the whole takes minutes
        self.assertEqual((p.returncode, out, err), (130, b"", b"ntk: kernel: interrupted\n"))
        self.assertEqual(sorted(os.listdir(".")), before)


if __name__ == "__main__":
    kit.main()
