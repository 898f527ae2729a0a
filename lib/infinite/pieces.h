/*
 * pieces: a function of the program's own as polynomials, piece by piece, so that the callback is heard once and never from a hot loop
 * (pieces.c); and the expectations of a pair that no series gives (own_pair.c).
 */
#ifndef NTK_PIECES_H
#define NTK_PIECES_H

#include "infinite.h"

#define NTK_PIECES_REACH 96    /* phi is sampled on [-96, 96]: 12.5 standard deviations at a variance of 59 */
#define NTK_PIECES_TERMS 16    /* of a polynomial */
#define NTK_PIECES_CELL 0.0625 /* width of the cells by which a piece is found */

struct ntk_pieces {
    int n_breaks;
    double breaks[NTK_OWN_BREAKS], jumps[NTK_OWN_BREAKS]; /* phi(t+) - phi(t-); exactly 0 at kinks */
    bool any_jump, knows_slope;            /* phi' was sampled too */
    int64_t count;
    double *edges;                         /* [count + 1] */
    double *value, *slope;                 /* [count, NTK_PIECES_TERMS], powers of (x - middle)/half */
    double *miss, *slope_miss;             /* [count]: what the polynomials may be wrong by */
    int32_t *cells;                        /* the piece where each cell begins */
    double narrowest;                      /* width of the narrowest piece between breaks that needed to be so */
    double size;                           /* of phi on [-1, 1] */
    double at_zero;                        /* phi(0) */
};

/** Calls back until every piece is a polynomial to rounding, or too narrow. */
ntk_status ntk_pieces_create(ntk_context *ctx, const ntk_layer *layer, ntk_pieces **pieces);
void ntk_pieces_destroy(ntk_pieces *pieces);

/** phi and phi' at x, inside the reach. */
void ntk_pieces_at(const ntk_pieces *f, double x, double *value, double *slope);

/** A standard normal pair: lengths before, inverse lengths after, rho and gap.  Out: E phi' phi', rho', and half the squared distances to the same and the opposite side. */
typedef struct ntk_own_pair {
    double alpha, beta, inverse_a, inverse_b, rho, gap;
    double dot, after, same, opposite;
} ntk_own_pair;
void ntk_own_expect(const ntk_pieces *f, ntk_own_pair *pair);

/** Of an activation of the program's own, and of the smooth ones of tanh.c. */
extern const ntk_dual ntk_own_dual;

/** Samples the layer's function for a plan, and says how many columns it wants. */
ntk_status ntk_own_open(ntk_context *ctx, ntk_plan *plan);

/** Table columns of n samples (own_series.c). */
void ntk_own_norms(const ntk_plan *plan, int64_t n, double *table);

/** Gauss-Legendre points and weights on [0, 1]. */
#define NTK_PIECES_POINTS 16
void ntk_gauss_legendre(double x[NTK_PIECES_POINTS], double w[NTK_PIECES_POINTS]);

/** Table columns of own.c beyond those of a smooth series: below which gap the series is not enough, then the coefficients with the jumps. */
enum { NTK_OWN_NEAR = 5 + 1280, NTK_OWN_JUMPS }; /* NTK_NUMERIC_SERIES + NTK_NUMERIC_SMOOTH_TERMS */

#endif
