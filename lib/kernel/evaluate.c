/* Evaluation of a kernel into the caller's arrays, whatever their strides. */
#include "kernel.h"

/* One wanted array: written in place where it is dense, else through a dense copy. */
typedef struct target {
    const char *name;
    int want;
    ntk_array *array;
    void *data, *scratch;
} target;

static ntk_status open_target(ntk_context *ctx, target *t, ntk_dtype dtype, int ndim, const int64_t *shape, const ntk_kernel *k)
{
    ntk_status status;
    if (!t->array) return NTK_OK;
    if (!(k->delivers & t->want)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the %s kernel does not deliver %s", k->class->name, t->name);
    NTK_TRY(ntk_check_output(ctx, t->name, t->array, dtype, ndim, shape));
    t->data = t->array->data;
    if (ntk_is_dense(t->array)) return NTK_OK;
    NTK_TRY(ntk_memory_require(ctx, t->name, (double)ntk_array_size(t->array) * (double)ntk_dtype_size(dtype)));
    NTK_TRY(ntk_allocate_raw(ctx, ntk_array_size(t->array), ntk_dtype_size(dtype), &t->scratch));
    t->data = t->scratch;
done:
    return status;
}

static void close_target(target *t, bool store)
{
    if (t->scratch && store) ntk_store(t->array, t->scratch);
    ntk_free(t->scratch);
}

enum { TARGETS = 5 };

static void list_targets(const ntk_request *r, target t[TARGETS])
{
    t[0] = (target){"ntk", NTK_WANT_NTK, r->ntk, NULL, NULL};
    t[1] = (target){"nngp", NTK_WANT_NNGP, r->nngp, NULL, NULL};
    t[2] = (target){"layers", NTK_WANT_LAYERS, r->layers, NULL, NULL};
    t[3] = (target){"ntk_error", NTK_WANT_ERRORS, r->ntk_error, NULL, NULL};
    t[4] = (target){"nngp_error", NTK_WANT_ERRORS, r->nngp_error, NULL, NULL};
}

/* shape[0] is the extent of `layers` alone: the others have shape + 1. */
static ntk_status open_targets(ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, const ntk_request *request, int ndim, const int64_t *shape, target t[TARGETS])
{
    ntk_status status = NTK_OK;
    list_targets(request, t);
    for (int i = 0; i < TARGETS && status == NTK_OK; ++i) {
        bool layers = t[i].want == NTK_WANT_LAYERS;
        status = open_target(ctx, &t[i], dtype, layers ? ndim : ndim - 1, layers ? shape : shape + 1, k);
    }
    return status;
}

static void close_targets(target t[TARGETS], ntk_status status)
{
    for (int i = 0; i < TARGETS; ++i) close_target(&t[i], status == NTK_OK);
}

static bool wants_nothing(const target t[TARGETS])
{
    bool nothing = true;
    for (int i = 0; i < TARGETS; ++i) nothing = nothing && !t[i].data;
    return nothing;
}

static ntk_tile whole(const target t[TARGETS], int64_t ld, int64_t plane)
{
    return (ntk_tile){.ntk = t[0].data, .nngp = t[1].data, .layers = t[2].data, .ntk_error = t[3].data, .nngp_error = t[4].data, .ld = ld, .layer_stride = plane};
}

/* Adds what a copy of the array takes, where there is one. */
static ntk_status add_copy(ntk_context *ctx, const char *name, const ntk_array *a, double *bytes)
{
    ntk_status status = a ? ntk_check_array(ctx, name, a) : NTK_OK;
    if (a && status == NTK_OK && !ntk_is_dense(a)) *bytes += (double)ntk_array_size(a) * (double)ntk_dtype_size(a->dtype);
    return status;
}

/* The whole call fits the memory limit, or none of it starts. */
static ntk_status require(ntk_context *ctx, const ntk_kernel *k, const ntk_array *x1, const ntk_array *x2, const ntk_request *r, bool diagonal)
{
    ntk_status status;
    ntk_job job;
    double copies = 0;
    if (ctx->options.memory_limit == 0) return NTK_OK;
    NTK_TRY(ntk_points_check(ctx, k, diagonal ? "x" : "x1", x1));
    if (x2) NTK_TRY(ntk_points_check(ctx, k, "x2", x2));
    NTK_TRY(add_copy(ctx, "x1", x1, &copies));
    NTK_TRY(add_copy(ctx, "x2", x2, &copies));
    NTK_TRY(add_copy(ctx, "ntk", r->ntk, &copies));
    NTK_TRY(add_copy(ctx, "nngp", r->nngp, &copies));
    NTK_TRY(add_copy(ctx, "layers", r->layers, &copies));
    NTK_TRY(add_copy(ctx, "ntk_error", r->ntk_error, &copies));
    NTK_TRY(add_copy(ctx, "nngp_error", r->nngp_error, &copies));
    job = (ntk_job){NTK_JOB_INIT, .n1 = x1->shape[0], .n2 = x2 ? x2->shape[0] : 0, .dtype = x1->dtype, .diagonal = diagonal,
                    .no_ntk = !(r->ntk && k->delivers & NTK_WANT_NTK), .nngp = r->nngp && k->delivers & NTK_WANT_NNGP,
                    .layers = r->layers && k->delivers & NTK_WANT_LAYERS};
    NTK_TRY(ntk_kernel_require(ctx, k, "the kernel", &job, copies));
done:
    return status;
}

static ntk_status open_pair(ntk_context *ctx, const ntk_kernel *k, const ntk_array *x1, const ntk_array *x2, const ntk_request *r, ntk_points *a, ntk_points *b)
{
    ntk_status status;
    double first = k->class->preparation * (x2 ? 0.5 : 1);
    NTK_TRY_PART(ctx, 0, first, ntk_points_open(ctx, k, "x1", x1, r->structure1, false, a));
    if (!x2) return NTK_OK;
    NTK_TRY_PART(ctx, first, 2 * first, ntk_points_open(ctx, k, "x2", x2, r->structure2, false, b));
    if (a->dtype != b->dtype) return ntk_fail(ctx, NTK_ERROR_DTYPE, "x1 holds %s and x2 %s", ntk_dtype_name(a->dtype), ntk_dtype_name(b->dtype));
    if (a->d != b->d) return ntk_fail(ctx, NTK_ERROR_SHAPE, "x1 has %lld columns and x2 %lld", (long long)a->d, (long long)b->d);
done:
    return status;
}

ntk_status ntk_kernel_eval(ntk_context *ctx, const ntk_kernel *kernel, const ntk_array *x1, const ntk_array *x2, const ntk_request *request)
{
    ntk_status status;
    ntk_points a = {0}, b = {0};
    target t[TARGETS] = {{0}};
    ntk_request r;
    ntk_tile out;
    ntk_kernel *k = NULL;
    int64_t rows, columns, plane;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, kernel);
    NTK_REQUIRE(ctx, x1);
    NTK_TRY(NTK_OPTIONS_READ(ctx, request, &r));
    if (r.structure2 && !x2) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "request.structure2 is given without x2");
    NTK_TRY(ntk_kernel_for(ctx, kernel, r.structure1, r.structure2, &k));
    NTK_TRY(require(ctx, k, x1, x2, &r, false));
    NTK_TRY(open_pair(ctx, k, x1, x2, &r, &a, &b));
    rows = a.n * k->per_sample;
    columns = (x2 ? b.n : a.n) * k->per_sample;
    NTK_TRY(ntk_size_product(ctx, "the kernel", rows, columns * k->trailing, &plane));
    NTK_TRY(open_targets(ctx, k, a.dtype, &r, k->trailing > 1 || k->outputs == NTK_OUTPUTS_DIAGONAL ? 4 : 3,
                         (const int64_t[]){k->layers, rows, columns, k->trailing}, t));
    if (wants_nothing(t)) goto done;
    out = whole(t, columns * k->trailing, plane);
    NTK_TRY_PART(ctx, k->class->preparation, 1, ntk_kernel_fill(ctx, k, &a, x2 ? &b : NULL, &out));
