#!/usr/bin/env python3
"""Prints the polynomials of lib/infinite/relu_polynomials.h (needs mpmath).

For w = 1 - cos t in [0, 1]:   t = sqrt(w) P(w),   sin t - t cos t = w^(3/2) R(w).   P and R are analytic up to w = 2
(docs/distance-form.md).  Interpolated in Chebyshev nodes with 60 digits, then written in powers of w.

For h = sqrt(2 - w) = sqrt(2) cos(t/2) in [1, sqrt(2)]:   t = sqrt(w) H(h - 5/4).  H is singular at h = -sqrt(2) only, so that half of the
terms do; lib/infinite/plane_loops.c has h at hand.
"""
import sys
from mpmath import mp, mpf, acos, asin, sqrt, sin, cos, chebyt, pi, matrix, lu_solve, nstr, taylor

mp.dps = 60

def P(w):
    return sqrt(2) if w == 0 else 2 * asin(sqrt(w / 2)) / sqrt(w)

def R(w):
    if w < mpf(10) ** -12:
        return 2 * sqrt(2) / 3 + w * mpf(0)
    t = 2 * asin(sqrt(w / 2))
    return (sin(t) - t * cos(t)) / (w * sqrt(w))

def H(z):
    h = z + mpf(5) / 4
    w = 2 - h * h
    return sqrt(2) if w < mpf(10) ** -30 else P(w)

def interpolate(f, degree, low=mpf(0), high=mpf(1)):
    nodes = [low + (high - low) * (1 + cos(pi * (2 * k + 1) / (2 * degree + 2))) / 2 for k in range(degree + 1)]
    A = matrix(degree + 1, degree + 1)
    b = matrix(degree + 1, 1)
    for i, x in enumerate(nodes):
        b[i] = f(x)
        for j in range(degree + 1):
            A[i, j] = x ** j
    return list(lu_solve(A, b))

def worst(f, c, low=mpf(0), high=mpf(1), points=400):
    e = mpf(0)
    for i in range(points + 1):
        w = low + (high - low) * mpf(i) / points
        if w == 0: w = mpf(10) ** -9
        v = sum(c[j] * w ** j for j in range(len(c)))
        e = max(e, abs(v / f(w) - 1))
    return e

print("/* Made by scripts/relu_coefficients.py.  Relative error of the polynomial, in exact arithmetic, beside each. */")
unit, half = (mpf(0), mpf(1)), (mpf(-1) / 4, sqrt(2) - mpf(5) / 4)
for type, degrees in (("F64", (19, 18, 10)), ("F32", (8, 7, 4))):
    for name, f, degree, (low, high) in (("P", P, degrees[0], unit), ("R", R, degrees[1], unit), ("H", H, degrees[2], half)):
        c = interpolate(f, degree, low, high)
        print("#define NTK_%s_%s /* %s */ \\" % (name, type, nstr(worst(f, c, low, high), 2)))
        print("    {" + ", ".join(nstr(x, 20 if type == "F64" else 10) + ("" if type == "F64" else "f") for x in c) + "}")
