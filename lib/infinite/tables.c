/*
 * Two segments of lengths: the expectations of a pair as polynomials, at 12 nodes in each of eight pieces of u = sqrt(gap) in [0, 1].
 *
 * With coefficients r_t(x) = sum_p r_tp T_p(x) of the two lengths, by parity of the degree n_t, even (e) and odd (o), m = 1 - u²:
 *
 *     rho >= 0:   K. = o + e of sum d d' m^(n-1),    1 - rho' = sum (r - s)²/2 + sum r s (1 - m^n)
 *     rho <  0:   K. = o - e,                        1 + rho' = sum_o (r - s)²/2 + sum_e (r + s)²/2 + sum_o r s (1 - m^n) - sum_e r s (1 - m^n)
 *
 * The sums without m are the base: polynomials in x and y, the first two over the squared difference of the places, so that neither near lengths
 * nor near inputs lose digits; the others are divided by u².  In u, not in the gap, a kink is analytic too.  Where the series is not complete
 * (lookup.h) 1 -+ rho' is taken whole; there the gap is not small.  Polynomials of total degree < P in x and y are as good as their product.
 */
#include "lookup.h"
#include "relu_polynomials.h"

#include <math.h>
#include <string.h>

enum { PIECES = NTK_LOOKUP_PIECES, POINTS = NTK_LOOKUP_POINTS, NODES = PIECES * POINTS, BLOCK = 16, FUNCTIONS = NTK_LOOKUP_FUNCTIONS };
#define GOOD 2e-11

/* What is gathered over the terms, for every pair of degrees: [index, parity, function, node]. */
typedef struct gathering {
    const ntk_segment *a, *b;
    int count; /* of terms that both have */
    bool complete;
    double u[NODES], log_m[NODES];
    double values[BLOCK][FUNCTIONS][NODES];
    double *sums;
} gathering;

static int pairs_of(int rows, int columns, int degrees)
{
    int n = 0;
    for (int p = 0; p < rows; ++p) n += NTK_MIN(columns, degrees - p);
    return n;
}

/* ---- functions of u ---------------------------------------------------------------------------------------------- */

static double horner(const double *c, int terms, double w)
{
    double sum = c[terms - 1];
    for (int k = terms - 2; k >= 0; --k) sum = sum * w + c[k];
    return sum;
}

/* m^(n-1), and (1 - m^n)/u² or m^n. */
static void powers(const gathering *g, double degree, double *dot, double *moment)
{
    for (int i = 0; i < NODES; ++i) {
        dot[i] = exp((degree - 1) * g->log_m[i]);
        moment[i] = g->complete ? -expm1(degree * g->log_m[i]) / (g->u[i] * g->u[i]) : exp(degree * g->log_m[i]);
    }
}

/* The same of the next whole degree: sums of what is not negative. */
static void next_powers(const gathering *g, const double *dot, const double *moment, double *next_dot, double *next_moment)
{
    for (int i = 0; i < NODES; ++i) {
        double m = 1 - g->u[i] * g->u[i];
        next_dot[i] = m * dot[i];
        next_moment[i] = g->complete ? m * moment[i] + 1 : m * moment[i];
    }
}

/* |x|/2 (relu.c): K. = (1 - 2t/pi)/4, K = (1 - gap')/4 with gap' = w - (2/pi) g, w = u²; less what the terms hold of it. */
static void kink(const gathering *g, double *dot, double *moment)
{
    static const double step[] = NTK_NUMERIC_STEP, angle[] = NTK_P_F64, lens[] = NTK_R_F64;
    for (int i = 0; i < NODES; ++i) {
        double u = g->u[i], w = u * u, t = u * horner(angle, (int)NTK_ARRAY_LENGTH(angle), w);
        dot[i] = 0.25 * (1 - M_2_PI * t);
        moment[i] = 0.25 * (1 - M_2_PI * u * horner(lens, (int)NTK_ARRAY_LENGTH(lens), w));
    }
    for (int t = 1; t < NTK_TERMS_KINKED; ++t) {
        double one[NODES], other[NODES], degree = ntk_terms_degree(true, t), b;
        if (ntk_terms_odd(true, t)) continue;
        b = step[t <= NTK_NUMERIC_TERMS ? t / 2 - 1 : t - 1 - NTK_NUMERIC_TERMS / 2 - NTK_TERMS_TAIL];
        powers(g, degree, one, other);
        for (int i = 0; i < NODES; ++i) {
            dot[i] -= b * b * one[i];
            moment[i] -= b * b / degree * other[i];
        }
    }
}

static void set_nodes(gathering *g)
{
    for (int piece = 0; piece < PIECES; ++piece)
        for (int i = 0; i < POINTS; ++i) {
            double u = (2 * piece + 1 + ntk_segment_node(i, POINTS)) / (2 * PIECES);
            g->u[piece * POINTS + i] = u;
            g->log_m[piece * POINTS + i] = log1p(-u * u);
        }
}

