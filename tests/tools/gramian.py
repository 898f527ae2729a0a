"""ntk gramian against the integrals of mathematics.md §9, in the eigenbasis of a symmetric A."""
import json
import os

import numpy as np

import kit
from kit import save


def gramian(a, q, horizon=np.inf):
    """int_0^T exp(A t) Q exp(A t) dt"""
    w, u = np.linalg.eigh(a)
    s = w[:, None] + w[None, :]
    return u @ ((u.T @ q @ u) * np.expm1(s * horizon) / s) @ u.T


class Gramian(kit.ToolTest):
    def setUp(self):
        super().setUp()
        self.a = -kit.positive(61, 6)
        save("a.npy", self.a)
        save("k.npy", -self.a)

    def test_gram(self):
        want = np.linalg.inv(-self.a) / 2
        for which in ("observability", "controllability"):
            self.close(self.result("gramian", "--gram", "k.npy", "--which", which), want, 1e-13)
            self.close(self.result("gramian", "--gram", "k.npy", "--which", which, "--horizon", "0.4"), gramian(self.a, np.eye(6), 0.4), 1e-13)
        c = kit.random(64, 2, 6)
        self.close(self.result("gramian", "--gram", "k.npy", "--c", save("c.npy", c), "--which", "observability"), gramian(self.a, c.T @ c), 1e-13)
        self.close(self.result("gramian", "--gram", "k.npy", "--c", "c.npy", "--which", "controllability"), want, 1e-13)

    def test_matrices(self):
        b, c = kit.random(62, 6, 2), kit.random(63, 3, 6)
        base = ["gramian", "--a", "a.npy", "--b", save("b.npy", b), "--c", save("c.npy", c), "--which"]
        self.close(self.result(*base, "observability"), gramian(self.a, c.T @ c), 1e-13)
        self.close(self.result(*base, "controllability"), gramian(self.a, b @ b.T), 1e-13)
        self.close(self.result(*base, "controllability", "--horizon", "2"), gramian(self.a, b @ b.T, 2.0), 1e-13)
        self.close(self.result("gramian", "--a", "a.npy", "--which", "observability"), gramian(self.a, np.eye(6)), 1e-13)

    def test_parameter_space(self):
        j, d, decay = kit.random(65, 4, 7), 0.5 + np.abs(kit.random(66, 7)), 0.3
        base = ["gramian", "--jacobian", save("j.npy", j), "--which"]
        self.close(self.result(*base, "observability"), j.T @ np.linalg.solve(j @ j.T, j) / 2, 1e-13)
        k = j @ j.T
        w = self.result(*base, "observability", "--weight-decay", "0.3")
        self.close(2 * np.trace(w), np.trace(np.linalg.solve(k + decay * np.eye(4), k)), 1e-13)
        root = np.sqrt(d)
        g = j / root
        f = gramian(-(g.T @ g + decay * np.eye(7)), g.T @ g, 0.4)
        flags = ["--optimizer-d", save("d.npy", d), "--weight-decay", "0.3", "--horizon", "0.4"]
        self.close(self.result(*base, "observability", *flags), f * np.outer(root, root), 1e-13)
        self.close(self.result(*base, "controllability", *flags), f / np.outer(root, root), 1e-13)

    def test_large_parameter_space(self):
        """Above p = 10,000 the answer is a factor."""
        j = np.cos(np.arange(3 * 10001.0) ** 1.5).reshape(3, 10001)
        f = self.result("gramian", "--jacobian", save("j.npy", j), "--which", "observability")
        self.assertEqual(f.shape, (10001, 3))
        self.close(f @ (f.T @ j[0]), j[0] / 2, 1e-13)

    def test_hankel_and_reduction(self):
        """Hankel values are the roots of the eigenvalues of W_c W_o; the reduced transfer function stays within the bound."""
        a, b, c = self.a + np.triu(kit.random(67, 6, 6), 1) / 10, kit.random(68, 6, 2), kit.random(69, 3, 6)
        eye = np.eye(6)
        solve = lambda m, q: np.linalg.solve(np.kron(m, eye) + np.kron(eye, m), -q.reshape(-1)).reshape(6, 6)
        want = np.sqrt(np.sort(np.linalg.eigvals(solve(a, b @ b.T) @ solve(a.T, c.T @ c)).real)[::-1])
        report = json.loads(self.ntk("gramian", "--a", save("a.npy", a), "--b", save("b.npy", b), "--c", save("c.npy", c), "--which", "observability",
                                     "--out", "w.npy", "--hankel", "s.npy", "--reduce", "2", "--out-a", "ar.npy", "--out-b", "br.npy", "--out-c",
                                     "cr.npy", "--json"))
        self.close(np.load("s.npy"), want, 1e-7)  # roots of eigenvalues: half of the digits of the small ones
        self.assertAlmostEqual(report["bound"] / (2 * want[2:].sum()), 1, 6)
        ar, br, cr = (np.load(n) for n in ("ar.npy", "br.npy", "cr.npy"))
        errors = [np.linalg.norm(c @ np.linalg.solve(1j * f * eye - a, b) - cr @ np.linalg.solve(1j * f * np.eye(2) - ar, br), 2)
                  for f in np.logspace(-3, 3, 61)]
        self.assertLessEqual(max(errors), report["bound"] * (1 + 1e-9))
        self.assertGreater(max(errors), want[2] * 0.99)  # no model of 2 states is closer than sigma_3
        self.ntk("gramian", "--a", "a.npy", "--which", "observability", "--out", "w.npy", "--reduce", "7", code=2, saying="k is 7")
        self.ntk("gramian", "--gram", "k.npy", "--which", "observability", "--out", "w.npy", "--out-a", "x.npy", code=2, saying="--out-a needs --reduce")
        said = json.loads(self.ntk("gramian", "--jacobian", "k.npy", "--weight-decay", "0.5", "--which", "observability", "--out", "w.npy", "--hankel", "s.npy",
                                   "--reduce", "2", "--out-a", "ar.npy", "--json"))
        squares = np.linalg.eigvalsh(self.a)**2
        values = np.sort(squares / 2 / (squares + 0.5))[::-1]
        self.close(np.load("s.npy"), values, 1e-13)
        self.assertAlmostEqual(said["bound"], 2 * values[2:].sum(), 12)
        self.close(np.diag(np.load("ar.npy")), -np.sort(squares)[::-1][:2] - 0.5, 1e-13)

    def test_uses(self):
        a, b, c = self.a + np.triu(kit.random(67, 6, 6), 1) / 10, kit.random(68, 6, 6), kit.random(69, 3, 6)
        values, vectors = np.linalg.eig(a)
        e = lambda t: ((vectors * np.exp(values * t)) @ np.linalg.inv(vectors)).real
        base = ["gramian", "--a", save("a.npy", a), "--b", save("b.npy", b), "--c", save("c.npy", c), "--which", "observability", "--out", "w.npy", "--json"]
        times, x0, noise = np.linspace(0, 2, 21), kit.random(70, 6), np.linspace(0.1, 0.2, 21)
        wide = base + ["--times", save("t.npy", times)]
        self.ntk(*wide, "--start", save("x.npy", x0), "--out-response", "z.npy")
        h = np.array([c @ e(t) for t in times])
        self.close(np.load("z.npy"), h @ x0, 1e-12)
        said = json.loads(self.ntk(*wide, "--samples", "z.npy", "--noise", save("n.npy", noise), "--out-state", "s.npy", "--out-covariance", "v.npy"))
        scaled = (h / noise[:, None, None]).reshape(-1, 6)
        self.assertEqual(said["shown_directions"], 6)
        self.close(np.load("s.npy"), x0, 1e-8)
        self.close(np.load("v.npy"), np.linalg.inv(scaled.T @ scaled), 1e-8)
        self.ntk(*wide, "--samples", "z.npy", "--noise", "n.npy", "--prior", "0.5", "--out-state", "s.npy", "--out-covariance", "v.npy")
        self.close(np.load("v.npy"), np.linalg.inv(scaled.T @ scaled + 4 * np.eye(6)), 1e-8)
        said = json.loads(self.ntk(*base, "--reach", "x.npy", "--out-costate", "p.npy", "--settle", "0.1"))
        wc = self.result("gramian", "--a", "a.npy", "--b", "b.npy", "--which", "controllability")
        self.close(wc @ np.load("p.npy"), x0, 1e-8)
        self.assertAlmostEqual(said["least_energy"] / (x0 @ np.linalg.solve(wc, x0)), 1, 8)
        self.assertAlmostEqual(said["abscissa"], values.real.max(), 10)
        self.assertAlmostEqual(said["largest_step"], (-2 * values.real / abs(values)**2).min(), 10)
        self.assertAlmostEqual(said["settling_time"], np.log(10) / -values.real.max(), 9)
        self.assertLessEqual(np.linalg.norm(e(said["settled_for_certain"]), 2), 0.1)
        self.ntk(*base[:3], "--b", save("b1.npy", np.zeros((6, 1))), *base[5:-1], "--reach", "x.npy", code=1, saying=["x.npy: x cannot be reached", "0 directions of 6"])
        self.ntk(*base, "--start", "x.npy", "--out-response", "z.npy", code=2, saying="need --times")
        self.ntk(*wide, code=2, saying="--times needs")
        self.ntk(*base, "--settle", "1", code=2, saying="share is 1")

    def test_directions(self):
        self.ntk("gramian", "--gram", "k.npy", "--which", "observability", "--horizon", "0.4", "--out", "w.npy", "--out-directions", "v.npy", "--out-shares", "f.npy")
        values, v = np.linalg.eigvalsh(-self.a), np.load("v.npy")
        self.close(np.load("f.npy"), -np.expm1(-0.8 * values), 1e-13)
        self.close(-self.a @ v, v * values, 1e-13)

    def test_steps(self):
        """W = sum of E^k E^k, E = 1 - step K."""
        w = self.result("gramian", "--gram", "k.npy", "--which", "observability", "--step", "0.05")
        e = np.eye(6) + 0.05 * self.a
        self.close(w, np.linalg.inv(np.eye(6) - e @ e), 1e-12)
        said = json.loads(self.ntk("gramian", "--gram", "k.npy", "--which", "observability", "--step", "0.05", "--out", "w.npy", "--json"))
        self.assertLess(said["residual"], 1e-14)
        self.ntk("gramian", "--gram", "k.npy", "--which", "observability", "--step", "100", "--out", "w.npy", code=1, saying="does not converge")
        self.ntk("gramian", "--gram", "k.npy", "--which", "observability", "--step", "1", "--horizon", "2", "--out", "w.npy", code=2, saying="exclude")
        w = self.result("gramian", "--jacobian", "k.npy", "--which", "observability", "--step", "0.01", "--weight-decay", "0.5")
        e = np.eye(6) - 0.01 * (self.a @ self.a + 0.5 * np.eye(6))
        self.close(w, np.linalg.solve(np.eye(6) - e @ e, self.a @ self.a), 1e-12)
        self.ntk("gramian", "--jacobian", "k.npy", "--which", "observability", "--step", "1", "--out", "w.npy", code=1, saying="expected less than")

    def test_what_rests(self):
        base = ["gramian", "--a", save("r.npy", np.array([[-1.0, 1], [0, 0]])), "--which", "observability", "--out", "w.npy", "--json"]
        self.assertEqual(json.loads(self.ntk(*base, "--c", save("u.npy", np.array([[1.0, -1]]))))["resting_modes"], 1)
        self.close(np.load("w.npy"), np.array([[0.5, -0.5], [-0.5, 0.5]]), 1e-15)
        self.ntk(*base, code=1, saying=["the eigenvalue", "does not decay"])

    def test_picture(self):
        base = ["gramian", "--which", "observability", "--out", "w.npy"]
        self.ntk(*base, "--gram", "k.npy", "--hankel", "s.npy", "--plot", "p.svg")
        text = open("p.svg").read()
        self.assertTrue("<svg" in text and "Hankel values" in text and "eigenvalues of the Gramian" in text)
        j = np.cos(np.arange(3 * 10001.0) ** 1.5).reshape(3, 10001)
        self.ntk(*base, "--jacobian", save("j.npy", j), "--plot", "q.png")
        self.assertEqual(open("q.png", "rb").read(4), b"\x89PNG")
        os.remove("w.npy")
        self.ntk(*base, "--gram", "k.npy", "--plot", "none.png", saying="gnuplot is not installed", env=dict(os.environ, PATH="/nonexistent"))
        self.assertTrue(os.path.exists("w.npy") and not os.path.exists("none.png"))

    def test_residual(self):
        report = json.loads(self.ntk("gramian", "--gram", "k.npy", "--which", "observability", "--out", "w.npy", "--json"))
        self.assertLess(report["residual"], 1e-14)
        self.assertNotIn("residual", json.loads(self.ntk("gramian", "--gram", "k.npy", "--which", "observability", "--horizon", "1", "--out", "w.npy", "--json")))

    def test_refused(self):
        base = ["gramian", "--out", "w.npy", "--which", "observability"]
        self.ntk(*base, code=2, saying="one of --gram, --a and --jacobian")
        self.ntk(*base, "--a", "a.npy", "--jacobian", "a.npy", code=2, saying="exclude each other")
        self.ntk(*base, "--gram", "k.npy", "--weight-decay", "1", code=2, saying="--weight-decay needs --jacobian")
        self.ntk(*base, "--jacobian", "a.npy", "--optimizer-d", save("d.npy", np.ones(5)), code=2, saying="5")
        self.ntk(*base, "--gram", "k.npy", "--a", "a.npy", code=2, saying="exclude each other")
        self.ntk(*base, "--jacobian", "k.npy", "--b", "a.npy", code=2, saying="--b and --jacobian exclude each other")
        self.ntk(*base, "--a", "a.npy", "--horizon", "0", code=2, saying="horizon")
        self.ntk(*base, "--a", save("z.npy", np.zeros((2, 2))), code=1)
        self.ntk(*base, "--a", "a.npy", "--c", save("c.npy", np.ones((2, 5))), code=2, saying="[2, 5]")
        self.ntk("gramian", "--gram", "k.npy", "--out", "w.npy", code=2, saying="--which")
        self.assertFalse(os.path.exists("w.npy"))


if __name__ == "__main__":
    kit.main()
