"""Exclusive-or, which no linear function fits, by an infinitely wide network: ten_lines.c in Python."""
import numpy as np

import ntk

layers = [{"op": "dense", "units": 512, "w_std": 1.4, "b_std": 0.1}, {"op": "relu"}, {"op": "dense", "units": 1}]
x, y = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]), np.array([-1, 1, 1, -1])
x_test = np.array([[-0.8, -0.9], [-0.7, 1.1], [1.2, -0.9], [0.9, 0.6]])

gram = ntk.Gram(ntk.Kernel(ntk.Network(layers, input=[2])), x)
f = ntk.Predictor(gram, y, ridge=1e-3).mean(x_test)

print(np.c_[x_test, y, f])
assert (f * y > 0).all()
