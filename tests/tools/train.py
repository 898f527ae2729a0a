"""ntk train against NumPy; killed, interrupted and made longer it goes on to the same bits."""
import json
import os
import signal
import subprocess
import time

import numpy as np

import kit
from kit import network, save

W, B = 1.5, 0.3


def forward(p, x, hidden, o):
    """dense, tanh, dense in the ntk parameterization; also its Jacobian [n, o, p]."""
    n, d = x.shape
    w1, b1, w2 = p[:hidden * d].reshape(hidden, d), p[hidden * d:hidden * (d + 1)], p[hidden * (d + 1):].reshape(o, hidden)
    h = np.tanh(W / np.sqrt(d) * x @ w1.T + B * b1)
    f = h @ w2.T / np.sqrt(hidden)
    j = np.zeros((n, o, len(p)))
    for k in range(o):
        back = w2[k] / np.sqrt(hidden) * (1 - h * h)
        j[:, k, :hidden * d] = (W / np.sqrt(d) * back[:, :, None] * x[:, None, :]).reshape(n, -1)
        j[:, k, hidden * d:hidden * (d + 1)] = B * back
        j[:, k, hidden * (d + 1) + k * hidden:hidden * (d + 1) + (k + 1) * hidden] = h / np.sqrt(hidden)
    return f, j


