/* The handle: data, the chain, values in, objective and gradient out; and the network with other values. */
#include "tune.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- making it --------------------------------------------------------------------------------------------------- */

static ntk_status read_options(ntk_context *ctx, const ntk_tuner_options *options, ntk_tuner_options *o)
{
    ntk_status status = NTK_OPTIONS_READ(ctx, options, o);
    if (status != NTK_OK) return status;
    if (!ntk_kind_name(o->kind)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.kind is %d: no kind", (int)o->kind);
    if (!ntk_objective_name(o->objective)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.objective is %d: no objective", (int)o->objective);
    if (o->noise == 0) o->noise = 0.01;
    if (o->noise > 0 && isfinite(o->noise)) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.noise is %g; expected a finite number > 0", o->noise);
}

/* Squared lengths and distances, divided by the number of inputs: the first state of every pair. */
typedef struct distances_job {
    int64_t n, d;
    const double *x;
    double *squares, *distances;
} distances_job;

static void distances_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const distances_job *j = user;
    (void)worker;
    for (int64_t row = begin; row < end; ++row) {
        const double *a = j->x + row * j->d;
        j->squares[row] = ntk_square_sum(j->d, a) / (double)j->d;
        for (int64_t column = 0; column < row; ++column) {
            const double *b = j->x + column * j->d;
            double sum = 0;
            for (int64_t k = 0; k < j->d; ++k) sum += (a[k] - b[k]) * (a[k] - b[k]);
            j->distances[row * j->n + column] = sum / (double)j->d;
        }
    }
}

static ntk_status read_inputs(ntk_context *ctx, const ntk_array *x, ntk_tuner *t)
{
    ntk_status status;
    void *copy = NULL;
    const void *dense;
    int64_t count;
    distances_job j;
    NTK_REQUIRE(ctx, x);
    NTK_TRY(ntk_network_check_input(ctx, t->network, "x", x, NTK_F64));
    t->n = x->shape[0];
    NTK_TRY(ntk_size_product(ctx, "the distances", t->n, t->n, &count));
    NTK_TRY(ntk_memory_require(ctx, "tuning", 4.0 * sizeof(double) * (double)count));
    NTK_TRY(NTK_NEW_RAW(ctx, t->n, &t->squares));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &t->distances));
    NTK_TRY(ntk_borrow(ctx, x, &dense, &copy));
    j = (distances_job){t->n, ntk_network_input_size(t->network), dense, t->squares, t->distances};
    ntk_parallel(ctx, t->n, 8, distances_rows, &j);
done:
    ntk_free(copy);
    return status;
}

static ntk_status read_targets(ntk_context *ctx, const ntk_array *y, ntk_tuner *t)
{
    ntk_status status;
    void *copy = NULL;
    NTK_TRY(ntk_check_shape(ctx, "y", y, NTK_F64, NTK_SHAPE(t->n, -1)));
    NTK_TRY(ntk_check_finite(ctx, "y", y));
    t->columns = y->shape[1];
    if (t->n < 2 || t->columns < 1)
        return ntk_fail(ctx, NTK_ERROR_SHAPE, "y has shape [%lld, %lld]; tuning takes at least two samples and one target", (long long)t->n, (long long)t->columns);
    NTK_TRY(ntk_copy_dense(ctx, y, &copy));
    t->y = copy;
done:
    return status;
}

ntk_status ntk_tuner_create(ntk_context *ctx, const ntk_network *network, const ntk_array *x, const ntk_array *y, const ntk_tuner_options *options, ntk_tuner **tuner)
{
    ntk_status status;
    ntk_tuner_options o;
    ntk_tuner *t = NULL;
    NTK_ENTER_NEW(ctx, tuner);
    NTK_REQUIRE(ctx, network);
    NTK_TRY(read_options(ctx, options, &o));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &t));
    t->network = ntk_retain(network);
    t->objective = o.objective;
    NTK_TRY(ntk_tune_chain_open(ctx, network, o.kind, o.noise, &t->chain));
    NTK_TRY(read_inputs(ctx, x, t));
    NTK_TRY(read_targets(ctx, y, t));
    *tuner = t;
    t = NULL;
done:
    ntk_tuner_destroy(t);
    return status;
}

void ntk_tuner_destroy(ntk_tuner *tuner)
{
    if (!ntk_object_release(tuner)) return;
    ntk_free(tuner->y);
    ntk_free(tuner->distances);
    ntk_free(tuner->squares);
    ntk_tune_chain_close(&tuner->chain);
    ntk_network_destroy(tuner->network);
    ntk_free(tuner);
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

int64_t ntk_tuner_parameters(const ntk_tuner *tuner)
{
    return tuner ? tuner->chain.count : -1;
}

static const char *const key_names[NTK_TUNE_KEYS] = {"w_std", "b_std", "lr"};

ntk_status ntk_tuner_get_name(ntk_context *ctx, const ntk_tuner *tuner, int64_t index, char *text, size_t size)
{
    const ntk_tune_parameter *p;
    int length;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, tuner);
    NTK_REQUIRE(ctx, text);
    if (index < 0 || index >= tuner->chain.count)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "index is %lld; there are %d parameters", (long long)index, tuner->chain.count);
    p = &tuner->chain.parameters[index];
    length = p->layer ? snprintf(text, size, "%s.%s", p->layer->path, key_names[p->key]) : snprintf(text, size, "noise");
    if (length >= 0 && (size_t)length < size) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "size is %zu; the name of parameter %lld has %d characters", size, (long long)index, length);
}

