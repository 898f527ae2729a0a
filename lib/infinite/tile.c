/*
 * Runs a reading over a tile of pairs.
 *
 *   1  x·x' of all pairs: of many inputs by the BLAS, into the place of the results; of fewer inputs block by block in step 3
 *   2  per side: alpha at every step and what else the plans want per sample (the tables)
 *   3  block by block, in parallel: gaps (inner.c, start.c), runs of NTK_RUN pairs go through the whole program while they are in the
 *      cache, or through the polynomials of a chain (chain.c), and a block of results goes to its places (place.c)
 *
 * Tables are made in double and rounded once to the type of the run.
 */
#include "infinite.h"
#include "linalg.h"

#include <math.h>
#include <string.h>

/* ---- tables ---------------------------------------------------------------------------------------------------- */

static void fill_table(const ntk_reading *r, ntk_dtype dtype, int64_t d, const ntk_side *side, double *table)
{
    double root = sqrt((double)d);
    for (int64_t i = 0; i < side->n; ++i) table[i] = side->length[i] / root;
    if (r->length_rests) ntk_length_rests(dtype, side->n, d, side->x, table, table + r->length_rests * side->n);
    for (int64_t i = 0; i < r->network->n_steps; ++i) {
        const ntk_plan *plan = &r->plans[i];
        plan->step->op->infinite->norms(plan, side->n, table);
    }
}

static void round_table(int64_t count, double *table)
{
    float *to = (float *)(void *)table; /* in place, front to back: the float never overtakes the double */
    for (int64_t i = 0; i < count; ++i) {
        float value = (float)table[i];
        memcpy(&to[i], &value, sizeof value);
    }
}

/* *exact grows to the largest 1/|x| of a sample whose distances want every digit. */
static ntk_status make_table(ntk_context *ctx, const ntk_reading *r, ntk_dtype dtype, int64_t d, const ntk_side *side, double **table, double *exact)
{
    ntk_status status = NTK_NEW(ctx, side->n * r->columns + NTK_LANES, table); /* the last run may read a vector beyond */
    if (status != NTK_OK) return status;
    fill_table(r, dtype, d, side, *table);
    *exact = fmax(*exact, ntk_longest_inverse(r, side->n, side->inverse, *table));
    if (dtype == NTK_F32) round_table(side->n * r->columns, *table);
    return NTK_OK;
}

/* ---- one run --------------------------------------------------------------------------------------------------- */

typedef struct tile_job {
    const ntk_reading *r;
    ntk_dtype dtype;
    size_t size; /* of a number */
    int64_t d;
    const ntk_side *rows, *columns;
    double *row_table, *column_table;
    int64_t diagonal;
    const ntk_results *out;
    const void *products; /* [m, product_ld]; NULL: made block by block */
    int64_t product_ld;
    double near, exact; /* start.c */
    bool stream; /* results go past the caches */
    char *scratch; /* per worker: slots, one more for the start kept while layers are taken one by one, room for inner.c */
    int64_t scratch_size;
    int64_t *packed; /* by worker: the first column of the run that it has packed last, or -1 */
    atomic_llong bad; /* row * n + column of a result that is not finite, or -1 */
} tile_job;

static void *at(const void *base, int64_t index, size_t size)
{
    return (char *)(uintptr_t)base + index * (int64_t)size;
}

static char *slot_of(const tile_job *j, char *slots, int slot)
{
    return slots + (int64_t)slot * 3 * NTK_RUN * (int64_t)j->size;
}

#define BLOCK_NUMBERS (NTK_INNER_ROWS * (int64_t)NTK_BLOCK_LD)

/* The gaps of a block stand behind the slots; then a second block; then room of inner.c: the rows, normalised, and the packed columns. */
static char *gaps_of(const tile_job *j, char *slots)
{
    return slot_of(j, slots, j->r->slots + 1);
}

