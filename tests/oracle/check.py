#!/usr/bin/env python3
"""check.py [--table]: the closed forms of duals.py against double integrals of phi(u) phi(v) and phi'(u) phi'(v), 20 digits.  Needs mpmath;
exit 1 on a difference.  --table: the rows of docs/accuracy.md.

u = a z, v = b (rho z + sqrt(1 - rho^2) w) with independent z, w.  Where phi is entire, the trapezoidal rule in z and w, whose error falls like
exp(-pi^2 / (h^2 (1/2 + c))), exp(c y^2) being the growth of phi(u) phi(v) along the imaginary axes: below 1e-30 here.  Where it has a kink, at 0,
that of u and that of v are two lines through the origin: polar coordinates, and Gauss-Legendre in the angle between the lines and along the radius
sees polynomials and exponentials only.  Every integral is taken twice, the second time with finer rules, so that the rule is judged too.
"""
import sys

from mpmath import mp, mpf
from mpmath.calculus.quadrature import GaussLegendre

import duals

LAYERS = [
    {"op": "relu"}, {"op": "leaky_relu", "alpha": 0.25}, {"op": "abrelu", "a": -0.5, "b": 1.5}, {"op": "abs"}, {"op": "sign"}, {"op": "erf"},
    {"op": "erf", "a": 1.5, "b": 0.75, "c": -0.25}, {"op": "sigmoid_like"}, {"op": "gelu"}, {"op": "sin"}, {"op": "sin", "a": 0.5, "b": 1.25, "c": 0.5},
    {"op": "cos"}, {"op": "rbf"}, {"op": "rbf", "gamma": 0.375}, {"op": "gabor"}, {"op": "exp", "a": 0.5, "b": 0.75}, {"op": "gaussian"},
    {"op": "hermite", "degree": 3}, {"op": "monomial", "degree": 3}, {"op": "monomial", "degree": 4}, {"op": "rectified_monomial", "degree": 0},
    {"op": "rectified_monomial", "degree": 1}, {"op": "rectified_monomial", "degree": 2}, {"op": "rectified_monomial", "degree": 3},
    {"op": "rectified_monomial", "degree": 5}, {"op": "polynomial", "coef": [0.5, -1, 0.25, 0, 0.125]},
]
POINTS = [("1", "1", "0.5"), ("1.25", "0.5", "-0.75"), ("0.75", "2", "0.0625"), ("0.125", "0.5", "0.96875")]
REACH = 14  # exp(-98) is 3e-43
BOUND = mpf("1e-18")


def trapezoidal(f, a, b, rho, steps):
    """Of h = 1/steps in z and in w."""
    root, nodes = mp.sqrt(1 - rho * rho), range(-REACH * steps, REACH * steps + 1)
    weights = [mp.exp(-mpf(i) ** 2 / steps ** 2 / 2) for i in nodes]
    rows = []
    for i, weight in zip(nodes, weights):
        z = mpf(i) / steps
        if weight < mpf("1e-35"):
            continue
        rows.append(weight * f(a * z) * mp.fsum(w * f(b * (rho * z + root * j / steps)) for j, w in zip(nodes, weights) if w * weight > mpf("1e-35")))
    return mp.fsum(rows) / steps ** 2 / (2 * mp.pi)


def gauss(left, right, level):
    middle, half = (left + right) / 2, (right - left) / 2
    return [(middle + half * x, half * w) for x, w in GaussLegendre(mp).calc_nodes(level, mp.prec)]


def polar(f, a, b, rho, level):
    """z = r sin(t), w = r cos(t): u = 0 at t = 0 and pi, v = b r sin(t + s), sin(s) = sqrt(1 - rho^2), at t = -s and pi - s."""
    s = mp.acos(rho)
    radii = [rule for k in range(4) for rule in gauss(mpf(REACH) * k / 4, mpf(REACH) * (k + 1) / 4, level)]
    total = []
    for left, right in ((-s, mpf(0)), (mpf(0), mp.pi - s), (mp.pi - s, mp.pi), (mp.pi, 2 * mp.pi - s)):
        for t, weight in gauss(left, right, level):
            one, two = a * mp.sin(t), b * mp.sin(t + s)
            total.append(weight * mp.fsum(w * r * mp.exp(-r * r / 2) * f(one * r) * f(two * r) for r, w in radii))
    return mp.fsum(total) / (2 * mp.pi)


def expectation(f, kinks, a, b, rho):
    """And how far the coarser rule is from it."""
    assert set(kinks) <= {0}
    rules = (polar, 4, 5) if kinks else (trapezoidal, 6, 8)
    coarse, fine = (rules[0](f, a, b, rho, n) for n in rules[1:])
    return fine, abs(fine - coarse)


def deviations(layer):
    """(of K and K. from their integrals, of the two rules) at every point, relative to 1 + |K|."""
    one = duals.activation(layer)
    for a, b, rho in POINTS:
        if layer["op"] == "hermite":
            a = b = "1"
        a, b, rho = mpf(a), mpf(b), mpf(rho)
        for closed, f in zip(one.dual(a * a, b * b, a * b * rho), (one.value, one.derivative)):
            if f is not None:
                integral, rule = expectation(f, one.kinks, a, b, rho)
                yield abs(closed - integral) / (1 + abs(closed)), rule / (1 + abs(closed))


def describe(layer):
    keys = ", ".join("%s = %s" % (k, v) for k, v in layer.items() if k != "op")
    return layer["op"] + (" (%s)" % keys if keys else "")


def main():
    mp.dps = 30
    table, failed = "--table" in sys.argv[1:], False
    if table:
        print("| activation | integrals | worst difference | of the two rules |\n|---|---|---|---|")
    for layer in LAYERS:
        found = list(deviations(layer))
        error, rule = (max(column) for column in zip(*found))
        failed |= error > BOUND
        cells = describe(layer), str(len(found)), mp.nstr(error, 2), mp.nstr(rule, 2)
        print(("| %s | %s | %s | %s |" if table else "%-40s %2s integrals, worst difference %s, of the two rules %s") % cells, flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
