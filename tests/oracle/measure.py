"""The library against values.py's files: errors relative to sqrt(K11 K22), as shares of the bound.  Needs the Python package, not mpmath."""
import os
from decimal import Decimal

import numpy as np

import points

def allowed(dtype, depth):
    """What an error may be."""
    return points.BASE[dtype] * (1 + depth / 10)


NETWORK_BOUND = 4e-15  # of random networks, times the condition number
NORMAL = {"f64": (1e-290, 1e300), "f32": (1e-30, 1e36)}


class Row:
    def __init__(self, line):
        self.a, self.b, *numbers = line.rstrip("\n").split("\t")
        self.values, self.scales, self.condition = numbers[:2], [Decimal(n) for n in numbers[2:4]], float(numbers[4])


def read(dtype):
    """(name, depth, bias) -> rows."""
    result = {}
    with open(os.path.join(os.path.dirname(__file__), "truth_%s.tsv" % dtype)) as lines:
        for line in lines:
            if line.startswith("# "):
                name, depth, bias = line[2:].rstrip("\n").split("\t")
                rows = result.setdefault((name, int(depth), None if bias == "None" else float(bias)), [])
            else:
                rows.append(Row(line))
    return result


def errors(kernel, row, vectors, dtype):
    """(kind, error) of each kernel whose size is a normal number."""
    x, y = vectors[row.a], vectors[row.b]
    low, high = NORMAL[dtype]
    if any(not low <= s <= high and s for s in row.scales):
        return
    got = kernel(x[None], None if row.a == row.b else y[None], want=("nngp", "ntk"))
    for kind, value, scale in zip(("nngp", "ntk"), row.values, row.scales):
        number = float(got[kind][0, 0])
        if not np.isfinite(number):
            yield kind, np.inf
        yield kind, float(abs(Decimal(number) - Decimal(value)) / (scale if scale else 1))


def worst(rows, name, depth, bias, dtype):
    """The worst error, of a network that amplifies divided by the condition number, and where."""
    import ntk
    kernel, vectors = ntk.Kernel(ntk.Network(points.chain(name, depth, bias))), points.points(dtype)
    found = [(error / row.condition, row.a, row.b, kind) for row in rows for kind, error in errors(kernel, row, vectors, dtype)]
    return max(found), len(found)
