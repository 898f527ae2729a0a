/*
 * infinite: the network without parameters, in the limit of infinite width.
 *
 *   reading.c      may this network be read so, and if not, why; where each value of the program lives
 *   affine.c activation.c branch.c layer_norm.c    one op each: its plan, its norms, its pairs
 *   dropout.c      one sample with itself is another pair than two equal samples
 *   conv.c pool.c blend.c              ops that mix positions
 *   mixture.c product.c                            the merges of branch
 *   relu.c erf.c                       one activation each: its functions and its dual
 *   lookup.h own.c lookup.c tables.c terms.c own_pair.c pieces.c   activations without a closed form, and the program's own
 *   chain.c        a bias-free homogeneous chain collapsed to one function of the angle     chain_fit.c  its polynomials
 *   inner.c        gaps and distances of few inputs, without the BLAS
 *   start.c        the first state of a pair from x·x', and from |x̂ - x̂'|² where the product loses digits
 *   take.c         results into the caller's memory, checked on the way
 *   place.c        a block of results to its places, of what is symmetric to both
 *   tile.c         runs the program over a tile of pairs, in parallel
 *   taps.c         ops that mix positions: which inputs every output reads
 *   spatial.c spread.c   inputs with positions: every pair of positions of two samples through the program
 *   field.h mix.c concat.c attention.c aggregate.c   ops over the whole field of pairs, with weights that a sample brings along
 *   planes.h plane*.c    chains of convolutions: planes of constant offset instead, vector lanes being pairs of samples
 *   scalar.c       kappa0, kappa1, the two-layer NTK of two vectors
 *   hot.h          how the hot loops are compiled: once per type and instruction set
 *
 * The state of a pair (u, v) of jointly Gaussian pre-activations, in normalised distance form (docs/mathematics.md §4.2):
 *
 *     rho    = E[uv] / (alpha beta),    alpha = sqrt E[u²], beta = sqrt E[v²]: per sample, not per pair
 *     gap    = 1 - |rho|: half the squared distance of u/alpha and ±v/beta.  It is propagated as a sum of non-negative terms,
 *              never formed by subtraction, so that nothing is lost where inputs nearly agree (or nearly oppose)
 *     theta  = the NTK so far
 *
 * NNGP = alpha beta rho.  A sample with alpha = 0 enters every formula multiplied by 0: its rho and gap mean nothing.
 */
#ifndef NTK_INFINITE_H
#define NTK_INFINITE_H

#include "network.h"

#define NTK_RUN 256      /* pairs per run: the arrays of a run stay in the first-level cache */
#define NTK_LANES 16     /* runs are padded to whole vectors of any type and instruction set */
#define NTK_CONSTANTS 48 /* numbers a plan may keep */
#define NTK_STEP_FLOPS 30 /* of one step for one pair, for estimates: what a ReLU takes; other activations up to ten times that */

typedef struct ntk_plan ntk_plan;
typedef struct ntk_pieces ntk_pieces;
typedef struct ntk_reading ntk_reading;
typedef struct ntk_planes ntk_planes;

/** A run of pairs: one sample of the rows against `count` consecutive samples of the columns.  Arrays hold the run's real type. */
typedef struct ntk_run {
    int64_t count;           /* a multiple of NTK_LANES; what stands behind the last pair is computed and forgotten */
    int64_t wanted;          /* pairs up to the last one */
    char *slots;             /* slot s: rho, gap, theta, NTK_RUN numbers each */
    const void *row, *column; /* tables of per-sample numbers, at the run's first sample */
    int64_t row_stride, column_stride; /* numbers from one table column to the next */
    int64_t only;            /* keep the own term of this parametric layer alone; -1: all */
    bool wants_nngp;         /* rho of the result will be read */
    int64_t own;             /* the pair of one sample (and position) with itself; -1, or beyond count: none */
} ntk_run;

/** Hot loops come in one variant per type (f64, f32) and instruction set. */
typedef void (*ntk_pairs_fn)(const ntk_plan *plan, const ntk_run *run);
typedef struct ntk_pairs_variants {
    ntk_pairs_fn of[2][NTK_CPU_COUNT];
} ntk_pairs_variants;

/** What chain.c reads in the plans of affine.c and relu.c. */
enum { NTK_AFFINE_GAIN2, NTK_AFFINE_OWN_K, NTK_AFFINE_OWN_1, NTK_AFFINE_GAIN, NTK_AFFINE_BIAS };
enum { NTK_RELU_KAPPA, NTK_RELU_C, NTK_RELU_S, NTK_RELU_ROOT_KAPPA };

