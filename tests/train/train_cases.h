/* A small network with a rate and a frozen layer, and data for it. */
#ifndef NTK_TEST_TRAIN_CASES_H
#define NTK_TEST_TRAIN_CASES_H

#include "kit.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { N = 6, D = 3, O = 2, HIDDEN = 5, FROZEN = HIDDEN * D + HIDDEN, SCALED = HIDDEN * HIDDEN, P = FROZEN + SCALED + O * HIDDEN + O };

static const char case_json[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": ["
                                "{\"op\": \"dense\", \"units\": 5, \"b_std\": 0.5, \"train\": false}, {\"op\": \"tanh\"},"
                                "{\"op\": \"dense\", \"units\": 5, \"w_std\": 1.5, \"lr\": 0.25}, {\"op\": \"tanh\"},"
                                "{\"op\": \"dense\", \"units\": 2, \"b_std\": 0.1}]}";

/* The rate of parameter j. */
static inline double case_rate(int j)
{
    return j < FROZEN ? 0 : j < FROZEN + SCALED ? 0.25 : 1;
}

typedef struct train_case {
    ntk_network *network;
    double theta[P], x[N * D], y[N * O];
    ntk_array theta_view, x_view, y_view;
} train_case;

static inline void case_open(ntk_context *ctx, train_case *c)
{
    c->network = kit_network(ctx, case_json);
    assert_int_equal(ntk_network_parameters(c->network), P);
    kit_random(1, P, c->theta);
    kit_random(2, N * D, c->x);
    kit_random(3, N * O, c->y);
    for (int i = 0; i < N; ++i) { /* distributions, which every loss takes */
        c->y[i * O] = 0.5 + 0.4 * c->y[i * O];
        c->y[i * O + 1] = 1 - c->y[i * O];
    }
    c->theta_view = ntk_vector_f64(c->theta, P);
    c->x_view = ntk_matrix_f64(c->x, N, D);
    c->y_view = ntk_matrix_f64(c->y, N, O);
}

static inline ntk_trainer *case_trainer(ntk_context *ctx, const train_case *c, const ntk_trainer_options *options)
{
    ntk_trainer *t;
    kit_ok(ctx, ntk_trainer_create(ctx, c->network, &c->theta_view, &c->x_view, &c->y_view, options, &t));
    return t;
}

static inline void case_parameters(ntk_context *ctx, const ntk_trainer *t, double *theta)
{
    ntk_array out = ntk_vector_f64(theta, P);
    kit_ok(ctx, ntk_trainer_get_parameters(ctx, t, &out));
}

#endif
