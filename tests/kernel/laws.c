/*
 * Laws over random small networks of every op and activation with a finite reading, with masks and graphs: what holds whatever the network.
 * An op or activation that is in the tables of lib/network and not drawn here fails the test.
 *
 *     <u, J v> = <Jᵀ u, v>                                   1e-13
 *     J v = (f(theta + h v) - f(theta - h v)) / 2h           smooth networks, 1e-6
 *     J D⁻¹ Jᵀ by every algorithm                             1e-12: contraction, products, structured where it applies, the kernel, loops over rows
 *     full, trace, diagonal and the layers' terms belong to one matrix
 *     and all of that in f32, 100 u of the largest number from f64 at the same numbers
 */
#include "kernel.h"
#include "kit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 6, N = 3, TEXT = 4096 };

/* ---- random networks -------------------------------------------------------------------------------------------- */

typedef struct writer {
    uint64_t seed, draws;
    char text[TEXT];
    size_t length;
    int axes;    /* with positions: 1 or 2; 0: none */
    bool kinked; /* central differences may step over a kink */
} writer;

static int pick(writer *w, int count)
{
    double number;
    kit_random(w->seed * 10007 + w->draws++, 1, &number);
    return (int)((number + 1) / 2 * count) % count;
}

static void say(writer *w, const char *words)
{
    w->length += (size_t)snprintf(w->text + w->length, TEXT - w->length, "%s", words);
    assert_true(w->length < TEXT);
}

static void comma(writer *w)
{
    if (w->text[w->length - 1] == '}') say(w, ", ");
}

typedef struct sort {
    const char *one, *two; /* with one axis of positions, and with two; NULL: not there */
    bool kinked;
} sort;

#define ALIKE(json) {json, json, false}
#define KINKED(json) {json, json, true}
#define ATTENTION "{\"op\": \"attention\", \"dim_key\": 2, \"dim_value\": 2, \"units\": 2, \"q_std\": 1.5, \"k_std\": 1.2, "
static const sort positions[] = {
    {"{\"op\": \"conv\", \"units\": 2, \"kernel\": [2], \"padding\": \"same\", \"b_std\": 0.3}",
     "{\"op\": \"conv\", \"units\": 2, \"kernel\": [2, 3], \"padding\": \"circular\", \"w_std\": 1.3}", false},
    {"{\"op\": \"conv\", \"units\": 2, \"kernel\": [2], \"dilation\": [2], \"padding\": \"same\", \"lr\": 0.25}",
     "{\"op\": \"conv\", \"units\": 3, \"kernel\": [2, 2], \"dilation\": [1, 2], \"strides\": [2, 1], \"padding\": \"same\"}", false},
    {"{\"op\": \"conv_local\", \"units\": 2, \"kernel\": [2], \"b_std\": 0.2}", "{\"op\": \"conv_local\", \"units\": 2, \"kernel\": [2, 2], \"b_std\": 0.2}", false},
    {"{\"op\": \"conv_transpose\", \"units\": 2, \"kernel\": [2], \"strides\": [2], \"padding\": \"same\", \"b_std\": 0.1}",
     "{\"op\": \"conv_transpose\", \"units\": 2, \"kernel\": [2, 2], \"padding\": \"same\"}", false},
    {"{\"op\": \"avg_pool\", \"window\": [2]}", "{\"op\": \"avg_pool\", \"window\": [2, 2], \"padding\": \"same\", \"normalize_edges\": true}", false},
    {"{\"op\": \"sum_pool\", \"window\": [2]}", "{\"op\": \"sum_pool\", \"window\": [1, 2], \"strides\": [1, 2]}", false},
    {"{\"op\": \"max_pool\", \"window\": [2]}", "{\"op\": \"max_pool\", \"window\": [2, 2], \"padding\": \"same\"}", true},
    {"{\"op\": \"layer_norm\", \"axes\": [-1, -2], \"epsilon\": 0.1}", "{\"op\": \"layer_norm\", \"axes\": [-1, -2], \"epsilon\": 0.1}", false},
    {"{\"op\": \"slice\", \"start\": [1], \"stop\": [null], \"step\": [1]}", "{\"op\": \"slice\", \"start\": [0, 1], \"stop\": [null, null], \"step\": [2, 1]}", false},
    {"{\"op\": \"resize\", \"shape\": [4]}", "{\"op\": \"resize\", \"shape\": [3, 4], \"method\": \"nearest\"}", false},
    {"{\"op\": \"aggregate\"}", NULL, false},
    {ATTENTION "\"heads\": 2, \"b_std\": 0.2}", ATTENTION "\"heads\": 1, \"linear_scaling\": false, \"pos_emb\": \"sum\", \"pos_emb_std\": 0.7}", false},
    {ATTENTION "\"heads\": 1, \"mechanism\": \"identity\", \"linear_scaling\": false, \"pos_emb\": \"concat\", \"val_pos_emb\": true}",
     ATTENTION "\"heads\": 2, \"mechanism\": \"abs\"}", true}};

