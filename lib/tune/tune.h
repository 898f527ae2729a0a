/*
 * tune: hyperparameters of a network from data, by the gradient of what its kernel says of them.
 *
 *   chain.c       the network as steps that read values before them, and its parameters
 *   moments.c     activations: E[phi phi], E[phi' phi'] and their derivatives
 *   steps.c       every kind of step, of one pair: forwards, and its adjoint backwards
 *   pairs.c       all pairs through all steps and back
 *   objective.c   evidence and leave-one-out of A, and their derivative with respect to A
 *   tuner.c       the handle
 */
#ifndef NTK_TUNE_H
#define NTK_TUNE_H

#include "design.h"

/* ---- activations ------------------------------------------------------------------------------------------------- */

/** E[phi phi] and E[phi' phi'] of a pair with moments q1, q2 and squared distance delta, as the pair after the layer. */
typedef struct ntk_moments {
    double q1, q2, delta, dot;
    double q1_slope, q2_slope;              /* d q1'/d q1, d q2'/d q2 */
    double delta_q1, delta_q2;              /* d delta'/d q1, d q2; d delta'/d delta is dot (Price 1958) */
    double dot_q1, dot_q2, dot_delta;
} ntk_moments;

typedef void (*ntk_moments_fn)(const double *p, double q1, double q2, double delta, ntk_moments *m);

/** NULL: derivatives of this activation are not known here. */
ntk_moments_fn ntk_moments_of(const ntk_activation *activation);

/** "relu, leaky_relu, ...": those that are. */
extern const char ntk_moments_known[];

/* ---- steps ------------------------------------------------------------------------------------------------------- */

enum { NTK_TUNE_W, NTK_TUNE_B, NTK_TUNE_RATE, NTK_TUNE_KEYS };

typedef struct ntk_tune_rule ntk_tune_rule;

typedef struct ntk_tune_step {
    const ntk_tune_rule *rule;
    const ntk_step *step;         /* whose inputs are values: 0 the data, i + 1 what step i gives */
    ntk_moments_fn moments;       /* of an activation, with its p */
    const double *p;
    int parameter[NTK_TUNE_KEYS]; /* indices; -1: the value is fixed */
    double value[NTK_TUNE_KEYS];  /* of the network */
    double gain_factor;     /* g² = w² gain_factor */
    double own_k, own_1;    /* own term r (A K + B) where not own_by_variance: A = g², B = b² */
    bool own_by_variance;
} ntk_tune_step;

/** A pair between two steps, or its adjoint. */
typedef struct ntk_pair {
    double q1, q2, delta, theta;
} ntk_pair;

static inline double ntk_pair_covariance(const ntk_pair *p)
{
    return (p->q1 + p->q2 - p->delta) / 2;
}

/** The constants of a dense step at parameter values. */
typedef struct ntk_tune_affine {
    double w, b, rate, gain2, own_k, own_1;
} ntk_tune_affine;

ntk_tune_affine ntk_tune_affine_of(const ntk_tune_step *s, const double *values);

/** A kind of step.  `values` and `bars` are those of the pair, by value; m is kept from pass to pull. */
struct ntk_tune_rule {
    void (*pass)(const ntk_tune_step *s, const ntk_tune_affine *a, const ntk_pair *values, ntk_moments *m, ntk_pair *out);
    /** Adds what the adjoint `bar` of the output says to those of the inputs, and of the parameters. */
    void (*pull)(const ntk_tune_step *s, const ntk_tune_affine *a, const ntk_pair *values, const ntk_moments *m, const ntk_pair *bar, ntk_pair *bars, double *gradient);
};

extern const ntk_tune_rule ntk_tune_dense, ntk_tune_activation, ntk_tune_mixture, ntk_tune_product, ntk_tune_norm;

/* ---- the network ------------------------------------------------------------------------------------------------- */

typedef struct ntk_tune_parameter {
    const ntk_layer *layer; /* NULL: the noise */
    int key;                /* NTK_TUNE_* */
    double value;           /* of the network */
} ntk_tune_parameter;

typedef struct ntk_chain_of_layers {
    int64_t n_steps; /* and one value more */
    ntk_tune_step *steps;
    int count; /* parameters, the noise last */
    ntk_tune_parameter *parameters;
    bool ntk;  /* else NNGP */
} ntk_chain_of_layers;

ntk_status ntk_tune_chain_open(ntk_context *ctx, const ntk_network *network, ntk_kind kind, double noise, ntk_chain_of_layers *chain);
void ntk_tune_chain_close(ntk_chain_of_layers *chain);

/** K [n, n], lower triangle, of parameter values, from the squared lengths and distances of the inputs (divided by their number). */
ntk_status ntk_tune_fill(ntk_context *ctx, const ntk_chain_of_layers *chain, const double *values, int64_t n, const double *squares, const double *distances,
                         double *k);

/** gradient [count] += sum over all pairs (i, j) of g_ij dK_ij/dparameter; g [n, n] symmetric, its lower triangle is read. */
ntk_status ntk_tune_pull(ntk_context *ctx, const ntk_chain_of_layers *chain, const double *values, int64_t n, const double *squares, const double *distances,
                         const double *g, double *gradient);

/* ---- objectives -------------------------------------------------------------------------------------------------- */

/**
 * The objective of A [n, n] (lower triangle; overwritten) and targets y [n, m]; larger is better.  g [n, n], unless NULL, becomes its derivative:
 * dvalue = sum over i, j of g_ij dA_ij.
 */
ntk_status ntk_tune_objective(ntk_context *ctx, ntk_objective objective, int64_t n, int64_t m, double *a, const double *y, double *value, double *g);

struct ntk_tuner {
    ntk_object object;
    ntk_network *network;
    ntk_objective objective;
    ntk_chain_of_layers chain;
    int64_t n, columns;
    double *squares, *distances; /* [n], [n, n] lower */
    double *y;                   /* [n, columns] */
};

#endif
