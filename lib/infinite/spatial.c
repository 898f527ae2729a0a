/*
 * Runs a reading over inputs with positions: images, sequences, volumes.
 *
 * A sample of P positions enters the recursion like P samples: ops that act on each position (dense, activations, branches) run
 * their loops over pairs unchanged, one position p of one sample against runs of positions of the other.  In between, ops that
 * mix positions (spread.c) read the whole field of pairs.  Where every op keeps p = p' apart from the rest (convolutions and
 * flatten), only those P pairs are computed; else all P².
 *
 * Per sample a table holds alpha at every position and step, made once.  Pools need the covariances of a sample's own
 * positions for it: then the sample's field with itself is run along while its table is made, in double whatever the type.
 */
#include "infinite.h"

#include <math.h>
#include <string.h>

static int64_t channels_of(const ntk_reading *r)
{
    return r->network->shape[r->network->ndim - 1];
}

static int64_t input_positions(const ntk_reading *r)
{
    return r->network->values[0].size / channels_of(r);
}

static int64_t positions_of(const ntk_reading *r, int value)
{
    const ntk_value *v = &r->network->values[value];
    return v->size / v->shape[v->ndim - 1];
}

int64_t ntk_spatial_table_size(const ntk_reading *r)
{
    return r->columns * r->positions + NTK_RUN; /* a run at the last position reads beyond */
}

/* ---- fields ---------------------------------------------------------------------------------------------------- */

static ntk_field field_of(const ntk_reading *r)
{
    return (ntk_field){.n_slots = r->slots, .across = r->across, .chunks = r->across ? (r->positions + NTK_RUN - 1) / NTK_RUN : 1, .only = -1, .stride = r->positions,
                       .readings = {r, r}};
}

static int64_t slots_size(const ntk_reading *r)
{
    ntk_field f = field_of(r);
    return r->positions * f.chunks * f.n_slots * 3 * NTK_RUN;
}

/* Behind the slots comes the work. */
int64_t ntk_spatial_field_size(const ntk_reading *r)
{
    return slots_size(r) + NTK_WORK_ROWS * field_of(r).chunks * NTK_RUN;
}

static void place_field(const ntk_reading *r, ntk_dtype dtype, char *memory, ntk_field *f)
{
    f->slots = memory;
    f->work = memory + slots_size(r) * (int64_t)ntk_dtype_size(dtype);
}

static const void *numbers(const void *base, int64_t index, ntk_dtype dtype)
{
    return (const char *)base + index * (int64_t)ntk_dtype_size(dtype);
}

/* An op that acts on each position, on the runs of position p. */
static void step_at(const ntk_plan *plan, ntk_dtype dtype, const ntk_field *f, int64_t p)
{
    int64_t bytes = (int64_t)f->n_slots * 3 * NTK_RUN * (int64_t)ntk_dtype_size(dtype), end = f->across ? f->columns : p + 1;
    for (int64_t q = f->across ? 0 : p, c = 0; q < end; q += NTK_RUN, ++c) {
        int64_t count = NTK_MIN((int64_t)NTK_RUN, end - q);
        ntk_run run = {.count = (count + NTK_LANES - 1) & -(int64_t)NTK_LANES, .wanted = count, .slots = f->slots + (p * f->chunks + c) * bytes,
                       .row = numbers(f->row, p, dtype), .column = numbers(f->column, q, dtype), .row_stride = f->stride,
                       .column_stride = f->stride, .only = f->only, .wants_nngp = true, .own = f->own ? p - q : -1};
        plan->pairs[dtype](plan, &run);
    }
}

/* The field as step i sees it. */
static ntk_field at_step(const ntk_field *f, int64_t i)
{
    ntk_field g = *f;
    const ntk_plan *row = &f->readings[0]->plans[i], *column = &f->readings[1]->plans[i];
    g.rows = positions_of(f->readings[0], row->step->output);
    g.rows_in = positions_of(f->readings[0], row->step->inputs[0]);
    g.columns = positions_of(f->readings[1], column->step->output);
    g.columns_in = positions_of(f->readings[1], column->step->inputs[0]);
    g.row_taps = &row->taps;
    g.column_taps = &column->taps;
    return g;
}

static void run_step(const ntk_reading *r, int64_t i, ntk_dtype dtype, const ntk_field *field)
{
    const ntk_plan *plan = &r->plans[i];
    ntk_field f = at_step(field, i);
    if (plan->taps.whole) plan->taps.whole->run[dtype][r->cpu](plan, &f);
    else if (plan->taps.input) ntk_spread_variants[dtype][r->cpu](plan, &f);
    else
        for (int64_t p = 0; p < f.rows; ++p) step_at(plan, dtype, &f, p);
}

