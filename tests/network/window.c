/*
 * The ops over positions: their keys, the shapes they make, the places of their parameters, and which inputs a window reads.
 * The oracle for the last is the format's own words: a padded axis written out, and the valid transposed result folded.
 */
#include "kit.h"
#include "network.h"

#include <stdio.h>
#include <string.h>

static ntk_status parse(ntk_context *ctx, const char *input, const char *layers, ntk_network **net)
{
    char json[1024];
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [%s], \"layers\": [%s]}", input, layers);
    return ntk_network_parse(ctx, json, net);
}

/* ---- shapes and parameters ------------------------------------------------------------------------------------- */

#define CONV "{\"op\": \"conv\", \"units\": 5, "
#define LOCAL "{\"op\": \"conv_local\", \"units\": 5, "
#define TRANSPOSE "{\"op\": \"conv_transpose\", \"units\": 5, "
#define POOL "{\"op\": \"avg_pool\", "

static const struct {
    const char *input, *layers;
    int ndim;
    int64_t shape[4], fan_in, parameters;
} shapes[] = {
    {"7, 2", CONV "\"kernel\": [3]}", 2, {5, 5}, 6, 30},
    {"7, 2", CONV "\"kernel\": 3, \"strides\": 2, \"b_std\": 0.1}", 2, {3, 5}, 6, 35},
    {"7, 2", CONV "\"kernel\": 3, \"dilation\": [2]}", 2, {3, 5}, 6, 30},
    {"7, 2", CONV "\"kernel\": 3, \"dilation\": [2], \"padding\": \"same\", \"strides\": 3}", 2, {3, 5}, 6, 30},
    {"7, 6, 2", CONV "\"kernel\": [3, 2], \"strides\": [2, 1], \"padding\": \"same\"}", 3, {4, 6, 5}, 12, 60},
    {"7, 6, 2", CONV "\"kernel\": 9, \"padding\": \"circular\"}", 3, {7, 6, 5}, 162, 810},
    {"4, 7, 6, 2", CONV "\"kernel\": [2, 3, 1]}", 4, {3, 5, 6, 5}, 12, 60},
    {"7, 6, 2", LOCAL "\"kernel\": 3, \"b_std\": 0}", 3, {5, 4, 5}, 18, 20 * (90 + 5)},
    {"3, 2", TRANSPOSE "\"kernel\": 3, \"strides\": 2}", 2, {7, 5}, 6, 30},
    {"3, 2", TRANSPOSE "\"kernel\": 2, \"strides\": 3}", 2, {9, 5}, 4, 20},
    {"3, 2", TRANSPOSE "\"kernel\": 3, \"strides\": 2, \"padding\": \"same\"}", 2, {6, 5}, 6, 30},
    {"3, 4, 2", TRANSPOSE "\"kernel\": 3, \"strides\": [2, 1], \"padding\": \"circular\"}", 3, {6, 4, 5}, 18, 90},
    {"7, 2", POOL "\"window\": 2}", 2, {6, 2}, 0, 0},
    {"7, 2", POOL "\"window\": 2, \"strides\": 2, \"padding\": \"same\", \"normalize_edges\": true}", 2, {4, 2}, 0, 0},
    {"7, 5, 2", "{\"op\": \"sum_pool\", \"window\": [2, 3], \"strides\": 2}", 3, {3, 2, 2}, 0, 0},
    {"7, 5, 2", "{\"op\": \"max_pool\", \"window\": [2, 3], \"padding\": \"circular\"}", 3, {7, 5, 2}, 0, 0},
    {"7, 5, 2", "{\"op\": \"global_avg_pool\"}", 1, {2}, 0, 0},
    {"7, 2", "{\"op\": \"global_sum_pool\"}", 1, {2}, 0, 0},
    {"7", "{\"op\": \"global_sum_pool\"}", 1, {7}, 0, 0},
    {"4, 7, 5, 2", "{\"op\": \"flatten\"}", 1, {280}, 0, 0},
};

