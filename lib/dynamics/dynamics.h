/*
 * dynamics: gradient descent on the squared error, in closed form along the eigenvectors of K.
 *
 *   dynamics.c      the handle
 *   motion.c        what one mode does: flow, heavy ball, steps, weight decay
 *   decay.c         weight decay towards 0
 *   late.c          the last time at which more than a share of a mode is left
 *   trajectory.c    f(t) on the training set and elsewhere, theta(t), the loss
 *   convergence.c   how fast: decay by mode, certificate, times to reach a loss, largest stable step
 *
 * and on any other, by an integrator.
 *
 *   learning.c      the handle
 *   slope.c         f' and w', and what the integrator asks of them
 *   weights.c       w(t), by the flow or by steps; the state to go on from
 *   outputs.c       f, the loss and theta of weights
 *   ode.h           the integrator
 */
#ifndef NTK_DYNAMICS_H
#define NTK_DYNAMICS_H

#include "ode.h"
#include "predict.h"

struct ntk_dynamics {
    ntk_object object;
    ntk_gram *gram;
    ntk_spectrum *spectrum;
    int64_t columns;  /* c of y [N, c] */
    int64_t outputs;  /* rows of K per sample, as far as is known; else 0 */
    double divisor;   /* of the loss: 1, or the number of targets */
    double learning_rate;
    double rate;      /* eta / divisor: s = rate t */
    double momentum;  /* in [0, 1) */
    bool discrete;    /* times count steps */
    double ridge;     /* weight decay, as it adds to eigenvalues: divisor times that of the loss */
    double *y, *f0;   /* [N, c] */
    double *error;    /* [N, c]: coefficients U (f0 - y) */
    double *linear;   /* [N, c]: those of J theta(0), where weights decay towards 0; else NULL */
    double *theta0;   /* [p], if it was given for that */
};

/** How a mode has moved by `time`; see motion.c. */
typedef struct ntk_motion {
    bool discrete;
    double momentum, rate, time;
    ntk_flow flow; /* all there is to it without momentum and steps; else its cutoff and slack */
} ntk_motion;

/** ARGUMENT for a fraction of a step; UNSTABLE at infinity if a mode grows. */
ntk_status ntk_motion_open(ntk_context *ctx, const ntk_dynamics *d, double time, ntk_motion *motion);

/** The share of the error of a mode that is left. */
double ntk_motion_decay(const ntk_motion *motion, double lambda);

/** S: weights per error at the start, f*(t) = f0* - K* S e(0). */
double ntk_motion_learned(const ntk_motion *motion, double lambda);

/** rho: the share that is left of what decays; the error itself unless there is weight decay. */
double ntk_motion_share(const ntk_motion *motion, double lambda);

/** The first time after which |ntk_motion_decay()| <= share for ever: number, or of steps; infinity: never.  share < 1 where there is momentum. */
double ntk_motion_late(ntk_motion *motion, double lambda, double share);

/* ---- decay towards 0 --------------------------------------------------------------------------------------------- */

/** Options that do not go together. */
ntk_status ntk_decay_check(ntk_context *ctx, const ntk_gram *gram, const ntk_dynamics_options *o);

/** d->linear and d->theta0, after the spectrum. */
ntk_status ntk_decay_open(ntk_context *ctx, const ntk_dynamics_options *o, ntk_dynamics *d);

/** 1 - rho(r): the share of theta(0) off the range of Jᵀ that is gone. */
double ntk_motion_gone(const ntk_motion *motion);

/** What a coefficient of J theta(0) adds to the weights, Z - S, and to the error, -r S. */
double ntk_motion_pulled(const ntk_motion *motion, double lambda);
double ntk_motion_withheld(const ntk_motion *motion, double lambda);

/** ARGUMENT unless every time is >= 0. */
ntk_status ntk_check_times(ntk_context *ctx, const double *times, int64_t n_times);

/** Eigenvalue i is above the rank tolerance, or weight decay moves its mode. */
bool ntk_dynamics_moves(const ntk_dynamics *d, int64_t i);

/* ---- any loss ---------------------------------------------------------------------------------------------------- */

struct ntk_learning {
    ntk_object object;
    ntk_gram *gram;
    ntk_kind kind;
    ntk_loss loss;
    ntk_loss_callback callback;
    void *user;
    int64_t columns;          /* c of w [N, c] */
    int64_t answer_outputs;   /* as in ntk_dynamics */
    int64_t samples, outputs; /* the same numbers as the loss sees them */
    double divisor, delta, learning_rate, momentum, decay;
    double tolerance, steady;
    int64_t max_steps;
    bool discrete;
    double curvature;         /* of a callback */
    double largest;           /* a bound of lambda_max(K) */
    double diagonal;          /* the largest K(x, x) */
    double scale;             /* the largest of |f(0)| and |y| */
    double start;             /* the largest |f'(0)|/eta */
    double *y, *f0;           /* [N, c] */
};

/** Numbers of w. */
static inline int64_t ntk_learning_count(const ntk_learning *l)
{
    return l->gram->size * l->columns;
}

/** to [N, c] = f0 - K w; f0 NULL: - K w. */
ntk_status ntk_learning_outputs(ntk_context *ctx, const ntk_learning *l, const double *w, const double *f0, double *to);

/** The largest of |a| and `largest`. */
static inline double ntk_largest(int64_t count, const double *a, double largest)
{
    for (int64_t i = 0; i < count; ++i) largest = NTK_MAX(largest, a[i] < 0 ? -a[i] : a[i]);
    return largest;
}

/** g [N, c] = grad L(f)/divisor; *value, unless NULL, the loss. */
ntk_status ntk_learning_gradient(ntk_context *ctx, const ntk_learning *l, const double *f, double *g, double *value);

/** The vector that the integrator moves: f, w, and with momentum f' and w'. */
int64_t ntk_learning_vector(const ntk_learning *l);
ntk_ode_problem ntk_learning_problem(const ntk_learning *l);

/** Nothing moves any more: the slope of the vector is given. */
bool ntk_learning_is_steady(const ntk_learning *l, const double *slope);

#endif
