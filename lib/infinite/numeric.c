/*
 * Activations with a kink at zero and no closed form (elu, selu), by Hermite series (docs/mathematics.md §3.3), in distance form; the sums over
 * terms, which own.c shares, are in numeric_terms.h.  The coefficients, per sample, are made
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
 *     in k: six nodes in each of twenty octaves (scripts/numeric_nodes.py).  The nodes of an octave are twice those of the one before: the powers
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
#include "numeric_terms.h"

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
CONST_VARIANTS(numeric_kinked_pairs)

#endif
