/* The door between the caller's strided arrays and the dense row-major memory used inside. */
#include "core.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

size_t ntk_dtype_size(ntk_dtype dtype)
{
    static const size_t sizes[] = {[NTK_F64] = 8, [NTK_F32] = 4, [NTK_I64] = 8, [NTK_U8] = 1};
    return (unsigned)dtype < NTK_ARRAY_LENGTH(sizes) ? sizes[dtype] : 0;
}

const char *ntk_shape_text(char text[NTK_SHAPE_TEXT], int ndim, const int64_t *shape)
{
    size_t at = 0;
    at += (size_t)snprintf(text, NTK_SHAPE_TEXT, "[");
    for (int i = 0; i < ndim && i < NTK_MAX_NDIM; ++i) {
        const char *comma = i ? ", " : "";
        int n = shape[i] < 0 ? snprintf(text + at, NTK_SHAPE_TEXT - at, "%sany", comma)
                             : snprintf(text + at, NTK_SHAPE_TEXT - at, "%s%lld", comma, (long long)shape[i]);
        at += (size_t)n;
    }
    snprintf(text + at, NTK_SHAPE_TEXT - at, "]");
    return text;
}

int64_t ntk_array_size(const ntk_array *a)
{
    int64_t size = 1;
    for (int i = 0; i < a->ndim; ++i) size *= a->shape[i];
    return size;
}

ntk_status ntk_check_array(ntk_context *ctx, const char *name, const ntk_array *a)
{
    int64_t size = 1;
    if (!a) return ntk_fail(ctx, NTK_ERROR_NULL, "%s is NULL", name);
    if (ntk_dtype_size(a->dtype) == 0) return ntk_fail(ctx, NTK_ERROR_DTYPE, "%s has the unknown dtype %d", name, (int)a->dtype);
    if (a->ndim < 0 || a->ndim > NTK_MAX_NDIM)
        return ntk_fail(ctx, NTK_ERROR_SHAPE, "%s has %d axes; 0 to %d are possible", name, (int)a->ndim, NTK_MAX_NDIM);
    for (int i = 0; i < a->ndim; ++i) {
        if (a->shape[i] < 0)
            return ntk_fail(ctx, NTK_ERROR_SHAPE, "%s has the negative extent %lld on axis %d", name, (long long)a->shape[i], i);
        if (__builtin_mul_overflow(size, NTK_MAX(a->shape[i], 1), &size) || size > PTRDIFF_MAX / 8)
            return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "the number of elements of %s exceeds the address space", name);
    }
    if (!a->data && ntk_array_size(a) > 0) return ntk_fail(ctx, NTK_ERROR_NULL, "the data of %s is NULL", name);
    return NTK_OK;
}

static bool shape_fits(const ntk_array *a, int ndim, const int64_t *shape)
{
    if (a->ndim != ndim) return false;
    for (int i = 0; i < ndim; ++i)
        if (shape[i] >= 0 && shape[i] != a->shape[i]) return false;
    return true;
}

ntk_status ntk_check_real(ntk_context *ctx, const char *name, const ntk_array *a)
{
    ntk_status status = ntk_check_array(ctx, name, a);
    if (status != NTK_OK || a->dtype == NTK_F64 || a->dtype == NTK_F32) return status;
    return ntk_fail(ctx, NTK_ERROR_DTYPE, "%s holds %s; expected f64 or f32", name, ntk_dtype_name(a->dtype));
}

ntk_status ntk_check_shape(ntk_context *ctx, const char *name, const ntk_array *a, ntk_dtype dtype, int ndim, const int64_t *shape)
{
    char is[NTK_SHAPE_TEXT], should[NTK_SHAPE_TEXT];
    ntk_status status = ntk_check_array(ctx, name, a);
    if (status != NTK_OK) return status;
    if (a->dtype != dtype)
        return ntk_fail(ctx, NTK_ERROR_DTYPE, "%s holds %s; expected %s", name, ntk_dtype_name(a->dtype), ntk_dtype_name(dtype));
    if (!shape_fits(a, ndim, shape))
        return ntk_fail(ctx, NTK_ERROR_SHAPE, "%s has shape %s; expected %s", name, ntk_shape_text(is, a->ndim, a->shape),
                        ntk_shape_text(should, ndim, shape));
    return NTK_OK;
}

ntk_status ntk_check_output(ntk_context *ctx, const char *name, const ntk_array *a, ntk_dtype dtype, int ndim, const int64_t *shape)
{
    ntk_status status = ntk_check_shape(ctx, name, a, dtype, ndim, shape);
    for (int i = 0; status == NTK_OK && i < ndim; ++i)
        if (a->shape[i] > 1 && a->strides[i] == 0 && ntk_array_size(a) > 0)
            return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "%s is written, but its stride on axis %d is 0", name, i);
    return status;
}

bool ntk_is_dense(const ntk_array *a)
{
    int64_t step = 1;
    for (int i = a->ndim - 1; i >= 0; --i) {
        if (a->shape[i] > 1 && a->strides[i] != step) return false;
        step *= a->shape[i];
    }
    return true;
}

/* Walks the array in row-major order, one run along the last axis at a time: visit(user, run, stride, length). */
typedef void (*visit_run)(void *user, char *run, int64_t stride, int64_t length);

static void for_each_run(const ntk_array *a, visit_run visit, void *user)
{
    int64_t index[NTK_MAX_NDIM] = {0}, size = (int64_t)ntk_dtype_size(a->dtype);
    int last = a->ndim - 1;
    char *run = a->data;
    if (ntk_array_size(a) == 0) return;
    if (a->ndim == 0) {
        visit(user, run, 1, 1);
        return;
    }
    for (;;) {
        int axis = last - 1;
        visit(user, run, a->strides[last], a->shape[last]);
        while (axis >= 0 && ++index[axis] == a->shape[axis]) {
            run -= (a->shape[axis] - 1) * a->strides[axis] * size;
            index[axis--] = 0;
        }
        if (axis < 0) return;
        run += a->strides[axis] * size;
    }
}

