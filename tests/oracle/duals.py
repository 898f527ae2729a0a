"""Activations in mpmath: phi and phi' as functions of a number, and E phi(u) phi(v), E phi'(u) phi'(v) in closed form.

Written from the definitions (docs/mathematics.md, section 3), not from the C code: covariances q11, q22, q12 in plain formulas,
cancellation paid for with digits (network.py sets how many).  check.py holds the closed forms against integrals of phi.
"""
from mpmath import mp, mpf

LOGISTIC = "2.4020563531719796"


class Activation:
    """value and derivative: of a number; dual(q11, q22, q12): the two expectations; kinks: where value or slope jumps."""

    def __init__(self, value, derivative, dual, kinks=()):
        self.value, self.derivative, self.dual, self.kinks = value, derivative, dual, kinks


def angle(q11, q22, q12):
    p = q11 * q22
    return mp.atan2(mp.sqrt(max(p - q12 * q12, mpf(0))), q12) if p else mp.pi / 2


def abrelu(a, b):
    """a min(x, 0) + b max(x, 0)"""
    def dual(q11, q22, q12):
        r, f = mp.sqrt(max(q11 * q22 - q12 * q12, mpf(0))), (a - b) ** 2 / (2 * mp.pi)
        dot = (a * a + b * b) / 2 - f * angle(q11, q22, q12)
        return f * r + dot * q12, dot
    return Activation(lambda x: b * x if x > 0 else a * x, lambda x: b if x > 0 else a, dual, (0,))


def sign():
    def dual(q11, q22, q12):
        return (1 - 2 * angle(q11, q22, q12) / mp.pi if q11 * q22 else mpf(0)), mpf(0)
    return Activation(lambda x: mp.sign(x), None, dual, (0,))


def erf(a, b, c):
    def dual(q11, q22, q12):
        e = mp.sqrt((1 + 2 * b * b * q11) * (1 + 2 * b * b * q22) - 4 * b ** 4 * q12 * q12)
        return 2 * a * a / mp.pi * mp.atan2(2 * b * b * q12, e) + c * c, 4 * a * a * b * b / mp.pi / e
    return Activation(lambda x: a * mp.erf(b * x) + c, lambda x: a * b * 2 / mp.sqrt(mp.pi) * mp.exp(-(b * x) ** 2), dual)


def gelu():
    def dual(q11, q22, q12):
        p, big = q11 * q22, (1 + q11) * (1 + q22)
        d = mp.sqrt(big - q12 * q12)
        t = mp.atan2(q12, d)
        k = q12 / 4 + ((q12 * q12 + p * d * d) / (big * d) + q12 * t) / (2 * mp.pi)
        return k, mpf(1) / 4 + (t + q12 / d * (1 / (d * d) + (1 - p) / big + 1)) / (2 * mp.pi)
    cdf = lambda x: mp.erfc(-x / mp.sqrt(2)) / 2
    return Activation(lambda x: x * cdf(x), lambda x: cdf(x) + x * mp.npdf(x), dual)


def sin(a, b, c):
    """a sin(b x + c): products of sines are differences of cosines, and E cos(b g) = exp(-b^2 var g / 2)."""
    def dual(q11, q22, q12):
        minus, plus = mp.exp(-b * b * (q11 + q22 - 2 * q12) / 2), mp.exp(-b * b * (q11 + q22 + 2 * q12) / 2)
        return a * a / 2 * (minus - mp.cos(2 * c) * plus), a * a * b * b / 2 * (minus + mp.cos(2 * c) * plus)
    return Activation(lambda x: a * mp.sin(b * x + c), lambda x: a * b * mp.cos(b * x + c), dual)


def rbf(gamma):
    one = sin(mp.sqrt(2), mp.sqrt(2 * gamma), mp.pi / 4)
    def dual(q11, q22, q12):
        k = mp.exp(-gamma * (q11 + q22 - 2 * q12))
        return k, 2 * gamma * k
    return Activation(one.value, one.derivative, dual)


