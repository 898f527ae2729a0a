/*
 * lookup: activations without a closed form.  Their expectations over a pair are functions of two lengths and an angle; they are made once, from the
 * function and its breaks, and looked up in the loop over pairs.
 *
 *   pieces.c   the function as polynomials, piece by piece, so that a callback is heard once and never from a hot loop
 *   terms.c    its Hermite coefficients at one length
 *   lookup.c   lengths: segments of half an octave, coefficients as polynomials in the length
 *   tables.c   two segments: the expectations as polynomials in the two lengths and the root of the gap
 *   own_pair.c one pair by a double integral, where no table is good enough
 *   own.c      the loop over pairs
 *   tanh.c     the functions that the library knows
 */
#ifndef NTK_LOOKUP_H
#define NTK_LOOKUP_H

#include "core.h"
#include "infinite.h"
#include "numeric_nodes.h"
#include "pieces.h"

#include <pthread.h>

/* ---- one length (terms.c) ---------------------------------------------------------------------------------------- */

/**
 * Term t has the degree n_t of phi, 0 (the mean), 1, 2, ...; where the tail of a kink at zero is summed by quadrature the last ones have real degrees
 * and the root of the weight in their coefficients, and one more stands for |x|/2 in closed form less what the others hold of it.
 *
 *     K. = sum d_t d'_t m^(n_t - 1),     rho' = sum r_t r'_t m^n_t,      m = |rho|, signs by the parity of the degree
 */
#define NTK_TERMS_SERIES 1281
#define NTK_TERMS_TAIL (NTK_NUMERIC_NODES * NTK_NUMERIC_OCTAVES)
#define NTK_TERMS_KINKED (1 + NTK_NUMERIC_TERMS + 2 * NTK_TERMS_TAIL)
#define NTK_TERMS_MOST (NTK_TERMS_SERIES + 1)
#define NTK_TERMS_NOTHING 1e-11 /* what a sum may leave out */

typedef struct ntk_terms {
    int count;
    bool kinked;
    double d[NTK_TERMS_MOST], r[NTK_TERMS_MOST];
    double numbers[5]; /* by NTK_LOOKUP_LENGTH, ... */
    double near;       /* the gap below which the series does not do; 0: it always does */
    double error;      /* of the function's pieces, relative to K and K. */
} ntk_terms;

/** Numbers of a length: sqrt E phi²; E phi and the root of the variance over it; E phi', sqrt E phi'². */
enum { NTK_LOOKUP_LENGTH, NTK_LOOKUP_MEAN, NTK_LOOKUP_VARIATION, NTK_LOOKUP_SLOPE, NTK_LOOKUP_DOT, NTK_LOOKUP_NUMBERS };

/** False: out of reach of the pieces, or too fine for the quadrature.  `series` false: the numbers alone. */
bool ntk_terms_at(const ntk_pieces *f, double alpha, bool series, ntk_terms *terms);
double ntk_terms_degree(bool kinked, int t);
bool ntk_terms_odd(bool kinked, int t);

/* ---- a segment of lengths (lookup.c) ----------------------------------------------------------------------------- */

/** Segment s: place = 2 log2(alpha) within s - 1/2, s + 1/2, and x = 2 (place - s) in [-1, 1]. */
enum { NTK_SEGMENT_FIRST = -80, NTK_SEGMENTS = 96, NTK_SEGMENT_NODES = 12, NTK_SEGMENT_MOST_NODES = 24, NTK_SEGMENT_NUMBER_NODES = 24 };

typedef struct ntk_segment {
    int nodes;   /* Chebyshev nodes in x */
    int degrees; /* of the polynomials through them that count: Chebyshev coefficients, [degree, count] */
    int count;
    bool kinked;
    bool mixed;  /* the series changes its kind within: there are numbers only */
    bool refused; /* the pieces do not reach, or are not good enough */
    double near, error;
    double numbers[NTK_LOOKUP_NUMBERS][NTK_SEGMENT_NUMBER_NODES];
    double *d, *r, *at, *slope; /* and r and dr/dplace at the nodes: [node, count] */
} ntk_segment;

