#!/usr/bin/env python3
"""kinked.py --write: a smooth activation, then one with a kink or a jump, of proportional inputs of unequal lengths, kept as kinked.tsv: what a
smooth layer hands on must be a distance, not one minus a cosine.  Reading needs NumPy only."""
import os
import sys
from decimal import Decimal

import numpy as np

import points

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kinked.tsv")
SMOOTH = {"erf": {"op": "erf"}, "sigmoid_like": {"op": "sigmoid_like"}, "gelu": {"op": "gelu"}, "gabor": {"op": "gabor"}, "sin": {"op": "sin"}}
KINKED = {"relu": {"op": "relu"}, "sign": {"op": "sign"}}
LENGTHS = {"f64": (1e-6, 0.03, 0.3, 2), "f32": (1e-3, 0.03, 0.3, 2)}
RATIOS = (1 + 1e-6, 1.3, -1.3, 2.5, 4, -10)
APART = {"f64": (0, 1e-10, 1e-4), "f32": (0, 1e-3)}


def network(smooth, kinked):
    dense = {"op": "dense", "units": 8, "w_std": 1.25}
    return {"format": "ntk-network", "version": 1, "input": [points.D], "layers": [dense, SMOOTH[smooth], dense, KINKED[kinked], dense]}


def pairs(dtype):
    for length in LENGTHS[dtype]:
        for ratio in RATIOS:
            for apart in APART[dtype]:
                yield (length * points.X).astype(points.DTYPES[dtype]), (length * ratio * (points.X + apart * points.E)).astype(points.DTYPES[dtype])


def cases():
    for dtype in points.DTYPES:
        for smooth in SMOOTH:
            for kinked in KINKED:
                yield dtype, smooth, kinked


def read():
    """(dtype, smooth, kinked) -> rows of K, Theta, sqrt(K11 K22), sqrt(Theta11 Theta22), in the order of pairs()."""
    result = {}
    with open(FILE) as lines:
        for line in lines:
            *case, k, theta, k_scale, theta_scale = line.split()
            result.setdefault(tuple(case), []).append([Decimal(v) for v in (k, theta, k_scale, theta_scale)])
    return result


def worst(case, rows):
    """The worst error of the library relative to its scale."""
    import ntk
    kernel, found = ntk.Kernel(ntk.Network(network(*case[1:]))), Decimal(0)
    for (x, y), row in zip(pairs(case[0]), rows, strict=True):
        got = kernel(x[None], y[None], want=("nngp", "ntk"))
        for value, exact, scale in zip((got["nngp"], got["ntk"]), row, row[2:]):
            found = max(found, abs(Decimal(float(value[0, 0])) - exact) / (scale or 1))
    return float(found)


def write():
    from mpmath import mp
    import network as exact
    with open(FILE, "w") as out:
        for case in cases():
            net = network(*case[1:])
            for x, y in pairs(case[0]):
                k, one, two = (exact.kernel(net, a, b, 60) for a, b in ((x, y), (x, x), (y, y)))
                numbers = [mp.nstr(v, 24, min_fixed=0, max_fixed=0) for v in k] + [mp.nstr(mp.sqrt(a * b), 17, min_fixed=0, max_fixed=0) for a, b in zip(one, two)]
                print("\t".join([*case, *numbers]), file=out)


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    write()
