/*
 * Labels and targets.  A vector of whole numbers holds classes: with c of them among the training samples, class k is
 * coded as the k-th unit vector minus 1/c (so that every row sums to 0), and predicted by the largest output.
 */
#include "tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Column of a class, or -1 if it did not occur in training. */
static int64_t column_of(const targets *y, double label)
{
    const double *at = bsearch(&label, y->classes, (size_t)y->y.view.shape[1], sizeof label, compare);
    return at ? at - y->classes : -1;
}

static void put(ntk_array *a, int64_t i, double value)
{
    if (a->dtype == NTK_F64) ((double *)a->data)[i] = value;
    else ((float *)a->data)[i] = (float)value;
}

static double take(const ntk_array *a, int64_t i)
{
    return a->dtype == NTK_F64 ? ((const double *)a->data)[i] : (double)((const float *)a->data)[i];
}

/* Sorts labels [n] into y->classes without repetitions and returns their number. */
static int64_t distinct(const double *labels, int64_t n, double *classes)
{
    int64_t count = 0;
    memcpy(classes, labels, (size_t)n * sizeof *labels);
    qsort(classes, (size_t)n, sizeof *classes, compare);
    for (int64_t i = 0; i < n; ++i)
        if (count == 0 || classes[i] > classes[count - 1]) classes[count++] = classes[i];
    return count;
}

static int code_classes(const array *labels, ntk_dtype dtype, targets *y)
{
    const double *values = labels->view.data;
    int64_t n = labels->view.shape[0], c;
    int failed;
    y->classes = malloc((size_t)(n ? n : 1) * sizeof *y->classes);
    if (!y->classes) return tool_fail(EXIT_FAILED, "%s: out of memory", labels->path);
    c = distinct(values, n, y->classes);
    TRY(array_new(dtype, 2, (int64_t[]){n, c}, &y->y));
    y->y.path = labels->path;
    for (int64_t i = 0; i < n * c; ++i) put(&y->y.view, i, (column_of(y, values[i / c]) == i % c) - 1.0 / (double)c);
done:
    return failed;
}

static int real_targets(const array *values, ntk_dtype dtype, targets *y)
{
    int64_t n = values->view.shape[0], c = values->view.ndim == 2 ? values->view.shape[1] : 1;
    int failed;
    y->vector = values->view.ndim == 1;
    TRY(array_new(dtype, 2, (int64_t[]){n, c}, &y->y));
    y->y.path = values->path;
    for (int64_t i = 0; i < n * c; ++i) put(&y->y.view, i, take(&values->view, i));
done:
    return failed;
}

int targets_read(tool *t, const char *flag, ntk_dtype dtype, int64_t limit, targets *y)
{
    array values = {0};
    int failed;
    *y = (targets){0};
    TRY(tool_read(t, flag, NTK_F64, &values));
    if (values.view.ndim < 1 || values.view.ndim > 2)
        failed = tool_fail(EXIT_INPUT, "%s: --%s %s has shape %s; expected [n] or [n, outputs]", t->arguments.command, flag, values.path,
                           shape_string(values.view.ndim, values.view.shape).text);
    if (failed) goto done;
    if (limit > 0 && values.view.shape[0] > limit) values.view.shape[0] = limit;
    if (values.integer && values.view.ndim == 1 && !arguments_has(&t->arguments, "regression")) TRY(code_classes(&values, dtype, y));
    else TRY(real_targets(&values, dtype, y));
    if (y->y.view.shape[1] == 0) failed = tool_fail(EXIT_INPUT, "%s: --%s %s holds no targets", t->arguments.command, flag, y->y.path);
done:
    array_free(&values);
    if (failed) targets_free(y);
    return failed;
}

void targets_free(targets *y)
{
    array_free(&y->y);
    free(y->classes);
    *y = (targets){0};
}

/* ---- scores ---- */

static int64_t largest(const ntk_array *mean, int64_t row)
{
    int64_t c = mean->shape[1], best = 0;
    for (int64_t j = 1; j < c; ++j)
        if (take(mean, row * c + j) > take(mean, row * c + best)) best = j;
    return best;
}

int targets_columns(tool *t, const char *flag, const targets *y, int64_t m, int64_t *columns, bool *given)
{
    array labels = {0};
    int failed;
    *given = false;
    TRY(tool_read(t, flag, NTK_F64, &labels));
    if (!labels.block) goto done;
    if (labels.view.ndim != 1 || labels.view.shape[0] != m)
        failed = tool_fail(EXIT_INPUT, "%s: --%s %s has shape %s; expected a class for each of %lld samples", t->arguments.command, flag, labels.path,
                           shape_string(labels.view.ndim, labels.view.shape).text, (long long)m);
    for (int64_t i = 0; !failed && i < m; ++i) columns[i] = column_of(y, ((const double *)labels.view.data)[i]);
    *given = !failed;
done:
    array_free(&labels);
    return failed;
}

