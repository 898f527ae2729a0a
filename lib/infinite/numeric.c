/*
 * Activations without a closed form, by Hermite series (docs/mathematics.md §3.3), in distance form.  The coefficients, per sample, are made
 * in numeric_series.c.
 *
 * With d_k = E[phi'(alpha z) h_k(z)] and c_0 = E[phi(alpha z)], h_k the normalised Hermite polynomials,
 *
 *     K. = sum_k d_k d'_k rho^k,      K = c_0 c'_0 + alpha beta sum_k d_k d'_k rho^(k+1) / (k+1)
 *
 * (no division by the norms: zero samples are fine).  Where phi has a kink at zero d_k falls like k^(-3/4) only and the series would
 * need millions of terms.  Two things bring that down to a few hundred:
 *
 *  1. The part J |x|/2 of phi, J the jump of phi' at 0, is taken in closed form (angle.h) and its coefficients b_k are taken out of
 *     the products: d_k d'_k - b_k².
 *  2. What is left falls like k^(-5/2) and, for one parity of k, is smooth in k, so the terms beyond the first are summed by quadrature
 *     in k: six nodes in each of sixteen octaves (scripts/numeric_nodes.py).  The nodes of an octave are twice those of the one before: the powers
 *     of rho are squares, rho^(2k) = (rho^k)², and 1 - rho^(2k) = (1 - rho^k)(1 + rho^k).  Weights are positive and split between the
 *     two samples, so all that is said of terms holds for nodes.
 *
 * Distances.  r, s: the coefficients of phi divided by the lengths after the layer; m = |rho|.  By parity of the degree of h, even and odd,
 *
 *     M = sum r s m^k,     G = sum (r - s)²/2 + r s (1 - m^k),     share = sum r²
 *     rho >= 0:   rho' = M_e + M_o,   1 - rho' = G_e + G_o
 *     rho <  0:   rho' = M_e - M_o,   1 + rho' = (share_e + share'_e)/2 + M_e + G_o
 *
 * all of them sums without cancellation; 1 - m^(k+2) = (1 - m^k) m² + (1 - m²).
 */
#include "hot.h"
#include "numeric.h"

#if defined(NTK_HOT)

#include "angle.h"

/* A vector of pairs; GCC and Clang lower it to what the instruction set has.  A step takes the NTK_LANES pairs that a run is a multiple of. */
typedef real vec __attribute__((vector_size(64), aligned(sizeof(real)), may_alias));
#define LANES ((int)(64 / sizeof(real)))
#define VECTORS (NTK_LANES / LANES)

/* Of one parity, for the whole run: sums for K., for K, and the two parts of the distance. */
typedef struct sums {
    real dot[NTK_RUN], moment[NTK_RUN], distance[NTK_RUN], across[NTK_RUN];
} sums;

/* One step on its way through the terms: ratio, m, 1 - m, and m^k, 1 - m^k. */
typedef struct step {
    vec ratio[VECTORS], m[VECTORS], gap[VECTORS], power[VECTORS], rest[VECTORS];
} step;
typedef struct step_sums {
    vec dot[VECTORS], moment[VECTORS], distance[VECTORS], across[VECTORS];
} step_sums;

/* Macros: a function that returns or takes a vector would differ between instruction sets. */
#define LOAD(p) (*(const vec *)(const void *)(p))
#define STORE(p, v) (*(vec *)(void *)(p) = (v))

static inline void add_term(const step *b, real ratio, real di, const real *dj, real kink2, real inverse, step_sums *s)
{
    real r = ratio * di;
    for (int v = 0; v < VECTORS; ++v) {
        vec d = LOAD(dj + v * LANES), product = di * d - kink2, across = r - b->ratio[v] * d, part = inverse * product;
        s->dot[v] += product * b->power[v];
        s->moment[v] += part * (b->power[v] * b->m[v]);
        s->distance[v] += part * (b->rest[v] * b->m[v] + b->gap[v]);
        s->across[v] += inverse * across * across;
    }
}

static inline void add_step(const step_sums *from, int64_t first, sums *to)
{
    for (int v = 0; v < VECTORS; ++v) {
        int64_t j = first + v * LANES;
        STORE(to->dot + j, LOAD(to->dot + j) + from->dot[v]);
        STORE(to->moment + j, LOAD(to->moment + j) + from->moment[v]);
        STORE(to->distance + j, LOAD(to->distance + j) + from->distance[v]);
        STORE(to->across + j, LOAD(to->across + j) + from->across[v]);
    }
}

/* What the loops need of the run. */
typedef struct pairs {
    const ntk_run *run;
    int column; /* of the first coefficient */
    real ratio, jump2, m[NTK_RUN], gap[NTK_RUN];
    const real *ratios;
} pairs;

static inline void start_step(const pairs *p, int64_t first, int parity, step *b)
{
    for (int v = 0; v < VECTORS; ++v) {
        int64_t j = first + v * LANES;
        b->ratio[v] = LOAD(p->ratios + j);
        b->m[v] = LOAD(p->m + j);
        b->gap[v] = LOAD(p->gap + j);
        if (parity) {
            b->power[v] = b->m[v];
            b->rest[v] = b->gap[v];
        } else {
            b->power[v] = b->m[v] * 0 + 1;
            b->rest[v] = b->m[v] * 0;
        }
    }
}