static const sort anywhere[] = {
    ALIKE("{\"op\": \"dense\", \"units\": 3, \"b_std\": 0.4}"),
    ALIKE("{\"op\": \"dense\", \"units\": 2, \"b_std\": 0.4, \"parameterization\": \"standard\"}"),
    ALIKE("{\"op\": \"dense\", \"units\": 3, \"train\": false}"),
    ALIKE("{\"op\": \"dense\", \"units\": 3, \"parameterization\": \"textbook\", \"lr\": 2}"),
    ALIKE("{\"op\": \"layer_norm\", \"epsilon\": 0.1}"),
    ALIKE("{\"op\": \"identity\"}"),
    ALIKE("{\"op\": \"dropout\", \"keep\": 0.7}"),
    ALIKE("{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], [{\"op\": \"sin\"}, {\"op\": \"layer_norm\", \"epsilon\": 0.2}]]}"),
    ALIKE("{\"op\": \"branch\", \"merge\": \"product\", \"branches\": [[{\"op\": \"dense\", \"units\": 2}], [{\"op\": \"erf\"}, {\"op\": \"dense\", \"units\": 2, \"b_std\": 1}]]}"),
    ALIKE("{\"op\": \"branch\", \"merge\": \"concat\", \"branches\": [[{\"op\": \"dense\", \"units\": 2}], [], [{\"op\": \"gelu\"}]]}"),
    ALIKE("{\"op\": \"repeat\", \"times\": 2, \"layers\": [{\"op\": \"dense\", \"units\": 3, \"b_std\": 0.2}, {\"op\": \"erf\"}]}")};

static const sort activations[] = {
    KINKED("{\"op\": \"relu\"}"), KINKED("{\"op\": \"leaky_relu\", \"alpha\": 0.3}"), KINKED("{\"op\": \"abrelu\", \"a\": 0.3, \"b\": -1.2}"), KINKED("{\"op\": \"abs\"}"), KINKED("{\"op\": \"sign\"}"),
    KINKED("{\"op\": \"elu\", \"alpha\": 0.7}"), KINKED("{\"op\": \"selu\"}"), KINKED("{\"op\": \"rectified_monomial\", \"degree\": 1}"),
    ALIKE("{\"op\": \"erf\", \"a\": 1.3, \"b\": 0.7, \"c\": 0.2}"), ALIKE("{\"op\": \"sigmoid_like\"}"), ALIKE("{\"op\": \"gelu\"}"), ALIKE("{\"op\": \"sin\", \"b\": 1.4, \"c\": 0.3}"),
    ALIKE("{\"op\": \"cos\"}"), ALIKE("{\"op\": \"rbf\", \"gamma\": 0.4}"), ALIKE("{\"op\": \"gabor\"}"), ALIKE("{\"op\": \"exp\", \"b\": 0.5}"), ALIKE("{\"op\": \"gaussian\"}"),
    ALIKE("{\"op\": \"hermite\", \"degree\": 2}"), ALIKE("{\"op\": \"monomial\", \"degree\": 2}"), ALIKE("{\"op\": \"polynomial\", \"coef\": [0.1, 1, -0.3, 0.2]}"),
    ALIKE("{\"op\": \"tanh\"}"), ALIKE("{\"op\": \"sigmoid\"}"), ALIKE("{\"op\": \"silu\"}"), ALIKE("{\"op\": \"softplus\"}")};

