/* Every allocation fails in turn: the right status, no handle, no block left, the builder as it was. */
#include "kit.h"
#include "network.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local int64_t blocks, remaining; /* allocations left before one fails; negative: none fails */

static bool refused(void)
{
    return remaining >= 0 && remaining-- == 0;
}

static void *allocate(void *user, void *block, size_t old_size, size_t new_size)
{
    (void)user;
    (void)old_size;
    if (new_size == 0) {
        blocks -= block != NULL;
        free(block);
        return NULL;
    }
    if (refused()) return NULL;
    blocks += block == NULL;
    return realloc(block, new_size);
}

static int setup(void **state)
{
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .allocate = allocate, .threads = 1};
    remaining = -1;
    return ntk_context_create(&options, (ntk_context **)state) == NTK_OK ? 0 : -1;
}

static int teardown(void **state)
{
    ntk_context_destroy(*state);
    return blocks == 0 ? 0 : -1;
}

static const char json[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": ["
    "{\"op\": \"dense\", \"units\": 4}, {\"op\": \"repeat\", \"times\": 2, \"layers\": [{\"op\": \"branch\", \"merge\": \"sum\","
    "\"branches\": [[], [{\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 4}], [{\"op\": \"abs\"}]]}]}, {\"op\": \"erf\"}, {\"op\": \"layer_norm\", \"axes\": [-1]},"
    "{\"op\": \"branch\", \"merge\": \"concat\", \"branches\": [[], []]}, {\"op\": \"polynomial\", \"coef\": [1, 0.5]}, {\"op\": \"dense\", \"units\": 1}]}";

/* Ops with positions. */
static const char sites[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [8, 3], \"layers\": ["
    "{\"op\": \"aggregate\"}, {\"op\": \"conv\", \"units\": 2, \"kernel\": 2}, {\"op\": \"relu\"}, {\"op\": \"avg_pool\", \"window\": 2, \"strides\": 1},"
    "{\"op\": \"dropout\", \"keep\": 0.5}, {\"op\": \"resize\", \"shape\": [5], \"method\": \"linear\"}, {\"op\": \"slice\", \"start\": [1], \"stop\": [-1], \"step\": [1]},"
    "{\"op\": \"attention\", \"heads\": 1, \"dim_key\": 2, \"dim_value\": 2, \"units\": 2},"
    "{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[{\"op\": \"global_avg_pool\"}], [{\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 2}]]}]}";

typedef ntk_status (*task)(ntk_context *ctx);

/* Runs the task with the first, second, ... allocation refused until it needs no more.  Returns how many it needed. */
static int64_t sweep(ntk_context *ctx, task run)
{
    int64_t before = blocks, n = 0;
    for (;; ++n) {
        ntk_status status;
        remaining = n;
        status = run(ctx);
        assert_int_equal(blocks, before);
        if (status == NTK_OK) break;
        assert_int_equal(status, NTK_ERROR_MEMORY);
        assert_int_equal(ntk_context_error(ctx), NTK_ERROR_MEMORY);
    }
    remaining = -1;
    return n;
}

static ntk_status parse_text(ntk_context *ctx, const char *text)
{
    ntk_network *net = (void *)1;
    ntk_status status = ntk_network_parse(ctx, text, &net);
    assert_true((net != NULL) == (status == NTK_OK));
    ntk_network_destroy(net);
    return status;
}

static ntk_status parse(ntk_context *ctx)
{
    return parse_text(ctx, json);
}

static ntk_status parse_sites(ntk_context *ctx)
{
    return parse_text(ctx, sites);
}

static ntk_status build(ntk_context *ctx)
{
    int64_t shape = 3;
    double coefficients[] = {1, 0.5};
    ntk_attribute units[] = {NTK_NUMBER("units", 3), NTK_END}, sum[] = {NTK_TEXT("merge", "sum"), NTK_END};
    ntk_attribute coef[] = {NTK_LIST("coef", coefficients, 2), NTK_END};
    ntk_builder *b = (void *)1;
    ntk_network *net = NULL;
    ntk_status status;
    NTK_TRY(ntk_builder_create(ctx, 1, &shape, "ntk", &b));
    NTK_TRY(ntk_builder_add(ctx, b, "relu", NULL));
    NTK_TRY(ntk_builder_begin(ctx, b, "branch", sum));
    NTK_TRY(ntk_builder_next(ctx, b));
    NTK_TRY(ntk_builder_add(ctx, b, "dense", units));
    NTK_TRY(ntk_builder_next(ctx, b));
    NTK_TRY(ntk_builder_end(ctx, b));
    NTK_TRY(ntk_builder_add(ctx, b, "polynomial", coef));
    NTK_TRY(ntk_builder_add(ctx, b, "dense", units));
    NTK_TRY(ntk_builder_finish(ctx, b, &net));
done:
    assert_true((net != NULL) == (status == NTK_OK));
    ntk_network_destroy(net);
    ntk_builder_destroy(b);
    return status;
}

/* Masks of two sizes, of every type, and a graph that does not lie dense. */
static ntk_status structures(ntk_context *ctx)
{
    static const char *const text = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3, 2], \"layers\": [{\"op\": \"aggregate\"}]}";
    uint8_t ones[6] = {1, 1, 0, 1, 1, 1};
    double loose[2 * 3 * 3 * 2] = {1};
    ntk_array mask = ntk_array_dense(ones, NTK_U8, 2, (int64_t[]){2, 3}), graph = ntk_array_dense(loose, NTK_F64, 3, (int64_t[]){2, 3, 3});
    ntk_structure given = {NTK_STRUCTURE_INIT, .mask = &mask, .graph = &graph};
    ntk_network *net = NULL;
    ntk_sites s = {0};
    ntk_status status;
    for (int axis = 0; axis < 3; ++axis) graph.strides[axis] *= 2;
    NTK_TRY(ntk_network_parse(ctx, text, &net));
    NTK_TRY(ntk_sites_open(ctx, net, "x1", 2, &given, &s));
done:
    ntk_sites_close(&s);
    ntk_network_destroy(net);
    return status;
}

static void test_structures(void **state)
{
    assert_true(sweep(*state, structures) > 10);
}

static void test_parse(void **state)
{
    assert_true(sweep(*state, parse) > 20);
    assert_true(sweep(*state, parse_sites) > 20);
}

static void test_build(void **state)
{
    assert_true(sweep(*state, build) > 20);
}

/* A builder whose calls failed for want of memory goes on and makes the same network. */
static void test_builder_survives(void **state)
{
    ntk_context *ctx = *state;
    int64_t shape = 3, n;
    ntk_attribute sum[] = {NTK_TEXT("merge", "sum"), NTK_END};
    ntk_builder *b = NULL;
    ntk_network *net = NULL;
    kit_ok(ctx, ntk_builder_create(ctx, 1, &shape, NULL, &b));
    for (n = 0, remaining = 0; ntk_builder_begin(ctx, b, "branch", sum) != NTK_OK; remaining = ++n) assert_int_equal(ntk_context_error(ctx), NTK_ERROR_MEMORY);
    for (n = 0, remaining = 0; ntk_builder_next(ctx, b) != NTK_OK; remaining = ++n) assert_int_equal(ntk_context_error(ctx), NTK_ERROR_MEMORY);
    for (n = 0, remaining = 0; ntk_builder_add(ctx, b, "relu", NULL) != NTK_OK; remaining = ++n) assert_int_equal(ntk_context_error(ctx), NTK_ERROR_MEMORY);
    remaining = -1;
    kit_ok(ctx, ntk_builder_end(ctx, b));
    kit_ok(ctx, ntk_builder_finish(ctx, b, &net));
    assert_int_equal(net->n_steps, 2);
    assert_int_equal(net->layers.layers[0]->n_lists, 2);
    ntk_network_destroy(net);
    ntk_builder_destroy(b);
}

/*
 * The reader's own allocations, which come from the C library.  Its allocator is set here for this process alone.  No
 * token of the text is longer than 15 bytes: Jansson 2.14 ignores a refusal to grow its buffer of the present token.
 */
static void *json_allocate(size_t size)
{
    void *block = refused() ? NULL : malloc(size);
    blocks += block != NULL;
    return block;
}

static void json_release(void *block)
{
    blocks -= block != NULL;
    free(block);
}

static void test_json(void **state)
{
    json_set_alloc_funcs(json_allocate, json_release);
    assert_true(sweep(*state, parse) > 50);
    json_set_alloc_funcs(malloc, free);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {test(test_parse), test(test_build), test(test_structures), test(test_builder_survives), test(test_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
