/*
 * control: training as a linear system e' = A e, A = -K.
 *
 *   system.c      the handle: A, taken apart once, and B, C
 *   margins.c     eigenvalues, dominant mode, settling time, largest step
 *   lyapunov_equation.c  the equation of any symmetric Q
 *   gramian.c     Gramians over a finite or infinite horizon, of a symmetric A
 *   lyapunov.c    the same of a general A
 *   resting.c     the same where a general A has modes that do not decay, and are not seen
 *   discrete.c    Gramians of gradient descent with a step
 *   parameters.c  systems in parameter space, kept as singular vectors of J D^-1/2
 *   parameters_balance.c  Hankel values, truncation and least energy there
 *   residual.c    how well a W solves its equation
 *   balance.c     Hankel singular values, balanced truncation
 *   exponential.c exp(A t) of a general A, and along ascending times
 *   response.c    z(t) = C exp(A t) x(0)
 *   reconstruct.c x(0) from samples of z, with its covariance
 *   directions.c  eigen-directions of a Gramian: what is learnt by T; the least energy that reaches a state
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
    double *real, *imaginary; /* general: eigenvalues in the order of R, [s] each */
    ntk_port ports[2]; /* by ntk_gramian: C, and Bᵀ */
    ntk_system *base;  /* that a, vectors, w, r and the eigenvalues belong to; NULL: this one */
    /* in parameter space: A = -(D⁻¹JᵀJ + weight_decay), B = D⁻¹Jᵀ, C = J; the spectrum is that of K or, with `right`, of J D^-1/2 */
    ntk_spectrum *spectrum;
    double weight_decay;
};

/** Q [s, s] = HᵀH, both triangles; the identity for a port without H. */
ntk_status ntk_port_square(ntk_context *ctx, const ntk_port *port, int64_t size, const double *h, double *q);

/** W over [0, horizon] of a symmetric, or of a general A: w [s, s], dense. */
ntk_status ntk_gramian_symmetric(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, double *w);
ntk_status ntk_gramian_general(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, double *w);

/** At infinity, of a general A with modes that do not decay; `count`: of these modes, none of them seen. */
ntk_status ntk_gramian_resting(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double *w, int64_t *count);

/** Y [s, s], Q in y before, of R, V of a general A: the Lyapunov equation in the coordinates of the state; `room` [s, s]. */
ntk_status ntk_gramian_schur(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double *y, double *room);

/** w = Uᵀ M U of a symmetric A, by the lower triangle of M; symmetric to the bit. */
ntk_status ntk_gramian_from_modes(ntk_context *ctx, const ntk_system *system, const double *m, double *w);

/** M [s, s] of gramian.c, in the eigenvectors' coordinates of a symmetric A. */
ntk_status ntk_gramian_modal_square(ntk_context *ctx, const ntk_system *system, const ntk_port *port, double *m);

/** The rate w_i of a mode of a symmetric A, where what rounding made of 0 is 0. */
double ntk_system_rate(const ntk_system *system, int64_t i);

/** Whichever it is. */
ntk_status ntk_gramian_dense(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, double *w);

/** E [s, s] = op(A) of the observability (Aᵀ X A) or controllability (A X Aᵀ) equation: X becomes op(E) X op(E)ᵀ; `room` [s, s]. */
ntk_status ntk_congruence(ntk_context *ctx, ntk_gramian which, int64_t n, const double *e, double *x, double *room);

/** Twice as long: W + op(E) W op(E)ᵀ into w, E² into e; `added`, what w gained, and `room` [s, s]. */
ntk_status ntk_gramian_double(ntk_context *ctx, ntk_gramian which, int64_t n, double *w, double *e, double *added, double *room);

/** How often t is to be halved until |A| t <= 1/2 (1-norm); OVERFLOW if that is beyond all numbers. */
ntk_status ntk_exponential_doublings(ntk_context *ctx, int64_t n, const double *a, double t, int *doublings);

/** e [n, n] = exp(A t), t >= 0; `term` and `room` [n, n]. */
ntk_status ntk_exponential(ntk_context *ctx, int64_t n, const double *a, double t, double *e, double *term, double *room);

/** exp(A (t - time)) for ascending t: computed again only where the steps differ by more than rounding. */
typedef struct ntk_stepper {
    const ntk_system *system;
    double time, step;       /* where it stands; that of e */
    double *e, *term, *room; /* [s, s]; e is exp(A step) */
} ntk_stepper;
ntk_status ntk_stepper_open(ntk_context *ctx, const ntk_system *system, ntk_stepper *stepper);
ntk_status ntk_stepper_go(ntk_context *ctx, ntk_stepper *stepper, double time, bool *moved);
void ntk_stepper_close(ntk_stepper *stepper);

/** ARGUMENT unless n_times >= 0 and the times are finite, >= 0 and ascending. */
ntk_status ntk_control_times(ntk_context *ctx, const double *times, int64_t n_times);

/** H [rows, s] of a port: its own, or the identity made in `room` [s, s]. */
const double *ntk_port_matrix(const ntk_port *port, int64_t size, double *room);

/** The mean of X and Xᵀ, to the bit. */
void ntk_symmetrise(int64_t n, double *x);

/** w [p, p], of a system in parameter space. */
ntk_status ntk_parameters_gramian(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, double *w);

/** w [p, p] of gradient descent with a step there. */
ntk_status ntk_parameters_discrete(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double step, double *w);

/** Hankel values [p], truncation to k states, and the least energy with its costate [p], in parameter space. */
ntk_status ntk_parameters_hankel(ntk_context *ctx, const ntk_system *system, ntk_array *values);
ntk_status ntk_parameters_reduce(ntk_context *ctx, const ntk_system *system, int64_t k, double *bound, ntk_system **reduced);
ntk_status ntk_parameters_energy(ntk_context *ctx, const ntk_system *system, double horizon, const double *theta, double *energy, double *costate);

/** Dense A [p, p] and H [N, p] of a system in parameter space; the caller frees both. */
ntk_status ntk_parameters_dense(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double **a, ntk_port *port);

/** UNSUPPORTED for a system in parameter space, which has no A [s, s]. */
ntk_status ntk_system_check_matrix(ntk_context *ctx, const ntk_system *system);

/** ARGUMENT unless horizon > 0; infinity is fine. */
ntk_status ntk_horizon_check(ntk_context *ctx, double horizon);

/** ARGUMENT unless `which` is an enumerator. */
ntk_status ntk_gramian_check(ntk_context *ctx, ntk_gramian which);

#endif
