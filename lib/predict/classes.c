/*
 * Classification by regression on coded labels, and what its outputs are worth as probabilities.
 *
 *     coding          y_ik = 1[label_i = k] - 1/c        decision        the largest output
 *     probabilities   p = softmax(f / T)                 nll             mean of -log p_label
 *
 * The outputs of a kernel machine are no log-odds; one number T makes them so (Guo et al. 2017), and leave-one-out outputs choose it without held-out
 * data.  With b = 1/T the likelihood  L(b) = sum_i log sum_k exp(b f_ik) - b f_i,label  is convex, and
 *
 *     L'(b) = sum_i sum_k p_ik (f_ik - f_i,label)
 *
 * is increasing: its zero is found by bisection.  L'(0) >= 0: outputs no better than chance, T = infinity.  Where the label always has the largest output L falls
 * for ever; T then stops at 1/1000 of the largest difference of outputs, where every p is 0 or 1 unless outputs nearly tie.
 */
#include "predict.h"

#include <math.h>

/* f [m, c] of f64 or f32, checked, as dense doubles. */
static ntk_status open_outputs(ntk_context *ctx, const char *name, const ntk_array *f, double **dense)
{
    ntk_status status;
    void *copy = NULL;
    int64_t count;
    NTK_TRY(ntk_check_array(ctx, name, f));
    if (f->dtype != NTK_F64 && f->dtype != NTK_F32) return ntk_fail(ctx, NTK_ERROR_DTYPE, "%s holds %s; expected f64 or f32", name, ntk_dtype_name(f->dtype));
    NTK_TRY(ntk_check_shape(ctx, name, f, f->dtype, NTK_SHAPE(-1, -1)));
    if (f->shape[1] < 2) return ntk_fail(ctx, NTK_ERROR_SHAPE, "%s has %lld columns; expected one per class, at least 2", name, (long long)f->shape[1]);
    NTK_TRY(ntk_check_finite(ctx, name, f));
    NTK_TRY(ntk_copy_dense(ctx, f, &copy));
    count = ntk_array_size(f);
    NTK_TRY(NTK_NEW_RAW(ctx, count, dense));
    for (int64_t i = 0; i < count; ++i) (*dense)[i] = f->dtype == NTK_F64 ? ((const double *)copy)[i] : (double)((const float *)copy)[i];
done:
    ntk_free(copy);
    return status;
}

/* labels [m], each in 0 ... c-1, or, if `others`, anything. */
static ntk_status open_labels(ntk_context *ctx, const ntk_array *labels, int64_t m, int64_t c, bool others, int64_t **dense)
{
    ntk_status status;
    void *copy = NULL;
    NTK_TRY(ntk_check_shape(ctx, "labels", labels, NTK_I64, NTK_SHAPE(m)));
    NTK_TRY(ntk_copy_dense(ctx, labels, &copy));
    *dense = copy;
    for (int64_t i = 0; !others && i < m; ++i)
        if ((*dense)[i] < 0 || (*dense)[i] >= c)
            return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "labels[%lld] is %lld; expected 0 to %lld", (long long)i, (long long)(*dense)[i], (long long)c - 1);
done:
    return status;
}

/* Dense doubles into an array of f64 or f32. */
static ntk_status store(ntk_context *ctx, double *values, const ntk_array *to)
{
    float *narrow = NULL;
    ntk_status status = NTK_OK;
    int64_t count = ntk_array_size(to);
    if (to->dtype == NTK_F64) {
        ntk_store(to, values);
        return NTK_OK;
    }
    NTK_TRY(NTK_NEW_RAW(ctx, count, &narrow));
    for (int64_t i = 0; i < count; ++i) narrow[i] = (float)values[i];
    ntk_store(to, narrow);
done:
    ntk_free(narrow);
    return status;
}

ntk_status ntk_classes_code(ntk_context *ctx, const ntk_array *labels, ntk_array *y)
{
    ntk_status status;
    int64_t *l = NULL, n, c;
    double *values = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, labels);
    NTK_TRY(ntk_check_shape(ctx, "labels", labels, NTK_I64, NTK_SHAPE(-1)));
    n = labels->shape[0];
    NTK_TRY(ntk_check_array(ctx, "y", y));
    if (y->dtype != NTK_F64 && y->dtype != NTK_F32) return ntk_fail(ctx, NTK_ERROR_DTYPE, "y holds %s; expected f64 or f32", ntk_dtype_name(y->dtype));
    NTK_TRY(ntk_check_output(ctx, "y", y, y->dtype, NTK_SHAPE(n, -1)));
    c = y->shape[1];
    NTK_TRY(open_labels(ctx, labels, n, c, false, &l));
    NTK_TRY(NTK_NEW_RAW(ctx, n * c, &values));
    for (int64_t i = 0; i < n * c; ++i) values[i] = (i % c == l[i / c]) - 1.0 / (double)c;
    NTK_TRY(store(ctx, values, y));
done:
    ntk_free(values);
    ntk_free(l);
    return status;
}

static int64_t largest(int64_t c, const double *f)
{
    int64_t at = 0;
    for (int64_t k = 1; k < c; ++k)
        if (f[k] > f[at]) at = k;
    return at;
}