/** The plan of a layer with weights: constants and nature. */
ntk_status ntk_affine_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan);

/** A whole homogeneous chain as polynomials in u = sqrt(gap) (chain.c), by type, by what (rho, theta): one of its two forms, by the instruction set. */
#define NTK_CHAIN_DEGREE 40
typedef struct ntk_chain_side { /* start + (x + 1) q(x), x = 2u - 1 */
    double start;
    int degree;
    double c[NTK_CHAIN_DEGREE + 1];
} ntk_chain_side;
#define NTK_CHAIN_PIECES 8
#define NTK_CHAIN_SCALE 7.499 /* u in [0, 1] rounds to a piece from 0 to 7 */
#define NTK_CHAIN_STEP (1 / NTK_CHAIN_SCALE)
#define NTK_CHAIN_PIECE_DEGREE 28
typedef struct ntk_chain_pieces { /* coefficient k of every piece, near then far, in x = u - piece STEP */
    int degree;
    double f64[NTK_CHAIN_PIECE_DEGREE + 1][2 * NTK_CHAIN_PIECES];
    float f32[NTK_CHAIN_PIECE_DEGREE + 1][2 * NTK_CHAIN_PIECES];
} ntk_chain_pieces;
typedef struct ntk_chain {
    ntk_chain_side sides[2][2][2]; /* near, far */
    ntk_chain_pieces pieces[2][2];
} ntk_chain;

/** `count` signed gaps of one row to alpha beta f (what = 0, lengths of the result) or alpha beta g (what = 1, lengths of the input); false if one
 *  is not finite. */
typedef struct ntk_chain_row {
    int64_t count;
    int what;
    const void *gaps;         /* readable to the end of the run */
    const void *alpha, *beta; /* one number; [count] */
    void *out;                /* [count] */
} ntk_chain_row;
typedef bool (*ntk_chain_fn)(const ntk_chain *chain, const ntk_chain_row *row);
extern const ntk_chain_fn ntk_chain_variants[2][NTK_CPU_COUNT];

/** *chain stays NULL where the network is no such chain, or too deep for the polynomials to be as good as the layers. */
ntk_status ntk_chain_create(ntk_context *ctx, const ntk_reading *reading, ntk_chain **chain);

/** How an op mixes positions: output o is the sum over t of weight[o, t] times input[o, t] (-1: outside, nothing). */
typedef enum ntk_taps_kind {
    NTK_TAPS_TOGETHER, /* tap t has weights of its own, so it meets only itself:  M'(o, o') = sum_t w w' M(i_t, i'_t) */
    NTK_TAPS_ALONE,    /* the same, and different outputs are independent */
    NTK_TAPS_ACROSS,   /* fixed weights, every tap meets every tap:              M'(o, o') = sum_t sum_t' w w' M(i_t, i'_t') */
} ntk_taps_kind;
struct ntk_whole;
typedef struct ntk_taps {
    ntk_taps_kind kind;
    int64_t outputs, count;
    int32_t *input;
    double *weight;
    const struct ntk_whole *whole; /* of an op that reads these taps its own way, over the whole field; else NULL */
} ntk_taps;

/** Empty taps: all outside. */
ntk_status ntk_taps_open(ntk_context *ctx, ntk_taps_kind kind, int64_t outputs, int64_t count, ntk_taps *taps);
void ntk_taps_close(ntk_taps *taps);

struct ntk_field;
typedef void (*ntk_spread_fn)(const ntk_plan *plan, const struct ntk_field *f);

/** An op over the whole field of pairs: the norms of a sample (with the field of the sample with itself as far as the program has
 *  come, if pairs of different positions count), and the hot loop. */
typedef struct ntk_whole {
    void (*norms)(const ntk_plan *plan, const struct ntk_field *own, double *table);
    const ntk_spread_fn (*run)[NTK_CPU_COUNT]; /* by dtype */
} ntk_whole;

/** concat of positions as taps; ntk_infinite_branch hands them on. */
ntk_status ntk_concat_taps(ntk_context *ctx, const ntk_reading *reading, const ntk_plan *plan, ntk_taps *taps);

/** Mixtures whose weights stand in the plan's own columns (mix.c): what they read of the plan beside an affine layer's constants. */
enum { NTK_MIX_A = NTK_AFFINE_BIAS + 1, NTK_MIX_B, NTK_MIX_RATE, NTK_MIX_END };
extern const ntk_spread_fn ntk_mix_variants[2][NTK_CPU_COUNT];
void ntk_mix_norms(const ntk_plan *plan, const struct ntk_field *own, double *table);