static void test_shapes(void **state)
{
    ntk_context *ctx = *state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(shapes); ++i) {
        ntk_network *net = NULL, *again = NULL;
        char text[1024];
        kit_ok(ctx, parse(ctx, shapes[i].input, shapes[i].layers, &net));
        assert_int_equal(net->values[net->result].ndim, shapes[i].ndim);
        for (int a = 0; a < shapes[i].ndim; ++a) assert_int_equal(net->values[net->result].shape[a], shapes[i].shape[a]);
        assert_int_equal(net->n_parameters, shapes[i].parameters);
        assert_int_equal(net->steps[0].fan_in, shapes[i].fan_in);
        kit_ok(ctx, ntk_network_format(ctx, net, text, sizeof text, NULL)); /* what is written is read back as the same */
        kit_ok(ctx, ntk_network_parse(ctx, text, &again));
        assert_int_equal(again->n_parameters, net->n_parameters);
        assert_int_equal(again->values[again->result].size, net->values[net->result].size);
        ntk_network_destroy(again);
        ntk_network_destroy(net);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *input, *layers, *sentence;
        ntk_status status;
    } cases[] = {
        {"7, 2", CONV "\"kernel\": 8}", "layers[0]: the kernel does not fit its input [7, 2]", NTK_ERROR_NETWORK},
        {"7, 2", CONV "\"kernel\": 4, \"dilation\": 3}", "layers[0]: the kernel does not fit its input [7, 2]", NTK_ERROR_NETWORK},
        {"7, 2", CONV "\"kernel\": [1, 1]}", "layers[0]: kernel has 2 entries; expected one, or one for each of the 1 spatial axes", NTK_ERROR_NETWORK},
        {"7, 5, 2", CONV "\"kernel\": 1, \"strides\": [1, 1, 1]}", "layers[0]: strides has 3 entries", NTK_ERROR_NETWORK},
        {"7, 5, 2", CONV "\"kernel\": 1, \"dilation\": [1, 1, 1]}", "layers[0]: dilation has 3 entries", NTK_ERROR_NETWORK},
        {"7, 2", CONV "\"kernel\": 0}", "layers[0]: kernel[0] is 0; expected a list of integers >= 1", NTK_ERROR_NETWORK},
        {"7, 2", CONV "\"kernel\": 1, \"strides\": -1}", "layers[0]: strides[0] is -1; expected a list of integers >= 1", NTK_ERROR_NETWORK},
        {"7, 2", CONV "\"kernel\": 1, \"padding\": \"full\"}", "layers[0]: padding is \"full\"; expected \"valid\" or \"same\" or \"circular\"", NTK_ERROR_NETWORK},
        {"7, 2", "{\"op\": \"conv\", \"units\": 2}", "layers[0]: conv needs the key \"kernel\"", NTK_ERROR_NETWORK},
        {"7", CONV "\"kernel\": 1}", "layers[0]: conv needs spatial axes; its input is [7]", NTK_ERROR_NETWORK},
        {"7, 2", "{\"op\": \"identity\"}, " LOCAL "\"kernel\": 8}", "layers[1]: the kernel does not fit", NTK_ERROR_NETWORK},
        {"7, 2", TRANSPOSE "\"kernel\": 2, \"dilation\": 2}", "layers[0]: conv_transpose has no key \"dilation\"", NTK_ERROR_NETWORK},
        {"7, 2", POOL "\"window\": 8}", "layers[0]: the window does not fit its input [7, 2]", NTK_ERROR_NETWORK},
        {"7, 2", "{\"op\": \"max_pool\", \"window\": 2, \"normalize_edges\": true}", "layers[0]: max_pool has no key \"normalize_edges\"", NTK_ERROR_NETWORK},
        {"7, 2", "{\"op\": \"sum_pool\"}", "layers[0]: sum_pool needs the key \"window\"", NTK_ERROR_NETWORK},
        {"7, 2", "{\"op\": \"flatten\", \"axis\": 1}", "layers[0]: flatten has no key \"axis\"", NTK_ERROR_NETWORK},
        {"7, 2", CONV "\"kernel\": 9007199254740991, \"dilation\": 9007199254740991, \"padding\": \"same\"}", "does not fit", NTK_ERROR_NETWORK},
        {"9007199254740991, 2", TRANSPOSE "\"kernel\": 1, \"strides\": 9007199254740991}", "does not fit", NTK_ERROR_NETWORK},
        {"7, 7, 2", CONV "\"kernel\": 9007199254740991, \"padding\": \"same\"}", "does not fit", NTK_ERROR_NETWORK},
        {"7, 9007199254740991", CONV "\"kernel\": 9007199254740991, \"padding\": \"same\"}", "the fan-in exceeds 63 bits", NTK_ERROR_OVERFLOW},
        {"9007199254740991, 2", LOCAL "\"kernel\": 1000, \"padding\": \"same\"}", "the number of parameters exceeds 63 bits", NTK_ERROR_OVERFLOW},
        {"9007199254740991, 1025, 1", CONV "\"kernel\": 1}", "exceeds 63 bits", NTK_ERROR_OVERFLOW},
        {"9007199254740991, 100, 1", TRANSPOSE "\"kernel\": 1, \"strides\": [1, 20]}", "does not fit", NTK_ERROR_NETWORK},
        {"9007199254740991, 2", TRANSPOSE "\"kernel\": 1, \"strides\": 1000}", "elements of its result exceeds 63 bits", NTK_ERROR_OVERFLOW},
    };
    ntk_context *ctx = *state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        ntk_network *net = (void *)1;
        kit_fails(ctx, parse(ctx, cases[i].input, cases[i].layers, &net), cases[i].status, cases[i].sentence);
        assert_null(net);
    }
}

