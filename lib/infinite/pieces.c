/*
 * A function of the program's own as polynomials of degree 15, piece by piece.
 *
 * A piece is an interval between breaks, cut in two until the Chebyshev coefficients of its interpolant in 16 points have fallen to rounding
 * (the last three together below 1e-14 of the largest, or 1e-15 of the largest on [-1, 1]); narrower than 1/32 it is left as it is, and what its last coefficients say counts as
 * error: that is a kink or jump that was not declared, noise, or a feature too sharp.  Coefficients fall by a factor of 7 and more from one to the
 * next, so that in powers of the local variable nothing is lost.  phi' is sampled likewise; where it is not known it is the derivative of the polynomial, two digits worse.
 */
#include "pieces.h"

#include <math.h>
#include <string.h>

enum { TERMS = NTK_PIECES_TERMS };
#define WIDEST 4.0
#define NARROWEST (1.0 / 32)
#define ENOUGH 1e-14
#define UNEVEN 0.4721359549995794 /* where an interval is cut: at a round number a kink that was not declared would lie between two pieces, unseen */
#define MOST_PIECES ((2 * NTK_PIECES_REACH * 32 + 8 * NTK_OWN_BREAKS) * 2) /* of the narrowest */
#define CELLS ((int64_t)(2 * NTK_PIECES_REACH / NTK_PIECES_CELL) + 1)

/* ---- one piece --------------------------------------------------------------------------------------------------- */

typedef struct piece {
    double low, high, c[TERMS], slope[TERMS]; /* Chebyshev coefficients of phi and, where it is known, phi' */
    double left, slope_left, largest; /* what the last coefficients say, the largest one */
} piece;

/* phi or phi' of the program's own, or of the table. */
static ntk_status values_of(ntk_context *ctx, const ntk_layer *layer, bool slope, int64_t n, const double *x, double *y)
{
    double (*function)(const double *p, double x) = slope ? layer->activation->derivative : layer->activation->value;
    if (layer->own) return ntk_own_call(ctx, layer, slope ? "derivative" : "value", slope ? layer->own->derivative : layer->own->value, n, x, y);
    for (int64_t i = 0; i < n; ++i) y[i] = function(ntk_layer_parameters(layer), x[i]);
    return NTK_OK;
}

static bool knows_slope(const ntk_layer *layer)
{
    return !layer->own || layer->own->derivative;
}

static void chebyshev(const double y[TERMS], double c[TERMS])
{
    for (int k = 0; k < TERMS; ++k) {
        double sum = 0;
        for (int i = 0; i < TERMS; ++i) sum += y[i] * cos(M_PI * k * (i + 0.5) / TERMS);
        c[k] = (k ? 2.0 : 1.0) / TERMS * sum;
    }
}

/* What the last coefficients leave, and the largest one. */
static void judge(const double c[TERMS], double *left, double *largest)
{
    *left = *largest = 0;
    for (int k = 0; k < TERMS; ++k) *largest = fmax(*largest, fabs(c[k]));
    for (int k = TERMS - 3; k < TERMS; ++k) *left += fabs(c[k]);
}

/* Rounding is not a slope: a step has none. */
static void flatten(double c[TERMS], double largest)
{
    for (int k = 1; k < TERMS; ++k)
        if (fabs(c[k]) > 1e-15 * largest) return;
    memset(c + 1, 0, (TERMS - 1) * sizeof *c);
}

static ntk_status sample(ntk_context *ctx, const ntk_layer *layer, piece *p)
{
    double x[TERMS], y[TERMS], left, largest;
    ntk_status status;
    for (int i = 0; i < TERMS; ++i) x[i] = (p->low + p->high) / 2 + (p->high - p->low) / 2 * cos(M_PI * (i + 0.5) / TERMS);
    NTK_TRY(values_of(ctx, layer, false, TERMS, x, y));
    chebyshev(y, p->c);
    judge(p->c, &p->left, &p->largest);
    flatten(p->c, p->largest);
    p->slope_left = 0;
    if (!knows_slope(layer)) return NTK_OK;
    NTK_TRY(values_of(ctx, layer, true, TERMS, x, y));
    chebyshev(y, p->slope);
    judge(p->slope, &left, &largest);
    p->slope_left = fmax(left, 1e-15 * largest);
done:
    return status;
}

/* T_{k+1} = 2 t T_k - T_{k-1}, in powers of t. */
static void to_powers(const double c[TERMS], double out[TERMS])
{
    double last[TERMS] = {1}, now[TERMS] = {0, 1};
    memset(out, 0, TERMS * sizeof *out);
    out[0] = c[0];
    for (int k = 1; k < TERMS; ++k) {
        double next[TERMS] = {0};
        for (int i = 0; i < TERMS; ++i) {
            out[i] += c[k] * now[i];
            next[i] = (i ? 2 * now[i - 1] : 0) - last[i];
        }
        memcpy(last, now, sizeof last);
        memcpy(now, next, sizeof now);
    }
}

