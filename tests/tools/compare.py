"""ntk compare: measures against NumPy, the ranking, and held-out data that the ranking does not see."""
import json

import numpy as np

import kit
from kit import dense, network, save


def data(n, seed):
    x = kit.random(seed, n, 4)
    return x, np.sign(x[:, 0] * x[:, 1]) + 0.1 * x[:, 2]


class Compare(kit.ToolTest):
    def setUp(self):
        super().setUp()
        self.nets = [network(kit.RELU + [dense(units=1)], name="relu.json"), network([dense(units=1)], name="linear.json"),
                     network([dense(), {"op": "rbf"}], name="rbf.json")]
        self.x, self.y = data(60, 1)
        save("x.npy", self.x)
        save("y.npy", self.y)
        self.base = ["compare", *self.nets, "--x", "x.npy", "--y", "y.npy", "--ridge", "0.1", "--json"]

    def compare(self, *more):
        return json.loads(self.ntk(*self.base, *more))

    def test_measures(self):
        report = self.compare("--loss", "0.3")
        self.assertEqual([d["network"] for d in report["designs"]], self.nets)
        for d in report["designs"]:
            k = self.result("kernel", "--network", d["network"], "--x1", "x.npy")
            inverse = np.linalg.inv(k + 0.1 * np.eye(60))
            left_out = inverse @ self.y / np.diag(inverse)
            self.assertAlmostEqual(d["loo_error"], np.mean(left_out ** 2), delta=1e-9)
            evidence = -0.5 * (self.y @ inverse @ self.y + np.linalg.slogdet(k + 0.1 * np.eye(60))[1] + 60 * np.log(2 * np.pi))
            self.assertAlmostEqual(d["log_evidence"], evidence, delta=1e-9 * abs(evidence))
            self.assertAlmostEqual(d["effective_dimension"], np.trace(k @ inverse), delta=1e-9)
            part = np.linalg.inv(k[:30, :30] + 0.1 * np.eye(30))
            half = np.mean((part @ self.y[:30] / np.diag(part)) ** 2)
            self.assertAlmostEqual(d["predicted_error"], d["loo_error"] ** 2 / half, delta=1e-9)
        linear = report["designs"][1]
        self.assertEqual((linear["rank"], linear["time_to_loss"], linear["condition"]), (4, None, None))
        self.assertEqual(report["ranking"], [d["network"] for d in sorted(report["designs"], key=lambda d: d["loo_error"])])

    def test_other_rankings(self):
        for measure, sign in (("log_evidence", -1), ("alignment", -1), ("loo_log_score", -1), ("predicted_error", 1)):
            report = self.compare("--rank-by", measure)
            self.assertEqual(report["rank_by"], measure)
            self.assertEqual(report["ranking"], [d["network"] for d in sorted(report["designs"], key=lambda d: sign * d[measure])])

    def test_picture(self):
        self.compare("--plot", "p.svg")
        picture = open("p.svg").read()
        for name in self.nets:
            self.assertIn(">%s<" % name, picture)

    def test_held_out(self):
        x, y = data(300, 2)
        save("xt.npy", x)
        save("yt.npy", y)
        report = self.compare("--x-test", "xt.npy", "--y-test", "yt.npy")
        scores = [d["rmse"] for d in report["designs"]]
        self.assertEqual(report["ranking"][0], self.nets[int(np.argmin(scores))])
        ranks = np.argsort(np.argsort(scores)), np.argsort(np.argsort([d["loo_error"] for d in report["designs"]]))
        self.assertAlmostEqual(report["rank_correlation"], np.corrcoef(*ranks)[0, 1], places=12)

    def test_classes(self):
        save("c.npy", (self.y > 0).astype(np.int64) + 3)
        report = json.loads(self.ntk("compare", *self.nets, "--x", "x.npy", "--y", "c.npy", "--ridge-relative", "1e-2", "--rank-by", "loo_accuracy", "--json"))
        accuracies = {d["network"]: d["loo_accuracy"] for d in report["designs"]}
        self.assertEqual(sorted(accuracies.values(), reverse=True), [accuracies[n] for n in report["ranking"]])
        text = self.ntk("compare", *self.nets, "--x", "x.npy", "--y", "c.npy", "--ridge-relative", "1e-2")
        self.assertIn("loo_accuracy", text)

    def test_refusals(self):
        self.ntk("compare", "--x", "x.npy", "--y", "y.npy", code=2, saying="NET1.json NET2.json ... is missing")
        self.ntk("compare", "--networks", "a", "--x", "x.npy", "--y", "y.npy", code=2, saying="unknown flag --networks")
        self.ntk("compare", "none.json", "--x", "x.npy", "--y", "y.npy", code=2, saying="none.json")
        self.ntk(*self.base, "--limit", "7", "--x-test", "x.npy", code=2, saying="--y-test")
        save("short.npy", self.y[:9])
        self.ntk("compare", *self.nets, "--x", "x.npy", "--y", "short.npy", code=2, saying="x.npy has 60 samples, --y short.npy has 9")
        network([dense()], shape=(5,), name="five.json")
        self.ntk(*self.base, "five.json", code=2, saying="the network expects samples of shape [5]")
        self.ntk("compare", *self.nets, "--x", "x.npy", "--y", "y.npy", code=1, saying=("linear.json", "eigenvalue"))


if __name__ == "__main__":
    kit.main()
