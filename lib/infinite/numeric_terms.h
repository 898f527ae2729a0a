/*
 * numeric_terms: the sums over the terms of a Hermite series, for a run of pairs (numeric.c says which), shared by the loops of numeric.c and
 * own.c.  Included once, by files with hot loops.
 */
#ifndef NTK_NUMERIC_TERMS_H
#define NTK_NUMERIC_TERMS_H

#include "hot.h"
#include "numeric.h"

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
    int brief[NTK_RUN / NTK_LANES]; /* degrees that are enough for a step, without distances; 0: all terms, with them */
    real far[NTK_RUN];              /* 1: of a brief step */
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

/*
 * Where no |rho| of a step is above 0.95 its powers end the sums early: |d_k d'_k| m^k adds up to at most m^n beyond n.  The distance, whose terms
 * do not end, is then no small one and comes from the moment: 1 - |rho'|, of an error of eps.  Unless phi is mostly its mean (softplus): then
 * rho' is near 1 for all pairs.
 */
#define BRIEF_MOST REAL(0.95)
#define BRIEF_LOG (sizeof(real) == 8 ? 37.0 : 17.0) /* -log of the rounding error */

static inline void find_brief(const ntk_plan *plan, const ntk_run *run, pairs *p)
{
    real mean = row_of(run, plan->first_column + NTK_NUMERIC_MEAN);
    const real *means = column_of(run, plan->first_column + NTK_NUMERIC_MEAN);
    for (int64_t first = 0; first < run->count; first += NTK_LANES) {
        real most = 0, constant = 0;
        for (int64_t j = first; j < first + NTK_LANES; ++j) {
            most = p->m[j] > most ? p->m[j] : most;
            constant = ntk_abs(mean * means[j]) > constant ? ntk_abs(mean * means[j]) : constant;
        }
        if (most <= BRIEF_MOST && constant <= REAL(0.5)) p->brief[first / NTK_LANES] = 2 + (most > REAL(0.01) ? (int)(BRIEF_LOG / -log((double)most)) : 8);
        for (int64_t j = first; j < first + NTK_LANES; ++j) p->far[j] = p->brief[first / NTK_LANES] > 0;
    }
}

static inline void add_brief_term(real di, const real *dj, real inverse, step *b, step_sums *s)
{
    for (int v = 0; v < VECTORS; ++v) {
        vec part = di * LOAD(dj + v * LANES) * b->power[v];
        s->dot[v] += part;
        s->moment[v] += inverse * part;
        b->power[v] *= b->rest[v]; /* m² */
    }
}

static inline void add_brief(const pairs *p, int column, int terms, int parity, const real *row, const real *inverse, int64_t first, sums *to)
{
    int enough = (p->brief[first / NTK_LANES] - parity + 1) / 2;
    step b;
    step_sums s = {{{0}}, {{0}}, {{0}}, {{0}}};
    start_step(p, first, parity, &b);
    for (int v = 0; v < VECTORS; ++v) b.rest[v] = b.m[v] * b.m[v];
    for (int t = 0; t < NTK_MIN(terms, enough); ++t) add_brief_term(row[t], column_of(p->run, column + t) + first, inverse[t], &b, &s);
    for (int v = 0; v < VECTORS; ++v) s.moment[v] *= b.m[v];
    add_step(&s, first, to);
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
        if (p->brief[first / NTK_LANES] > 0) {
            add_brief(p, column, terms, parity, row, inverse, first, to);
            continue;
        }
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
        p->far[j] = 0;
    }
    for (int i = 0; i < NTK_RUN / NTK_LANES; ++i) p->brief[i] = 0;
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
        gap = p->far[j] > 0 ? 1 - ntk_abs(after) : gap;
        out.theta[j] = theta * (odd->dot[j] + (near ? even->dot[j] : -even->dot[j]));
        out.rho[j] = after > 1 ? 1 : after < -1 ? -1 : after;
        out.gap[j] = gap > 0 ? gap : 0;
    }
}

#endif
