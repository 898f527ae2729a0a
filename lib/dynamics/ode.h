/*
 * y' = F(y), by steps that choose their own length and method.
 *
 *   ode.c        the loop: length, method, refusal
 *   ode_rules.c  one step of either method
 */
#ifndef NTK_ODE_H
#define NTK_ODE_H

#include "duality.h"

/** What is solved. */
typedef struct ntk_ode_problem {
    int64_t size;
    void *user;
    /** dy = F(y). */
    ntk_status (*slope)(ntk_context *ctx, void *user, const double *y, double *dy);
    /** An error e of a step of length h from y to z, relative to what is allowed: 1 is the limit. */
    double (*error)(void *user, double h, const double *y, const double *z, const double *e);
    /** A bound of the real, negative spectrum of F' at y; 0: not known, or not real. */
    double (*radius)(void *user, const double *y);
} ntk_ode_problem;

/** Where it stands.  A new one has y, and zeros. */
typedef struct ntk_ode {
    double time, step;   /* step: the next; 0: to be found */
    bool stiff;          /* which method */
    int64_t steps;       /* tried so far */
    int patience;        /* steps in favour of the other method */
    bool fresh;          /* slope is F(y) */
    double *y, *slope;   /* [size] */
    double *work;        /* [8 size] */
} ntk_ode;

ntk_status ntk_ode_open(ntk_context *ctx, int64_t size, ntk_ode *ode);
void ntk_ode_close(ntk_ode *ode);

/** One step that is accepted, no further than `end` (may be infinity).  NOT_CONVERGED if no length is short enough, or `most` steps have been tried. */
ntk_status ntk_ode_advance(ntk_context *ctx, const ntk_ode_problem *problem, double end, int64_t most, ntk_ode *ode);

/** One step of length h: y [size] to z, the slope there, and the estimate e of its error; k: F(y). */
typedef struct ntk_ode_rule {
    double order; /* of the estimate: the error goes as h^order */
    ntk_status (*step)(ntk_context *ctx, const ntk_ode_problem *problem, double h, const double *y, const double *k, double *work, double *z,
                       double *slope, double *e);
} ntk_ode_rule;

/** Dormand & Prince 5(4), and Runge-Kutta-Chebyshev. */
extern const ntk_ode_rule ntk_ode_rules[2];

#endif