static const sort ends[] = {ALIKE("{\"op\": \"flatten\"}"), ALIKE("{\"op\": \"global_avg_pool\"}"), ALIKE("{\"op\": \"global_sum_pool\"}")};

typedef struct family {
    const sort *sorts;
    int count;
    bool positions; /* only where there are some */
} family;

#define FAMILY(sorts, positions) {sorts, (int)NTK_ARRAY_LENGTH(sorts), positions}
static const family families[] = {FAMILY(positions, true), FAMILY(anywhere, false), FAMILY(activations, false), FAMILY(ends, true)};
enum { POSITIONS, ANYWHERE, ACTIVATIONS, ENDS, FAMILIES };

static const char *layer_of(const writer *w, const sort *s)
{
    return w->axes == 2 ? s->two : s->one;
}

static void add(writer *w, const sort *s)
{
    comma(w);
    say(w, layer_of(w, s));
    w->kinked = w->kinked || s->kinked;
}

/* One of a family that there is, and only one layer that aggregates: one graph has one size. */
static void add_any(writer *w, int of)
{
    const sort *s;
    do s = &families[of].sorts[pick(w, families[of].count)];
    while (!layer_of(w, s) || (strstr(layer_of(w, s), "aggregate") && strstr(w->text, "aggregate")));
    add(w, s);
}

static void add_some(writer *w, int most)
{
    for (int i = pick(w, most); i > 0; --i) add_any(w, w->axes > 0 && pick(w, 2) == 0 ? POSITIONS : pick(w, 2) == 0 ? ANYWHERE : ACTIVATIONS);
}

/* A network of which one layer is given, the rest drawn; false: it has no such layer. */
static bool write_network(writer *w, uint64_t seed, int of, const sort *given)
{
    *w = (writer){.seed = seed};
    w->axes = families[of].positions ? 1 + pick(w, 2) : pick(w, 3);
    if (!layer_of(w, given)) return false;
    say(w, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": ");
    say(w, w->axes == 0 ? "[3]" : w->axes == 1 ? "[5, 2]" : "[4, 3, 2]");
    say(w, ", \"layers\": [{\"op\": \"dense\", \"units\": 3, \"b_std\": 0.4}");
    add_some(w, 3);
    if (of != ENDS) add(w, given);
    add_some(w, 3);
    if (of == ENDS) add(w, given);
    else if (w->axes > 0 && pick(w, 8) > 0) add_any(w, ENDS);
    comma(w);
    say(w, "{\"op\": \"dense\", \"units\": 2, \"b_std\": 0.1}]}");
    return true;
}

/* ---- one network --------------------------------------------------------------------------------------------------- */

typedef struct problem {
    ntk_network *network;
    ntk_array theta, x, d, mask, graph;
    ntk_structure structure;
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer;
    int64_t p, o, rows;
    double *numbers[5], *j; /* of theta, x, d, mask, graph; j [rows, p] */
} problem;

/* A graph where a layer aggregates, and masks of every third network that takes them: sample i is i positions shorter along each axis. */
static void draw_structure(ntk_network *network, uint64_t seed, problem *w)
{
    int64_t shape[NTK_MAX_NDIM + 1] = {N}, nodes = ntk_network_nodes(network), places = 1;
    int axes = ntk_network_input(network, shape + 1) - 1;
    for (int a = 0; a < axes; ++a) places *= shape[1 + a];
    w->structure = (ntk_structure){NTK_STRUCTURE_INIT, .mask = axes > 0 && seed % 3 == 0 ? &w->mask : NULL, .graph = nodes > 0 ? &w->graph : NULL};
    w->numbers[3] = kit_drawn(seed + 3, N * places);
    w->numbers[4] = kit_drawn(seed + 4, N * nodes * nodes);
    w->mask = ntk_array_dense(w->numbers[3], NTK_F64, axes + 1, shape);
    w->graph = ntk_array_dense(w->numbers[4], NTK_F64, 3, (int64_t[]){N, nodes, nodes});
    for (int64_t i = 0; i < N * places; ++i) {
        int64_t rest = i % places;
        w->numbers[3][i] = 1;
        for (int a = axes - 1; a >= 0; rest /= shape[1 + a--])
            if (rest % shape[1 + a] >= shape[1 + a] - i / places) w->numbers[3][i] = 0;
    }
}