ntk_status ntk_tuner_get_values(ntk_context *ctx, const ntk_tuner *tuner, ntk_array *values)
{
    ntk_status status;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, tuner);
    NTK_TRY(ntk_check_output(ctx, "values", values, NTK_F64, NTK_SHAPE(tuner->chain.count)));
    for (int i = 0; i < tuner->chain.count; ++i) {
        ntk_array one = ntk_array_at(values, i);
        ntk_store(&one, &tuner->chain.parameters[i].value);
    }
done:
    return status;
}

/* The checked values, dense: all positive. */
static ntk_status open_values(ntk_context *ctx, const ntk_tuner *t, const ntk_array *values, double **dense)
{
    ntk_status status;
    void *copy = NULL;
    NTK_TRY(ntk_check_shape(ctx, "values", values, NTK_F64, NTK_SHAPE(t->chain.count)));
    NTK_TRY(ntk_check_finite(ctx, "values", values));
    NTK_TRY(ntk_copy_dense(ctx, values, &copy));
    *dense = copy;
    for (int i = 0; i < t->chain.count; ++i)
        if (!((*dense)[i] > 0)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "values[%d] is %g; expected a number > 0", i, (*dense)[i]);
done:
    return status;
}

/* ---- the objective ----------------------------------------------------------------------------------------------- */

static ntk_status fill(ntk_context *ctx, const ntk_tuner *t, const double *values, double *a)
{
    ntk_status status;
    NTK_TRY(ntk_tune_fill(ctx, &t->chain, values, t->n, t->squares, t->distances, a));
    for (int64_t i = 0; i < t->n; ++i) {
        int64_t bad = ntk_find_not_finite(NTK_F64, a + i * t->n, i + 1);
        if (bad >= 0)
            return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "the kernel of samples %lld and %lld exceeds the range of f64 at these values", (long long)i, (long long)bad);
        a[i * t->n + i] += values[t->chain.count - 1];
    }
done:
    return status;
}

static ntk_status pull(ntk_context *ctx, const ntk_tuner *t, const double *values, const double *g, double *gradient)
{
    ntk_status status;
    for (int64_t i = 0; i < t->n; ++i) gradient[t->chain.count - 1] += g[i * t->n + i];
    NTK_TRY(ntk_tune_pull(ctx, &t->chain, values, t->n, t->squares, t->distances, g, gradient));
    NTK_TRY(ntk_check_result(ctx, "the gradient", NTK_F64, gradient, t->chain.count));
done:
    return status;
}

ntk_status ntk_tuner_evaluate(ntk_context *ctx, const ntk_tuner *tuner, const ntk_array *values, double *value, ntk_array *gradient)
{
    ntk_status status;
    double *dense = NULL, *a = NULL, *g = NULL, *slope = NULL, result = 0;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, tuner);
    NTK_REQUIRE(ctx, value);
    NTK_TRY(open_values(ctx, tuner, values, &dense));
    if (gradient) NTK_TRY(ntk_check_output(ctx, "gradient", gradient, NTK_F64, NTK_SHAPE(tuner->chain.count)));
    NTK_TRY(NTK_NEW(ctx, tuner->n * tuner->n, &a));
    NTK_TRY(NTK_NEW(ctx, tuner->chain.count, &slope));
    if (gradient) NTK_TRY(NTK_NEW_RAW(ctx, tuner->n * tuner->n, &g));
    NTK_TRY_PART(ctx, 0, 0.2, fill(ctx, tuner, dense, a));
    NTK_TRY_PART(ctx, 0.2, 0.7, ntk_tune_objective(ctx, tuner->objective, tuner->n, tuner->columns, a, tuner->y, &result, g));
    NTK_TRY(ntk_check_result(ctx, "the objective", NTK_F64, &result, 1));
    if (gradient) NTK_TRY_PART(ctx, 0.7, 1, pull(ctx, tuner, dense, g, slope));
    *value = result;
    if (gradient) ntk_store(gradient, slope);
done:
    ntk_free(slope);
    ntk_free(g);
    ntk_free(a);
    ntk_free(dense);
    return status;
}

/* ---- the network with other values ------------------------------------------------------------------------------- */

/* Sets the values of the copy of `layer`: the trees have the same paths. */
static void set_values(ntk_layer_list *list, const ntk_tuner *t, const double *values)
{
    static const int keys[NTK_TUNE_KEYS] = {NTK_DENSE_W_STD, NTK_DENSE_B_STD, NTK_DENSE_LR};
    for (int64_t i = 0; i < list->count; ++i) {
        ntk_layer *layer = list->layers[i];
        for (int p = 0; p < t->chain.count - 1; ++p) {
            const ntk_tune_parameter *parameter = &t->chain.parameters[p];
            if (strcmp(parameter->layer->path, layer->path) != 0) continue;
            layer->value[keys[parameter->key]] = values[p];
            layer->given[keys[parameter->key]] = true;
        }
        for (int64_t l = 0; l < layer->n_lists; ++l) set_values(&layer->lists[l], t, values);
    }
}

ntk_status ntk_tuner_network(ntk_context *ctx, const ntk_tuner *tuner, const ntk_array *values, ntk_network **network)
{
    ntk_status status;
    ntk_heading heading;
    ntk_layer_list layers = {0};
    double *dense = NULL;
    NTK_ENTER_NEW(ctx, network);
    NTK_REQUIRE(ctx, tuner);
    heading = ntk_network_heading(tuner->network);
    NTK_TRY(open_values(ctx, tuner, values, &dense));
    NTK_TRY(ntk_layer_list_copy(ctx, &tuner->network->layers, &layers));
    set_values(&layers, tuner, dense);
    NTK_TRY(ntk_network_create(ctx, &heading, &layers, network));
done:
    ntk_layer_list_clear(&layers);
    ntk_free(dense);
    return status;
}
