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

    def test_matrices(self):
        b, c = kit.random(62, 6, 2), kit.random(63, 3, 6)
        base = ["gramian", "--a", "a.npy", "--b", save("b.npy", b), "--c", save("c.npy", c), "--which"]
        self.close(self.result(*base, "observability"), gramian(self.a, c.T @ c), 1e-13)
        self.close(self.result(*base, "controllability"), gramian(self.a, b @ b.T), 1e-13)
        self.close(self.result(*base, "controllability", "--horizon", "2"), gramian(self.a, b @ b.T, 2.0), 1e-13)
        self.close(self.result("gramian", "--a", "a.npy", "--which", "observability"), gramian(self.a, np.eye(6)), 1e-13)

    def test_residual(self):
        report = json.loads(self.ntk("gramian", "--gram", "k.npy", "--which", "observability", "--out", "w.npy", "--json"))
        self.assertLess(report["residual"], 1e-14)
        self.assertNotIn("residual", json.loads(self.ntk("gramian", "--gram", "k.npy", "--which", "observability", "--horizon", "1", "--out", "w.npy", "--json")))

    def test_refused(self):
        base = ["gramian", "--out", "w.npy", "--which", "observability"]
        self.ntk(*base, code=2, saying="one of --gram and --a")
        self.ntk(*base, "--gram", "k.npy", "--a", "a.npy", code=2, saying="exclude each other")
        self.ntk(*base, "--gram", "k.npy", "--b", "a.npy", code=2, saying="--b needs --a")
        self.ntk(*base, "--a", "a.npy", "--horizon", "0", code=2, saying="horizon")
        self.ntk(*base, "--a", save("z.npy", np.zeros((2, 2))), code=1)
        self.ntk(*base, "--a", "a.npy", "--c", save("c.npy", np.ones((2, 5))), code=2, saying="[2, 5]")
        self.ntk("gramian", "--gram", "k.npy", "--out", "w.npy", code=2, saying="--which")
        self.assertFalse(os.path.exists("w.npy"))


if __name__ == "__main__":
    kit.main()
