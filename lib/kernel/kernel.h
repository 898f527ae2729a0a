/*
 * kernel: the kernel as a function of two inputs, and the gram, a kernel on one data set as a symmetric operator.
 *
 *   kernel.c       the handle            points.c    a data set prepared
 *   estimate.c     bytes and flops of a job before it starts
 *   fill.c         tiles, symmetry, progress         evaluate.c  into the caller's arrays
 *   fill_packed.c  the same into half the memory     storage.c   how a gram keeps its entries
 *   gram_ways.c  K of a Jacobian, by the ways there are
 *   strips_shared.c     one row of J for all outputs
 *   strips.c       J strip by strip, for empirical kernels and grams of networks
 *   factors_fill.c factors_diagonal.c     from its factors      pairing.h pairing.c pairing_shared.c    how those of a layer meet
 *   infinite.c spatial.c planes.c empirical.c structured.c monte_carlo.c callback.c blend.c      one class of kernel each (of empirical kernels two: algorithms)
 *   gram_products.c gram_anew.c     what is asked of a gram without entries, of a Jacobian and of a kernel
 *   gram.c gram_matrix.c gram_jacobian.c    where a gram comes from
 *   operator.c     what is asked of it: diagonal, blocks, products
 *   cross.c        a gram meets new inputs: blocks K(test, train)
 *   targets.c      y in the shape of the operator
 */
#ifndef NTK_KERNEL_H
#define NTK_KERNEL_H

#include "finite.h"
#include "infinite.h"
#include "linalg.h"

#if defined(NTK_SINGLE)
#include "kernel_single.h"
#endif

/** Memory that the steps of a call share: fresh pages cost as much as what is written there. */
typedef struct ntk_room {
    ntk_real *numbers;
    int64_t count;
} ntk_room;

static inline void ntk_room_close(ntk_room *r)
{
    ntk_free(r->numbers);
    r->numbers = NULL;
    r->count = 0;
}

/** At least `count` numbers; what they were is lost. */
static inline ntk_status ntk_room_reserve(ntk_context *ctx, ntk_room *r, int64_t count)
{
    ntk_status status = NTK_OK;
    if (count <= r->count) return NTK_OK;
    ntk_room_close(r);
    NTK_TRY(NTK_NEW_RAW(ctx, count, &r->numbers));
    r->count = count;
done:
    return status;
}

/** Which kernels a pass delivers. */
enum { NTK_WANT_NTK = 1, NTK_WANT_NNGP = 2, NTK_WANT_LAYERS = 4, NTK_WANT_ERRORS = 8 };

/** A data set as a kernel wants it: the per-sample work done once.  The class extends it. */
typedef struct ntk_points {
    ntk_dtype dtype;
    int64_t n;         /* samples */
    int64_t d;         /* numbers per sample */
    const void *x;     /* dense [n, d] */
    void *copy;        /* owned memory behind x, or NULL */
    void *prepared;    /* of the class */
    ntk_sites sites;   /* masks and graphs; x of masked samples is packed (ntk_sites_pack) */
    const ntk_reading **readings; /* of the spatial class: by crop; NULL: one for all */
    const char *name;             /* of x, and what was given with it, while it is prepared */
    const ntk_structure *structure;
} ntk_points;

/** Where a tile of results goes: dense, row stride ld; NULL: not wanted.  layers: one plane per parametric layer. */
typedef struct ntk_tile {
    void *ntk, *nngp;
    void *layers;
    int64_t ld;           /* numbers per row of a plane */
    int64_t layer_stride; /* numbers from one layer's plane to the next */
    void *ntk_error, *nngp_error; /* standard errors */
    bool mirror;          /* a class with `mirrors` also fills the transposed entries of ntk and nngp */
} ntk_tile;

/** What estimate.c adds up: bytes and flops of n samples. */
typedef struct ntk_cost {
    double prepared;     /* bytes of what `prepare` leaves */
    double preparing;    /* bytes beside it while it is made */
    double tile;         /* bytes while one block is filled */
    double diagonal;     /* bytes while one block of a diagonal is */
    double sample, pair; /* flop of preparing a sample, of a pair */
} ntk_cost;