ntk_status ntk_classes_decide(ntk_context *ctx, const ntk_array *f, ntk_array *labels)
{
    ntk_status status;
    double *values = NULL;
    int64_t *l = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, f);
    NTK_TRY(open_outputs(ctx, "f", f, &values));
    NTK_TRY(ntk_check_output(ctx, "labels", labels, NTK_I64, NTK_SHAPE(f->shape[0])));
    NTK_TRY(NTK_NEW_RAW(ctx, f->shape[0], &l));
    for (int64_t i = 0; i < f->shape[0]; ++i) l[i] = largest(f->shape[1], values + i * f->shape[1]);
    ntk_store(labels, l);
done:
    ntk_free(l);
    ntk_free(values);
    return status;
}

/* p [c] = softmax(b f); p may be f. */
static void softmax(int64_t c, double b, const double *f, double *p)
{
    double top = f[largest(c, f)], sum = 0;
    for (int64_t k = 0; k < c; ++k) sum += p[k] = exp(b * (f[k] - top));
    for (int64_t k = 0; k < c; ++k) p[k] /= sum;
}

/* ---- temperature ------------------------------------------------------------------------------------------------- */

typedef struct likelihood {
    int64_t n, c;
    const double *f;
    const int64_t *labels;
    double *p; /* [c], scratch */
} likelihood;

/* L'(b). */
static double slope(const likelihood *l, double b)
{
    double sum = 0;
    for (int64_t i = 0; i < l->n; ++i) {
        const double *f = l->f + i * l->c;
        softmax(l->c, b, f, l->p);
        for (int64_t k = 0; k < l->c; ++k) sum += l->p[k] * (f[k] - f[l->labels[i]]);
    }
    return sum;
}

static double spread(const likelihood *l)
{
    double most = 0;
    for (int64_t i = 0; i < l->n; ++i)
        for (int64_t k = 0; k < l->c; ++k) most = fmax(most, fabs(l->f[i * l->c + k] - l->f[i * l->c]));
    return most;
}

static double best_temperature(const likelihood *l)
{
    double high = 1000 / spread(l), low = 0;
    if (!isfinite(high) || slope(l, 0) >= 0) return INFINITY;
    if (slope(l, high) <= 0) return 1 / high; /* 0: the exponentials have vanished */
    for (int i = 0; i < 200 && (high - low) > 1e-15 * high; ++i) {
        double middle = low + (high - low) / 2;
        if (slope(l, middle) < 0) low = middle;
        else high = middle;
    }
    return 1 / high;
}

ntk_status ntk_classes_temperature(ntk_context *ctx, const ntk_array *f, const ntk_array *labels, double *temperature)
{
    ntk_status status;
    double *values = NULL;
    int64_t *l = NULL;
    likelihood all = {0};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, f);
    NTK_REQUIRE(ctx, labels);
    NTK_REQUIRE(ctx, temperature);
    NTK_TRY(open_outputs(ctx, "f", f, &values));
    NTK_TRY(open_labels(ctx, labels, f->shape[0], f->shape[1], false, &l));
    NTK_TRY(NTK_NEW_RAW(ctx, f->shape[1], &all.p));
    all = (likelihood){f->shape[0], f->shape[1], values, l, all.p};
    *temperature = best_temperature(&all);
done:
    ntk_free(all.p);
    ntk_free(l);
    ntk_free(values);
    return status;
}

ntk_status ntk_classes_probabilities(ntk_context *ctx, const ntk_array *f, double temperature, ntk_array *p)
{
    ntk_status status;
    double *values = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, f);
    if (!(temperature > 0)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "temperature is %g; expected a number > 0, or infinity", temperature);
    NTK_TRY(open_outputs(ctx, "f", f, &values));
    NTK_TRY(ntk_check_output(ctx, "p", p, f->dtype, NTK_SHAPE(f->shape[0], f->shape[1])));
    for (int64_t i = 0; i < f->shape[0]; ++i) softmax(f->shape[1], 1 / temperature, values + i * f->shape[1], values + i * f->shape[1]);
    NTK_TRY(store(ctx, values, p));
done:
    ntk_free(values);
    return status;
}

/* ---- scores ------------------------------------------------------------------------------------------------------ */

ntk_status ntk_classes_score(ntk_context *ctx, const ntk_array *p, const ntk_array *labels, double *accuracy, double *nll)
{
    ntk_status status;
    double *values = NULL, right = 0, sum = 0;
    int64_t *l = NULL, m, c;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, p);
    NTK_REQUIRE(ctx, labels);
    NTK_TRY(open_outputs(ctx, "p", p, &values));
    m = p->shape[0], c = p->shape[1];
    if (m < 1) return ntk_fail(ctx, NTK_ERROR_SHAPE, "p has no rows: there is nothing to score");
    NTK_TRY(open_labels(ctx, labels, m, c, true, &l));
    for (int64_t i = 0; i < m; ++i) {
        bool known = l[i] >= 0 && l[i] < c;
        right += known && largest(c, values + i * c) == l[i];
        sum -= known ? log(fmax(values[i * c + l[i]], 0)) : -INFINITY;
    }
    if (accuracy) *accuracy = right / (double)m;
    if (nll) *nll = sum / (double)m;
done:
    ntk_free(l);
    ntk_free(values);
    return status;
}
