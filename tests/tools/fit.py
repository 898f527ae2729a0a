"""ntk fit on small data sets against NumPy: kernel, ridge, classes, unit norm."""
import json
import os

import numpy as np

import kit
from kit import RELU, dense, network, save

W, B = 1.4, 0.1


def unit(x):
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    return np.where(norm > 0, x / np.where(norm > 0, norm, 1), 0)


def one_hot(labels, classes):
    return (labels[:, None] == classes[None, :]) - 1 / len(classes)


class Fit(kit.ToolTest):
    def setUp(self):
        super().setUp()
        network(RELU + [dense(w_std=W, b_std=B)])
        self.x, self.x_test = kit.random(21, 30, 4), kit.random(22, 20, 4)
        self.rule = lambda x: np.array([3, 7, -1])[np.argmax(x[:, :3], axis=1)]
        save("x.npy", self.x)
        save("t.npy", self.x_test)
        save("y.npy", self.rule(self.x))
        save("yt.npy", self.rule(self.x_test))
        self.command = ["fit", "--network", "net.json", "--x", "x.npy", "--y", "y.npy", "--x-test", "t.npy"]

    def reference(self, x, x_test, y, ridge, kind=1):
        k = kit.relu_kernels(x, x, 2, W, B)[kind]
        return kit.relu_kernels(x_test, x, 2, W, B)[kind] @ np.linalg.solve(k + ridge(k) * np.eye(len(x)), y)

    def report(self, *more):
        return json.loads(self.ntk(*self.command, *more, "--json"))

    def test_classes(self):
        y = one_hot(self.rule(self.x), np.array([-1, 3, 7]))
        for kind, i in (("ntk", 1), ("nngp", 0)):
            want = self.reference(self.x, self.x_test, y, lambda k: 0.01, i)
            # cond(K + ridge) is below 1e5 here
            self.close(self.result(*self.command, "--ridge", "0.01", "--kind", kind), want, 1e-10)
            right = np.array([-1, 3, 7])[want.argmax(1)] == self.rule(self.x_test)
            self.assertAlmostEqual(self.report("--ridge", "0.01", "--kind", kind, "--y-test", "yt.npy")["accuracy"], right.mean())
        self.assertNotIn("accuracy", self.report())

    def test_probabilities(self):
        """softmax(mean/T) with the T under which the left-out outputs are most likely, from the inverse in NumPy."""
        k = kit.relu_kernels(self.x, self.x, 2, W, B)[1]
        labels, test = (np.searchsorted([-1, 3, 7], self.rule(a)) for a in (self.x, self.x_test))
        y = np.eye(3)[labels] - 1 / 3
        inverse = np.linalg.inv(k + 0.05 * np.eye(30))
        left = y - inverse @ y / np.diag(inverse)[:, None]
        mean = kit.relu_kernels(self.x_test, self.x, 2, W, B)[1] @ inverse @ y

        def softmax(f):
            e = np.exp(f - f.max(1, keepdims=True))
            return e / e.sum(1, keepdims=True)

        def nll(f, classes):
            return -np.log(softmax(f)[np.arange(len(f)), classes]).mean()

        said = self.report("--y-test", "yt.npy", "--ridge", 0.05, "--out-probabilities", "p.npy")
        t = said["temperature"]
        self.assertTrue(all(nll(left / (t * s), labels) >= nll(left / t, labels) - 1e-12 for s in (0.5, 0.9, 0.99, 1.01, 1.1, 2)))
        self.close(np.load("p.npy"), softmax(mean / t), 1e-9)
        self.assertAlmostEqual(said["nll"], nll(mean / t, test), 9)
        self.assertAlmostEqual(said["loo_nll"], nll(left / t, labels), 9)
        self.assertEqual(said["loo_accuracy"], (left.argmax(1) == labels).mean())
        self.ntk(*self.command[:-4], "--y", "x.npy", "--x-test", "t.npy", "--out-probabilities", "p.npy", code=2, saying="needs classes in --y")

    def test_relative_ridge(self):
        y = one_hot(self.rule(self.x), np.array([-1, 3, 7]))
        want = self.reference(self.x, self.x_test, y, lambda k: 0.1 * np.trace(k) / len(k))
        self.close(self.result(*self.command, "--ridge-relative", "0.1"), want, 1e-11)

    def test_limit(self):
        y = one_hot(self.rule(self.x[:12]), np.unique(self.rule(self.x[:12])))
        self.close(self.result(*self.command, "--limit", "12", "--ridge", "0.1"), self.reference(self.x[:12], self.x_test, y, lambda k: 0.1), 1e-11)
        self.assertEqual(self.report("--limit", "12")["train"], 12)
        self.assertEqual(self.report("--limit", "1000")["train"], 30)

    def test_unit_norm(self):
        self.x[4], self.x_test[5] = 0, 0
        self.x[6] *= 1e-200
        self.x[7] *= 1e200
        save("x.npy", self.x)
        save("t.npy", self.x_test)
        y = one_hot(self.rule(self.x), np.unique(self.rule(self.x)))
        save("y.npy", self.rule(self.x))
        safe = self.x / np.abs(self.x).max(1, keepdims=True).clip(1e-300)
        want = self.reference(unit(safe), unit(self.x_test), y, lambda k: 0.1)
        self.close(self.result(*self.command, "--unit-norm", "--ridge", "0.1"), want, 1e-11)

    def test_f32(self):
        wide = self.result(*self.command, "--ridge", "0.5", "--unit-norm")
        narrow = self.result(*self.command, "--ridge", "0.5", "--unit-norm", "--dtype", "f32")
        self.assertEqual(narrow.dtype, np.float32)
        self.close(narrow.astype(float), wide, 1e-4)

    def test_estimate(self):
        """Half a matrix, in which the factor takes the place of the gram; conjugate gradients hold less than that."""
        save("x.npy", kit.random(21, 3000, 4))
        save("y.npy", np.arange(3000) % 5)
        save("t.npy", kit.random(22, 200, 4))
        packed, narrow, cg = [json.loads(self.ntk(*self.command, "--estimate", "--json", *more)) for more in ([], ["--dtype", "f32"], ["--solver", "cg"])]
        half = 3000 * 3001 / 2
        self.assertEqual([e["result_bytes"] for e in (packed, narrow, cg)], [8 * 200 * 5, 4 * 200 * 5, 8 * 200 * 5])
        self.assertTrue(8 * half < packed["working_bytes"] < 1.5 * 8 * half)
        self.assertTrue(4 * half < narrow["working_bytes"] < 0.55 * packed["working_bytes"])
        self.assertLess(cg["working_bytes"], packed["working_bytes"])
        self.assertTrue(3000 ** 3 / 3 < packed["flops"] < 3000 ** 3)
        self.ntk(*self.command, "--estimate", "--out", "m.npy", code=2, saying="exclude")
        self.assertFalse(os.path.exists("m.npy"))

    def test_conjugate_gradients(self):
        """No entry of the kernel is kept: a memory limit that the gram breaks does not stop it."""
        want = self.result(*self.command, "--ridge", "0.5")
        self.close(self.result(*self.command, "--ridge", "0.5", "--solver", "cg", "--tolerance", "1e-13"), want, 1e-11)
        narrow = self.result(*self.command, "--ridge", "0.5", "--solver", "cg", "--dtype", "f32")
        self.assertEqual(narrow.dtype, np.float32)
        self.close(narrow.astype(float), want, 1e-3)
        self.ntk(*self.command, "--solver", "cg", "--tolerance", "1.5", code=2, saying="tolerance")

    def test_class_unseen_in_training_counts_as_error(self):
        labels = self.rule(self.x_test)
        base = self.report("--ridge", "0.1", "--y-test", "yt.npy")["accuracy"]
        mean = self.result(*self.command, "--ridge", "0.1")
        right = np.array([-1, 3, 7])[mean.argmax(1)] == labels
        labels[np.flatnonzero(right & (labels == -1))[0]] = 99  # predicted as the first column
        self.assertAlmostEqual(self.report("--ridge", "0.1", "--y-test", save("z.npy", labels))["accuracy"], base - 1 / 20)

    def test_regression(self):
        y = self.x @ kit.random(23, 4, 2)
        want = self.reference(self.x, self.x_test, y, lambda k: 0.1)
        truth = self.x_test[:, :2]
        self.command[self.command.index("y.npy")] = save("r2.npy", y)
        self.close(self.result(*self.command, "--ridge", "0.1"), want, 1e-11)
        self.assertAlmostEqual(self.report("--ridge", "0.1", "--y-test", save("rt.npy", truth))["rmse"], np.sqrt(((want - truth) ** 2).mean()), 10)
        self.ntk(*self.command, "--y-test", save("rt.npy", truth[:, :1]), code=2, saying="rt.npy has shape [20, 1]")
        self.command[self.command.index("r2.npy")] = save("r1.npy", y[:, 0])
        self.close(self.result(*self.command, "--ridge", "0.1"), want[:, 0], 1e-11)

    def test_where_the_time_went(self):
        r = self.report("--ridge", "0.1")
        self.assertAlmostEqual(r["seconds"], r["seconds_kernel"] + r["seconds_solve"] + r["seconds_predict"], 6)
        self.assertIn("seconds_read", r)

    def test_refused(self):
        self.ntk(*self.command[:-1], save("u.npy", np.ones((3, 5))), code=2, saying="u.npy has shape [3, 5]")
        self.ntk(*self.command[:-1], save("u.npy", np.ones((0, 4))), code=2, saying="holds no samples")
        save("y.npy", np.arange(29))
        self.ntk(*self.command, code=2, saying=["30 samples", "y.npy has 29"])
        save("y.npy", np.zeros((30, 1, 1)))
        self.ntk(*self.command, code=2, saying="y.npy has shape [30, 1, 1]")
        save("y.npy", np.zeros((30, 0)))
        self.ntk(*self.command, code=2, saying="holds no targets")
        save("y.npy", self.rule(self.x))
        save("x.npy", np.repeat(self.x[:1], 30, axis=0))
        self.ntk(*self.command, "--out", "m.npy", code=1, saying="positive definite")


if __name__ == "__main__":
    kit.main()