static void start_field(const ntk_reading *r, ntk_dtype dtype, const void *row, const void *column, const ntk_field *f)
{
    ntk_field_start s = {input_positions(f->readings[0]), input_positions(f->readings[1]), channels_of(r), row, column};
    ntk_field_start_variants[dtype][r->cpu](&s, f);
}

/* ---- tables ---------------------------------------------------------------------------------------------------- */

/* alpha'² = g² sum w² alpha² + s² */
static double length_together(const ntk_plan *plan, const double *in, int64_t output)
{
    const ntk_taps *t = &plan->taps;
    double length = plan->k[NTK_AFFINE_BIAS];
    for (int64_t i = output * t->count; i < (output + 1) * t->count; ++i)
        if (t->input[i] >= 0) length = hypot(length, plan->k[NTK_AFFINE_GAIN] * t->weight[i] * in[t->input[i]]);
    return length;
}

/* alpha'² = sum w w' K(i, i') of the sample with itself */
static double length_across(const ntk_plan *plan, const double *in, const ntk_field *f, int64_t output)
{
    const ntk_taps *t = &plan->taps;
    const int32_t *input = t->input + output * t->count;
    const double *weight = t->weight + output * t->count;
    double sum = 0;
    for (int64_t i = 0; i < t->count; ++i)
        for (int64_t j = 0; input[i] >= 0 && j < t->count; ++j)
            if (input[j] >= 0) sum += weight[i] * in[input[i]] * weight[j] * in[input[j]] * (i == j ? 1 : ntk_field_rho(f, plan->input_slot, input[i], input[j]));
    return sum > 0 ? sqrt(sum) : 0;
}

static void spread_norms(const ntk_reading *r, const ntk_plan *plan, const ntk_field *f, double *table)
{
    const double *in = table + plan->input_alpha * r->positions;
    double *out = table + plan->output_alpha * r->positions;
    for (int64_t o = 0; o < plan->taps.outputs; ++o)
        out[o] = plan->taps.kind == NTK_TAPS_ACROSS ? length_across(plan, in, f, o) : length_together(plan, in, o);
}

typedef struct table_job {
    const ntk_reading *r;
    ntk_dtype dtype;
    ntk_spatial_side side;
    char *tables, *scratch; /* per worker: a table and a sample in double, and a field where pools ask for one */
    int64_t scratch_size;
} table_job;

static void to_double(const table_job *j, int64_t i, double *x)
{
    int64_t size = j->r->network->values[0].size;
    for (int64_t k = 0; k < size; ++k)
        x[k] = j->dtype == NTK_F64 ? ((const double *)(const void *)j->side.x)[i * size + k] : (double)((const float *)(const void *)j->side.x)[i * size + k];
}

/* The reading of sample i of a side: that of its size. */
static const ntk_reading *reading_of(const ntk_reading *r, const ntk_spatial_side *side, int64_t i)
{
    return side->readings ? side->readings[side->sites->crop[side->first + i]] : r;
}

static const double *graph_of(const ntk_spatial_side *side, int64_t i)
{
    return side->sites ? ntk_sites_graph(side->sites, side->first + i) : NULL;
}

/* Of a sample of the size that f->readings are of: r is that of the whole, which has the constants of ops over the whole field. */
static void fill_table(const ntk_reading *r, const double *x, ntk_field *f, double *table)
{
    int64_t c = channels_of(r);
    memset(table, 0, (size_t)ntk_spatial_table_size(r) * sizeof *table);
    for (int64_t p = 0; p < input_positions(f->readings[0]); ++p) {
        double inverse;
        ntk_lengths(NTK_F64, 1, c, x + p * c, &table[p], &inverse);
        table[p] /= sqrt((double)c);
    }
    if (r->across) start_field(r, NTK_F64, x, x, f);
    for (int64_t i = 0; i < r->network->n_steps; ++i) {
        const ntk_plan *plan = &f->readings[0]->plans[i];
        ntk_field own = at_step(f, i);
        if (plan->taps.whole) plan->taps.whole->norms(&r->plans[i], &own, table);
        else if (plan->taps.input) spread_norms(r, plan, f, table);
        else plan->step->op->infinite->norms(plan, r->positions, table);
        if (r->across) run_step(r, i, NTK_F64, f);
    }
}