/** Types that a class works in. */
enum { NTK_TAKES_F64 = 1 << NTK_F64, NTK_TAKES_F32 = 1 << NTK_F32, NTK_TAKES_BOTH = NTK_TAKES_F64 | NTK_TAKES_F32 };

typedef struct ntk_kernel_class {
    const char *name;
    unsigned takes; /* dtypes of x: NTK_TAKES_* */
    bool mirrors;       /* block takes wide tiles, and of a symmetric matrix fills both triangles where the tile wants it */
    double preparation; /* share of a job that `prepare` takes, for progress */
    /** Checks x against the kernel, and does the work that is per sample.  NULL, like release: there is none. */
    ntk_status (*prepare)(ntk_context *ctx, const ntk_kernel *k, ntk_points *points);
    void (*release)(ntk_points *points);
    /** Samples [row, row + m) of a against [column, column + n) of b.  a == b: pairs above the diagonal need not be filled. */
    ntk_status (*block)(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                        int64_t column, int64_t n, const ntk_tile *tile);
    /** Samples [row, row + m) each with itself: m per_sample trailing numbers, dense. */
    ntk_status (*diagonal)(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_tile *tile);
    /** NULL: there is no estimate. */
    void (*cost)(const ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, int64_t n, ntk_cost *cost);
} ntk_kernel_class;

static inline bool ntk_class_takes(const ntk_kernel_class *class, ntk_dtype dtype)
{
    return (dtype == NTK_F64 || dtype == NTK_F32) && (class->takes >> dtype & 1);
}

/** "f64 or f32", "f64" or "f32". */
const char *ntk_class_types(const ntk_kernel_class *class);

/** A tile as the infinite reading fills it. */
static inline ntk_results ntk_tile_results(const ntk_tile *tile)
{
    return (ntk_results){tile->ntk, tile->nngp, tile->layers, tile->ld, tile->layer_stride, tile->mirror};
}

/** Of empirical kernels one class per type. */
extern const ntk_kernel_class ntk_empirical_kernel, ntk_empirical_kernel_f32, ntk_structured_kernel, ntk_structured_kernel_f32;
extern const ntk_kernel_class ntk_infinite_kernel, ntk_spatial_kernel, ntk_planes_kernel, ntk_monte_carlo_kernel, ntk_callback_kernel, ntk_blend_kernel;

struct ntk_kernel {
    ntk_object object;
    const ntk_kernel_class *class;
    int delivers;            /* NTK_WANT_* */
    int64_t per_sample;      /* rows of the matrix per sample: o for full, else 1 */
    int64_t trailing;        /* numbers per entry: o for diagonal, else 1 */
    int64_t layers;          /* planes of NTK_WANT_LAYERS */
    int64_t tile;            /* rows of a tile, in samples */
    int64_t wide;            /* its columns: more, of a class that shares work among rows */
    ntk_network *network;    /* NULL for a callback */
    ntk_reading *reading;    /* infinite */
    ntk_outputs outputs;     /* empirical */
    bool *factored;          /* by parametric layer: does it go by factors? */
    int64_t n_factored;
    void *theta;             /* of the type that the class takes */
    bool keeps;              /* the rows of J whatever their size: samples have masks */
    ntk_optimizer *optimizer;
    int64_t samples;         /* Monte Carlo */
    uint64_t seed;
    ntk_kernel_fn function;  /* callback */
    void *user;
    int64_t count;           /* blend */
    ntk_kernel **parts;      /* [count] */
    double *weights;         /* [count]; NULL: its one part, normalised */
};

/** A kernel of this class with one number per pair. */
ntk_status ntk_kernel_new(ntk_context *ctx, const ntk_kernel_class *class, ntk_kernel **kernel);

/** Checks x: shape, dtype f64 or f32, finite. */
ntk_status ntk_points_check(ntk_context *ctx, const ntk_kernel *k, const char *name, const ntk_array *x);

/** Checks x so and prepares it.  `keep`: copy it, else it is borrowed for as long as the points live. */
ntk_status ntk_points_open(ntk_context *ctx, const ntk_kernel *k, const char *name, const ntk_array *x, const ntk_structure *structure, bool keep,
                           ntk_points *points);

