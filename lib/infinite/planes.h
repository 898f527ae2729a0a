/*
 * planes: convolutional chains by planes of constant offset, every vector lane a pair of images (docs/adr/0009).
 *
 *   planes.c         is this network such a chain, and its constants: the plan
 *   plane_sections.c what pools make of the plan: sections between them, offsets that are needed, weights at the end
 *   plane_norms.c    what is per image: the norms of all positions before every activation, the spread of what pools add
 *   plane_sides.c    one image, and a block of interleaved ones, as the loops read them
 *   plane_loops.c    one plane through all layers
 *   plane_plain.c    a layer whose correlations are not negative: the short loop
 *   plane_general.c  any layer: the long loop
 *   plane_pool.c     chains with pools: all planes of a pair, a section for each stretch between pools
 *   plane_exact.h    pairs of patches that nearly agree and differ in norm
 *   plane_walk.h     a plane on its way, as these loops see it
 *   plane_twice.c    a pair whose pooled windows nearly agree, in twice the precision
 *   plane_tile.c     all planes of all pairs of a tile, in parallel
 *
 * A convolution takes the pair of positions (p, p + offset) from pairs with the same offset, times its stride.  So one plane of such
 * pairs runs through the whole network before the next is touched, and stays in the cache.  The state of a pair (u, v) there:
 *
 *     near = E(u - v)²,   far = E(u + v)²,   carried = what the next layer with weights sums: g² Theta + A K
 *
 * on which windows act as plain sums.  `far` is kept only as long as correlations can be negative.
 *
 * A pool adds the pairs of two windows, which lie in planes of neighbouring offsets.  With c the weight of a tap at an output, A = c sum of
 * alpha, M the sum of miss = s (1 - rho) over all pairs of taps, V the same of an image with itself (per image)
 *
 *     alpha'² = A² - c² V,     near' = (A - A')² + 2 c c' M - c² V - c'² V',     far' alike with s (1 + rho),     carried' = c c' sum of carried
 *     near' - g' = 2 c c' M - c² V - c'² V' + (e - e')(A + alpha' - A' - beta'),     e = A - alpha' = c² V / (A + alpha')
 *
 * Equal images have near' = 0 exactly where their windows are the same, since M, V and V' are sums of the same numbers; and where all of
 * both windows is parallel (constant areas), near' = g' to rounding.
 */
#ifndef NTK_PLANES_H
#define NTK_PLANES_H

#include "infinite.h"

#include <math.h>

#define NTK_PLANE_BYTES 64 /* a block of images: 16 of f32, 8 of f64, whatever the instruction set */
#define NTK_PLANE_ROWS 4   /* images that share a block while its norms are in the cache */

/** A layer with weights over a window, then an activation of the ReLU family, or none: kappa = c = 1, s = 0 (relu.c); or a pool, as a layer
 *  without either. */
typedef struct ntk_plane_layer {
    const ntk_plan *affine;                 /* NULL: a pool */
    int64_t first;                          /* of its section: the layer behind the last pool */
    const double *tap;                      /* of a pool, at every output: c */
    int64_t in[2], out[2];                  /* extents */
    int64_t taps[2], stride[2], dilation[2], low[2];
    int64_t spread[2];                      /* offsets of its input's planes are those of the result's planes times this: the strides from here on */
    int64_t ring[2][2];                     /* cells read before and behind the input, by axis */
    double share;                           /* 1 / number of taps */
    double kappa, c, s;
    double unit;                            /* of the norms before it over that of those after it, in a chain without biases */
    bool plain;                             /* no negative correlation comes in (but the first), none goes out: the short loop */
} ntk_plane_layer;

/** What lies between two pools.  A pool's input planes of offset D belong to the planes j of the next section with |D - step j| < taps. */
typedef struct ntk_plane_section {
    int64_t first, end;  /* layers; `end` is the pool, or behind the last */
    int64_t step[2];     /* the pool's stride times the strides of the next section */
    int64_t rows;        /* of offsets of the next section that are under way at once */
} ntk_plane_section;

typedef struct ntk_plane_job ntk_plane_job;
typedef void (*ntk_plane_fn)(const ntk_planes *planes, const ntk_plane_job *job);
typedef void (*ntk_plane_row_fn)(const ntk_planes *planes, const ntk_plane_sides *side, void *row);
typedef void (*ntk_plane_block_fn)(const ntk_planes *planes, const ntk_plane_sides *side, int64_t first, void *block, double *units);

