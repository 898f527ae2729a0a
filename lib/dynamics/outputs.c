/* What weights w mean: f = f0 - K w, f* = f0* - K* w, theta = theta0 - D⁻¹ Jᵀ w, and the loss of f. */
#include "dynamics.h"

/* Weights [times] + shape of y, dense. */
typedef struct run {
    int64_t times;
    const double *w;
    void *copy;
} run;

static ntk_status open_run(ntk_context *ctx, const ntk_learning *l, const ntk_array *weights, run *r)
{
    ntk_status status;
    const void *dense;
    NTK_REQUIRE(ctx, weights);
    NTK_TRY(ntk_check_array(ctx, "weights", weights));
    r->times = weights->ndim > 0 ? weights->shape[0] : 0;
    NTK_TRY(ntk_check_answers(ctx, ntk_check_shape, "weights", weights, NTK_F64, r->times, l->gram->size, l->columns, l->answer_outputs));
    NTK_TRY(ntk_check_finite(ctx, "weights", weights));
    NTK_TRY(ntk_borrow(ctx, weights, &dense, &r->copy));
    r->w = dense;
done:
    return status;
}

ntk_status ntk_learning_outputs(ntk_context *ctx, const ntk_learning *l, const double *w, const double *f0, double *to)
{
    ntk_status status;
    NTK_TRY(ntk_gram_product(ctx, l->gram, l->kind, l->columns, w, to));
    for (int64_t i = 0; i < ntk_learning_count(l); ++i) to[i] = (f0 ? f0[i] : 0) - to[i];
done:
    return status;
}

static ntk_status train_outputs(ntk_context *ctx, const ntk_learning *l, const double *w, double *f)
{
    ntk_status status;
    NTK_TRY(ntk_learning_outputs(ctx, l, w, l->f0, f));
    NTK_TRY(ntk_check_result(ctx, "f", NTK_F64, f, ntk_learning_count(l)));
done:
    return status;
}

ntk_status ntk_learning_train(ntk_context *ctx, const ntk_learning *learning, const ntk_array *weights, ntk_array *f)
{
    ntk_status status;
    run r = {0};
    double *one = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, learning);
    NTK_TRY(open_run(ctx, learning, weights, &r));
    NTK_TRY(ntk_check_answers(ctx, ntk_check_output, "f", f, NTK_F64, r.times, learning->gram->size, learning->columns, learning->answer_outputs));
    NTK_TRY(NTK_NEW_RAW(ctx, ntk_learning_count(learning), &one));
    for (int64_t i = 0; i < r.times; ++i) {
        ntk_array to = ntk_array_at(f, i);
        NTK_TRY_PART(ctx, (double)i / (double)r.times, (double)(i + 1) / (double)r.times,
                     train_outputs(ctx, learning, r.w + i * ntk_learning_count(learning), one));
        ntk_store(&to, one);
    }
done:
    ntk_free(one);
    ntk_free(r.copy);
    return status;
}

ntk_status ntk_learning_loss(ntk_context *ctx, const ntk_learning *learning, const ntk_array *weights, ntk_array *out)
{
    ntk_status status;
    run r = {0};
    double *f = NULL, *g = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, learning);
    NTK_TRY(open_run(ctx, learning, weights, &r));
    NTK_TRY(ntk_check_output(ctx, "out", out, NTK_F64, NTK_SHAPE(r.times)));
    NTK_TRY(NTK_NEW_RAW(ctx, ntk_learning_count(learning), &f));
    NTK_TRY(NTK_NEW_RAW(ctx, ntk_learning_count(learning), &g));
    for (int64_t i = 0; i < r.times; ++i) {
        double value;
        ntk_array to = ntk_array_at(out, i);
        NTK_TRY_PART(ctx, (double)i / (double)r.times, (double)(i + 1) / (double)r.times,
                     train_outputs(ctx, learning, r.w + i * ntk_learning_count(learning), f));
        NTK_TRY(ntk_learning_gradient(ctx, learning, f, g, &value));
        NTK_TRY(ntk_check_result(ctx, "the loss", NTK_F64, &value, 1));
        ntk_store(&to, &value);
    }
done:
    ntk_free(g);
    ntk_free(f);
    ntk_free(r.copy);
    return status;
}

/* ---- new inputs -------------------------------------------------------------------------------------------------- */

typedef struct test_inputs {
    int64_t rows;
    const double *k, *f0;
    void *k_copy, *f0_copy;
} test_inputs;