/** The input position that tap `tap` of output position `output` reads, all counted row-major; -1: outside. */
int32_t ntk_window_position(const ntk_window *w, int64_t output, int64_t tap);

/** How one op is read. */
typedef struct ntk_infinite_op {
    /** Is there an exact rule here?  Fills the plan's constants and says what the output is: its nature. */
    ntk_status (*plan)(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan);
    /** The output's alpha and the plan's own table columns, for n samples; table column c is table + c * n. */
    void (*norms)(const ntk_plan *plan, int64_t n, double *table);
    /** The hot loop. */
    const ntk_pairs_variants *(*pairs)(const ntk_plan *plan);
    /** Of an op that mixes positions, in place of norms and pairs; after plan has set the constants of an affine layer.  NULL: acts on each position. */
    ntk_status (*taps)(ntk_context *ctx, const ntk_reading *reading, const ntk_plan *plan, ntk_taps *taps);
} ntk_infinite_op;

extern const ntk_infinite_op ntk_infinite_dense, ntk_infinite_activation, ntk_infinite_branch, ntk_infinite_layer_norm;
extern const ntk_infinite_op ntk_infinite_sum, ntk_infinite_product, ntk_infinite_concat; /* by the merge of a branch */

/** The dual of an activation: the same three beats. */
typedef struct ntk_dual {
    int columns; /* per-sample numbers it wants beside alpha */
    int (*columns_of)(const double *p); /* the same where it depends on the keys; else NULL */
    void (*constants)(const double *p, double *constants);
    void (*norms)(const ntk_plan *plan, int64_t n, double *table);
    const ntk_pairs_variants *pairs;
} ntk_dual;

/** One step, ready to run. */
struct ntk_plan {
    const ntk_step *step;
    int input_slot;       /* of the first input */
    int output_slot;
    int input_alpha, output_alpha; /* table columns */
    int first_column;     /* of the plan's own table columns */
    int columns;
    int rest;             /* of the input's alpha: see ntk_nature */
    const int *input_slots;   /* branch: of every input */
    const int *input_alphas;
    double k[NTK_CONSTANTS];
    ntk_taps taps;         /* of an op that mixes positions */
    struct ntk_lookup *lookup; /* of an activation without a closed form (lookup.h) */
    ntk_pairs_fn pairs[2]; /* by dtype, chosen for the processor of the context that made the reading */
};

/** What is known of a value. */
typedef struct ntk_nature {
    bool gaussian;  /* jointly Gaussian over inputs: an activation may follow */
    bool zero_mean; /* over the weights */
    int root;       /* independent of every value before this one, where its weights begin */
    int slot;
    int rest;       /* the table columns of what rounding its alpha to double and to float left; 0: not known */
} ntk_nature;

struct ntk_reading {
    ntk_network *network;
    ntk_plan *plans;      /* [n_steps] */
    ntk_nature *natures;  /* [n_values] */
    int *lists;           /* memory of input_slots and input_alphas */
    int slots;            /* live states at once */
    int columns;          /* of the per-sample tables: alpha of every value, then the plans' own */
    int length_rests;     /* the column of what rounding |x|/sqrt(d) left (ntk_length_rests); 0: not wanted */
    ntk_cpu cpu;
    bool spatial;         /* values have positions, or an op mixes them: spatial.c runs it, else tile.c */
    bool across;          /* an op needs pairs of different positions */
    bool inference;       /* dropout changes nothing */
    bool noisy;           /* dropout draws: equal samples differ */
    int64_t positions;    /* the most that a value has */
    ntk_chain *chain;     /* the whole as one function of the angle, or NULL */
    ntk_planes *planes;   /* the whole by planes of constant offset, or NULL */
    const ntk_reading *whole; /* of a smaller input, cut out of this one: columns and stride are its; else NULL */
};

/**
 * What a branch's output is, from its branches: Gaussian if all are; independent of what came before the earliest root.  Also
 * counts the branches that lack weights of their own (dependent), and those that besides have no zero mean (not_fresh).
 */
typedef struct ntk_branch_nature {
    bool gaussian, all_zero_mean, any_zero_mean;
    int root, dependent, not_fresh;
} ntk_branch_nature;
ntk_branch_nature ntk_branch_nature_of(const ntk_reading *reading, const ntk_step *s);