struct ntk_planes {
    int64_t count;               /* of layers */
    ntk_plane_layer *layers;
    const ntk_plan **tail;       /* dense layers after the positions are gone */
    int64_t tail_count;
    int64_t channels;
    int64_t pad, stride, padded; /* every plane lies in an array of `padded` cells, `stride` a row, `pad` around it */
    bool pooled;                 /* pairs of different positions count */
    int64_t sections;            /* one more than pools between layers */
    ntk_plane_section *section;
    int64_t *reach;              /* [sections, sections, 2]: largest offset of every section, for what the pool of one sums at offset 0; the last: for the result */
    double *ends[2];             /* by axis, [extent, extent]: weights of pairs of positions in the result; NULL: all the same */
    double *tables;              /* of pools */
    double weight;               /* of every pair of positions in the result */
    bool biased;
    int64_t norms;               /* numbers per image: norms, and V behind those of a pool; with units [layers + 1]: before layer l norms are in units[l], behind it in units[l + 1] */
};

/** One plane of one image against a block. */
struct ntk_plane_job {
    int64_t offset[2];         /* of the result; with pools, of none: all of them */
    int64_t target;            /* with pools: the section whose pool's sums are wanted (spread), or the last */
    int64_t only;              /* as in ntk_run */
    const void *row;           /* ntk_plane_row_numbers numbers */
    const double *row_units;
    const void *block;         /* ntk_plane_block_numbers numbers */
    const double *block_units; /* [layers + 1, lanes] */
    void *scratch;             /* ntk_plane_scratch_bytes */
    void *rings;               /* of all pools, the sum of ntk_plane_ring_bytes */
    double *sums;              /* K and Theta, [2, lanes]: added to */
    void *spread;              /* V at the positions of the target, of lane 0 */
    void *doubt;               /* [sections, 2, lanes], or NULL: of what is carried behind each pool, what may be wrong, and all of it; added to */
};

/** A pair in twice the precision. */
typedef struct ntk_plane_twice_job {
    const double *x[2];  /* the images over their units, powers of two */
    double unit[2];
    int64_t only;
    double *memory;      /* ntk_plane_twice_numbers */
    double *sums;        /* K and Theta, over both units */
} ntk_plane_twice_job;

typedef void (*ntk_plane_twice_fn)(const ntk_planes *planes, const ntk_plane_twice_job *job);
int64_t ntk_plane_twice_numbers(const ntk_planes *planes);

int64_t ntk_plane_row_numbers(const ntk_planes *planes);
int64_t ntk_plane_block_numbers(const ntk_planes *planes, ntk_dtype dtype);
int64_t ntk_plane_scratch_bytes(const ntk_planes *planes);

static inline double ntk_plane_number(ntk_dtype dtype, const void *x, int64_t i)
{
    return dtype == NTK_F64 ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

/** Largest offset of a section along an axis. */
static inline int64_t ntk_plane_reach(const ntk_planes *planes, int64_t target, int64_t section, int axis)
{
    return planes->reach[(target * planes->sections + section) * 2 + axis];
}

/** What a worker works with, in one piece of memory (plane_tile.c). */
typedef struct ntk_plane_desk {
    char *planes, *rings, *block, *rows;
    double *units, *sums; /* [layers + 1, lanes]; [group, 2, lanes] */
    char *doubt;
} ntk_plane_desk;

/** Lays it out for `rows` row images and the sums of `group`; memory NULL: its size. */
int64_t ntk_plane_lay_out(const ntk_planes *planes, ntk_dtype dtype, int64_t rows, int64_t group, char *memory, ntk_plane_desk *desk);

/** Sections, reach, weights (plane_sections.c), once the layers are known; `end`: the step that ends the positions, behind pools from step `pools` on. */
ntk_status ntk_plane_sections(ntk_context *ctx, const ntk_reading *r, int64_t pools, int64_t end, ntk_planes *planes);
int64_t ntk_plane_ring_bytes(const ntk_planes *planes, int64_t section); /* of what its pool has under way */

/** What the norms before layer l >= 1 are multiplied by to be those after it; `step` from one layer's unit to the next; l = 0: the input's own. */
static inline double ntk_plane_factor(const ntk_planes *planes, int64_t l, const double *units, int64_t step)
{
    return l == 0 ? 1 : sqrt(planes->layers[l - 1].kappa) * (units[(l - 1) * step] / units[l * step]);
}

extern const ntk_plane_fn ntk_plane_run_variants[2][NTK_CPU_COUNT]; /* one plane; for chains without pools */
extern const ntk_plane_fn ntk_plane_pool_variants[2][NTK_CPU_COUNT]; /* all that the target needs */
extern const ntk_plane_twice_fn ntk_plane_twice_variants[NTK_CPU_COUNT];
extern const ntk_plane_row_fn ntk_plane_row_variants[2][NTK_CPU_COUNT];
extern const ntk_plane_block_fn ntk_plane_block_variants[2][NTK_CPU_COUNT];

#endif
