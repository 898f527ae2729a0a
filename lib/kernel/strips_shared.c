/*
 * Terms of layers with positions whose outputs share their cotangents (lib/finite/factors_shared.c): row (i, q) of J D^-1/2 is w_qu M_iu, M_i one
 * gradient of the weights per sample, [units, columns], so that
 *
 *     full      sum over u of (w_qu w_ru) G_u,ij,     G_u = M_u M_uᵀ over the columns of unit u (its bias is one of them)
 *     trace     (1/o) sum over u of (sum_q w_qu²) G_u
 *
 * with one row per sample in place of o, and n² p flop in place of n² o² p.  Blocks of samples fit the strips' memory.
 */
#include "kernel.h"
#include "real.h"

#include <math.h>

/* Numbers of G and of what comes of it at once, and bytes of both sides' rows. */
#define NUMBERS ((double)((int64_t)1 << 20))
#define BYTES (128.0 * 1048576)
#define GRAIN 16384

typedef struct sharing {
    const ntk_kernel *k;
    const ntk_step *s;
    int64_t o, units, pairs; /* of outputs, q <= r; trace: 1 */
    real *products;          /* [pairs, units]: w_qu w_ru; trace: sum_q w_qu² / o */
    ntk_room sides[2], grams, mixed;
} sharing;

static void fill_products(const sharing *w, const real *weights)
{
    bool trace = w->k->outputs == NTK_OUTPUTS_TRACE;
    for (int64_t u = 0; u < w->units; ++u) {
        double sum = 0;
        for (int64_t q = 0, at = 0; q < w->o; ++q)
            for (int64_t r = q; r < w->o; ++r) {
                double product = (double)weights[q * w->units + u] * (double)weights[r * w->units + u];
                if (q == r) sum += product;
                if (!trace) w->products[at++ * w->units + u] = (real)product;
            }
        if (trace) w->products[u] = (real)(sum / (double)w->o);
    }
}

static ntk_status open_sharing(ntk_context *ctx, const ntk_kernel *k, const ntk_step *s, sharing *w)
{
    ntk_status status;
    real *weights = NULL;
    int64_t o = ntk_network_outputs(k->network);
    *w = (sharing){.k = k, .s = s, .o = o, .units = s->units, .pairs = k->outputs == NTK_OUTPUTS_TRACE ? 1 : o * (o + 1) / 2};
    NTK_TRY(NTK_NEW_RAW(ctx, o * w->units, &weights));
    NTK_TRY(NTK_NEW_RAW(ctx, w->pairs * w->units, &w->products));
    ntk_shared_weights(k->network, s, k->theta, weights);
    fill_products(w, weights);
done:
    ntk_free(weights);
    return status;
}

static void close_sharing(sharing *w)
{
    ntk_room_close(&w->mixed);
    ntk_room_close(&w->grams);
    ntk_room_close(&w->sides[1]);
    ntk_room_close(&w->sides[0]);
    ntk_free(w->products);
}

/* G [units, m, n] of rows a and b. */
static ntk_status grams_of(ntk_context *ctx, const sharing *w, int64_t m, const real *a, int64_t n, const real *b)
{
    ntk_status status = NTK_OK;
    int64_t p = w->s->n_parameters, fan_in = w->s->fan_in, biases = w->units * fan_in;
    for (int64_t u = 0; u < w->units; ++u) {
        real *g = w->grams.numbers + u * m * n;
        NTK_TRY(ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, m, n, fan_in, 1, a + u * fan_in, p, b + u * fan_in, p, 0, g, n));
        for (int64_t i = 0; w->s->bias && i < m; ++i)
            for (int64_t j = 0; j < n; ++j) g[i * n + j] += a[i * p + biases + u] * b[j * p + biases + u];
    }
done:
    return status;
}

typedef struct mix_job {
    const sharing *w;
    int64_t n, ld;
    real *out;
} mix_job;

/* Sample i against n of them: out += the pairs' numbers, [m, n, pairs], each at both of its places. */
static void mix_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const mix_job *j = user;
    const sharing *w = j->w;
    int64_t o = w->pairs == 1 ? 1 : w->o;
    (void)worker;
    for (int64_t i = begin; i < end; ++i)
        for (int64_t c = 0; c < j->n; ++c) {
            const real *from = w->mixed.numbers + (i * j->n + c) * w->pairs;
            real *to = j->out + i * o * j->ld + c * o;
            for (int64_t q = 0; q < o; ++q)
                for (int64_t r = q; r < o; ++r, ++from) {
                    to[q * j->ld + r] += *from;
                    if (r > q) to[r * j->ld + q] += *from;
                }
        }
}

