#!/usr/bin/env python3
"""Grams with near-duplicate rows, and their smallest eigenvalue: values (with --write, needs mpmath) and what the tests share.

|lambda_min - that of the oracle| <= 8 eps (1 + L/10) sqrt(n) max diagonal, eps the unit roundoff: a bound the textbook recursion fails.
"""
import os
import sys
from decimal import Decimal

import numpy as np

import points

# name, depth, bias, rows, distance of the duplicates, numbers in a row: 784 go by products of matrices
CASES = {
    "f64": [("relu", 1, None, 64, 1e-4, 5), ("relu", 3, None, 64, 1e-6, 5), ("relu", 3, 0.25, 48, 1e-8, 5), ("relu", 20, None, 32, 1e-5, 5), ("abs", 3, None, 24, 1e-7, 5),
            ("erf", 3, 0.25, 24, 1e-3, 5), ("gelu", 3, None, 24, 1e-3, 5), ("sign", 1, None, 32, 1e-6, 5), ("relu", 3, None, 24, 1e-6, 784)],
    "f32": [("relu", 1, None, 64, 1e-2, 5), ("relu", 3, None, 48, 1e-3, 5), ("relu", 20, None, 32, 1e-4, 5), ("gelu", 3, 0.25, 24, 1e-1, 5), ("relu", 3, None, 24, 1e-2, 784)],
}
UNIT = {"f64": 2.0 ** -53, "f32": 2.0 ** -24}


def rows(n, distance, dtype, d):
    """n/4 directions, each four times, that distance apart: a fixed sequence of dyadic numbers, one rounding."""
    state, numbers = 1, []
    for _ in range(2 * n * d):
        state = (1103515245 * state + 12345) & 0x7FFFFFFF
        numbers.append(state / 2 ** 30 - 1)
    base, change = np.array(numbers[:n * d]).reshape(n, d), np.array(numbers[n * d:]).reshape(n, d)
    return (base[np.arange(n) // 4] + distance * change).astype(points.DTYPES[dtype])


def bound(dtype, depth, n, largest):
    return 8 * UNIT[dtype] * (1 + depth / 10) * n ** 0.5 * largest


def smallest(k):
    """The smallest eigenvalue of a matrix of doubles, by bisection in the longest float of NumPy (eigvalsh is wrong by eps lambda_max):
    k - s is positive definite below it, which a factorisation says to n of that float's eps."""
    k, ends = np.asarray(k, np.longdouble), np.linalg.eigvalsh(np.asarray(k, float))
    low, high = (np.longdouble(ends[0] + side * 1e-12 * ends[-1]) for side in (-1, 1))
    assert definite(k, low) and not definite(k, high)
    while high - low > 1e-18 * ends[-1]:
        middle = (low + high) / 2
        low, high = (middle, high) if definite(k, middle) else (low, middle)
    return low


def definite(k, shift):
    """Is k - shift positive definite?  By elimination."""
    a = k - shift * np.eye(len(k), dtype=np.longdouble)
    for j in range(len(a)):
        if not a[j, j] > 0:
            return False
        a[j + 1:, j + 1:] -= np.outer(a[j + 1:, j], a[j, j + 1:]) / a[j, j]
    return True


def path():
    return os.path.join(os.path.dirname(__file__), "grams.tsv")


def read():
    """(dtype, case) -> smallest eigenvalues of NNGP and NTK."""
    with open(path()) as lines:
        return {(line.split("\t")[0], int(line.split("\t")[1])): [Decimal(v) for v in line.split("\t")[2:]] for line in lines if line[0] != "#"}


def eigenvalues(dtype, case):
    from mpmath import mp
    import network
    name, depth, bias, n, distance, d = case
    net, x = points.chain(name, depth, bias, d), rows(n, distance, dtype, d)
    k, t = mp.matrix(n), mp.matrix(n)
    for i in range(n):
        for j in range(i + 1):
            k[i, j], t[i, j] = network.kernel(net, x[i], x[j])
            k[j, i], t[j, i] = k[i, j], t[i, j]
    with mp.workdps(40):
        return [min(mp.eigsy(m, eigvals_only=True)) for m in (k, t)]


def main():
    from mpmath import mp
    with open(path(), "w") as out:
        print("# Made by grams.py --write: type, case, smallest eigenvalue of NNGP, of NTK", file=out)
        for dtype, cases in CASES.items():
            for i, case in enumerate(cases):
                print(dtype, i, *[mp.nstr(v, 20) for v in eigenvalues(dtype, case)], sep="\t", file=out, flush=True)


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    main()
