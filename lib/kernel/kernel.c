/*
 * The kernel handle and its evaluation: tiles over pairs of samples, each pair once when a set meets itself.
 *
 * A symmetric matrix is computed tile by tile on and below the diagonal and then mirrored: symmetric to the bit.
 */
#include "kernel.h"

#include <string.h>

static ntk_status make_kernel(ntk_context *ctx, const ntk_kernel_class *class, ntk_kernel **kernel)
{
    ntk_status status = NTK_NEW_HANDLE(ctx, kernel);
    if (status != NTK_OK) return status;
    (*kernel)->class = class;
    (*kernel)->per_sample = (*kernel)->trailing = 1;
    (*kernel)->tile = 512;
    return NTK_OK;
}

static ntk_status read_options(ntk_context *ctx, const ntk_kernel_options *options, ntk_kernel_options *o)
{
    ntk_status status = NTK_OPTIONS_READ(ctx, options, o);
    if (status != NTK_OK) return status;
    if (o->reserved != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "options.reserved is %d; expected 0", (int)o->reserved);
    if (ntk_outputs_name(o->outputs)) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.outputs is %d; expected full, trace or diagonal", (int)o->outputs);
}

ntk_status ntk_kernel_from_network(ntk_context *ctx, const ntk_network *network, const ntk_kernel_options *options, ntk_kernel **kernel)
{
    ntk_status status;
    ntk_kernel_options o;
    ntk_kernel *k = NULL;
    NTK_ENTER_NEW(ctx, kernel);
    NTK_REQUIRE(ctx, network);
    NTK_TRY(read_options(ctx, options, &o));
    NTK_TRY(make_kernel(ctx, &ntk_infinite_kernel, &k));
    NTK_TRY(ntk_reading_create(ctx, network, &k->reading));
    k->network = ntk_retain(network);
    k->delivers = NTK_WANT_NTK | NTK_WANT_NNGP | NTK_WANT_LAYERS;
    k->layers = network->n_parametric;
    *kernel = k;
    k = NULL;
done:
    ntk_kernel_destroy(k);
    return status;
}

static ntk_status check_theta(ntk_context *ctx, const ntk_network *network, const ntk_array *theta)
{
    ntk_status status = ntk_check_shape(ctx, "theta", theta, NTK_F64, NTK_SHAPE(network->n_parameters));
    return status == NTK_OK ? ntk_check_finite(ctx, "theta", theta) : status;
}

ntk_status ntk_kernel_empirical(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_optimizer *optimizer, const ntk_kernel_options *options, ntk_kernel **kernel)
{
    ntk_status status;
    ntk_kernel_options o;
    ntk_kernel *k = NULL;
    int64_t outputs;
    NTK_ENTER_NEW(ctx, kernel);
    NTK_REQUIRE(ctx, network);
    NTK_TRY(read_options(ctx, options, &o));
    NTK_TRY(ntk_finite_check_network(ctx, network));
    NTK_TRY(check_theta(ctx, network, theta));
    NTK_TRY(ntk_optimizer_check(ctx, optimizer, network->n_parameters));
    NTK_TRY(make_kernel(ctx, &ntk_empirical_kernel, &k));
    outputs = ntk_network_outputs(network);
    k->network = ntk_retain(network);
    k->optimizer = ntk_retain(optimizer);
    k->outputs = o.outputs;
    k->per_sample = o.outputs == NTK_OUTPUTS_FULL ? outputs : 1;
    k->trailing = o.outputs == NTK_OUTPUTS_DIAGONAL ? outputs : 1;
    k->delivers = NTK_WANT_NTK | NTK_WANT_NNGP;
    NTK_TRY(ntk_copy_dense(ctx, theta, (void **)&k->theta));
    *kernel = k;
    k = NULL;
done:
    ntk_kernel_destroy(k);
    return status;
}

ntk_status ntk_kernel_from_callback(ntk_context *ctx, ntk_kernel_fn function, void *user, ntk_kind kind, ntk_kernel **kernel)
{
    ntk_status status;
    NTK_ENTER_NEW(ctx, kernel);
    NTK_REQUIRE(ctx, function);
    if (!ntk_kind_name(kind)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "kind is %d; expected ntk or nngp", (int)kind);
    NTK_TRY(make_kernel(ctx, &ntk_callback_kernel, kernel));
    (*kernel)->function = function;
    (*kernel)->user = user;
    (*kernel)->delivers = kind == NTK_KIND_NTK ? NTK_WANT_NTK : NTK_WANT_NNGP;
done:
    return status;
}

void ntk_kernel_destroy(ntk_kernel *kernel)
{
    if (!ntk_object_release(kernel)) return;
    ntk_reading_destroy(kernel->reading);
    ntk_network_destroy(kernel->network);
    ntk_optimizer_destroy(kernel->optimizer);
    ntk_free(kernel->theta);
    ntk_free(kernel);
}

