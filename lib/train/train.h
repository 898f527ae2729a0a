/*
 * train: a finite network trained for real, full batch, and beside it the network that is linear in its parameters.
 *
 *   trainer.c    the handle: options, state, what is asked of it
 *   evaluate.c   outputs, loss and gradient at the parameters of the moment, in chunks of samples
 *   step.c       one step of gradient descent, momentum or Adam
 *
 * The last two are compiled for f64 and for f32.
 */
#ifndef NTK_TRAIN_H
#define NTK_TRAIN_H

#include "duality.h"

#if defined(NTK_SINGLE) /* the names in the pass for f32 (lib/core/real.h) */
#define ntk_trainer_evaluate ntk_trainer_evaluate_f32
#define ntk_trainer_step ntk_trainer_step_f32
#endif

struct ntk_trainer {
    ntk_object object;
    ntk_network *network;
    ntk_optimizer *optimizer; /* a frozen D; NULL: 1 */
    ntk_loss loss;
    ntk_descent descent;
    double divisor, delta;    /* c of the loss; Huber's width */
    double rate, beta1, beta2, epsilon;
    int64_t n, o, p;
    ntk_dtype dtype;          /* of theta: of all that is void here */
    void *x;                  /* [n, input] */
    double *y;                /* [n, o]: losses are f64 */
    void *start;              /* [p]: theta(0) of a linearised network, else NULL */
    void *theta;              /* [p] */
    void *first, *second;     /* [p]: moments, where the descent keeps them, else NULL */
    int64_t steps;            /* done */
    bool evaluated;           /* the rest belongs to theta as it is */
    double value;             /* the loss */
    void *f, *g;              /* [n, o] outputs, [p] gradient */
};

/** Fills in value, f and g, unless they are there.  If it fails theta and the moments are as before.  For a trainer of the type of the pass. */
ntk_status ntk_trainer_evaluate(ntk_context *ctx, ntk_trainer *t);
ntk_status ntk_trainer_evaluate_f32(ntk_context *ctx, ntk_trainer *t);

/** One step; whole or not at all. */
ntk_status ntk_trainer_step(ntk_context *ctx, ntk_trainer *t);
ntk_status ntk_trainer_step_f32(ntk_context *ctx, ntk_trainer *t);

#endif
