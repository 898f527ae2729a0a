"""ntk tune: on real data the evidence rises and the held-out error gets no worse; the gradient is zero where it stops; what it refuses."""
import gzip
import json
import os
import unittest

import numpy as np

import kit
from kit import save

NETWORK = {"format": "ntk-network", "version": 1, "input": [64], "layers": [
    {"op": "dense", "units": 256, "w_std": 0.3, "b_std": 1.0}, {"op": "relu"},
    {"op": "dense", "units": 256, "w_std": 1.0, "b_std": 1.0}, {"op": "erf"},
    {"op": "dense", "units": 10, "w_std": 0.5}]}


def digits(first, count):
    with gzip.open(os.path.join(os.environ["NTK_SOURCE"], "data", "optdigits.csv.gz"), "rt") as f:
        rows = np.array([line.split(",") for line in f.readlines()[first:first + count]], float)
    return rows[:, :64], rows[:, 64].astype(np.int64)


@unittest.skipUnless(os.environ["NTK_NLOPT"] == "yes", "built without NLopt")
class Tune(kit.ToolTest):
    def setUp(self):
        super().setUp()
        x, y = digits(0, 120)
        save("x.npy", x)
        save("y.npy", y)
        x, y = digits(1000, 400)
        save("t.npy", x)
        save("u.npy", y)
        with open("net.json", "w") as f:
            json.dump(NETWORK, f)

    def held_out(self, network, noise):
        said = json.loads(self.ntk("fit", "--network", network, "--x", "x.npy", "--y", "y.npy", "--x-test", "t.npy", "--y-test", "u.npy", "--ridge", noise,
                                   "--out", "m.npy", "--json"))
        coded = np.eye(10)[np.load("u.npy")] - 0.1
        return said["accuracy"], np.sqrt(((np.load("m.npy") - coded)**2).mean())

    def tune(self, *more):
        return json.loads(self.ntk("tune", "--network", "net.json", "--x", "x.npy", "--y", "y.npy", "--out", "tuned.json", "--json", *more))

    def test_real_data(self):
        before = self.held_out("net.json", 0.01)
        for objective in ("evidence", "loo"):
            said = self.tune("--objective", objective, "--starts", 2, "--evaluations", 60)
            self.assertGreater(said["after"], said["before"])
            after = self.held_out("tuned.json", said["noise"])
            self.assertGreaterEqual(after[0], before[0])
            self.assertLess(after[1], before[1])
            with open("tuned.json") as f:
                tuned = json.load(f)
            self.assertEqual(tuned["layers"][0]["w_std"], said["values"]["layers[0].w_std"])
            self.assertEqual(tuned["layers"][0]["units"], 256)
        again = self.tune("--objective", "loo", "--starts", 2, "--evaluations", 60)
        self.assertEqual(again["values"], said["values"])  # the same numbers every time

    def test_where_it_stops_nothing_grows(self):
        """A step of 1 % of any value, up or down, does not raise the evidence."""
        said = self.tune("--starts", 1, "--evaluations", 400, "--limit", 40, "--span", 1e4)
        for name in said["values"]:
            if name == "noise":
                continue
            for factor in (0.99, 1.01):
                with open("tuned.json") as f:
                    moved = json.load(f)
                layer, key = name.split("].")[0].split("[")[1], name.split(".")[-1]
                moved["layers"][int(layer)][key] = said["values"][name] * factor
                with open("moved.json", "w") as f:
                    json.dump(moved, f)
                there = json.loads(self.ntk("tune", "--network", "moved.json", "--x", "x.npy", "--y", "y.npy", "--noise", repr(said["noise"]), "--starts", 1,
                                            "--evaluations", 1, "--limit", 40, "--out", "other.json", "--json"))
                self.assertLessEqual(there["before"], said["after"] + 1e-3, name)

    def test_residual_network(self):
        """A residual network with norms on the digits: the evidence rises, what is written holds the values, and held-out error falls."""
        dense = {"op": "dense", "units": 128, "w_std": 1.0, "b_std": 0.5}
        block = {"op": "branch", "merge": "sum", "branches": [[], [{"op": "layer_norm"}, {"op": "relu"}, dense]]}
        residual = {"format": "ntk-network", "version": 1, "input": [64], "layers": [
            {"op": "dense", "units": 128, "w_std": 0.3, "b_std": 1.0}, {"op": "repeat", "times": 2, "layers": [block]}, {"op": "relu"},
            {"op": "dense", "units": 10, "w_std": 0.5}]}
        with open("net.json", "w") as f:
            json.dump(residual, f)
        before = self.held_out("net.json", 0.01)
        said = self.tune("--objective", "evidence", "--starts", 1, "--evaluations", 40)
        self.assertGreater(said["after"], said["before"])
        after = self.held_out("tuned.json", said["noise"])
        self.assertLess(after[1], before[1])
        with open("tuned.json") as f:
            tuned = json.load(f)
        name = "layers[1].layers[0].branches[1][2]."
        inner = tuned["layers"][1]["layers"][0]["branches"][1][2]
        self.assertEqual((inner["w_std"], inner["b_std"]), (said["values"][name + "w_std"], said["values"][name + "b_std"]))

    def test_refused(self):
        NETWORK["layers"][1], relu = {"op": "tanh"}, NETWORK["layers"][1]
        with open("net.json", "w") as f:
            json.dump(NETWORK, f)
        NETWORK["layers"][1] = relu
        self.ntk("tune", "--network", "net.json", "--x", "x.npy", "--y", "y.npy", "--out", "tuned.json", code=2, saying=["layers[1]", "tanh"])
        self.assertFalse(os.path.exists("tuned.json"))


class WithoutNlopt(kit.ToolTest):
    @unittest.skipUnless(os.environ["NTK_NLOPT"] == "no", "built with NLopt")
    def test_sentence(self):
        save("x.npy", np.eye(3))
        with open("net.json", "w") as f:
            json.dump(NETWORK, f)
        self.ntk("tune", "--network", "net.json", "--x", "x.npy", "--y", "x.npy", "--out", "t.json", code=1, saying="built without NLopt")


if __name__ == "__main__":
    kit.main()
