"""What the tests of the Python package share: small data and a network, and the ReLU kernel by the textbook recursion in NumPy."""
import unittest

import numpy as np

W, B = 1.5, 0.3
LAYERS = [{"op": "dense", "units": 4, "w_std": W, "b_std": B}, {"op": "relu"}, {"op": "dense", "units": 5, "w_std": W, "b_std": B}, {"op": "relu"},
          {"op": "dense", "units": 2, "w_std": W, "b_std": B}]


def data(n, d=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def relu_kernels(x1, x2):
    """NTK and NNGP of LAYERS at infinite width (Lee et al. 2018; Jacot, Gabriel & Hongler 2018)."""
    d = x1.shape[1]
    k = W**2 * x1 @ x2.T / d + B**2
    k1, k2 = (W**2 * (x**2).sum(1) / d + B**2 for x in (x1, x2))
    theta = k.copy()
    for _ in range(2):
        root = np.sqrt(np.outer(k1, k2))
        angle = np.arccos(np.clip(k / root, -1, 1))
        k, dual = root * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi), (np.pi - angle) / (2 * np.pi)
        k, k1, k2 = W**2 * k + B**2, W**2 * k1 / 2 + B**2, W**2 * k2 / 2 + B**2
        theta = k + W**2 * theta * dual
    return theta, k


def close(got, wanted, bound):
    """max |got - wanted| <= bound max |wanted|."""
    assert got.shape == np.shape(wanted), (got.shape, np.shape(wanted))
    worst = np.abs(got - wanted).max(initial=0) / max(np.abs(wanted).max(initial=0), 1e-300)
    assert worst <= bound, f"differs by {worst:.2e} of the largest, expected {bound:.2e}"


class Case(unittest.TestCase):
    def fails(self, status, words, function, *arguments, **keywords):
        import ntk
        with self.assertRaises(ntk.Error) as caught:
            function(*arguments, **keywords)
        self.assertEqual(caught.exception.status, status)
        self.assertIn(words, str(caught.exception))