/* J, without the masks where a layer does not take them. */
static void make_jacobian(ntk_context *ctx, problem *w)
{
    ntk_status status = ntk_jacobian_with(ctx, w->network, &w->theta, &w->x, &w->structure, &w->jacobian);
    if (status == NTK_OK || !w->structure.mask) {
        kit_ok(ctx, status);
        return;
    }
    assert_true(status == NTK_ERROR_ARGUMENT || status == NTK_ERROR_UNSUPPORTED);
    w->structure.mask = NULL;
    kit_ok(ctx, ntk_jacobian_with(ctx, w->network, &w->theta, &w->x, &w->structure, &w->jacobian));
}

static void open_problem(ntk_context *ctx, ntk_network *network, uint64_t seed, problem *w)
{
    int64_t shape[NTK_MAX_NDIM + 1] = {N};
    int ndim = ntk_network_input(network, shape + 1);
    ntk_array out;
    *w = (problem){.network = network, .p = ntk_network_parameters(network), .o = ntk_network_outputs(network)};
    w->rows = N * w->o;
    w->numbers[0] = kit_drawn(seed, w->p);
    w->numbers[1] = kit_drawn(seed + 1, N * ntk_network_input_size(network));
    w->numbers[2] = kit_drawn(seed + 2, w->p);
    for (int64_t i = 0; i < w->p; ++i) w->numbers[2][i] = 0.5 + w->numbers[2][i] * w->numbers[2][i];
    w->theta = ntk_vector_f64(w->numbers[0], w->p);
    w->x = ntk_array_dense(w->numbers[1], NTK_F64, ndim + 1, shape);
    w->d = ntk_vector_f64(w->numbers[2], w->p);
    w->j = kit_drawn(3, w->rows * w->p);
    out = ntk_matrix_f64(w->j, w->rows, w->p);
    draw_structure(network, seed, w);
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &w->d, &w->optimizer));
    make_jacobian(ctx, w);
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, w->jacobian, 0, &out));
}

static void close_problem(problem *w)
{
    ntk_jacobian_destroy(w->jacobian);
    ntk_optimizer_destroy(w->optimizer);
    ntk_network_destroy(w->network);
    for (int i = 0; i < 5; ++i) free(w->numbers[i]);
    free(w->j);
}

/* Steps of 1e-5: h² f''' and eps |f| / h stay below 1e-6 of the largest.  J has sqrt(r) of a layer of rate r. */
static void derivatives_are_differences(ntk_context *ctx, const problem *w)
{
    double *v = kit_drawn(5, w->p), *moved = kit_drawn(6, w->p), *scale = kit_drawn(9, w->p), *f[2], *jv = kit_drawn(7, w->rows), h = 1e-5;
    ntk_array vv = ntk_vector_f64(v, w->p), at = ntk_vector_f64(moved, w->p), out = ntk_vector_f64(jv, w->rows);
    for (int64_t k = 0; k < w->network->n_steps; ++k) {
        const ntk_step *step = &w->network->steps[k];
        for (int64_t i = 0; step->parametric >= 0 && i < step->n_parameters; ++i) scale[step->offset + i] = sqrt(step->rate);
    }
    for (int side = 0; side < 2; ++side) {
        ntk_array to;
        f[side] = kit_drawn(8, w->rows);
        to = ntk_matrix_f64(f[side], N, w->o);
        for (int64_t i = 0; i < w->p; ++i) moved[i] = w->numbers[0][i] + (side ? -h : h) * scale[i] * v[i];
        kit_ok(ctx, ntk_network_forward_with(ctx, w->network, &at, &w->x, &w->structure, &to));
    }
    for (int64_t r = 0; r < w->rows; ++r) f[0][r] = (f[0][r] - f[1][r]) / (2 * h);
    kit_ok(ctx, ntk_jacobian_apply(ctx, w->jacobian, &vv, &out));
    kit_close(w->rows, jv, f[0], 1e-6);
    free(jv);
    free(f[0]);
    free(f[1]);
    free(scale);
    free(moved);
    free(v);
}