static ntk_status open_test(ntk_context *ctx, const ntk_learning *l, const ntk_array *k_test, const ntk_array *f0, test_inputs *t)
{
    ntk_status status;
    NTK_TRY(ntk_check_shape(ctx, "k_test", k_test, NTK_F64, NTK_SHAPE(-1, l->gram->size)));
    t->rows = k_test->shape[0];
    NTK_TRY(ntk_borrow_finite(ctx, "k_test", k_test, &t->k, &t->k_copy));
    if (f0) {
        NTK_TRY(ntk_check_answers(ctx, ntk_check_shape, "f0", f0, NTK_F64, -1, t->rows, l->columns, l->answer_outputs));
        NTK_TRY(ntk_borrow_finite(ctx, "f0", f0, &t->f0, &t->f0_copy));
    }
done:
    return status;
}

static ntk_status test_outputs(ntk_context *ctx, const ntk_learning *l, const test_inputs *t, const double *w, double *f)
{
    ntk_status status;
    int64_t c = l->columns, n = l->gram->size;
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, t->rows, c, n, -1, t->k, n, w, c, 0, f, c));
    for (int64_t i = 0; t->f0 && i < t->rows * c; ++i) f[i] += t->f0[i];
    NTK_TRY(ntk_check_result(ctx, "f", NTK_F64, f, t->rows * c));
done:
    return status;
}

ntk_status ntk_learning_test(ntk_context *ctx, const ntk_learning *learning, const ntk_array *k_test, const ntk_array *f0, const ntk_array *weights, ntk_array *f)
{
    ntk_status status;
    run r = {0};
    test_inputs t = {0};
    double *one = NULL;
    int64_t count;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, learning);
    NTK_TRY(open_test(ctx, learning, k_test, f0, &t));
    NTK_TRY(open_run(ctx, learning, weights, &r));
    NTK_TRY(ntk_check_answers(ctx, ntk_check_output, "f", f, NTK_F64, r.times, t.rows, learning->columns, learning->answer_outputs));
    NTK_TRY(ntk_size_product(ctx, "outputs on new inputs", t.rows, learning->columns, &count));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &one));
    for (int64_t i = 0; i < r.times; ++i) {
        ntk_array to = ntk_array_at(f, i);
        NTK_TRY_PART(ctx, (double)i / (double)r.times, (double)(i + 1) / (double)r.times,
                     test_outputs(ctx, learning, &t, r.w + i * ntk_learning_count(learning), one));
        ntk_store(&to, one);
    }
done:
    ntk_free(one);
    ntk_free(r.copy);
    ntk_free(t.f0_copy);
    ntk_free(t.k_copy);
    return status;
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

static ntk_status parameters_of(ntk_context *ctx, const ntk_gram *g, const double *w, int64_t p, double *step)
{
    ntk_status status;
    ntk_array weights = ntk_vector_f64(w, g->size), out = ntk_vector_f64(step, p);
    NTK_TRY(ntk_jacobian_apply_transposed(ctx, g->jacobian, &weights, &out));
    ntk_optimizer_scale(g->optimizer, 1, p, step, 1);
    for (int64_t i = 0; i < p; ++i) step[i] = -step[i];
done:
    return status;
}

ntk_status ntk_learning_parameters(ntk_context *ctx, const ntk_learning *learning, const ntk_array *weights, ntk_array *out)
{
    ntk_status status;
    run r = {0};
    double *step = NULL;
    int64_t p;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, learning);
    if (!learning->gram->jacobian) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the gram comes from no Jacobian: there are no parameters to follow");
    if (learning->columns != 1)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "y has %lld columns; the parameters follow one target per row of J", (long long)learning->columns);
    p = learning->gram->jacobian->columns;
    NTK_TRY(open_run(ctx, learning, weights, &r));
    NTK_TRY(ntk_check_output(ctx, "out", out, NTK_F64, NTK_SHAPE(r.times, p)));
    NTK_TRY(NTK_NEW_RAW(ctx, p, &step));
    for (int64_t i = 0; i < r.times; ++i) {
        ntk_array to = ntk_array_at(out, i);
        NTK_TRY_PART(ctx, (double)i / (double)r.times, (double)(i + 1) / (double)r.times,
                     parameters_of(ctx, learning->gram, r.w + i * learning->gram->size, p, step));
        ntk_store(&to, step);
    }
done:
    ntk_free(step);
    ntk_free(r.copy);
    return status;
}
