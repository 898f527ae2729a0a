/*
 * The gram K = J D⁻¹ Jᵀ, by the first of these that applies:
 *
 *     structured   J of a network of dense layers, D an outer product per layer: from inputs and cotangents, without J (structured.c)
 *     strips       the caller's matrix: K += G Gᵀ over strips G of columns of J D^-1/2, each column read once
 *     by layers    any other network: K += G Gᵀ over strips of columns, computed once each (strips.c)
 *     blocks       any other: blocks of rows of J D^-1/2 against each other.  With b blocks a row is computed about b/2 times, so
 *                  they are as tall as half a gigabyte (or a part of the memory limit) allows.
 */
#include "kernel.h"
#include "real.h"

#include <math.h>
#include <string.h>

/* Rows of J D^-1/2 at once: about 512 MiB, or a part of the memory limit. */
#define BLOCK ((double)((int64_t)512 << 20))

static int64_t rows_at_once(const ntk_context *ctx, const ntk_jacobian *j)
{
    double limit = (double)ctx->options.memory_limit, budget = limit > 0 ? fmin(BLOCK, limit / 8) : BLOCK;
    int64_t rows = (int64_t)(budget / (8 * fmax((double)j->columns, 1)));
    return NTK_MIN(NTK_MAX(rows, 1), NTK_MAX(j->rows, 1));
}

static ntk_status scaled_rows(ntk_context *ctx, const ntk_gram *g, int64_t first, int64_t count, real *out)
{
    ntk_status status = ntk_jacobian_dense_rows(ctx, g->jacobian, first, count, out);
    if (status == NTK_OK) ntk_optimizer_scale(g->optimizer, count, g->jacobian->columns, out, 0.5);
    return status;
}

/* a = rows [row, row + m), and K of them with themselves. */
static ntk_status diagonal_block(ntk_context *ctx, const ntk_gram *g, real *k, int64_t row, int64_t m, real *a)
{
    ntk_status status;
    int64_t n = g->size, p = g->jacobian->columns;
    NTK_TRY_PART(ctx, 0, 0.5, scaled_rows(ctx, g, row, m, a));
    NTK_TRY_PART(ctx, 0.5, 1, ntk_syrk(ctx, NTK_REAL, NTK_PLAIN, m, p, 1, a, p, 0, k + row * n + row, n));
done:
    return status;
}

/* K of the rows in a with rows [column, column + count), which b is for. */
static ntk_status lower_block(ntk_context *ctx, const ntk_gram *g, real *k, int64_t row, int64_t m, const real *a, int64_t column, int64_t count, real *b)
{
    ntk_status status;
    int64_t n = g->size, p = g->jacobian->columns;
    NTK_TRY_PART(ctx, 0, 0.5, scaled_rows(ctx, g, column, count, b));
    NTK_TRY_PART(ctx, 0.5, 1, ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, m, count, p, 1, a, p, b, p, 0, k + row * n + column, n));
done:
    return status;
}

static ntk_status contract_jacobian(ntk_context *ctx, const ntk_gram *g, real *k)
{
    ntk_status status = NTK_OK;
    int64_t n = g->size, p = g->jacobian->columns, step = rows_at_once(ctx, g->jacobian), count = (n + step - 1) / step;
    real *a = NULL, *b = NULL, whole = (double)count * (double)(count + 1) / 2, done = 0;
    NTK_TRY(NTK_NEW_RAW(ctx, step * p, &a));
    NTK_TRY(NTK_NEW_RAW(ctx, step * p, &b));
    for (int64_t row = 0; row < n; row += step) {
        int64_t m = NTK_MIN(step, n - row);
        NTK_TRY_PART(ctx, done / whole, (done + 1) / whole, diagonal_block(ctx, g, k, row, m, a));
        ++done;
        for (int64_t column = 0; column < row; column += step, ++done)
            NTK_TRY_PART(ctx, done / whole, (done + 1) / whole, lower_block(ctx, g, k, row, m, a, column, step, b));
    }
    ntk_mirror(ctx, NTK_REAL, n, k, n);
done:
    ntk_free(a);
    ntk_free(b);
    return status;
}