def gabor():
    """exp(-x^2) sin x: complete the square, then as for sin."""
    def dual(q11, q22, q12):
        # weight exp(-u^2 - v^2) turns the covariance C into A = (C^-1 + 2)^-1, up to the factor 1/sqrt(det)
        det = (1 + 2 * q11) * (1 + 2 * q22) - 4 * q12 * q12
        a11, a22, a12 = (q11 + 2 * (q11 * q22 - q12 ** 2)) / det, (q22 + 2 * (q11 * q22 - q12 ** 2)) / det, q12 / det
        minus, plus = mp.exp(-(a11 + a22 - 2 * a12) / 2), mp.exp(-(a11 + a22 + 2 * a12) / 2)
        k = (minus - plus) / 2 / mp.sqrt(det)
        # phi' = exp(-x^2) (cos x - 2 x sin x): E cos cos, E u sin u cos v, E uv sin u sin v under A
        cc = (minus + plus) / 2
        ms, ps = a11 - a12, a11 + a12  # Cov(u, u - v), Cov(u, u + v)
        us = (ps * plus + ms * minus) / 2
        mt, pt = a12 - a22, a12 + a22  # Cov(v, u - v), Cov(v, u + v)
        vs = (pt * plus - mt * minus) / 2
        uv = ((a12 - ms * mt) * minus - (a12 - ps * pt) * plus) / 2
        return k, (cc - 2 * us - 2 * vs + 4 * uv) / mp.sqrt(det)
    return Activation(lambda x: mp.exp(-x * x) * mp.sin(x), lambda x: mp.exp(-x * x) * (mp.cos(x) - 2 * x * mp.sin(x)), dual)


def exp(a, b):
    def dual(q11, q22, q12):
        k = a * a * mp.exp(b * b * ((q11 + q22) / 2 + q12))
        return k, b * b * k
    return Activation(lambda x: a * mp.exp(b * x), lambda x: a * b * mp.exp(b * x), dual)


def gaussian(a, b):
    def dual(q11, q22, q12):
        det = mp.sqrt((1 - 2 * b * q11) * (1 - 2 * b * q22) - 4 * b * b * q12 * q12)
        return a * a / det, 4 * a * a * b * b * q12 / det ** 3
    return Activation(lambda x: a * mp.exp(b * x * x), lambda x: 2 * a * b * x * mp.exp(b * x * x), dual)


def exp_normalized(gamma, shift):
    """Defined by its kernel."""
    def dual(q11, q22, q12):
        root = mp.sqrt(q11 * q22)
        k = mp.exp(gamma * ((q12 / root if root else 0) + shift))
        return root * k, gamma * k
    return Activation(None, None, dual)