/** The kernel that takes inputs with this structure (either may be NULL): `kernel` itself, or one of a class that takes masks; to be destroyed. */
ntk_status ntk_kernel_for(ntk_context *ctx, const ntk_kernel *kernel, const ntk_structure *a, const ntk_structure *b, ntk_kernel **taken);
/** The work that is per sample, of points that hold a checked x. */
ntk_status ntk_points_prepare(ntk_context *ctx, const ntk_kernel *k, ntk_points *points);
/** Masks and graphs that were given, as the kernel takes them, and x packed by them into a copy. */
ntk_status ntk_points_place(ntk_context *ctx, const ntk_kernel *k, ntk_points *points);
void ntk_points_close(const ntk_kernel *k, ntk_points *points);

/** Samples of a diagonal at once: less than a second's work. */
#define NTK_DIAGONAL_SAMPLES 4096

/** MEMORY_LIMIT with the bytes of the whole job and `beside`, if that is more than the context allows. */
ntk_status ntk_kernel_require(ntk_context *ctx, const ntk_kernel *kernel, const char *what, const ntk_job *job, double beside);

/** OVERFLOW if `what`, rows of n numbers ld apart, holds one that is not finite. */
ntk_status ntk_check_values(ntk_context *ctx, const char *what, ntk_dtype dtype, int64_t rows, int64_t n, const void *values, int64_t ld);

/** Every sample with itself, dense. */
ntk_status ntk_kernel_fill_diagonal(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, const ntk_tile *out);

/** The whole matrix of prepared points, dense; b NULL: symmetric, both triangles filled. */
ntk_status ntk_kernel_fill(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, const ntk_points *b, const ntk_tile *out);

/* ---- empirical kernels ------------------------------------------------------------------------------------------- */

/** out = rows of a [m o, p] with rows of b [n o, p] by the rule of outputs; a, b, dense. */
ntk_status ntk_empirical_contract(ntk_context *ctx, ntk_outputs outputs, int64_t o, int64_t p, const ntk_real *a, int64_t m, const ntk_real *b, int64_t n,
                                  ntk_real *out, int64_t ld);
/** |row|² of every output, or their mean. */
void ntk_empirical_squares(ntk_outputs outputs, int64_t o, int64_t p, const ntk_real *rows, int64_t m, ntk_real *out);
/** OVERFLOW if an entry of the tile's ntk or nngp is not finite. */
ntk_status ntk_empirical_check(ntk_context *ctx, int64_t rows, int64_t n, const ntk_tile *tile, int64_t ld);

/** The same block of ntk and layers by strips of J, filled whole; of a network whose strips fit.  And the samples with themselves. */
ntk_status ntk_strips_block(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b, int64_t column,
                            int64_t n, const ntk_tile *tile);
ntk_status ntk_strips_diagonal(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_tile *tile);
/** k [rows, rows], dense = J D⁻¹ Jᵀ of a network's J. */
ntk_status ntk_strips_gram(ntk_context *ctx, const ntk_jacobian *j, const ntk_optimizer *optimizer, ntk_real *k);
/** Memory that they take, with so many rows in a strip and n samples on the longer side. */
double ntk_strips_bytes(const ntk_context *ctx, const ntk_network *network, double rows, int64_t n);

/** The same, added to what the tile holds, of the layers that `without` does not name (by parametric layer; NULL: of all). */
ntk_status ntk_strips_add(ntk_context *ctx, const ntk_kernel *k, const bool *without, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                          int64_t column, int64_t n, const ntk_tile *tile);
ntk_status ntk_strips_add_diagonal(ntk_context *ctx, const ntk_kernel *k, const bool *without, const ntk_points *a, int64_t row, int64_t m, const ntk_tile *tile);
ntk_status ntk_strips_add_gram(ntk_context *ctx, const ntk_jacobian *j, const ntk_optimizer *optimizer, const bool *without, ntk_real *k);

/** The term of one layer that shares its cotangents (ntk_strip_shares), added so; and memory that it takes beside rows of n samples. */
ntk_status ntk_strips_add_shared(ntk_context *ctx, const ntk_kernel *k, const ntk_step *s, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b, int64_t column,
                                 int64_t n, const ntk_tile *tile);
double ntk_strips_shared_bytes(const ntk_network *network, double n);