/* Why structured does not apply; NULL: it does. */
static const char *unstructured(const problem *w, const ntk_optimizer *d)
{
    if (w->structure.mask || w->structure.graph) return "masks and graphs";
    return ntk_factors_fit(w->network, d) ? NULL : "layers[";
}

/* K [rows, rows] by loops over the rows of J. */
static double *by_loops(const problem *w, bool with_d)
{
    double *k = kit_drawn(1, w->rows * w->rows);
    for (int64_t a = 0; a < w->rows; ++a)
        for (int64_t b = 0; b < w->rows; ++b) {
            double sum = 0;
            for (int64_t i = 0; i < w->p; ++i) sum += w->j[a * w->p + i] * w->j[b * w->p + i] / (with_d ? w->numbers[2][i] : 1);
            k[a * w->rows + b] = sum;
        }
    return k;
}

static void grams_agree(ntk_context *ctx, const problem *w, bool with_d, const double *want)
{
    const ntk_optimizer *d = with_d ? w->optimizer : NULL;
    double *k = kit_drawn(2, w->rows * w->rows), *one = calloc((size_t)(w->rows * w->rows), sizeof *one);
    ntk_array out = ntk_matrix_f64(k, w->rows, w->rows), identity = ntk_matrix_f64(one, w->rows, w->rows);
    for (int64_t i = 0; i < w->rows; ++i) one[i * w->rows + i] = 1;
    for (int a = NTK_ALGORITHM_AUTO; a <= NTK_ALGORITHM_PRODUCTS; ++a) {
        ntk_gram *gram;
        if (a == NTK_ALGORITHM_STRUCTURED && unstructured(w, d)) {
            kit_fails(ctx, ntk_gram_from_jacobian_by(ctx, w->jacobian, d, (ntk_algorithm)a, &gram), NTK_ERROR_UNSUPPORTED, unstructured(w, d));
            continue;
        }
        kit_ok(ctx, ntk_gram_from_jacobian_by(ctx, w->jacobian, d, (ntk_algorithm)a, &gram));
        kit_ok(ctx, ntk_gram_multiply(ctx, gram, NTK_KIND_NTK, &identity, &out));
        kit_close(w->rows * w->rows, k, want, 1e-12);
        ntk_gram_destroy(gram);
    }
    free(one);
    free(k);
}

/* The kernel of the network: each rule of outputs is a part of the full matrix, and the layers add up to it. */
static void kernels_agree(ntk_context *ctx, const problem *w, bool with_d, const double *full)
{
    int64_t o = w->o, layers = ntk_network_layers(w->network), size = w->rows * w->rows;
    double *got = kit_drawn(3, size), *terms = kit_drawn(4, layers * size), *want = kit_drawn(5, size), *sum = kit_drawn(6, size);
    for (int outputs = 0; outputs < 3; ++outputs) {
        int64_t shape[] = {layers, outputs == NTK_OUTPUTS_FULL ? w->rows : N, outputs == NTK_OUTPUTS_FULL ? w->rows : N, o}, count = N * N;
        int ndim = outputs == NTK_OUTPUTS_DIAGONAL ? 3 : 2;
        ntk_array ntk = ntk_array_dense(got, NTK_F64, ndim, shape + 1), plane = ntk_array_dense(terms, NTK_F64, ndim + 1, shape);
        ntk_kernel_options options = {NTK_KERNEL_OPTIONS_INIT, .outputs = (ntk_outputs)outputs};
        ntk_kernel *kernel;
        if (outputs == NTK_OUTPUTS_FULL) count = size;
        if (outputs == NTK_OUTPUTS_DIAGONAL) count *= o;
        kit_ok(ctx, ntk_kernel_empirical(ctx, w->network, &w->theta, with_d ? w->optimizer : NULL, &options, &kernel));
        kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &w->x, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &ntk, .layers = &plane, .structure1 = &w->structure}));
        ntk_kernel_destroy(kernel);
        memset(want, 0, (size_t)size * sizeof *want);
        memset(sum, 0, (size_t)size * sizeof *sum);
        for (int64_t i = 0; i < N; ++i)
            for (int64_t k = 0; k < N; ++k)
                for (int64_t q = 0; q < o; ++q) {
                    double entry = full[(i * o + q) * w->rows + k * o + q];
                    if (outputs == NTK_OUTPUTS_TRACE) want[i * N + k] += entry / (double)o;
                    if (outputs == NTK_OUTPUTS_DIAGONAL) want[(i * N + k) * o + q] = entry;
                }
        kit_close(count, got, outputs == NTK_OUTPUTS_FULL ? full : want, 1e-12);
        for (int64_t l = 0; l < layers; ++l)
            for (int64_t i = 0; i < count; ++i) sum[i] += terms[l * count + i];
        kit_close(count, sum, got, 1e-12);
    }
    free(sum);
    free(want);
    free(terms);
    free(got);
}

