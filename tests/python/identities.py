"""Activations that are others in disguise (docs/mathematics.md, section 11): their kernels are the same to rounding, pairs near and far, zero included."""
import unittest

import numpy as np

import ntk

U = 2.0 ** -53


def kernels(layers, x, **first):
    dense = {"op": "dense", "units": 8, "w_std": 1.25}
    return ntk.Kernel(ntk.Network({"format": "ntk-network", "version": 1, "input": [x.shape[1]], "layers": [{**dense, **first}, *layers, dense]}))(x, want=("nngp", "ntk"))


def points():
    x = np.random.default_rng(1).normal(size=(12, 5))
    x[3], x[4], x[5], x[6], x[7] = 0, x[0], x[0] + 1e-9, -x[1], 3 * x[2]
    return x


class Identities(unittest.TestCase):
    def same(self, one, other, bound=16 * U, **first):
        """Relative to sqrt(K11 K22); the bound: a few roundings of either side."""
        x = points()
        a, b = kernels(one, x, **first), kernels(other, x, **first)
        for kind in ("nngp", "ntk"):
            root = np.sqrt(b[kind].diagonal())
            error = np.abs(a[kind] - b[kind]) / np.maximum(np.outer(root, root), np.finfo(float).tiny)
            self.assertLessEqual(error.max(), bound, kind)

    def test_abrelu(self):
        self.same([{"op": "abrelu", "a": 1, "b": 1}], [{"op": "identity"}])
        self.same([{"op": "abrelu", "a": -1, "b": 1}], [{"op": "abs"}])
        self.same([{"op": "abrelu", "a": 0, "b": 1}], [{"op": "relu"}])
        self.same([{"op": "abrelu", "a": 0.25, "b": 1}], [{"op": "leaky_relu", "alpha": 0.25}])

    def test_abs_is_even(self):
        """relu = (identity + abs)/2, and identity times abs has no mean: K of relu is a quarter of the sum."""
        x = points()
        relu, plain, even = (kernels([{"op": op}], x) for op in ("relu", "identity", "abs"))
        for kind in ("nngp", "ntk"):
            root = np.sqrt(relu[kind].diagonal())
            self.assertLessEqual((np.abs(4 * relu[kind] - plain[kind] - even[kind]) / np.maximum(np.outer(root, root), 1e-300)).max(), 64 * U)

    def test_sign_is_the_limit_of_erf(self):
        """erf(b x) - sign(x) is of size 1 where |x| < 1/b: the covariance moves by some 1/b; the slope of erf, which sign has not, stays out of the NNGP."""
        x = points()[[0, 1, 2, 8, 9]]
        want = kernels([{"op": "sign"}], x)["nngp"]
        errors = [np.abs(kernels([{"op": "erf", "b": b}], x)["nngp"] - want).max() for b in (10, 100, 1000)]
        self.assertTrue(errors[2] < 0.02 * errors[0] < 0.02 and errors[1] < 0.2 * errors[0], errors)

    def test_rbf_is_a_sine(self):
        for gamma in (0.25, 1):
            self.same([{"op": "rbf", "gamma": gamma}], [{"op": "sin", "a": 2 ** 0.5, "b": (2 * gamma) ** 0.5, "c": np.pi / 4}], 64 * U)
            self.same([{"op": "rbf", "gamma": gamma}], [{"op": "sin", "a": 2 ** 0.5, "b": (2 * gamma) ** 0.5, "c": np.pi / 4}], 64 * U, b_std=0.25)
        self.same([{"op": "cos"}], [{"op": "sin", "c": np.pi / 2}], 64 * U)

    def test_sigmoid_like_is_an_erf(self):
        self.same([{"op": "sigmoid_like"}], [{"op": "erf", "a": 0.5, "b": 1 / 2.4020563531719796, "c": 0.5}])

    def test_powers(self):
        self.same([{"op": "monomial", "degree": 2}], [{"op": "polynomial", "coef": [0, 0, 1]}])
        self.same([{"op": "monomial", "degree": 3}], [{"op": "polynomial", "coef": [0, 0, 0, 1]}])
        self.same([{"op": "monomial", "degree": 1}], [{"op": "identity"}])
        self.same([{"op": "rectified_monomial", "degree": 1}], [{"op": "relu"}])

    def test_hermite(self):
        """Of degree 1 it is the identity; its kernel counts as of unit variance, which layer_norm makes true."""
        norm = {"op": "layer_norm"}
        self.same([norm, {"op": "hermite", "degree": 1}], [norm, {"op": "identity"}])

    def test_exp_is_its_own_derivative(self):
        """exp(b x)' = b exp(b x): the activation's share of the NTK is b² K times the NTK below."""
        x, b, w = points(), 0.5, 1.25
        got = kernels([{"op": "exp", "b": b}], x)
        below = w * w * (x @ x.T) / x.shape[1]
        self.assertLessEqual((np.abs(got["ntk"] - got["nngp"] - b * b * got["nngp"] * below) / np.abs(got["ntk"]).max()).max(), 64 * U)


if __name__ == "__main__":
    unittest.main()
