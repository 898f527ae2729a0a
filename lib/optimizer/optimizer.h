/*
 * optimizer: what training does to a gradient, theta' = -D⁻¹ gradient; and what it makes small.
 *
 *   optimizer.c    D                       scale.c    D on the columns of J
 *   adam.c         second moments from a run of gradients
 *   loss.c         the losses: value, gradient, curvature
 */
#ifndef NTK_OPTIMIZER_H
#define NTK_OPTIMIZER_H

#include "network.h"

#if defined(NTK_SINGLE) /* the names in the pass for f32 (lib/core/real.h) */
#define ntk_optimizer_scale ntk_optimizer_scale_f32
#define ntk_optimizer_scale_columns ntk_optimizer_scale_columns_f32
#endif

struct ntk_optimizer {
    ntk_object object;
    int64_t parameters; /* 0: the identity, for any number */
    double *d;          /* [parameters], NULL for the identity */
};

/** NULL stands for the identity.  Refuses a D of another length than p. */
ntk_status ntk_optimizer_check(ntk_context *ctx, const ntk_optimizer *optimizer, int64_t p);

/** D_j; 1 for NULL and the identity. */
static inline double ntk_optimizer_d(const ntk_optimizer *optimizer, int64_t j)
{
    return optimizer && optimizer->d ? optimizer->d[j] : 1.0;
}

/** Divides the columns of J [rows, p] by D^power (power 0.5: D^-1/2; 1: D⁻¹). */
void ntk_optimizer_scale(const ntk_optimizer *optimizer, int64_t rows, int64_t p, ntk_real *j, double power);
/** The same of columns [first, first + count) alone, j [rows, count]. */
void ntk_optimizer_scale_columns(const ntk_optimizer *optimizer, int64_t rows, int64_t first, int64_t count, ntk_real *j, double power);

/** D = sqrt(second_moment / weight) + epsilon. */
ntk_status ntk_optimizer_adam_scaled(ntk_context *ctx, const ntk_array *second_moment, double weight, double epsilon, ntk_optimizer **optimizer);

/** ARGUMENT where a v [p] is negative. */
ntk_status ntk_check_second_moment(ntk_context *ctx, int64_t p, const double *v);

/** ARGUMENT unless 0 <= beta < 1. */
ntk_status ntk_check_beta(ntk_context *ctx, const char *name, double beta);

/** 1 - beta^steps: the sum of the weights in a moving average that began with 0. */
double ntk_adam_weight(double beta, int64_t steps);

/** A loss, sample by sample: f, y, g [outputs]; delta is Huber's. */
typedef struct ntk_loss_rule {
    bool by_sample;       /* MEAN divides by the samples, not by all numbers */
    int64_t outputs;      /* at least */
    double lowest, highest; /* of a target */
    double (*value)(int64_t outputs, const double *f, const double *y, double delta);
    void (*gradient)(int64_t outputs, const double *f, const double *y, double delta, double *g);
    double (*curvature)(int64_t outputs, const double *f, const double *y); /* no eigenvalue of the second derivative is larger */
} ntk_loss_rule;

/** By ntk_loss. */
extern const ntk_loss_rule ntk_loss_rules[];

/** Checks an enumerator, and targets y [samples, outputs] for it; `name` opens the sentence. */
ntk_status ntk_loss_check(ntk_context *ctx, ntk_loss loss, const char *name, int64_t samples, int64_t outputs, const double *y);

/** What divides the loss. */
double ntk_loss_divisor(ntk_loss loss, ntk_loss_scale scale, int64_t samples, int64_t outputs);

/** Over samples, before the divisor: the sum, all gradients, the largest curvature. */
double ntk_loss_sum(ntk_loss loss, double delta, int64_t samples, int64_t outputs, const double *f, const double *y);
void ntk_loss_gradients(ntk_loss loss, double delta, int64_t samples, int64_t outputs, const double *f, const double *y, double *g);
double ntk_loss_largest_curvature(ntk_loss loss, int64_t samples, int64_t outputs, const double *f, const double *y);

#endif