/* True: with masks. */
static bool laws_hold(ntk_context *ctx, const writer *text, ntk_network *network)
{
    problem w;
    double error;
    bool masked;
    open_problem(ctx, network, text->seed, &w);
    masked = w.structure.mask != NULL;
    kit_ok(ctx, ntk_jacobian_adjoint_error(ctx, w.jacobian, text->seed, &error));
    if (!(error <= 1e-13)) print_error("%s\n", text->text);
    assert_true(error <= 1e-13);
    if (!text->kinked) derivatives_are_differences(ctx, &w);
    for (int with_d = 0; with_d < 2; ++with_d) {
        double *want = by_loops(&w, with_d);
        grams_agree(ctx, &w, with_d, want);
        kernels_agree(ctx, &w, with_d, want);
        free(want);
    }
    close_problem(&w);
    return masked;
}

/* ---- in f32 ---------------------------------------------------------------------------------------------------------- */

#define BOUND (100 * 0x1p-24) /* sums of up to 36 terms, up to twelve steps in a chain */

/* Rounds the numbers and copies them as floats. */
static float *narrow(int64_t count, double *numbers)
{
    float *f = calloc((size_t)count + 1, sizeof *f);
    assert_non_null(f);
    for (int64_t i = 0; i < count; ++i) numbers[i] = f[i] = (float)numbers[i];
    return f;
}

static void check_floats(int64_t count, const float *got, const double *want)
{
    double *wide = kit_drawn(1, count);
    for (int64_t i = 0; i < count; ++i) wide[i] = (double)got[i];
    kit_close(count, wide, want, BOUND);
    free(wide);
}

/* One problem whose numbers are floats, and its views in f32. */
typedef struct single {
    problem wide;
    float *numbers[3];
    ntk_array theta, x;
    ntk_jacobian *jacobian;
} single;

static void open_single(ntk_context *ctx, ntk_network *network, uint64_t seed, single *s)
{
    int64_t shape[NTK_MAX_NDIM + 1] = {N};
    int ndim = ntk_network_input(network, shape + 1);
    ntk_array out;
    open_problem(ctx, network, seed, &s->wide);
    ntk_jacobian_destroy(s->wide.jacobian);
    ntk_optimizer_destroy(s->wide.optimizer);
    s->numbers[0] = narrow(s->wide.p, s->wide.numbers[0]);
    s->numbers[1] = narrow(N * ntk_network_input_size(network), s->wide.numbers[1]);
    s->numbers[2] = narrow(s->wide.p, s->wide.numbers[2]);
    s->theta = ntk_array_dense(s->numbers[0], NTK_F32, 1, &s->wide.p);
    s->x = ntk_array_dense(s->numbers[1], NTK_F32, ndim + 1, shape);
    out = ntk_matrix_f64(s->wide.j, s->wide.rows, s->wide.p);
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &s->wide.d, &s->wide.optimizer));
    make_jacobian(ctx, &s->wide);
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, s->wide.jacobian, 0, &out));
    kit_ok(ctx, ntk_jacobian_with(ctx, network, &s->theta, &s->x, &s->wide.structure, &s->jacobian));
}

static void close_single(single *s)
{
    ntk_jacobian_destroy(s->jacobian);
    for (int i = 0; i < 3; ++i) free(s->numbers[i]);
    s->wide.network = NULL; /* the other problem's */
    close_problem(&s->wide);
}

