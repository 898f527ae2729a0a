/*
 * The oracle of the ops over positions: the textbook recursion over all pairs of positions of two samples, in long double,
 * on covariances, with matrices in place of windows.  It shares nothing with the library: no distances, no taps, no slots.
 */
#ifndef NTK_TEST_NAIVE_H
#define NTK_TEST_NAIVE_H

#include "kit.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef NAIVE_POSITIONS
#define NAIVE_POSITIONS 24 /* of a sample, at most */
#endif
enum { NAIVE_MOST = NAIVE_POSITIONS };

#ifdef NAIVE_QUAD /* 113 bits: where the textbook loses half of the digits a double's worth is left */
#include <quadmath.h>
typedef __float128 naive_real;
#define NAIVE_MATH(f) f##q
#else
typedef long double naive_real;
#define NAIVE_MATH(f) f##l
#endif
typedef naive_real naive_matrix[NAIVE_MOST][NAIVE_MOST];

/* Samples a and b: K of (a, b), (a, a), (b, b), Theta of (a, b). */
typedef struct naive_field {
    int n[2];
    naive_matrix k[3], theta;
    bool own; /* a and b are one sample */
} naive_field;

static const int naive_sides[3][2] = {{0, 1}, {0, 0}, {1, 1}};

static inline void naive_input(int na, const double *a, int nb, const double *b, int c, bool own, naive_field *f)
{
    const double *x[2] = {a, b};
    *f = (naive_field){.n = {na, nb}, .own = own};
    for (int m = 0; m < 3; ++m)
        for (int p = 0; p < f->n[naive_sides[m][0]]; ++p)
            for (int q = 0; q < f->n[naive_sides[m][1]]; ++q)
                for (int i = 0; i < c; ++i) f->k[m][p][q] += (naive_real)x[naive_sides[m][0]][p * c + i] * x[naive_sides[m][1]][q * c + i] / c;
}

/* out += w R m Sᵀ; R [rows, na], S [columns, nb]. */
static inline void naive_sandwich(int rows, int na, naive_matrix r, int columns, int nb, naive_matrix s, naive_real w, naive_matrix m, naive_matrix out)
{
    for (int o = 0; o < rows; ++o)
        for (int q = 0; q < columns; ++q)
            for (int i = 0; i < na; ++i)
                for (int j = 0; j < nb; ++j) out[o][q] += w * r[o][i] * m[i][j] * s[q][j];
}

/* K' = sum over t of w R_t K R_tᵀ, Theta' the same: a convolution is one t for each tap, a fixed mixture has one alone. */
static inline void naive_mix(naive_field *f, int taps, naive_real w, int rows_a, naive_matrix *a, int rows_b, naive_matrix *b)
{
    naive_field in = *f;
    naive_matrix *r[2] = {a, b};
    int rows[2] = {rows_a, rows_b};
    *f = (naive_field){.n = {rows_a, rows_b}, .own = in.own};
    for (int t = 0; t < taps; ++t)
        for (int m = 0; m < 4; ++m) {
            int u = m < 3 ? naive_sides[m][0] : 0, v = m < 3 ? naive_sides[m][1] : 1;
            naive_sandwich(rows[u], in.n[u], r[u][t], rows[v], in.n[v], r[v][t], w, m < 3 ? in.k[m] : in.theta, m < 3 ? f->k[m] : f->theta);
        }
}

/* A layer with weights in the ntk parameterization, after its mean over taps. */
static inline void naive_affine(naive_field *f, naive_real w2, naive_real b2)
{
    for (int m = 0; m < 3; ++m)
        for (int p = 0; p < f->n[naive_sides[m][0]]; ++p)
            for (int q = 0; q < f->n[naive_sides[m][1]]; ++q) f->k[m][p][q] = w2 * f->k[m][p][q] + b2;
    for (int p = 0; p < f->n[0]; ++p)
        for (int q = 0; q < f->n[1]; ++q) f->theta[p][q] = w2 * f->theta[p][q] + f->k[0][p][q];
}