def polynomial(coefficients):
    """E u^i v^j by Isserlis: sum over l of the pairs that join u and v."""
    def moment(i, j, q11, q22, q12):
        total = mpf(0)
        for l in range(i % 2, min(i, j) + 1, 2):
            ways = mp.binomial(i, l) * mp.binomial(j, l) * mp.factorial(l) * mp.fac2(i - l - 1) * mp.fac2(j - l - 1)
            total += ways * q12 ** l * q11 ** ((i - l) // 2) * q22 ** ((j - l) // 2)
        return total if (i - j) % 2 == 0 else mpf(0)
    def expectation(c, q11, q22, q12):
        return mp.fsum(a * b * moment(i, j, q11, q22, q12) for i, a in enumerate(c) if a for j, b in enumerate(c) if b)
    slope = [i * c for i, c in enumerate(coefficients)][1:]
    return Activation(lambda x: mp.polyval(coefficients[::-1], x), lambda x: mp.polyval(slope[::-1], x) if slope else mpf(0),
                      lambda *q: (expectation(coefficients, *q), expectation(slope, *q)))


def hermite(degree):
    """Kernel q12^degree, by definition as if of unit variance; at unit variance it is that of He_d / sqrt(d!)."""
    def he(d, x):
        return 2 ** (-mpf(d) / 2) * mp.hermite(d, x / mp.sqrt(2)) / mp.sqrt(mp.factorial(d))
    return Activation(lambda x: he(degree, x), lambda x: mp.sqrt(degree) * he(degree - 1, x) if degree else mpf(0),
                      lambda q11, q22, q12: (q12 ** degree, degree * q12 ** (degree - 1) if degree else mpf(0)))


def rectified_monomial(degree):
    """max(x, 0)^d by recursion in d: integration by parts of the half-line moments, from the orthant probability (Cho and Saul 2009)."""
    def moment(i, j, q11, q22, q12, memory):
        # M(i, j) = E u^i v^j 1[u > 0, v > 0] = (i-1) q11 M(i-2, j) + j q12 M(i-1, j-1), plus what Stein's lemma leaves on the boundary
        if i < j:
            return moment(j, i, q22, q11, q12, memory.setdefault("turned", {}))
        if (i, j) in memory:
            return memory[i, j]
        root = mp.sqrt(max(q11 * q22 - q12 * q12, mpf(0)))
        if i == 0:
            result = (mp.pi - angle(q11, q22, q12)) / (2 * mp.pi)
        else:
            # Stein: E u f = q11 E f_u + q12 E f_v with f = u^(i-1) v^j on the quadrant; deltas on its sides where the power is 0
            result = mpf(0)
            if i >= 2:
                result += (i - 1) * q11 * moment(i - 2, j, q11, q22, q12, memory)
            else:
                result += q11 * side(j, q11, q22, q12, root)
            if j >= 1:
                result += j * q12 * moment(i - 1, j - 1, q11, q22, q12, memory)
            else:
                result += q12 * side(i - 1, q22, q11, q12, root)
        memory[i, j] = result
        return result
    def side(j, q11, q22, q12, root):
        """E delta(u) v^j 1[v > 0]: density of u at 0 times a half moment of v given u = 0, of variance q22 - q12^2/q11."""
        s = root / mp.sqrt(q11)
        return 1 / mp.sqrt(2 * mp.pi * q11) * s ** j * mp.gamma(mpf(j + 1) / 2) * mpf(2) ** (mpf(j) / 2) / (2 * mp.sqrt(mp.pi))
    def kernel(d, q11, q22, q12):
        return moment(d, d, q11, q22, q12, {}) if q11 * q22 else mpf(0)
    def dual(q11, q22, q12):
        return kernel(degree, q11, q22, q12), degree ** 2 * kernel(degree - 1, q11, q22, q12) if degree else mpf(0)
    return Activation(lambda x: x ** degree if x > 0 else mpf(0), (lambda x: degree * x ** (degree - 1) if x > 0 else mpf(0)) if degree else None,
                      dual, (0,))


def number(layer, key, fallback):
    """The double that the document's number means."""
    return mpf(float(layer.get(key, fallback)))


def activation(layer):
    """The activation of a layer of the network format, or None."""
    get = lambda key, fallback=None: number(layer, key, fallback)
    table = {
        "relu": lambda: abrelu(mpf(0), mpf(1)), "leaky_relu": lambda: abrelu(get("alpha"), mpf(1)), "abrelu": lambda: abrelu(get("a"), get("b")),
        "abs": lambda: abrelu(mpf(-1), mpf(1)), "sign": sign, "erf": lambda: erf(get("a", 1), get("b", 1), get("c", 0)),
        "sigmoid_like": lambda: erf(mpf(1) / 2, 1 / mpf(LOGISTIC), mpf(1) / 2), "gelu": gelu, "sin": lambda: sin(get("a", 1), get("b", 1), get("c", 0)),
        "cos": lambda: sin(get("a", 1), get("b", 1), get("c", 0) + mp.pi / 2), "rbf": lambda: rbf(get("gamma", 1)), "gabor": gabor,
        "exp": lambda: exp(get("a", 1), get("b", 1)), "gaussian": lambda: gaussian(get("a", 1), get("b", -1)),
        "exp_normalized": lambda: exp_normalized(get("gamma", 1), get("shift", -1)), "hermite": lambda: hermite(layer["degree"]),
        "monomial": lambda: polynomial([mpf(0)] * layer["degree"] + [mpf(1)]),
        "polynomial": lambda: polynomial([mpf(float(c)) for c in layer["coef"]]),
        "rectified_monomial": lambda: rectified_monomial(layer["degree"]),
    }
    return table[layer["op"]]() if layer["op"] in table else None
