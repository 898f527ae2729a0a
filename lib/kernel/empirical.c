/*
 * The empirical kernel of a finite network by Jacobian contraction (docs/mathematics.md §6.1, algorithm 1):
 *
 *     full      Theta = A Bᵀ,             A = J(x1) D^-1/2,  B = J(x2) D^-1/2,  rows (sample, output)
 *     trace     (1/o) sum_o A_o B_oᵀ      one product with the rows of a sample joined: [n, o p]
 *     diagonal  A_o B_oᵀ for each o       [n1, n2, o]
 *
 * and the same with f in the place of J for the NNGP; a layer's own term is that of its columns.  Per sample: J, n o p numbers.  It
 * serves every network and every D; where the rows of J are outer products layer by layer, structured.c needs none of them.
 */
#include "kernel.h"
#include "real.h"

#include <math.h>
#include <string.h>

/* Bytes of J that are kept; where it is larger, it goes by strips (strips.c). */
#define KEPT (64.0 * 1048576)

/* Rows that meet: J D^-1/2 [n o, p], NULL where it is not kept, and f [n o, 1]. */
typedef struct features {
    real *jacobian, *f;
} features;

static void release(ntk_points *points)
{
    features *w = points->prepared;
    ntk_free(w->jacobian);
    ntk_free(w->f);
    ntk_free(w);
}

static ntk_status jacobian_of(ntk_context *ctx, const ntk_kernel *k, const ntk_points *points, real *out)
{
    ntk_status status;
    ntk_jacobian *j = NULL;
    int64_t p = k->network->n_parameters, shape[NTK_MAX_NDIM];
    ntk_array theta = ntk_array_dense(k->theta, NTK_REAL, 1, &p), x;
    shape[0] = points->n;
    memcpy(shape + 1, k->network->shape, (NTK_MAX_NDIM - 1) * sizeof *shape);
    x = ntk_array_dense(points->x, NTK_REAL, k->network->ndim + 1, shape);
    if (points->sites.n_crops > 0) NTK_TRY(ntk_jacobian_rows_at(ctx, k->network, &points->sites, k->theta, points->x, out));
    else {
        NTK_TRY(ntk_jacobian_from_network(ctx, k->network, &theta, &x, &j));
        NTK_TRY(ntk_jacobian_dense_rows(ctx, j, 0, j->rows, out));
    }
    ntk_optimizer_scale(k->optimizer, points->n * ntk_network_outputs(k->network), p, out, 0.5);
done:
    ntk_jacobian_destroy(j);
    return status;
}

static double kept_bytes(const ntk_kernel *k, int64_t n)
{
    double bytes = sizeof(real) * (double)n * (double)ntk_network_outputs(k->network) * (double)k->network->n_parameters;
    return k->keeps || bytes <= KEPT ? bytes : 0;
}

static ntk_status prepare(ntk_context *ctx, const ntk_kernel *k, ntk_points *points)
{
    ntk_status status;
    features *w = NULL;
    int64_t rows, numbers, o = ntk_network_outputs(k->network);
    NTK_TRY(ntk_size_product(ctx, "rows of the Jacobian", points->n, o, &rows));
    NTK_TRY(NTK_NEW(ctx, 1, &w));
    points->prepared = w;
    NTK_TRY(NTK_NEW_RAW(ctx, rows, &w->f));
    NTK_TRY(ntk_finite_check_sites(ctx, k->network, &points->sites));
    if (points->sites.n_crops > 0) NTK_TRY_PART(ctx, 0, 0.2, ntk_finite_forward_at(ctx, k->network, &points->sites, k->theta, points->x, w->f));
    else NTK_TRY_PART(ctx, 0, 0.2, ntk_finite_forward(ctx, k->network, points->n, k->theta, points->x, w->f));
    if (kept_bytes(k, points->n) == 0 && points->sites.n_crops == 0) return NTK_OK;
    NTK_TRY(ntk_size_product(ctx, "the Jacobian", rows, k->network->n_parameters, &numbers));
    NTK_TRY(ntk_memory_require(ctx, "the Jacobian", (double)numbers * sizeof(real)));
    NTK_TRY(NTK_NEW_RAW(ctx, numbers, &w->jacobian));
    NTK_TRY_PART(ctx, 0.2, 1, jacobian_of(ctx, k, points, w->jacobian));
done:
    return status;
}

