/*
 * One step from the gradient g, with the rate eta r_l of each layer l and a frozen diagonal D (1 unless given):
 *
 *     gradient descent   theta <- theta - eta r D⁻¹ g
 *     momentum           m <- beta1 m + g,                  theta <- theta - eta r D⁻¹ m
 *     Adam               m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g²,
 *                        theta <- theta - eta r m^ / (sqrt(v^) + epsilon),  m^ = m/(1 - beta1^t),  v^ = v/(1 - beta2^t)
 *
 * (Polyak 1964; Kingma & Ba 2015, algorithm 1.)  With r on the gradient of a layer, outputs move along J diag(r) D⁻¹ Jᵀ, the NTK of
 * network-format.md; Adam does not see the size of a gradient, so there r scales its step.  A layer with r = 0 stays.
 */
#include "train.h"
#include "real.h"

#include <math.h>

/* The arrays of a trainer in their type.  Each number is computed in f64 and rounded once. */
typedef struct state {
    real *theta, *first, *second;
    const real *g;
} state;

static void descend(const ntk_trainer *t, const state *s, int64_t begin, int64_t end, double rate)
{
    for (int64_t j = begin; j < end; ++j) s->theta[j] = (real)(s->theta[j] - rate * s->g[j] / ntk_optimizer_d(t->optimizer, j));
}

static void descend_with_momentum(const ntk_trainer *t, const state *s, int64_t begin, int64_t end, double rate)
{
    for (int64_t j = begin; j < end; ++j) {
        s->first[j] = (real)(t->beta1 * s->first[j] + s->g[j]);
        s->theta[j] = (real)(s->theta[j] - rate * s->first[j] / ntk_optimizer_d(t->optimizer, j));
    }
}

static void descend_by_adam(const ntk_trainer *t, const state *s, int64_t begin, int64_t end, double rate)
{
    double weight1 = ntk_adam_weight(t->beta1, t->steps + 1), weight2 = ntk_adam_weight(t->beta2, t->steps + 1);
    for (int64_t j = begin; j < end; ++j) {
        double g = s->g[j];
        s->first[j] = (real)(t->beta1 * s->first[j] + (1 - t->beta1) * g);
        s->second[j] = (real)(t->beta2 * s->second[j] + (1 - t->beta2) * (g * g));
        s->theta[j] = (real)(s->theta[j] - rate * (s->first[j] / weight1) / (sqrt(s->second[j] / weight2) + t->epsilon));
    }
}

typedef void (*descent)(const ntk_trainer *t, const state *s, int64_t begin, int64_t end, double rate);
static const descent descents[] = {descend, descend_with_momentum, descend_by_adam}; /* by ntk_descent */

ntk_status ntk_trainer_step(ntk_context *ctx, ntk_trainer *t)
{
    ntk_status status;
    state now = {t->theta, t->first, t->second, t->g};
    NTK_TRY(ntk_trainer_evaluate(ctx, t));
    for (int64_t i = 0; i < t->network->n_steps; ++i) {
        const ntk_step *s = &t->network->steps[i];
        if (s->parametric >= 0 && s->rate > 0) descents[t->descent](t, &now, s->offset, s->offset + s->n_parameters, t->rate * s->rate);
    }
    ++t->steps;
    t->evaluated = false;
done:
    return status;
}