done:
    close_targets(t, status);
    ntk_points_close(k, &b);
    ntk_points_close(k, &a);
    ntk_kernel_destroy(k);
    return status;
}

ntk_status ntk_kernel_diagonal(ntk_context *ctx, const ntk_kernel *kernel, const ntk_array *x, const ntk_request *request)
{
    ntk_status status;
    ntk_points a = {0};
    target t[TARGETS] = {{0}};
    ntk_request r;
    ntk_tile out;
    ntk_kernel *k = NULL;
    int64_t per_row;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, kernel);
    NTK_TRY(NTK_OPTIONS_READ(ctx, request, &r));
    if (r.structure2) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "request.structure2 is given without x2");
    NTK_TRY(ntk_kernel_for(ctx, kernel, r.structure1, NULL, &k));
    NTK_TRY(require(ctx, k, x, NULL, &r, true));
    NTK_TRY_PART(ctx, 0, k->class->preparation, ntk_points_open(ctx, k, "x", x, r.structure1, false, &a));
    per_row = k->per_sample * k->trailing;
    NTK_TRY(open_targets(ctx, k, a.dtype, &r, k->outputs == NTK_OUTPUTS_DIAGONAL ? 3 : 2,
                         (const int64_t[]){k->layers, a.n * k->per_sample, k->trailing}, t));
    if (wants_nothing(t)) goto done;
    out = whole(t, per_row, a.n * per_row);
    NTK_TRY_PART(ctx, k->class->preparation, 1, ntk_kernel_fill_diagonal(ctx, k, &a, &out));
done:
    close_targets(t, status);
    if (k) ntk_points_close(k, &a);
    ntk_kernel_destroy(k);
    return status;
}