static inline naive_real naive_relu_pair(naive_real qa, naive_real qb, naive_real k, naive_real *dot)
{
    naive_real pi = NAIVE_MATH(acos)(-1), det = qa * qb - k * k, root = det > 0 ? NAIVE_MATH(sqrt)(det) : 0;
    *dot = (pi - NAIVE_MATH(atan2)(root, k)) / (2 * pi);
    return root / (2 * pi) + *dot * k;
}

static inline void naive_relu(naive_field *f)
{
    naive_field in = *f;
    naive_real dot;
    for (int m = 0; m < 3; ++m)
        for (int p = 0; p < f->n[naive_sides[m][0]]; ++p)
            for (int q = 0; q < f->n[naive_sides[m][1]]; ++q) {
                int u = naive_sides[m][0], v = naive_sides[m][1];
                f->k[m][p][q] = naive_relu_pair(in.k[1 + u][p][p], in.k[1 + v][q][q], in.k[m][p][q], &dot);
                if (m == 0) f->theta[p][q] = dot * in.theta[p][q];
            }
}

static inline void naive_dropout(naive_field *f, naive_real keep)
{
    for (int m = f->own ? 0 : 1; m < 3; ++m)
        for (int p = 0; p < f->n[naive_sides[m][0]]; ++p) f->k[m][p][p] /= keep;
    for (int p = 0; f->own && p < f->n[0]; ++p) f->theta[p][p] /= keep;
}

/* R of two positions along one axis. */
enum { NAIVE_ONE_HOT, NAIVE_RATIONAL, NAIVE_EXPONENTIAL };
static inline naive_real naive_embedding(int decay, naive_real p_norm, int p, int q)
{
    naive_real d = p == q ? 0 : NAIVE_MATH(pow)(abs(p - q), p_norm);
    return decay == NAIVE_ONE_HOT ? p == q : decay == NAIVE_RATIONAL ? 1 / (1 + d * d) : NAIVE_MATH(exp)(-d);
}

typedef struct naive_attention {
    const char *mechanism;
    bool linear, values;                /* val_pos_emb */
    naive_real a, b, qk, ov, bias2, rate; /* qk = q_std k_std, ov = o_std v_std */
    int decay;
    naive_real p_norm;
} naive_attention;

/* K~ (which < 3) or Theta~. */
static inline naive_real naive_embedded(const naive_field *f, const naive_attention *l, int which, int p, int q)
{
    naive_real r = l->b * naive_embedding(l->decay, l->p_norm, p, q);
    return which < 3 ? l->a * f->k[which][p][q] + r : l->a * f->theta[p][q] + l->rate * r;
}

static inline naive_real naive_values(const naive_field *f, const naive_attention *l, int which, int p, int q)
{
    return l->values ? naive_embedded(f, l, which, p, q) : which < 3 ? f->k[which][p][q] : f->theta[p][q];
}

static inline void naive_scores(const naive_field *f, const naive_attention *l, int side, naive_matrix g)
{
    for (int p = 0; p < f->n[side]; ++p) {
        naive_real sum = 0;
        for (int q = 0; q < f->n[side]; ++q) {
            naive_real x = l->qk * naive_embedded(f, l, 1 + side, p, q);
            g[p][q] = l->mechanism[0] == 's' ? NAIVE_MATH(exp)(x) : l->mechanism[0] == 'a' ? NAIVE_MATH(fabs)(x) : l->mechanism[0] == 'r' && x < 0 ? 0 : x;
            sum += g[p][q];
        }
        for (int q = 0; l->mechanism[0] == 's' && q < f->n[side]; ++q) g[p][q] /= sum;
    }
}