/* As ntk_empirical_contract(), of columns [0, width) of rows that are p numbers apart. */
static ntk_status contract(ntk_context *ctx, ntk_outputs outputs, int64_t o, int64_t p, int64_t width, const real *a, int64_t m, const real *b,
                           int64_t n, real *out, int64_t ld)
{
    ntk_status status = NTK_OK;
    double each = outputs == NTK_OUTPUTS_TRACE ? 1 / (double)o : 1;
    real *plane = NULL;
    int64_t step = outputs == NTK_OUTPUTS_TRACE ? 1 : o;
    if (outputs == NTK_OUTPUTS_FULL) return ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, m * o, n * o, width, 1, a, p, b, p, 0, out, ld);
    if (outputs == NTK_OUTPUTS_TRACE && width == p)
        return ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, m, n, o * p, each, a, o * p, b, o * p, 0, out, ld);
    NTK_TRY(NTK_NEW_RAW(ctx, m * n, &plane));
    for (int64_t q = 0; q < o; ++q) {
        bool add = outputs == NTK_OUTPUTS_TRACE && q > 0;
        NTK_TRY_PART(ctx, (double)q / (double)o, (double)(q + 1) / (double)o,
                     ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, m, n, width, each, a + q * p, o * p, b + q * p, o * p, 0, plane, n));
        for (int64_t i = 0; i < m; ++i)
            for (int64_t j = 0; j < n; ++j) {
                real *entry = out + i * ld + j * step + (step > 1 ? q : 0);
                *entry = (add ? *entry : 0) + plane[i * n + j];
            }
    }
done:
    ntk_free(plane);
    return status;
}

ntk_status ntk_empirical_contract(ntk_context *ctx, ntk_outputs outputs, int64_t o, int64_t p, const real *a, int64_t m, const real *b, int64_t n,
                                  real *out, int64_t ld)
{
    return contract(ctx, outputs, o, p, p, a, m, b, n, out, ld);
}

static ntk_status check_layers(ntk_context *ctx, const ntk_kernel *k, int64_t rows, int64_t n, const ntk_tile *tile, int64_t ld)
{
    ntk_status status = NTK_OK;
    for (int64_t l = 0; tile->layers && l < k->layers; ++l)
        NTK_TRY(ntk_check_values(ctx, "a layer's term of J D^-1 J'", NTK_REAL, rows, n, (real *)tile->layers + l * tile->layer_stride, ld));
done:
    return status;
}

/* The terms of the layers: each its own columns. */
static ntk_status contract_layers(ntk_context *ctx, const ntk_kernel *k, const real *a, int64_t m, const real *b, int64_t n, const ntk_tile *tile)
{
    ntk_status status = NTK_OK;
    int64_t o = ntk_network_outputs(k->network), p = k->network->n_parameters;
    for (int64_t i = 0; i < k->network->n_steps; ++i) {
        const ntk_step *s = &k->network->steps[i];
        real *plane = (real *)tile->layers + s->parametric * tile->layer_stride;
        if (s->parametric < 0) continue;
        NTK_TRY(contract(ctx, k->outputs, o, p, s->n_parameters, a + s->offset, m, b + s->offset, n, plane, tile->ld));
    }
done:
    return status;
}

ntk_status ntk_empirical_check(ntk_context *ctx, int64_t rows, int64_t n, const ntk_tile *tile, int64_t ld)
{
    ntk_status status = NTK_OK;
    if (tile->ntk) NTK_TRY(ntk_check_values(ctx, "an entry of J D^-1 J'", NTK_REAL, rows, n, tile->ntk, ld));
    if (tile->nngp) NTK_TRY(ntk_check_values(ctx, "an entry of f f'", NTK_REAL, rows, n, tile->nngp, ld));
done:
    return status;
}

static ntk_status block(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                        int64_t column, int64_t n, const ntk_tile *tile)
{
    const features *u = a->prepared, *v = b->prepared;
    int64_t o = ntk_network_outputs(k->network), p = k->network->n_parameters, rows = m * k->per_sample, width = n * k->per_sample * k->trailing;
    bool strips = (tile->ntk || tile->layers) && !(u->jacobian && v->jacobian);
    ntk_status status = NTK_OK;
    if (strips) NTK_TRY_PART(ctx, 0, 1, ntk_strips_block(ctx, k, a, row, m, b, column, n, tile));
    if (tile->ntk && !strips) NTK_TRY(ntk_empirical_contract(ctx, k->outputs, o, p, u->jacobian + row * o * p, m, v->jacobian + column * o * p, n, tile->ntk, tile->ld));
    if (tile->nngp) NTK_TRY(ntk_empirical_contract(ctx, k->outputs, o, 1, u->f + row * o, m, v->f + column * o, n, tile->nngp, tile->ld));
    if (tile->layers && !strips) NTK_TRY(contract_layers(ctx, k, u->jacobian + row * o * p, m, v->jacobian + column * o * p, n, tile));
    NTK_TRY(ntk_empirical_check(ctx, rows, width, tile, tile->ld));
    NTK_TRY(check_layers(ctx, k, rows, width, tile, tile->ld));
done:
    return status;
}