/* Results of a block: of one kind in the place of the gaps, which each row needs no more once it has them; NNGPs beside NTKs in the second block. */
static char *results_of(const tile_job *j, char *slots, bool ntk)
{
    return at(gaps_of(j, slots), !ntk && j->out->ntk ? BLOCK_NUMBERS : 0, j->size);
}

static int64_t row_in_block(int64_t i)
{
    return i % NTK_INNER_ROWS * NTK_BLOCK_LD;
}

/* The pair of row i with itself in the run at `first`, or a number that is none of it. */
static int64_t own_pair(const tile_job *j, int64_t i, int64_t first)
{
    return j->diagonal == NTK_ALL_PAIRS ? -1 : i + j->diagonal - first;
}

static void start_run(const tile_job *j, int64_t i, int64_t count, char *slots)
{
    ntk_start s = {
        .count = count,
        .gaps = at(gaps_of(j, slots), row_in_block(i), j->size),
        .rho = slots,
        .gap = at(slots, NTK_RUN, j->size),
        .theta = at(slots, 2 * NTK_RUN, j->size),
    };
    ntk_start_variants[j->dtype][j->r->cpu](&s);
}

static void run_program(const tile_job *j, const ntk_run *run)
{
    for (int64_t i = 0; i < j->r->network->n_steps; ++i) j->r->plans[i].pairs[j->dtype](&j->r->plans[i], run);
}

/* Numbers of one result; the first that is not finite is remembered. */
static void take(tile_job *j, const ntk_take *t, int64_t i, int64_t first)
{
    if (ntk_take_variants[j->dtype][j->r->cpu](t)) return;
    atomic_store(&j->bad, i * j->columns->n + first + ntk_find_not_finite(j->dtype, t->out, t->count));
}

static void take_results(tile_job *j, const ntk_run *run, int64_t i, int64_t first, int64_t count)
{
    const ntk_results *out = j->out;
    int result = j->r->network->result, slot = j->r->natures[result].slot;
    char *state = slot_of(j, run->slots, slot);
    ntk_take theta = {.count = count, .values = at(state, 2 * NTK_RUN, j->size)}, rho = {.count = count, .values = state};
    if (out->ntk) {
        theta.out = at(results_of(j, run->slots, true), row_in_block(i), j->size);
        take(j, &theta, i, first);
    }
    if (out->nngp) {
        rho.alpha = at(run->row, result * run->row_stride, j->size);
        rho.beta = at(run->column, result * run->column_stride, j->size);
        rho.out = at(results_of(j, run->slots, false), row_in_block(i), j->size);
        take(j, &rho, i, first);
    }
}

/* The term of each layer: the program again from the kept start, with that layer's own term alone. */
static void take_layers(tile_job *j, ntk_run run, const char *start, int64_t i, int64_t first, int64_t count)
{
    char *state = slot_of(j, run.slots, j->r->natures[j->r->network->result].slot);
    for (int64_t layer = 0; j->out->layers && layer < j->r->network->n_parametric; ++layer) {
        int64_t where = layer * j->out->layer_stride + i * j->out->ld + first;
        run.only = layer;
        memcpy(run.slots, start, 3 * NTK_RUN * j->size);
        run_program(j, &run);
        take(j, &(ntk_take){.count = count, .values = at(state, 2 * NTK_RUN, j->size), .out = at(j->out->layers, where, j->size)}, i, first);
    }
}

static void one_run(tile_job *j, int64_t i, int64_t first, int64_t count, char *slots)
{
    char *start = slot_of(j, slots, j->r->slots);
    int64_t whole = (count + NTK_LANES - 1) & -(int64_t)NTK_LANES;
    ntk_run run = {.count = whole, .wanted = count, .slots = slots, .row = at(j->row_table, i, j->size), .column = at(j->column_table, first, j->size),
                   .row_stride = j->rows->n, .column_stride = j->columns->n, .only = -1, .wants_nngp = j->out->nngp, .own = own_pair(j, i, first)};
    start_run(j, i, count, slots);
    if (j->out->layers) memcpy(start, slots, 3 * NTK_RUN * j->size);
    run_program(j, &run);
    take_results(j, &run, i, first, count);
    take_layers(j, run, start, i, first, count);
}

