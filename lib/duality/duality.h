/*
 * duality: what K = J D⁻¹ Jᵀ and F = D^-1/2 Jᵀ J D^-1/2 have in common.
 *
 *   flow.c        functions of an eigenvalue: exp(-s lambda) and (1 - exp(-s lambda))/lambda, for every room above
 *   spectrum.c    the handle, from a gram; into the eigenvectors' coordinates and back
 *   singular.c    the same from the singular values of J D^-1/2
 *   top.c         the largest alone, without a matrix
 *   dual.c        parameter-space vectors
 *   interpolation.c    what of y training reaches
 *   natural.c     the natural gradient through K
 *   null_space.c  what no step moves: bases, and the projector
 *   trace.c       the trace, exactly or from random products
 *   fisher.c      F as an operator and as a metric
 */
#ifndef NTK_DUALITY_H
#define NTK_DUALITY_H

#include "kernel.h"

/* ---- functions of an eigenvalue -------------------------------------------------------------------------------- */

/** Gradient flow on K + ridge I after the time s. */
typedef struct ntk_flow {
    double s;      /* >= 0, or INFINITY */
    double ridge;  /* added to every eigenvalue */
    double cutoff; /* eigenvalues up to here cannot be told from 0: at s > 1/cutoff their modes count as null space */
    double slack;  /* negative eigenvalues down to -slack are rounding of 0 */
} ntk_flow;

/** lambda + ridge, where what rounding made negative is 0. */
double ntk_flow_effective(const ntk_flow *flow, double lambda);

/** A mode of this effective eigenvalue cannot be told from one that rests, and by the time s that would matter. */
bool ntk_flow_rests(const ntk_flow *flow, double value);

/** exp(-s (lambda + ridge)): the share of the error that is left. */
double ntk_flow_decay(const ntk_flow *flow, double lambda);

/** S = (1 - exp(-s (lambda + ridge))) / (lambda + ridge): s at 0; the pseudo-inverse at s = infinity. */
double ntk_flow_learned(const ntk_flow *flow, double lambda);

/** ARGUMENT unless time >= 0 (infinity is fine); `name` opens the sentence. */
ntk_status ntk_check_time(ntk_context *ctx, const char *name, double time);

/** A learning rate from options: 0 means 1; ARGUMENT unless positive and finite. */
ntk_status ntk_check_rate(ntk_context *ctx, double learning_rate, double *rate);

/** The flow of a spectrum at s = rate * time.  UNSTABLE if that is infinity and a mode grows. */
ntk_status ntk_flow_open(ntk_context *ctx, const ntk_spectrum *spectrum, double ridge, double rate, double time, ntk_flow *flow);

/* ---- spectra --------------------------------------------------------------------------------------------------- */

struct ntk_spectrum {
    ntk_object object;
    int64_t n;              /* N */
    int64_t size;           /* eigenvalues held: N, or min(N, p) */
    int64_t rank;
    double tolerance;       /* relative to the largest eigenvalue, as used */
    double *values;         /* [size] */
    bool partial;           /* only the largest: there are others, not 0, that are not held */
    double *vectors;        /* [size, N], rows; NULL: values only */
    double *right;          /* [size, p], rows: parameter-space vectors, of a spectrum from singular values */
    ntk_jacobian *jacobian; /* NULL: of another origin */
    ntk_optimizer *optimizer;
};

/** Options with their checks; the default tolerance is `tolerance`. */
ntk_status ntk_spectrum_options_read(ntk_context *ctx, const ntk_spectrum_options *options, double tolerance, ntk_spectrum_options *known);

/** v [p] = D^-1/2 Jᵀ u / |D^-1/2 Jᵀ u| of eigenvector `index`; 0 where that is 0. */
ntk_status ntk_spectrum_parameter_vector(ntk_context *ctx, const ntk_spectrum *spectrum, int64_t index, double *v);

/** Eigenvalues above `cutoff`. */
int64_t ntk_spectrum_count_above(const ntk_spectrum *spectrum, double cutoff);

/** c [size, m] = U b, b [N, m]: coefficients along the eigenvectors. */
ntk_status ntk_spectrum_analyse(ntk_context *ctx, const ntk_spectrum *spectrum, int64_t m, const double *b, double *c);

/** x [m, N] = c U, c [m, size]: the same for combinations as rows, the faster product for many of them. */
ntk_status ntk_spectrum_combine(ntk_context *ctx, const ntk_spectrum *spectrum, int64_t m, const double *c, double *x);

/** x [N, m] = Uᵀ c. */
ntk_status ntk_spectrum_synthesise(ntk_context *ctx, const ntk_spectrum *spectrum, int64_t m, const double *c, double *x);

/** out [size, m]: row i of c times weight(flow, lambda_i).  out may be c. */
typedef double (*ntk_flow_weight)(const ntk_flow *flow, double lambda);
void ntk_spectrum_weigh(const ntk_spectrum *spectrum, const ntk_flow *flow, ntk_flow_weight weight, int64_t m, const double *c, double *out);

/** The same matrix with its axes exchanged, for storing rows as columns. */
static inline ntk_array ntk_array_flipped(const ntk_array *a)
{
    ntk_array f = *a;
    f.shape[0] = a->shape[1];
    f.shape[1] = a->shape[0];
    f.strides[0] = a->strides[1];
    f.strides[1] = a->strides[0];
    return f;
}

/** OVERFLOW if results are not finite; `name` opens the sentence. */
ntk_status ntk_check_result(ntk_context *ctx, const char *name, ntk_dtype dtype, const void *values, int64_t count);

#endif
