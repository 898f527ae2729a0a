/*
 * pieces: a function of the program's own as polynomials, piece by piece, so that the callback is heard once and never from a hot loop
 * (pieces.c); and the expectations of a pair that no series gives (own_pair.c).
 */
#ifndef NTK_PIECES_H
#define NTK_PIECES_H

#include "infinite.h"

#define NTK_PIECES_REACH 128   /* phi is sampled on [-128, 128]: 12.5 standard deviations at a variance of 104 */
#define NTK_PIECES_SLOPES 40   /* derivatives whose jumps at a kink may be known */
#define NTK_PIECES_TERMS 16    /* of a polynomial */
#define NTK_PIECES_EXACT (1.0 / 64) /* below, functions of the table are asked themselves: polynomials are good to 1e-15 of the piece, not of phi(x) */
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
    const ntk_layer *known;                /* of a function of the table; it outlives this.  Else NULL */
    bool kink_at_zero;                     /* and no other break */
    int n_slopes;                          /* then phi^(r)(0+) - phi^(r)(0-), r = 1, 2, ... */
    double slope_jumps[NTK_PIECES_SLOPES];
};

/** Calls back until every piece is a polynomial to rounding, or too narrow. */
/** `jumps`: of a function of the table that has a kink at zero, how many jumps of its derivatives are known there, then those; none: NULL. */
ntk_status ntk_pieces_create(ntk_context *ctx, const ntk_layer *layer, const double *jumps, ntk_pieces **pieces);
void ntk_pieces_destroy(ntk_pieces *pieces);

/** phi and phi' at x, inside the reach. */
void ntk_pieces_at(const ntk_pieces *f, double x, double *value, double *slope);

/** A standard normal pair: lengths before, inverse lengths after, rho and gap.  Out: E phi' phi', rho', and half the squared distances to the same and the opposite side. */
typedef struct ntk_own_pair {
    double alpha, beta, inverse_a, inverse_b, rho, gap;
    double dot, after, same, opposite;
} ntk_own_pair;
void ntk_own_expect(const ntk_pieces *f, ntk_own_pair *pair);

/** Gauss-Legendre points and weights on [0, 1]. */
#define NTK_PIECES_POINTS 16
void ntk_gauss_legendre(double x[NTK_PIECES_POINTS], double w[NTK_PIECES_POINTS]);

#endif