/* A row of a chain, kind by kind: the NNGP by the lengths of the result, the NTK by those of the input, where the tables begin. */
static void chain_run(tile_job *j, int64_t i, int64_t first, int64_t count, char *slots)
{
    const void *planes[2] = {j->out->nngp, j->out->ntk};
    ntk_chain_row row = {.count = count, .gaps = at(gaps_of(j, slots), row_in_block(i), j->size)};
    for (row.what = 0; row.what < 2; ++row.what) {
        int64_t column = row.what == 0 ? j->r->network->result : 0;
        if (!planes[row.what]) continue;
        row.alpha = at(j->row_table, column * j->rows->n + i, j->size);
        row.beta = at(j->column_table, column * j->columns->n + first, j->size);
        row.out = at(results_of(j, slots, row.what == 1), row_in_block(i), j->size);
        if (ntk_chain_variants[j->dtype][j->r->cpu](j->r->chain, &row)) continue;
        atomic_store(&j->bad, i * j->columns->n + first + ntk_find_not_finite(j->dtype, row.out, count));
    }
}

static void any_run(tile_job *j, int64_t i, int64_t first, int64_t count, char *slots)
{
    if (j->r->chain && !j->out->layers) chain_run(j, i, first, count, slots);
    else one_run(j, i, first, count, slots);
}

/* ---- the tile -------------------------------------------------------------------------------------------------- */

typedef bool near_blocks[NTK_INNER_PANELS][NTK_INNER_ROWS / NTK_INNER_BLOCK];

static ntk_inner inner_of(const tile_job *j, int64_t row, int64_t rows, int64_t first, char *slots, near_blocks below)
{
    return (ntk_inner){
        .d = j->d,
        .row_count = rows,
        .count = NTK_MIN((int64_t)NTK_RUN, j->columns->n - first),
        .rows = at(j->rows->x, row * j->d, j->size),
        .columns = at(j->columns->x, first * j->d, j->size),
        .row_inverse = j->rows->inverse + row,
        .column_inverse = j->columns->inverse + first,
        .out = gaps_of(j, slots),
        .near = j->near,
        .below = below,
        .units = at(gaps_of(j, slots), 2 * BLOCK_NUMBERS, j->size),
        .packed = at(gaps_of(j, slots), 2 * BLOCK_NUMBERS + NTK_INNER_ROWS * j->d, j->size),
    };
}

/* Columns of the run that row i has. */
static int64_t run_length(const tile_job *j, int64_t i, int64_t first)
{
    int64_t n = j->diagonal == NTK_ALL_PAIRS ? j->columns->n : NTK_MIN(j->columns->n, i + j->diagonal + 1);
    return NTK_MIN((int64_t)NTK_RUN, n - first);
}

/* Do rows from `row` on have all pairs of the run, and none of them a mirror image among them? */
static bool is_whole(const tile_job *j, int64_t row, int64_t first)
{
    return j->diagonal == NTK_ALL_PAIRS || NTK_MIN(first + NTK_RUN, j->columns->n) <= row + j->diagonal;
}

/* A row of results to its place, while the next one is computed. */
static void lay_row(const tile_job *j, char *slots, int64_t i, int64_t first, int64_t count, bool stream)
{
    void *planes[2] = {j->out->nngp, j->out->ntk};
    for (int ntk = 0; ntk < 2; ++ntk) {
        if (!planes[ntk]) continue;
        ntk_lay_variants[j->dtype][j->r->cpu](&(ntk_place){1, count, at(results_of(j, slots, ntk), row_in_block(i), j->size),
                                                           at(planes[ntk], i * j->out->ld + first, j->size), j->out->ld, stream});
    }
}

