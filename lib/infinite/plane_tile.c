/*
 * All planes of all pairs of a tile.  A piece of work is a few row images against one block of columns: every plane is run for each
 * of them in turn, while the block's norms there are in the cache.  Pairs above the diagonal of a symmetric tile, and
 * lanes without an image, are computed and forgotten.
 */
#include "planes.h"

#include <float.h>
#include <string.h>

typedef struct tile_job {
    const ntk_planes *planes;
    ntk_cpu cpu;
    ntk_dtype dtype;
    const ntk_plane_sides *rows, *columns;
    int64_t diagonal, lanes, group;
    bool each;
    const ntk_results *out;
    char *scratch; /* per worker */
    int64_t scratch_size;
    unsigned char *doubtful; /* [rows, columns], or [rows] of each with itself; where there are pools */
    int64_t *again;          /* the pairs that are */
    atomic_llong bad;
} tile_job;

static int64_t padded_size(int64_t bytes)
{
    return (bytes + NTK_PLANE_BYTES - 1) / NTK_PLANE_BYTES * NTK_PLANE_BYTES;
}

static int64_t row_size(const ntk_planes *p, ntk_dtype dtype)
{
    return padded_size(ntk_plane_row_numbers(p) * (int64_t)ntk_dtype_size(dtype));
}

static int64_t rings_size(const ntk_planes *p)
{
    int64_t size = 0;
    for (int64_t s = 0; s + 1 < p->sections; ++s) size += ntk_plane_ring_bytes(p, s);
    return size;
}

/* Rows that are prepared together: with one plane only, each is used once. */
static int64_t rows_at_once(const tile_job *j)
{
    return j->planes->pooled ? j->group : 1;
}

int64_t ntk_plane_lay_out(const ntk_planes *p, ntk_dtype dtype, int64_t rows, int64_t group, char *memory, ntk_plane_desk *desk)
{
    int64_t size = (int64_t)ntk_dtype_size(dtype), lanes = NTK_PLANE_BYTES / size;
    int64_t sizes[] = {ntk_plane_scratch_bytes(p), rings_size(p), ntk_plane_block_numbers(p, dtype) * size, row_size(p, dtype) * rows,
                       (p->count + 1) * lanes * (int64_t)sizeof(double), group * 2 * lanes * (int64_t)sizeof(double), 2 * p->sections * NTK_PLANE_BYTES};
    char *at[7];
    int64_t total = 0;
    for (int i = 0; i < 7; ++i) {
        at[i] = memory ? memory + total : NULL;
        total += padded_size(sizes[i]);
    }
    *desk = (ntk_plane_desk){at[0], at[1], at[2], at[3], (double *)(void *)at[4], (double *)(void *)at[5], at[6]};
    return total;
}

static int64_t lay_out(const tile_job *j, char *memory, ntk_plane_desk *desk)
{
    return ntk_plane_lay_out(j->planes, j->dtype, rows_at_once(j), j->group, memory, desk);
}

static int64_t inputs_of(const ntk_planes *p)
{
    return p->layers[0].in[0] * p->layers[0].in[1] * p->channels;
}

/* Of a worker who does a pair again, in twice the precision; 0: not done, since K of all pairs of positions behind a pool would take too much. */
#define LARGEST_AGAIN ((int64_t)1 << 28)

static int64_t twice_bytes(const ntk_planes *p)
{
    int64_t bytes = (2 * inputs_of(p) + ntk_plane_twice_numbers(p)) * (int64_t)sizeof(double);
    return p->sections > 1 && bytes <= LARGEST_AGAIN ? bytes : 0;
}

int64_t ntk_planes_worker_bytes(const ntk_planes *planes, ntk_dtype dtype)
{
    tile_job j = {.planes = planes, .dtype = dtype, .lanes = NTK_PLANE_BYTES / (int64_t)ntk_dtype_size(dtype), .group = NTK_PLANE_ROWS};
    ntk_plane_desk unused;
    if (!planes->pooled) j.group = 128;
    return NTK_MAX(lay_out(&j, NULL, &unused), twice_bytes(planes));
}

/* Of every pair of positions and layer, with the window's sums. */
double ntk_planes_pair_flops(const ntk_planes *p)
{
    double pairs = 0;
    for (int64_t l = 0; l < p->count; ++l) {
        const int64_t *spread = l + 1 < p->count ? p->layers[l + 1].spread : (const int64_t[]){1, 1};
        double positions = (double)(p->layers[l].out[0] * p->layers[l].out[1]);
        pairs += p->pooled ? positions * positions / (double)(spread[0] * spread[1]) : positions;
    }
    return pairs * NTK_STEP_FLOPS;
}