static void single_grams_agree(ntk_context *ctx, const single *s, bool with_d, const double *want)
{
    const ntk_optimizer *d = with_d ? s->wide.optimizer : NULL;
    int64_t rows = s->wide.rows, size = rows * rows;
    float *k = calloc((size_t)size, sizeof *k), *diagonal = calloc((size_t)rows, sizeof *diagonal);
    double *wanted = kit_drawn(1, rows);
    ntk_array out = ntk_matrix_f32(k, rows, rows), line = ntk_array_dense(diagonal, NTK_F32, 1, &rows);
    for (int64_t i = 0; i < rows; ++i) wanted[i] = want[i * rows + i];
    for (int a = NTK_ALGORITHM_AUTO; a <= NTK_ALGORITHM_PRODUCTS; ++a) {
        ntk_gram *gram;
        if (a == NTK_ALGORITHM_STRUCTURED && unstructured(&s->wide, d)) continue;
        kit_ok(ctx, ntk_gram_from_jacobian_by(ctx, s->jacobian, d, (ntk_algorithm)a, &gram));
        kit_ok(ctx, ntk_gram_get_block(ctx, gram, NTK_KIND_NTK, 0, 0, &out));
        check_floats(size, k, want);
        kit_ok(ctx, ntk_gram_get_diagonal(ctx, gram, NTK_KIND_NTK, &line));
        check_floats(rows, diagonal, wanted);
        ntk_gram_destroy(gram);
    }
    free(wanted);
    free(diagonal);
    free(k);
}

/* The kernel and its layers by each rule of outputs, in f64 and in f32; and the samples with themselves. */
static void single_kernels_agree(ntk_context *ctx, const single *s, bool with_d, ntk_algorithm algorithm)
{
    int64_t o = s->wide.o, layers = ntk_network_layers(s->wide.network), size = s->wide.rows * s->wide.rows;
    const ntk_optimizer *d = with_d ? s->wide.optimizer : NULL;
    double *want = kit_drawn(1, (2 + layers) * size);
    float *got = calloc((size_t)((2 + layers) * size), sizeof *got);
    for (int outputs = 0; outputs < 3; ++outputs) {
        int64_t n = outputs == NTK_OUTPUTS_FULL ? s->wide.rows : N, shape[] = {layers, n, n, o}, line[] = {layers, n, o};
        int trailing = outputs == NTK_OUTPUTS_DIAGONAL;
        int64_t count = n * n * (trailing ? o : 1), short_count = n * (trailing ? o : 1);
        ntk_kernel_options options = {NTK_KERNEL_OPTIONS_INIT, .outputs = (ntk_outputs)outputs, .algorithm = algorithm};
        for (int dtype = 0; dtype < 2; ++dtype) {
            void *at = dtype == NTK_F64 ? (void *)want : (void *)got;
            char *base = at;
            size_t bytes = ntk_dtype_size((ntk_dtype)dtype);
            ntk_array ntk = ntk_array_dense(base, (ntk_dtype)dtype, 2 + trailing, shape + 1);
            ntk_array nngp = ntk_array_dense(base + (size_t)count * bytes, (ntk_dtype)dtype, 2 + trailing, shape + 1);
            ntk_array planes = ntk_array_dense(base + 2 * (size_t)count * bytes, (ntk_dtype)dtype, 3 + trailing, shape);
            ntk_kernel *kernel;
            kit_ok(ctx, ntk_kernel_empirical(ctx, s->wide.network, dtype == NTK_F64 ? &s->wide.theta : &s->theta, d, &options, &kernel));
            kit_ok(ctx, ntk_kernel_eval(ctx, kernel, dtype == NTK_F64 ? &s->wide.x : &s->x, NULL,
                                        &(ntk_request){NTK_REQUEST_INIT, .ntk = &ntk, .nngp = &nngp, .layers = &planes, .structure1 = &s->wide.structure}));
            ntk_kernel_destroy(kernel);
        }
        for (int64_t plane = 0; plane < 2 + layers; ++plane) check_floats(count, got + plane * count, want + plane * count);
        for (int dtype = 0; dtype < 2; ++dtype) {
            ntk_array ntk = ntk_array_dense(dtype == NTK_F64 ? (void *)want : (void *)got, (ntk_dtype)dtype, 1 + trailing, line + 1);
            ntk_kernel *kernel;
            kit_ok(ctx, ntk_kernel_empirical(ctx, s->wide.network, dtype == NTK_F64 ? &s->wide.theta : &s->theta, d, &options, &kernel));
            kit_ok(ctx, ntk_kernel_diagonal(ctx, kernel, dtype == NTK_F64 ? &s->wide.x : &s->x, &(ntk_request){NTK_REQUEST_INIT, .ntk = &ntk, .structure1 = &s->wide.structure}));
            ntk_kernel_destroy(kernel);
        }
        check_floats(short_count, got, want);
    }
    free(got);
    free(want);
}