/** NO_RULE with the layer's path where no exact rule exists. */
ntk_status ntk_reading_create(ntk_context *ctx, const ntk_network *network, ntk_dropout dropout, ntk_reading **reading);
void ntk_reading_destroy(ntk_reading *reading);

/** OVERFLOW if a result of a tile of so many columns is not finite: `bad` is its place, row * columns + column, or -1. */
ntk_status ntk_reading_check(ntk_context *ctx, ntk_dtype dtype, int64_t columns, int64_t bad);

/** The readings of the crops of `sites`, to be freed by the second; readings[0] is `whole`, the caller's. */
ntk_status ntk_readings_create(ntk_context *ctx, const ntk_reading *whole, const ntk_sites *sites, const ntk_reading ***readings);
void ntk_readings_destroy(const ntk_reading **readings, int64_t n_crops);

/** Per-sample start: the length |x| of each row of x [n, d] and 1/|x| (0 for a zero row), without overflow. */
void ntk_lengths(ntk_dtype dtype, int64_t n, int64_t d, const void *x, double *length, double *inverse);

/** A prepared side of a tile: samples [first, first + n) of a data set. */
typedef struct ntk_side {
    int64_t n;
    const void *x;          /* dense [n, d], of the dtype */
    const double *length, *inverse;
} ntk_side;

/** Where results go; NULL: not wanted.  Rows are `ld` numbers apart, planes of `layers` by layer_stride. */
typedef struct ntk_results {
    void *ntk, *nngp, *layers;
    int64_t ld, layer_stride;
    bool mirror;         /* of one data set, the tile in its place in the whole matrix: what is below the diagonal (ntk, nngp) is written above it too */
} ntk_results;

/**
 * The kernels of every pair of two sides.  diagonal >= 0: both are of one data set and row i meets itself in column
 * i + diagonal; pairs beyond are left out.  diagonal < 0: all pairs.
 */
#define NTK_ALL_PAIRS INT64_MIN
ntk_status ntk_reading_tile(ntk_context *ctx, const ntk_reading *r, ntk_dtype dtype, int64_t d, const ntk_side *rows, const ntk_side *columns,
                            int64_t diagonal, const ntk_results *out);

/** Rows of a tile that are worth what a tile costs: more of them where pairs are cheap. */
int64_t ntk_reading_tile_rows(const ntk_reading *r, int64_t d);

/** Bytes of the scratch of a tile of m x n pairs, and about the flop of a pair. */
double ntk_reading_tile_bytes(const ntk_context *ctx, const ntk_reading *r, ntk_dtype dtype, int64_t d, int64_t m, int64_t n);
double ntk_reading_diagonal_bytes(const ntk_context *ctx, const ntk_reading *r, ntk_dtype dtype, int64_t n);
double ntk_reading_pair_flops(const ntk_reading *r, int64_t d);

/** Each sample with itself: out->ntk [n] and so on. */
ntk_status ntk_reading_diagonal(ntk_context *ctx, const ntk_reading *r, ntk_dtype dtype, int64_t d, const ntk_side *side, const ntk_results *out);

/* ---- inputs with positions (spatial.c) --------------------------------------------------------------------------- */

/** Rows of ntk_field.work. */
#define NTK_WORK_ROWS 5

/** All pairs of positions (or, where no op needs others, each position with itself) of two samples, in runs of NTK_RUN. */
typedef struct ntk_field {
    int n_slots;
    bool across;     /* else position p meets p alone: the only pair of run p */
    bool itself;     /* the two samples are equal, what was drawn for them included */
    bool own;        /* they are one sample: as itself, but for equal samples between which dropout draws */
    int64_t chunks;  /* runs per position of the row sample */
    int64_t only;    /* as in ntk_run */
    char *slots;     /* [run, slot, 3, NTK_RUN] */
    const void *row, *column; /* tables of the two samples, [columns, stride] */
    int64_t stride;
    const ntk_reading *readings[2]; /* of the two samples: of their own sizes */
    const double *graph; /* of the sample with itself, while its table is made; NULL: none */
    void *work;      /* NTK_WORK_ROWS rows of chunks * NTK_RUN numbers */

    /* while a step runs: its positions, and those of its first input, by sample */
    int64_t rows, columns, rows_in, columns_in;
    const ntk_taps *row_taps, *column_taps;
} ntk_field;