/* Rows [row, row + rows) of the run at `first`, a second time above the diagonal. */
static void mirror_block(const tile_job *j, char *slots, int64_t row, int64_t rows, int64_t first)
{
    void *planes[2] = {j->out->nngp, j->out->ntk};
    int64_t count = NTK_MIN((int64_t)NTK_RUN, j->columns->n - first), ld = j->out->ld;
    for (int ntk = 0; ntk < 2; ++ntk) {
        if (!planes[ntk]) continue;
        if (!is_whole(j, row, first)) { /* it meets the diagonal */
            ntk_mirror_block(j->dtype, planes[ntk], ld, j->diagonal, row, rows, first, count);
            continue;
        }
        ntk_turn_variants[j->dtype][j->r->cpu](&(ntk_place){rows, count, results_of(j, slots, ntk), at(planes[ntk], (first - j->diagonal) * ld + row + j->diagonal, j->size),
                                                            ld, j->stream});
    }
}

static ntk_status job_result(ntk_context *ctx, const tile_job *j)
{
    long long bad = atomic_load(&j->bad);
    if (bad < 0) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "a kernel value exceeds the range of %s, or its activation's series is not good to 1e-10 (at %lld, %lld of a tile); scale the inputs or w_std down",
                    ntk_dtype_name(j->dtype), bad / NTK_MAX(j->columns->n, 1), bad % NTK_MAX(j->columns->n, 1));
}

/* A block of rows of the run of columns at `first`.  What is packed serves those that the worker takes next. */
static void one_block(tile_job *j, int64_t row, int64_t first, int64_t *packed, char *slots)
{
    int64_t rows = NTK_MIN((int64_t)NTK_INNER_ROWS, j->rows->n - row);
    near_blocks below;
    ntk_inner inner = inner_of(j, row, rows, first, slots, below);
    ntk_gaps gaps = {.block = &inner, .products = j->products ? at(j->products, row * j->product_ld + first, j->size) : NULL, .product_ld = j->product_ld,
                     .exact = j->exact, .itself = j->diagonal == NTK_ALL_PAIRS ? NTK_ALL_PAIRS : row + j->diagonal - first};
    if (run_length(j, row + rows - 1, first) <= 0) return;
    if (!j->products && *packed != first) ntk_inner_pack_variants[j->dtype][j->r->cpu](&inner);
    if (!j->products) ntk_inner_variants[j->dtype][j->r->cpu](&inner);
    *packed = first;
    ntk_gaps_variants[j->dtype][j->r->cpu](&gaps);
    for (int64_t i = row; i < row + rows; ++i) {
        int64_t count = run_length(j, i, first);
        if (count <= 0) continue;
        any_run(j, i, first, count, slots);
        lay_row(j, slots, i, first, count, j->stream && is_whole(j, row, first));
    }
    if (j->out->mirror) mirror_block(j, slots, row, rows, first);
}

static int64_t row_blocks(const tile_job *j)
{
    return (j->rows->n + NTK_INNER_ROWS - 1) / NTK_INNER_ROWS;
}

static void some_blocks(void *user, int64_t begin, int64_t end, int worker)
{
    tile_job *j = user;
    char *slots = j->scratch + worker * j->scratch_size;
    for (int64_t b = begin; b < end; ++b) {
        one_block(j, b % row_blocks(j) * NTK_INNER_ROWS, b / row_blocks(j) * NTK_RUN, &j->packed[worker], slots);
    }
    atomic_thread_fence(memory_order_seq_cst); /* streamed lines are in no order with other stores until then */
}

/* Few chunks pack little at the ends of parts, many balance better. */
static ntk_status run_blocks(ntk_context *ctx, tile_job *j)
{
    int64_t blocks = row_blocks(j) * ((j->columns->n + NTK_RUN - 1) / NTK_RUN), fair = blocks / (8 * ntk_parallel_workers(ctx));
    ntk_parallel(ctx, blocks, NTK_MAX(1, NTK_MIN(fair, row_blocks(j))), some_blocks, j);
    return job_result(ctx, j);
}