/* ---- sums over the terms ----------------------------------------------------------------------------------------- */

static void axpy(double w, const double *restrict x, double *restrict y)
{
    for (int i = 0; i < NODES; ++i) y[i] += w * x[i];
}

static void add_block(gathering *g, const ntk_lookup_table *to, int first, int count)
{
    double *sum = g->sums;
    for (int p = 0; p < to->rows; ++p)
        for (int q = 0; q < NTK_MIN(to->columns, to->degrees - p); ++q, sum += 2 * FUNCTIONS * NODES)
            for (int t = 0; t < count; ++t) {
                int64_t i = (int64_t)p * NTK_TERMS_MOST + first + t, j = (int64_t)q * NTK_TERMS_MOST + first + t;
                double *half = sum + ntk_terms_odd(g->a->kinked, first + t) * FUNCTIONS * NODES;
                axpy(g->a->d[i] * g->b->d[j], g->values[t][0], half);
                axpy(g->a->r[i] * g->b->r[j], g->values[t][1], half + NODES);
            }
}

/* Place t of the block: a degree further than the place before. */
static void set_values(gathering *g, int term, int t)
{
    int before = (t + BLOCK - 1) % BLOCK;
    if (g->a->kinked && term == NTK_TERMS_KINKED) kink(g, g->values[t][0], g->values[t][1]);
    else if (term == 0 || g->a->kinked) powers(g, ntk_terms_degree(g->a->kinked, term), g->values[t][0], g->values[t][1]);
    else next_powers(g, g->values[before][0], g->values[before][1], g->values[t][0], g->values[t][1]);
}

static void gather(gathering *g, const ntk_lookup_table *to)
{
    for (int first = 0; first < g->count; first += BLOCK) {
        int count = NTK_MIN(BLOCK, g->count - first);
        for (int t = 0; t < count; ++t) set_values(g, first + t, t);
        add_block(g, to, first, count);
    }
}

/* ---- the base ---------------------------------------------------------------------------------------------------- */

/* At nodes i of a and j of b; near lengths by the derivative. */
static void base_at(const gathering *g, int i, int j, double apart, double out[NTK_BASES])
{
    const double *r = g->a->at + (int64_t)i * NTK_TERMS_MOST, *s = g->b->at + (int64_t)j * NTK_TERMS_MOST, *slope = g->a->slope + (int64_t)i * NTK_TERMS_MOST;
    int regular = g->a->kinked ? NTK_TERMS_KINKED : NTK_MAX(g->a->count, g->b->count);
    memset(out, 0, NTK_BASES * sizeof *out);
    for (int t = 0; g->complete && t < regular; ++t) {
        double ratio = apart == 0 ? slope[t] : (r[t] - s[t]) / apart, square = ratio * ratio / 2;
        bool odd = ntk_terms_odd(g->a->kinked, t);
        out[NTK_BASE_ALL] += square;
        if (odd) out[NTK_BASE_ODD] += square;
        else out[NTK_BASE_OPPOSITE] += (r[t] + s[t]) * (r[t] + s[t]) / 2;
    }
}

static void make_base(const gathering *g, int apart, ntk_lookup_table *to)
{
    enum { MOST = NTK_SEGMENT_MOST_NODES };
    double values[MOST][MOST][NTK_BASES];
    int n = 0;
    for (int i = 0; i < g->a->nodes; ++i)
        for (int j = 0; j < g->b->nodes; ++j) {
            double x = ntk_segment_node(i, g->a->nodes), y = ntk_segment_node(j, g->b->nodes);
            base_at(g, i, j, apart == 0 && i == j ? 0 : (x - y) / 2 - apart, values[i][j]);
        }
    for (int k = 0; k < NTK_BASES; ++k) {
        for (int j = 0; j < g->b->nodes; ++j) ntk_chebyshev(g->a->nodes, MOST * NTK_BASES, &values[0][j][k]);
        for (int i = 0; i < g->a->nodes; ++i) ntk_chebyshev(g->b->nodes, NTK_BASES, &values[i][0][k]);
    }
    for (int p = 0; p < to->base_rows; ++p)
        for (int q = 0; q < NTK_MIN(to->base_columns, to->base_degrees - p); ++q) {
            memcpy(to->base + NTK_BASES * n++, values[p][q], sizeof values[p][q]);
            if (p + q == to->base_degrees - 1) to->base_error += (fabs(values[p][q][NTK_BASE_ALL]) * (apart + 1) * (apart + 1) + fabs(values[p][q][NTK_BASE_OPPOSITE])) / 16;
        }
}

/* ---- polynomials ------------------------------------------------------------------------------------------------- */

/* T_{k+1} = 2 t T_k - T_{k-1}, in powers of t. */
static void to_powers(const double c[POINTS], double out[POINTS])
{
    double last[POINTS] = {1}, now[POINTS] = {0, 1};
    memset(out, 0, POINTS * sizeof *out);
    out[0] = c[0];
    for (int k = 1; k < POINTS; ++k) {
        double next[POINTS] = {0};
        for (int i = 0; i < POINTS; ++i) {
            out[i] += c[k] * now[i];
            next[i] = (i ? 2 * now[i - 1] : 0) - last[i];
        }
        memcpy(last, now, sizeof last);
        memcpy(now, next, sizeof now);
    }
}

