/*
 * pairing: how the factors of a layer meet, for the files that fill blocks of Theta from them.
 *
 *   pairing.c            plain products: inputs, cotangents, and the Hadamard product that joins them
 *   pairing_shared.c     cotangents that the outputs share: half of the products
 *   factors_fill.c       which goes which way, tile by tile        factors_diagonal.c    samples with themselves
 */
#ifndef NTK_PAIRING_H
#define NTK_PAIRING_H

#include "kernel.h"

/** One layer of both sides as a rule of outputs sees it. */
typedef struct ntk_pairing {
    const ntk_factor *a, *b;
    int64_t units;             /* per sample: o for full, else 1 */
    int64_t first, positions;  /* those that meet: of a layer whose positions are apart one, else all */
    int64_t length;            /* numbers of a row of cotangents */
    int64_t step, stride, shift; /* from one position's row to the next, from one unit's rows to the next; where the first is */
    double scale;
    bool same;                 /* a and b are one data set: only columns up to the row count */
} ntk_pairing;

/** Scratch of one call. */
typedef struct ntk_pairing_rooms {
    ntk_room inputs, cotangents, left, right, flat;
} ntk_pairing_rooms;

/** Where results go: unit row i, column j at i ld + j step. */
typedef struct ntk_pairing_target {
    ntk_real *out;
    int64_t ld, step;
    bool add;
} ntk_pairing_target;

/** How output q (full, trace: all) of a layer pairs. */
ntk_pairing ntk_pairing_of(const ntk_factor *a, const ntk_factor *b, ntk_outputs rule, ntk_outputs outputs, int64_t o, int64_t q, bool same);

/** Samples [row, row + m) against [column, column + n): the layer's term, all positions with each other (or those from `first` on). */
ntk_status ntk_pairing_add(ntk_context *ctx, const ntk_pairing *p, int64_t row, int64_t m, int64_t column, int64_t n, ntk_pairing_rooms *w,
                           const ntk_pairing_target *to);
/** The same, full, of a layer whose outputs share their cotangents and that has one position; the step of `to` is 1.  flat: another one, without
 *  slopes, whose term is written with that of p, or NULL. */
ntk_status ntk_pairing_add_shared(ntk_context *ctx, const ntk_pairing *p, const ntk_pairing *flat, int64_t row, int64_t m, int64_t column, int64_t n, ntk_pairing_rooms *w,
                                  const ntk_pairing_target *to);
/** Memory that they take at most, by room of ntk_pairing_rooms; raised where it is less. */
void ntk_pairing_count(const ntk_network *network, const ntk_step *s, ntk_outputs outputs, int64_t m, int64_t n, double most[5]);
void ntk_pairing_count_shared(const ntk_network *network, const ntk_step *s, int64_t m, int64_t n, double most[5]);

/** Inputs of samples and positions of one side; `room` is for those that have to be gathered. */
ntk_status ntk_pairing_inputs(ntk_context *ctx, const ntk_pairing *p, const ntk_factor *f, int64_t sample, int64_t samples, int64_t position, int64_t positions,
                              ntk_room *room, const ntk_real **out);
void ntk_pairing_close(ntk_pairing_rooms *w);

#endif
