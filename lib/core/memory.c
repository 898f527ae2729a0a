/*
 * Memory and reference counts.
 *
 * A block is [header | padding | user memory aligned to 64].  The header remembers the allocator and the size, so a
 * handle can be freed from any thread, after the context that made it is gone.
 */
#include "core.h"

#include <stdio.h>
#include <string.h>

#define ALIGNMENT 64

typedef struct header {
    ntk_allocate_fn allocate;
    void *user;
    void *base;
    size_t size;
} header;

_Static_assert(sizeof(header) <= ALIGNMENT, "the header fits in front of an aligned block");

ntk_status ntk_allocate_raw(ntk_context *ctx, int64_t count, size_t size, void **block)
{
    size_t bytes, total;
    char *base, *user;
    header *h;
    *block = NULL;
    if (count < 0 || __builtin_mul_overflow((size_t)count, size, &bytes) ||
        __builtin_add_overflow(bytes, (size_t)(2 * ALIGNMENT), &total) || total > PTRDIFF_MAX)
        return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "%lld objects of %zu bytes exceed the address space", (long long)count, size);
    base = ctx->options.allocate(ctx->options.allocate_user, NULL, 0, total);
    if (!base) return ntk_fail(ctx, NTK_ERROR_MEMORY, "out of memory: %zu bytes were refused", total);
    user = base + ALIGNMENT + (ALIGNMENT - (uintptr_t)base % ALIGNMENT) % ALIGNMENT;
    h = (header *)(void *)(user - ALIGNMENT);
    *h = (header){ctx->options.allocate, ctx->options.allocate_user, base, total};
    *block = user;
    return NTK_OK;
}

ntk_status ntk_allocate(ntk_context *ctx, int64_t count, size_t size, void **block)
{
    ntk_status status = ntk_allocate_raw(ctx, count, size, block);
    if (status == NTK_OK) memset(*block, 0, (size_t)count * size);
    return status;
}

void ntk_free(void *block)
{
    header h;
    if (!block) return;
    h = *(header *)(void *)((char *)block - ALIGNMENT);
    h.allocate(h.user, h.base, h.size, 0);
}

ntk_status ntk_copy_string(ntk_context *ctx, const char *text, char **copy)
{
    size_t bytes = strlen(text) + 1;
    ntk_status status = ntk_allocate_raw(ctx, (int64_t)bytes, 1, (void **)copy);
    if (status == NTK_OK) memcpy(*copy, text, bytes);
    return status;
}

ntk_status ntk_size_product(ntk_context *ctx, const char *what, int64_t a, int64_t b, int64_t *product)
{
    if (a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, product)) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "%s: %lld x %lld exceeds 64 bits", what, (long long)a, (long long)b);
}

ntk_status ntk_memory_require(ntk_context *ctx, const char *what, double bytes)
{
    uint64_t limit = ctx->options.memory_limit;
    if (limit == 0 || bytes <= (double)limit) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_MEMORY_LIMIT, "%s needs %.4g MiB; the memory limit of the context is %.4g MiB", what,
                    bytes / 1048576, (double)limit / 1048576);
}

ntk_status ntk_object_new(ntk_context *ctx, size_t size, void **handle)
{
    ntk_status status = ntk_allocate(ctx, 1, size, handle);
    if (status == NTK_OK) atomic_init(&((ntk_object *)*handle)->references, 1);
    return status;
}

void *ntk_retain(const void *handle)
{
    ntk_object *object = (void *)(uintptr_t)handle;
    if (object) atomic_fetch_add_explicit(&object->references, 1, memory_order_relaxed);
    return object;
}

bool ntk_object_release(void *handle)
{
    ntk_object *object = handle;
    return object && atomic_fetch_sub_explicit(&object->references, 1, memory_order_acq_rel) == 1;
}
