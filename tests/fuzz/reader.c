/* The readers of the command line, fed from a file in memory. */
#include "reader.h"

#include "tool.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The sentences are made and dropped: tool.c, which prints them, is not part of this. */
int tool_fail(int code, const char *format, ...)
{
    char sentence[2048];
    va_list values;
    va_start(values, format);
    vsnprintf(sentence, sizeof sentence, format, values);
    va_end(values);
    FUZZ_PROMISE(sentence[0] != '\0' && code != 0);
    return code;
}

static int file_of(const void *data, size_t size, char path[64])
{
    int descriptor = memfd_create("fuzz", 0);
    FUZZ_PROMISE(descriptor >= 0 && write(descriptor, data, size) == (ssize_t)size);
    snprintf(path, 64, "/proc/self/fd/%d", descriptor);
    return descriptor;
}

static int64_t size_of(const array *a)
{
    int64_t size = 0;
    FUZZ_PROMISE(shape_product(a->view.ndim, a->view.shape, &size));
    return size;
}

static int read_bytes(const void *data, size_t size, ntk_dtype dtype, array *a)
{
    char path[64];
    int descriptor = file_of(data, size, path), failed = array_read(path, dtype, FINITE_ONLY, a);
    close(descriptor);
    FUZZ_PROMISE((failed == 0) == (a->block != NULL));
    FUZZ_PROMISE(failed || (a->view.ndim >= 0 && a->view.ndim <= NTK_MAX_NDIM && a->view.dtype == dtype));
    return failed;
}

static void check_finite(const array *a)
{
    const double *values = a->view.data;
    for (int64_t i = 0, size = size_of(a); i < size; ++i) FUZZ_PROMISE(isfinite(values[i]));
}

static size_t compress_bytes(const void *data, size_t size, unsigned char **out)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size};
    size_t most = size + size / 8 + 128;
    *out = malloc(most);
    FUZZ_PROMISE(*out && deflateInit2(&z, 1, Z_DEFLATED, 9 + 16, 1, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_out = *out;
    z.avail_out = (uInt)most;
    FUZZ_PROMISE(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    return most - z.avail_out;
}

static bool same(const array *a, const array *b)
{
    return a->view.ndim == b->view.ndim && memcmp(a->view.shape, b->view.shape, sizeof a->view.shape) == 0 && a->integer == b->integer &&
           memcmp(a->block, b->block, (size_t)size_of(a) * ntk_dtype_size(a->view.dtype)) == 0;
}

static void check_compressed(const uint8_t *data, size_t size, const array *plain)
{
    array a;
    unsigned char *bytes;
    size_t count = compress_bytes(data, size, &bytes);
    int failed = read_bytes(bytes, count, NTK_F64, &a);
    FUZZ_PROMISE((failed == 0) == (plain->block != NULL));
    FUZZ_PROMISE(failed || same(plain, &a));
    array_free(&a);
    free(bytes);
}

void fuzz_read(const uint8_t *data, size_t size)
{
    array a, single;
    bool compressed = size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
    if (read_bytes(data, size, NTK_F64, &a) == 0) check_finite(&a);
    if (!compressed) check_compressed(data, size, &a);
    if (read_bytes(data, size, NTK_F32, &single) == 0) FUZZ_PROMISE(a.block && size_of(&single) == size_of(&a));
    array_free(&single);
    array_free(&a);
}