/* A sample and itself: the gap is 0, of a sample of length 0 it is 1. */
static void some_samples(void *user, int64_t begin, int64_t end, int worker)
{
    tile_job *j = user;
    char *slots = j->scratch + worker * j->scratch_size, *gaps = gaps_of(j, slots);
    for (int64_t i = begin; i < end; ++i) {
        double gap = j->rows->inverse[i] == 0;
        char *place = at(gaps, row_in_block(i), j->size);
        if (j->dtype == NTK_F64) memcpy(place, &gap, sizeof gap);
        else memcpy(place, &(float){(float)gap}, sizeof(float));
        any_run(j, i, i, 1, slots);
        if (j->out->ntk) memcpy(at(j->out->ntk, i, j->size), at(results_of(j, slots, true), row_in_block(i), j->size), j->size);
        if (j->out->nngp) memcpy(at(j->out->nngp, i, j->size), at(results_of(j, slots, false), row_in_block(i), j->size), j->size);
    }
}

/* From the activations and the terms of the sum that makes a product. */
static double near_of(const tile_job *j)
{
    double d = (double)j->d, depth = NTK_INNER_DEPTH;
    int64_t activations = 0;
    for (int64_t i = 0; i < j->r->network->n_steps; ++i) activations += j->r->plans[i].step->layer->activation != NULL;
    return ntk_start_near(j->dtype, activations, j->products || d <= depth ? d : depth * depth / d + d / depth);
}

static int64_t scratch_numbers(const ntk_reading *r, int64_t d, bool products)
{
    return (r->slots + 1) * 3 * NTK_RUN + 2 * BLOCK_NUMBERS + (products ? 0 : (NTK_INNER_ROWS + NTK_RUN) * d);
}

#define CACHED_BYTES 8e6 /* a matrix of ld² numbers that is larger leaves the caches before anyone reads it */

static ntk_status open_job(ntk_context *ctx, tile_job *j)
{
    ntk_status status;
    j->near = near_of(j);
    j->exact = ntk_wants_exact_gaps(j->r->network) ? INFINITY : 0;
    j->stream = (double)j->out->ld * (double)j->out->ld * (double)j->size > CACHED_BYTES;
    j->scratch_size = scratch_numbers(j->r, j->d, j->products) * (int64_t)j->size;
    atomic_init(&j->bad, -1);
    NTK_TRY(ntk_allocate(ctx, ntk_parallel_workers(ctx) * j->scratch_size, 1, (void **)&j->scratch));
    NTK_TRY(NTK_NEW(ctx, ntk_parallel_workers(ctx), &j->packed));
    for (int w = 0; w < ntk_parallel_workers(ctx); ++w) j->packed[w] = -1;
    NTK_TRY(make_table(ctx, j->r, j->dtype, j->d, j->rows, &j->row_table, &j->exact));
    if (j->columns == j->rows) j->column_table = j->row_table;
    else NTK_TRY(make_table(ctx, j->r, j->dtype, j->d, j->columns, &j->column_table, &j->exact));
done:
    return status;
}

static void close_job(tile_job *j)
{
    if (j->column_table != j->row_table) ntk_free(j->column_table);
    ntk_free(j->row_table);
    ntk_free(j->packed);
    ntk_free(j->scratch);
}

/*
 * Up to here inner.c makes the products: its sums reach nine tenths of the speed of a good BLAS, need no second set of threads (those of
 * OpenBLAS spin for 30 ms on the cores that have to go on), and do not depend on which kernels the BLAS chose.  Beyond, the turned
 * columns no longer fit the cache.
 */
#define FEW_INPUTS 1024

int64_t ntk_reading_tile_rows(const ntk_reading *r, int64_t d)
{
    return r->chain && d <= FEW_INPUTS ? 1024 : 512;
}

