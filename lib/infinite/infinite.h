/*
 * infinite: the network without parameters, in the limit of infinite width.
 *
 *   reading.c      may this network be read so, and if not, why
 *   norms.c        per sample: |z| at every step (the square root of the same-sample second moment)
 *   pairs.c        per pair: the program on runs of pairs, in distance form
 *   start.c        the first state of a pair from x·x', with |x̂ - x̂'|² from the vectors where the product loses digits
 *   affine.c activation.c branch.c    one op each      relu.c erf.c    one activation each
 *   scalar.c       kappa0, kappa1, the two-layer NTK of two vectors
 *
 * The state of a pair (u, v) of jointly Gaussian pre-activations, carried in normalised distance form
 * (docs/mathematics.md §4.2):
 *
 *     rho    = E[uv] / (alpha beta)              alpha = sqrt E[u²], beta = sqrt E[v²]: per sample, not per pair
 *     gap    = 1 - |rho|                         half the squared distance of u/alpha and ±v/beta, propagated as a sum of
 *                                                non-negative terms: no subtraction, so nothing is lost where inputs agree
 *     theta  = the NTK so far
 *
 * NNGP = alpha beta rho.  A zero sample (alpha = 0) has rho = 0, gap = 1.
 */
#ifndef NTK_INFINITE_H
#define NTK_INFINITE_H

#include "network.h"

/** Pairs per run: the arrays of one run fit the first-level cache. */
#define NTK_RUN 256

/** The state of a run of pairs.  double or float, as the dtype of the computation. */
typedef struct ntk_pairs {
    void *rho, *gap, *theta; /* [NTK_RUN] */
} ntk_pairs;