/* ---- two segments (tables.c) ------------------------------------------------------------------------------------- */

/**
 * With x, y in the first and the second segment, u = sqrt(gap), per side (rho >= 0, rho < 0) and piece of u, t = 16 u - 2 piece - 1 in [-1, 1]:
 *
 *     sum_{p + q < degrees} T_p(x) T_q(y) sum_k c_pqk t^k     is K., and the part of the distance that depends on u, over u²
 *     base: the parts that do not
 */
enum { NTK_LOOKUP_PIECES = 8, NTK_LOOKUP_POINTS = 12, NTK_LOOKUP_FUNCTIONS = 2 };
enum { NTK_BASE_ALL, NTK_BASE_ODD, NTK_BASE_OPPOSITE, NTK_BASES }; /* sum (r - s)²/2 over (place - place')²: all degrees, odd ones; sum (r + s)²/2 of even ones */

typedef struct ntk_lookup_table {
    int degrees, rows, columns; /* p < rows, q < columns */
    bool complete;              /* the series do at every gap: distances; else 1 - rho' whole, not over u² */
    bool good[2][NTK_LOOKUP_PIECES];
    double error[2][NTK_LOOKUP_PIECES];
    int base_degrees, base_rows, base_columns; /* more: a quotient by the difference of the places wants all that the nodes give */
    double base_error;
    double *base;               /* [index of (p, q), NTK_BASES] */
    double *c;                  /* [side, piece, index of (p, q), NTK_LOOKUP_FUNCTIONS, NTK_LOOKUP_POINTS] */
} ntk_lookup_table;

typedef struct ntk_lookup {
    ntk_object object;
    ntk_pieces *pieces;
    pthread_mutex_t lock; /* of whoever makes a segment or a table */
    ntk_context maker;    /* the allocator of the context that made it; for whoever holds the lock */
    ntk_terms *terms;     /* room of whoever holds the lock */
    _Atomic(ntk_segment *) segments[NTK_SEGMENTS];
    _Atomic(ntk_lookup_table *) tables[NTK_SEGMENTS][NTK_SEGMENTS]; /* first <= second */
} ntk_lookup;

/** Samples the layer's function.  Layers of one activation may share it. */
ntk_status ntk_lookup_create(ntk_context *ctx, const ntk_layer *layer, const double *jumps, ntk_lookup **lookup);
void ntk_lookup_destroy(ntk_lookup *lookup);

/** The segment of a length; NULL: out of range. */
const ntk_segment *ntk_lookup_segment(ntk_lookup *lookup, int index);
int ntk_segment_of(double alpha, double *place);
double ntk_segment_node(int i, int n);

/** The table of segments first <= second; NULL: out of range or of memory. */
const ntk_lookup_table *ntk_lookup_find(ntk_lookup *lookup, int first, int second);
ntk_status ntk_lookup_make(ntk_context *ctx, const ntk_segment *const ends[2], const int index[2], ntk_lookup_table **table);
void ntk_lookup_table_destroy(ntk_lookup_table *table);

/** Table columns of a sample: its segment (a number; -1: none), its place, and the numbers but for the length; for n samples. */
enum { NTK_COLUMN_SEGMENT, NTK_COLUMN_PLACE, NTK_COLUMN_NUMBERS, NTK_LOOKUP_COLUMNS = NTK_COLUMN_NUMBERS + NTK_LOOKUP_NUMBERS - 1 };
void ntk_lookup_norms(const ntk_plan *plan, int64_t n, double *table);

/** The loop over pairs (own.c), and the dual of an activation of the program's own and of smooth ones.  A dual with these norms whose constants are not 0 has a
 *  kink at zero: constants[0] jumps of its derivatives there, then those. */
extern const ntk_pairs_variants ntk_own_pairs;
extern const ntk_dual ntk_own_dual;

/** The lookup of a plan: another one's of the same activation, or a new one. */
ntk_status ntk_lookup_open(ntk_context *ctx, const ntk_reading *reading, ntk_plan *plan);

/** Values at the n Chebyshev nodes, `stride` apart, to coefficients, in place. */
void ntk_chebyshev(int n, int64_t stride, double *c);

#endif