/* c'_{k-1} = c'_{k+1} + 2 k c_k, over the half width. */
static void slope_of(const double c[TERMS], double half, double out[TERMS])
{
    double d[TERMS + 1] = {0};
    for (int k = TERMS - 1; k > 0; --k) d[k - 1] = (k + 1 < TERMS ? d[k + 1] : 0) + 2 * k * c[k];
    d[0] /= 2;
    for (int k = 0; k < TERMS; ++k) d[k] /= half;
    to_powers(d, out);
}

/* ---- all pieces -------------------------------------------------------------------------------------------------- */

static void store(ntk_pieces *f, const piece *p)
{
    int64_t i = f->count++;
    double half = (p->high - p->low) / 2, noise = fmax(p->left, 1e-15 * p->largest);
    f->edges[i] = p->low;
    f->edges[i + 1] = p->high;
    to_powers(p->c, f->value + i * TERMS);
    f->miss[i] = noise;
    f->slope_miss[i] = f->knows_slope ? p->slope_left : noise * TERMS / half;
    if (f->knows_slope) to_powers(p->slope, f->slope + i * TERMS);
    else slope_of(p->c, half, f->slope + i * TERMS);
}

/* Parts of an interval wait on a stack, the left one on top. */
static ntk_status cut(ntk_context *ctx, const ntk_layer *layer, double low, double high, ntk_pieces *f)
{
    double ends[40];
    int n = 1;
    bool whole = true;
    ends[0] = high;
    while (n > 0) {
        piece p = {.low = low, .high = ends[n - 1]};
        ntk_status status = sample(ctx, layer, &p);
        if (status != NTK_OK) return status;
        if (p.left > ENOUGH * p.largest && p.left > ENOUGH / 10 * f->size && p.high - p.low > 2 * NARROWEST && n < 40) {
            ends[n++] = p.low + UNEVEN * (p.high - p.low);
            whole = false;
            continue;
        }
        store(f, &p);
        if (!whole) f->narrowest = fmin(f->narrowest, p.high - p.low);
        low = p.high;
        --n;
    }
    return NTK_OK;
}

static ntk_status cut_segment(ntk_context *ctx, const ntk_layer *layer, double low, double high, ntk_pieces *f)
{
    ntk_status status = NTK_OK;
    double from = low;
    for (int i = 0; from < high && status == NTK_OK; ++i) {
        double to = fmin(low + WIDEST * (i + UNEVEN), high);
        status = cut(ctx, layer, from, to, f);
        from = to;
    }
    return status;
}

static void index_cells(ntk_pieces *f)
{
    int64_t i = 0;
    for (int64_t c = 0; c < CELLS; ++c) {
        double x = (double)c * NTK_PIECES_CELL - NTK_PIECES_REACH;
        while (i + 1 < f->count && f->edges[i + 1] <= x) ++i;
        f->cells[c] = (int32_t)i;
    }
}

static double horner(const double *c, double t)
{
    double sum = c[TERMS - 1];
    for (int i = TERMS - 2; i >= 0; --i) sum = sum * t + c[i];
    return sum;
}

void ntk_pieces_at(const ntk_pieces *f, double x, double *value, double *slope)
{
    int64_t i = f->cells[(int64_t)((x + NTK_PIECES_REACH) * (1 / NTK_PIECES_CELL))];
    double t;
    if (f->known && fabs(x) < NTK_PIECES_EXACT) {
        *value = f->known->activation->value(ntk_layer_parameters(f->known), x);
        *slope = f->known->activation->derivative(ntk_layer_parameters(f->known), x);
        return;
    }
    while (x >= f->edges[i + 1] && i + 1 < f->count) ++i;
    while (x < f->edges[i] && i > 0) --i; /* x + reach was rounded across an edge */
    t = (2 * x - f->edges[i] - f->edges[i + 1]) / (f->edges[i + 1] - f->edges[i]);
    *value = horner(f->value + i * TERMS, t);
    *slope = horner(f->slope + i * TERMS, t);
}

/* What the pieces on both sides of break b say, which is the layer's break `own`. */
static ntk_status measure_jump(ntk_context *ctx, const ntk_layer *layer, int own, int b, ntk_pieces *f)
{
    int64_t i = 0;
    double right, left;
    while (f->edges[i] != f->breaks[b]) ++i;
    right = horner(f->value + i * TERMS, -1);
    left = horner(f->value + (i - 1) * TERMS, 1);
    if (layer->own && layer->own->jump[own]) {
        f->jumps[b] = right - left;
        f->any_jump = true;
        return NTK_OK;
    }
    if (fabs(right - left) <= 1e-10 * (fabs(right) + fabs(left)) + 10 * (f->miss[i] + f->miss[i - 1])) return NTK_OK;
    return ntk_fail_at(ctx, NTK_ERROR_ARGUMENT, layer->path, "%s goes from %.17g to %.17g at %.17g, which is declared a kink; expected it among the jumps",
                       layer->activation->name, left, right, f->breaks[b]);
}

