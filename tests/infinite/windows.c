/*
 * Every op with windows in 1, 2 and 3 dimensions, with every padding, strides and dilation, between two ReLU layers, against the recursion with
 * matrices: one matrix per tap, written down from the text of the format, axis by axis.
 */
#define NAIVE_POSITIONS 72
#include "naive.h"

#include <string.h>

enum { TAPS = 27, AXES = 3, C = 2, AXIS = 16 };

typedef struct window {
    const char *op, *padding;
    bool transposed;
    int axes, in[AXES], kernel[AXES], stride, dilation;
    bool first; /* only what has place 0 on the first axis reaches the end: a global mean alone would not see shifts */
    int out[AXES];
} window;

/* taps[t][o][i] along one axis; its number of outputs. */
static int axis_taps(const window *w, int n, int k, double taps[3][AXIS][AXIS])
{
    int s = w->stride, m = w->dilation, covered = m * (k - 1) + 1, over = k > s ? k - s : 0, out, low = 0;
    bool valid = strcmp(w->padding, "valid") == 0, circular = strcmp(w->padding, "circular") == 0;
    memset(taps, 0, 3 * sizeof *taps);
    if (!w->transposed) {
        out = valid ? (n - covered) / s + 1 : (n + s - 1) / s;
        if (!valid && (out - 1) * s + covered > n) low = ((out - 1) * s + covered - n) / 2;
        for (int t = 0; t < k; ++t)
            for (int o = 0; o < out; ++o) {
                int at = o * s + m * t - low;
                if (circular) at = (at % n + n) % n;
                if (at >= 0 && at < n) taps[t][o][at] = 1;
            }
        return out;
    }
    low = valid || circular ? k - 1 : s > k - 1 ? k - 1 : (k + s - 2 + 1) / 2;
    out = valid || circular ? n * s + over : n * s;
    for (int t = 0; t < k; ++t)
        for (int o = 0; o < out; ++o) {
            int at = o + t - low, to = circular ? ((o - over / 2) % (n * s) + n * s) % (n * s) : o;
            if (at >= 0 && at % s == 0 && at / s < n) taps[t][to][at / s] += 1;
        }
    return circular ? n * s : out;
}

/* The product over axes, positions and taps row-major; *rows outputs. */
static int all_taps(window *w, naive_matrix *taps, int *rows)
{
    static double axis[AXES][3][AXIS][AXIS];
    int count = 1, columns = 1;
    *rows = 1;
    for (int a = 0; a < w->axes; ++a) {
        w->out[a] = axis_taps(w, w->in[a], w->kernel[a], axis[a]);
        count *= w->kernel[a];
        *rows *= w->out[a];
        columns *= w->in[a];
    }
    assert_true(*rows <= NAIVE_MOST && columns <= NAIVE_MOST && count <= TAPS);
    for (int t = 0; t < count; ++t)
        for (int o = 0; o < *rows; ++o)
            for (int i = 0; i < columns; ++i) {
                int tap = t, to = o, from = i;
                naive_real product = 1;
                for (int a = w->axes - 1; a >= 0; tap /= w->kernel[a], to /= w->out[a], from /= w->in[a], --a)
                    product *= axis[a][tap % w->kernel[a]][to % w->out[a]][from % w->in[a]];
                taps[t][o][i] = product;
            }
    return count;
}

static void uncouple(naive_field *f)
{
    for (int p = 0; p < f->n[0]; ++p)
        for (int q = 0; q < f->n[1]; ++q)
            if (p != q) f->k[0][p][q] = f->k[1][p][q] = f->k[2][p][q] = f->theta[p][q] = 0;
}

/* The sum of all taps in the first, each row divided as the op says. */
static void to_pool(const window *w, int count, int rows, int columns, naive_matrix *taps)
{
    for (int o = 0; o < rows; ++o) {
        naive_real inside = 0;
        for (int t = 0; t < count; ++t)
            for (int i = 0; i < columns; ++i) inside += taps[t][o][i];
        for (int i = 0; i < columns; ++i) {
            naive_real sum = 0;
            for (int t = 0; t < count; ++t) sum += taps[t][o][i];
            taps[0][o][i] = strcmp(w->op, "sum_pool") == 0 ? sum : sum / (strstr(w->op, "edges") ? inside : count);
        }
    }
}

static naive_kernels naive(window *w, const double *x, const double *y)
{
    static naive_field f;
    static naive_matrix taps[TAPS];
    int rows, positions = 1, count = all_taps(w, taps, &rows);
    for (int a = 0; a < w->axes; ++a) positions *= w->in[a];
    naive_input(positions, x, positions, y, C, false, &f);
    naive_affine(&f, 1.96L, 0.09L);
    naive_relu(&f);
    if (strstr(w->op, "pool")) {
        to_pool(w, count, rows, positions, taps);
        naive_mix(&f, 1, 1, rows, taps, rows, taps);
    } else {
        naive_mix(&f, count, (naive_real)1 / count, rows, taps, rows, taps);
        naive_affine(&f, 1.21L, 0.04L);
        if (strcmp(w->op, "conv_local") == 0) uncouple(&f);
        naive_relu(&f);
    }
    naive_affine(&f, 1.44L, 0.01L);
    naive_relu(&f);
    if (w->first) f.n[0] = f.n[1] = rows / w->out[0];
    return naive_readout(&f, 1, 0);
}

