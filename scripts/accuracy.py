#!/usr/bin/env python3
"""accuracy.py: measures the library against the 50-digit values of tests/oracle and writes the tables of docs/accuracy.md anew.

    NTK_LIBRARY=build/lib/libntk.so PYTHONPATH=python scripts/accuracy.py            # rewrites the tables
    ... scripts/accuracy.py --print                                                 # shows them
"""
import json
import os
import sys

import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(ROOT, "tests", "oracle"), os.path.join(ROOT, "python")]
import grams
import kinked
import measure
import points

import ntk

PAGE = os.path.join(ROOT, "docs", "accuracy.md")


def digits(x):
    return "–" if x is None else "%.1e" % x


def chains():
    """A row per activation: the worst error over pairs, kernels and biases, by depth."""
    yield "| activation | " + " | ".join("f64, L = %d" % d for d in (1, 3, 10, 100)) + " | " + " | ".join("f32, L = %d" % d for d in (1, 3, 10, 100)) + " |"
    yield "|---" * 9 + "|"
    truth = {dtype: measure.read(dtype) for dtype in points.DTYPES}
    for name in points.DEPTHS:
        cells = []
        for dtype in points.DTYPES:
            for depth in (1, 3, 10, 100):
                found = [measure.worst(rows, name, depth, bias, dtype)[0][0] for (n, d, bias), rows in truth[dtype].items() if (n, d) == (name, depth)]
                cells.append(digits(max(found, default=None)))
        yield "| " + " | ".join([name + (" *" if name in points.AMPLIFYING else "")] + cells) + " |"
    yield "| bound | " + " | ".join(digits(points.BASE[t] * (1 + d / 10)) for t in points.DTYPES for d in (1, 3, 10, 100)) + " |"


def after_smooth():
    yield "| activation | f64, relu | f64, sign | f32, relu | f32, sign |"
    yield "|---" * 5 + "|"
    wanted = kinked.read()
    for name in kinked.SMOOTH:
        yield "| " + " | ".join([name] + [digits(kinked.worst((t, name, k), wanted[t, name, k])) for t in points.DTYPES for k in kinked.KINKED]) + " |"


def eigenvalues():
    yield "| type | network | n | duplicates | λmin (NTK) | error | bound |"
    yield "|---" * 7 + "|"
    wanted = grams.read()
    for dtype, cases in grams.CASES.items():
        for i, (name, depth, bias, n, distance, d) in enumerate(cases):
            k = ntk.Kernel(ntk.Network(points.chain(name, depth, bias, d)))(grams.rows(n, distance, dtype, d))
            if not k.any():
                continue
            error = abs(float(grams.smallest(k) - np.longdouble(str(wanted[dtype, i][1]))))
            yield "| %s | %s, L = %d%s | %d | %g | %s | %s | %s |" % (dtype, name, depth, ("" if bias is None else ", biases") + ("" if d == points.D else ", %d inputs" % d), n, distance, digits(float(wanted[dtype, i][1])),
                                                                   digits(error), digits(grams.bound(dtype, depth, n, k.diagonal().max())))


def networks():
    from decimal import Decimal
    worst, count = 0, 0
    with open(os.path.join(ROOT, "tests", "oracle", "networks.jsonl")) as lines:
        for record in map(json.loads, lines):
            got = ntk.Kernel(ntk.Network(record["network"]))(np.array(record["points"]), want=("nngp", "ntk"))
            exact = {tuple(p): [Decimal(v) for v in k] for p, k in zip(record["pairs"], record["kernels"])}
            count += 1
            for (i, j), condition in zip(record["pairs"], record["condition"]):
                for which, kind in enumerate(("nngp", "ntk")):
                    scale = abs(exact[i, i][which] * exact[j, j][which]).sqrt() or 1
                    worst = max(worst, float(abs(Decimal(float(got[kind][i, j])) - exact[i, j][which]) / scale) / condition)
    yield "%d networks of the whole catalogue: worst error %s of √(K11 K22), divided by the condition number; bound %s." % (count, digits(worst), digits(measure.NETWORK_BOUND))


TABLES = {"chains": chains, "kinked": after_smooth, "eigenvalues": eigenvalues, "networks": networks}


def main():
    with open(PAGE) as page:
        text = page.read()
    for name, table in TABLES.items():
        opening, closing = "<!-- table: %s -->\n" % name, "<!-- end -->"
        head, rest = text.split(opening)
        text = head + opening + "\n".join(table()) + "\n" + rest[rest.index(closing):]
    if sys.argv[1:] == ["--print"]:
        print(text)
        return
    with open(PAGE, "w") as page:
        page.write(text)


if __name__ == "__main__":
    main()
