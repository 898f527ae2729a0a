#!/usr/bin/env python3
"""values.py FILE f64|f32: writes the truth of points.py, a line per pair: K, Theta, sqrt(K11 K22), sqrt(Theta11 Theta22), and for the
activations that amplify the condition number (network.py).  Computed with 50 digits and more, written with 24.  Needs mpmath."""
import sys

from mpmath import mp, mpf

import network
import points


def extra(names, dtype):
    """Digits that the lengths cost: the fourth power of their ratio to 1."""
    return max([4 * abs(k) for k in points.RANGE[dtype] for n in names if n.startswith("long") and n.endswith(" %d" % k)] + [0])


def text(v, digits=24):
    if abs(v) < mpf(10) ** -400:
        return "0"  # beyond both types
    if abs(v) > mpf(10) ** 400:
        return "Infinity"
    if abs(v) < mpf(10) ** -400:
        return "0"  # no number of either type
    return mp.nstr(v, digits, min_fixed=0, max_fixed=0, strip_zeros=True)


def lines(dtype, name, depth, bias):
    net, all_points, diagonal = points.chain(name, depth, bias), points.points(dtype), {}
    for a, b in points.pairs(dtype, name in points.STEADY):
        e = extra((a, b), dtype)
        for n in (a, b):
            if n not in diagonal:
                diagonal[n] = network.kernel(net, all_points[n], all_points[n], e)
        k = diagonal[a] if a == b else network.kernel(net, all_points[a], all_points[b], e)
        scale = [mp.sqrt(i * j) for i, j in zip(diagonal[a], diagonal[b])]
        cond = network.condition(net, all_points[a], all_points[b]) if name in points.AMPLIFYING else mpf(1)
        yield "\t".join([a, b] + [text(v) for v in k] + [text(s, 17) for s in scale] + [text(cond, 3)])


def main():
    path, dtype = sys.argv[1:]
    mp.dps = 40
    with open(path, "w") as out:
        for name, depth, bias in points.configurations():
            print("# %s\t%d\t%s" % (name, depth, bias), file=out, flush=True)
            for line in lines(dtype, name, depth, bias):
                print(line, file=out)


if __name__ == "__main__":
    main()