/* phi^(r) of piece i at t = -1 or 1, r = 1 ... TERMS - 1: from the polynomial of phi', by Horner's rule for derivatives. */
static void derivatives(const ntk_pieces *f, int64_t i, double t, double out[TERMS])
{
    double c[TERMS], half = (f->edges[i + 1] - f->edges[i]) / 2, scale = 1;
    memcpy(c, f->slope + i * TERMS, sizeof c);
    for (int r = 0; r < TERMS; ++r) {
        for (int k = TERMS - 2; k >= r; --k) c[k] += t * c[k + 1];
        out[r] = c[r] * scale;
        scale *= (r + 1) / half;
    }
}

/* A callback's jumps are what the pieces on both sides of zero say: the first few, the higher ones being noise.  The tail of the series is held against the series. */
static void measure_slopes(const double *jumps, ntk_pieces *f)
{
    enum { KNOWN = 9 };
    double right[TERMS], left[TERMS];
    int64_t i = 0;
    if (jumps) {
        f->n_slopes = (int)jumps[0];
        memcpy(f->slope_jumps, jumps + 1, (size_t)f->n_slopes * sizeof *jumps);
        return;
    }
    while (f->edges[i] != 0) ++i;
    derivatives(f, i, -1, right);
    derivatives(f, i - 1, 1, left);
    for (f->n_slopes = 0; f->n_slopes < KNOWN; ++f->n_slopes) f->slope_jumps[f->n_slopes] = right[f->n_slopes] - left[f->n_slopes];
}

static ntk_status fill(ntk_context *ctx, const ntk_layer *layer, const double *jumps, ntk_pieces *f)
{
    ntk_status status;
    static const double origin[] = {0};
    double low = -NTK_PIECES_REACH, zero = 0;
    int n_breaks = layer->own ? layer->own->n_breaks : jumps != NULL;
    const double *breaks = layer->own ? layer->own->breaks : origin;
    piece middle = {.low = -1, .high = 1};
    NTK_TRY(values_of(ctx, layer, false, 1, &zero, &f->at_zero));
    NTK_TRY(sample(ctx, layer, &middle));
    f->size = middle.largest;
    for (int b = 0; b < n_breaks; ++b) {
        double at = breaks[b];
        if (fabs(at) >= NTK_PIECES_REACH) continue; /* nothing is seen of it */
        NTK_TRY(cut_segment(ctx, layer, low, at, f));
        f->breaks[f->n_breaks++] = low = at;
    }
    NTK_TRY(cut_segment(ctx, layer, low, NTK_PIECES_REACH, f));
    for (int b = 0, own = 0; own < n_breaks; ++own)
        if (b < f->n_breaks && breaks[own] == f->breaks[b]) NTK_TRY(measure_jump(ctx, layer, own, b++, f));
    index_cells(f);
    f->kink_at_zero = f->n_breaks == 1 && f->breaks[0] == 0 && !f->any_jump;
    if (f->kink_at_zero) measure_slopes(jumps, f);
done:
    return status;
}

ntk_status ntk_pieces_create(ntk_context *ctx, const ntk_layer *layer, const double *jumps, ntk_pieces **pieces)
{
    ntk_status status;
    ntk_pieces *f = NULL;
    *pieces = NULL;
    NTK_TRY(NTK_NEW(ctx, 1, &f));
    NTK_TRY(NTK_NEW(ctx, MOST_PIECES + 1, &f->edges));
    NTK_TRY(NTK_NEW(ctx, MOST_PIECES * TERMS, &f->value));
    NTK_TRY(NTK_NEW(ctx, MOST_PIECES * TERMS, &f->slope));
    NTK_TRY(NTK_NEW(ctx, MOST_PIECES, &f->miss));
    NTK_TRY(NTK_NEW(ctx, MOST_PIECES, &f->slope_miss));
    NTK_TRY(NTK_NEW(ctx, CELLS, &f->cells));
    f->narrowest = WIDEST;
    f->knows_slope = knows_slope(layer);
    f->known = layer->own ? NULL : layer;
    NTK_TRY(fill(ctx, layer, jumps, f));
    *pieces = f;
    f = NULL;
done:
    ntk_pieces_destroy(f);
    return status;
}

void ntk_pieces_destroy(ntk_pieces *pieces)
{
    if (!pieces) return;
    ntk_free(pieces->edges);
    ntk_free(pieces->value);
    ntk_free(pieces->slope);
    ntk_free(pieces->miss);
    ntk_free(pieces->slope_miss);
    ntk_free(pieces->cells);
    ntk_free(pieces);
}
