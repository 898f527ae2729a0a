/* The context: options and their sizes, the allocator, the last error, log and progress. */
#include "kit.h"

#include "core.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static int affinity = 1; /* 1: as it is; 0: of no processor; -1: not known */

/* Stands in front of the C library's. */
int sched_getaffinity(pid_t process, size_t size, cpu_set_t *set)
{
    int (*real)(pid_t, size_t, cpu_set_t *);
    *(void **)&real = dlsym(RTLD_NEXT, "sched_getaffinity");
    if (affinity < 0) errno = EPERM;
    if (affinity == 0) memset(set, 0, size);
    return affinity > 0 ? real(process, size, set) : affinity;
}

/* Where the processors cannot be counted there is one. */
static void processors_not_known(void **state)
{
    (void)state;
    for (affinity = -1; affinity < 1; ++affinity) {
        ntk_context *ctx = NULL;
        assert_int_equal(ntk_context_create(NULL, &ctx), NTK_OK);
        assert_int_equal(ntk_context_threads(ctx), 1);
        ntk_context_destroy(ctx);
    }
}

static void defaults(void **state)
{
    ntk_context_options zeros = {NTK_CONTEXT_OPTIONS_INIT, .reserved = 0};
    const ntk_context_options *both[] = {NULL, &zeros};
    (void)state;
    for (int i = 0; i < 2; ++i) {
        ntk_context *ctx = NULL;
        assert_int_equal(ntk_context_create(both[i], &ctx), NTK_OK);
        assert_non_null(ctx);
        assert_true(ntk_context_threads(ctx) >= 1);
        assert_int_equal(ntk_context_error(ctx), NTK_OK);
        assert_string_equal(ntk_context_error_message(ctx), "");
        ntk_context_destroy(ctx);
    }
    ntk_context_destroy(NULL);
    assert_int_equal(ntk_context_create(NULL, NULL), NTK_ERROR_NULL);
}

static void null_contexts_answer(void **state)
{
    (void)state;
    assert_int_equal(ntk_context_error(NULL), NTK_ERROR_NULL);
    assert_non_null(ntk_context_error_message(NULL));
    assert_int_equal(ntk_context_threads(NULL), 0);
    assert_null(ntk_context_cpu(NULL));
}

static void expect_refusal(const void *options, ntk_status wanted)
{
    ntk_context *ctx = (ntk_context *)(uintptr_t)1;
    assert_int_equal(ntk_context_create(options, &ctx), wanted);
    assert_null(ctx);
}

static void numbers_out_of_range(void **state)
{
    ntk_context_options negative = {NTK_CONTEXT_OPTIONS_INIT, .threads = -1}, reserved = {NTK_CONTEXT_OPTIONS_INIT, .reserved = 1};
    (void)state;
    expect_refusal(&negative, NTK_ERROR_ARGUMENT);
    expect_refusal(&reserved, NTK_ERROR_ARGUMENT);
}

typedef struct options_of_tomorrow {
    ntk_context_options today;
    double more[3];
} options_of_tomorrow;

static void sizes_of_the_options(void **state)
{
    options_of_tomorrow o = {{sizeof o, .threads = 3}, {0, 0, 0}};
    ntk_context *ctx = NULL;
    (void)state;
    assert_int_equal(ntk_context_create(&o.today, &ctx), NTK_OK); /* a newer caller who sets nothing new */
    assert_int_equal(ntk_context_threads(ctx), 3);
    ntk_context_destroy(ctx);
    o.more[2] = 1;
    expect_refusal(&o, NTK_ERROR_OPTIONS);
    o.today.struct_size = offsetof(ntk_context_options, threads); /* an older caller: threads is not read */
    o.today.threads = -1;
    assert_int_equal(ntk_context_create(&o.today, &ctx), NTK_OK);
    assert_true(ntk_context_threads(ctx) >= 1);
    ntk_context_destroy(ctx);
    for (size_t size = 0; size < sizeof(size_t); ++size) {
        o.today.struct_size = size;
        expect_refusal(&o, NTK_ERROR_OPTIONS);
    }
}