/* ---- the caller's matrix ----------------------------------------------------------------------------------------- */

/* Columns of a strip: 64 MiB, or a part of the memory limit. */
static int64_t columns_at_once(const ntk_context *ctx, const ntk_jacobian *j)
{
    double limit = (double)ctx->options.memory_limit, budget = limit > 0 ? fmin(BLOCK / 8, limit / 8) : BLOCK / 8;
    int64_t columns = (int64_t)(budget / (8 * fmax((double)j->rows, 1)));
    return NTK_MIN(NTK_MAX(columns, 1), NTK_MAX(j->columns, 1));
}

/* strip [rows, count] = columns [first, first + count) of J D^-1/2. */
static void copy_strip(const ntk_gram *g, int64_t first, int64_t count, real *strip)
{
    const ntk_jacobian *j = g->jacobian;
    const real *matrix = j->matrix;
    for (int64_t r = 0; r < j->rows; ++r) memcpy(strip + r * count, matrix + r * j->columns + first, (size_t)count * sizeof *strip);
    for (int64_t c = 0; g->optimizer && g->optimizer->d && c < count; ++c) {
        double root = sqrt(g->optimizer->d[first + c]);
        for (int64_t r = 0; r < j->rows; ++r) strip[r * count + c] /= root;
    }
}

static ntk_status contract_strips(ntk_context *ctx, const ntk_gram *g, real *k)
{
    ntk_status status;
    int64_t n = g->size, p = g->jacobian->columns, step = columns_at_once(ctx, g->jacobian);
    real *strip = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, step * n, &strip));
    memset(k, 0, (size_t)(n * n) * sizeof *k);
    for (int64_t first = 0; first < p; first += step) {
        int64_t count = NTK_MIN(step, p - first);
        copy_strip(g, first, count, strip);
        NTK_TRY_PART(ctx, (double)first / (double)p, (double)(first + count) / (double)p,
                     ntk_syrk(ctx, NTK_REAL, NTK_PLAIN, n, count, 1, strip, count, 1, k, n));
    }
    ntk_mirror(ctx, NTK_REAL, n, k, n);
done:
    ntk_free(strip);
    return status;
}

/* ---- a network of dense layers ----------------------------------------------------------------------------------- */

static ntk_status from_factors(ntk_context *ctx, const ntk_gram *g, real *k)
{
    ntk_status status;
    const ntk_jacobian *j = g->jacobian;
    ntk_factors f = {0};
    int64_t n = j->rows / j->outputs;
    NTK_TRY_PART(ctx, 0, 0.3, ntk_factors_create(ctx, j->network, g->optimizer, j->theta, n, j->x, &f));
    NTK_TRY_PART(ctx, 0.3, 1, ntk_factors_fill(ctx, &(ntk_factors_block){&f, &f, NTK_OUTPUTS_FULL, 0, n, 0, n, g->size}, k, NULL, 0));
    ntk_mirror(ctx, NTK_REAL, g->size, k, g->size);
done:
    ntk_factors_clear(&f);
    return status;
}

static ntk_status from_network(ntk_context *ctx, const ntk_gram *g, real *k)
{
    return ntk_strips_gram(ctx, g->jacobian, g->optimizer, k);
}

/* Bytes that one of them needs beside K, and the one itself. */
typedef struct way {
    ntk_algorithm name;
    double bytes;
    ntk_status (*fill)(ntk_context *ctx, const ntk_gram *g, real *k);
} way;

static bool fits(const ntk_context *ctx, double bytes)
{
    double limit = (double)ctx->options.memory_limit;
    return limit == 0 || bytes <= limit;
}