static void laws_hold_in_f32(ntk_context *ctx, const writer *text, ntk_network *network)
{
    single s;
    double error;
    float *rows;
    ntk_array out;
    open_single(ctx, network, text->seed, &s);
    kit_ok(ctx, ntk_jacobian_adjoint_error(ctx, s.jacobian, text->seed, &error));
    if (!(error <= 1e-6)) print_error("%s\n", text->text);
    assert_true(error <= 1e-6);
    rows = calloc((size_t)(s.wide.rows * s.wide.p) + 1, sizeof *rows);
    out = ntk_matrix_f32(rows, s.wide.rows, s.wide.p);
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, s.jacobian, 0, &out));
    check_floats(s.wide.rows * s.wide.p, rows, s.wide.j);
    free(rows);
    for (int with_d = 0; with_d < 2; ++with_d) {
        double *want = by_loops(&s.wide, with_d);
        single_grams_agree(ctx, &s, with_d, want);
        single_kernels_agree(ctx, &s, with_d, NTK_ALGORITHM_AUTO);
        single_kernels_agree(ctx, &s, with_d, NTK_ALGORITHM_CONTRACTION);
        free(want);
    }
    close_single(&s);
}

/* ---- all of them --------------------------------------------------------------------------------------------------- */

/* Layers that do not fit what comes before them (a window larger than its input) make no network: the next draw does. */
static ntk_network *draw_network(ntk_context *ctx, int of, const sort *given, uint64_t *seed, writer *w)
{
    for (int tries = 0; tries < 200; ++tries) {
        ntk_network *network;
        if (!write_network(w, ++*seed, of, given)) continue;
        if (ntk_network_parse(ctx, w->text, &network) == NTK_OK) return network;
        if (ntk_context_error(ctx) != NTK_ERROR_NETWORK) print_error("%s\n%s\n", w->text, ntk_context_error_message(ctx));
        assert_int_equal(ntk_context_error(ctx), NTK_ERROR_NETWORK);
    }
    fail_msg("no network with %s fits", given->one);
    return NULL;
}

/* Every sort in a network of its own, among others. */
static void random_networks(void **state)
{
    ntk_context *ctx = *state;
    uint64_t seed = 0;
    int masked = 0, smooth = 0;
    for (int round = 0; round < ROUNDS; ++round)
        for (int of = 0; of < FAMILIES; ++of)
            for (int i = 0; i < families[of].count; ++i) {
                writer w;
                ntk_network *network = draw_network(ctx, of, &families[of].sorts[i], &seed, &w);
                if (getenv("LAWS")) print_message("%s\n", w.text);
                laws_hold_in_f32(ctx, &w, network);
                masked += laws_hold(ctx, &w, network);
                smooth += !w.kinked;
            }
    assert_true(masked >= 20 && smooth >= 100);
}

/* Is there a sort of {"op": name ...}? */
static bool is_drawn(const char *name)
{
    char op[64];
    snprintf(op, sizeof op, "\"op\": \"%s\"", name);
    for (int of = 0; of < FAMILIES; ++of)
        for (int i = 0; i < families[of].count; ++i)
            if (strstr(families[of].sorts[i].one, op)) return true;
    return false;
}

static void none_is_forgotten(void **state)
{
    (void)state;
    for (int i = 0; ntk_ops[i]; ++i)
        if (!is_drawn(ntk_ops[i]->name)) fail_msg("no network has the op %s", ntk_ops[i]->name);
    for (int i = 0; ntk_activations[i]; ++i)
        if (ntk_activations[i]->value && !is_drawn(ntk_activations[i]->name)) fail_msg("no network has the activation %s", ntk_activations[i]->name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(random_networks), kit_test(none_is_forgotten)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
