/*
 * Any text as a network: refused with a sentence, or read.  What was read is written and read back to the same text, and both
 * its readings, infinite and finite, answer on three points with finite numbers or fail with a sentence.
 */
#include "memory.h"
#include "network.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { POINTS = 3, MOST_STEPS = 300, MOST_NUMBERS = 2000, MOST_WORK = 200000 };

static char *format(ntk_context *ctx, const ntk_network *net)
{
    size_t needed = 0;
    char *text;
    FUZZ_PROMISE(ntk_network_format(ctx, net, NULL, 0, &needed) == NTK_OK && needed > 0);
    text = malloc(needed);
    FUZZ_PROMISE(text && ntk_network_format(ctx, net, text, needed, NULL) == NTK_OK && strlen(text) + 1 == needed);
    return text;
}

static void check_round_trip(ntk_context *ctx, const ntk_network *net)
{
    char *text = format(ctx, net), *again;
    ntk_network *back = NULL;
    ntk_status status = ntk_network_parse(ctx, text, &back);
    FUZZ_PROMISE(status == NTK_OK || status == NTK_ERROR_MEMORY);
    if (back) {
        again = format(ctx, back);
        FUZZ_PROMISE(strcmp(text, again) == 0);
        FUZZ_PROMISE(ntk_network_parameters(back) == ntk_network_parameters(net) && ntk_network_layers(back) == ntk_network_layers(net));
        free(again);
    }
    ntk_network_destroy(back);
    free(text);
}

static bool all_finite(int64_t count, const double *values)
{
    for (int64_t i = 0; i < count; ++i)
        if (!isfinite(values[i])) return false;
    return true;
}

/* Points of size 1 or so: two that differ little, and zero. */
static ntk_array points(const ntk_network *net, double *x)
{
    int64_t shape[NTK_MAX_NDIM + 1] = {POINTS}, d = ntk_network_input_size(net);
    int ndim = ntk_network_input(net, shape + 1);
    for (int64_t i = 0; i < d; ++i) {
        x[i] = sin(3.0 * (double)i + 1);
        x[d + i] = x[i] + (i == 0 ? 1e-9 : 0);
        x[2 * d + i] = 0;
    }
    return ntk_array_dense(x, NTK_F64, ndim + 1, shape);
}

static void check_kernels(const double *nngp, const double *ntk)
{
    FUZZ_PROMISE(all_finite(POINTS * POINTS, nngp) && all_finite(POINTS * POINTS, ntk));
    for (int i = 0; i < POINTS; ++i) {
        FUZZ_PROMISE(nngp[i * POINTS + i] >= 0);
        for (int j = 0; j < i; ++j) FUZZ_PROMISE(nngp[i * POINTS + j] == nngp[j * POINTS + i] && ntk[i * POINTS + j] == ntk[j * POINTS + i]);
    }
}

static void read_infinite(ntk_context *ctx, const ntk_network *net, const ntk_array *x)
{
    double nngp[POINTS * POINTS], ntk[POINTS * POINTS];
    ntk_array k = ntk_matrix_f64(nngp, POINTS, POINTS), theta = ntk_matrix_f64(ntk, POINTS, POINTS);
    ntk_request request = {NTK_REQUEST_INIT, .nngp = &k, .ntk = &theta};
    ntk_kernel *kernel = NULL;
    ntk_status status = ntk_kernel_from_network(ctx, net, NULL, &kernel);
    fuzz_check(ctx, status);
    if (status == NTK_OK) {
        status = ntk_kernel_eval(ctx, kernel, x, NULL, &request);
        fuzz_check(ctx, status);
    }
    if (status == NTK_OK) check_kernels(nngp, ntk);
    ntk_kernel_destroy(kernel);
}

/* Elements of all values for one input, capped. */
static int64_t work(const ntk_network *net)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < net->n_values && sum <= MOST_WORK; ++i)
        sum = net->values[i].size > MOST_WORK ? MOST_WORK + 1 : sum + net->values[i].size;
    return sum;
}

static void run_finite(ntk_context *ctx, const ntk_network *net, const ntk_array *x)
{
    int64_t p = net->n_parameters, shape[NTK_MAX_NDIM + 1];
    int64_t size = POINTS * net->values[net->result].size;
    double *theta = calloc((size_t)(p + 1), sizeof *theta), *g = calloc((size_t)(p + 1), sizeof *g), *f = calloc((size_t)size, sizeof *f);
    ntk_array t = ntk_vector_f64(theta, p), gradient = ntk_vector_f64(g, p), out;
    ntk_status status;
    FUZZ_PROMISE(theta && g && f);
    shape[0] = POINTS;
    for (int i = 0; i < net->values[net->result].ndim; ++i) shape[i + 1] = net->values[net->result].shape[i];
    out = ntk_array_dense(f, NTK_F64, net->values[net->result].ndim + 1, shape);
    status = ntk_network_initialize(ctx, net, 1, &t);
    fuzz_check(ctx, status);
    if (status == NTK_OK) {
        status = ntk_network_forward(ctx, net, &t, x, &out);
        fuzz_check(ctx, status);
    }
    if (status == NTK_OK) {
        FUZZ_PROMISE(all_finite(size, f));
        status = ntk_network_vjp(ctx, net, &t, x, &out, &gradient);
        fuzz_check(ctx, status);
        FUZZ_PROMISE(status != NTK_OK || all_finite(p, g));
        status = ntk_network_jvp(ctx, net, &t, x, &t, &out);
        fuzz_check(ctx, status);
        FUZZ_PROMISE(status != NTK_OK || all_finite(size, f));
    }
    free(f);
    free(g);
    free(theta);
}

/* What is small is computed too. */
static void check_readings(ntk_context *ctx, const ntk_network *net)
{
    int64_t d = ntk_network_input_size(net);
    double *numbers;
    ntk_array x;
    if (net->n_steps > MOST_STEPS || d > MOST_NUMBERS || net->ndim >= NTK_MAX_NDIM) return;
    numbers = malloc((size_t)(POINTS * d) * sizeof *numbers);
    FUZZ_PROMISE(numbers);
    x = points(net, numbers);
    read_infinite(ctx, net, &x);
    if (net->n_parameters <= MOST_NUMBERS && work(net) <= MOST_WORK) run_finite(ctx, net, &x);
    free(numbers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_memory memory;
    ntk_context *ctx = fuzz_context(&memory);
    ntk_network *net = NULL;
    char *text = malloc(size + 1);
    ntk_status status;
    FUZZ_PROMISE(text);
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    status = ntk_network_parse(ctx, text, &net);
    fuzz_check(ctx, status);
    FUZZ_PROMISE((net != NULL) == (status == NTK_OK));
    if (net) {
        check_round_trip(ctx, net);
        check_readings(ctx, net);
    }
    ntk_network_destroy(net);
    free(text);
    fuzz_finish(&memory, ctx);
    return 0;
}