static void some_tables(void *user, int64_t begin, int64_t end, int worker)
{
    table_job *j = user;
    int64_t size = ntk_spatial_table_size(j->r);
    double *table = (double *)(void *)(j->scratch + worker * j->scratch_size), *x = table + size;
    ntk_field f = field_of(j->r);
    f.itself = f.own = true;
    f.row = f.column = table;
    place_field(j->r, NTK_F64, (char *)(x + j->r->network->values[0].size), &f);
    for (int64_t i = begin; i < end; ++i) {
        char *to = j->tables + i * size * (int64_t)ntk_dtype_size(j->dtype);
        to_double(j, i, x);
        f.readings[0] = f.readings[1] = reading_of(j->r, &j->side, i);
        f.graph = graph_of(&j->side, i);
        fill_table(j->r, x, &f, table);
        for (int64_t k = 0; k < size; ++k)
            if (j->dtype == NTK_F64) ((double *)(void *)to)[k] = table[k];
            else ((float *)(void *)to)[k] = (float)table[k];
    }
}

int64_t ntk_spatial_scratch_size(const ntk_reading *r)
{
    return ntk_spatial_table_size(r) + r->network->values[0].size + (r->across ? ntk_spatial_field_size(r) : 0);
}

/* A sum over taps costs two per tap (squared where every tap meets every tap), any other op what a layer does. */
double ntk_spatial_pair_flops(const ntk_reading *r)
{
    double flops = 0;
    for (int64_t i = 0; i < r->network->n_steps; ++i) {
        const ntk_taps *t = &r->plans[i].taps;
        double positions = (double)positions_of(r, r->plans[i].step->output), taps = t->input ? 2 * (double)t->count : NTK_STEP_FLOPS;
        if (r->across) positions *= positions;
        flops += positions * (t->input && t->kind == NTK_TAPS_ACROSS ? taps * (double)t->count : taps);
    }
    return flops + 2 * (double)channels_of(r) * (double)input_positions(r) * (r->across ? (double)input_positions(r) : 1);
}

/* Samples between two reports: with pools each costs as much as a pair. */
#define TABLES_AT_ONCE 16

ntk_status ntk_spatial_tables(ntk_context *ctx, const ntk_reading *r, ntk_dtype dtype, const ntk_spatial_side *side, void *tables)
{
    ntk_status status;
    table_job j = {.r = r, .dtype = dtype, .side = *side};
    int64_t n = side->n;
    int64_t size = ntk_spatial_table_size(r), doubles = ntk_spatial_scratch_size(r);
    j.scratch_size = doubles * (int64_t)sizeof(double);
    NTK_TRY(ntk_memory_require(ctx, "the pairs of positions", (double)j.scratch_size * ntk_parallel_workers(ctx)));
    NTK_TRY(ntk_allocate(ctx, ntk_parallel_workers(ctx) * doubles, sizeof(double), (void **)&j.scratch));
    for (int64_t i = 0; i < n; i += TABLES_AT_ONCE) {
        j.side.x = numbers(side->x, i * r->network->values[0].size, dtype);
        j.side.first = side->first + i;
        j.tables = (char *)tables + i * size * (int64_t)ntk_dtype_size(dtype);
        ntk_parallel(ctx, NTK_MIN((int64_t)TABLES_AT_ONCE, n - i), 1, some_tables, &j);
        NTK_TRY(ntk_progress(ctx, (double)NTK_MIN(i + TABLES_AT_ONCE, n) / (double)n));
    }
done:
    ntk_free(j.scratch);
    return status;
}

/* ---- the tile -------------------------------------------------------------------------------------------------- */

typedef struct tile_job {
    const ntk_reading *r;
    ntk_dtype dtype;
    const ntk_spatial_side *rows, *columns;
    int64_t diagonal;
    bool each;
    const ntk_results *out;
    char *scratch; /* a field per worker */
    int64_t scratch_size;
    atomic_llong bad;
} tile_job;

static void run_field(const tile_job *j, const void *x, const void *y, const ntk_field *f)
{
    start_field(j->r, j->dtype, x, y, f);
    for (int64_t i = 0; i < j->r->network->n_steps; ++i) run_step(j->r, i, j->dtype, f);
}

/* Number `what` (0 rho, 2 theta) of the result's only pair. */
static double result_of(const tile_job *j, const ntk_field *f, int what)
{
    int64_t where = ((int64_t)j->r->natures[j->r->network->result].slot * 3 + what) * NTK_RUN;
    return j->dtype == NTK_F64 ? ((const double *)(const void *)f->slots)[where] : (double)((const float *)(const void *)f->slots)[where];
}

