"""Empirical kernels by neural-tangents, where that package is installed, beside libntk's, where its Python package is.

    python3 -m venv nt && nt/bin/pip install neural-tangents==0.6.5 jax==0.4.20 jaxlib==0.4.20 'numpy<1.27' 'scipy<1.12'     # no newer JAX will do
    PYTHONPATH=python nt/bin/python bench/against_neural_tangents_finite.py [--repeat 3] [PROBLEM...]

PROBLEM = full:N, trace:N (784-1024-1024-10 ReLU), cnn:N (four 3x3 SAME convolutions of 64 channels with ReLU on 32x32x3, global average pooling,
dense(10), full kernel).  Seconds of one call in single precision, compiled before the clock starts, the best of the repeats, its structured
derivatives; libntk writes over the result of the call before.  The last column is its time over ours.  NTK_LIBRARY names a libntk that is not
installed.
"""
import argparse
import sys
import time

import numpy as np

ROOT2 = 2 ** 0.5


def mlp():
    dense = [{"op": "dense", "units": units, "w_std": ROOT2} for units in (1024, 1024)]
    return [784], [dense[0], {"op": "relu"}, dense[1], {"op": "relu"}, {"op": "dense", "units": 10, "w_std": ROOT2}]


def cnn():
    conv = [{"op": "conv", "units": 64, "kernel": 3, "padding": "same", "w_std": ROOT2}, {"op": "relu"}] * 4
    return [32, 32, 3], conv + [{"op": "global_avg_pool"}, {"op": "dense", "units": 10, "w_std": ROOT2}]


def stax_of(stax, layer):
    if layer["op"] == "dense":
        return stax.Dense(layer["units"], W_std=ROOT2)
    if layer["op"] == "conv":
        return stax.Conv(layer["units"], (3, 3), padding="SAME", W_std=ROOT2)
    return stax.Relu() if layer["op"] == "relu" else stax.GlobalAvgPool()


def best(call, repeat):
    call()
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def theirs(nt, jax, layers, x, trace, repeat):
    init, apply, _ = nt.stax.serial(*(stax_of(nt.stax, layer) for layer in layers))
    _, params = init(jax.random.PRNGKey(0), x.shape)
    kernel = jax.jit(nt.empirical_ntk_fn(apply, trace_axes=(-1,) if trace else (), vmap_axes=0,
                                         implementation=nt.NtkImplementation.STRUCTURED_DERIVATIVES), static_argnums=1)
    return best(lambda: jax.block_until_ready(kernel(x, None, params)), repeat)


def ours(layers, x, trace, repeat):
    """Seconds of one call; None without libntk's package."""
    try:
        import ntk
    except ImportError:
        return None
    net = ntk.Network(layers, input=x.shape[1:])
    kernel = ntk.Kernel.empirical(net, net.initialize(seed=0, dtype=np.float32), outputs="trace" if trace else "full")
    side = len(x) * (1 if trace else 10)
    out = np.zeros((side, side), np.float32)
    return best(lambda: kernel(x, out=out), repeat)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("problems", nargs="*", default=["full:500", "full:1000", "trace:500", "trace:1000", "cnn:50"])
    chosen = parser.parse_args(argv)
    try:
        import jax
        import neural_tangents as nt
        from neural_tangents import stax  # noqa: F401
    except ImportError as missing:
        sys.exit(f"against_neural_tangents_finite.py: {missing}; it compares with that package")
    print(f"# neural-tangents {nt.__version__}, jax {jax.__version__}, single precision, structured derivatives")
    print(f"{'problem':>10} {'theirs s':>9} {'ours s':>9} {'ratio':>6}")
    for problem in chosen.problems:
        what, n = problem.split(":")
        shape, layers = cnn() if what == "cnn" else mlp()
        x = np.random.default_rng(1).normal(size=(int(n), *shape)).astype(np.float32)
        a, b = theirs(nt, jax, layers, x, what == "trace", chosen.repeat), ours(layers, x, what == "trace", chosen.repeat)
        print(f"{problem:>10} {a:9.3f}", f"{b:9.3f} {a / b:6.2f}" if b else "        -      -", flush=True)


if __name__ == "__main__":
    main()
