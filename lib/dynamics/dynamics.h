/*
 * dynamics: gradient descent on the squared error, in closed form along the eigenvectors of K.
 *
 *   dynamics.c      the handle
 *   motion.c        what one mode does: flow, heavy ball, steps, weight decay
 *   trajectory.c    f(t) on the training set and elsewhere, theta(t), the loss
 *   convergence.c   how fast: decay by mode, certificate, times to reach a loss, largest stable step
 */
#ifndef NTK_DYNAMICS_H
#define NTK_DYNAMICS_H

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

/** ARGUMENT unless every time is >= 0. */
ntk_status ntk_check_times(ntk_context *ctx, const double *times, int64_t n_times);

/** Eigenvalue i is above the rank tolerance, or weight decay moves its mode. */
bool ntk_dynamics_moves(const ntk_dynamics *d, int64_t i);

#endif
