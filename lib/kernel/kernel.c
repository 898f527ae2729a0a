/* The kernel handle: a constructor for each class that reads a network or a function (blends have theirs), one destructor. */
#include "kernel.h"

#define MONTE_CARLO_SAMPLES 100
#define SPATIAL_TILE 8 /* 64 pairs between two reports: a pair of images may take a second */
#define POOLED_ROWS 8 /* some milliseconds a pair */
#define POOLED_COLUMNS 16
#define PLANE_TILE 128 /* some microseconds a pair */

ntk_status ntk_kernel_new(ntk_context *ctx, const ntk_kernel_class *class, ntk_kernel **kernel)
{
    ntk_status status = NTK_NEW_HANDLE(ctx, kernel);
    if (status != NTK_OK) return status;
    (*kernel)->class = class;
    (*kernel)->per_sample = (*kernel)->trailing = 1;
    (*kernel)->tile = (*kernel)->wide = 512;
    return NTK_OK;
}

static ntk_status read_options(ntk_context *ctx, const ntk_kernel_options *options, ntk_kernel_options *o)
{
    ntk_status status = NTK_OPTIONS_READ(ctx, options, o);
    if (status != NTK_OK) return status;
    if (o->reserved != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "options.reserved is %d; expected 0", (int)o->reserved);
    if (o->reserved_2 != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "options.reserved_2 is %d; expected 0", (int)o->reserved_2);
    if (!ntk_dropout_name(o->dropout)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.dropout is %d; expected training or inference", (int)o->dropout);
    if (o->reserved_3 != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "options.reserved_3 is %d; expected 0", (int)o->reserved_3);
    if (o->algorithm == NTK_ALGORITHM_PRODUCTS)
        return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "options.algorithm is products; only a gram of a Jacobian goes without entries");
    if (!ntk_algorithm_name(o->algorithm))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.algorithm is %d; expected auto, structured, contraction or mixed", (int)o->algorithm);
    if (ntk_outputs_name(o->outputs)) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.outputs is %d; expected full, trace or diagonal", (int)o->outputs);
}

/* Some million pairs between two reports; fewer columns where the tables of a sample are long, so that they stay within 32 MiB. */
static int64_t wide_tile(const ntk_reading *reading)
{
    int64_t fit = ((int64_t)1 << 22) / NTK_MAX(reading->columns, 1) / NTK_RUN * NTK_RUN;
    return NTK_MIN(NTK_MAX(fit, NTK_RUN), 4096);
}

ntk_status ntk_kernel_from_network(ntk_context *ctx, const ntk_network *network, const ntk_kernel_options *options, ntk_kernel **kernel)
{
    ntk_status status;
    ntk_kernel_options o;
    ntk_kernel *k = NULL;
    NTK_ENTER_NEW(ctx, kernel);
    NTK_REQUIRE(ctx, network);
    NTK_TRY(read_options(ctx, options, &o));
    NTK_TRY(ntk_kernel_new(ctx, &ntk_infinite_kernel, &k));
    NTK_TRY(ntk_reading_create(ctx, network, o.dropout, &k->reading));
    k->tile = ntk_reading_tile_rows(k->reading, ntk_network_input_size(network));
    k->wide = wide_tile(k->reading);
    if (k->reading->spatial) k->class = &ntk_spatial_kernel;
    if (k->reading->spatial) k->tile = k->wide = SPATIAL_TILE;
    if (k->reading->planes) k->class = &ntk_planes_kernel;
    if (k->reading->planes) k->tile = k->wide = PLANE_TILE;
    if (k->reading->planes && ntk_planes_pooled(k->reading->planes)) {
        k->tile = POOLED_ROWS;
        k->wide = POOLED_COLUMNS * NTK_MAX(2, ntk_parallel_workers(ctx));
    }
    k->network = ntk_retain(network);
    k->delivers = NTK_WANT_NTK | NTK_WANT_NNGP | NTK_WANT_LAYERS;
    k->layers = network->n_parametric;
    *kernel = k;
    k = NULL;
done:
    ntk_kernel_destroy(k);
    return status;
}

static ntk_status check_theta(ntk_context *ctx, const ntk_network *network, const ntk_array *theta)
{
    ntk_status status;
    NTK_TRY(ntk_check_real(ctx, "theta", theta));
    NTK_TRY(ntk_check_shape(ctx, "theta", theta, theta->dtype, NTK_SHAPE(network->n_parameters)));
    NTK_TRY(ntk_check_finite(ctx, "theta", theta));
done:
    return status;
}

static const ntk_kernel_class *const empirical[2] = NTK_BOTH(ntk_empirical_kernel), *const structured[2] = NTK_BOTH(ntk_structured_kernel);

