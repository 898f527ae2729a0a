/*
 * control: training as a linear system e' = A e, A = -K.
 *
 *   system.c      the handle: A = -Uᵀ diag(w) U, and B, C
 *   gramian.c     Gramians over a finite or infinite horizon
 *   residual.c    how well a W solves its Lyapunov equation
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
    double *a;         /* [s, s], symmetric */
    double *w;         /* [s]: eigenvalues of -A, largest first */
    double *vectors;   /* [s, s], rows: u_i */
    double tolerance;  /* modes with w <= this do not decay: s eps max|w| */
    ntk_port ports[2]; /* by ntk_gramian: C, and Bᵀ */
};

/** Q [s, s] = HᵀH, both triangles; the identity for a port without H. */
ntk_status ntk_port_square(ntk_context *ctx, const ntk_port *port, int64_t size, const double *h, double *q);

/** ARGUMENT unless `which` is an enumerator. */
ntk_status ntk_gramian_check(ntk_context *ctx, ntk_gramian which);

#endif