typedef struct dense_cursor {
    char *dense;
    size_t size;
} dense_cursor;

static void copy_run(char *to, int64_t to_stride, const char *from, int64_t from_stride, int64_t length, size_t size)
{
    if (to_stride == 1 && from_stride == 1) {
        memcpy(to, from, (size_t)length * size);
        return;
    }
    for (int64_t i = 0; i < length; ++i)
        memcpy(to + i * to_stride * (int64_t)size, from + i * from_stride * (int64_t)size, size);
}

static void gather_run(void *user, char *run, int64_t stride, int64_t length)
{
    dense_cursor *c = user;
    copy_run(c->dense, 1, run, stride, length, c->size);
    c->dense += (size_t)length * c->size;
}

static void scatter_run(void *user, char *run, int64_t stride, int64_t length)
{
    dense_cursor *c = user;
    copy_run(run, stride, c->dense, 1, length, c->size);
    c->dense += (size_t)length * c->size;
}

ntk_status ntk_copy_dense(ntk_context *ctx, const ntk_array *a, void **copy)
{
    dense_cursor c = {NULL, ntk_dtype_size(a->dtype)};
    ntk_status status = ntk_allocate_raw(ctx, ntk_array_size(a), c.size, copy);
    if (status != NTK_OK) return status;
    c.dense = *copy;
    for_each_run(a, gather_run, &c);
    return NTK_OK;
}

ntk_status ntk_borrow(ntk_context *ctx, const ntk_array *a, const void **dense, void **copy)
{
    ntk_status status = NTK_OK;
    *copy = NULL;
    *dense = a->data;
    if (ntk_is_dense(a)) return NTK_OK;
    status = ntk_copy_dense(ctx, a, copy);
    *dense = *copy;
    return status;
}

ntk_status ntk_borrow_finite(ntk_context *ctx, const char *name, const ntk_array *a, const double **dense, void **copy)
{
    const void *elements = NULL;
    ntk_status status = ntk_check_finite(ctx, name, a);
    if (status == NTK_OK) status = ntk_borrow(ctx, a, &elements, copy);
    *dense = elements;
    return status;
}

void ntk_store(const ntk_array *a, const void *dense)
{
    dense_cursor c = {(char *)(uintptr_t)dense, ntk_dtype_size(a->dtype)};
    for_each_run(a, scatter_run, &c);
}

ntk_array ntk_array_rows(const ntk_array *a, int64_t first, int64_t count)
{
    ntk_array rows = *a;
    if (a->data) rows.data = (char *)a->data + first * a->strides[0] * (int64_t)ntk_dtype_size(a->dtype);
    rows.shape[0] = count;
    return rows;
}

ntk_array ntk_array_at(const ntk_array *a, int64_t i)
{
    ntk_array rows = ntk_array_rows(a, i, 1), one = rows;
    one.ndim = a->ndim - 1;
    for (int k = 0; k < one.ndim; ++k) {
        one.shape[k] = rows.shape[k + 1];
        one.strides[k] = rows.strides[k + 1];
    }
    return one;
}

/* x - x is 0 for finite x and NaN otherwise; the sums over a block say in one pass whether to look closer.  LANES of them, so that
   they need not wait for each other. */
#define LANES 16
#define FIND_NOT_FINITE(T)                                                        \
    static int64_t find_not_finite_##T(const T *v, int64_t count)                 \
    {                                                                             \
        for (int64_t begin = 0; begin < count; begin += 1024) {                   \
            int64_t end = NTK_MIN(begin + 1024, count);                           \
            T sum[LANES] = {0}, all = 0;                                          \
            int64_t i = begin;                                                    \
            for (; i + LANES <= end; i += LANES)                                  \
                for (int l = 0; l < LANES; ++l) sum[l] += v[i + l] - v[i + l];    \
            for (; i < end; ++i) all += v[i] - v[i];                              \
            for (int l = 0; l < LANES; ++l) all += sum[l];                        \
            if (all == 0) continue;                                               \
            while (isfinite(v[begin])) ++begin;                                   \
            return begin;                                                         \
        }                                                                         \
        return -1;                                                                \
    }
FIND_NOT_FINITE(double)
FIND_NOT_FINITE(float)

int64_t ntk_find_not_finite(ntk_dtype dtype, const void *values, int64_t count)
{
    if (dtype == NTK_F64) return find_not_finite_double(values, count);
    if (dtype == NTK_F32) return find_not_finite_float(values, count);
    return -1;
}

static const char *index_text(char text[NTK_SHAPE_TEXT], const ntk_array *a, int64_t flat)
{
    int64_t index[NTK_MAX_NDIM];
    for (int i = a->ndim - 1; i >= 0; --i) {
        index[i] = flat % a->shape[i];
        flat /= a->shape[i];
    }
    return ntk_shape_text(text, a->ndim, index);
}

ntk_status ntk_check_finite(ntk_context *ctx, const char *name, const ntk_array *a)
{
    char text[NTK_SHAPE_TEXT];
    const void *dense;
    void *copy = NULL;
    int64_t at;
    ntk_status status = ntk_borrow(ctx, a, &dense, &copy);
    if (status != NTK_OK) return status;
    at = ntk_find_not_finite(a->dtype, dense, ntk_array_size(a));
    ntk_free(copy);
    if (at < 0) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_NOT_FINITE, "%s%s is not a finite number", name, index_text(text, a, at));
}
