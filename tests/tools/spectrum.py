"""ntk spectrum against NumPy's eigenvalues and singular values."""
import json
import os

import numpy as np

import kit
from kit import RELU, dense, network, save


class Spectrum(kit.ToolTest):
    def setUp(self):
        super().setUp()
        self.k = kit.positive(41, 9)
        save("k.npy", self.k)

    def finite(self):
        network(kit.RELU + [kit.dense(units=2)], (3,))
        save("x.npy", kit.random(3, 7, 3))
        self.ntk("network", "init", "--network", "net.json", "--seed", 1, "--out", "p.npy")
        j = self.result("network", "jacobian", "--network", "net.json", "--params", "p.npy", "--x1", "x.npy")
        d = np.linspace(1, 2, j.shape[1])
        return ["spectrum", "--network", "net.json", "--params", "p.npy", "--x1", "x.npy", "--optimizer-d", save("d.npy", d)], j / np.sqrt(d)

    def test_finite_network(self):
        base, g = self.finite()
        want = np.linalg.svd(g)[1] ** 2
        self.close(self.result(*base), want, 1e-13)
        for space in ("auto", "function", "parameters"):
            got = self.result(*base, "--top", 4, "--space", space, "--out-vectors", "u.npy", "--out-parameter-vectors", "v.npy")
            self.close(got, want[:4], 1e-11)
            self.close(g @ np.load("v.npy"), np.load("u.npy") * np.sqrt(want[:4]), 1e-10)
            self.close(g.T @ np.load("u.npy"), np.load("v.npy") * np.sqrt(want[:4]), 1e-10)
        self.ntk(*base, "--top", 15, "--out", "s.npy", code=2, saying="k is 15; expected 1 ... 14")
        report = json.loads(self.ntk(*base, "--top", 14, "--dtype", "f32", "--out", "s.npy", "--out-parameter-vectors", "v.npy", "--json"))
        self.close(np.load("s.npy"), want, 1e-5)
        rank = int((want > np.finfo(np.float32).eps * sum(g.shape) * want[0]).sum())
        self.assertEqual((report["rank"], np.load("v.npy").shape), (rank, (g.shape[1], rank)))
        self.ntk(*base, "--dtype", "f32", "--out", "s.npy", code=2, saying="--dtype needs --top")
        self.ntk("spectrum", "--gram", "k.npy", "--top", 2, "--dtype", "f32", "--out", "s.npy", code=2, saying="needs --params and --top")
        self.close(self.result(*base, "--limit", 3), np.linalg.svd(g[:6])[1] ** 2, 1e-13)

    def test_interpolation(self):
        base, _ = self.finite()
        x = np.load("x.npy")
        x[5] = x[6]  # the same input with another target
        save("x.npy", x)
        y = kit.random(4, 7, 2)
        report = json.loads(self.ntk(*base, "--y", save("y.npy", y), "--out", "s.npy", "--json"))
        self.assertEqual((report["interpolates"], report["rank"]), (False, 12))
        self.assertAlmostEqual(report["unreachable"], ((y[5] - y[6]) ** 2).sum() / 2 / (y**2).sum(), delta=1e-10)
        self.assertLess(report["gap"], 1e-9)
        y[5] = y[6]
        self.assertTrue(json.loads(self.ntk(*base, "--y", save("y.npy", y), "--out", "s.npy", "--json"))["interpolates"])
        self.assertEqual(json.loads(self.ntk(*base, "--y", "y.npy", "--limit", 6, "--out", "s.npy", "--json"))["size"], 12)
        k = np.diag([2.0, 1, 0])
        report = json.loads(self.ntk("spectrum", "--gram", save("k.npy", k), "--y", save("y.npy", [1.0, 1, 1]), "--out", "s.npy", "--json"))
        self.assertAlmostEqual(report["unreachable"], 1 / 3)
        self.ntk(*base, "--top", 3, "--y", "y.npy", "--out", "s.npy", code=2, saying="--y needs the whole spectrum")
        self.ntk("spectrum", "--gram", "k.npy", "--optimizer-d", "d.npy", "--out", "s.npy", code=2, saying="--optimizer-d needs")
        self.ntk("spectrum", "--gram", "k.npy", "--y", save("y5.npy", np.ones(5)), "--out", "s.npy", code=2, saying="--gram k.npy has 3 rows; targets of shape [5, 1]")

    def test_gram(self):
        want = np.linalg.eigvalsh(self.k)[::-1].copy()
        self.close(self.result("spectrum", "--gram", "k.npy"), want, 20 * kit.EPS)
        got = self.result("spectrum", "--gram", "k.npy", "--out-vectors", "u.npy")
        u = np.load("u.npy")
        self.close(u * got @ u.T, self.k, 40 * kit.EPS)
        self.close(u.T @ u, np.eye(9), 40 * kit.EPS)
        self.close(self.result("spectrum", "--gram", "k.npy", "--top", "3", "--out-vectors", "v.npy"), got[:3], 20 * kit.EPS)
        self.same(np.load("v.npy"), u[:, :3].copy())

    def test_picture(self):
        self.result("spectrum", "--gram", "k.npy", "--plot", "p.png", "--top", "4")
        self.assertEqual(open("p.png", "rb").read(4), b"\x89PNG")

    def test_jacobian(self):
        j = kit.random(42, 5, 12)
        j[4] = j[3]
        s = np.linalg.svd(j, compute_uv=False)
        got = self.result("spectrum", "--jacobian", save("j.npy", j), "--top", "4", "--out-vectors", "u.npy", "--out-parameter-vectors", "v.npy")
        self.close(got, s[:4] ** 2, 40 * kit.EPS)
        u, v = np.load("u.npy"), np.load("v.npy")
        self.assertEqual((u.shape, v.shape), ((5, 4), (12, 4)))
        self.close(u * np.sqrt(got) @ v.T, j, 100 * kit.EPS)
        self.ntk("spectrum", "--jacobian", "j.npy", "--out", "s.npy", "--out-parameter-vectors", "v.npy")
        self.assertEqual(np.load("v.npy").shape, (12, 4))
        report = json.loads(self.ntk("spectrum", "--jacobian", "j.npy", "--out", "s.npy", "--json"))
        self.assertEqual((report["rank"], report["size"]), (4, 5))

    def test_null_spaces(self):
        j, d = kit.random(42, 5, 12), np.linspace(1, 2, 12)
        j[4] = j[3]
        self.ntk("spectrum", "--jacobian", save("j.npy", j), "--optimizer-d", save("d.npy", d), "--out", "s.npy", "--out-null-vectors", "u.npy",
                 "--out-null-parameter-vectors", "v.npy")
        u, v = np.load("u.npy"), np.load("v.npy")
        self.assertEqual((u.shape, v.shape), ((5, 1), (12, 8)))
        self.close(u[:, 0] / u[4, 0], np.array([0.0, 0, 0, -1, 1]), 100 * kit.EPS)
        self.close(v.T @ v, np.eye(8), 40 * kit.EPS)
        self.assertLess(np.abs(j / np.sqrt(d) @ v).max(), 100 * kit.EPS)
        self.ntk("spectrum", "--gram", "k.npy", "--out", "s.npy", "--out-null-vectors", "u.npy")
        self.assertEqual(np.load("u.npy").shape, (9, 0))
        self.ntk("spectrum", "--gram", "k.npy", "--out", "s.npy", "--out-null-parameter-vectors", "u.npy", code=2, saying="needs --jacobian or --params")
        self.ntk("spectrum", "--gram", "k.npy", "--top", "3", "--out", "s.npy", "--out-null-vectors", "u.npy", code=2, saying="--top")

    def test_network(self):
        network(RELU + [dense()])
        save("x.npy", kit.random(43, 8, 4))
        for kind in ("ntk", "nngp"):
            k = self.result("kernel", "--network", "net.json", "--x1", "x.npy", "--kind", kind)
            got = self.result("spectrum", "--network", "net.json", "--x1", "x.npy", "--kind", kind)
            self.close(got, np.linalg.eigvalsh(k)[::-1].copy(), 40 * kit.EPS)

    def test_report(self):
        report = json.loads(self.ntk("spectrum", "--gram", save("d.npy", np.diag([4.0, 1.0, 2.0])), "--out", "s.npy", "--json"))
        self.assertEqual((report["rank"], report["size"], report["condition"]), (3, 3, 4.0))
        report = json.loads(self.ntk("spectrum", "--gram", save("d.npy", np.diag([4.0, 0.0])), "--out", "s.npy", "--json"))
        self.assertEqual((report["rank"], report["condition"]), (1, None))
        self.assertIn("infinite", self.ntk("spectrum", "--gram", "d.npy", "--out", "s.npy"))

    def test_refused(self):
        self.ntk("spectrum", "--out", "s.npy", code=2, saying="one of --gram, --jacobian and --network")
        self.ntk("spectrum", "--gram", "k.npy", "--jacobian", "k.npy", "--out", "s.npy", code=2, saying="exclude each other")
        self.ntk("spectrum", "--jacobian", "k.npy", "--network", "k.npy", "--x1", "k.npy", "--out", "s.npy", code=2, saying="exclude each other")
        self.ntk("spectrum", "--network", "k.npy", "--out", "s.npy", code=2, saying="--x1 A is missing")
        self.ntk("spectrum", "--gram", "k.npy", "--out-parameter-vectors", "v.npy", "--out", "s.npy", code=2, saying="needs --jacobian")
        self.ntk("spectrum", "--gram", "k.npy", "--top", "10", "--out", "s.npy", code=2, saying="--top 10 exceeds the 9 eigenvalues")
        self.ntk("spectrum", "--gram", save("r.npy", np.ones((2, 3))), "--out", "s.npy", code=2, saying=["r.npy", "[2, 3]"])
        self.assertFalse(os.path.exists("s.npy"))


if __name__ == "__main__":
    kit.main()
