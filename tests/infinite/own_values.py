#!/usr/bin/env python3
"""Prints own_values.h: E phi(u) phi(v) and E phi'(u) phi'(v) (without the jumps) of the functions of own.c by double integrals in mpmath, 30 digits.

u = a z, v = b (rho z + sqrt(1 - rho^2) w) with independent z, w.  Pieces of phi are polynomials (softsign: a rational function), so all is cut
where u or v meets a break, and panels are short against the distance of the poles of softsign; nothing in common with the library, which turns its coordinates.
"""
from mpmath import mp, mpf

mp.dps = 30
H = mpf(1) / 2
FUNCTIONS = {
    "hard_tanh": ((-1, 1), lambda x: max(-1, min(1, x)), lambda x: mpf(abs(x) < 1)),
    "hard_swish": ((-3, 3), lambda x: mpf(0) if x <= -3 else x if x >= 3 else x * (x + 3) / 6, lambda x: mpf(0) if x <= -3 else mpf(1) if x >= 3 else (2 * x + 3) / 6),
    "stairs": ((-3 * H, -H, H, 3 * H), lambda x: x / 4 + sum(x > t for t in (-3 * H, -H, H, 3 * H)) - 2, lambda x: mpf(1) / 4),
    "softsign": ((0,), lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
}
CASES = [("1", "1", "0.5"), ("1", "1.5", "-0.75"), ("0.25", "2", "0.9375"), ("1", "1", "0.999"), ("5", "5", "0.875"), ("5", "4.5", "-0.9999"), ("2", "1.96875", "0.999999")]


def legendre(n):
    out = []
    for i in range(n):
        z = mp.cos(mp.pi * (i + mpf(3) / 4) / (n + H))
        for _ in range(12):
            p, last = mpf(1), mpf(0)
            for k in range(1, n + 1):
                p, last = ((2 * k - 1) * z * p - (k - 1) * last) / k, p
            slope = n * (last - z * p) / (1 - z * z)
            z -= p / slope
        out.append((z, 2 / ((1 - z * z) * slope * slope)))
    return out


RULE = legendre(16)


def points(cuts, width, reach=9):
    """Nodes and weights with the normal density, cut at `cuts`, panels no wider than `width`."""
    ends = [mpf(-reach)] + sorted(c for c in cuts if -reach < c < reach) + [mpf(reach)]
    for low, high in zip(ends, ends[1:]):
        if high <= low:
            continue
        panels = int(mp.ceil((high - low) / width))
        half = (high - low) / panels / 2
        for i in range(panels):
            middle = low + (2 * i + 1) * half
            for x, w in RULE:
                z = middle + half * x
                yield z, w * half * mp.npdf(z)


def outer_cuts(breaks, a, b, rho, root):
    """Around t/(b rho) the inner integral changes within root: panels that shrink towards it."""
    cuts = [t / a for t in breaks]
    for t in breaks:
        centre, step = t / (b * rho), root / abs(rho)
        cuts += [centre + s * step * k for s in (-1, 1) for k in (0, 2, 4, 8, 16, 32, 64, 128, 256, 512)]
    return cuts


def integrals(f, a, b, rho, pole):
    breaks, value, slope = f
    root = mp.sqrt(1 - rho * rho)
    outer, inner = min(mpf(2), pole / max(a, b)), min(mpf(3), pole / (b * root))
    k = dot = mpf(0)
    for z, wz in points(outer_cuts(breaks, a, b, rho, root), outer):
        sk = sd = mpf(0)
        for w, ww in points([(t / b - rho * z) / root for t in breaks], inner):
            v = b * (rho * z + root * w)
            sk += ww * value(v)
            sd += ww * slope(v)
        k += wz * value(a * z) * sk
        dot += wz * slope(a * z) * sd
    return k, dot


print("/* Made by tests/infinite/own_values.py: phi, standard deviations, correlation, E phi phi, E phi' phi' without the jumps. */")
for name, f in FUNCTIONS.items():
    for a, b, rho in CASES:
        k, dot = integrals(f, mpf(a), mpf(b), mpf(rho), mpf(1) if name == "softsign" else mp.inf)
        print('{"%s", %s, %s, %s, %s, %s},' % (name, a, b, rho, mp.nstr(k, 18), mp.nstr(dot, 18)), flush=True)
