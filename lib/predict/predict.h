/*
 * predict: means and covariances of trained networks on new inputs.
 *
 *   predictor.c    the handle: gram, targets, options; mean and covariance at a time
 *   estimate.c     bytes and flops of all of it before it starts
 *   engine.c       S_A(t) by a solver or by eigenvectors
 *   testset.c      new inputs, through the kernel or as the caller's blocks
 *   mean.c         test inputs pass in blocks
 *   variance.c     the diagonal of the covariance alone, in blocks
 *   sample.c       draws
 *   left_out.c     each training sample from the others
 *   noise.c        a noise of its own for every sample
 *   classes.c      labels, probabilities, scores
 *   covariance.c   the table of the posteriors and their two formulas
 *   answers.c      the shapes in which answers [rows, columns] may be asked for
 */
#ifndef NTK_PREDICT_H
#define NTK_PREDICT_H

#include "solve.h"

/** Blocks of test samples have about this many rows. */
#define NTK_BLOCK_ROWS 512

typedef struct ntk_test ntk_test;

/** What distinguishes the posteriors. */
typedef struct ntk_posterior_rule {
    ntk_kind trained; /* A, the kernel that trains: of the mean */
    ntk_kind prior;   /* of the covariance */
    /** c [M, M] holds the prior and becomes the covariance; only its lower triangle counts.  cross: [M, N] by kind. */
    ntk_status (*covariance)(ntk_context *ctx, const ntk_predictor *p, double time, int64_t rows, const void *const cross[2], void *c);
} ntk_posterior_rule;

/** By ntk_posterior. */
extern const ntk_posterior_rule ntk_posterior_rules[];

/** S_A(t) and a way to it. */
typedef struct ntk_engine {
    bool any_time; /* else t = infinity only */
    ntk_status (*open)(ntk_context *ctx, const ntk_predictor_options *o, ntk_predictor *p);
    /** weights [N, c] = S_A(time) (y - f0). */
    ntk_status (*weights)(ntk_context *ctx, const ntk_predictor *p, double time, void *weights);
    /** b [N, m] becomes S_A(time) b. */
    ntk_status (*smooth)(ntk_context *ctx, const ntk_predictor *p, double time, int64_t m, void *b);
} ntk_engine;

/** By ntk_decomposition. */
extern const ntk_engine ntk_engines[];

struct ntk_predictor {
    ntk_object object;
    ntk_gram *gram;
    const ntk_posterior_rule *rule;
    const ntk_engine *engine;
    int64_t columns;        /* c of y [N, c] */
    int64_t outputs;        /* rows of K per sample, as far as is known; else 0 */
    double rate;            /* eta / (number of targets, or 1): s = rate t */
    double ridge;
    void *start;            /* [N, c]: y - f0; a solver: A~⁻¹ of it; eigen: its coefficients */
    ntk_solver *solver;     /* not eigen */
    ntk_spectrum *spectrum; /* eigen, of A without the ridge */
    ntk_gram *noisy;        /* A with the noise of each sample, or NULL: the gram's own */
    void *noisy_matrix;     /* its entries */
};

/** New inputs: a kernel's, or blocks of the caller's.  One sample is `per_sample` rows. */
struct ntk_test {
    int64_t samples, per_sample;
    bool from_kernel;
    ntk_points points;
    const void *cross[2], *square[2]; /* the caller's, by kind; NULL: not given */
    const void *diagonal[2];          /* of the square, where only that was given */
    void *copy[4];
    void *f0;                         /* [rows, c], or NULL */
};

ntk_status ntk_test_open(ntk_context *ctx, const ntk_predictor *p, const ntk_test_set *given, ntk_test *test);
void ntk_test_close(const ntk_predictor *p, ntk_test *test);

/** What is asked for: each needs more of the caller's blocks. */
typedef enum ntk_wanted { NTK_WANT_MEAN, NTK_WANT_VARIANCE, NTK_WANT_COVARIANCE } ntk_wanted;

/** Refuses a set that lacks the caller's blocks for what is wanted. */
ntk_status ntk_test_require(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, ntk_wanted wanted);

/**
 * block[kind] = samples [first, first + count) against the training set, [count per_sample, N], for the kinds whose buffer
 * is not NULL.  A buffer is filled only where the block is not there already.
 */
ntk_status ntk_test_cross(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, int64_t first, int64_t count, void *const buffer[2],
                          const void *block[2]);

/** square [M, M]: the test inputs with themselves. */
ntk_status ntk_test_square(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, ntk_kind kind, void *square);

static inline int64_t ntk_test_rows(const ntk_test *test)
{
    return test->samples * test->per_sample;
}

/** mean: dense [rows, c]. */
ntk_status ntk_test_mean(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, double time, void *mean);

/** covariance: dense [rows, rows], symmetric to the bit; a diagonal that rounding made negative is 0. */
ntk_status ntk_test_covariance(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, double time, void *covariance);

/** x [N, rows] = aᵀ, a [rows, N], allocated. */
ntk_status ntk_test_transposed(ntk_context *ctx, const ntk_gram *g, int64_t rows, const void *a, void **x);

/** variance: dense [rows]; negative by rounding: 0. */
ntk_status ntk_test_variance(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, double time, void *variance);

/** Draws into samples [draws] + shape of the mean, from the dense mean and covariance (lower triangle). */
ntk_status ntk_test_sample(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, const void *mean, void *covariance, uint64_t seed,
                           const ntk_array *samples);

/** p->noisy from options.noise. */
ntk_status ntk_noise_open(ntk_context *ctx, const ntk_array *noise, ntk_predictor *p);

/** The matrix that is decomposed. */
static inline const ntk_gram *ntk_predictor_matrix(const ntk_predictor *p)
{
    return p->noisy ? p->noisy : p->gram;
}

/**
 * An array for answers [lead..., rows, columns], in any of the shapes they may have: [rows, columns]; one column also
 * [rows]; one column of `outputs` rows per sample also [rows/outputs, outputs].  lead < 0: no leading axis.
 */
typedef ntk_status (*ntk_array_check)(ntk_context *ctx, const char *name, const ntk_array *a, ntk_dtype dtype, int ndim, const int64_t *shape);
ntk_status ntk_check_answers(ntk_context *ctx, ntk_array_check check, const char *name, const ntk_array *a, ntk_dtype dtype, int64_t lead,
                             int64_t rows, int64_t columns, int64_t outputs);

/** Outputs per sample that targets y of a gram imply: their second extent where it is [n, o] of a full gram, else the gram's own. */
int64_t ntk_target_outputs(const ntk_gram *gram, const ntk_array *y);

#endif