/* By factors all layers, or those that are cheaper so; none of them: the rows of J. */
static ntk_status choose_layers(ntk_context *ctx, const ntk_network *network, const ntk_optimizer *optimizer, const ntk_kernel_options *o, bool *factored, int64_t *count)
{
    *count = 0;
    if (o->algorithm == NTK_ALGORITHM_CONTRACTION) return NTK_OK;
    if (o->algorithm != NTK_ALGORITHM_STRUCTURED) {
        *count = ntk_factors_choose(network, optimizer, o->outputs, factored);
        return NTK_OK;
    }
    *count = network->n_parametric;
    for (int64_t l = 0; l < *count; ++l) factored[l] = true;
    return ntk_factors_check(ctx, network, optimizer);
}

ntk_algorithm ntk_kernel_algorithm(const ntk_kernel *kernel)
{
    if (!kernel || !kernel->theta) return NTK_ALGORITHM_AUTO;
    if (kernel->class != structured[NTK_F64] && kernel->class != structured[NTK_F32]) return NTK_ALGORITHM_CONTRACTION;
    return kernel->n_factored < kernel->layers ? NTK_ALGORITHM_MIXED : NTK_ALGORITHM_STRUCTURED;
}

ntk_algorithm ntk_kernel_layer_algorithm(const ntk_kernel *kernel, int64_t layer)
{
    if (!kernel || !kernel->theta || layer < 0 || layer >= kernel->layers) return NTK_ALGORITHM_AUTO;
    return kernel->factored && kernel->factored[layer] ? NTK_ALGORITHM_STRUCTURED : NTK_ALGORITHM_CONTRACTION;
}

ntk_status ntk_kernel_empirical(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_optimizer *optimizer, const ntk_kernel_options *options, ntk_kernel **kernel)
{
    ntk_status status;
    ntk_kernel_options o;
    ntk_kernel *k = NULL;
    bool *factored = NULL;
    int64_t outputs, count;
    NTK_ENTER_NEW(ctx, kernel);
    NTK_REQUIRE(ctx, network);
    NTK_TRY(read_options(ctx, options, &o));
    NTK_TRY(ntk_finite_check_network(ctx, network));
    NTK_TRY(check_theta(ctx, network, theta));
    NTK_TRY(ntk_optimizer_check(ctx, optimizer, network->n_parameters));
    NTK_TRY(NTK_NEW(ctx, network->n_parametric, &factored));
    NTK_TRY(choose_layers(ctx, network, optimizer, &o, factored, &count));
    NTK_TRY(ntk_kernel_new(ctx, (count > 0 || o.algorithm == NTK_ALGORITHM_STRUCTURED ? structured : empirical)[theta->dtype], &k));
    k->factored = factored;
    k->n_factored = count;
    factored = NULL;
    outputs = ntk_network_outputs(network);
    k->network = ntk_retain(network);
    k->optimizer = ntk_retain(optimizer);
    k->outputs = o.outputs;
    k->per_sample = o.outputs == NTK_OUTPUTS_FULL ? outputs : 1;
    k->trailing = o.outputs == NTK_OUTPUTS_DIAGONAL ? outputs : 1;
    k->delivers = NTK_WANT_NTK | NTK_WANT_NNGP | NTK_WANT_LAYERS;
    k->layers = network->n_parametric;
    NTK_TRY(ntk_copy_dense(ctx, theta, &k->theta));
    *kernel = k;
    k = NULL;
done:
    ntk_free(factored);
    ntk_kernel_destroy(k);
    return status;
}

ntk_status ntk_kernel_monte_carlo(ntk_context *ctx, const ntk_network *network, const ntk_monte_carlo_options *options, ntk_kernel **kernel)
{
    ntk_status status;
    ntk_monte_carlo_options o;
    ntk_network *wide = NULL;
    NTK_ENTER_NEW(ctx, kernel);
    NTK_REQUIRE(ctx, network);
    NTK_TRY(NTK_OPTIONS_READ(ctx, options, &o));
    if (o.samples == 0) o.samples = MONTE_CARLO_SAMPLES;
    if (o.samples < 2) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.samples is %lld; expected at least 2", (long long)o.samples);
    NTK_TRY(ntk_finite_check_network(ctx, network));
    if (o.width != 0) NTK_TRY(ntk_network_widen(ctx, network, o.width, &wide));
    NTK_TRY(ntk_kernel_new(ctx, &ntk_monte_carlo_kernel, kernel));
    (*kernel)->network = wide ? wide : ntk_retain(network);
    (*kernel)->samples = o.samples;
    (*kernel)->seed = o.seed;
    (*kernel)->outputs = NTK_OUTPUTS_TRACE;
    (*kernel)->delivers = NTK_WANT_NTK | NTK_WANT_NNGP | NTK_WANT_ERRORS;
    wide = NULL;
done:
    ntk_network_destroy(wide);
    return status;
}

