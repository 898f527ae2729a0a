"""Infinite-width kernels of ReLU networks by neural-tangents, where that package is installed, beside libntk's, where its Python package is.

    python3 -m venv nt && nt/bin/pip install neural-tangents==0.6.5 jax==0.4.20 jaxlib==0.4.20 'numpy<1.27' 'scipy<1.12'     # no newer JAX will do
    PYTHONPATH=python nt/bin/python bench/against_neural_tangents.py [--samples 2000] [--layers 3 10] [--inputs 784 32] [--repeat 5]

Nanoseconds per entry of the n x n matrix, the NTK of bias-free ReLU networks on the same inputs, jitted, compiled before the clock starts, the
best of the repeats and, for each precision, of both ways that the package has (one call, and its batched form).  The last column is its time
over ours.
"""
import argparse
import os
import sys
import time

import numpy as np


def options(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--layers", type=int, nargs="+", default=[3, 10])
    parser.add_argument("--inputs", type=int, nargs="+", default=[784, 32])
    parser.add_argument("--repeat", type=int, default=5)
    return parser.parse_args(argv)


def theirs(stax, jax, batch, x, layers, repeat):
    parts = [part for _ in range(layers) for part in (stax.Dense(512, W_std=2 ** 0.5), stax.Relu())]
    kernel_fn = stax.serial(*parts, stax.Dense(1, W_std=2 ** 0.5))[2]
    best, half = float("inf"), max(len(x) // 4, 1)
    ways = [jax.jit(lambda a: kernel_fn(a, None, "ntk"))]
    if len(x) % half == 0:
        ways.append(batch(jax.jit(kernel_fn, static_argnums=(2,)), batch_size=half))
    for i, way in enumerate(ways):
        run = (lambda: way(x)) if i == 0 else (lambda: way(x, None, "ntk"))
        jax.block_until_ready(run())
        for _ in range(repeat):
            start = time.perf_counter()
            jax.block_until_ready(run())
            best = min(best, time.perf_counter() - start)
    return best


def ours(x, layers, repeat):
    """Seconds of one call; None without libntk's package."""
    try:
        import ntk
    except ImportError:
        return None
    dense = {"op": "dense", "units": 512, "w_std": 2 ** 0.5}
    kernel = ntk.Kernel(ntk.Network([dense, {"op": "relu"}] * layers + [dict(dense, units=1)], input=[x.shape[1]]))
    out, best = np.empty((len(x), len(x)), x.dtype), float("inf")
    kernel(x, out=out)
    for _ in range(repeat):
        start = time.perf_counter()
        kernel(x, out=out)
        best = min(best, time.perf_counter() - start)
    return best


def main(argv=None):
    chosen = options(argv)
    try:
        import jax
        jax.config.update("jax_enable_x64", True)
        import neural_tangents as nt
        from neural_tangents import stax
    except ImportError as missing:
        sys.exit(f"against_neural_tangents.py: {missing}; it compares with that package")
    print(f"# neural-tangents {nt.__version__}, jax {jax.__version__}, {os.cpu_count()} processors, n = {chosen.samples}")
    print(f"{'layers':>6} {'inputs':>6} {'dtype':>7} {'theirs ns':>10} {'ours ns':>10} {'ratio':>7}")
    for layers in chosen.layers:
        for inputs in chosen.inputs:
            for dtype in (np.float32, np.float64):
                x = np.random.default_rng(1).normal(size=(chosen.samples, inputs)).astype(dtype)
                a, b = theirs(stax, jax, nt.batch, x, layers, chosen.repeat), ours(x, layers, chosen.repeat)
                entry = 1e9 / chosen.samples ** 2
                print(f"{layers:6} {inputs:6} {dtype.__name__:>7} {a * entry:10.2f}", *([f"{b * entry:10.2f} {a / b:7.1f}"] if b else ["         -       -"]))


if __name__ == "__main__":
    main()
