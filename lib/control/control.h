/*
 * control: training as a linear system e' = A e, A = -K.
 *
 *   system.c      the handle: A, taken apart once, and B, C
 *   gramian.c     Gramians over a finite or infinite horizon, of a symmetric A
 *   lyapunov.c    the same of a general A
 *   discrete.c    Gramians of gradient descent with a step
 *   parameters.c  systems in parameter space, kept as singular vectors of J D^-1/2
 *   residual.c    how well a W solves its equation
 *   balance.c     Hankel singular values, balanced truncation
 */
#ifndef NTK_CONTROL_H
#define NTK_CONTROL_H

#include "predict.h"

/** B is kept transposed, so that both Gramians are of an H [rows, s] with Q = HᵀH. */
typedef struct ntk_port {
    int64_t rows;
    double *h; /* [rows, s]; NULL: the identity */
} ntk_port;

struct ntk_system {
    ntk_object object;
    int64_t size;
    double *a;         /* [s, s]; NULL: in parameter space */
    double abscissa;   /* largest real part of an eigenvalue of A; -infinity if there is none */
    double tolerance;  /* rates up to this do not count as decay: s eps max|eigenvalue| */
    double *vectors;   /* [s, s], rows: eigenvectors u_i, or Schur vectors */
    double *w;         /* symmetric A = -Uᵀ diag(w) U: [s], largest first; else NULL */
    double *r;         /* general A = Vᵀ R V: [s, s]; else NULL */
    ntk_port ports[2]; /* by ntk_gramian: C, and Bᵀ */
    /* in parameter space: A = -(D⁻¹JᵀJ + weight_decay), B = D⁻¹Jᵀ, C = J */
    ntk_spectrum *spectrum;
    double weight_decay;
};

/** Q [s, s] = HᵀH, both triangles; the identity for a port without H. */
ntk_status ntk_port_square(ntk_context *ctx, const ntk_port *port, int64_t size, const double *h, double *q);

/** W over [0, horizon] of a symmetric, or of a general A: w [s, s], dense. */
ntk_status ntk_gramian_symmetric(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, double *w);
ntk_status ntk_gramian_general(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, double *w);

/** Whichever it is. */
ntk_status ntk_gramian_dense(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, double *w);

/** E [s, s] = op(A) of the observability (Aᵀ X A) or controllability (A X Aᵀ) equation: X becomes op(E) X op(E)ᵀ; `room` [s, s]. */
ntk_status ntk_congruence(ntk_context *ctx, ntk_gramian which, int64_t n, const double *e, double *x, double *room);

/** Twice as long: W + op(E) W op(E)ᵀ into w, E² into e; `added`, what w gained, and `room` [s, s]. */
ntk_status ntk_gramian_double(ntk_context *ctx, ntk_gramian which, int64_t n, double *w, double *e, double *added, double *room);

/** The mean of X and Xᵀ, to the bit. */
void ntk_symmetrise(int64_t n, double *x);

/** w [p, p], of a system in parameter space. */
ntk_status ntk_parameters_gramian(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, double *w);

/** Dense A [p, p] and H [N, p] of a system in parameter space; the caller frees both. */
ntk_status ntk_parameters_dense(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double **a, ntk_port *port);

/** UNSUPPORTED for a system in parameter space, which has no A [s, s]. */
ntk_status ntk_system_check_matrix(ntk_context *ctx, const ntk_system *system);

/** ARGUMENT unless horizon > 0; infinity is fine. */
ntk_status ntk_horizon_check(ntk_context *ctx, double horizon);

/** ARGUMENT unless `which` is an enumerator. */
ntk_status ntk_gramian_check(ntk_context *ctx, ntk_gramian which);

#endif
