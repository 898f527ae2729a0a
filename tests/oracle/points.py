"""The pairs on which recursions lose digits, and the chains that they are looked at with.

Everything is a double (or float) by exact arithmetic or one rounding: the script that writes values and the tests that read them see
the same bits.
"""
import numpy as np

D = 5
X = np.array([0.5, -1.25, 0.75, 2, -0.375])
E = np.array([0.25, 0.5, -0.125, 0.0625, 1])
DTYPES = {"f64": np.float64, "f32": np.float32}
BASE = {"f64": 4e-15, "f32": 1e-6}  # times 1 + L/10, relative to sqrt(K11 K22)
NEAR = {"f64": range(1, 16), "f32": range(1, 7)}  # 10^-k apart
RANGE = {"f64": (-140, -20, 20, 140), "f32": (-16, -6, 6, 16)}  # lengths 10^k


def points(dtype):
    """name -> vector, of the type."""
    result = {"x": X, "e": E, "orthogonal": np.array([1.25, 0.5, 0, 0, 0]), "zero": np.zeros(D), "3x": 3 * X, "-x": -X, "-3x": -3 * X, "x/3": X / 3}
    for k in NEAR[dtype]:
        result["near %d" % k] = X + 10.0 ** -k * E
    for k in NEAR[dtype][::3]:
        result["far %d" % k] = -X + 10.0 ** -k * E
        result["near 3x %d" % k] = 3 * X + 10.0 ** -k * E
    for k in RANGE[dtype]:
        result["long %d" % k], result["long x %d" % k], result["long near %d" % k] = 10.0 ** k * E, 10.0 ** k * X, 10.0 ** k * (X + E / 1024)
    return {name: v.astype(DTYPES[dtype]) for name, v in result.items()}


def pairs(dtype, extreme):
    """Names of two points; with `extreme`, also those of extreme lengths."""
    names = points(dtype)
    result = [("x", n) for n in names if not n.startswith("long")]
    if extreme:
        for k in RANGE[dtype]:
            result += [("x", "long %d" % k), ("long x %d" % k, "long near %d" % k), ("long x %d" % k, "long %d" % k)]
        result += [("long x %d" % RANGE[dtype][0], "long x %d" % RANGE[dtype][-1])]
    return result


# name: layer, w_std, depths.  sin and rbf of weights that are not chaotic: w² K. <= 1 or little above.
STEADY = {
    "relu": ({"op": "relu"}, 2 ** 0.5), "leaky_relu": ({"op": "leaky_relu", "alpha": 0.25}, 1.375), "abrelu": ({"op": "abrelu", "a": -0.5, "b": 1.5}, 0.875),
    "abs": ({"op": "abs"}, 1), "sign": ({"op": "sign"}, 1.25), "erf": ({"op": "erf"}, 1.25), "sigmoid_like": ({"op": "sigmoid_like"}, 1.25),
    "gelu": ({"op": "gelu"}, 1.25), "sin": ({"op": "sin"}, 1.25), "cos": ({"op": "cos"}, 1.25), "rbf": ({"op": "rbf"}, 0.6875),
}
AMPLIFYING = {
    "gabor": ({"op": "gabor"}, 1.25), "exp": ({"op": "exp"}, 0.5), "gaussian": ({"op": "gaussian"}, 1.25), "exp_normalized": ({"op": "exp_normalized"}, 1),
    "hermite": ({"op": "hermite", "degree": 3}, 1), "monomial": ({"op": "monomial", "degree": 3}, 0.5),
    "rectified_monomial": ({"op": "rectified_monomial", "degree": 2}, 0.75), "polynomial": ({"op": "polynomial", "coef": [0.5, -1, 0.25, 0.125]}, 0.5),
}
DEPTHS = {**dict.fromkeys(STEADY, (1, 3, 10, 100)), **dict.fromkeys(AMPLIFYING, (1, 3))}
BIASES = (None, 0.25)


def chain(name, depth, bias, d=D):
    """dense, phi, ..., dense of that many hidden layers."""
    layer, w = {**STEADY, **AMPLIFYING}[name]
    dense = {"op": "dense", "units": 8, "w_std": w}
    if bias is not None:
        dense["b_std"] = bias
    return {"format": "ntk-network", "version": 1, "input": [d], "layers": [{"op": "repeat", "times": depth, "layers": [dense, layer]}, dense]}


def configurations():
    for name in DEPTHS:
        for depth in DEPTHS[name]:
            for bias in BIASES:
                yield name, depth, bias
