/* From the numbers of a file to a dense row-major array of the type that a command works in. */
#include "files.h"
#include "tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool shape_product(int ndim, const int64_t *shape, int64_t *product)
{
    int64_t nonzero = 1;
    *product = 1;
    for (int i = 0; i < ndim; ++i) {
        if (shape[i] < 0 || __builtin_mul_overflow(nonzero, shape[i] ? shape[i] : 1, &nonzero) || nonzero > INT64_MAX / 2) return false;
        *product *= shape[i];
    }
    return true;
}

shape_text shape_string(int ndim, const int64_t *shape)
{
    shape_text s = {"["};
    for (int i = 0, used = 1; i < ndim; ++i)
        used += snprintf(s.text + used, sizeof s.text - (size_t)used - 1, i ? ", %lld" : "%lld", (long long)shape[i]);
    strcat(s.text, "]");
    return s;
}

int raw_allocate(const source *s, raw *r, uint64_t *bytes)
{
    int64_t count;
    if (!shape_product(r->ndim, r->shape, &count) || (uint64_t)count > s->most / r->element->size)
        return tool_fail(EXIT_INPUT, "%s: its header promises shape %s, more than the file can hold", s->path,
                         shape_string(r->ndim, r->shape).text);
    *bytes = (uint64_t)count * r->element->size;
    r->block = malloc(*bytes ? *bytes : 1);
    if (r->block) return 0;
    return tool_fail(EXIT_FAILED, "%s: out of memory for %llu bytes", s->path, (unsigned long long)*bytes);
}

int array_new(ntk_dtype dtype, int ndim, const int64_t *shape, array *a)
{
    int64_t count;
    *a = (array){0};
    if (!shape_product(ndim, shape, &count) || (uint64_t)count > SIZE_MAX / 8)
        return tool_fail(EXIT_FAILED, "shape %s is too large", shape_string(ndim, shape).text);
    a->block = calloc(count ? (size_t)count : 1, ntk_dtype_size(dtype));
    if (!a->block) return tool_fail(EXIT_FAILED, "out of memory: an array of shape %s takes %.3g GB", shape_string(ndim, shape).text,
                                       (double)count * (double)ntk_dtype_size(dtype) / 1e9);
    a->view = ntk_array_dense(a->block, dtype, ndim, shape);
    return 0;
}

void array_free(array *a)
{
    free(a->block);
    *a = (array){0};
}

/* Where the next element in row-major order lies, in elements of the file: an odometer. */
typedef struct walk {
    int64_t offset, digits[NTK_MAX_NDIM], steps[NTK_MAX_NDIM];
} walk;

static walk walk_start(const raw *r)
{
    walk w = {0};
    int64_t step = 1;
    for (int i = 0; i < r->ndim; ++i) {
        int axis = r->fortran ? i : r->ndim - 1 - i;
        w.steps[axis] = step;
        step *= r->shape[axis];
    }
    return w;
}

static void walk_on(walk *w, const raw *r)
{
    for (int i = r->ndim - 1; i >= 0; --i) {
        w->offset += w->steps[i];
        if (++w->digits[i] < r->shape[i]) return;
        w->offset -= w->steps[i] * r->shape[i];
        w->digits[i] = 0;
    }
}

static void convert(const raw *r, int64_t count, ntk_array *out)
{
    walk w = walk_start(r);
    for (int64_t i = 0; i < count; ++i, walk_on(&w, r)) {
        double value = r->element->get(r->block + (size_t)w.offset * r->element->size);
        if (out->dtype == NTK_F64) ((double *)out->data)[i] = value;
        else ((float *)out->data)[i] = (float)value;
    }
}

static bool is_ready(const raw *r, ntk_dtype dtype)
{
    bool same = strcmp(r->element->code, dtype == NTK_F64 ? "f8" : "f4") == 0;
    return same && (!r->fortran || r->ndim < 2);
}

static int to_array(raw *r, ntk_dtype dtype, array *a)
{
    int64_t count = 0;
    int failed;
    if (is_ready(r, dtype)) {
        a->view = ntk_array_dense(r->block, dtype, r->ndim, r->shape);
        a->block = r->block;
        r->block = NULL;
        return 0;
    }
    TRY(array_new(dtype, r->ndim, r->shape, a));
    shape_product(r->ndim, r->shape, &count);
    convert(r, count, &a->view);
done:
    return failed;
}

double array_get(const ntk_array *a, int64_t i)
{
    return a->dtype == NTK_F64 ? ((const double *)a->data)[i] : (double)((const float *)a->data)[i];
}

void array_set(const ntk_array *a, int64_t i, double value)
{
    if (a->dtype == NTK_F64) ((double *)a->data)[i] = value;
    else ((float *)a->data)[i] = (float)value;
}

static int check_values(const array *a, finiteness allowed)
{
    int64_t count = 0;
    shape_product(a->view.ndim, a->view.shape, &count);
    for (int64_t i = 0; i < count; ++i) {
        double value = array_get(&a->view, i);
        if (isnan(value) || (isinf(value) && allowed == FINITE_ONLY))
            return tool_fail(EXIT_INPUT, "%s: value %lld of shape %s is not a finite %s", a->path, (long long)i,
                             shape_string(a->view.ndim, a->view.shape).text, ntk_dtype_name(a->view.dtype));
    }
    return 0;
}

static int (*reader_of(const source *s))(source *s, raw *r)
{
    if (s->head_size >= 6 && memcmp(s->head, "\x93NUMPY", 6) == 0) return npy_read;
    if (s->head_size >= 4 && s->head[0] == 0 && s->head[1] == 0) return idx_read;
    return csv_read;
}

int array_read(const char *path, ntk_dtype dtype, finiteness allowed, array *a)
{
    source s;
    raw r = {0};
    int failed;
    *a = (array){0};
    TRY(source_open(&s, path));
    failed = reader_of(&s)(&s, &r);
    source_close(&s);
    if (failed) goto done;
    TRY(to_array(&r, dtype, a));
    a->path = path;
    a->integer = r.integer;
    TRY(check_values(a, allowed));
done:
    free(r.block);
    if (failed) array_free(a);
    return failed;
}
