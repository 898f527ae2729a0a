#!/usr/bin/env python3
"""Prints lib/infinite/numeric_nodes.h: the quadrature in the index k that stands for the tail of a Hermite series at a kink.

Let F be smooth on the k of one parity.  With x0 = TERMS - 1 and h = 2 the midpoint rule says (Euler and Maclaurin)

    sum_{k >= TERMS} F(k) = 1/2 int_{x0}^inf F + F'(x0)/12 - 7/720 F'''(x0) + ...            (even k; odd k: from x0 + 1)

What stands beside the integral is expressed by the last ENDS terms before the tail, whose weights it changes (ENDS_EVEN, ENDS_ODD),
exactly for cubic F.  The integral is cut into octaves x0 2^j ... x0 2^(j+1), each done by interpolation in the Gauss-Legendre points
rounded to eighths, so that powers of rho come from square roots and products alone (NODES: in eighths; WEIGHTS).
The coefficients of sign(z)/2 are e(k) = phi(0) He_{k-1}(0)/sqrt(k!) for odd k, here without their sign and with the square root of
their weight, in the order of the terms (terms.c).
"""
import mpmath as mp

mp.mp.dps = 40
TERMS, OCTAVES, COUNT, ENDS, PARTS = 96, 20, 6, 4, 8
X0 = TERMS - 1


def solve(points, centre, moments):
    a = mp.matrix(len(points), len(points))
    for row in range(len(points)):
        for i, k in enumerate(points):
            a[row, i] = (mp.mpf(k) - centre) ** row
    return list(mp.lu_solve(a, mp.matrix(moments)))


def octave():
    legendre = mp.polyroots(mp.taylor(lambda x: mp.legendre(COUNT, x), 0, COUNT)[::-1], maxsteps=200, extraprec=200)
    nodes = [mp.nint((X0 + X0 * (1 + x) / 2) * PARTS) / PARTS for x in sorted(mp.re(z) for z in legendre)]
    half = mp.mpf(X0) / 2
    moments = [(half ** (r + 1) - (-half) ** (r + 1)) / (r + 1) for r in range(COUNT)]
    return nodes, [w / 2 for w in solve(nodes, mp.mpf(3 * X0) / 2, moments)]


def ends(parity):
    """Weights that the last terms k = TERMS - 2 + parity - 2 i get beside their 1."""
    x = X0 + parity
    moments = []
    for r in range(ENDS):  # of (k - X0)^r
        first = r * mp.mpf(parity) ** (r - 1) if r else mp.mpf(0)
        third = mp.mpf(6) if r == 3 else mp.mpf(0)
        moments.append(first / 12 - 7 * third / 720 - mp.mpf(parity) ** (r + 1) / (r + 1) / 2)
    return [1 + w for w in solve([TERMS - 2 + parity - 2 * i for i in range(ENDS)], X0, moments)]


def step(k):
    return mp.e ** ((k - 1) * mp.log(2) / 2 + mp.loggamma(mp.mpf(k) / 2) - mp.loggamma(mp.mpf(k) + 1) / 2) / (mp.pi * mp.sqrt(2))


def show(name, values, per=6):
    lines = [", ".join(mp.nstr(v, 20) for v in values[i:i + per]) for i in range(0, len(values), per)]
    print("#define %s \\\n    { \\\n        %s \\\n    }" % (name, ", \\\n        ".join(lines)))


nodes, weights = octave()
even, odd = ends(0), ends(1)
assert min(weights + even + odd) > 0
steps = [step(k) for k in range(1, TERMS, 2)]
for i in range(ENDS):
    steps[-1 - i] *= mp.sqrt(odd[i])
for j in range(OCTAVES):
    steps += [step(k * 2 ** j) * mp.sqrt(w * 2 ** j) for k, w in zip(nodes, weights)]
print("/* Made by scripts/numeric_nodes.py. */")
print("#define NTK_NUMERIC_TERMS %d\n#define NTK_NUMERIC_OCTAVES %d\n#define NTK_NUMERIC_NODES %d\n#define NTK_NUMERIC_ENDS %d" % (TERMS, OCTAVES, COUNT, ENDS))
print("#define NTK_NUMERIC_PARTS %d" % PARTS)
print("#define NTK_NUMERIC_NODE_LIST {%s}" % ", ".join(str(int(k * PARTS)) for k in nodes))
show("NTK_NUMERIC_WEIGHTS", weights)
show("NTK_NUMERIC_ENDS_EVEN", even)
show("NTK_NUMERIC_ENDS_ODD", odd)
show("NTK_NUMERIC_STEP", steps)