double ntk_reading_tile_bytes(const ntk_context *ctx, const ntk_reading *r, ntk_dtype dtype, int64_t d, int64_t m, int64_t n)
{
    double scratch = (double)scratch_numbers(r, d, d > FEW_INPUTS) * (double)ntk_dtype_size(dtype);
    return ntk_parallel_workers(ctx) * scratch + sizeof(double) * ((double)(m + n) * (double)r->columns + 2 * NTK_LANES);
}

double ntk_reading_diagonal_bytes(const ntk_context *ctx, const ntk_reading *r, ntk_dtype dtype, int64_t n)
{
    double scratch = (double)scratch_numbers(r, 0, true) * (double)ntk_dtype_size(dtype);
    return ntk_parallel_workers(ctx) * scratch + sizeof(double) * ((double)n * (double)(r->columns + 1) + NTK_LANES);
}

double ntk_reading_pair_flops(const ntk_reading *r, int64_t d)
{
    return 2 * (double)d + NTK_STEP_FLOPS * (r->chain ? 1.0 : (double)r->network->n_steps);
}

/* x·x' into the place of the results; on and left of the diagonal where that is all that will be asked for. */
static ntk_status multiply(ntk_context *ctx, tile_job *j)
{
    ntk_status status;
    const ntk_results *out = j->out;
    char *products = out->ntk ? out->ntk : out->nngp ? out->nngp : out->layers;
    int64_t left = j->diagonal == NTK_ALL_PAIRS ? j->columns->n : NTK_MIN(NTK_MAX(j->diagonal, 0), j->columns->n);
    bool square = j->columns->n - left == j->rows->n;
    if (!square) left = j->columns->n;
    NTK_TRY(ntk_gemm(ctx, j->dtype, NTK_PLAIN, NTK_TRANSPOSED, j->rows->n, left, j->d, 1, j->rows->x, j->d, j->columns->x, j->d, 0, products, out->ld));
    if (square) NTK_TRY(ntk_syrk(ctx, j->dtype, NTK_PLAIN, j->rows->n, j->d, 1, j->rows->x, j->d, 0, at(products, left, j->size), out->ld));
    j->products = products;
    j->product_ld = out->ld;
done:
    return status;
}

ntk_status ntk_reading_tile(ntk_context *ctx, const ntk_reading *r, ntk_dtype dtype, int64_t d, const ntk_side *rows, const ntk_side *columns,
                            int64_t diagonal, const ntk_results *out)
{
    tile_job j = {.r = r, .dtype = dtype, .size = ntk_dtype_size(dtype), .d = d, .rows = rows, .columns = columns, .diagonal = diagonal, .out = out};
    ntk_status status;
    if (d > FEW_INPUTS) NTK_TRY(multiply(ctx, &j));
    NTK_TRY(open_job(ctx, &j));
    NTK_TRY(run_blocks(ctx, &j));
done:
    close_job(&j);
    return status;
}

/* Every sample against itself is a run of one pair whose start is known: itself = 0. */
ntk_status ntk_reading_diagonal(ntk_context *ctx, const ntk_reading *r, ntk_dtype dtype, int64_t d, const ntk_side *side, const ntk_results *out)
{
    ntk_results flat = *out;
    tile_job j = {.r = r, .dtype = dtype, .size = ntk_dtype_size(dtype), .d = d, .rows = side, .columns = side, .diagonal = 0, .out = &flat};
    void *products = NULL;
    ntk_status status;
    flat.ld = 0; /* result i of sample i goes to place i: row i starts where row 0 does */
    NTK_TRY(ntk_allocate(ctx, NTK_MAX(side->n, 1), 8, &products));
    j.products = products; /* nothing is multiplied */
    NTK_TRY(open_job(ctx, &j));
    ntk_parallel(ctx, side->n, 64, some_samples, &j);
    NTK_TRY(job_result(ctx, &j));
done:
    close_job(&j);
    ntk_free(products);
    return status;
}
