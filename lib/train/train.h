/*
 * train: a finite network trained for real, full batch, and beside it the network that is linear in its parameters.
 *
 *   trainer.c    the handle: options, state, what is asked of it
 *   evaluate.c   outputs, loss and gradient at the parameters of the moment, in chunks of samples
 *   step.c       one step of gradient descent, momentum or Adam
 */
#ifndef NTK_TRAIN_H
#define NTK_TRAIN_H

#include "duality.h"

struct ntk_trainer {
    ntk_object object;
    ntk_network *network;
    ntk_optimizer *optimizer; /* a frozen D; NULL: 1 */
    ntk_loss loss;
    ntk_descent descent;
    double divisor, delta;    /* c of the loss; Huber's width */
    double rate, beta1, beta2, epsilon;
    int64_t n, o, p;
    double *x, *y;            /* [n, input], [n, o] */
    double *start;            /* [p]: theta(0) of a linearised network, else NULL */
    double *theta;            /* [p] */
    double *first, *second;   /* [p]: moments, where the descent keeps them, else NULL */
    int64_t steps;            /* done */
    bool evaluated;           /* the rest belongs to theta as it is */
    double value;             /* the loss */
    double *f, *g;            /* [n, o] outputs, [p] gradient */
};

/** Fills in value, f and g, unless they are there.  If it fails theta and the moments are as before. */
ntk_status ntk_trainer_evaluate(ntk_context *ctx, ntk_trainer *t);

/** One step; whole or not at all. */
ntk_status ntk_trainer_step(ntk_context *ctx, ntk_trainer *t);

#endif
