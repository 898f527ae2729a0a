/*
 * The three posteriors (Lee et al. 2019; docs/mathematics.md §7), with A the kernel that trains, P the prior's:
 *
 *              A       P       covariance
 *     ntk      Theta   K       P** - B P*ᵀ - P* Bᵀ + B P Bᵀ,  B = A* S_A(t)     an ensemble of trained networks
 *     nngp     K       K       P** - A* S_A(2t) A*ᵀ                             a Gaussian process
 *     ntkgp    Theta   Theta   the same
 *
 * Every term is symmetric, so the lower triangle of the sum is enough; mirrored, it is symmetric to the bit.  A variance
 * is a difference of nearly equal numbers where the training set determines the output: rounding, a few eps of the
 * prior, may make it negative, and it is then 0.
 */
#include "predict.h"

/* c [M, M] += sign op(a) op(b), inner dimension N. */
static ntk_status add_product(ntk_context *ctx, const ntk_gram *g, int64_t rows, double sign, ntk_transpose ta, const void *a, ntk_transpose tb,
                              const void *b, void *c)
{
    int64_t n = g->size;
    return ntk_gemm(ctx, g->dtype, ta, tb, rows, rows, n, sign, a, ta == NTK_PLAIN ? n : rows, b, tb == NTK_PLAIN ? rows : n, 1, c, rows);
}

static ntk_status process_covariance(ntk_context *ctx, const ntk_predictor *p, double time, int64_t rows, const void *const cross[2], void *c)
{
    ntk_status status;
    void *x = NULL;
    const void *a = cross[p->rule->trained];
    NTK_TRY(ntk_test_transposed(ctx, p->gram, rows, a, &x));
    NTK_TRY_PART(ctx, 0, 0.7, p->engine->smooth(ctx, p, 2 * time, rows, x));
    NTK_TRY_PART(ctx, 0.7, 1, add_product(ctx, p->gram, rows, -1, NTK_PLAIN, a, NTK_PLAIN, x, c));
done:
    ntk_free(x);
    return status;
}

/* With x = Bᵀ: c - xᵀ P*ᵀ - P* x + xᵀ (P x). */
static ntk_status ensemble_covariance(ntk_context *ctx, const ntk_predictor *p, double time, int64_t rows, const void *const cross[2], void *c)
{
    ntk_status status;
    const ntk_gram *g = p->gram;
    const void *prior = cross[p->rule->prior];
    void *x = NULL, *px = NULL;
    NTK_TRY(ntk_test_transposed(ctx, g, rows, cross[p->rule->trained], &x));
    NTK_TRY_PART(ctx, 0, 0.4, p->engine->smooth(ctx, p, time, rows, x));
    NTK_TRY(ntk_allocate_raw(ctx, g->size * rows, ntk_dtype_size(g->dtype), &px));
    NTK_TRY_PART(ctx, 0.4, 0.7, ntk_gram_product(ctx, g, p->rule->prior, rows, x, px));
    NTK_TRY_PART(ctx, 0.7, 0.8, add_product(ctx, g, rows, -1, NTK_TRANSPOSED, x, NTK_TRANSPOSED, prior, c));
    NTK_TRY_PART(ctx, 0.8, 0.9, add_product(ctx, g, rows, -1, NTK_PLAIN, prior, NTK_PLAIN, x, c));
    NTK_TRY_PART(ctx, 0.9, 1, add_product(ctx, g, rows, 1, NTK_TRANSPOSED, x, NTK_PLAIN, px, c));
done:
    ntk_free(px);
    ntk_free(x);
    return status;
}

const ntk_posterior_rule ntk_posterior_rules[] = {
    [NTK_POSTERIOR_NTK] = {NTK_KIND_NTK, NTK_KIND_NNGP, ensemble_covariance},
    [NTK_POSTERIOR_NNGP] = {NTK_KIND_NNGP, NTK_KIND_NNGP, process_covariance},
    [NTK_POSTERIOR_NTKGP] = {NTK_KIND_NTK, NTK_KIND_NTK, process_covariance},
};

static void clamp_diagonal(ntk_dtype dtype, int64_t n, void *c)
{
    double *wide = c;
    float *narrow = c;
    for (int64_t i = 0; i < n; ++i) {
        if (dtype == NTK_F64) wide[i * n + i] = NTK_MAX(wide[i * n + i], 0);
        else narrow[i * n + i] = NTK_MAX(narrow[i * n + i], 0);
    }
}

/* Buffers [M, N] of the kinds a covariance reads, when they come from a kernel. */
static ntk_status cross_buffers(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, void *buffer[2])
{
    ntk_status status = NTK_OK;
    for (int kind = 0; kind < 2 && test->from_kernel; ++kind) {
        if (kind != (int)p->rule->trained && kind != (int)p->rule->prior) continue;
        NTK_TRY(ntk_allocate_raw(ctx, ntk_test_rows(test) * p->gram->size, ntk_dtype_size(p->gram->dtype), &buffer[kind]));
    }
done:
    return status;
}

static double bytes_needed(const ntk_predictor *p, double rows)
{
    return (double)ntk_dtype_size(p->gram->dtype) * rows * (4 * (double)p->gram->size + 2 * rows);
}

ntk_status ntk_test_covariance(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, double time, void *covariance)
{
    ntk_status status;
    const ntk_gram *g = p->gram;
    int64_t rows = ntk_test_rows(test);
    void *buffer[2] = {NULL, NULL};
    const void *cross[2];
    NTK_TRY(ntk_memory_require(ctx, "the covariance", bytes_needed(p, (double)rows)));
    NTK_TRY(cross_buffers(ctx, p, test, buffer));
    NTK_TRY_PART(ctx, 0, 0.3, ntk_test_cross(ctx, p, test, 0, test->samples, buffer, cross));
    NTK_TRY_PART(ctx, 0.3, 0.4, ntk_test_square(ctx, p, test, p->rule->prior, covariance));
    NTK_TRY_PART(ctx, 0.4, 1, p->rule->covariance(ctx, p, time, rows, cross, covariance));
    clamp_diagonal(g->dtype, rows, covariance);
    ntk_mirror(ctx, g->dtype, rows, covariance, rows);
    NTK_TRY(ntk_check_result(ctx, "covariance", g->dtype, covariance, rows * rows));
done:
    ntk_free(buffer[0]);
    ntk_free(buffer[1]);
    return status;
}
