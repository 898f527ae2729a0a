/*
 * The polynomials of a collapsed chain (chain.c): interpolated in Chebyshev nodes from the layerwise recursion in extended precision, cut where
 * their tail no longer matters to the type, and written in powers.
 *
 *   sides    in x = 2u - 1, as f(0) + (x + 1) q(x), so that equal inputs (u = 0) are exact
 *   pieces   piece r of a side belongs to the u that round to r/SCALE, in x = u - r STEP; equal inputs are the constant of piece 0
 *
 * Horner's rounding error is eps times the sum of the |coefficients| |x|^k; it is measured here, and a chain for which it is not small
 * (very deep ones) is left to the layerwise path.
 */
#include "infinite.h"

#include <math.h>

#define NODES 56 /* interpolation points; a degree above NTK_CHAIN_DEGREE is refused */

/* ---- the exact chain ------------------------------------------------------------------------------------------- */

/* A pair of unit inputs on its way through the layers. */
typedef struct pair_state {
    long double rho, gap, theta, lengths; /* lengths: alpha beta */
} pair_state;

/* sin t - t cos t = sum (-1)^(k+1) 2k t^(2k+1) / (2k+1)!, for t <= pi/2. */
static long double lens(long double t)
{
    long double term = t * t * t / 3, sum = 0; /* 2 t³ / 3! */
    for (int k = 1; k <= 14; ++k) {
        sum += term;
        term *= -t * t * (k + 1) / ((long double)k * (2 * k + 2) * (2 * k + 3));
    }
    return sum;
}

static void pass_relu(const double *k, pair_state *p)
{
    long double kappa = k[NTK_RELU_KAPPA], c = k[NTK_RELU_C], s = (1 - c) / acosl(-1), w = p->gap, t = 2 * asinl(sqrtl(w / 2)), sg = s * lens(t);
    bool near = p->rho >= 0;
    long double far_rho = sg - c * (1 - w);
    p->theta *= kappa * (near ? 1 - s * t : c + s * t);
    p->gap = near ? w - sg : far_rho >= 0 ? (1 + c) - c * w - sg : (1 - c) + c * w + sg;
    p->rho = near ? 1 - p->gap : far_rho;
    p->lengths *= kappa;
}

static void pass_dense(const double *k, pair_state *p)
{
    p->theta = k[NTK_AFFINE_OWN_K] * p->lengths * p->rho + k[NTK_AFFINE_GAIN2] * p->theta;
    p->lengths *= k[NTK_AFFINE_GAIN2];
}

static pair_state exact(const ntk_reading *r, long double u, bool far)
{
    pair_state p = {.gap = u * u, .lengths = 1};
    p.rho = far ? p.gap - 1 : 1 - p.gap;
    for (int64_t i = 0; i < r->network->n_steps; ++i) {
        const ntk_plan *plan = &r->plans[i];
        if (plan->step->parametric >= 0) pass_dense(plan->k, &p);
        else pass_relu(plan->k, &p);
    }
    return p;
}

/* ---- interpolation --------------------------------------------------------------------------------------------- */

typedef struct samples {
    long double start[2];        /* rho, theta at u = 0 */
    long double value[2][NODES]; /* and at the Chebyshev nodes */
} samples;

/* u in [low, high]. */
static void sample(const ntk_reading *r, bool far, long double low, long double high, samples *s)
{
    long double pi = acosl(-1);
    pair_state start = exact(r, 0, far);
    s->start[0] = start.rho;
    s->start[1] = start.theta;
    for (int i = 0; i < NODES; ++i) {
        pair_state p = exact(r, (low + high + (high - low) * cosl(pi * (2 * i + 1) / (2 * NODES))) / 2, far);
        s->value[0][i] = p.rho;
        s->value[1][i] = p.theta;
    }
}

static void chebyshev_coefficients(const long double *value, long double *c)
{
    long double pi = acosl(-1);
    for (int k = 0; k < NODES; ++k) {
        c[k] = 0;
        for (int i = 0; i < NODES; ++i) c[k] += value[i] * cosl(pi * k * (2 * i + 1) / (2 * NODES)) * (k ? 2 : 1) / NODES;
    }
}

/* Smallest degree whose tail is below `share` of `scale`. */
static int degree_for(const long double *c, long double scale, long double share)
{
    long double tail = 0;
    int k = NODES - 1;
    while (k > 0 && tail + fabsl(c[k]) <= share * scale) tail += fabsl(c[k--]);
    return k;
}

/* sum c_k T_k(t) in powers of t: T_{k+1} = 2 x T_k - T_{k-1}. */
static void to_powers(const long double *c, int degree, long double powers[NODES])
{
    long double t[NODES + 1] = {1}, before[NODES + 1] = {0};
    for (int i = 0; i < NODES; ++i) powers[i] = 0;
    for (int k = 0; k <= degree; ++k) {
        for (int i = 0; i <= k; ++i) powers[i] += c[k] * t[i];
        for (int i = k + 1; i >= 0; --i) {
            long double next = (i > 0 ? (k == 0 ? 1 : 2) * t[i - 1] : 0) - (k == 0 ? 0 : before[i]);
            before[i] = t[i];
            t[i] = next;
        }
    }
}

/* q of P(x) = P(-1) + (x + 1) q(x), by synthetic division. */
static void divide(const long double *powers, int degree, ntk_chain_side *side)
{
    long double carry = 0;
    side->degree = NTK_MAX(degree - 1, 0);
    side->c[0] = 0;
    for (int k = degree; k >= 1; --k) {
        carry = powers[k] - carry;
        side->c[k - 1] = (double)carry;
    }
}