/* out += the term of rows a [m] and b [n], which fit. */
static ntk_status add_block(ntk_context *ctx, sharing *w, int64_t m, const real *a, int64_t n, const real *b, const ntk_tile *tile, real *const planes[2])
{
    ntk_status status;
    int64_t count = m * n;
    NTK_TRY(ntk_room_reserve(ctx, &w->grams, count * w->units));
    NTK_TRY(ntk_room_reserve(ctx, &w->mixed, count * w->pairs));
    NTK_TRY(grams_of(ctx, w, m, a, n, b));
    NTK_TRY(ntk_gemm(ctx, NTK_REAL, NTK_TRANSPOSED, NTK_TRANSPOSED, count, w->pairs, w->units, 1, w->grams.numbers, count, w->products, w->units, 0, w->mixed.numbers,
                     w->pairs));
    for (int i = 0; i < 2; ++i)
        if (planes[i]) ntk_parallel(ctx, m, NTK_MAX(1, GRAIN / NTK_MAX(1, n * w->pairs)), mix_rows, &(mix_job){w, n, tile->ld, planes[i]});
done:
    return status;
}

static ntk_status rows_of(ntk_context *ctx, const sharing *w, const ntk_points *points, int64_t row, int64_t m, ntk_room *out)
{
    ntk_status status;
    const ntk_kernel *k = w->k;
    NTK_TRY(ntk_room_reserve(ctx, out, m * w->s->n_parameters));
    NTK_TRY(ntk_strip_shared_rows(ctx, k->network, k->optimizer, k->theta, m, (const real *)points->x + row * points->d, w->s, out->numbers));
done:
    return status;
}

/* Rows [m] that are there against rows [n], some of each at a time; planes are those of the first. */
static ntk_status add_rows(ntk_context *ctx, sharing *w, int64_t m, const real *a, int64_t n, const real *b, const ntk_tile *tile, real *const planes[2])
{
    ntk_status status = NTK_OK;
    int64_t o = w->pairs == 1 ? 1 : w->o, step = NTK_MAX(1, (int64_t)sqrt(NUMBERS / (double)(w->units + w->pairs))), p = w->s->n_parameters;
    for (int64_t i = 0; i < m; i += step)
        for (int64_t j = 0; j < n; j += step) {
            int64_t at = i * o * tile->ld + j * o;
            real *to[2] = {planes[0] ? planes[0] + at : NULL, planes[1] ? planes[1] + at : NULL};
            NTK_TRY(add_block(ctx, w, NTK_MIN(step, m - i), a + i * p, NTK_MIN(step, n - j), b + j * p, tile, to));
        }
done:
    return status;
}

static int64_t samples_at_once(const ntk_context *ctx, const ntk_step *s)
{
    double limit = (double)ctx->options.memory_limit, budget = limit > 0 ? fmin(BYTES, limit / 4) : BYTES;
    return NTK_MAX(1, (int64_t)fmin(budget / (2 * sizeof(real) * (double)s->n_parameters), 1 << 20));
}

ntk_status ntk_strips_add_shared(ntk_context *ctx, const ntk_kernel *k, const ntk_step *s, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b, int64_t column,
                                 int64_t n, const ntk_tile *tile)
{
    ntk_status status;
    sharing w = {0};
    int64_t step = samples_at_once(ctx, s), o = k->outputs == NTK_OUTPUTS_TRACE ? 1 : ntk_network_outputs(k->network);
    bool square = a == b && row == column && m == n; /* then up to the diagonal */
    real *sum = tile->ntk, *term = tile->layers ? (real *)tile->layers + s->parametric * tile->layer_stride : NULL;
    NTK_TRY(open_sharing(ctx, k, s, &w));
    for (int64_t i = 0; i < m; i += step) {
        int64_t rows = NTK_MIN(step, m - i), end = square ? i + rows : n;
        NTK_TRY(rows_of(ctx, &w, a, row + i, rows, &w.sides[0]));
        for (int64_t j = 0; j < end; j += step) {
            int64_t columns = NTK_MIN(step, end - j), at = i * o * tile->ld + j * o;
            bool same = square && i == j;
            real *planes[2] = {sum ? sum + at : NULL, term ? term + at : NULL};
            if (!same) NTK_TRY(rows_of(ctx, &w, b, column + j, columns, &w.sides[1]));
            NTK_TRY(add_rows(ctx, &w, rows, w.sides[0].numbers, columns, w.sides[same ? 0 : 1].numbers, tile, planes));
        }
        NTK_TRY(ntk_progress(ctx, (double)(i + rows) / (double)m));
    }
done:
    close_sharing(&w);
    return status;
}

double ntk_strips_shared_bytes(const ntk_network *network, double n)
{
    double most = 0, o = (double)ntk_network_outputs(network), pairs = o * (o + 1) / 2;
    for (int64_t i = 0; i < network->n_steps; ++i) {
        const ntk_step *s = &network->steps[i];
        double units = (double)s->units;
        if (ntk_strip_shares(network, s, NTK_OUTPUTS_FULL)) most = fmax(most, fmin(NUMBERS, n * n * (units + pairs)) + (pairs + o) * units);
    }
    return sizeof(real) * most;
}
