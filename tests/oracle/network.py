"""A naive reader of the network format in mpmath: K and Theta of two inputs under a fully connected network.

Covariances go layer by layer through the rules of docs/network-format.md and docs/mathematics.md section 2, as they stand there.  What
cancels where inputs nearly agree is paid for with digits: DIGITS are asked for, and the caller adds what its norms cost.
"""
from mpmath import mp, mpf

import duals

DIGITS = 50


class State:
    """Second moments of a pair, its Theta, the nominal width, and whether a layer with weights came before."""

    def __init__(self, q11, q22, q12, theta, width, parametric):
        self.q11, self.q22, self.q12, self.theta, self.width, self.parametric = q11, q22, q12, theta, width, parametric


def dense(layer, s, parameterization):
    kind = layer.get("parameterization", parameterization)
    w2, bias = duals.number(layer, "w_std", 1) ** 2, "b_std" in layer
    b2 = duals.number(layer, "b_std", 0) ** 2
    rate = mpf(0) if layer.get("train") is False else duals.number(layer, "lr", 1)
    total = s.width if kind == "textbook" and not s.parametric else 1
    q11, q22, q12 = (w2 * total * q + b2 for q in (s.q11, s.q22, s.q12))
    own = {"ntk": q12, "standard": s.width * s.q12 + bias, "textbook": total * s.q12 + bias}[kind]
    return State(q11, q22, q12, rate * own + w2 * total * s.theta, layer["units"], True)


def elementwise(one, s):
    (q12, dot), (q11, _), (q22, _) = one.dual(s.q11, s.q22, s.q12), one.dual(s.q11, s.q11, s.q11), one.dual(s.q22, s.q22, s.q22)
    return State(q11, q22, q12, dot * s.theta, s.width, s.parametric)


def layer_norm(layer, s):
    e = duals.number(layer, "epsilon", 1e-12)
    root = mp.sqrt((e + s.q11) * (e + s.q22))
    return State(s.q11 / (e + s.q11), s.q22 / (e + s.q22), s.q12 / root, s.theta / root, s.width, s.parametric)


def product(values):
    result = mpf(1)
    for v in values:
        result *= v
    return result


def branch(layer, s, parameterization, nudge):
    ends = [run(layers, s, parameterization, nudge) for layers in layer["branches"]]
    parametric = any(e.parametric for e in ends)
    if layer["merge"] == "product":
        theta = mp.fsum(e.theta * product(o.q12 for o in ends if o is not e) for e in ends)
        return State(*(product(getattr(e, q) for e in ends) for q in ("q11", "q22", "q12")), theta, ends[0].width, parametric)
    width = sum(e.width for e in ends) if layer["merge"] == "concat" else ends[0].width
    shares = [mpf(e.width) / width for e in ends] if layer["merge"] == "concat" else [mpf(1)] * len(ends)
    return State(*(mp.fsum(w * getattr(e, q) for w, e in zip(shares, ends)) for q in ("q11", "q22", "q12", "theta")), width, parametric)


def step(layer, s, parameterization, nudge):
    one = duals.activation(layer)
    if one:
        return elementwise(one, s)
    if layer["op"] == "dense":
        return dense(layer, s, parameterization)
    if layer["op"] == "branch":
        return branch(layer, s, parameterization, nudge)
    if layer["op"] == "layer_norm":
        return layer_norm(layer, s)
    if layer["op"] == "repeat":
        for _ in range(layer["times"]):
            s = run(layer["layers"], s, parameterization, nudge)
        return s
    assert layer["op"] == "identity", layer
    return s


def run(layers, s, parameterization, nudge=None):
    for layer in layers:
        s = step(layer, s, parameterization, nudge)
        if nudge:
            nudge(s)
    return s


def start(x, y):
    x, y = [mpf(float(v)) for v in x], [mpf(float(v)) for v in y]
    moment = lambda a, b: mp.fsum(i * j for i, j in zip(a, b)) / len(a)
    return State(moment(x, x), moment(y, y), moment(x, y), mpf(0), len(x), False)


def kernel(network, x, y, extra=0, nudge=None):
    """(K, Theta), good to DIGITS digits if the network and the norms lose no more than 100 + extra."""
    with mp.workdps(DIGITS + 100 + extra):
        s = start(x, y)
        if nudge:
            nudge(s)
        s = run(network["layers"], s, network.get("parameterization", "ntk"), nudge)
        return s.q12, s.theta


def condition(network, x, y, extra=0, samples=3):
    """How much K and Theta move, relative to sqrt(K11 K22) and sqrt(Theta11 Theta22), per relative change of the lengths and of the distance
    1 -+ rho of the pair after every layer: what a computation that rounds these once per layer cannot avoid.  At least 1."""
    size = mpf(2) ** -120
    scales = [mp.sqrt(abs(a * b)) for a, b in zip(kernel(network, x, x, extra), kernel(network, y, y, extra))]
    exact, worst = kernel(network, x, y, extra), mpf(1)
    for sample in range(samples):
        bits = [0x9E3779B97F4A7C15 * (sample + 1) & 0xFFFFFFFF]
        def sign():
            bits[0] = (1103515245 * bits[0] + 12345) & 0x7FFFFFFF
            return 1 if bits[0] >> 16 & 1 else -1
        def nudge(s):
            root = mp.sqrt(s.q11 * s.q22)
            if not root:
                return
            rho = s.q12 / root
            gap = (1 - abs(rho)) * (1 + sign() * size)
            s.q11 *= 1 + 2 * sign() * size
            s.q22 *= 1 + 2 * sign() * size
            s.q12 = mp.sqrt(s.q11 * s.q22) * (1 - gap if rho >= 0 else gap - 1)
            s.theta *= 1 + sign() * size
        moved = kernel(network, x, y, extra, nudge)
        for m, e, scale in zip(moved, exact, scales):
            if scale:
                worst = max(worst, abs(m - e) / size / scale)
    return worst
