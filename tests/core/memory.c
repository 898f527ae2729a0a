/* Blocks: zeroed, aligned, counted without overflow, given back to the allocator they came from.  Handles: counted owners. */
#include "kit.h"

#include "core.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void blocks_are_zeroed_and_aligned(void **state)
{
    ntk_context *ctx = *state;
    static const unsigned char zeros[4096];
    for (int64_t count = 0; count <= 300; count += 7) {
        void *dirty, *block;
        kit_ok(ctx, ntk_allocate_raw(ctx, count, 8, &dirty));
        memset(dirty, 0xff, (size_t)count * 8);
        ntk_free(dirty);
        kit_ok(ctx, ntk_allocate(ctx, count, 8, &block));
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 64, 0);
        assert_memory_equal(block, zeros, (size_t)count * 8);
        ntk_free(block);
    }
    ntk_free(NULL);
}

/* An allocator that is only as aligned as it must be, at each offset in turn. */
static void *crooked_allocate(void *user, void *block, size_t old_size, size_t new_size)
{
    size_t *shift = user;
    char *base = NULL;
    (void)old_size;
    if (new_size == 0) {
        if (block) free((char *)block - ((char **)block)[-1][0]);
        return NULL;
    }
    assert_null(block);
    *shift = *shift % 64 + 16;
    base = aligned_alloc(64, (new_size + 2 * 64 + 63) / 64 * 64);
    if (!base) return NULL;
    base[0] = (char)*shift; /* how far to go back */
    ((char **)(void *)(base + *shift))[-1] = base;
    return base + *shift;
}

static void any_allocator_gives_aligned_blocks(void **state)
{
    size_t shift = 0;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .allocate = crooked_allocate, .allocate_user = &shift};
    ntk_context *ctx = NULL;
    (void)state;
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
    for (int64_t i = 0; i < 8; ++i) {
        char *block = NULL;
        kit_ok(ctx, ntk_allocate(ctx, 1 + i, 1, (void **)&block));
        assert_int_equal((uintptr_t)block % 64, 0);
        block[i] = 1; /* the last byte is ours */
        ntk_free(block);
    }
    ntk_context_destroy(ctx);
}

static void counts_out_of_range(void **state)
{
    ntk_context *ctx = *state;
    void *block = ctx;
    kit_fails(ctx, ntk_allocate(ctx, -1, 8, &block), NTK_ERROR_OVERFLOW, "-1 objects of 8 bytes");
    assert_null(block);
    kit_fails(ctx, ntk_allocate(ctx, INT64_MAX, 8, &block), NTK_ERROR_OVERFLOW, "exceed the address space");
    kit_fails(ctx, ntk_allocate(ctx, INT64_MAX, 1, &block), NTK_ERROR_OVERFLOW, "exceed the address space");
    kit_fails(ctx, ntk_allocate(ctx, INT64_MAX / 8, 8, &block), NTK_ERROR_OVERFLOW, "exceed the address space");
    kit_fails(ctx, ntk_allocate(ctx, 1, SIZE_MAX, &block), NTK_ERROR_OVERFLOW, "exceed the address space");
}

static void *refuse(void *user, void *block, size_t old_size, size_t new_size)
{
    (void)user;
    (void)block;
    (void)old_size;
    (void)new_size;
    return NULL;
}

static void refusals_are_errors(void **state)
{
    ntk_context broke = *(ntk_context *)*state;
    void *block = &broke;
    char *copy = NULL;
    broke.options.allocate = refuse;
    kit_fails(&broke, ntk_allocate(&broke, 10, 8, &block), NTK_ERROR_MEMORY, "out of memory");
    assert_null(block);
    kit_fails(&broke, ntk_copy_string(&broke, "text", &copy), NTK_ERROR_MEMORY, "out of memory");
    assert_null(copy);
}

static void strings_are_copied(void **state)
{
    const char *const texts[] = {"", "a", "dense"};
    for (int i = 0; i < 3; ++i) {
        char *copy = NULL;
        kit_ok(*state, ntk_copy_string(*state, texts[i], &copy));
        assert_string_equal(copy, texts[i]);
        assert_ptr_not_equal(copy, texts[i]);
        ntk_free(copy);
    }
}

static void products_are_checked(void **state)
{
    ntk_context *ctx = *state;
    int64_t p = 0;
    kit_ok(ctx, ntk_size_product(ctx, "K", INT64_C(3037000499), INT64_C(3037000499), &p));
    assert_true(p == INT64_C(9223372030926249001));
    kit_ok(ctx, ntk_size_product(ctx, "K", 0, INT64_MAX, &p));
    assert_true(p == 0);
    kit_fails(ctx, ntk_size_product(ctx, "K", INT64_C(3037000500), INT64_C(3037000500), &p), NTK_ERROR_OVERFLOW,
              "K: 3037000500 x 3037000500");
    kit_fails(ctx, ntk_size_product(ctx, "K", -1, 2, &p), NTK_ERROR_OVERFLOW, "K: -1 x 2");
    kit_fails(ctx, ntk_size_product(ctx, "K", 2, -1, &p), NTK_ERROR_OVERFLOW, "K: 2 x -1");
}

static void the_limit_holds(void **state)
{
    ntk_context limited = *(ntk_context *)*state;
    kit_ok(&limited, ntk_memory_require(&limited, "the gram", 1e300)); /* no limit */
    limited.options.memory_limit = 1 << 20;
    kit_ok(&limited, ntk_memory_require(&limited, "the gram", 1 << 20));
    kit_fails(&limited, ntk_memory_require(&limited, "the gram", 3 << 20), NTK_ERROR_MEMORY_LIMIT,
              "the gram needs 3 MiB; the memory limit of the context is 1 MiB");
}

/* ---- handles --------------------------------------------------------------------------------------------------- */

typedef struct thing {
    ntk_object object;
    int value;
} thing;

static void handles_count_their_owners(void **state)
{
    thing *t = NULL;
    kit_ok(*state, NTK_NEW_HANDLE(*state, &t));
    assert_int_equal(t->value, 0);
    assert_ptr_equal(ntk_retain(t), t);
    assert_false(ntk_object_release(t));
    assert_true(ntk_object_release(t));
    ntk_free(t);
    assert_null(ntk_retain((thing *)NULL));
    assert_false(ntk_object_release(NULL));
}

static void *retain_and_release(void *handle)
{
    for (int i = 0; i < 20000; ++i) {
        ntk_retain((thing *)handle);
        if (ntk_object_release(handle)) return handle; /* never the last owner */
    }
    return NULL;
}

static void owners_in_several_threads(void **state)
{
    pthread_t threads[4];
    thing *t = NULL;
    kit_ok(*state, NTK_NEW_HANDLE(*state, &t));
    for (int i = 0; i < 4; ++i) assert_int_equal(pthread_create(&threads[i], NULL, retain_and_release, t), 0);
    for (int i = 0; i < 4; ++i) {
        void *wrong = t;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    assert_true(ntk_object_release(t));
    ntk_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(blocks_are_zeroed_and_aligned), cmocka_unit_test(any_allocator_gives_aligned_blocks),
        kit_test(counts_out_of_range),           kit_test(refusals_are_errors),
        kit_test(strings_are_copied),            kit_test(products_are_checked),
        kit_test(the_limit_holds),               kit_test(handles_count_their_owners),
        kit_test(owners_in_several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
