#!/usr/bin/env python3
"""numeric_speed.py [NAME ...]: ns per entry of the NTK of dense, phi, dense on 2,000 x 2,000 pairs of 32 inputs, one thread, best of three:
of rows of one length, and of rows as they come.

    NTK_LIBRARY=build/lib/libntk.so PYTHONPATH=python scripts/numeric_speed.py
"""
import sys
import time

import numpy as np

import ntk

N, D = 2000, 32


def measure(name, x):
    dense = {"op": "dense", "units": 8}
    kernel = ntk.Kernel(ntk.Network({"format": "ntk-network", "version": 1, "input": [D], "layers": [dense, {"op": name}, dense]}))
    out, times = np.zeros((N, N)), []
    for _ in range(3):
        start = time.perf_counter()
        kernel(x, x.copy(), out=out)
        times.append(time.perf_counter() - start)
    return min(times) / N ** 2 * 1e9


x = np.random.default_rng(0).standard_normal((N, D))
unit = x / np.linalg.norm(x, axis=1)[:, None] * D ** 0.5
for name in sys.argv[1:] or ("relu", "tanh", "silu", "sigmoid", "softplus", "elu"):
    with ntk.Context(threads=1):
        print("%-10s unit variance %6.1f ns, lengths as they come %6.1f ns" % (name, measure(name, unit), measure(name, x)), flush=True)