/* The terms k = parity, parity + 2, ... of phi', whose coefficients start at `column`. */
static inline void add_series(const pairs *p, int column, int terms, int parity, const double *kink, sums *to)
{
    real row[NTK_NUMERIC_SMOOTH_TERMS / 2], inverse[NTK_NUMERIC_SMOOTH_TERMS / 2], kink2[NTK_NUMERIC_SMOOTH_TERMS / 2];
    for (int t = 0; t < terms; ++t) {
        row[t] = row_of(p->run, column + t);
        inverse[t] = 1 / (real)(2 * t + parity + 1);
        kink2[t] = kink ? p->jump2 * REAL(kink[t] * kink[t]) : 0;
    }
    for (int64_t first = 0; first < p->run->count; first += NTK_LANES) {
        step b;
        step_sums s = {{{0}}, {{0}}, {{0}}, {{0}}};
        start_step(p, first, parity, &b);
        for (int t = 0; t < terms; ++t) {
            add_term(&b, p->ratio, row[t], column_of(p->run, column + t) + first, kink2[t], inverse[t], &s);
            for (int v = 0; v < VECTORS; ++v) {
                vec m2 = b.m[v] * b.m[v], gap2 = b.gap[v] * (2 - b.gap[v]);
                b.power[v] *= m2;
                b.rest[v] = b.rest[v] * m2 + gap2;
            }
        }
        add_step(&s, first, to);
    }
}

static inline int terms_of(const ntk_run *run, int c)
{
    real most = row_of(run, c);
    const real *other = column_of(run, c);
    NTK_RUN_LOOP(j, run) most = other[j] > most ? other[j] : most;
    return (int)most;
}

static inline void open_pairs(const ntk_plan *plan, const ntk_run *run, pairs *p)
{
    state in = state_of(run, plan->input_slot);
    p->run = run;
    p->column = plan->first_column + NTK_NUMERIC_SERIES;
    p->ratio = row_of(run, plan->first_column + NTK_NUMERIC_RATIO);
    p->ratios = column_of(run, plan->first_column + NTK_NUMERIC_RATIO);
    p->jump2 = REAL(plan->k[NTK_NUMERIC_FIRST_JUMP] * plan->k[NTK_NUMERIC_FIRST_JUMP]);
    NTK_RUN_LOOP(j, run)
    {
        p->m[j] = ntk_abs(in.rho[j]);
        p->gap[j] = in.gap[j];
    }
}

static inline void clear(sums *s)
{
    for (int j = 0; j < NTK_RUN; ++j) s->dot[j] = s->moment[j] = s->distance[j] = s->across[j] = 0;
}

/* From the sums (even, odd degree of phi: odd, even of phi') to the state. */
static inline void finish(const ntk_plan *plan, const pairs *p, const sums *even, const sums *odd)
{
    state in = state_of(p->run, plan->input_slot), out = state_of(p->run, plan->output_slot);
    int c = plan->first_column;
    real mean = row_of(p->run, c + NTK_NUMERIC_MEAN), share = row_of(p->run, c + NTK_NUMERIC_EVEN_SHARE);
    const real *means = column_of(p->run, c + NTK_NUMERIC_MEAN), *shares = column_of(p->run, c + NTK_NUMERIC_EVEN_SHARE);
    NTK_RUN_LOOP(j, p->run)
    {
        real ab = p->ratio * p->ratios[j], rho = in.rho[j], theta = in.theta[j];
        real even_moment = ab * even->moment[j] + mean * means[j], odd_moment = ab * odd->moment[j];
        real even_gap = ab * even->distance[j] + REAL(0.5) * (even->across[j] + (mean - means[j]) * (mean - means[j]));
        real odd_gap = ab * odd->distance[j] + REAL(0.5) * odd->across[j];
        bool near = rho >= 0;
        real after = near ? even_moment + odd_moment : even_moment - odd_moment;
        real same = even_gap + odd_gap, opposite = REAL(0.5) * (share + shares[j]) + even_moment + odd_gap;
        real gap = near ? (after >= 0 ? same : 1 + after) : (after < 0 ? opposite : 1 - after);
        out.theta[j] = theta * (odd->dot[j] + (near ? even->dot[j] : -even->dot[j]));
        out.rho[j] = after > 1 ? 1 : after < -1 ? -1 : after;
        out.gap[j] = gap > 0 ? gap : 0;
    }
}