static way choose(const ntk_context *ctx, const ntk_gram *g)
{
    const ntk_jacobian *j = g->jacobian;
    double rows = (double)j->rows, columns = (double)j->columns;
    bool plain = j->network && j->sites.n_crops == 0; /* without masks and graphs */
    if (j->matrix) return (way){NTK_ALGORITHM_CONTRACTION, 8 * rows * (double)columns_at_once(ctx, j), contract_strips};
    if (g->algorithm != NTK_ALGORITHM_CONTRACTION && plain && ntk_factors_fit(j->network, g->optimizer)) {
        double bytes = ntk_factors_bytes(j->network, j->rows / j->outputs);
        if (g->algorithm == NTK_ALGORITHM_STRUCTURED || fits(ctx, 8 * rows * rows + bytes)) return (way){NTK_ALGORITHM_STRUCTURED, bytes, from_factors};
    }
    if (plain && ntk_strips_fit(j->network)) return (way){NTK_ALGORITHM_CONTRACTION, ntk_strips_bytes(ctx, j->network, rows, 0), from_network};
    return (way){NTK_ALGORITHM_CONTRACTION, 16 * (double)rows_at_once(ctx, j) * columns, contract_jacobian};
}

ntk_status ntk_gram_contract(ntk_context *ctx, const ntk_gram *gram, real *k)
{
    ntk_status status;
    way a = choose(ctx, gram);
    NTK_TRY(ntk_memory_require(ctx, "the gram", 8 * (double)gram->size * (double)gram->size + a.bytes));
    NTK_TRY(a.fill(ctx, gram, k));
    NTK_TRY(ntk_check_values(ctx, "an entry of J D^-1 J'", NTK_REAL, gram->size, gram->size, k, gram->size));
done:
    return status;
}

/* ---- the handle ------------------------------------------------------------------------------------------------ */

static ntk_status check_algorithm(ntk_context *ctx, const ntk_jacobian *j, const ntk_optimizer *optimizer, ntk_algorithm algorithm)
{
    if (!ntk_algorithm_name(algorithm))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "algorithm is %d; expected auto, structured, contraction or products", (int)algorithm);
    if (algorithm != NTK_ALGORITHM_STRUCTURED) return NTK_OK;
    if (!j->network) return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "structured needs the Jacobian of a network; this one is of %s", j->class->name);
    if (j->sites.n_crops > 0) return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "structured takes no masks and graphs");
    return ntk_factors_check(ctx, j->network, optimizer);
}

static ntk_status fill(ntk_context *ctx, ntk_gram *g)
{
    ntk_status status;
    way a = choose(ctx, g);
    NTK_TRY(ntk_memory_require(ctx, "the gram", 8 * (double)g->size * (double)g->size + a.bytes));
    NTK_TRY(ntk_gram_new_matrix(ctx, g, NTK_KIND_NTK));
    NTK_TRY(ntk_gram_contract(ctx, g, g->owned[NTK_KIND_NTK]));
    g->algorithm = a.name;
done:
    return status;
}

ntk_status ntk_gram_from_jacobian_by(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, ntk_algorithm algorithm, ntk_gram **gram)
{
    ntk_status status;
    ntk_gram *g = NULL;
    NTK_ENTER_NEW(ctx, gram);
    NTK_REQUIRE(ctx, jacobian);
    NTK_TRY(ntk_optimizer_check(ctx, optimizer, jacobian->columns));
    NTK_TRY(check_algorithm(ctx, jacobian, optimizer, algorithm));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &g));
    g->storage = &ntk_full_storage;
    g->jacobian = ntk_retain(jacobian);
    g->optimizer = ntk_retain(optimizer);
    g->dtype = NTK_REAL;
    g->size = jacobian->rows;
    g->per_sample = jacobian->outputs;
    g->algorithm = algorithm;
    if (algorithm != NTK_ALGORITHM_PRODUCTS) NTK_TRY(fill(ctx, g));
    *gram = g;
    g = NULL;
done:
    ntk_gram_destroy(g);
    return status;
}

ntk_status ntk_gram_from_jacobian(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, ntk_gram **gram)
{
    return ntk_gram_from_jacobian_by(ctx, jacobian, optimizer, NTK_ALGORITHM_AUTO, gram);
}

ntk_algorithm ntk_gram_algorithm(const ntk_gram *gram)
{
    return gram ? gram->algorithm : NTK_ALGORITHM_AUTO;
}