ntk_status ntk_kernel_from_callback(ntk_context *ctx, ntk_kernel_fn function, void *user, ntk_kind kind, ntk_kernel **kernel)
{
    ntk_status status;
    NTK_ENTER_NEW(ctx, kernel);
    NTK_REQUIRE(ctx, function);
    if (!ntk_kind_name(kind)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "kind is %d; expected ntk or nngp", (int)kind);
    NTK_TRY(ntk_kernel_new(ctx, &ntk_callback_kernel, kernel));
    (*kernel)->function = function;
    (*kernel)->user = user;
    (*kernel)->delivers = kind == NTK_KIND_NTK ? NTK_WANT_NTK : NTK_WANT_NNGP;
done:
    return status;
}

/* Of an empirical kernel: that of theta. */
static ntk_dtype type_of(const ntk_kernel *kernel)
{
    return ntk_class_takes(kernel->class, NTK_F32) ? NTK_F32 : NTK_F64;
}

/* The same kernel by `class`, with a reading or parameters of its own. */
static ntk_status copy_as(ntk_context *ctx, const ntk_kernel *kernel, const ntk_kernel_class *class, ntk_kernel **copy)
{
    ntk_status status;
    ntk_kernel *k = NULL;
    ntk_array theta = ntk_array_dense(kernel->theta, type_of(kernel), 1, &kernel->network->n_parameters);
    NTK_TRY(ntk_kernel_new(ctx, class, &k));
    k->delivers = kernel->delivers;
    k->per_sample = kernel->per_sample;
    k->trailing = kernel->trailing;
    k->layers = kernel->layers;
    k->outputs = kernel->outputs;
    k->keeps = kernel->theta != NULL;
    k->network = ntk_retain(kernel->network);
    k->optimizer = ntk_retain(kernel->optimizer);
    if (kernel->reading) {
        k->tile = k->wide = SPATIAL_TILE;
        NTK_TRY(ntk_reading_create(ctx, kernel->network, kernel->reading->inference ? NTK_DROPOUT_INFERENCE : NTK_DROPOUT_TRAINING, &k->reading));
    }
    if (kernel->theta) NTK_TRY(ntk_copy_dense(ctx, &theta, &k->theta));
    *copy = k;
    k = NULL;
done:
    ntk_kernel_destroy(k);
    return status;
}

/* A blend whose parts take inputs with this structure. */
static ntk_status copy_blend(ntk_context *ctx, const ntk_kernel *kernel, const ntk_structure *a, const ntk_structure *b, ntk_kernel **copy)
{
    ntk_status status;
    ntk_kernel *k = NULL;
    NTK_TRY(ntk_kernel_new(ctx, kernel->class, &k));
    NTK_TRY(NTK_NEW(ctx, kernel->count, &k->parts));
    k->count = kernel->count;
    k->delivers = kernel->delivers;
    k->per_sample = kernel->per_sample;
    k->trailing = kernel->trailing;
    k->outputs = kernel->outputs;
    k->tile = k->wide = kernel->tile;
    k->network = ntk_retain(kernel->network);
    for (int64_t i = 0; i < k->count; ++i) {
        NTK_TRY(ntk_kernel_for(ctx, kernel->parts[i], a, b, &k->parts[i]));
        k->tile = k->wide = NTK_MIN(k->tile, k->parts[i]->tile);
    }
    if (kernel->weights) NTK_TRY(NTK_NEW_RAW(ctx, k->count, &k->weights));
    for (int64_t i = 0; k->weights && i < k->count; ++i) k->weights[i] = kernel->weights[i];
    *copy = k;
    k = NULL;
done:
    ntk_kernel_destroy(k);
    return status;
}

static bool has_mask(const ntk_structure *s)
{
    return s && s->struct_size >= offsetof(ntk_structure, mask) + sizeof s->mask && s->mask;
}

ntk_status ntk_kernel_for(ntk_context *ctx, const ntk_kernel *kernel, const ntk_structure *a, const ntk_structure *b, ntk_kernel **taken)
{
    const ntk_kernel_class *class = kernel->reading && kernel->reading->spatial ? &ntk_spatial_kernel : kernel->theta ? empirical[type_of(kernel)] : kernel->class;
    *taken = NULL;
    if ((has_mask(a) || has_mask(b)) && kernel->count > 0) return copy_blend(ctx, kernel, a, b, taken);
    if ((has_mask(a) || has_mask(b)) && (class != kernel->class || kernel->theta)) return copy_as(ctx, kernel, class, taken);
    *taken = ntk_retain(kernel);
    return NTK_OK;
}

void ntk_kernel_destroy(ntk_kernel *kernel)
{
    if (!ntk_object_release(kernel)) return;
    for (int64_t i = 0; i < kernel->count; ++i) ntk_kernel_destroy(kernel->parts[i]);
    ntk_free(kernel->parts);
    ntk_free(kernel->weights);
    ntk_reading_destroy(kernel->reading);
    ntk_network_destroy(kernel->network);
    ntk_optimizer_destroy(kernel->optimizer);
    ntk_free(kernel->theta);
    ntk_free(kernel->factored);
    ntk_free(kernel);
}