/* ---- allocator ------------------------------------------------------------------------------------------------- */

typedef struct ledger {
    int64_t bytes, blocks;
    bool refuse;
} ledger;

static void *ledger_allocate(void *user, void *block, size_t old_size, size_t new_size)
{
    ledger *l = user;
    if (new_size > 0 && l->refuse) return NULL;
    l->bytes += (int64_t)new_size - (int64_t)old_size;
    l->blocks += new_size > 0 ? block == NULL : -(block != NULL);
    if (new_size > 0) return realloc(block, new_size);
    free(block);
    return NULL;
}

static void the_allocator_is_the_callers(void **state)
{
    ledger l = {0};
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .allocate = ledger_allocate, .allocate_user = &l};
    ntk_context *ctx = NULL;
    void *block;
    (void)state;
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
    assert_int_equal(l.blocks, 1);
    assert_true(l.bytes >= (int64_t)sizeof(ntk_context));
    assert_int_equal(ntk_allocate(ctx, 100, 8, &block), NTK_OK);
    assert_int_equal(l.blocks, 2);
    ntk_context_destroy(ctx);
    ntk_free(block); /* blocks outlive their context */
    assert_int_equal(l.blocks, 0);
    assert_int_equal(l.bytes, 0); /* the sizes given back are those taken */
    l.refuse = true;
    expect_refusal(&options, NTK_ERROR_MEMORY);
}

/* ---- messages -------------------------------------------------------------------------------------------------- */

static void the_last_error_stays(void **state)
{
    ntk_context *ctx = *state;
    char long_name[1000];
    assert_int_equal(ntk_fail(ctx, NTK_ERROR_SHAPE, "%s has %d columns", "x2", 31), NTK_ERROR_SHAPE);
    assert_int_equal(ntk_context_error(ctx), NTK_ERROR_SHAPE);
    assert_string_equal(ntk_context_error_message(ctx), "x2 has 31 columns");
    memset(long_name, 'a', sizeof long_name);
    long_name[sizeof long_name - 1] = 0;
    ntk_fail(ctx, NTK_ERROR_ARGUMENT, "%s", long_name);
    assert_int_equal(ntk_context_error(ctx), NTK_ERROR_ARGUMENT);
    assert_int_equal(strlen(ntk_context_error_message(ctx)), sizeof ctx->message - 1);
}

static void keep_sentence(void *user, const char *sentence)
{
    strcpy(user, sentence);
}

static void the_log_gets_sentences(void **state)
{
    char heard[512] = "";
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .log = keep_sentence, .log_user = heard};
    ntk_context *ctx = NULL;
    ntk_log(*state, "nobody listens to %d", 1);
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
    ntk_log(ctx, "the BLAS runs %s kernels", "generic");
    assert_string_equal(heard, "the BLAS runs generic kernels");
    ntk_context_destroy(ctx);
}

static int stop_after_half(void *user, double done)
{
    *(double *)user = done;
    return done > 0.8 ? 7 : done > 0.5 ? -1 : 0;
}

static void progress_can_cancel(void **state)
{
    double heard = -1;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .progress = stop_after_half, .progress_user = &heard};
    ntk_context *ctx = NULL;
    kit_ok(*state, ntk_progress(*state, 0.9)); /* no callback */
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
    kit_ok(ctx, ntk_progress(ctx, 0.25));
    kit_near(heard, 0.25, 0);
    kit_fails(ctx, ntk_progress(ctx, 0.75), NTK_ERROR_CANCELLED, "cancelled by the progress callback at 75 %");
    kit_near(heard, 0.75, 0);
    kit_fails(ctx, ntk_progress(ctx, 1), NTK_ERROR_CANCELLED, "at 100 %");
    ntk_context_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(processors_not_known),
        cmocka_unit_test(null_contexts_answer),
        cmocka_unit_test(numbers_out_of_range),
        cmocka_unit_test(sizes_of_the_options),
        cmocka_unit_test(the_allocator_is_the_callers),
        kit_test(the_last_error_stays),
        kit_test(the_log_gets_sentences),
        kit_test(progress_can_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
