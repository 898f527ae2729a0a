#!/usr/bin/env python3
"""Prints numeric_values.h: E phi(u) phi(v) and E phi'(u) phi'(v) by plain double integrals in mpmath, 34 digits.

u = a z, v = b (rho z + sqrt(1 - rho^2) w) with independent z, w.  Gauss-Legendre panels in z and w, cut where u and v cross the kink;
panels are short against the distance of the poles of phi.  No Hermite series, no closed form: nothing in common with the library.
"""
import sys

import mpmath as mp

mp.mp.dps = 34
A = mp.mpf("1.67326324235437728481704299167167")
S = mp.mpf("1.05070098735548049341933498529460")


def logistic(x):
    return 1 / (1 + mp.exp(-x))


def elu(scale, alpha):
    return (lambda x: scale * (x if x > 0 else alpha * mp.expm1(x)), lambda x: scale * (1 if x > 0 else alpha * mp.exp(x)), mp.inf)


FUNCTIONS = {
    "tanh": (mp.tanh, lambda x: mp.sech(x) ** 2, mp.pi / 2),
    "sigmoid": (logistic, lambda x: logistic(x) * logistic(-x), mp.pi),
    "silu": (lambda x: x * logistic(x), lambda x: logistic(x) * (1 + x * logistic(-x)), mp.pi),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), logistic, mp.pi),
    "elu": elu(1, 1),
    "selu": elu(S, A),
}
CASES = [("1", "1", "0.5"), ("1", "1.5", "-0.75"), ("0.25", "2", "0.9375")]
LARGE = [("5", "5", "0.875"), ("5", "4", "-0.5")]


def legendre(n):
    out = []
    for i in range(n):
        z = mp.cos(mp.pi * (i + mp.mpf(3) / 4) / (n + mp.mpf(1) / 2))
        for _ in range(12):
            p, last = mp.mpf(1), mp.mpf(0)
            for k in range(1, n + 1):
                p, last = ((2 * k - 1) * z * p - (k - 1) * last) / k, p
            slope = n * (last - z * p) / (1 - z * z)
            z -= p / slope
        out.append((z, 2 / ((1 - z * z) * slope * slope)))
    return out


RULE = legendre(20)


def points(cut, width):
    """Nodes and weights with the normal density on [-11, 11], cut at `cut`."""
    for low, high in ((mp.mpf(-11), cut), (cut, mp.mpf(11))):
        low, high = max(low, mp.mpf(-11)), min(high, mp.mpf(11))
        if high <= low:
            continue
        panels = int(mp.ceil((high - low) / width))
        half = (high - low) / panels / 2
        for i in range(panels):
            middle = low + (2 * i + 1) * half
            for x, w in RULE:
                z = middle + half * x
                yield z, w * half * mp.npdf(z)


def integrals(f, a, b, rho):
    value, slope, pole = f
    root = mp.sqrt(1 - rho * rho)
    k = dot = mp.mpf(0)
    kinked = pole == mp.inf
    fixed = None if kinked else list(points(mp.mpf(0), min(mp.mpf(2), pole / (b * root))))
    for z, wz in points(mp.mpf(0), min(mp.mpf(2), pole / max(a, b))):
        sk = sd = mp.mpf(0)
        for w, ww in fixed or points(-rho * z / root, mp.mpf(2)):
            v = b * (rho * z + root * w)
            sk += ww * value(v)
            sd += ww * slope(v)
        k += wz * value(a * z) * sk
        dot += wz * slope(a * z) * sd
    return k, dot


print("/* Made by tests/infinite/numeric_values.py: phi, standard deviations, correlation, E phi phi, E phi' phi'. */")
WANTED = [(name, case) for name in ("elu", "silu", "tanh", "selu", "sigmoid", "softplus") for case in CASES[:1]]
WANTED += [(name, case) for name in ("elu", "selu") for case in CASES[1:] + LARGE]
WANTED += [(name, case) for name in ("tanh", "silu") for case in CASES[1:]] + [("tanh", LARGE[0])]
for name, (a, b, rho) in WANTED:
    k, dot = integrals(FUNCTIONS[name], mp.mpf(a), mp.mpf(b), mp.mpf(rho))
    print('{"%s", %s, %s, %s, %s, %s},' % (name, a, b, rho, mp.nstr(k, 20), mp.nstr(dot, 20)))
    sys.stdout.flush()