static inline void naive_attend_linear(naive_field *f, const naive_attention *l)
{
    static naive_matrix g[2], v;
    naive_field in = *f;
    for (int side = 0; side < 2; ++side) naive_scores(f, l, side, g[side]);
    for (int m = 0; m < 4; ++m) {
        int u = m < 3 ? naive_sides[m][0] : 0, w = m < 3 ? naive_sides[m][1] : 1;
        naive_real (*out)[NAIVE_MOST] = m < 3 ? f->k[m] : f->theta;
        for (int p = 0; p < in.n[u]; ++p)
            for (int q = 0; q < in.n[w]; ++q) v[p][q] = naive_values(&in, l, m, p, q);
        for (int p = 0; p < in.n[u]; ++p)
            for (int q = 0; q < in.n[w]; ++q) out[p][q] = m < 3 ? l->bias2 : l->rate * (2 * f->k[0][p][q] - l->bias2);
        naive_sandwich(in.n[u], in.n[u], g[u], in.n[w], in.n[w], g[w], l->ov * l->ov, v, out);
    }
}

/* K' = s c K~ + b²; t = d c / d s along (Theta, Theta~), term by term. */
static inline void naive_attend_product(naive_field *f, const naive_attention *l)
{
    naive_field in = *f;
    naive_real s = l->qk * l->qk * l->ov * l->ov, c[3] = {0}, t = 0;
    for (int m = 0; m < 3; ++m)
        for (int p = 0; p < in.n[naive_sides[m][0]]; ++p)
            for (int q = 0; q < in.n[naive_sides[m][1]]; ++q) {
                c[m] += naive_embedded(&in, l, m, p, q) * naive_values(&in, l, m, p, q);
                if (m == 0) t += naive_embedded(&in, l, 0, p, q) * naive_values(&in, l, 3, p, q) + naive_values(&in, l, 0, p, q) * naive_embedded(&in, l, 3, p, q);
            }
    for (int m = 0; m < 3; ++m)
        for (int p = 0; p < in.n[naive_sides[m][0]]; ++p)
            for (int q = 0; q < in.n[naive_sides[m][1]]; ++q) f->k[m][p][q] = s * c[m] * naive_embedded(&in, l, m, p, q) + l->bias2;
    for (int p = 0; p < in.n[0]; ++p)
        for (int q = 0; q < in.n[1]; ++q)
            f->theta[p][q] = s * (t * naive_embedded(&in, l, 0, p, q) + c[0] * (naive_embedded(&in, l, 3, p, q) + 4 * l->rate * naive_embedded(&in, l, 0, p, q))) +
                             l->rate * l->bias2;
}

typedef struct naive_kernels {
    double nngp, ntk;
} naive_kernels;

/* The mean over all pairs of positions. */
static inline naive_kernels naive_pool(const naive_field *f)
{
    naive_real k = 0, theta = 0, n = (naive_real)f->n[0] * f->n[1];
    for (int p = 0; p < f->n[0]; ++p)
        for (int q = 0; q < f->n[1]; ++q) {
            k += f->k[0][p][q] / n;
            theta += f->theta[p][q] / n;
        }
    return (naive_kernels){(double)k, (double)theta};
}

/* A readout: units 1, w_std², b_std². */
static inline naive_kernels naive_readout(const naive_field *f, double w2, double b2)
{
    naive_kernels k = naive_pool(f);
    return (naive_kernels){w2 * k.nngp + b2, w2 * k.ntk + w2 * k.nngp + b2};
}

/* The windows of "same" along one axis as matrices, one for each of k taps. */
static inline void naive_same(int n, int k, int stride, naive_matrix *taps)
{
    int out = (n + stride - 1) / stride, reach = (out - 1) * stride + k - n, low = reach > 0 ? reach / 2 : 0;
    for (int t = 0; t < k; ++t)
        for (int o = 0; o < NAIVE_MOST; ++o)
            for (int i = 0; i < NAIVE_MOST; ++i) taps[t][o][i] = o < out && i < n && i == o * stride + t - low;
}

static inline void naive_near(double a, double b)
{
    kit_near(a, b, 1e-13 * fabs(b));
}

#endif
