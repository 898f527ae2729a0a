"""ntk dynamics against f(t) = y + exp(-K t)(f0 - y)."""
import json
import os

import numpy as np

import kit
from kit import save

N, M, O = 6, 3, 2
TIMES = np.array([0.0, 0.1, np.inf, 2.0])


class Dynamics(kit.ToolTest):
    def setUp(self):
        super().setUp()
        k = kit.positive(51, N + M)
        self.k, self.kt = k[:N, :N], k[N:, :N]
        self.y, self.f0, self.g0 = kit.random(52, N, O), kit.random(53, N, O), kit.random(54, M, O)
        for name, a in (("k", self.k), ("kt", self.kt), ("y", self.y), ("f0", self.f0), ("g0", self.g0), ("t", TIMES)):
            save(name + ".npy", a)
        self.command = ["dynamics", "--gram", "k.npy", "--times", "t.npy", "--y"]

    def decay(self, t, rate=1.0):
        w, u = np.linalg.eigh(self.k)
        return u * np.exp(-rate * t * w) @ u.T

    def train(self, f0, y, rate=1.0):
        return np.stack([y + self.decay(t, rate) @ (f0 - y) for t in TIMES])

    def test_training_set(self):
        self.close(self.result(*self.command, "y.npy", "--f0", "f0.npy"), self.train(self.f0, self.y), 1e-13)
        self.close(self.result(*self.command, "y.npy"), self.train(0 * self.f0, self.y), 1e-13)
        self.close(self.result(*self.command, "y.npy", "--learning-rate", "0.3", "--loss-scale", "mean", "--loss", "mse"),
                   self.train(0 * self.f0, self.y, 0.3 / (N * O)), 1e-13)
        one = self.result(*self.command, save("v.npy", self.y[:, 0]), "--f0", save("w.npy", self.f0[:, 0]))
        self.close(one, self.train(self.f0, self.y)[:, :, 0].copy(), 1e-13)

    def test_test_set(self):
        self.result(*self.command, "y.npy", "--f0", "f0.npy", "--gram-test", "kt.npy", "--f0-test", "g0.npy", "--out-test", "g.npy")
        solve = np.linalg.solve(self.k, self.f0 - self.y)
        want = np.stack([self.g0 - self.kt @ (np.eye(N) - self.decay(t)) @ solve for t in TIMES])
        self.close(np.load("g.npy"), want, 1e-12)

    def test_full_gram(self):
        want = self.result(*self.command, "y.npy", "--f0", "f0.npy", "--gram-test", "kt.npy", "--out-test", "g.npy")
        test = np.load("g.npy")
        save("k.npy", np.kron(self.k, np.eye(O)))
        save("kt.npy", np.kron(self.kt, np.eye(O)))
        self.close(self.result(*self.command, "y.npy", "--f0", "f0.npy", "--gram-test", "kt.npy", "--out-test", "g.npy"), want, 1e-12)
        self.close(np.load("g.npy"), test, 1e-12)

    def test_singular(self):
        """Training converges to the projection of y on the range; f0 keeps its part in the null space."""
        save("k.npy", np.ones((N, N)))
        got = self.result(*self.command, "y.npy", "--f0", "f0.npy")
        p = np.ones((N, N)) / N
        self.close(got[2], p @ self.y + self.f0 - p @ self.f0, 1e-13)

    def test_steps(self):
        """A loop over the steps, with momentum and weight decay (of weights a: f = f0 + K a)."""
        a, before, rate, m, w = 0 * self.y, 0 * self.y, 0.02, 0.7, 0.4
        for _ in range(37):
            a, before = a + m * (a - before) - rate * (self.f0 + self.k @ a - self.y + w * a), a
        save("t.npy", np.array([37.0]))
        got = self.result(*self.command, "y.npy", "--f0", "f0.npy", "--steps", "--learning-rate", rate, "--momentum", m, "--weight-decay", w)
        self.close(got[0], self.f0 + self.k @ a, 1e-12)
        save("t.npy", np.array([1.5]))
        self.ntk(*self.command, "y.npy", "--steps", "--out", "f.npy", code=2, saying="no whole number")

    def test_losses(self):
        """Cross-entropy against many small steps of the classical Runge-Kutta method; a full gram; from a state; classes."""
        y = np.eye(O)[np.arange(N) % O]
        save("y.npy", y)
        save("t.npy", np.array([0.0, 0.5, 2.0]))

        def slope(f):
            p = np.exp(f) / np.exp(f).sum(1, keepdims=True)
            return -self.k @ (p - y) / N

        f, want = self.f0.copy(), [self.f0]
        for step in range(2000):
            h = 1e-3
            a = slope(f)
            b = slope(f + h / 2 * a)
            c = slope(f + h / 2 * b)
            f = f + h / 6 * (a + 2 * b + 2 * c + slope(f + h * c))
            if step in (499, 1999):
                want.append(f)
        ask = [*self.command, "y.npy", "--f0", "f0.npy", "--loss", "cross-entropy", "--loss-scale", "mean"]
        self.close(self.result(*ask, "--gram-test", "kt.npy", "--f0-test", "g0.npy", "--out-test", "g.npy"), np.stack(want), 1e-8)
        test = np.load("g.npy")
        weights = np.linalg.solve(self.k, self.f0 - want[2])
        self.close(test[2], self.g0 - self.kt @ weights, 1e-6)
        save("t.npy", np.array([0.5]))
        self.ntk(*ask, "--out", "f.npy", "--out-state", "s.npy")
        save("t.npy", np.array([2.0]))
        self.close(self.result(*ask, "--state", "s.npy")[0], want[2], 1e-8)
        save("c.npy", np.arange(N) % O)
        classes = [*self.command, "c.npy", *ask[ask.index("--f0"):]]
        self.close(self.result(*classes)[0], want[2], 1e-8)
        save("k.npy", np.kron(self.k, np.eye(O)))
        self.close(self.result(*ask)[0], want[2], 1e-8)
        for loss in ("logistic", "huber"):
            self.result(*self.command, "y.npy", "--loss", loss, "--plot", "p.svg")
        self.ntk(*self.command, "f0.npy", "--loss", "logistic", "--out", "f.npy", code=2, saying="targets of logistic lie in [0, 1]")
        self.ntk(*self.command, "y.npy", "--state", "s.npy", "--out", "f.npy", code=2, saying="mse has a closed form")

    def test_report_and_picture(self):
        save("k.npy", np.diag([4.0, 1, 1, 1, 1, 0]))
        said = json.loads(self.ntk(*self.command, "y.npy", "--loss-scale", "mean", "--plot", "p.svg", "--out", "f.npy", "--json"))
        self.assertEqual(said["loss_scale"], "mean")
        self.assertAlmostEqual(said["largest_step"], 2 * N * O / 4, 12)
        self.assertAlmostEqual(said["unreachable_loss"], (self.y[-1] ** 2).sum() / 2 / (N * O), 15)
        self.assertAlmostEqual(said["loss"][2], said["unreachable_loss"], 15)
        self.assertIn("<svg", open("p.svg").read())
        self.ntk(*self.command, "y.npy", "--plot", "p.png", "--out", "f.npy")
        self.assertEqual(open("p.png", "rb").read(4), b"\x89PNG")
        self.assertEqual(sorted(os.listdir("."))[-4:], ["p.png", "p.svg", "t.npy", "y.npy"])  # nothing left under another name
        self.ntk(*self.command, "y.npy", "--plot", "p.pdf", "--out", "f.npy", code=2, saying="ends in .png or .svg")
        self.ntk(*self.command, "y.npy", "--plot", "./f.svg", "--out", "f.svg", code=2, saying="two outputs")
        self.assertFalse(os.path.exists("f.svg"))

    def test_nothing_to_draw(self):
        save("t.npy", np.array([np.inf]))
        self.ntk(*self.command, "y.npy", "--plot", "p.png", "--out", "f.npy", saying="no point to draw")
        self.assertTrue(os.path.exists("f.npy") and not os.path.exists("p.png"))

    def test_without_gnuplot(self):
        self.ntk(*self.command, "y.npy", "--plot", "p.png", "--out", "f.npy", saying="gnuplot is not installed",
                 env=dict(os.environ, PATH="/nonexistent"))
        self.assertTrue(os.path.exists("f.npy") and not os.path.exists("p.png"))

    def test_times(self):
        with open("t.csv", "w") as f:
            f.write("time\n0\n0.1\ninf\n2\n")
        want = self.result(*self.command, "y.npy")
        self.command[self.command.index("t.npy")] = "t.csv"
        self.same(self.result(*self.command, "y.npy"), want)
        self.command[self.command.index("t.csv")] = save("t0.npy", np.float64(0.1))
        self.close(self.result(*self.command, "y.npy"), want[1:2].copy(), 1e-14)
        for bad, words in (([-1.0], "times start at 0"), ([-np.inf], "times start at 0"), ([np.nan], "not a finite")):
            self.command[self.command.index("t0.npy")] = save("t0.npy", bad)
            self.ntk(*self.command, "y.npy", "--out", "f.npy", code=2, saying=["t0.npy", words])

    def test_refused(self):
        self.ntk(*self.command, "y.npy", "--out", "f.npy", "--gram-test", "kt.npy", code=2, saying="--gram-test needs --out-test")
        self.ntk(*self.command, "y.npy", "--out", "f.npy", "--out-test", "g.npy", code=2, saying="--out-test needs --gram-test")
        self.ntk(*self.command, "y.npy", "--out", "f.npy", "--gram-test", save("b.npy", np.ones((3, 5))), "--out-test", "g.npy", code=2,
                 saying=["b.npy", "[3, 5]"])
        self.ntk(*self.command, save("s.npy", np.ones((5, 2))), "--out", "f.npy", code=2, saying="k.npy has 6 rows")
        self.assertFalse(os.path.exists("f.npy"))


if __name__ == "__main__":
    kit.main()