static double alpha_of(const tile_job *j, const void *table)
{
    int64_t where = j->r->network->result * j->r->positions;
    return j->dtype == NTK_F64 ? ((const double *)table)[where] : (double)((const float *)table)[where];
}

static void put(tile_job *j, void *plane, int64_t where, int64_t pair, double value)
{
    if (j->dtype == NTK_F64) ((double *)plane)[where] = value;
    else ((float *)plane)[where] = (float)value;
    if (!isfinite(j->dtype == NTK_F64 ? value : (double)(float)value)) atomic_store(&j->bad, pair);
}

/* Of two samples with equal numbers: have they the same size and graph? */
static bool same_sites(const tile_job *j, const ntk_field *f, int64_t row, int64_t column)
{
    const double *a = graph_of(j->rows, row), *b = graph_of(j->columns, column);
    int64_t nodes = ntk_network_nodes(f->readings[0]->network);
    if (memcmp(f->readings[0]->network->shape, f->readings[1]->network->shape, sizeof j->r->network->shape) != 0) return false;
    return nodes == 0 || memcmp(a, b, (size_t)(nodes * nodes) * sizeof *a) == 0;
}

static void one_pair(tile_job *j, int64_t row, int64_t column, int64_t where, ntk_field *f)
{
    int64_t size = j->r->network->values[0].size, table = ntk_spatial_table_size(j->r), pair = row * j->columns->n + column;
    const void *x = numbers(j->rows->x, row * size, j->dtype), *y = numbers(j->columns->x, column * size, j->dtype);
    const ntk_results *out = j->out;
    f->row = numbers(j->rows->tables, row * table, j->dtype);
    f->column = numbers(j->columns->tables, column * table, j->dtype);
    f->own = j->each || (j->diagonal != NTK_ALL_PAIRS && column == row + j->diagonal);
    f->readings[0] = reading_of(j->r, j->rows, row);
    f->readings[1] = reading_of(j->r, j->columns, column);
    f->itself = f->own || (!j->r->noisy && memcmp(x, y, (size_t)size * ntk_dtype_size(j->dtype)) == 0 && same_sites(j, f, row, column));
    f->only = -1;
    if (out->ntk || out->nngp) run_field(j, x, y, f);
    if (out->ntk) put(j, out->ntk, where, pair, result_of(j, f, 2));
    if (out->nngp) put(j, out->nngp, where, pair, alpha_of(j, f->row) * alpha_of(j, f->column) * result_of(j, f, 0));
    for (int64_t layer = 0; out->layers && layer < j->r->network->n_parametric; ++layer) {
        f->only = layer;
        run_field(j, x, y, f);
        put(j, out->layers, layer * out->layer_stride + where, pair, result_of(j, f, 2));
    }
}

static void some_pairs(void *user, int64_t begin, int64_t end, int worker)
{
    tile_job *j = user;
    int64_t n = j->columns->n;
    ntk_field f = field_of(j->r);
    place_field(j->r, j->dtype, j->scratch + worker * j->scratch_size, &f);
    for (int64_t i = begin; i < end; ++i) {
        if (j->each) one_pair(j, i, i, i, &f);
        else if (j->diagonal == NTK_ALL_PAIRS || i % n <= i / n + j->diagonal) one_pair(j, i / n, i % n, i / n * j->out->ld + i % n, &f);
    }
}

ntk_status ntk_spatial_tile(ntk_context *ctx, const ntk_reading *r, ntk_dtype dtype, const ntk_spatial_side *rows, const ntk_spatial_side *columns,
                            int64_t diagonal, bool each, const ntk_results *out)
{
    ntk_status status;
    tile_job j = {.r = r, .dtype = dtype, .rows = rows, .columns = columns, .diagonal = diagonal, .each = each, .out = out};
    j.scratch_size = ntk_spatial_field_size(r) * (int64_t)ntk_dtype_size(dtype);
    atomic_init(&j.bad, -1);
    NTK_TRY(ntk_memory_require(ctx, "the pairs of positions", (double)j.scratch_size * ntk_parallel_workers(ctx)));
    NTK_TRY(ntk_allocate(ctx, ntk_parallel_workers(ctx) * j.scratch_size, 1, (void **)&j.scratch));
    ntk_parallel(ctx, each ? rows->n : rows->n * columns->n, 1, some_pairs, &j);
    status = ntk_reading_check(ctx, dtype, columns->n, atomic_load(&j.bad));
done:
    ntk_free(j.scratch);
    return status;
}