static ntk_plane_sides side_from(const tile_job *j, const ntk_plane_sides *s, int64_t first)
{
    int64_t size = (int64_t)ntk_dtype_size(j->dtype), inputs = inputs_of(j->planes);
    return (ntk_plane_sides){s->n - first, (const char *)s->x + first * inputs * size, (const char *)s->norms + first * j->planes->norms * size,
                             s->units + first * (j->planes->count + 1)};
}

static bool wanted(const tile_job *j, int64_t row, int64_t column)
{
    if (row >= j->rows->n || column >= j->columns->n) return false;
    return j->each ? row == column : j->diagonal == NTK_ALL_PAIRS || column <= row + j->diagonal;
}

/* ---- one piece of work ------------------------------------------------------------------------------------------ */

typedef struct piece {
    int64_t row, rows, column, only;
} piece;

static char *row_at(const tile_job *j, const ntk_plane_desk *b, int64_t i)
{
    return b->rows + i % rows_at_once(j) * row_size(j->planes, j->dtype);
}

static void prepare_row(const tile_job *j, const piece *p, const ntk_plane_desk *b, int64_t i)
{
    ntk_plane_sides row = side_from(j, j->rows, p->row + i);
    ntk_plane_row_variants[j->dtype][j->cpu](j->planes, &row, row_at(j, b, i));
}

/* What may be wrong of Theta behind pools, relative to it; if it is more than this, the pair is done again in twice the precision (plane_twice.c). */
static const double tolerated[2] = {[NTK_F64] = 128 * DBL_EPSILON, [NTK_F32] = 8 * (double)FLT_EPSILON};

static double doubt_of(const tile_job *j, const ntk_plane_desk *b, int64_t lane)
{
    double share = 0;
    for (int64_t s = 1; s < j->planes->sections; ++s) {
        double lost = ntk_plane_number(j->dtype, b->doubt, 2 * s * j->lanes + lane), all = ntk_plane_number(j->dtype, b->doubt, (2 * s + 1) * j->lanes + lane);
        if (lost > 0) share += lost / all;
    }
    return share;
}

static int64_t pairs_of(const tile_job *j)
{
    return j->each ? j->rows->n : j->rows->n * j->columns->n;
}

static void note_doubts(const tile_job *j, const piece *p, const ntk_plane_desk *b, int64_t i)
{
    int64_t row = p->row + i;
    for (int64_t lane = 0; lane < j->lanes; ++lane)
        if (wanted(j, row, p->column + lane) && doubt_of(j, b, lane) > tolerated[j->dtype])
            j->doubtful[j->each ? row : row * j->columns->n + p->column + lane] = 1;
}

static void run_plane(const tile_job *j, const piece *p, const ntk_plane_desk *b, int64_t dy, int64_t dx)
{
    for (int64_t i = 0; i < p->rows; ++i) {
        ntk_plane_job job = {{dy, dx}, j->planes->sections - 1, p->only, row_at(j, b, i), j->rows->units + (p->row + i) * (j->planes->count + 1),
                             b->block, b->units, b->planes, b->rings, b->sums + i * 2 * j->lanes, NULL, b->doubt};
        if (!j->planes->pooled) prepare_row(j, p, b, i);
        memset(b->doubt, 0, (size_t)(2 * j->planes->sections * NTK_PLANE_BYTES));
        (j->planes->sections > 1 ? ntk_plane_pool_variants : ntk_plane_run_variants)[j->dtype][j->cpu](j->planes, &job);
        if (j->doubtful) note_doubts(j, p, b, i);
    }
}