static double value_of(const gathering *g, const double *sum, int side, int function, int node, bool first)
{
    double even = sum[function * NODES + node], odd = sum[(FUNCTIONS + function) * NODES + node];
    if (function == 0 || g->complete) return side == 0 ? odd + even : odd - even;
    return side == 0 ? first - odd - even : first + even - odd;
}

/* One function of u on one piece; what its last coefficients say. */
static double fit(const gathering *g, const double *sum, int side, int piece, int function, bool first, double *out)
{
    double c[POINTS];
    for (int i = 0; i < POINTS; ++i) c[i] = value_of(g, sum, side, function, piece * POINTS + i, first);
    ntk_chebyshev(POINTS, 1, c);
    to_powers(c, out);
    return fabs(c[POINTS - 1]) + fabs(c[POINTS - 2]) / 4;
}

static void fit_piece(const gathering *g, int side, int piece, const double scale[FUNCTIONS], ntk_lookup_table *to)
{
    int n = 0, all = pairs_of(to->rows, to->columns, to->degrees);
    double high = (piece + 1.0) / PIECES, low = (double)piece / PIECES, error = to->base_error;
    double *c = to->c + (int64_t)(side * PIECES + piece) * all * FUNCTIONS * POINTS;
    for (int p = 0; p < to->rows; ++p)
        for (int q = 0; q < NTK_MIN(to->columns, to->degrees - p); ++q, ++n)
            for (int f = 0; f < FUNCTIONS; ++f) {
                double unit = (f == 1 && to->complete ? high * high : 1) / scale[f], *out = c + (n * FUNCTIONS + f) * POINTS;
                error += unit * fit(g, g->sums + (int64_t)n * 2 * FUNCTIONS * NODES, side, piece, f, n == 0, out);
                if (p + q == to->degrees - 1) error += unit * fabs(out[0]) / 16; /* and of lengths: the next ones */
            }
    to->error[side][piece] = error;
    to->good[side][piece] = error <= GOOD && low * low >= fmax(g->a->near, g->b->near);
}

/* ---- a table ----------------------------------------------------------------------------------------------------- */

static ntk_status fill(ntk_context *ctx, gathering *g, int apart, ntk_lookup_table *to)
{
    ntk_status status;
    double scale[FUNCTIONS] = {g->a->numbers[NTK_LOOKUP_DOT][0] * g->b->numbers[NTK_LOOKUP_DOT][0] + 1e-300, 1};
    int all = pairs_of(to->rows, to->columns, to->degrees), bases = pairs_of(to->base_rows, to->base_columns, to->base_degrees);
    NTK_TRY(NTK_NEW(ctx, (int64_t)all * 2 * FUNCTIONS * NODES, &g->sums));
    NTK_TRY(NTK_NEW(ctx, bases * NTK_BASES, &to->base));
    NTK_TRY(NTK_NEW(ctx, (int64_t)2 * PIECES * all * FUNCTIONS * POINTS, &to->c));
    set_nodes(g);
    gather(g, to);
    make_base(g, apart, to);
    for (int side = 0; side < 2; ++side)
        for (int piece = 0; piece < PIECES; ++piece) fit_piece(g, side, piece, scale, to);
done:
    ntk_free(g->sums);
    return status;
}

void ntk_lookup_table_destroy(ntk_lookup_table *table)
{
    if (!table) return;
    ntk_free(table->base);
    ntk_free(table->c);
    ntk_free(table);
}

ntk_status ntk_lookup_make(ntk_context *ctx, const ntk_segment *const ends[2], const int index[2], ntk_lookup_table **table)
{
    ntk_status status;
    ntk_lookup_table *t = NULL;
    gathering *g = NULL;
    const ntk_segment *a = ends[0], *b = ends[1];
    *table = NULL;
    NTK_TRY(NTK_NEW(ctx, 1, &t));
    if (!a->refused && !b->refused && !a->mixed && !b->mixed && a->kinked == b->kinked) {
        NTK_TRY(NTK_NEW(ctx, 1, &g));
        *g = (gathering){.a = a, .b = b, .count = NTK_MIN(a->count, b->count), .complete = a->near == 0 && b->near == 0};
        t->complete = g->complete;
        t->rows = a->degrees;
        t->columns = b->degrees;
        t->degrees = NTK_MAX(a->degrees, b->degrees);
        t->base_rows = a->nodes;
        t->base_columns = b->nodes;
        t->base_degrees = NTK_MAX(a->nodes, b->nodes);
        NTK_TRY(fill(ctx, g, index[1] - index[0], t));
    }
    *table = t;
    t = NULL;
done:
    ntk_lookup_table_destroy(t);
    ntk_free(g);
    return status;
}