static bool fit_side(const samples *s, int what, long double scale, double eps, ntk_chain_side *side)
{
    long double c[NODES], powers[NODES];
    double sum = 0;
    int degree;
    chebyshev_coefficients(s->value[what], c);
    degree = degree_for(c, scale, eps / 4);
    if (degree > NTK_CHAIN_DEGREE) return false;
    to_powers(c, degree, powers);
    divide(powers, degree, side);
    side->start = (double)s->start[what];
    for (int k = 0; k <= side->degree; ++k) sum += fabs(side->c[k]);
    return sum <= 4 * scale; /* Horner's error is at most about twice the degree times eps times this, in practice a few eps */
}

static const double eps[2] = {0x1p-53, 0x1p-24};

static bool fit_sides(const ntk_reading *r, const long double scale[2], ntk_chain *chain)
{
    samples s[2];
    bool good = true;
    for (int far = 0; far < 2; ++far) sample(r, far, 0, 1, &s[far]);
    for (int type = 0; type < 2; ++type)
        for (int what = 0; what < 2; ++what)
            for (int far = 0; far < 2; ++far) good = good && fit_side(&s[far], what, scale[what], eps[type], &chain->sides[type][what][far]);
    return good;
}

/* ---- pieces ---------------------------------------------------------------------------------------------------- */

/* P(a x + b) in powers of x, in place, by Horner's rule on polynomials. */
static void substitute(int degree, long double a, long double b, long double powers[NODES])
{
    long double q[NODES + 1] = {0};
    for (int k = degree; k >= 0; --k) {
        for (int i = NODES - 1; i > 0; --i) q[i] = q[i] * b + q[i - 1] * a;
        q[0] = q[0] * b + powers[k];
    }
    for (int i = 0; i < NODES; ++i) powers[i] = q[i];
}

/* One piece as column `lane` of the table. */
static bool fit_piece(const samples *s, int what, long double scale, int type, int piece, long double low, long double high, int lane, ntk_chain_pieces *to)
{
    long double c[NODES], powers[NODES], half = (high - low) / 2, centre = (long double)piece * (type ? (float)NTK_CHAIN_STEP : NTK_CHAIN_STEP), sum = 0;
    long double reach = fmaxl(high - centre, centre - low), x = 1;
    int degree;
    chebyshev_coefficients(s->value[what], c);
    degree = degree_for(c, scale, eps[type] / 4);
    if (degree > NTK_CHAIN_PIECE_DEGREE) return false;
    to_powers(c, degree, powers);
    substitute(degree, 1 / half, (centre - low - half) / half, powers);
    if (piece == 0) powers[0] = s->start[what];
    to->degree = NTK_MAX(to->degree, degree);
    for (int k = 0; k <= degree; ++k, x *= reach) {
        to->f64[k][lane] = (double)powers[k];
        to->f32[k][lane] = (float)powers[k];
        sum += fabsl(powers[k]) * x;
    }
    return sum <= 4 * scale;
}

static bool fit_pieces(const ntk_reading *r, const long double scale[2], ntk_chain *chain)
{
    bool good = true;
    for (int lane = 0; lane < 2 * NTK_CHAIN_PIECES; ++lane) {
        int piece = lane % NTK_CHAIN_PIECES;
        bool last = piece == NTK_CHAIN_PIECES - 1;
        long double low = fmaxl((piece - 0.5L) * NTK_CHAIN_STEP, 0), high = last ? 1 : (piece + 0.5L) * NTK_CHAIN_STEP;
        samples s;
        sample(r, lane >= NTK_CHAIN_PIECES, low, high, &s);
        for (int type = 0; type < 2; ++type)
            for (int what = 0; what < 2; ++what)
                good = good && fit_piece(&s, what, scale[what], type, piece, low, high, lane, &chain->pieces[type][what]);
    }
    return good;
}

static bool fit(const ntk_reading *r, ntk_chain *chain)
{
    long double scale[2] = {1, fabsl(exact(r, 0, false).theta)};
    if (!(scale[1] > 0)) return false;
    return r->cpu == NTK_CPU_AVX512 ? fit_pieces(r, scale, chain) : fit_sides(r, scale, chain);
}

/* A chain: every step reads the one before; dense without bias, or homogeneous. */
static bool applicable(const ntk_reading *r)
{
    int64_t activations = 0;
    for (int64_t i = 0; i < r->network->n_steps; ++i) {
        const ntk_plan *plan = &r->plans[i];
        const ntk_activation *a = plan->step->layer->activation;
        bool dense = plan->step->parametric >= 0 && plan->columns == 0 && plan->k[NTK_AFFINE_OWN_1] == 0;
        bool homogeneous = a && a->laws & NTK_LAW_HOMOGENEOUS && plan->k[NTK_RELU_KAPPA] > 0;
        if (plan->step->n_inputs != 1 || plan->step->inputs[0] != (int)i || !(dense || homogeneous)) return false;
        activations += homogeneous;
    }
    return activations > 0 && r->network->result == (int)r->network->n_steps;
}

ntk_status ntk_chain_create(ntk_context *ctx, const ntk_reading *reading, ntk_chain **chain)
{
    ntk_status status;
    *chain = NULL;
    if (!applicable(reading)) return NTK_OK;
    status = NTK_NEW(ctx, 1, chain);
    if (status != NTK_OK || fit(reading, *chain)) return status;
    ntk_free(*chain);
    *chain = NULL;
    return NTK_OK;
}