/* ---- points ---------------------------------------------------------------------------------------------------- */

static ntk_status check_inputs(ntk_context *ctx, const ntk_kernel *k, const char *name, const ntk_array *x)
{
    ntk_status status = ntk_check_array(ctx, name, x);
    if (status != NTK_OK) return status;
    if (x->dtype != NTK_F64 && (x->dtype != NTK_F32 || !k->class->single))
        return ntk_fail(ctx, NTK_ERROR_DTYPE, "%s holds %s; the %s kernel takes %s", name, ntk_dtype_name(x->dtype), k->class->name,
                        k->class->single ? "f64 or f32" : "f64");
    if (k->network) return ntk_network_check_input(ctx, k->network, name, x, x->dtype);
    status = ntk_check_shape(ctx, name, x, x->dtype, NTK_SHAPE(-1, -1));
    return status == NTK_OK ? ntk_check_finite(ctx, name, x) : status;
}

ntk_status ntk_points_open(ntk_context *ctx, const ntk_kernel *k, const char *name, const ntk_array *x, bool keep, ntk_points *points)
{
    ntk_status status;
    memset(points, 0, sizeof *points);
    NTK_TRY(check_inputs(ctx, k, name, x));
    points->dtype = x->dtype;
    points->n = x->shape[0];
    points->d = k->network ? ntk_network_input_size(k->network) : x->shape[1];
    if (keep) {
        NTK_TRY(ntk_copy_dense(ctx, x, &points->copy));
        points->x = points->copy;
    } else {
        NTK_TRY(ntk_borrow(ctx, x, &points->x, &points->copy));
    }
    NTK_TRY(k->class->prepare(ctx, k, points));
done:
    if (status != NTK_OK) ntk_points_close(k, points);
    return status;
}

void ntk_points_close(const ntk_kernel *k, ntk_points *points)
{
    if (points->prepared) k->class->release(points);
    points->prepared = NULL;
    ntk_free(points->copy);
    points->copy = NULL;
}

ntk_status ntk_check_values(ntk_context *ctx, const char *what, ntk_dtype dtype, int64_t rows, int64_t n, const void *values, int64_t ld)
{
    for (int64_t i = 0; i < rows; ++i) {
        int64_t at = ntk_find_not_finite(dtype, (const char *)values + i * ld * (int64_t)ntk_dtype_size(dtype), n);
        if (at >= 0)
            return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "%s exceeds the range of %s (at %lld, %lld)", what, ntk_dtype_name(dtype), (long long)i, (long long)at);
    }
    return NTK_OK;
}

/* ---- tiles ----------------------------------------------------------------------------------------------------- */

static void *advance(void *base, int64_t numbers, ntk_dtype dtype)
{
    return base ? (char *)base + numbers * (int64_t)ntk_dtype_size(dtype) : NULL;
}

/* The part of `out` that belongs to samples from (row, column) on. */
static ntk_tile tile_at(const ntk_kernel *k, const ntk_tile *out, ntk_dtype dtype, int64_t row, int64_t column)
{
    int64_t numbers = row * k->per_sample * out->ld + column * k->per_sample * k->trailing;
    return (ntk_tile){advance(out->ntk, numbers, dtype), advance(out->nngp, numbers, dtype), advance(out->layers, numbers, dtype), out->ld, out->layer_stride};
}

static ntk_status fill_rows(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                            int64_t columns, const ntk_tile *out)
{
    ntk_status status = NTK_OK;
    for (int64_t column = 0; status == NTK_OK && column < columns; column += k->tile) {
        ntk_tile tile = tile_at(k, out, a->dtype, row, column);
        status = k->class->block(ctx, k, a, row, m, b, column, NTK_MIN(k->tile, columns - column), &tile);
    }
    return status;
}

/* Entries of several numbers (outputs = diagonal) are mirrored as a whole. */
static void mirror_entries(const ntk_kernel *k, ntk_dtype dtype, int64_t n, void *plane, int64_t ld)
{
    size_t bytes = (size_t)k->trailing * ntk_dtype_size(dtype);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < i; ++j)
            memcpy(advance(plane, j * ld + i * k->trailing, dtype), advance(plane, i * ld + j * k->trailing, dtype), bytes);
}

static void mirror_plane(ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, int64_t n, void *plane, int64_t ld)
{
    if (!plane) return;
    if (k->trailing == 1) ntk_mirror(ctx, dtype, n, plane, ld);
    else mirror_entries(k, dtype, n, plane, ld);
}