/** Samples [row, row + m) of a against [column, column + n) of b; a == b: pairs above the diagonal need not be filled. */
typedef struct ntk_factors_block {
    const ntk_factors *a, *b;
    ntk_outputs outputs;
    int64_t row, m, column, n, ld;
} ntk_factors_block;

/** sum: J D⁻¹ Jᵀ of that block, row stride ld; layers: each layer's term; either may be NULL. */
ntk_status ntk_factors_fill(ntk_context *ctx, const ntk_factors_block *block, ntk_real *sum, ntk_real *layers, int64_t layer_stride);
/** Memory that it holds, of m samples against n; chosen NULL: of all layers. */
double ntk_factors_fill_bytes(const ntk_network *network, ntk_outputs outputs, const bool *chosen, int64_t m, int64_t n);
/** Samples [row, row + m) each with itself: every output, or their mean. */
ntk_status ntk_factors_diagonal(ntk_context *ctx, const ntk_factors *f, ntk_outputs outputs, int64_t row, int64_t m, ntk_real *sum, ntk_real *layers, int64_t layer_stride);

/** The symmetric matrix of prepared points into packed planes, by kind; NULL: not wanted. */
ntk_status ntk_kernel_fill_packed(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, void *const planes[2]);

/** How the entries of a symmetric [n, n] lie in memory, and what can be done with them there. */
typedef struct ntk_storage_class {
    ntk_status (*numbers)(ntk_context *ctx, int64_t n, int64_t *count);
    int64_t (*index)(int64_t n, int64_t i, int64_t j); /* of entry (i, j), in any order */
    ntk_status (*fill)(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, void *const planes[2]); /* by kind; NULL: not wanted */
    void (*spread)(const ntk_context *ctx, ntk_dtype dtype, int64_t n, const void *a, void *dense);        /* both triangles, [n, n] */
    ntk_status (*product)(ntk_context *ctx, ntk_dtype dtype, int64_t n, int64_t m, const void *a, const void *v, void *out);
    ntk_status (*factorise)(ntk_context *ctx, ntk_dtype dtype, int64_t n, void *a); /* Cholesky, in place */
    ntk_status (*solve)(ntk_context *ctx, ntk_dtype dtype, int64_t n, const void *l, int64_t m, void *b);
} ntk_storage_class;

extern const ntk_storage_class ntk_full_storage, ntk_packed_storage;

/** The storage that a choice means.  ARGUMENT if it is none. */
ntk_status ntk_storage_choose(ntk_context *ctx, ntk_storage choice, const ntk_storage_class **storage);

/* ---- the gram, for the answers --------------------------------------------------------------------------------- */

struct ntk_gram {
    ntk_object object;
    ntk_dtype dtype;
    int64_t size;               /* N */
    int64_t per_sample;         /* rows per sample: o for full grams, else 1; 0: not known (a user's matrix) */
    const ntk_storage_class *storage;
    const void *matrix[2];      /* by ntk_kind: N x N entries in that storage, or NULL */
    void *owned[2];
    bool consumed[2];           /* a solver took it */
    bool anew[2];               /* of a kernel, not kept: computed whenever it is asked for */
    ntk_kernel *kernel;         /* NULL if not made from a kernel */
    ntk_points points;          /* its data set */
    ntk_jacobian *jacobian;     /* NULL if not made from one */
    ntk_optimizer *optimizer;
    ntk_algorithm algorithm;    /* of one of a Jacobian; PRODUCTS: it has no matrix */
    bool *factored;             /* of one of a network's Jacobian: as in a kernel */
    int64_t n_factored;
};

/** A way to K = J D⁻¹ Jᵀ: the bytes that it needs beside K, and the filling of k [N, N], dense, symmetric. */
typedef struct ntk_way {
    ntk_algorithm name;
    double bytes;
    ntk_status (*fill)(ntk_context *ctx, const ntk_gram *g, void *k);
} ntk_way;

/** What a gram of a Jacobian does in its type.  Of one without a matrix: out [N, m] = K v; rows [row, row + m) by columns [column, column + n),
 *  dense; the diagonal, dense [N]. */
typedef struct ntk_jacobian_gram_class {
    ntk_way (*choose)(const ntk_context *ctx, const ntk_gram *g);
    ntk_status (*multiply)(ntk_context *ctx, const ntk_gram *gram, int64_t m, const void *v, void *out);
    ntk_status (*block)(ntk_context *ctx, const ntk_gram *gram, int64_t row, int64_t m, int64_t column, int64_t n, void *out);
    ntk_status (*diagonal)(ntk_context *ctx, const ntk_gram *gram, void *out);
} ntk_jacobian_gram_class;