/** rho of a pair of positions in a field of double. */
static inline double ntk_field_rho(const ntk_field *f, int slot, int64_t p, int64_t q)
{
    const double *slots = (const double *)(const void *)f->slots;
    return slots[((p * f->chunks + q / NTK_RUN) * f->n_slots + slot) * 3 * NTK_RUN + q % NTK_RUN];
}

/** The first state of a field from the samples [positions, channels]. */
typedef struct ntk_field_start {
    int64_t rows, columns, channels; /* positions of the two */
    const void *row, *column;
} ntk_field_start;

typedef void (*ntk_field_start_fn)(const ntk_field_start *start, const ntk_field *field);
extern const ntk_field_start_fn ntk_field_start_variants[2][NTK_CPU_COUNT];
extern const ntk_spread_fn ntk_spread_variants[2][NTK_CPU_COUNT];

/** Numbers in the table of one sample, in a field, and beside each worker while it makes a table; about the flop of a pair. */
int64_t ntk_spatial_table_size(const ntk_reading *r);
int64_t ntk_spatial_field_size(const ntk_reading *r);
int64_t ntk_spatial_scratch_size(const ntk_reading *r);
double ntk_spatial_pair_flops(const ntk_reading *r);

/** The tables of n samples of type dtype, one after the other; what needs the pairs of a sample with itself runs them. */
typedef struct ntk_spatial_side ntk_spatial_side;
ntk_status ntk_spatial_tables(ntk_context *ctx, const ntk_reading *r, ntk_dtype dtype, const ntk_spatial_side *side, void *tables);

/** A side of a tile with positions: samples first, first + 1, ... of a data set; x and tables begin with the first. */
struct ntk_spatial_side {
    int64_t n;
    const char *x, *tables;
    int64_t first;
    const ntk_sites *sites;             /* masks and graphs of the data set */
    const ntk_reading *const *readings; /* by crop; NULL: all samples are whole */
};

/** As ntk_reading_tile; `each`: row i with column i alone, results of pair i at place i. */
ntk_status ntk_spatial_tile(ntk_context *ctx, const ntk_reading *r, ntk_dtype dtype, const ntk_spatial_side *rows, const ntk_spatial_side *columns,
                            int64_t diagonal, bool each, const ntk_results *out);

/* ---- chains of convolutions (planes.h) --------------------------------------------------------------------------- */

/** *planes stays NULL where the network is no such chain. */
ntk_status ntk_planes_create(ntk_context *ctx, const ntk_reading *reading, ntk_planes **planes);
void ntk_planes_destroy(ntk_planes *planes);

/** Do pairs of different positions count? */
bool ntk_planes_pooled(const ntk_planes *planes);

/** What is per sample: ntk_planes_numbers numbers of the dtype and ntk_planes_units powers of two. */
int64_t ntk_planes_numbers(const ntk_planes *planes);
int64_t ntk_planes_units(const ntk_planes *planes);
ntk_status ntk_planes_norms(ntk_context *ctx, const ntk_planes *planes, ntk_cpu cpu, ntk_dtype dtype, int64_t n, const void *x, void *norms, double *units);

/** For estimates: numbers of a worker at the norms, bytes of one at the pairs, at most; the work of a pair. */
int64_t ntk_planes_norm_numbers(const ntk_planes *planes);
int64_t ntk_planes_worker_bytes(const ntk_planes *planes, ntk_dtype dtype);
double ntk_planes_pair_flops(const ntk_planes *planes);

/** Samples [first, first + n) of a data set. */
typedef struct ntk_plane_sides {
    int64_t n;
    const void *x, *norms; /* of the dtype */
    const double *units;
} ntk_plane_sides;

/** As ntk_spatial_tile. */
ntk_status ntk_planes_tile(ntk_context *ctx, const ntk_planes *planes, ntk_cpu cpu, ntk_dtype dtype, const ntk_plane_sides *rows, const ntk_plane_sides *columns,
                           int64_t diagonal, bool each, const ntk_results *out);

/* ---- a block of results to its places (place.c) ------------------------------------------------------------------- */

#define NTK_BLOCK_LD (NTK_RUN + 16) /* numbers from row to row of a block: of a power of two, columns would meet in the same sets of the cache */

/** lay: to [rows, columns] = from; turn: to [columns, rows] = fromᵀ; `to` has rows of ld numbers. */
typedef struct ntk_place {
    int64_t rows, columns; /* rows <= NTK_INNER_ROWS, columns <= NTK_RUN */
    const void *from;      /* [rows, NTK_BLOCK_LD] */
    void *to;
    int64_t ld;
    bool stream;           /* past the caches: the whole is larger than they are; a fence must follow */
} ntk_place;
typedef void (*ntk_place_fn)(const ntk_place *p);
extern const ntk_place_fn ntk_lay_variants[2][NTK_CPU_COUNT], ntk_turn_variants[2][NTK_CPU_COUNT];

