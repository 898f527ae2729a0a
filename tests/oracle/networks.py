#!/usr/bin/env python3
"""networks.py [SEED COUNT]: random fully connected networks of the whole catalogue and their kernels by the naive reader, one JSON object a
line to standard output: the network, the points, K and Theta of all pairs, the scales that errors are relative to, the condition numbers.

All activations with a closed form, layer_norm, branches (sum, product, concat), repeat, identity, the three parameterizations on the
network and on layers, frozen and rated layers, layers with and without a bias.  The rules of where an exact kernel exists (docs/mathematics.md
section 2.4) are kept.  Needs mpmath.
"""
import json
import random
import sys

from mpmath import mp

import network

POINTS = 5


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def number(self, low, high):
        return round(self.r.uniform(low, high) * 64) / 64

    def dense(self, units=None, w=(0.5, 1.25)):
        layer = {"op": "dense", "units": units or self.r.randint(2, 9), "w_std": self.number(*w)}
        if self.r.random() < 0.5:
            layer["b_std"] = self.r.choice([0, self.number(0.05, 0.75)])
        if self.r.random() < 0.2:
            layer["parameterization"] = self.r.choice(["ntk", "standard", "textbook"])
        if self.r.random() < 0.15:
            layer["train"] = False
        if self.r.random() < 0.15:
            layer["lr"] = self.number(0, 3)
        return layer

    def activation(self):
        n = self.number
        return self.r.choice([
            lambda: {"op": "relu"}, lambda: {"op": "leaky_relu", "alpha": n(-0.5, 1)}, lambda: {"op": "abrelu", "a": n(-1, 1), "b": n(0.25, 1.5)},
            lambda: {"op": "abs"}, lambda: {"op": "sign"}, lambda: {"op": "erf"}, lambda: {"op": "erf", "a": n(0.5, 2), "b": n(0.25, 2), "c": n(-1, 1)},
            lambda: {"op": "sigmoid_like"}, lambda: {"op": "gelu"}, lambda: {"op": "sin"}, lambda: {"op": "sin", "a": n(0.5, 1.5), "b": n(0.25, 1.5), "c": n(-2, 2)},
            lambda: {"op": "cos"}, lambda: {"op": "cos", "a": n(0.5, 1.5), "b": n(0.25, 1.5), "c": n(-2, 2)}, lambda: {"op": "rbf", "gamma": n(0.125, 1)},
            lambda: {"op": "gabor"}, lambda: {"op": "exp", "a": n(0.25, 1), "b": n(-0.75, 0.75)}, lambda: {"op": "gaussian", "a": n(0.5, 1.5), "b": n(-1, -0.125)},
            lambda: {"op": "exp_normalized", "gamma": n(0.25, 1.5), "shift": n(-1, 0)}, lambda: {"op": "hermite", "degree": self.r.randint(0, 4)},
            lambda: {"op": "monomial", "degree": self.r.randint(1, 4)}, lambda: {"op": "rectified_monomial", "degree": self.r.randint(0, 4)},
            lambda: {"op": "polynomial", "coef": [n(-1, 1) for _ in range(self.r.randint(1, 5))]},
        ])()

    def calm(self):
        """To unit variance, sometimes: powers and exponentials stay in range."""
        return [{"op": "layer_norm", "epsilon": self.r.choice([1e-12, 0.125])}] if self.r.random() < 0.6 else []

    def block(self, depth):
        """Takes anything, leaves a Gaussian of zero mean with weights of its own."""
        units = self.r.randint(2, 9)
        kind = self.r.random()
        if depth == 0 or kind < 0.45:
            return [self.dense()] + self.calm() + [self.activation(), self.dense(units)]
        if kind < 0.6:  # a residual block: one branch may be without weights of its own
            inner = self.block(depth - 1)
            return [self.dense(units), {"op": "branch", "merge": "sum", "branches": [self.r.choice([[], [self.activation()], [{"op": "identity"}]]),
                                                                                    inner + [self.dense(units)]]}] + [self.dense()]
        if kind < 0.75:
            return [self.dense(), {"op": "branch", "merge": "product", "branches": [self.block(depth - 1) + [self.dense(units)] for _ in range(2)]}, self.dense()]
        if kind < 0.88:
            return [{"op": "branch", "merge": "concat", "branches": [self.block(depth - 1) + self.r.choice([[], [{"op": "relu"}], [{"op": "erf"}]])
                                                                      for _ in range(self.r.randint(2, 3))]}, self.dense()]
        return [{"op": "repeat", "times": self.r.randint(1, 3), "layers": [self.dense(w=(0.5, 1))] + self.calm() + [self.activation()]}, self.dense()]

    def network(self):
        d, layers = self.r.randint(1, 7), []
        for _ in range(self.r.randint(1, 3)):
            layers += self.block(self.r.randint(0, 2))
        if self.r.random() < 0.3:
            layers += self.calm() + [self.activation()]
        return {"format": "ntk-network", "version": 1, "input": [d], "parameterization": self.r.choice(["ntk", "ntk", "standard", "textbook"]), "layers": layers}

    def points(self, d):
        """Two of any kind, a near one, an opposite one, a multiple."""
        x = [[self.number(-2, 2) for _ in range(d)] for _ in range(2)]
        x[0][0] += 0.5
        x[1][-1] += 0.25
        return x + [[v + 2.0 ** -30 * w for v, w in zip(*x)], [-v for v in x[0]], [3 * v for v in x[1]]]


def record(seed):
    maker = Maker(seed)
    net = maker.network()
    x = maker.points(net["input"][0])
    pairs = [(i, j) for i in range(POINTS) for j in range(i + 1)]
    exact = {p: network.kernel(net, x[p[0]], x[p[1]]) for p in pairs}
    cond = {p: network.condition(net, x[p[0]], x[p[1]]) for p in pairs if p[0] != p[1]}
    if not all(1e-60 < abs(exact[i, i][0]) < 1e60 for i in range(POINTS)) or max(cond.values()) > 1e6:
        return None  # out of range, or nothing would be tested
    with mp.workdps(40):
        return {"seed": seed, "network": net, "points": x, "pairs": pairs,
                "kernels": [[mp.nstr(v, 22) for v in exact[p]] for p in pairs], "condition": [float(mp.nstr(cond.get(p, mp.mpf(1)), 3)) for p in pairs]}


def main():
    seed, count = (int(a) for a in sys.argv[1:] or (1, 60))
    while count > 0:
        found = record(seed)
        if found:
            print(json.dumps(found), flush=True)
            count -= 1
        seed += 1


if __name__ == "__main__":
    main()