def softmax(f):
    e = np.exp(f - f.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


class Train(kit.ToolTest):
    def setUp(self):
        super().setUp()
        self.hidden, self.o = 8, 3
        network([{"op": "dense", "units": 8, "w_std": W, "b_std": B}, {"op": "tanh"}, {"op": "dense", "units": 3}], (3,))
        self.x, self.labels = kit.random(1, 10, 3), np.arange(10) % 3
        save("x.npy", self.x)
        save("y.npy", self.labels)
        self.ntk("network", "init", "--network", "net.json", "--seed", 1, "--out", "p.npy")
        self.p = np.load("p.npy")
        self.base = ["train", "--network", "net.json", "--params", "p.npy", "--x", "x.npy", "--y", "y.npy"]

    def reference(self, steps, descent, rate, loss, mean, linearised=False, d=1):
        p, m, v, outputs = self.p.copy(), 0, 0, []
        onehot = np.eye(3)[self.labels]
        f0, j0 = forward(self.p, self.x, self.hidden, self.o)
        for t in range(steps + 1):
            f, j = (f0 + j0 @ (p - self.p), j0) if linearised else forward(p, self.x, self.hidden, self.o)
            outputs.append(f)
            u = softmax(f) - onehot if loss == "cross-entropy" else f - (onehot - 1 / 3)
            u = u / ((10 if loss == "cross-entropy" else 30) if mean else 1)
            g = np.einsum("no,nop->p", u, j)
            if descent == "gd":
                step = g
            elif descent == "momentum":
                step = m = 0.8 * m + g
            else:
                m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
                step = (m / (1 - 0.9 ** (t + 1))) / (np.sqrt(v / (1 - 0.99 ** (t + 1))) + 1e-4)
            if t < steps:
                p = p - rate * step / d
        return p, np.array(outputs), v

    def test_every_descent(self):
        extra = {"gd": [], "momentum": ["--momentum", 0.8], "adam": ["--beta2", 0.99, "--epsilon", 1e-4]}
        for descent, flags in extra.items():
            for loss, scale in (("mse", "sum"), ("cross-entropy", "mean")):
                rate = 0.02 if scale == "sum" else 0.3
                args = self.base + ["--optimizer", descent, "--learning-rate", rate, "--steps", 12, "--loss", loss, "--loss-scale", scale,
                                    "--out-trajectory", "f.npy", "--out-linearised", "g.npy"] + flags
                got = self.result(*args)
                want, f, _ = self.reference(12, descent, rate, loss, scale == "mean")
                self.close(got, want, 1e-11)
                self.close(np.load("f.npy"), f, 1e-11)
                self.close(np.load("g.npy"), self.reference(12, descent, rate, loss, scale == "mean", linearised=True)[1], 1e-11)

    def test_frozen_d_and_second_moment(self):
        d = np.linspace(0.5, 2, len(self.p))
        got = self.result(*self.base, "--optimizer", "gd", "--learning-rate", 0.02, "--steps", 5, "--optimizer-d", save("d.npy", d))
        self.close(got, self.reference(5, "gd", 0.02, "mse", False, d=d)[0], 1e-12)
        args = self.base + ["--optimizer", "adam", "--learning-rate", 0.01, "--steps", 4, "--beta2", 0.99, "--epsilon", 1e-4]
        v = self.result(*args, "--out", "p2.npy", out="out-second-moment")
        self.close(v, self.reference(3, "adam", 0.01, "mse", False)[2] / (1 - 0.99**4), 1e-10)
        self.ntk(*args[:-2], "--optimizer-d", "d.npy", "--out", "p2.npy", code=2, saying="frozen D")
        self.ntk(*self.base, "--optimizer", "gd", "--learning-rate", 1, "--steps", 1, "--out", "p2.npy", "--out-second-moment", "v.npy", code=2,
                 saying="--out-second-moment needs --optimizer adam")

    def test_every(self):
        args = self.base + ["--optimizer", "gd", "--learning-rate", 0.02, "--steps", 11, "--out", "p2.npy"]
        report = json.loads(self.ntk(*args, "--every", 4, "--out-trajectory", "f.npy", "--json"))
        _, f, _ = self.reference(11, "gd", 0.02, "mse", False)
        self.close(np.load("f.npy"), f[[0, 4, 8, 11]], 1e-11)
        onehot = np.eye(3)[self.labels] - 1 / 3
        self.assertAlmostEqual(report["loss"], ((f[11] - onehot) ** 2).sum() / 2)
        self.assertAlmostEqual(report["loss_start"], ((f[0] - onehot) ** 2).sum() / 2)
        self.assertEqual(report["steps"], 11)

    def test_score_on_test_data(self):
        save("xt.npy", self.x[:4])
        save("yt.npy", self.labels[:4])
        report = json.loads(self.ntk(*self.base, "--optimizer", "adam", "--learning-rate", 0.05, "--steps", 300, "--out", "p2.npy", "--x-test", "xt.npy",
                                     "--y-test", "yt.npy", "--json"))
        self.assertEqual(report["accuracy"], 1)

    def test_selection(self):
        """--limit and --unit-norm, as of a file with those samples alone; test inputs get the norm too."""
        flags = ["--optimizer", "gd", "--learning-rate", 0.1, "--steps", 5, "--out", "p2.npy", "--json"]
        norms = np.linalg.norm(self.x, axis=1, keepdims=True)
        save("xt.npy", 3 * self.x)
        save("yt.npy", self.labels)
        test = ["--x-test", "xt.npy", "--y-test", "yt.npy"]
        got = json.loads(self.ntk(*self.base, *flags, "--limit", 7, "--unit-norm", *test)), np.load("p2.npy")
        self.assertEqual(len(set(self.labels[:7])), 3)
        few = ["train", "--network", "net.json", "--params", "p.npy", "--x", save("few.npy", (self.x / norms)[:7]), "--y", save("yf.npy", self.labels[:7])]
        save("xt.npy", self.x / norms)
        want = json.loads(self.ntk(*few, *flags, *test)), np.load("p2.npy")
        self.close(got[1], want[1], 1e-13)
        self.assertEqual((got[0]["train"], got[0]["accuracy"]), (7, want[0]["accuracy"]))

    def test_refusals(self):
        run = ["--optimizer", "gd", "--learning-rate", 0.1, "--steps", 3, "--out", "p2.npy"]
        self.ntk(*self.base[:-1], save("y2.npy", np.ones((10, 2))), *run, code=2, saying="has 2 targets per sample; the network has 3 outputs")
        self.ntk(*self.base, *run[:3], 1e300, *run[4:], code=1, saying="training diverges at the learning rate 1e+300")
        self.ntk(*self.base, *run, "--momentum", 1, code=2, saying="options.beta1 is 1")
        self.ntk(*self.base[:-1], save("y3.npy", -np.ones((10, 3)) / 2), *run, "--loss", "cross-entropy", code=2, saying="y[0, 0] is -0.5")
        self.assertFalse(os.path.exists("p2.npy"))

    def long_run(self, steps, *more):
        return [kit.TOOL] + [str(a) for a in self.base] + ["--optimizer", "momentum", "--learning-rate", "0.01", "--steps", str(steps), "--every", "100",
                                                           "--out", "p2.npy", "--out-trajectory", "f.npy", "--out-linearised", "g.npy", *more]

    def results(self):
        return [np.load(name) for name in ("p2.npy", "f.npy", "g.npy")]

    def test_single_precision(self):
        """Every descent in f32 beside f64: 12 steps of about 100 u each; and made longer, to the same bits."""
        for descent in ("gd", "momentum", "adam"):
            args = self.base + ["--optimizer", descent, "--learning-rate", 0.02, "--out-trajectory", "f.npy", "--out-linearised", "g.npy", "--every", 5]
            wide = self.result(*args, "--steps", 12), np.load("f.npy"), np.load("g.npy")
            single = self.result(*args, "--steps", 12, "--dtype", "f32"), np.load("f.npy"), np.load("g.npy")
            for a, b in zip(single, wide):
                self.assertEqual(a.dtype, np.float32)
                # the sign of a tiny gradient decides Adam's first steps: parameters are close where gradients are not near 0
                self.close(a.astype(float), b, 12 * 100 * 2.0**-24 if descent != "adam" else 1e-3)
            for steps in (7, 12):
                self.result(*args, "--steps", steps, "--dtype", "f32", "--checkpoint", descent + ".npy")
            self.same(np.load("f.npy"), single[1])
            self.same(np.load("g.npy"), single[2])
            self.ntk(*args, "--steps", 12, "--out", "p2.npy", "--checkpoint", descent + ".npy", code=2, saying="belongs to another run")
        args = self.base + ["--optimizer", "adam", "--learning-rate", 0.02, "--steps", 5, "--loss", "cross-entropy", "--dtype", "f32", "--out-second-moment", "v.npy",
                            "--x-test", "x.npy", "--y-test", "y.npy", "--out", "p2.npy"]
        self.assertIn("accuracy", json.loads(self.ntk(*args, "--json")))
        self.assertEqual(np.load("v.npy").dtype, np.float32)

    def test_longer(self):
        """7 and then 7 more steps, every 4: as 14 at once; a checkpoint of another run is refused."""
        args = self.base + ["--optimizer", "adam", "--learning-rate", 0.02, "--every", 4, "--out", "p2.npy", "--out-trajectory", "f.npy"]
        self.ntk(*args, "--steps", 14)
        want = np.load("p2.npy"), np.load("f.npy")
        self.ntk(*args, "--steps", 7, "--checkpoint", "c.npy")
        self.ntk(*args, "--steps", 14, "--checkpoint", "c.npy")
        self.same(np.load("p2.npy"), want[0])
        self.same(np.load("f.npy"), want[1])
        self.ntk(*args, "--steps", 14, "--checkpoint", "c.npy")  # nothing is left to do
        self.same(np.load("f.npy"), want[1])
        self.ntk(*args, "--steps", 7, "--checkpoint", "c.npy", code=2, saying="has gone further than --steps")
        self.ntk(*args, "--steps", 14, "--checkpoint", "c.npy", "--beta2", 0.9, code=2, saying="belongs to another run")
        self.ntk(*args, "--steps", 14, "--checkpoint", "c.npy", "--out-linearised", "g.npy", code=2, saying="other outputs")
        whole = np.load("c.npy")
        for cut in (0, 1, 3, 5, 9, len(whole) - 1):
            self.ntk(*args, "--steps", 14, "--checkpoint", save("cut.npy", whole[:cut]), code=2, saying="--checkpoint cut.npy")
        for place, value in [(4, 0.5), (4, -1), (5, 1e18), (6, 1e9), (0, 2)]:
            bad = whole.copy()
            bad[place] = value
            self.ntk(*args, "--steps", 14, "--checkpoint", save("cut.npy", bad), code=2, saying="--checkpoint cut.npy")

    def stop(self, number, steps, seconds):
        p = subprocess.Popen(self.long_run(steps, "--checkpoint", "c.npy"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(p.kill)
        time.sleep(seconds)
        p.send_signal(number)
        _, err = p.communicate(timeout=20)
        return p.returncode, err

    def test_interrupted_and_killed(self):
        """Ctrl-C keeps where it stood, a kill what was last written; half a file never appears."""
        steps = 400000  # takes about a minute at the least
        code, err = self.stop(signal.SIGINT, steps, 1.5)
        self.assertEqual((code, err), (130, b"ntk: train: interrupted\n"))
        self.assertFalse(os.path.exists("p2.npy"))
        before = np.load("c.npy")
        reached = int(before[4])
        self.assertLess(reached, steps)
        code, _ = self.stop(signal.SIGKILL, steps, 1)
        self.assertEqual(code, -9)
        self.assertGreaterEqual(int(np.load("c.npy")[4]), reached)
        end = (reached // 100 + 3) * 100
        subprocess.run(self.long_run(end, "--checkpoint", "c.npy"), check=True, stdout=subprocess.PIPE)
        continued = self.results()
        subprocess.run(self.long_run(end), check=True, stdout=subprocess.PIPE)
        for got, want in zip(continued, self.results()):
            self.same(got, want)


if __name__ == "__main__":
    kit.main()