/* Of `width` numbers in each of `rows` rows, p apart. */
static double square(const real *row, int64_t rows, int64_t p, int64_t width)
{
    double sum = 0;
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = 0; i < width; ++i) sum += (double)row[r * p + i] * (double)row[r * p + i];
    return sum;
}

static void squares(ntk_outputs outputs, int64_t o, int64_t p, int64_t width, const real *rows, int64_t m, real *out)
{
    bool trace = outputs == NTK_OUTPUTS_TRACE;
    int64_t each = trace ? o : 1, count = m * o / each;
    for (int64_t i = 0; i < count; ++i) out[i] = (real)(square(rows + i * each * p, each, p, width) / (double)each);
}

void ntk_empirical_squares(ntk_outputs outputs, int64_t o, int64_t p, const real *rows, int64_t m, real *out)
{
    squares(outputs, o, p, p, rows, m, out);
}

static void squares_of_layers(const ntk_kernel *k, const real *rows, int64_t m, const ntk_tile *tile)
{
    for (int64_t i = 0; i < k->network->n_steps; ++i) {
        const ntk_step *s = &k->network->steps[i];
        if (s->parametric < 0) continue;
        squares(k->outputs, ntk_network_outputs(k->network), k->network->n_parameters, s->n_parameters, rows + s->offset, m,
                (real *)tile->layers + s->parametric * tile->layer_stride);
    }
}

static ntk_status diagonal(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_tile *tile)
{
    const features *u = a->prepared;
    int64_t o = ntk_network_outputs(k->network), p = k->network->n_parameters;
    int64_t width = k->per_sample * k->trailing;
    ntk_status status = NTK_OK;
    if (!u->jacobian && (tile->ntk || tile->layers)) NTK_TRY_PART(ctx, 0, 1, ntk_strips_diagonal(ctx, k, a, row, m, tile));
    if (u->jacobian && tile->ntk) ntk_empirical_squares(k->outputs, o, p, u->jacobian + row * o * p, m, tile->ntk);
    if (u->jacobian && tile->layers) squares_of_layers(k, u->jacobian + row * o * p, m, tile);
    if (tile->nngp) ntk_empirical_squares(k->outputs, o, 1, u->f + row * o, m, tile->nngp);
    NTK_TRY(ntk_empirical_check(ctx, m, width, tile, width));
    NTK_TRY(check_layers(ctx, k, m, width, tile, width));
done:
    return status;
}

/* The tape of the forward pass, then J: its own copies of theta and x, and a tape; a plane of a tile where outputs are taken one by one. */
static void cost(const ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, int64_t n, ntk_cost *cost)
{
    double o = (double)ntk_network_outputs(k->network), p = (double)k->network->n_parameters, tile = (double)NTK_MIN(k->tile, n);
    double rows = ntk_finite_tape_bytes(ctx, k->network, n * (1 + (int64_t)o), 1, NTK_JACOBIAN_BUDGET), forward = ntk_finite_forward_flops(k->network);
    (void)dtype;
    bool strips = kept_bytes(k, n) == 0;
    *cost = (ntk_cost){.prepared = kept_bytes(k, n) + sizeof(real) * (double)n * o};
    cost->preparing = fmax(ntk_finite_tape_bytes(ctx, k->network, n, 1, NTK_TAPE_BUDGET), sizeof(real) * (p + (double)n * (double)ntk_network_input_size(k->network)) + rows);
    cost->tile = sizeof(real) * tile * tile + (strips ? ntk_strips_bytes(ctx, k->network, 2 * tile * o, (int64_t)tile) : 0);
    cost->diagonal = strips ? ntk_strips_bytes(ctx, k->network, o, (int64_t)NTK_MIN(n, NTK_DIAGONAL_SAMPLES)) : 0;
    cost->sample = forward * (2 + 2 * o);
    cost->pair = 2 * o * p * (k->outputs == NTK_OUTPUTS_FULL ? o : 1);
}

const ntk_kernel_class ntk_empirical_kernel = {"empirical", 1 << NTK_REAL, false, 0.5, prepare, release, block, diagonal, cost};
