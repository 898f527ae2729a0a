/*
 * dynamics: gradient flow on the squared error, in closed form along the eigenvectors of K.
 *
 *   dynamics.c      the handle
 *   trajectory.c    f(t) on the training set and elsewhere, theta(t), the loss
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
    double rate;      /* eta / divisor: s = rate t */
    double *y, *f0;   /* [N, c] */
    double *error;    /* [N, c]: coefficients U (f0 - y) */
};

#endif