static void run_planes(const tile_job *j, const piece *p, const ntk_plane_desk *b)
{
    bool one = j->planes->sections > 1; /* call for all of them */
    int64_t height = one ? 0 : ntk_plane_reach(j->planes, 0, 0, 0), width = one ? 0 : ntk_plane_reach(j->planes, 0, 0, 1);
    for (int64_t i = 0; i < p->rows * 2 * j->lanes; ++i) b->sums[i] = 0;
    for (int64_t dy = -height; dy <= height; ++dy)
        for (int64_t dx = -width; dx <= width; ++dx) run_plane(j, p, b, dy, dx);
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

/* The dense layers behind the positions. */
static void finish(const ntk_planes *p, int64_t only, double *k, double *theta)
{
    for (int64_t i = 0; i < p->tail_count; ++i) {
        const double *a = p->tail[i]->k;
        bool mine = only < 0 || only == p->tail[i]->step->parametric;
        *theta = a[NTK_AFFINE_GAIN2] * *theta + (mine ? a[NTK_AFFINE_OWN_K] * *k + a[NTK_AFFINE_OWN_1] : 0);
        *k = a[NTK_AFFINE_GAIN2] * *k + a[NTK_AFFINE_BIAS] * a[NTK_AFFINE_BIAS];
    }
}

static void put(tile_job *j, void *plane, int64_t where, int64_t pair, double value)
{
    if (!plane) return;
    if (j->dtype == NTK_F64) ((double *)plane)[where] = value;
    else ((float *)plane)[where] = (float)value;
    if (!isfinite(j->dtype == NTK_F64 ? value : (double)(float)value)) atomic_store(&j->bad, pair);
}

/* K and Theta before the dense layers. */
static void put_pair(tile_job *j, int64_t only, int64_t row, int64_t column, double k, double theta)
{
    const ntk_results *out = j->out;
    int64_t where = j->each ? row : row * out->ld + column, pair = row * j->columns->n + column;
    finish(j->planes, only, &k, &theta);
    if (only < 0) {
        put(j, out->ntk, where, pair, theta);
        put(j, out->nngp, where, pair, k);
    } else {
        put(j, out->layers, only * out->layer_stride + where, pair, theta);
    }
}

static void put_lane(tile_job *j, const piece *p, const ntk_plane_desk *b, int64_t i, int64_t lane)
{
    int64_t row = p->row + i, last = j->planes->count;
    double scale = j->planes->weight * j->rows->units[row * (last + 1) + last] * b->units[last * j->lanes + lane];
    put_pair(j, p->only, row, p->column + lane, scale * b->sums[i * 2 * j->lanes + lane], scale * b->sums[(i * 2 + 1) * j->lanes + lane]);
}

static void put_piece(tile_job *j, const piece *p, const ntk_plane_desk *b)
{
    for (int64_t i = 0; i < p->rows; ++i)
        for (int64_t lane = 0; lane < j->lanes; ++lane)
            if (wanted(j, p->row + i, p->column + lane)) put_lane(j, p, b, i, lane);
}

/* ---- all of them -------------------------------------------------------------------------------------------------- */

/* The rows of a piece that want a pair of its block: the last of them are those that want most. */
static piece piece_at(const tile_job *j, int64_t index)
{
    int64_t groups = (j->rows->n + j->group - 1) / j->group, end;
    piece p = {index % groups * j->group, 0, index / groups * j->lanes, -1};
    end = NTK_MIN(p.row + j->group, j->rows->n);
    if (j->each) {
        p.row = NTK_MAX(p.row, p.column);
        end = NTK_MIN(end, p.column + j->lanes);
    }
    while (!j->each && p.row < end && !wanted(j, p.row, p.column)) ++p.row;
    p.rows = NTK_MAX(0, end - p.row);
    return p;
}

static int64_t layers_of(const ntk_planes *p)
{
    return p->count + p->tail_count;
}

static void one_piece(tile_job *j, const ntk_plane_desk *b, piece p)
{
    ntk_plane_sides columns = side_from(j, j->columns, 0);
    ntk_plane_block_variants[j->dtype][j->cpu](j->planes, &columns, p.column, b->block, b->units);
    for (int64_t i = 0; j->planes->pooled && i < p.rows; ++i) prepare_row(j, &p, b, i);
    for (p.only = j->out->ntk || j->out->nngp ? -1 : 0; p.only < (j->out->layers ? layers_of(j->planes) : 0); ++p.only) {
        run_planes(j, &p, b);
        put_piece(j, &p, b);
    }
}

static void some_pieces(void *user, int64_t begin, int64_t end, int worker)
{
    tile_job *j = user;
    ntk_plane_desk b;
    lay_out(j, j->scratch + worker * j->scratch_size, &b);
    for (int64_t i = begin; i < end; ++i) {
        piece p = piece_at(j, i);
        if (p.rows > 0) one_piece(j, &b, p);
    }
}

/* As many rows share a block as leave every worker something to do. */
static int64_t group_of(const ntk_context *ctx, const ntk_planes *planes, int64_t pairs_of_blocks, int64_t rows)
{
    int64_t share = pairs_of_blocks / ntk_parallel_workers(ctx), most = planes->pooled ? NTK_PLANE_ROWS : rows;
    return NTK_MAX(1, NTK_MIN(NTK_MIN(share, most), rows));
}

/* ---- pairs in doubt, again --------------------------------------------------------------------------------------- */

/* Its image over a power of two; where there are biases, not so small a one that they would be too large beside it. */
static double load_image(const tile_job *j, const ntk_plane_sides *side, int64_t at, double *x)
{
    int64_t n = inputs_of(j->planes);
    double unit = side->units[at * (j->planes->count + 1)];
    if (j->planes->biased) unit = NTK_MAX(unit, 1);
    for (int64_t i = 0; i < n; ++i) x[i] = ntk_plane_number(j->dtype, side->x, at * n + i) / unit;
    return unit;
}

static void pair_again(tile_job *j, int64_t pair, double *memory)
{
    int64_t row = j->each ? pair : pair / j->columns->n, column = j->each ? pair : pair % j->columns->n, n = inputs_of(j->planes);
    double sums[2];
    ntk_plane_twice_job job = {{memory, memory + n}, {1, 1}, -1, memory + 2 * n, sums};
    job.unit[0] = load_image(j, j->rows, row, memory);
    job.unit[1] = load_image(j, j->columns, column, memory + n);
    for (job.only = j->out->ntk || j->out->nngp ? -1 : 0; job.only < (j->out->layers ? layers_of(j->planes) : 0); ++job.only) {
        double scale = j->planes->weight * job.unit[0] * job.unit[1];
        ntk_plane_twice_variants[j->cpu](j->planes, &job);
        put_pair(j, job.only, row, column, scale * sums[0], scale * sums[1]);
    }
}

static void some_pairs(void *user, int64_t begin, int64_t end, int worker)
{
    tile_job *j = user;
    for (int64_t i = begin; i < end; ++i) pair_again(j, j->again[i], (double *)(void *)(j->scratch + worker * j->scratch_size));
}

static ntk_status run_again(ntk_context *ctx, tile_job *j)
{
    ntk_status status = NTK_OK;
    int64_t count = 0, pairs = pairs_of(j);
    for (int64_t i = 0; i < pairs; ++i) count += j->doubtful[i];
    if (count == 0) return NTK_OK;
    NTK_TRY(NTK_NEW_RAW(ctx, count, &j->again));
    count = 0;
    for (int64_t i = 0; i < pairs; ++i)
        if (j->doubtful[i]) j->again[count++] = i;
    j->scratch_size = twice_bytes(j->planes);
    NTK_TRY(ntk_memory_require(ctx, "a pair of images in twice the precision", (double)j->scratch_size * ntk_parallel_workers(ctx)));
    NTK_TRY(ntk_allocate_raw(ctx, ntk_parallel_workers(ctx) * j->scratch_size, 1, (void **)&j->scratch));
    ntk_parallel(ctx, count, 1, some_pairs, j);
done:
    ntk_free(j->again);
    return status;
}

ntk_status ntk_planes_tile(ntk_context *ctx, const ntk_planes *planes, ntk_cpu cpu, ntk_dtype dtype, const ntk_plane_sides *rows, const ntk_plane_sides *columns,
                           int64_t diagonal, bool each, const ntk_results *out)
{
    ntk_status status;
    tile_job j = {.planes = planes, .cpu = cpu, .dtype = dtype, .rows = rows, .columns = columns, .diagonal = diagonal, .each = each, .out = out};
    int64_t blocks;
    ntk_plane_desk unused;
    j.lanes = NTK_PLANE_BYTES / (int64_t)ntk_dtype_size(dtype);
    blocks = (columns->n + j.lanes - 1) / j.lanes;
    j.group = group_of(ctx, planes, blocks * rows->n, rows->n);
    j.scratch_size = lay_out(&j, NULL, &unused);
    atomic_init(&j.bad, -1);
    NTK_TRY(ntk_memory_require(ctx, "the planes of a pair of images", (double)j.scratch_size * ntk_parallel_workers(ctx)));
    NTK_TRY(ntk_allocate(ctx, ntk_parallel_workers(ctx) * j.scratch_size, 1, (void **)&j.scratch));
    if (twice_bytes(planes) > 0) NTK_TRY(NTK_NEW(ctx, pairs_of(&j), &j.doubtful));
    ntk_parallel(ctx, blocks * ((rows->n + j.group - 1) / j.group), 1, some_pieces, &j);
    ntk_free(j.scratch);
    j.scratch = NULL;
    if (j.doubtful) NTK_TRY(run_again(ctx, &j));
    status = ntk_reading_check(ctx, dtype, columns->n, atomic_load(&j.bad));
done:
    ntk_free(j.doubtful);
    ntk_free(j.scratch);
    return status;
}
