"""The library against 50-digit values (tests/oracle): chains of every activation with a closed form, random networks of the whole fully
connected catalogue, the smallest eigenvalue of grams with near-duplicate rows.  On every instruction set, in both precisions."""
import json
import os
import sys
import unittest
from decimal import Decimal

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "oracle"))
import grams
import kinked
import measure
import points

import ntk

CPUS = ("c", "avx2", "avx512")  # a name above the machine's own runs its best


def on(cpu, work):
    """work() in a context of that instruction set."""
    before = os.environ.get("NTK_CPU")
    os.environ["NTK_CPU"] = cpu
    try:
        with ntk.Context():
            return work()
    finally:
        if before is None:
            del os.environ["NTK_CPU"]
        else:
            os.environ["NTK_CPU"] = before


def networks():
    with open(os.path.join(os.path.dirname(measure.__file__), "networks.jsonl")) as lines:
        return [json.loads(line) for line in lines]


class Truth(unittest.TestCase):
    def check_chains(self, dtype, cpu):
        truth = measure.read(dtype)
        self.assertEqual(set(truth), set(points.configurations()))
        for (name, depth, bias), rows in truth.items():
            (error, *where), count = measure.worst(rows, name, depth, bias, dtype)
            self.assertGreater(count, 10)
            self.assertLessEqual(error, measure.allowed(dtype, depth), (name, depth, bias, where, cpu))

    def test_chains(self):
        for cpu in CPUS:
            for dtype in points.DTYPES:
                with self.subTest(cpu=cpu, dtype=dtype):
                    on(cpu, lambda: self.check_chains(dtype, cpu))

    def test_kinked_after_smooth(self):
        wanted = kinked.read()
        self.assertEqual(set(wanted), set(kinked.cases()))
        for cpu in CPUS:
            for case, rows in wanted.items():
                with self.subTest(cpu=cpu, case=case):
                    self.assertLessEqual(on(cpu, lambda: kinked.worst(case, rows)), points.BASE[case[0]] * 1.2)

    def test_grams(self):
        wanted = grams.read()
        for dtype, cases in grams.CASES.items():
            for i, case in enumerate(cases):
                name, depth, bias, n, distance, d = case
                kernel = ntk.Kernel(ntk.Network(points.chain(name, depth, bias, d)))
                got = kernel(grams.rows(n, distance, dtype, d), want=("nngp", "ntk"))
                for kind, value in zip(("nngp", "ntk"), wanted[dtype, i]):
                    k = got[kind]
                    if not k.any():
                        continue  # the NTK of sign
                    self.assertTrue((k == k.T).all())
                    error = abs(float(grams.smallest(k) - np.longdouble(str(value))))
                    self.assertLessEqual(error, grams.bound(dtype, depth, n, k.diagonal().max()), (dtype, case, kind))

    def test_random_networks(self):
        for record in networks():
            x = np.array(record["points"])
            got = ntk.Kernel(ntk.Network(record["network"]))(x, want=("nngp", "ntk"))
            exact = {tuple(p): [Decimal(v) for v in k] for p, k in zip(record["pairs"], record["kernels"])}
            for (i, j), condition in zip(record["pairs"], record["condition"]):
                for which, kind in enumerate(("nngp", "ntk")):
                    scale = (abs(exact[i, i][which] * exact[j, j][which])).sqrt() or 1
                    error = float(abs(Decimal(float(got[kind][i, j])) - exact[i, j][which]) / scale)
                    self.assertLessEqual(error, measure.NETWORK_BOUND * condition, (record["seed"], i, j, kind))


if __name__ == "__main__":
    unittest.main()
