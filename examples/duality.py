"""
The duality of a trained network: K = J Jᵀ on 2000 outputs and the Fisher matrix F = Jᵀ J on half a million parameters share their eigenvalues.

    duality.py [IMAGES HIDDEN STEPS [TABLE]]      default 200 512 60: some 0.5 million parameters; TABLE: eigenvalues, drawn by examples/duality.gp

A network 784-HIDDEN-128-10 is trained on Fashion-MNIST (where that is missing, on optdigits) by Adam.  Then, on IMAGES images:

 * the 50 largest eigenvalues of F by Lanczos in parameter space, without a matrix, beside all of K from its 10 IMAGES x 10 IMAGES entries:
   both to 1e-12 of the largest, so they may differ by 1e-10 of it at the very most;
 * vectors carried both ways, J v = sqrt(lambda) u and Jᵀ u = sqrt(lambda) v, to a residual of 1e-10 over the gap to other eigenvalues;
 * rank, and whether training on would fit the labels; the shares of the trace; the trace by Hutch++ within five of its error bars.
"""
import gzip
import os
import pathlib
import sys
import time

import numpy as np

import ntk

IMAGES, HIDDEN, STEPS = map(int, sys.argv[1:4] or (200, 512, 60))
FOLDER = pathlib.Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))
TOP = 50


def idx(name, offset):
    return np.frombuffer(gzip.open(FOLDER / (name + "-ubyte.gz")).read(), np.uint8, offset=offset)


def data(n, m):
    """n + m inputs of mean square about 1, and their classes."""
    if FOLDER.exists():
        x, labels = idx("train-images-idx3", 16).reshape(-1, 784), idx("train-labels-idx1", 8)
    else:
        table = np.loadtxt(pathlib.Path(__file__).parents[1] / "data" / "optdigits.csv.gz", delimiter=",")
        x, labels = table[:, :-1], table[:, -1].astype(int)
    x = x[:n + m].astype(float)
    return x / np.sqrt((x**2).mean()), labels[:n + m].astype(int)


def train(net, theta, x, y, labels, test):
    trainer = ntk.Trainer(net, theta, x, y, descent="adam", learning_rate=0.003, loss_scale="mean")
    before = trainer.loss()
    theta = trainer.run(STEPS).parameters()
    right = (net.forward(theta, test[0]).argmax(1) == test[1]).mean()
    print(f"{net.parameters} parameters, {STEPS} steps of Adam on {len(x)} images: loss {before:.4f} to {trainer.loss():.4f}, "
          f"{100 * right:.1f} % of {len(test[1])} others right")
    return theta


def clock(what, function):
    start = time.perf_counter()
    result = function()
    print(f"{what}: {time.perf_counter() - start:.1f} s")
    return result


x, labels = data(1000, 500)
y = np.eye(10)[labels] - 0.1
layers = [{"op": "dense", "units": HIDDEN, "w_std": 1.4, "b_std": 0.1}, {"op": "relu"}, {"op": "dense", "units": 128, "w_std": 1.4, "b_std": 0.1},
          {"op": "relu"}, {"op": "dense", "units": 10, "w_std": 1.0, "b_std": 0.1}]
net = ntk.Network(layers, input=x.shape[1:])
theta = train(net, net.initialize(seed=1), x[:1000], y[:1000], labels[:1000], (x[1000:], labels[1000:]))

jacobian = ntk.Jacobian(net, theta, x[:IMAGES])
gram = clock(f"K, {10 * IMAGES} x {10 * IMAGES}, layer by layer", lambda: ntk.Gram.from_jacobian(jacobian))
whole = clock("all of its eigenvalues and vectors", lambda: ntk.Spectrum(gram))
top = clock(f"{TOP} eigenvalues of F, {net.parameters} x {net.parameters}, by products", lambda: ntk.Spectrum.top_of_jacobian(jacobian, TOP, space="parameters"))
values, f_values = whole.values(), top.values()
apart = np.abs(values[:TOP] - f_values).max() / values[0]
print(f"largest {values[0]:.4g}, {TOP}th {values[TOP - 1]:.4g}; F and K apart by {apart:.1e} of the largest (bound 1e-10)")
assert apart <= 1e-10

u, v, roots = top.vectors(), top.parameter_vectors(), np.sqrt(f_values)
forth = max(np.linalg.norm(jacobian.apply(np.ascontiguousarray(v[:, i])) - roots[i] * u[:, i]) for i in range(TOP)) / roots[0]
back = max(np.linalg.norm(jacobian.apply_transposed(np.ascontiguousarray(u[:, i])) - roots[i] * v[:, i]) for i in range(TOP)) / roots[0]
print(f"J v = sqrt(lambda) u to {forth:.1e}, J' u = sqrt(lambda) v to {back:.1e} of the largest singular value (bound 1e-9)")
assert max(forth, back) <= 1e-9

yes, gap, unreachable, _ = whole.interpolation(y[:IMAGES].reshape(-1))
print(f"rank {whole.rank} of {whole.size}, gap {gap:.1e}: trained on, it would {'fit all labels' if yes else f'miss {unreachable:.1e} of them'}")

trace, estimate = jacobian.fisher_trace()[0], jacobian.fisher_trace(samples=60, seed=1)
print(f"trace {trace:.6g} (Hutch++, 60 vectors: {estimate[0]:.6g} +- {estimate[1]:.1g}), mean eigenvalue of F {trace / net.parameters:.3g}")
assert abs(trace - values.sum()) <= 1e-10 * trace and abs(estimate[0] - trace) <= 5 * estimate[1] + 1e-9 * trace
print("share of the largest 1, 10, 50:", *(f"{100 * values[:k].sum() / trace:.1f} %" for k in (1, 10, 50)))
if len(sys.argv) > 4:
    np.savetxt(sys.argv[4], np.c_[np.arange(1, len(values) + 1), values, np.pad(f_values, (0, len(values) - TOP), constant_values=np.nan)])
