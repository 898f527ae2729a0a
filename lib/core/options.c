/*
 * Options structs: struct_size first; shorter is an older caller, longer a newer one whose extra bytes must be zero.  Every
 * sizeof is a multiple of that of its first field, so a size that is not cannot be one (and might cut a pointer in two).
 */
#include "core.h"

#include <string.h>

static size_t first_nonzero(const unsigned char *bytes, size_t begin, size_t end)
{
    while (begin < end && bytes[begin] == 0) ++begin;
    return begin;
}

ntk_status ntk_options_read(ntk_context *ctx, const char *name, const void *given, void *known, size_t size)
{
    size_t struct_size, at;
    memset(known, 0, size);
    if (!given) return NTK_OK;
    memcpy(&struct_size, given, sizeof struct_size);
    if (struct_size < sizeof struct_size || struct_size > 1u << 16 || struct_size % sizeof struct_size != 0)
        return ntk_fail(ctx, NTK_ERROR_OPTIONS, "%s: struct_size is %zu; start the struct with its _INIT macro", name, struct_size);
    at = struct_size > size ? first_nonzero(given, size, struct_size) : struct_size;
    if (at < struct_size)
        return ntk_fail(ctx, NTK_ERROR_OPTIONS, "%s: byte %zu of %zu is set, but this version knows only %zu bytes", name, at,
                        struct_size, size);
    memcpy(known, given, NTK_MIN(size, struct_size));
    return NTK_OK;
}
