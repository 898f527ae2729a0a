/*
 * solve: (K + ridge I)⁻¹; and, from a spectrum, what the data say of kernel and ridge.
 *
 *   solver.c         the handle: solutions, log-determinant
 *   cholesky.c conjugate.c     one way each
 *   preconditioner.c what makes conjugate gradients short
 *   backward.c       how good a solution is
 *   modes.c          targets in the coordinates of the eigenvectors
 *   evidence.c       log p(y)
 *   leave_one_out.c  what the others say of each sample
 */
#ifndef NTK_SOLVE_H
#define NTK_SOLVE_H

#include "duality.h"

/** A way to (K + ridge I)⁻¹. */
typedef struct ntk_solver_class {
    /** `owners`: see ntk_solver_make(). */
    ntk_status (*open)(ntk_context *ctx, const ntk_solver_options *options, int owners, ntk_solver *solver);
    /** Also of one that opened in part. */
    void (*close)(ntk_solver *solver);
    /** See ntk_solver_apply(). */
    ntk_status (*apply)(ntk_context *ctx, const ntk_solver *solver, int64_t m, void *b);
    /** NULL: there is none. */
    ntk_status (*log_determinant)(ntk_context *ctx, const ntk_solver *solver, double *value);
} ntk_solver_class;

extern const ntk_solver_class ntk_cholesky_solver, ntk_conjugate_solver;

typedef struct ntk_conjugate ntk_conjugate;

struct ntk_solver {
    ntk_object object;
    const ntk_solver_class *class;
    ntk_gram *gram;           /* alive for the backward error, and for its size and dtype */
    ntk_kind kind;
    double ridge;
    void *factor;             /* Cholesky: in the gram's storage and dtype */
    ntk_conjugate *conjugate; /* conjugate gradients */
};

/** M near K + ridge I, of at most `rank` rows of K. */
typedef struct ntk_preconditioner {
    int64_t n, rank;
    double sigma;
    double *w; /* [rank, n] */
} ntk_preconditioner;

/** Close it whether it opened or not. */
ntk_status ntk_preconditioner_open(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, double ridge, int64_t rank, ntk_preconditioner *p);
void ntk_preconditioner_close(ntk_preconditioner *p);

/** out [m, n] = M⁻¹ v, in rows. */
ntk_status ntk_preconditioner_apply(ntk_context *ctx, const ntk_preconditioner *p, int64_t m, const double *v, double *out);

/** ntk_solver_create() for a caller who holds `owners` references of the gram already, which counts if it is consumed. */
ntk_status ntk_solver_make(ntk_context *ctx, const ntk_gram *gram, const ntk_solver_options *options, int owners, ntk_solver **solver);

/** b [N, m], dense, of the gram's dtype, becomes (K + ridge I)⁻¹ b. */
ntk_status ntk_solver_apply(ntk_context *ctx, const ntk_solver *solver, int64_t m, void *b);

/** y in the coordinates of the eigenvectors, and the eigenvalues of (K + ridge I)⁻¹. */
typedef struct ntk_modes {
    int64_t columns;  /* m */
    double *y;        /* [N, m] */
    double *c;        /* [size, m] */
    double *weight;   /* [size]: 1/(lambda + ridge) */
    double beyond;    /* 1/ridge, off the vectors that are held; 0 if none is missing */
} ntk_modes;

/** Checks all; NOT_POSITIVE_DEFINITE names the eigenvalue.  Close it whether it opened or not. */
ntk_status ntk_modes_open(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_array *y, double ridge, ntk_modes *m);
void ntk_modes_close(ntk_modes *m);

/** to [count] = from of a dtype. */
void ntk_solve_widen(ntk_dtype dtype, int64_t count, const void *from, double *to);

/** ARGUMENT unless it is finite and not negative. */
ntk_status ntk_check_ridge(ntk_context *ctx, double ridge);

/** log p(y). */
double ntk_log_evidence(const ntk_spectrum *spectrum, const ntk_modes *m);

/** mean [N, m] and variance [N], dense. */
ntk_status ntk_leave_one_out(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_modes *m, double *mean, double *variance);

#endif
