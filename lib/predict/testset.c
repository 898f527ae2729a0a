/* New inputs.  Of a kernel they pass in blocks, computed when asked for; a caller's own matrices are there already. */
#include "predict.h"

/* One of the caller's blocks: where it comes from, where it goes. */
typedef struct block_field {
    const char *name;
    const ntk_array *array;
    const void **dense;
    bool square;
} block_field;

#define FIELDS(given, test)                                                            \
    {                                                                                  \
        {"test.ntk", (given)->ntk, &(test)->cross[NTK_KIND_NTK], false},               \
        {"test.nngp", (given)->nngp, &(test)->cross[NTK_KIND_NNGP], false},            \
        {"test.ntk_test", (given)->ntk_test, &(test)->square[NTK_KIND_NTK], true},     \
        {"test.nngp_test", (given)->nngp_test, &(test)->square[NTK_KIND_NNGP], true},  \
    }

static ntk_status open_inputs(ntk_context *ctx, const ntk_predictor *p, const ntk_test_set *given, ntk_test *test)
{
    ntk_status status;
    if (given->ntk || given->nngp || given->ntk_test || given->nngp_test)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "test.x and blocks of a kernel are both given; one of them is enough");
    NTK_TRY(ntk_cross_open(ctx, p->gram, given->x, given->structure, &test->points));
    test->from_kernel = true;
    test->samples = test->points.n;
    test->per_sample = p->gram->per_sample;
done:
    return status;
}

/* A vector in the place of a square: its diagonal, enough for variances. */
static ntk_status open_diagonal(ntk_context *ctx, const ntk_predictor *p, const block_field *f, ntk_kind kind, ntk_test *test, void **copy)
{
    ntk_status status;
    NTK_TRY(ntk_check_shape(ctx, f->name, f->array, p->gram->dtype, NTK_SHAPE(test->samples)));
    NTK_TRY(ntk_check_finite(ctx, f->name, f->array));
    NTK_TRY(ntk_borrow(ctx, f->array, &test->diagonal[kind], copy));
done:
    return status;
}

static ntk_status open_block(ntk_context *ctx, const ntk_predictor *p, const block_field *f, ntk_test *test, void **copy)
{
    ntk_status status;
    int64_t columns = f->square ? test->samples : p->gram->size;
    NTK_TRY(ntk_check_shape(ctx, f->name, f->array, p->gram->dtype, NTK_SHAPE(test->samples, columns)));
    NTK_TRY(ntk_check_finite(ctx, f->name, f->array));
    NTK_TRY(ntk_borrow(ctx, f->array, f->dense, copy));
done:
    return status;
}

static ntk_status open_blocks(ntk_context *ctx, const ntk_predictor *p, const ntk_test_set *given, ntk_test *test)
{
    ntk_status status = NTK_OK;
    const ntk_array *first = given->ntk ? given->ntk : given->nngp;
    block_field fields[] = FIELDS(given, test);
    if (!first) return ntk_fail(ctx, NTK_ERROR_NULL, "test.x, test.ntk and test.nngp are all NULL: there are no new inputs");
    test->samples = first->ndim > 0 ? first->shape[0] : -1;
    test->per_sample = 1;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(fields); ++i)
        if (fields[i].array && fields[i].square && fields[i].array->ndim == 1)
            NTK_TRY(open_diagonal(ctx, p, &fields[i], fields[i].dense == &test->square[NTK_KIND_NTK] ? NTK_KIND_NTK : NTK_KIND_NNGP, test, &test->copy[i]));
        else if (fields[i].array) NTK_TRY(open_block(ctx, p, &fields[i], test, &test->copy[i]));
done:
    return status;
}

static ntk_status open_start(ntk_context *ctx, const ntk_predictor *p, const ntk_array *f0, ntk_test *test)
{
    ntk_status status = NTK_OK;
    if (!f0) return NTK_OK;
    NTK_TRY(ntk_check_answers(ctx, ntk_check_shape, "test.f0", f0, p->gram->dtype, -1, ntk_test_rows(test), p->columns, p->outputs));
    NTK_TRY(ntk_check_finite(ctx, "test.f0", f0));
    NTK_TRY(ntk_copy_dense(ctx, f0, &test->f0));
done:
    return status;
}

ntk_status ntk_test_open(ntk_context *ctx, const ntk_predictor *p, const ntk_test_set *given, ntk_test *test)
{
    ntk_status status = given->x ? open_inputs(ctx, p, given, test) : open_blocks(ctx, p, given, test);
    return status == NTK_OK ? open_start(ctx, p, given->f0, test) : status;
}

void ntk_test_close(const ntk_predictor *p, ntk_test *test)
{
    ntk_free(test->f0);
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(test->copy); ++i) ntk_free(test->copy[i]);
    if (test->from_kernel) ntk_cross_close(p->gram, &test->points);
}

ntk_status ntk_test_require(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, ntk_wanted wanted)
{
    static const char *const names[] = {"mean", "variance", "covariance"};
    const ntk_posterior_rule *rule = p->rule;
    const char *missing = NULL, *suffix = "";
    bool square = test->square[rule->prior] || (wanted == NTK_WANT_VARIANCE && test->diagonal[rule->prior]);
    if (test->from_kernel) return NTK_OK;
    if (!test->cross[rule->trained]) missing = ntk_kind_name(rule->trained);
    else if (wanted != NTK_WANT_MEAN && !test->cross[rule->prior]) missing = ntk_kind_name(rule->prior);
    else if (wanted != NTK_WANT_MEAN && !square) {
        missing = ntk_kind_name(rule->prior);
        suffix = "_test";
    }
    if (!missing) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_NULL, "test.%s%s is %s; the %s of the %s posterior needs it", missing, suffix,
                    *suffix && test->diagonal[rule->prior] ? "its diagonal only" : "NULL", names[wanted], ntk_posterior_name((ntk_posterior)(rule - ntk_posterior_rules)));
}

ntk_status ntk_test_cross(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, int64_t first, int64_t count, void *const buffer[2],
                          const void *block[2])
{
    size_t offset = (size_t)(first * p->gram->size) * ntk_dtype_size(p->gram->dtype);
    for (int kind = 0; kind < 2; ++kind)
        block[kind] = test->from_kernel ? buffer[kind] : test->cross[kind] ? (const char *)test->cross[kind] + offset : NULL;
    if (!test->from_kernel) return NTK_OK;
    return ntk_cross_block(ctx, p->gram, &test->points, first, count, buffer[NTK_KIND_NTK], buffer[NTK_KIND_NNGP]);
}

ntk_status ntk_test_square(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, ntk_kind kind, void *square)
{
    ntk_array all = ntk_array_dense(square, p->gram->dtype, NTK_SHAPE(ntk_test_rows(test), ntk_test_rows(test)));
    bool ntk = kind == NTK_KIND_NTK;
    if (test->from_kernel) return ntk_cross_square(ctx, p->gram, &test->points, ntk ? square : NULL, ntk ? NULL : square);
    ntk_store(&all, test->square[kind]);
    return NTK_OK;
}
