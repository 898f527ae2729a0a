"""ntk predict against the formulas of mathematics.md §7, by eigenvectors in NumPy."""
import json
import os

import numpy as np

import kit
from kit import save

N, M, O = 7, 4, 2


def flow(a, ridge, t, divisor):
    """(1 - exp(-t A~/c)) A~^-1"""
    w, u = np.linalg.eigh(a + ridge * np.eye(len(a)))
    return u * (-np.expm1(-t * w / divisor) / w) @ u.T


class Predict(kit.ToolTest):
    def setUp(self):
        super().setUp()
        self.y = kit.random(31, N, O)
        save("y.npy", self.y)
        self.blocks = {}
        for seed, kind in ((32, "ntk"), (33, "nngp")):
            k = kit.positive(seed, N + M)
            self.blocks[kind] = k[:N, :N], k[N:, :N], k[N:, N:]
            for name, block in zip(("train", "test", "test-test"), self.blocks[kind]):
                save("%s-%s.npy" % (kind, name), block)

    def files(self, *names):
        return [word for name in names for word in ("--" + name, name + ".npy")]

    def test_estimate(self):
        """The largest of the answers beside the decomposition; nothing is computed, so nothing is written."""
        base = ["predict", "--get", "ntk", "--y", "y.npy", "--estimate"] + self.files("ntk-train", "ntk-test")
        both = base + self.files("nngp-train", "nngp-test", "nngp-test-test")
        eigen, plain, spread = [json.loads(self.ntk(*words, "--json")) for words in (base, base + ["--ridge", "1"], both + ["--ridge", "1", "--out-cov", "c.npy"])]
        self.assertEqual([e["result_bytes"] for e in (eigen, plain, spread)], [8 * M * O, 8 * M * O, 8 * M * (O + M)])
        self.assertGreaterEqual(plain["working_bytes"], 8 * N ** 2)
        self.assertGreaterEqual(eigen["working_bytes"], 24 * N ** 2)
        self.assertGreater(spread["flops"], plain["flops"] + 4 * N ** 2 * M)
        self.ntk(*base, "--out-mean", "m.npy", code=2, saying="exclude")
        self.ntk(*[word for word in base if word != "--estimate"], code=2, saying="--out-mean M.npy is missing")
        self.assertFalse(os.path.exists("c.npy"))

    def all_files(self):
        return self.files(*("%s-%s" % (k, b) for k in ("ntk", "nngp") for b in ("train", "test", "test-test")))

    def says(self, *args):
        return json.loads(self.ntk(*args, "--json"))

    def reference(self, get, t, ridge, divisor):
        theta, k = self.blocks["ntk"], self.blocks["nngp"]
        a = k if get == "nngp" else theta
        s = flow(a[0], ridge, t, divisor)
        mean = a[1] @ s @ self.y
        if get == "ntk":
            b = a[1] @ s
            return mean, k[2] - b @ k[1].T - k[1] @ b.T + b @ k[0] @ b.T
        return mean, a[2] - a[1] @ flow(a[0], ridge, 2 * t, divisor) @ a[1].T

    def test_every_posterior_and_time(self):
        for get in ("nngp", "ntk", "ntkgp"):
            for t in (0.0, 0.7, 20.0, np.inf):
                for ridge in (0.0, 0.3):
                    for scale, divisor in (("sum", 1), ("mean", N * O)):
                        self.ntk("predict", "--get", get, "--y", "y.npy", *self.all_files(), "--time", t, "--ridge", ridge, "--loss-scale", scale,
                                 "--out-mean", "m.npy", "--out-cov", "c.npy")
                        mean, covariance = self.reference(get, t, ridge, divisor)
                        # condition below 20, norms below 10
                        self.close(np.load("m.npy"), mean, 1e-13)
                        self.close(np.load("c.npy"), covariance, 1e-13)

    def test_classes(self):
        """Leave-one-out by leaving out; the temperature by a search; scores by hand."""
        n, m, c, ridge = 40, 25, 3, 0.2
        x = kit.random(41, n + m, 3)
        labels = (x[:, 0] + 0.4 * x[:, 1] > 0.3).astype(int) + (x[:, 2] > 0.5)
        k = np.exp(-((x[:, None] - x[None]) ** 2).sum(-1))
        names = np.array([7, 3, 5])  # classes are any whole numbers; columns in ascending order
        y, y_test = names[labels[:n]], names[labels[n:]]
        self.assertEqual(len(set(y)), c)
        save("k.npy", k[:n, :n]), save("kt.npy", k[n:, :n]), save("y.npy", y), save("yt.npy", y_test)
        code = (y[:, None] == np.sort(names)) - 1 / c
        left_out = np.array([k[i, keep] @ np.linalg.solve(k[np.ix_(keep, keep)] + ridge * np.eye(n - 1), code[keep])
                             for i in range(n) for keep in [np.arange(n) != i]])

        def softmax(f, b):
            e = np.exp(b * (f - f.max(1, keepdims=True)))
            return e / e.sum(1, keepdims=True)

        def nll(p, classes):
            return -np.log(p[np.arange(len(p)), np.searchsorted(np.sort(names), classes)]).mean()

        grid = np.linspace(0.01, 60, 60001)
        best = grid[np.argmin([nll(softmax(left_out, b), y) for b in grid[::100]]) * 100]
        grid = np.linspace(max(best - 0.2, 1e-3), best + 0.2, 2001)
        best = grid[np.argmin([nll(softmax(left_out, b), y) for b in grid])]
        mean = k[n:, :n] @ np.linalg.solve(k[:n, :n] + ridge * np.eye(n), code)
        for get, kind in (("nngp", "nngp"), ("ntk", "ntk"), ("ntkgp", "ntk")):
            said = self.says("predict", "--get", get, "--y", "y.npy", "--%s-train" % kind, "k.npy", "--%s-test" % kind, "kt.npy", "--ridge", ridge,
                               "--y-test", "yt.npy", "--out-mean", "m.npy", "--out-probabilities", "p.npy")
            p = np.load("p.npy")
            self.close(np.load("m.npy"), mean, 1e-12)
            self.assertAlmostEqual(1 / said["temperature"], best, delta=4e-4)  # the grid
            self.close(p, softmax(mean, 1 / said["temperature"]), 1e-12)
            self.assertEqual(said["accuracy"], (np.sort(names)[mean.argmax(1)] == y_test).mean())
            self.assertEqual(said["loo_accuracy"], (np.sort(names)[left_out.argmax(1)] == y).mean())
            self.assertAlmostEqual(said["nll"], nll(p, y_test), delta=1e-12)
            self.assertAlmostEqual(said["loo_nll"], nll(softmax(left_out, 1 / said["temperature"]), y), delta=1e-12)
        common = ["predict", "--get", "ntk", "--y", "y.npy", "--ntk-train", "k.npy", "--ntk-test", "kt.npy", "--out-mean", "m.npy", "--out-probabilities", "q.npy"]
        self.ntk(*common, "--time", 3, code=2, saying="is for --time inf")
        self.ntk(*common, "--regression", code=2, saying="needs classes in --y")
        self.assertFalse(os.path.exists("q.npy"))

    def test_rmse(self):
        truth = kit.random(42, M, O)
        save("yt.npy", truth)
        said = self.says("predict", "--get", "ntk", "--y", "y.npy", *self.files("ntk-train", "ntk-test"), "--y-test", "yt.npy", "--out-mean", "m.npy")
        self.assertAlmostEqual(said["rmse"], np.sqrt(((np.load("m.npy") - truth) ** 2).mean()), delta=1e-14)

    def test_variance_draws_and_noise(self):
        noise = np.linspace(0.1, 1.5, N)
        save("noise.npy", noise)
        self.blocks["ntk"] = (self.blocks["ntk"][0] + np.diag(noise), *self.blocks["ntk"][1:])  # what trains; K of the prior stays
        for t in (2.0, np.inf):
            self.ntk("predict", "--get", "ntk", "--y", "y.npy", *self.all_files(), *self.files("noise"), "--time", t, "--out-mean", "m.npy",
                     "--out-variance", "v.npy", "--out-draws", "d.npy", "--draws", 4000, "--seed", 3)
            mean, covariance = self.reference("ntk", t, 0.0, 1)
            self.close(np.load("m.npy"), mean, 1e-13)
            self.close(np.load("v.npy"), np.diag(covariance).copy(), 1e-13)
            draws = np.load("d.npy")
            self.assertEqual(draws.shape, (4000, M, O))
            deviation = np.sqrt(np.diag(covariance) / 4000)[:, None]
            self.assertTrue((np.abs(draws.mean(0) - mean) < 5 * deviation).all())
        for spread in ([], ["--out-variance", "v.npy"], ["--out-cov", "c.npy"]):
            self.ntk("predict", "--get", "ntk", "--y", "y.npy", *self.all_files(), "--out-mean", "m.npy", *spread, "--plot", "p.svg")
            self.assertEqual("deviations" in open("p.svg").read(), bool(spread))
        self.ntk("predict", "--get", "ntk", "--y", "y.npy", *self.files("ntk-train", "ntk-test"), "--out-mean", "m.npy", "--out-variance", "v.npy", code=2,
                 saying="with a variance or draws needs --nngp-train")
        self.ntk("predict", "--get", "ntkgp", "--y", "y.npy", *self.all_files(), "--noise", "y.npy", "--out-mean", "m.npy", code=2, saying="y.npy")
        self.ntk("predict", "--get", "ntkgp", "--y", "y.npy", *self.all_files(), "--seed", 3, "--out-mean", "m.npy", code=2, saying="--seed needs --out-draws")

    def test_both_files_or_none(self):
        """The mean would fit (192 bytes), the covariance not (256): neither appears.  One file cannot hold both."""
        def small_files():
            import resource
            import signal
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
        base = ["predict", "--get", "nngp", "--y", "y.npy", *self.all_files(), "--ridge", 0.3]
        before = sorted(os.listdir("."))
        self.ntk(*base, "--out-mean", "m.npy", preexec_fn=small_files)
        os.remove("m.npy")
        self.ntk(*base, "--out-mean", "m.npy", "--out-cov", "c.npy", code=1, saying="c.npy: cannot be written: File too large",
                 preexec_fn=small_files)
        self.ntk(*base, "--out-mean", "m.npy", "--out-cov", "./m.npy", code=2, saying="./m.npy: is the file of two outputs")
        self.assertEqual(sorted(os.listdir(".")), before)

    def test_learning_rate_multiplies_time(self):
        base = ["predict", "--get", "ntk", "--y", "y.npy", *self.files("ntk-train", "ntk-test")]
        self.close(self.result(*base, "--time", "3", "--learning-rate", "0.5", out="out-mean"), self.result(*base, "--time", "1.5", out="out-mean"), 1e-14)

    def test_relative_ridge(self):
        ridge = 0.2 * np.trace(self.blocks["nngp"][0]) / N
        got = self.result("predict", "--get", "nngp", "--y", "y.npy", *self.files("nngp-train", "nngp-test"), "--ridge-relative", "0.2", out="out-mean")
        self.close(got, self.reference("nngp", np.inf, ridge, 1)[0], 1e-13)

    def test_start(self):
        f0, g0 = kit.random(34, N, O), kit.random(35, M, O)
        got = self.result("predict", "--get", "ntk", "--y", "y.npy", *self.files("ntk-train", "ntk-test"), "--f0-train", save("f.npy", f0), "--f0-test",
                          save("g.npy", g0), "--time", "2", out="out-mean")
        theta = self.blocks["ntk"]
        self.close(got, g0 - theta[1] @ flow(theta[0], 0, 2.0, 1) @ (f0 - self.y), 1e-13)

    def test_vector_of_targets(self):
        base = ["predict", "--get", "ntk", *self.files("ntk-train", "ntk-test"), "--y"]
        got = self.result(*base, save("v.npy", self.y[:, 0]), out="out-mean")
        self.assertEqual(got.shape, (M,))
        self.close(got, self.reference("ntk", np.inf, 0, 1)[0][:, 0], 1e-13)
        started = self.result(*base, "v.npy", "--f0-train", save("f.npy", self.y[:, 0] * 0), "--f0-test", save("g.npy", np.zeros((M, 1))), out="out-mean")
        self.close(started, got, 1e-15)

    def test_classes(self):
        labels = np.array([2, 0, 2, 5, 0, 5, 2])
        one_hot = (labels[:, None] == np.array([0, 2, 5])) - 1 / 3
        base = ["predict", "--get", "ntk", *self.files("ntk-train", "ntk-test"), "--y"]
        self.close(self.result(*base, save("l.npy", labels), out="out-mean"), self.result(*base, save("h.npy", one_hot), out="out-mean"), 1e-14)
        self.assertEqual(self.result(*base, "l.npy", "--regression", out="out-mean").shape, (M,))

    def test_full_gram(self):
        """K x I_o as a full gram gives the same mean, and its covariance is that of every output."""
        base = ["predict", "--get", "ntkgp", "--y", "y.npy", "--ridge", "0.1"]
        small = self.result(*base, *self.files("ntk-train", "ntk-test"), out="out-mean")
        for name, block in zip(("train", "test", "test-test"), self.blocks["ntk"]):
            save("ntk-%s.npy" % name, np.kron(block, np.eye(O)))
        f0 = save("f.npy", np.zeros((N, O)))
        got = self.result(*base, *self.files("ntk-train", "ntk-test", "ntk-test-test"), "--f0-train", f0, "--out-cov", "c.npy", out="out-mean")
        self.close(got, small, 1e-13)
        self.assertEqual(np.load("c.npy").shape, (M * O, M * O))
        save("ntk-test.npy", np.ones((3, N * O)))
        self.ntk(*base, *self.files("ntk-train", "ntk-test"), "--out-mean", "m.npy", code=2, saying="not a multiple of the 2 outputs")

    def test_singular_without_ridge_is_the_pseudo_inverse(self):
        u = np.linalg.qr(kit.random(36, N, N))[0][:, :3]
        k = u * [3.0, 2.0, 1.0] @ u.T
        save("ntk-train.npy", (k + k.T) / 2)
        save("ntk-test.npy", self.blocks["ntk"][1] @ k)
        got = self.result("predict", "--get", "ntk", "--y", "y.npy", *self.files("ntk-train", "ntk-test"), out="out-mean")
        self.close(got, self.blocks["ntk"][1] @ u @ u.T @ self.y, 1e-12)

    def test_indefinite_with_ridge_fails(self):
        save("ntk-train.npy", -np.eye(N))
        self.ntk("predict", "--get", "ntk", "--y", "y.npy", *self.files("ntk-train", "ntk-test"), "--ridge", "0.1", "--out-mean", "m.npy", code=1,
                 saying="positive definite")
        self.assertFalse(os.path.exists("m.npy"))

    def test_needed_files(self):
        base = ["predict", "--y", "y.npy", "--out-mean", "m.npy", "--get"]
        self.ntk(*base, "ntk", code=2, saying="needs --ntk-train")
        self.ntk(*base, "nngp", *self.files("nngp-train"), code=2, saying="needs --nngp-test")
        self.ntk(*base, "ntk", *self.files("ntk-train", "ntk-test"), "--out-cov", "c.npy", code=2, saying="--get ntk with --out-cov needs --nngp-train")
        self.ntk(*base, "ntk", *self.files("ntk-train", "ntk-test", "nngp-train", "nngp-test", "nngp-test-test"), "--out-cov", "c.npy")
        self.ntk(*base, "ntk", *self.files("ntk-train", "ntk-test"), "--nngp-train", "no such file")

    def test_shapes(self):
        base = ["predict", "--get", "ntk", "--out-mean", "m.npy", *self.files("ntk-test"), "--y", "y.npy", "--ntk-train"]
        self.ntk(*base, save("k.npy", np.eye(5)), code=2, saying="k.npy has 5 rows; targets of shape [7, 2] need 7, or 14")
        self.ntk(*base, save("k.npy", np.ones((7, 6))), code=2)
        self.ntk(*base, save("k.npy", np.ones((7, 7, 1))), code=2, saying="expected a matrix")
        self.ntk(*base, save("k.npy", np.triu(np.ones((7, 7)))), code=2, saying="symmetric")
        self.ntk(*base, "ntk-train.npy", "--f0-train", save("f.npy", np.ones((7, 3))), code=2, saying="f.npy has shape [7, 3]; expected [7, 2]")
        self.ntk(*base, "ntk-train.npy", "--f0-test", save("f.npy", np.ones(7)), code=2, saying="f.npy has shape [7]; expected [4, 2]")

    def test_report(self):
        out = self.ntk("predict", "--get", "ntk", "--y", "y.npy", *self.files("ntk-train", "ntk-test"), "--out-mean", "m.npy", "--json")
        self.assertEqual(json.loads(out)["out-mean"]["shape"], [M, O])


if __name__ == "__main__":
    kit.main()