/* ---- gaps of few inputs (inner.c) ----------------------------------------------------------------------------- */

#define NTK_INNER_BLOCK 6 /* rows of a register block */
#define NTK_INNER_ROWS 96 /* rows at once; a multiple of them */
#define NTK_INNER_PANELS (NTK_RUN / 4) /* 4: columns of the narrowest panel */
typedef struct ntk_inner {
    int64_t d, row_count, count; /* count <= NTK_RUN columns */
    const void *rows, *columns;  /* samples, [., d] */
    const double *row_inverse, *column_inverse; /* 1/|x| */
    void *packed;                /* [NTK_RUN / width][d][width], zeroed once: the columns, normalised and turned by inner_pack */
    void *units;                 /* [NTK_INNER_ROWS, d]: room for the rows, normalised */
    void *out;                   /* [NTK_INNER_ROWS, NTK_BLOCK_LD]: signed gaps */
    double near;                 /* gaps below it ... */
    bool (*below)[NTK_INNER_ROWS / NTK_INNER_BLOCK]; /* ... occur in these register blocks: [NTK_INNER_PANELS] */
} ntk_inner;
#define NTK_INNER_DEPTH 128 /* inputs summed before their sum is added to the others */
typedef void (*ntk_inner_fn)(const ntk_inner *inner);
extern const ntk_inner_fn ntk_inner_variants[2][NTK_CPU_COUNT], ntk_inner_pack_variants[2][NTK_CPU_COUNT];

/* ---- the first state (start.c) ---------------------------------------------------------------------------------- */

/**
 * The signed gaps of a block: gap = 1 - |rho| with the sign of rho, which says all, for rho = ±(1 - gap).  Where a cosine is not good
 * enough the gap comes from the vectors.
 */
typedef struct ntk_gaps {
    const ntk_inner *block;  /* its gaps below `near` are taken from the vectors */
    const void *products;    /* x·x' of the BLAS [rows, product_ld] from which all gaps are made; NULL: inner.c has made them */
    int64_t product_ld;
    double exact;            /* and those near of a sample with 1/|x| up to this to full relative precision, whatever it costs; 0: none */
    int64_t itself;          /* the column that is the same sample as row 0, or NTK_ALL_PAIRS */
} ntk_gaps;
typedef void (*ntk_gaps_fn)(const ntk_gaps *g);
extern const ntk_gaps_fn ntk_gaps_variants[2][NTK_CPU_COUNT];

/** Signed gaps to the first state of a run; theta = 0. */
typedef struct ntk_start {
    int64_t count;
    const void *gaps;
    void *rho, *gap, *theta;
} ntk_start;
typedef void (*ntk_start_fn)(const ntk_start *s);
extern const ntk_start_fn ntk_start_variants[2][NTK_CPU_COUNT];

/** An activation that jumps, and another one to see what it makes of near inputs: they want every digit of the first distance. */
bool ntk_wants_exact_gaps(const ntk_network *network);

/** The largest 1/|x| of the samples of a side that are long for a sharp activation of the network, from their table [columns, n]; 0: there is none. */
bool ntk_has_sharp(const ntk_network *network);
double ntk_longest_inverse(const ntk_reading *reading, int64_t n, const double *inverse, const double *table);

/** rest = |x|/sqrt(d) - alpha for alpha its rounded value, to full precision of the rest. */
void ntk_length_rests(ntk_dtype dtype, int64_t n, int64_t d, const void *x, const double *alpha, double *rest);

/** The gap below which a product is not good enough for that many activations.  terms: as many as one long sum of equal error has. */
double ntk_start_near(ntk_dtype dtype, int64_t activations, double terms);

/* ---- results (take.c) -------------------------------------------------------------------------------------------- */

/** `count` values to out; with beta, alpha beta values.  False if one of them is not finite. */
typedef struct ntk_take {
    int64_t count;
    const void *values, *alpha, *beta; /* alpha: one number; beta: [count] or NULL */
    void *out;
} ntk_take;
typedef bool (*ntk_take_fn)(const ntk_take *t);
extern const ntk_take_fn ntk_take_variants[2][NTK_CPU_COUNT];

#endif
