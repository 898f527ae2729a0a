/*
 * The learning curve of a kernel from its spectrum (Bordelon, Canatar & Pehlevan 2020; Simon et al. 2021, "the eigenlearning
 * framework").  The kernel operator has eigenvalues mu_k = lambda_k / N, the target coefficients v_k = u_k y / sqrt(N), both
 * estimated from the N samples at hand.  With n samples and ridge delta, kappa > 0 solves
 *
 *     n = sum_k mu_k / (mu_k + kappa) + delta / kappa
 *
 * each mode is learnt to the share L_k = mu_k / (mu_k + kappa), and the expected squared error on new inputs is
 *
 *     E = n / (n - sum_k L_k²) sum_k (1 - L_k)² v_k²
 *
 * The right side of the first equation falls in kappa, so bisection on log kappa finds it.  What N samples cannot show, the
 * modes beyond them, is left out: for n well above N the prediction is too hopeful.
 */
#include "design.h"

#include <float.h>
#include <math.h>

static double positive_mode(const ntk_design *d, int64_t k)
{
    return fmax(d->spectrum->values[k], 0) / (double)d->spectrum->n;
}

static double learned(const ntk_design *d, int64_t k, double kappa)
{
    double mu = positive_mode(d, k);
    return mu > 0 ? mu / (mu + kappa) : 0;
}

/* Samples that bring the scale down to kappa. */
static double samples_for(const ntk_design *d, double kappa)
{
    double sum = d->ridge / kappa;
    for (int64_t k = 0; k < d->spectrum->size; ++k) sum += learned(d, k, kappa);
    return sum;
}

/* As many as the modes, and no ridge: kappa is 0, everything is learnt. */
static double scale(const ntk_design *d)
{
    double low = log(DBL_MIN), high = log(DBL_MAX);
    if (samples_for(d, DBL_MIN) <= d->samples) return 0;
    for (int i = 0; i < 100; ++i) {
        double middle = 0.5 * (low + high);
        if (samples_for(d, exp(middle)) > d->samples) low = middle;
        else high = middle;
    }
    return exp(high);
}

double ntk_design_predicted_error(const ntk_design *d)
{
    const ntk_modes *m = &d->modes;
    double kappa = scale(d), squares = 0, missed = 0, known = 0;
    for (int64_t k = 0; k < d->spectrum->size; ++k) {
        double share = learned(d, k, kappa), v = ntk_square_sum(m->columns, m->c + k * m->columns);
        squares += share * share;
        missed += (1 - share) * (1 - share) * v;
        known += v;
    }
    missed += fmax(0, ntk_square_sum(d->spectrum->n * m->columns, m->y) - known) * (d->spectrum->size < d->spectrum->n);
    if (!(missed > 0)) return 0;
    return d->samples / (d->samples - squares) * missed / (double)(d->spectrum->n * m->columns);
}