static double accuracy(const targets *y, const double *labels, const ntk_array *mean)
{
    int64_t right = 0, m = mean->shape[0];
    for (int64_t i = 0; i < m; ++i) right += column_of(y, labels[i]) == largest(mean, i);
    return (double)right / (double)m;
}

static double root_mean_square(const double *expected, const ntk_array *mean)
{
    int64_t count = mean->shape[0] * mean->shape[1];
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += (take(mean, i) - expected[i]) * (take(mean, i) - expected[i]);
    return sqrt(sum / (double)count);
}

int targets_compare(tool *t, const char *flag, const targets *y, const array *mean, const char **name, double *value)
{
    const ntk_array *m = &mean->view;
    array test = {0};
    int64_t count, wanted = m->shape[0] * (y->classes ? 1 : m->shape[1]);
    int failed;
    *name = NULL;
    TRY(tool_read(t, flag, NTK_F64, &test));
    if (!test.block) goto done;
    if (test.view.ndim < 1 || test.view.shape[0] != m->shape[0] || !shape_product(test.view.ndim, test.view.shape, &count) ||
        count != wanted || (y->classes && !test.integer))
        failed = tool_fail(EXIT_INPUT, "%s: --%s %s has shape %s; expected %s for %lld test samples", t->arguments.command, flag,
                           test.path, shape_string(test.view.ndim, test.view.shape).text,
                           y->classes ? "a vector of classes" : "targets like those of training", (long long)m->shape[0]);
    else *name = y->classes ? "accuracy" : "rmse";
    if (*name) *value = y->classes ? accuracy(y, test.view.data, m) : root_mean_square(test.view.data, m);
done:
    array_free(&test);
    return failed;
}

int targets_score(tool *t, const char *flag, const targets *y, const array *mean)
{
    const char *name;
    double value;
    int failed = targets_compare(t, flag, y, mean, &name, &value);
    if (!failed && name) report_number(t, name, value);
    return failed;
}

/* ---- targets and grams ---- */

int targets_layout(tool *t, const array *gram, const char *gram_flag, array *y, layout *form)
{
    int64_t size = gram->view.shape[0], n = y->view.shape[0], o = y->view.shape[1];
    *form = (layout){size != n, o};
    if (size != n && size != n * o)
        return tool_fail(EXIT_INPUT, "%s: --%s %s has %lld rows; targets of shape %s need %lld, or %lld with all outputs",
                         t->arguments.command, gram_flag, gram->path, (long long)size, shape_string(2, y->view.shape).text,
                         (long long)n, (long long)(n * o));
    if (form->full) y->view = ntk_array_dense(y->view.data, y->view.dtype, 2, (int64_t[]){size, 1});
    return 0;
}

int layout_check_rows(tool *t, const char *flag, const layout *form, const array *block)
{
    if (!form->full || block->view.shape[0] % form->outputs == 0) return 0;
    return tool_fail(EXIT_INPUT, "%s: --%s %s has %lld rows, not a multiple of the %lld outputs", t->arguments.command, flag,
                     block->path, (long long)block->view.shape[0], (long long)form->outputs);
}

int layout_apply(tool *t, const char *flag, const layout *form, int64_t rows, array *a)
{
    int64_t samples = form->full ? rows / form->outputs : rows, o = form->outputs;
    const ntk_array *v = &a->view;
    bool good = (v->ndim == 2 && v->shape[0] == samples && v->shape[1] == o) || (v->ndim == 1 && o == 1 && v->shape[0] == samples);
    if (!a->block) return 0;
    if (!good)
        return tool_fail(EXIT_INPUT, "%s: --%s %s has shape %s; expected [%lld, %lld]", t->arguments.command, flag, a->path,
                         shape_string(v->ndim, v->shape).text, (long long)samples, (long long)o);
    a->view = ntk_array_dense(v->data, v->dtype, 2, (int64_t[]){rows, form->full ? 1 : o});
    return 0;
}

void layout_restore(const layout *form, bool vector, array *result)
{
    int64_t shape[NTK_MAX_NDIM];
    int ndim = result->view.ndim, last = ndim - 1;
    for (int i = 0; i < ndim; ++i) shape[i] = result->view.shape[i];
    if (form->full) {
        shape[last - 1] /= form->outputs;
        shape[last] = form->outputs;
    } else if (vector) {
        --ndim;
    }
    result->view = ntk_array_dense(result->view.data, result->view.dtype, ndim, shape);
}
