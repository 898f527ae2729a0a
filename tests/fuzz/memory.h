/* An allocator that counts, and refuses what is out of proportion to an input of a few kilobytes. */
#ifndef NTK_TEST_FUZZ_MEMORY_H
#define NTK_TEST_FUZZ_MEMORY_H

#include "fuzz.h"
#include "ntk.h"

#include <stdatomic.h>

#define FUZZ_MOST_BYTES ((long long)256 << 20)

typedef struct fuzz_memory {
    atomic_llong blocks, bytes;
} fuzz_memory;

static inline void *fuzz_allocate(void *user, void *block, size_t old_size, size_t new_size)
{
    fuzz_memory *m = user;
    void *grown;
    if (new_size == 0) {
        atomic_fetch_sub(&m->blocks, block != NULL);
        atomic_fetch_sub(&m->bytes, (long long)old_size);
        free(block);
        return NULL;
    }
    if (new_size > (size_t)FUZZ_MOST_BYTES || atomic_load(&m->bytes) + (long long)new_size > FUZZ_MOST_BYTES) return NULL;
    grown = realloc(block, new_size);
    if (!grown) return NULL;
    atomic_fetch_add(&m->blocks, block == NULL);
    atomic_fetch_add(&m->bytes, (long long)new_size - (long long)old_size);
    return grown;
}

static inline ntk_context *fuzz_context(fuzz_memory *m)
{
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .allocate = fuzz_allocate, .allocate_user = m, .threads = 1};
    ntk_context *ctx = NULL;
    atomic_init(&m->blocks, 0);
    atomic_init(&m->bytes, 0);
    FUZZ_PROMISE(ntk_context_create(&options, &ctx) == NTK_OK);
    return ctx;
}

/** Gives the context back; nothing may be left. */
static inline void fuzz_finish(fuzz_memory *m, ntk_context *ctx)
{
    ntk_context_destroy(ctx);
    FUZZ_PROMISE(atomic_load(&m->blocks) == 0);
}

/** A failure is one of those documented, and has a sentence. */
static inline void fuzz_check(const ntk_context *ctx, ntk_status status)
{
    FUZZ_PROMISE(ntk_status_name(status) != NULL && status != NTK_ERROR_INTERNAL);
    FUZZ_PROMISE(status == NTK_OK || (ntk_context_error(ctx) == status && ntk_context_error_message(ctx)[0] != '\0'));
}

#endif
