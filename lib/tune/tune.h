/*
 * tune: hyperparameters of a network from data, by the gradient of what its kernel says of them.
 *
 *   chain.c       the network as a chain of dense layers and activations, and its parameters
 *   moments.c     activations: E[phi phi], E[phi' phi'] and their derivatives
 *   pairs.c       the recursion of one pair forwards, and its adjoint backwards
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

/* ---- the chain --------------------------------------------------------------------------------------------------- */

enum { NTK_TUNE_W, NTK_TUNE_B, NTK_TUNE_RATE, NTK_TUNE_KEYS };

typedef struct ntk_tune_step {
    ntk_moments_fn moments; /* NULL: a dense layer */
    const double *p;        /* of the activation */
    int parameter[NTK_TUNE_KEYS]; /* indices; -1: the value is fixed */
    double value[NTK_TUNE_KEYS];  /* of the network */
    double gain_factor;     /* g² = w² gain_factor */
    double own_k, own_1;    /* own term r (A K + B) where not own_by_variance: A = g², B = b² */
    bool own_by_variance;
} ntk_tune_step;

typedef struct ntk_tune_parameter {
    const ntk_layer *layer; /* NULL: the noise */
    int key;                /* NTK_TUNE_* */
    double value;           /* of the network */
} ntk_tune_parameter;

typedef struct ntk_chain_of_layers {
    int64_t n_steps;
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
