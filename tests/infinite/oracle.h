/*
 * An independent oracle: the textbook recursion for chains dense, phi, dense, phi, ..., dense in 113-bit arithmetic.  It loses
 * half of its 34 digits near equal inputs; the 17 that are left are what a double is compared with.
 */
#ifndef NTK_TEST_ORACLE_H
#define NTK_TEST_ORACLE_H

#include <quadmath.h>
#include <stdint.h>

typedef __float128 quad;

/** pi (quadmath's own constants are literals that ISO C lacks). */
static inline quad oracle_pi(void)
{
    return 4 * atanq(1);
}

/** E[phi(u) phi(v)] and E[phi'(u) phi'(v)] for second moments q11, q22, q12. */
typedef void (*oracle_dual)(quad q11, quad q22, quad q12, quad *k, quad *dot);

static inline quad oracle_angle(quad q11, quad q22, quad q12)
{
    quad p = sqrtq(q11 * q22), r = (p - q12) * (p + q12);
    return p == 0 ? oracle_pi() / 2 : atan2q(sqrtq(r > 0 ? r : 0), q12);
}

static inline void oracle_relu(quad q11, quad q22, quad q12, quad *k, quad *dot)
{
    quad p = sqrtq(q11 * q22), r = (p - q12) * (p + q12), t = oracle_angle(q11, q22, q12);
    *dot = (oracle_pi() - t) / (2 * oracle_pi());
    *k = sqrtq(r > 0 ? r : 0) / (2 * oracle_pi()) + *dot * q12;
}

static inline void oracle_erf(quad q11, quad q22, quad q12, quad *k, quad *dot)
{
    quad p = sqrtq(q11 * q22), e = 1 + 2 * (q11 + q22) + 4 * (p - q12) * (p + q12); /* (1 + 2 q11)(1 + 2 q22) - 4 q12² */
    *k = 2 / oracle_pi() * atan2q(2 * q12, sqrtq(e));
    *dot = 4 / oracle_pi() / sqrtq(e);
}

static inline void oracle_gelu(quad q11, quad q22, quad q12, quad *k, quad *dot)
{
    quad pq = q11 * q22, root = sqrtq(pq), big = (1 + q11) * (1 + q22), d2 = 1 + q11 + q22 + (root - q12) * (root + q12), d = sqrtq(d2);
    *k = q12 / 4 + ((q12 * q12 + pq * d2) / (big * d) + q12 * atan2q(q12, d)) / (2 * oracle_pi());
    *dot = (quad)1 / 4 + (atan2q(q12, d) + q12 / d * (1 / d2 + (1 - pq) / big + 1)) / (2 * oracle_pi());
}

static inline void oracle_sin(quad q11, quad q22, quad q12, quad *k, quad *dot)
{
    quad s = (q11 + q22) / 2;
    *k = fabsq(q12) < 1 ? expq(-s) * sinhq(q12) : (expq(q12 - s) - expq(-q12 - s)) / 2;
    *dot = (expq(q12 - s) + expq(-q12 - s)) / 2;
}

static inline void oracle_rbf(quad q11, quad q22, quad q12, quad *k, quad *dot)
{
    *k = expq(2 * q12 - q11 - q22);
    *dot = 2 * *k;
}

static inline void oracle_sign(quad q11, quad q22, quad q12, quad *k, quad *dot)
{
    *k = q11 * q22 == 0 ? 0 : 1 - 2 * oracle_angle(q11, q22, q12) / oracle_pi();
    *dot = 0;
}

typedef struct oracle_chain {
    const oracle_dual *duals; /* by hidden layer */
    int layers;
    double w_std, b_std;      /* ntk parameterization, b_std < 0: no bias */
} oracle_chain;

/** K and Theta of one pair of vectors, and the scale sqrt(Theta11 Theta22) (K likewise) that errors are relative to. */
static inline void oracle_pair(const oracle_chain *c, int64_t d, const double *x, const double *y, quad *k, quad *theta)
{
    quad q[3] = {0, 0, 0}, t = 0, w2 = (quad)c->w_std * c->w_std, b2 = c->b_std > 0 ? (quad)c->b_std * c->b_std : 0;
    for (int64_t i = 0; i < d; ++i) {
        q[0] += (quad)x[i] * x[i] / d;
        q[1] += (quad)y[i] * y[i] / d;
        q[2] += (quad)x[i] * y[i] / d;
    }
    for (int l = 0;; ++l) {
        quad dot, next[3], unused;
        for (int i = 0; i < 3; ++i) q[i] = w2 * q[i] + b2;
        t = q[2] + w2 * t;
        if (l == c->layers) break;
        c->duals[l](q[0], q[1], q[2], &next[2], &dot);
        c->duals[l](q[0], q[0], q[0], &next[0], &unused);
        c->duals[l](q[1], q[1], q[1], &next[1], &unused);
        for (int i = 0; i < 3; ++i) q[i] = next[i];
        t *= dot;
    }
    *k = q[2];
    *theta = t;
}

#endif
