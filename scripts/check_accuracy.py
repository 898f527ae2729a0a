#!/usr/bin/env python3
"""The regression of scripts/demo once more, written down independently: NumPy and the textbook recursion only.

    scripts/check_accuracy.py [N] [--dataset FOLDER] [--ridge-relative R] [--depth L]

Images of unit norm, so every covariance is the cosine S of a pair.  Up to a factor that the relative ridge cancels, a dense layer
and a ReLU in He scale make (Cho & Saul 2009; Jacot, Gabriel & Hongler 2018)

    S' = k1(S),   T' = S' + T k0(S),   T = S at the input,
    k0(t) = (pi - acos t)/pi,   k1(t) = (sqrt(1 - t^2) + t (pi - acos t))/pi.

Labels are one-hot minus 1/10; the prediction is the largest of T_test (T + R trace(T)/N)^-1 Y.
"""
import argparse
import gzip
import struct
import sys

try:
    import numpy as np
except ImportError:
    sys.exit("check_accuracy.py needs NumPy; run it as /usr/bin/python3 scripts/check_accuracy.py after scripts/setup")


def read_idx(path):
    with gzip.open(path) as f:
        _, kind, ndim = struct.unpack(">HBB", f.read(4))
        shape = struct.unpack(">%dI" % ndim, f.read(4 * ndim))
        assert kind == 8, path
        return np.frombuffer(f.read(), np.uint8).reshape(shape)


def unit_rows(images):
    x = images.reshape(len(images), -1).astype(np.float64)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def ntk(x1, x2, depth):
    s = np.clip(x1 @ x2.T, -1, 1)
    t = s.copy()
    for _ in range(depth):
        angle = np.pi - np.arccos(s)
        t *= angle / np.pi
        s = np.minimum((np.sqrt(1 - s * s) + s * angle) / np.pi, 1)
        t += s
    return t


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("n", nargs="?", type=int, default=2000)
    parser.add_argument("--dataset", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--ridge-relative", type=float, default=1e-3)
    parser.add_argument("--depth", type=int, default=3)
    a = parser.parse_args()
    x = unit_rows(read_idx(a.dataset + "/train-images-idx3-ubyte.gz")[:a.n])
    labels = read_idx(a.dataset + "/train-labels-idx1-ubyte.gz")[:a.n]
    x_test = unit_rows(read_idx(a.dataset + "/t10k-images-idx3-ubyte.gz"))
    labels_test = read_idx(a.dataset + "/t10k-labels-idx1-ubyte.gz")
    k = ntk(x, x, a.depth)
    k[np.diag_indices_from(k)] += a.ridge_relative * np.trace(k) / len(k)
    weights = np.linalg.solve(k, np.eye(10)[labels] - 0.1)
    guess = np.concatenate([np.argmax(ntk(b, x, a.depth) @ weights, axis=1) for b in np.array_split(x_test, 20)])
    print("accuracy %.4f (n = %d, depth %d)" % (np.mean(guess == labels_test), a.n, a.depth))


if __name__ == "__main__":
    main()
