/*
 * IDX, the format of MNIST: two zero bytes, the type, the number of axes, the extents as big-endian 32-bit numbers, the
 * values.  Unsigned bytes (images and labels) are read.  http://yann.lecun.com/exdb/mnist
 */
#include "files.h"
#include "tool.h"

#include <string.h>

#define IDX_UNSIGNED_BYTE 0x08

int idx_read(source *s, raw *r)
{
    unsigned char start[4], extent[4];
    uint64_t bytes;
    int failed;
    TRY(source_read(s, start, sizeof start));
    if (start[2] != IDX_UNSIGNED_BYTE)
        return tool_fail(EXIT_INPUT, "%s: is IDX of type 0x%02x; unsigned bytes (0x08) are read", s->path, start[2]);
    if (start[3] < 1 || start[3] > NTK_MAX_NDIM)
        return tool_fail(EXIT_INPUT, "%s: is IDX with %d axes; 1 to %d are read", s->path, start[3], NTK_MAX_NDIM);
    r->element = element_find("u1", 2);
    r->integer = true;
    r->ndim = start[3];
    for (int i = 0; i < r->ndim; ++i) {
        TRY(source_read(s, extent, sizeof extent));
        r->shape[i] = (int64_t)extent[0] << 24 | extent[1] << 16 | extent[2] << 8 | extent[3];
    }
    TRY(raw_allocate(s, r, &bytes));
    TRY(source_read(s, r->block, bytes));
    TRY(source_end(s));
done:
    return failed;
}