void NTK_HOT_NAME(numeric_smooth_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(numeric_smooth_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    int c = plan->first_column;
    pairs p;
    sums even, odd;
    open_pairs(plan, run, &p);
    clear(&even);
    clear(&odd);
    add_series(&p, p.column, terms_of(run, c + NTK_NUMERIC_EVEN_TERMS), 0, NULL, &odd);
    add_series(&p, p.column + NTK_NUMERIC_SMOOTH_TERMS / 2, terms_of(run, c + NTK_NUMERIC_ODD_TERMS), 1, NULL, &even);
    finish(plan, &p, &even, &odd);
}

static const int nodes[] = NTK_NUMERIC_NODE_LIST;
static const double kink_series[] = NTK_NUMERIC_STEP;

/* m^(1/PARTS) and 1 - m^(1/PARTS), where 1 - sqrt m = (1 - m)/(1 + sqrt m). */
static inline void take_root(const pairs *p, real *root, real *rest)
{
    NTK_RUN_LOOP(j, p->run)
    {
        real x = p->m[j], w = p->gap[j];
        for (int part = NTK_NUMERIC_PARTS; part > 1; part /= 2) {
            x = ntk_sqrt(x);
            w /= 1 + x;
        }
        root[j] = x;
        rest[j] = w;
    }
}

/* root^k and 1 - root^k by squaring. */
static inline void power_of(int k, const real *root, const real *root_rest, step *b)
{
    int bit = 1;
    while (2 * bit <= k) bit *= 2;
    for (int v = 0; v < VECTORS; ++v) {
        vec x = LOAD(root + v * LANES), w = LOAD(root_rest + v * LANES), p = x, q = w;
        for (int i = bit / 2; i; i /= 2) {
            q *= 1 + p;
            p *= p;
            if (!(k & i)) continue;
            q = q * x + w;
            p *= x;
        }
        b->power[v] = p;
        b->rest[v] = q;
    }
}

/* One node in all octaves, both parities: even degrees of phi' (odd of phi) and odd ones, which have the kink. */
static inline void add_node(const pairs *p, int64_t first, int i, step *b, step_sums *even, step_sums *odd)
{
    real k = (real)nodes[i] / NTK_NUMERIC_PARTS;
    for (int o = 0; o < NTK_NUMERIC_OCTAVES; ++o) {
        int t = NTK_NUMERIC_HALF + o * NTK_NUMERIC_NODES + i, one = p->column + t, other = one + NTK_NUMERIC_KINKED_TERMS;
        real kink2 = p->jump2 * REAL(kink_series[t] * kink_series[t]), inverse = 1 / (k + 1);
        add_term(b, p->ratio, row_of(p->run, one), column_of(p->run, one) + first, 0, inverse, odd);
        add_term(b, p->ratio, row_of(p->run, other), column_of(p->run, other) + first, kink2, inverse, even);
        for (int v = 0; v < VECTORS; ++v) {
            b->rest[v] *= 1 + b->power[v];
            b->power[v] *= b->power[v];
        }
        k *= 2;
    }
}

static inline void add_tail(const pairs *p, sums *even, sums *odd)
{
    real root[NTK_RUN], rest[NTK_RUN];
    take_root(p, root, rest);
    for (int64_t first = 0; first < p->run->count; first += NTK_LANES) {
        step b;
        step_sums s = {{{0}}, {{0}}, {{0}}, {{0}}}, t = s;
        start_step(p, first, 0, &b);
        for (int i = 0; i < NTK_NUMERIC_NODES; ++i) {
            power_of(nodes[i], root + first, rest + first, &b);
            add_node(p, first, i, &b, &s, &t);
        }
        add_step(&s, first, even);
        add_step(&t, first, odd);
    }
}

/* J |x|/2: mean J alpha/sqrt(2 pi), K = J² alpha beta (1 - gap')/4 with gap' = w - (2/pi) g, K. = J²/4 (1 - 2t/pi) (relu.c). */
static inline void add_kink(const pairs *p, sums *even)
{
    const real two_over_pi = REAL(0.63661977236758134308), mean2 = REAL(0.15915494309189533577), quarter = p->jump2 / 4;
    NTK_RUN_LOOP(j, p->run)
    {
        real w = p->gap[j], gap = w - two_over_pi * lens_of(w);
        even->dot[j] += quarter * (1 - two_over_pi * angle_of(w));
        even->moment[j] += quarter * (1 - gap) - p->jump2 * mean2;
        even->distance[j] += quarter * gap;
    }
}

void NTK_HOT_NAME(numeric_kinked_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(numeric_kinked_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    pairs p;
    sums even, odd;
    open_pairs(plan, run, &p);
    clear(&even);
    clear(&odd);
    add_series(&p, p.column, NTK_NUMERIC_HALF, 0, NULL, &odd);
    add_series(&p, p.column + NTK_NUMERIC_KINKED_TERMS, NTK_NUMERIC_HALF, 1, kink_series, &even);
    add_tail(&p, &even, &odd);
    add_kink(&p, &even);
    finish(plan, &p, &even, &odd);
}

#else

#define CONST_VARIANTS(name)              \
    NTK_DECLARE_VARIANTS_(name, f64)      \
    NTK_DECLARE_VARIANTS_(name, f32)      \
    const ntk_pairs_variants ntk_##name = {{[NTK_F64] = NTK_VARIANT_ROW(name, f64), [NTK_F32] = NTK_VARIANT_ROW(name, f32)}};
CONST_VARIANTS(numeric_smooth_pairs)
CONST_VARIANTS(numeric_kinked_pairs)

#endif
