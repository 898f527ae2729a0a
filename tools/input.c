/* Files by flag, in the shape and type that the library takes. */
#include "tool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const ntk_array *given(const array *a)
{
    return a->block ? &a->view : NULL;
}

int tool_read(tool *t, const char *flag, ntk_dtype dtype, array *a)
{
    const char *path = arguments_text(&t->arguments, flag, NULL);
    *a = (array){0};
    return path ? array_read(path, dtype, FINITE_ONLY, a) : 0;
}

static int wrong_axes(const tool *t, const char *flag, const array *a, const char *expected)
{
    return tool_fail(EXIT_INPUT, "%s: --%s %s has shape %s; expected %s", t->arguments.command, flag, a->path,
                     shape_string(a->view.ndim, a->view.shape).text, expected);
}

int tool_read_matrix(tool *t, const char *flag, array *a)
{
    int failed = tool_read(t, flag, NTK_F64, a);
    if (failed || !a->block) return failed;
    if (a->view.ndim == 1) a->view = ntk_array_dense(a->view.data, NTK_F64, 2, (int64_t[]){a->view.shape[0], 1});
    return a->view.ndim == 2 ? 0 : wrong_axes(t, flag, a, "a matrix");
}

int tool_read_vector(tool *t, const char *flag, array *a)
{
    return tool_read_vector_of(t, flag, NTK_F64, a);
}

int tool_read_vector_of(tool *t, const char *flag, ntk_dtype dtype, array *a)
{
    int failed = tool_read(t, flag, dtype, a);
    if (failed || !a->block) return failed;
    if (a->view.ndim == 2 && a->view.shape[1] == 1) a->view = ntk_array_dense(a->view.data, dtype, 1, a->view.shape);
    return a->view.ndim == 1 ? 0 : wrong_axes(t, flag, a, "a vector");
}

int tool_network(tool *t, ntk_network **network)
{
    return tool_network_file(t, arguments_text(&t->arguments, "network", NULL), network);
}

int tool_network_file(tool *t, const char *path, ntk_network **network)
{
    char *text = NULL;
    int failed;
    TRY(read_text_file(path, &text));
    TRY(tool_check(t, path, ntk_network_parse(t->context, text, network)));
done:
    free(text);
    return failed;
}

/* [n, ...] with as many values per sample as the network's input becomes [n] + input. */
int tool_reshape_inputs(const tool *t, const char *flag, const ntk_network *network, array *x)
{
    int64_t input[NTK_MAX_NDIM], shape[NTK_MAX_NDIM + 1], wanted, values;
    int ndim = ntk_network_input(network, input);
    if (x->view.ndim < 1 || !shape_product(x->view.ndim - 1, x->view.shape + 1, &values) || !shape_product(ndim, input, &wanted) ||
        values != wanted || ndim + 1 > NTK_MAX_NDIM)
        return tool_fail(EXIT_INPUT, "%s: --%s %s has shape %s; the network expects samples of shape %s", t->arguments.command, flag,
                         x->path, shape_string(x->view.ndim, x->view.shape).text, shape_string(ndim, input).text);
    shape[0] = x->view.shape[0];
    for (int i = 0; i < ndim; ++i) shape[i + 1] = input[i];
    x->view = ntk_array_dense(x->view.data, x->view.dtype, ndim + 1, shape);
    return 0;
}

int tool_read_inputs(tool *t, const char *flag, const ntk_network *network, ntk_dtype dtype, array *x)
{
    int failed = tool_read(t, flag, dtype, x);
    return failed || !x->block ? failed : tool_reshape_inputs(t, flag, network, x);
}

int tool_read_structure(tool *t, int number, structure *s)
{
    char flag[16];
    int failed;
    *s = (structure){.view = {.struct_size = NTK_STRUCTURE_INIT}};
    snprintf(flag, sizeof flag, "mask%d", number);
    TRY(tool_read(t, flag, NTK_F64, &s->mask));
    snprintf(flag, sizeof flag, "graph%d", number);
    TRY(tool_read(t, flag, NTK_F64, &s->graph));
    s->view.mask = given(&s->mask);
    s->view.graph = given(&s->graph);
done:
    return failed;
}

void structure_free(structure *s)
{
    array_free(&s->mask);
    array_free(&s->graph);
}

static void keep_first(int64_t n, array *a)
{
    if (a->block && a->view.ndim > 0 && a->view.shape[0] > n) a->view.shape[0] = n;
}

void structure_limit(structure *s, int64_t n)
{
    keep_first(n, &s->mask);
    keep_first(n, &s->graph);
}

int tool_infinite_kernel(tool *t, const ntk_network *network, ntk_kernel **kernel)
{
    ntk_kernel_options options = {.struct_size = NTK_KERNEL_OPTIONS_INIT};
    ntk_dropout_from_name(arguments_text(&t->arguments, "dropout", NULL), &options.dropout);
    return tool_check(t, arguments_text(&t->arguments, "network", NULL), ntk_kernel_from_network(t->context, network, &options, kernel));
}

const ntk_structure *given_structure(const structure *s)
{
    return s->view.mask || s->view.graph ? &s->view : NULL;
}

/* Unit norm: scaled by the largest entry first, so that squares neither overflow nor vanish. */

#define NORMALISE(name, type)                                                                \
    static void name(type *row, int64_t d)                                                   \
    {                                                                                        \
        double largest = 0, sum = 0;                                                         \
        for (int64_t j = 0; j < d; ++j) largest = fmax(largest, fabs((double)row[j]));       \
        if (largest == 0) return;                                                            \
        for (int64_t j = 0; j < d; ++j) sum += ((double)row[j] / largest) * ((double)row[j] / largest); \
        for (int64_t j = 0; j < d; ++j) row[j] = (type)((double)row[j] / largest / sqrt(sum)); \
    }
NORMALISE(normalise_f64, double)
NORMALISE(normalise_f32, float)

void tool_unit_norm(array *x)
{
    int64_t n = x->view.shape[0], d = 1;
    shape_product(x->view.ndim - 1, x->view.shape + 1, &d);
    for (int64_t i = 0; i < n; ++i) {
        if (x->view.dtype == NTK_F64) normalise_f64((double *)x->view.data + i * d, d);
        else normalise_f32((float *)x->view.data + i * d, d);
    }
}

void tool_select(const tool *t, array *x, structure *s)
{
    int64_t limit = (int64_t)arguments_count(&t->arguments, "limit", 0);
    if (!x->block) return;
    if (limit > 0) keep_first(limit, x);
    if (limit > 0 && s) structure_limit(s, limit);
    if (arguments_has(&t->arguments, "unit-norm")) tool_unit_norm(x);
}

ntk_kind tool_kind(const tool *t)
{
    ntk_kind kind = NTK_KIND_NTK;
    ntk_kind_from_name(arguments_text(&t->arguments, "kind", NULL), &kind);
    return kind;
}

ntk_dtype tool_dtype(const tool *t)
{
    ntk_dtype dtype = NTK_F64;
    ntk_dtype_from_name(arguments_text(&t->arguments, "dtype", NULL), &dtype);
    return dtype;
}

ntk_loss_scale tool_loss_scale(const tool *t)
{
    ntk_loss_scale scale = NTK_LOSS_SCALE_SUM;
    ntk_loss_scale_from_name(arguments_text(&t->arguments, "loss-scale", NULL), &scale);
    return scale;
}
