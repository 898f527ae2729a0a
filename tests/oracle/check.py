#!/usr/bin/env python3
"""check.py: the closed forms of duals.py against double integrals of phi(u) phi(v), 20 digits.  Needs mpmath; exit 1 on a difference.

u = a z, v = b (rho z + sqrt(1 - rho^2) w) with independent z, w: nested Gauss-Legendre (mp.quad), cut where phi has a kink.
"""
import sys

from mpmath import mp, mpf

import duals

LAYERS = [
    {"op": "relu"}, {"op": "leaky_relu", "alpha": 0.25}, {"op": "abrelu", "a": -0.5, "b": 1.5}, {"op": "abs"}, {"op": "sign"}, {"op": "erf"},
    {"op": "erf", "a": 1.5, "b": 0.75, "c": -0.25}, {"op": "sigmoid_like"}, {"op": "gelu"}, {"op": "sin"}, {"op": "sin", "a": 0.5, "b": 1.25, "c": 0.5},
    {"op": "cos"}, {"op": "rbf"}, {"op": "rbf", "gamma": 0.375}, {"op": "gabor"}, {"op": "exp", "a": 0.5, "b": 0.75}, {"op": "gaussian"},
    {"op": "hermite", "degree": 3}, {"op": "monomial", "degree": 3}, {"op": "monomial", "degree": 4}, {"op": "rectified_monomial", "degree": 0},
    {"op": "rectified_monomial", "degree": 1}, {"op": "rectified_monomial", "degree": 2}, {"op": "rectified_monomial", "degree": 3},
    {"op": "rectified_monomial", "degree": 5}, {"op": "polynomial", "coef": [0.5, -1, 0.25, 0, 0.125]},
]
POINTS = [("1", "1", "0.5"), ("1.25", "0.5", "-0.75"), ("0.75", "2", "0.0625")]
REACH = 12


def expectation(f, kinks, a, b, rho):
    root = mp.sqrt(1 - rho * rho)
    def cuts(places):
        inside = sorted(p for p in places if -REACH < p < REACH)
        ends = [mpf(-REACH)] + inside + [mpf(REACH)]
        return [ends[0]] + [x for l, r in zip(ends, ends[1:]) for x in mp.linspace(l, r, 1 + max(1, int((r - l) / 4)))[1:]]
    def inner(z):
        places = [(k / b - rho * z) / root for k in kinks]
        return mp.quad(lambda w: f(b * (rho * z + root * w)) * mp.npdf(w), cuts(places), method="gauss-legendre")
    return mp.quad(lambda z: f(a * z) * mp.npdf(z) * inner(z), cuts([k / a for k in kinks]), method="gauss-legendre")


def main():
    worst = mpf(0)
    for layer in LAYERS:
        mp.dps = 30
        one = duals.activation(layer)
        for a, b, rho in POINTS:
            if layer["op"] == "hermite":
                a = b = "1"
            a, b, rho = mpf(a), mpf(b), mpf(rho)
            closed = one.dual(a * a, b * b, a * b * rho)
            mp.dps = 22
            found = [expectation(f, one.kinks, a, b, rho) if f else None for f in (one.value, one.derivative)]
            mp.dps = 30
            for c, i in zip(closed, found):
                if i is None:
                    continue
                error = abs(c - i) / (1 + abs(c))
                worst = max(worst, error)
                if error > mpf("1e-18"):
                    print("%s at %s %s %s: closed %s, integral %s" % (layer, a, b, rho, mp.nstr(c, 20), mp.nstr(i, 20)))
        print("%-20s fine" % layer["op"], flush=True)
    print("worst difference %s" % mp.nstr(worst, 3))
    return worst > mpf("1e-18")


if __name__ == "__main__":
    sys.exit(main())
