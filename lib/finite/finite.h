/*
 * finite: the network with parameters.
 *
 *   initialize.c   draws theta
 *   tape.c         runs the program: forward (keeping every value), tangent, backward
 *   dense.c activation.c branch.c     the finite reading of one op each
 *   forward.c      the public forward, jvp, vjp
 *   jacobian.c     J as an operator: of a network, of the user's matrix
 *
 * Values are [n, size] row-major, one per value of the program.
 */
#ifndef NTK_FINITE_H
#define NTK_FINITE_H

#include "optimizer.h"

/** One run of a network on n samples.  `value[v]` and `tangent[v]` / `cotangent[v]` are [n, size of v]. */
typedef struct ntk_tape {
    ntk_context *ctx;
    const ntk_network *network;
    int64_t n;
    const double *theta;   /* [p] */
    double **value;        /* by value; all kept after ntk_tape_forward */
    double **tangent;      /* during ntk_tape_tangent */
    double **cotangent;    /* during ntk_tape_backward */
    const double *v;       /* [p]: the direction of the tangent */
    double *gradient;      /* backward: [p] summed over samples, or [n, p] if per_sample */
    bool per_sample;
} ntk_tape;

/** How one op runs.  Each reads t->value[...] of the step's inputs and writes (forward, tangent) or adds to (backward). */
typedef struct ntk_finite_op {
    ntk_status (*forward)(ntk_tape *t, const ntk_step *s);
    ntk_status (*tangent)(ntk_tape *t, const ntk_step *s);
    ntk_status (*backward)(ntk_tape *t, const ntk_step *s);
} ntk_finite_op;

extern const ntk_finite_op ntk_finite_dense, ntk_finite_activation, ntk_finite_branch;

/** x: dense [n, input]; theta: dense [p].  Both stay the caller's. */
ntk_status ntk_tape_open(ntk_context *ctx, const ntk_network *network, int64_t n, const double *theta, const double *x, ntk_tape *tape);
ntk_status ntk_tape_forward(ntk_tape *t);
/** out: dense [n, o] = J v.  After a forward. */
ntk_status ntk_tape_tangent(ntk_tape *t, const double *v, double *out);
/** gradient: [p] += Jᵀ u, or with per_sample [n, p] (zeroed by the caller), u dense [n, o].  After a forward. */
ntk_status ntk_tape_backward(ntk_tape *t, const double *u, bool per_sample, double *gradient);
void ntk_tape_close(ntk_tape *t);

/** A Jacobian is a few functions over its source. */
typedef struct ntk_jacobian_class {
    const char *name;
    ntk_status (*apply)(ntk_context *ctx, const ntk_jacobian *j, const double *v, double *out);
    ntk_status (*apply_transposed)(ntk_context *ctx, const ntk_jacobian *j, const double *u, double *out);
    ntk_status (*rows)(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, double *out); /* [count, p] */
    void (*destroy)(ntk_jacobian *j);
} ntk_jacobian_class;

struct ntk_jacobian {
    ntk_object object;
    const ntk_jacobian_class *class;
    int64_t rows, columns, outputs;
    /* of a network */
    ntk_network *network;
    double *theta, *x;   /* dense copies */
    /* of a matrix */
    const double *matrix; /* dense: the caller's own memory where it is dense, else copy */
    void *copy;
};

/** Rows [first, first + count) of J, dense [count, p].  For the rooms above; arguments are trusted. */
ntk_status ntk_jacobian_dense_rows(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, double *out);

/** f(x): dense [n, o]; for the empirical NNGP. */
ntk_status ntk_finite_forward(ntk_context *ctx, const ntk_network *network, int64_t n, const double *theta, const double *x, double *f);

#endif