extern const ntk_jacobian_gram_class ntk_jacobian_gram, ntk_jacobian_gram_f32;
const ntk_jacobian_gram_class *ntk_jacobian_gram_of(ntk_dtype dtype);

/** k [N, N] = J D⁻¹ Jᵀ of a gram of a Jacobian, dense, symmetric, in the gram's type. */
ntk_status ntk_gram_contract(ntk_context *ctx, const ntk_gram *gram, void *k);

/** The products of that class. */
ntk_status ntk_products_multiply(ntk_context *ctx, const ntk_gram *gram, int64_t m, const void *v, void *out);
ntk_status ntk_products_block(ntk_context *ctx, const ntk_gram *gram, int64_t row, int64_t m, int64_t column, int64_t n, void *out);
ntk_status ntk_products_diagonal(ntk_context *ctx, const ntk_gram *gram, void *out);

/** The same of a gram of a kernel, in its dtype; and all entries in a storage. */
ntk_status ntk_anew_multiply(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int64_t m, const void *v, void *out);
ntk_status ntk_anew_block(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int64_t row, int64_t m, int64_t column, int64_t n, void *out);
ntk_status ntk_anew_diagonal(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, void *out);
/** Samples of a tile, of n. */
void ntk_anew_tile(const ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, int64_t n, int64_t *tall, int64_t *wide);
ntk_status ntk_anew_fill(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, const ntk_storage_class *storage, void *entries);

/** ARGUMENT if the gram lacks the kind; DTYPE if `dtype_needed` is NTK_F64 and the gram holds f32 (pass the gram's own to take both). */
ntk_status ntk_gram_check(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, ntk_dtype dtype_needed);

/** Memory for the entries of one kind in the gram's storage, not yet filled. */
ntk_status ntk_gram_new_matrix(ntk_context *ctx, ntk_gram *gram, ntk_kind kind);

/** The entries of one kind, in the gram's storage: a copy (to be freed), or, where `consume` says how many
 *  owners the caller knows of, the gram's own, which it no longer holds then.  ARGUMENT if there are more owners, or if they are the user's. */
ntk_status ntk_gram_take(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int consume, void **entries);

/** All N² entries, symmetric, dense, into `dense`. */
ntk_status ntk_gram_copy(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, void *dense);

/** out = K v, both dense [N, m] of the gram's dtype. */
ntk_status ntk_gram_product(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int64_t m, const void *v, void *out);

/** Sum of the diagonal. */
ntk_status ntk_gram_trace(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, double *trace);

/** Adds what ridge and ridge_relative mean for this kernel: absolute + relative * trace / N.  Refuses negative and non-finite ones. */
ntk_status ntk_gram_ridge(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, double absolute, double relative, double *ridge);

/**
 * Targets, or anything of their shape, as dense [N, columns] of the gram's dtype (a copy, to be freed): [N] and [N, c] as
 * they are; for a full gram of n samples and o outputs also [n, o], flattened to one column.  Checks shape and finiteness.
 */
ntk_status ntk_gram_targets(ntk_context *ctx, const ntk_gram *gram, const char *name, const ntk_array *y, int64_t *columns, void **dense);

/** New inputs beside the gram's own.  The gram must come from a kernel. */
ntk_status ntk_cross_open(ntk_context *ctx, const ntk_gram *gram, const ntk_array *x, const ntk_structure *structure, ntk_points *test);
void ntk_cross_close(const ntk_gram *gram, ntk_points *test);

/** Test samples [row, row + m) against the training set: dense [m per_sample, N] per kind; NULL: not wanted. */
ntk_status ntk_cross_block(ntk_context *ctx, const ntk_gram *gram, const ntk_points *test, int64_t row, int64_t m, void *ntk, void *nngp);

/** Test samples with themselves: dense [M, M], M = n per_sample, symmetric. */
ntk_status ntk_cross_square(ntk_context *ctx, const ntk_gram *gram, const ntk_points *test, void *ntk, void *nngp);

#endif