static void mirror_all(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, const ntk_tile *out)
{
    int64_t n = a->n * k->per_sample;
    mirror_plane(ctx, k, a->dtype, n, out->ntk, out->ld);
    mirror_plane(ctx, k, a->dtype, n, out->nngp, out->ld);
    for (int64_t l = 0; out->layers && l < k->layers; ++l)
        mirror_plane(ctx, k, a->dtype, n, advance(out->layers, l * out->layer_stride, a->dtype), out->ld);
}

/* Share of the work done when `rows` rows are: of a triangle, its area. */
static double share(int64_t rows, int64_t n, bool triangle)
{
    double s = (double)rows / (double)n;
    return triangle ? s * s : s;
}

ntk_status ntk_kernel_fill(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, const ntk_points *b, const ntk_tile *out)
{
    ntk_status status = NTK_OK;
    for (int64_t row = 0; row < a->n; row += k->tile) {
        int64_t m = NTK_MIN(k->tile, a->n - row);
        NTK_TRY(fill_rows(ctx, k, a, row, m, b ? b : a, b ? b->n : row + m, out));
        NTK_TRY(ntk_progress(ctx, share(row + m, a->n, !b)));
    }
    if (!b) mirror_all(ctx, k, a, out);
done:
    return status;
}

/* ---- evaluation into the caller's arrays ------------------------------------------------------------------------ */

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

enum { TARGETS = 3 };

static void list_targets(const ntk_request *r, target t[TARGETS])
{
    t[0] = (target){"ntk", NTK_WANT_NTK, r->ntk, NULL, NULL};
    t[1] = (target){"nngp", NTK_WANT_NNGP, r->nngp, NULL, NULL};
    t[2] = (target){"layers", NTK_WANT_LAYERS, r->layers, NULL, NULL};
}

/* shape[0] is the extent of `layers` alone: the two kernels have shape + 1. */
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
    return !t[0].data && !t[1].data && !t[2].data;
}

static ntk_status open_pair(ntk_context *ctx, const ntk_kernel *k, const ntk_array *x1, const ntk_array *x2, ntk_points *a, ntk_points *b)
{
    ntk_status status;
    NTK_TRY(ntk_points_open(ctx, k, "x1", x1, false, a));
    if (!x2) return NTK_OK;
    NTK_TRY(ntk_points_open(ctx, k, "x2", x2, false, b));
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
    int64_t rows, columns, plane;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, kernel);
    NTK_REQUIRE(ctx, x1);
    NTK_TRY(NTK_OPTIONS_READ(ctx, request, &r));
    NTK_TRY(open_pair(ctx, kernel, x1, x2, &a, &b));
    rows = a.n * kernel->per_sample;
    columns = (x2 ? b.n : a.n) * kernel->per_sample;
    NTK_TRY(ntk_size_product(ctx, "the kernel", rows, columns * kernel->trailing, &plane));
    NTK_TRY(open_targets(ctx, kernel, a.dtype, &r, kernel->trailing > 1 || kernel->outputs == NTK_OUTPUTS_DIAGONAL ? 4 : 3,
                         (const int64_t[]){kernel->layers, rows, columns, kernel->trailing}, t));
    if (wants_nothing(t)) goto done;
    out = (ntk_tile){t[0].data, t[1].data, t[2].data, columns * kernel->trailing, plane};
    NTK_TRY(ntk_kernel_fill(ctx, kernel, &a, x2 ? &b : NULL, &out));
done:
    close_targets(t, status);
    ntk_points_close(kernel, &b);
    ntk_points_close(kernel, &a);
    return status;
}

ntk_status ntk_kernel_diagonal(ntk_context *ctx, const ntk_kernel *kernel, const ntk_array *x, const ntk_request *request)
{
    ntk_status status;
    ntk_points a = {0};
    target t[TARGETS] = {{0}};
    ntk_request r;
    ntk_tile out;
    int64_t per_row;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, kernel);
    NTK_TRY(NTK_OPTIONS_READ(ctx, request, &r));
    NTK_TRY(ntk_points_open(ctx, kernel, "x", x, false, &a));
    per_row = kernel->per_sample * kernel->trailing;
    NTK_TRY(open_targets(ctx, kernel, a.dtype, &r, kernel->outputs == NTK_OUTPUTS_DIAGONAL ? 3 : 2,
                         (const int64_t[]){kernel->layers, a.n * kernel->per_sample, kernel->trailing}, t));
    if (wants_nothing(t)) goto done;
    out = (ntk_tile){t[0].data, t[1].data, t[2].data, per_row, a.n * per_row};
    NTK_TRY(kernel->class->diagonal(ctx, kernel, &a, 0, a.n, &out));
done:
    close_targets(t, status);
    if (kernel) ntk_points_close(kernel, &a);
    return status;
}
