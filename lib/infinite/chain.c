/*
 * Depth collapse: a bias-free chain of dense layers and homogeneous activations (the ReLU family) of any depth is one function of
 * the angle (docs/mathematics.md §4.3),
 *
 *     rho_out = f(rho),     Theta = alpha beta g(rho),      alpha, beta the lengths of the input.
 *
 * With u = sqrt(1 - |rho|) both f and g are analytic in u on either side of rho = 0 (the only singularities are the square roots at
 * rho = ±1), so each is a polynomial in x = 2u - 1: interpolated in Chebyshev nodes from the layerwise recursion in extended
 * precision, cut where its tail no longer matters to the type, written as f(0) + (x + 1) q(x) so that equal inputs (u = 0) are exact,
 * and q evaluated by Horner.  One square root and one polynomial per pair, whatever the depth.  Its argument is the gap itself, so
 * near inputs keep their digits.
 *
 * Horner's rounding error is eps times the sum of the |coefficients|; it is measured when the chain is made, and a chain for which it
 * is not small (very deep ones) is left to the layerwise path.
 */
#include "hot.h"

#define NODES 56       /* interpolation points; a degree above NTK_CHAIN_DEGREE is refused */
#if defined(NTK_HOT)

#if defined(__AVX512F__)
#define BYTES 64
#define VECTORS 8 /* in flight together: hides the latency of Horner's chain */
#elif defined(__AVX2__)
#define BYTES 32
#define VECTORS 8
#else
#define BYTES 16
#define VECTORS 4
#endif
#define BLOCK (VECTORS * BYTES / (int)sizeof(real)) /* pairs evaluated together; divides NTK_RUN */

typedef real vector __attribute__((vector_size(BYTES), aligned(sizeof(real)), may_alias));

/* One side of a block of pairs.  Written in vectors, so that the sums stay in registers. */
static inline void evaluate(const ntk_chain_side *side, const real *x, real *out)
{
    const vector *at = (const vector *)(const void *)x;
    vector *to = (vector *)(void *)out, sum[VECTORS], one = (vector){0} + 1, start = one * REAL(side->start);
    NTK_UNROLL for (int v = 0; v < VECTORS; ++v) sum[v] = one * REAL(side->c[side->degree]);
    for (int k = side->degree - 1; k >= 0; --k) {
        vector c = one * REAL(side->c[k]);
        NTK_UNROLL for (int v = 0; v < VECTORS; ++v) sum[v] = sum[v] * at[v] + c;
    }
    NTK_UNROLL for (int v = 0; v < VECTORS; ++v) to[v] = start + (at[v] + one) * sum[v];
}

/* Pairs of a block on the far side. */
static inline int64_t count_far(const real *rho)
{
    int64_t far = 0;
    for (int l = 0; l < BLOCK; ++l) far += rho[l] < 0;
    return far;
}

/* Both sides where both occur.  What stands behind the last pair is finite: it was put to 0, or is left of another run. */
static void evaluate_sides(const ntk_run *run, const ntk_chain_side sides[2], const real *rho, const real *x, real *out)
{
    for (int64_t first = 0; first < run->count; first += BLOCK) {
        int64_t below = count_far(rho + first);
        real far[BLOCK];
        if (below < BLOCK) evaluate(&sides[0], x + first, out + first);
        if (below == 0) continue;
        evaluate(&sides[1], x + first, far);
        for (int l = 0; l < BLOCK; ++l) out[first + l] = rho[first + l] < 0 ? far[l] : out[first + l];
    }
}

void NTK_HOT_NAME(chain_pairs)(const ntk_chain *chain, const ntk_run *run);
void NTK_HOT_NAME(chain_pairs)(const ntk_chain *chain, const ntk_run *run)
{
    state s = state_of(run, 0);
    real x[NTK_RUN] = {0}, rho[NTK_RUN], alpha = row_of(run, 0);
    const real *beta = column_of(run, 0);
    const ntk_chain_side(*sides)[2] = chain->sides[sizeof(real) == 4];
    NTK_RUN_LOOP(j, run) x[j] = 2 * ntk_sqrt(s.gap[j]) - 1;
    if (run->wants_nngp) evaluate_sides(run, sides[0], s.rho, x, rho);
    evaluate_sides(run, sides[1], s.rho, x, s.theta);
    NTK_RUN_LOOP(j, run) s.theta[j] *= alpha * beta[j];
    if (!run->wants_nngp) return;
    NTK_RUN_LOOP(j, run) s.rho[j] = rho[j];
}

#else

#include <math.h>

#define CHAIN_VARIANTS(type)                                            \
    void ntk_chain_pairs_##type##_c(const ntk_chain *, const ntk_run *);  \
    void ntk_chain_pairs_##type##_avx2(const ntk_chain *, const ntk_run *); \
    void ntk_chain_pairs_##type##_avx512(const ntk_chain *, const ntk_run *);
CHAIN_VARIANTS(f64)
CHAIN_VARIANTS(f32)

const ntk_chain_fn ntk_chain_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(chain_pairs, f64), [NTK_F32] = NTK_VARIANT_ROW(chain_pairs, f32)};

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

static void sample_side(const ntk_reading *r, bool far, samples *s)
{
    long double pi = acosl(-1);
    pair_state start = exact(r, 0, far);
    s->start[0] = start.rho;
    s->start[1] = start.theta;
    for (int i = 0; i < NODES; ++i) {
        pair_state p = exact(r, (1 + cosl(pi * (2 * i + 1) / (2 * NODES))) / 2, far);
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

/* sum c_k T_k(x) in powers of x: T_{k+1} = 2 x T_k - T_{k-1}. */
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

static bool fit(const ntk_reading *r, ntk_chain *chain)
{
    static const double eps[2] = {0x1p-53, 0x1p-24};
    pair_state same = exact(r, 0, false);
    long double scale[2] = {1, fabsl(same.theta)};
    samples s[2];
    bool good = scale[1] > 0;
    for (int far = 0; far < 2; ++far) sample_side(r, far, &s[far]);
    for (int type = 0; type < 2; ++type)
        for (int what = 0; what < 2; ++what)
            for (int far = 0; far < 2; ++far) good = good && fit_side(&s[far], what, scale[what], eps[type], &chain->sides[type][what][far]);
    return good;
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

#endif