/* "[1, 2]" */
static const char *list(int count, const int *numbers, char text[32])
{
    int length = 0;
    for (int i = 0; i < count; ++i) length += snprintf(text + length, 32 - (size_t)length, "%s%d", i ? ", " : "[", numbers[i]);
    snprintf(text + length, 32 - (size_t)length, "]");
    return text;
}

static naive_kernels kernels_of(ntk_context *ctx, const window *w, const double *x, const double *y)
{
    char json[2048], layer[512], input[32], kernel[32], more[64] = "";
    int64_t shape[5] = {1};
    naive_kernels k;
    ntk_network *net;
    ntk_kernel *handle = NULL;
    ntk_array ax, ay, a = ntk_matrix_f64(&k.nngp, 1, 1), b = ntk_matrix_f64(&k.ntk, 1, 1);
    bool pool = strstr(w->op, "pool");
    if (w->dilation > 1) snprintf(more, sizeof more, ", \"dilation\": %d", w->dilation);
    if (strstr(w->op, "edges")) snprintf(more, sizeof more, ", \"normalize_edges\": true");
    list(w->axes, w->in, input);
    input[strlen(input) - 1] = 0;
    snprintf(layer, sizeof layer, "{\"op\": \"%.*s\", \"%s\": %s, \"strides\": %d, \"padding\": \"%s\"%s%s}%s", (int)strcspn(w->op, "+"), w->op, pool ? "window" : "kernel",
             list(w->axes, w->kernel, kernel), w->stride, w->padding, pool ? "" : ", \"units\": 4, \"w_std\": 1.1, \"b_std\": 0.2", more, pool ? "" : ", {\"op\": \"relu\"}");
    snprintf(json, sizeof json,
             "{\"format\": \"ntk-network\", \"version\": 1, \"input\": %s, %d], \"layers\": [{\"op\": \"dense\", \"units\": 4, \"w_std\": 1.4, \"b_std\": 0.3}, {\"op\": \"relu\"}, %s, "
             "{\"op\": \"dense\", \"units\": 4, \"w_std\": 1.2, \"b_std\": 0.1}, {\"op\": \"relu\"}, %s{\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 1}]}", input, C, layer,
             !w->first ? "" : w->axes == 1 ? "{\"op\": \"slice\", \"stop\": [1]}, " : w->axes == 2 ? "{\"op\": \"slice\", \"stop\": [1, null]}, " : "{\"op\": \"slice\", \"stop\": [1, null, null]}, ");
    for (int i = 0; i < w->axes; ++i) shape[i + 1] = w->in[i];
    shape[w->axes + 1] = C;
    ax = ntk_array_dense((void *)(uintptr_t)x, NTK_F64, w->axes + 2, shape);
    ay = ntk_array_dense((void *)(uintptr_t)y, NTK_F64, w->axes + 2, shape);
    net = kit_network(ctx, json);
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &handle));
    kit_ok(ctx, ntk_kernel_eval(ctx, handle, &ax, &ay, &(ntk_request){NTK_REQUEST_INIT, .nngp = &a, .ntk = &b}));
    ntk_kernel_destroy(handle);
    ntk_network_destroy(net);
    return k;
}

static void check(ntk_context *ctx, window w)
{
    double x[NAIVE_MOST * C], y[NAIVE_MOST * C];
    naive_kernels got, want;
    kit_random(71, NAIVE_MOST * C, x);
    kit_random(72, NAIVE_MOST * C, y);
    got = kernels_of(ctx, &w, x, y);
    want = naive(&w, x, y);
    if (fabs(got.nngp - want.nngp) > 1e-13 * want.nngp || fabs(got.ntk - want.ntk) > 1e-13 * want.ntk)
        fail_msg("%s, %s, %d axes, stride %d, dilation %d: %.17g, %.17g; expected %.17g, %.17g", w.op, w.padding, w.axes, w.stride, w.dilation, got.nngp, got.ntk, want.nngp, want.ntk);
}

static void all_windows(void **state)
{
    static const char *const ops[] = {"conv", "conv_local", "conv_transpose", "avg_pool", "avg_pool+edges", "sum_pool"}, *const paddings[] = {"valid", "same", "circular"};
    static const int sizes[AXES][AXES] = {{7}, {5, 4}, {3, 2, 3}}, small[AXES][AXES] = {{4}, {3, 3}, {2, 2, 2}}, kernels[AXES][AXES] = {{3}, {3, 2}, {2, 2, 2}};
    for (int op = 0; op < 6; ++op)
        for (int padding = 0; padding < 3; ++padding)
            for (int axes = 1; axes <= AXES; ++axes)
                for (int stride = 1; stride <= 2; ++stride)
                    for (int dilation = 1; dilation <= (op < 2 && axes < 3 ? 2 : 1); ++dilation) {
                        window w = {ops[op], paddings[padding], op == 2, axes, .stride = stride, .dilation = dilation};
                        memcpy(w.in, op == 2 ? small[axes - 1] : sizes[axes - 1], sizeof w.in);
                        memcpy(w.kernel, kernels[axes - 1], sizeof w.kernel);
                        check(*state, w);
                        w.first = true;
                        check(*state, w);
                    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(all_windows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