/* ---- what a window reads --------------------------------------------------------------------------------------- */

enum { MOST = 64 };

/* reads[o][t] of a forward window, on an axis written out with its padding. */
static int64_t forward_oracle(ntk_padding padding, int64_t n, int64_t k, int64_t s, int64_t m, int64_t reads[MOST][MOST])
{
    int64_t covered = m * (k - 1) + 1, out = 0, low = 0, axis[4 * MOST], length = n;
    for (int64_t i = 0; i < n; ++i) axis[i] = i;
    if (padding != NTK_PADDING_VALID) {
        int64_t pad = ((n + s - 1) / s - 1) * s + covered - n;
        if (pad < 0) pad = 0;
        low = pad / 2;
        length = n + pad;
        for (int64_t i = 0; i < length; ++i) axis[i] = padding == NTK_PADDING_CIRCULAR ? (i - low + 100 * n) % n : i >= low && i < low + n ? i - low : -1;
    }
    for (int64_t start = 0; start + covered <= length && (padding == NTK_PADDING_VALID || start < n); start += s, ++out)
        for (int64_t t = 0; t < k; ++t) reads[out][t] = axis[start + t * m];
    return out;
}

/* The transposed window: input i adds tap t to position i s + k - 1 - t of the valid result; folded where circular, cut where same. */
static int64_t transposed_oracle(ntk_padding padding, int64_t n, int64_t k, int64_t s, int64_t reads[MOST][MOST])
{
    int64_t over = k > s ? k - s : 0, out = padding == NTK_PADDING_VALID ? n * s + over : n * s, low = s > k - 1 ? k - 1 : (k + s - 1) / 2;
    for (int64_t o = 0; o < MOST; ++o)
        for (int64_t t = 0; t < MOST; ++t) reads[o][t] = -1;
    for (int64_t i = 0; i < n; ++i)
        for (int64_t t = 0; t < k; ++t) {
            int64_t o = i * s + k - 1 - t;
            if (padding == NTK_PADDING_SAME) o = i * s + low - t;
            if (padding == NTK_PADDING_CIRCULAR) o = (o - over / 2 + 100 * n * s) % (n * s);
            if (o < 0 || o >= out) continue;
            assert_int_equal(reads[o][t], -1); /* one input at most */
            reads[o][t] = i;
        }
    return out;
}

static void check_reads(ntk_padding padding, bool transposed, int64_t n, int64_t k, int64_t s, int64_t m)
{
    static int64_t reads[MOST][MOST];
    ntk_window w = {.ndim = 1, .padding = padding, .transposed = transposed, .axis = {{.in = n, .kernel = k, .stride = s, .dilation = m}}};
    int64_t out = transposed ? transposed_oracle(padding, n, k, s, reads) : forward_oracle(padding, n, k, s, m, reads);
    assert_int_equal(ntk_window_fit(padding, transposed, &w.axis[0]), out > 0);
    if (out == 0) return;
    assert_int_equal(w.axis[0].out, out);
    for (int64_t o = 0; o < out; ++o)
        for (int64_t t = 0; t < k; ++t) assert_int_equal(ntk_window_read(&w, 0, o, t), reads[o][t]);
}

static void test_reads(void **state)
{
    (void)state;
    for (int padding = 0; padding < 3; ++padding)
        for (int64_t n = 1; n <= 8; ++n)
            for (int64_t k = 1; k <= 6; ++k)
                for (int64_t s = 1; s <= 5; ++s) {
                    for (int64_t m = 1; m <= 3; ++m) check_reads((ntk_padding)padding, false, n, k, s, m);
                    check_reads((ntk_padding)padding, true, n, k, s, 1);
                }
}

/* A window of a compiled step: all axes, and one entry for all of them. */
static void test_step(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *net = NULL;
    ntk_window w;
    kit_ok(ctx, parse(ctx, "7, 6, 2", CONV "\"kernel\": [3, 2], \"strides\": 2, \"padding\": \"same\"}", &net));
    w = ntk_step_window(net, &net->steps[0]);
    assert_int_equal(w.ndim, 2);
    assert_int_equal(w.padding, NTK_PADDING_SAME);
    assert_int_equal(w.taps, 6);
    assert_int_equal(w.positions_in, 42);
    assert_int_equal(w.positions_out, 12);
    assert_int_equal(w.axis[0].low, 1);
    assert_int_equal(w.axis[1].low, 0);
    assert_int_equal(w.axis[1].stride, 2);
    ntk_network_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_shapes), kit_test(test_refused), kit_test(test_reads), kit_test(test_step)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
