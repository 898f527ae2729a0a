/*
 * design: which network suits these data, from its kernel, without training any.
 *
 *   measure.c     the measures, one line of the table each
 *   learning.c    the error that the spectrum predicts for a number of samples
 */
#ifndef NTK_DESIGN_H
#define NTK_DESIGN_H

#include "solve.h"

/** All that a measure may look at. */
typedef struct ntk_design {
    const ntk_spectrum *spectrum;
    ntk_modes modes;
    double ridge;
    double fraction;       /* of the first loss, to be reached */
    double samples;        /* that the predicted error is for */
    double *mean;          /* [N, m], each sample left out */
    double *variance;      /* [N] */
} ntk_design;

/** Mean squared error per number of y, on new inputs, after training on d->samples. */
double ntk_design_predicted_error(const ntk_design *d);

#endif
