/*
 * Activations without a closed form in the loop over pairs: the tables of tables.c, and where none is good enough the double integral of own_pair.c.
 *
 * The pairs of a run are sorted by the segment of the column's length, the side and the piece of u = sqrt(gap): those of one kind share their
 * polynomials, which the row's length turns from three variables into two, once for all of them.  So no vector lane ever looks anything up.
 */
#include "hot.h"
#include "lookup.h"

#if defined(NTK_HOT)

/* A vector of pairs; GCC and Clang lower it to what the instruction set has. */
typedef real vec __attribute__((vector_size(64), aligned(sizeof(real)), may_alias));
#define LANES ((int)(64 / sizeof(real)))
#define VECTORS (NTK_LANES / LANES)
#define LOAD(p) (*(const vec *)(const void *)(p))
#define STORE(p, v) (*(vec *)(void *)(p) = (v))

enum { PIECES = NTK_LOOKUP_PIECES, POINTS = NTK_LOOKUP_POINTS, MOST = NTK_SEGMENT_MOST_NODES, KINDS = NTK_SEGMENTS * 2 * PIECES, NUMBERS = NTK_LOOKUP_FUNCTIONS * POINTS };

/* Of one kind, the row's length put in: polynomials in t, and the base, for the degrees of y. */
typedef struct surface {
    int degrees, bases;
    int points[MOST]; /* coefficients that count */
    bool complete;
    real c[MOST][NUMBERS], near[MOST], far[MOST]; /* times the squared difference of the places; as it is */
} surface;

/* The pairs of one kind, gathered: u, t, y and the difference of the places in, K. and 1 -+ rho' out. */
typedef struct bunch {
    int count;
    real u[NTK_RUN], t[NTK_RUN], y[NTK_RUN], apart[NTK_RUN], dot[NTK_RUN], omega[NTK_RUN];
} bunch;

static void chebyshev(int n, double x, double out[MOST])
{
    out[0] = 1;
    out[1] = x;
    for (int p = 2; p < n; ++p) out[p] = 2 * x * out[p - 1] - out[p - 2];
}

/* The last powers of t count for nothing where degrees are high or pieces tame. */
static int points_of(const double *c, double scale)
{
    const double nothing = sizeof(real) == 8 ? 1e-16 : 1e-8;
    int n = POINTS;
    while (n > 1 && fabs(c[n - 1]) <= nothing * scale && fabs(c[POINTS + n - 1]) <= nothing) --n;
    return n;
}

/* The row's length has the degrees p (by_row) or q of the table. */
static void put_row_in(const ntk_lookup_table *table, int side, int piece, bool by_row, double x, surface *to)
{
    double t[MOST], c[MOST][NUMBERS];
    int64_t all = 0, i = 0;
    const double *from;
    chebyshev(MOST, x, t);
    to->degrees = by_row ? table->columns : table->rows;
    to->complete = table->complete;
    for (int q = 0; q < to->degrees; ++q)
        for (int k = 0; k < NUMBERS; ++k) c[q][k] = 0;
    for (int p = 0; p < table->rows; ++p) all += NTK_MIN(table->columns, table->degrees - p);
    from = table->c + (side * PIECES + piece) * all * NUMBERS;
    for (int p = 0; p < table->rows; ++p)
        for (int q = 0; q < NTK_MIN(table->columns, table->degrees - p); ++q, ++i) {
            double w = t[by_row ? p : q];
            int other = by_row ? q : p;
            for (int k = 0; k < NUMBERS; ++k) c[other][k] += w * from[i * NUMBERS + k];
        }
    for (int q = 0; q < to->degrees; ++q) {
        to->points[q] = points_of(c[q], fabs(c[0][0]));
        for (int k = 0; k < NUMBERS; ++k) to->c[q][k] = REAL(c[q][k]);
    }
}

static void put_row_in_base(const ntk_lookup_table *table, int side, bool by_row, double x, surface *to)
{
    double t[MOST], near[MOST] = {0}, far[MOST] = {0};
    const double *base = table->base;
    chebyshev(MOST, x, t);
    to->bases = by_row ? table->base_columns : table->base_rows;
    for (int p = 0; p < table->base_rows; ++p)
        for (int q = 0; q < NTK_MIN(table->base_columns, table->base_degrees - p); ++q, base += NTK_BASES) {
            near[by_row ? q : p] += t[by_row ? p : q] * base[side ? NTK_BASE_ODD : NTK_BASE_ALL];
            if (side) far[by_row ? q : p] += t[by_row ? p : q] * base[NTK_BASE_OPPOSITE];
        }
    for (int q = 0; q < to->bases; ++q) {
        to->near[q] = REAL(near[q]);
        to->far[q] = REAL(far[q]);
    }
}

/* Both functions at t. */
static inline void horner(const real c[NUMBERS], int points, const vec t[VECTORS], vec dot[VECTORS], vec moment[VECTORS])
{
    for (int v = 0; v < VECTORS; ++v) {
        dot[v] = t[v] * 0 + c[points - 1];
        moment[v] = t[v] * 0 + c[POINTS + points - 1];
    }
    for (int k = points - 2; k >= 0; --k)
        for (int v = 0; v < VECTORS; ++v) {
            dot[v] = dot[v] * t[v] + c[k];
            moment[v] = moment[v] * t[v] + c[POINTS + k];
        }
}

static void evaluate(const surface *s, bunch *b)
{
    for (int j = 0; j < b->count; j += NTK_LANES) {
        vec t[VECTORS], y[VECTORS], now[VECTORS], last[VECTORS], dot[VECTORS], moment[VECTORS], near[VECTORS], far[VECTORS];
        for (int v = 0; v < VECTORS; ++v) {
            t[v] = LOAD(b->t + j + v * LANES);
            y[v] = LOAD(b->y + j + v * LANES);
            now[v] = y[v] * 0 + 1;
            last[v] = y[v];
            dot[v] = moment[v] = near[v] = far[v] = y[v] * 0;
        }
        for (int q = 0; q < s->bases; ++q) {
            vec f[VECTORS], g[VECTORS];
            if (q < s->degrees) {
                horner(s->c[q], s->points[q], t, f, g);
                for (int v = 0; v < VECTORS; ++v) {
                    dot[v] += now[v] * f[v];
                    moment[v] += now[v] * g[v];
                }
            }
            for (int v = 0; v < VECTORS; ++v) {
                vec next = 2 * y[v] * now[v] - last[v];
                near[v] += now[v] * s->near[q];
                far[v] += now[v] * s->far[q];
                last[v] = now[v];
                now[v] = next;
            }
        }
        for (int v = 0; v < VECTORS; ++v) {
            vec u = LOAD(b->u + j + v * LANES), apart = LOAD(b->apart + j + v * LANES);
            STORE(b->dot + j + v * LANES, dot[v]);
            if (s->complete) moment[v] = apart * apart * near[v] + far[v] + u * u * moment[v];
            STORE(b->omega + j + v * LANES, moment[v]);
        }
    }
}

/* ---- pairs without a table --------------------------------------------------------------------------------------- */

typedef struct pairs {
    const ntk_plan *plan;
    const ntk_run *run;
    int first;   /* column */
    int segment; /* of the row */
    real u[NTK_RUN], dot[NTK_RUN], omega[NTK_RUN];
    int kind[NTK_RUN], order[NTK_RUN];
} pairs;

static real number_of_row(const pairs *p, int k)
{
    return row_of(p->run, p->first + NTK_COLUMN_NUMBERS + k - 1);
}

static real number_of_column(const pairs *p, int k, int64_t j)
{
    return column_of(p->run, p->first + NTK_COLUMN_NUMBERS + k - 1)[j];
}

/* Independent: a length is 0, or nothing is known. */
static void factorise(pairs *p, int64_t j)
{
    double a = number_of_row(p, NTK_LOOKUP_MEAN), b = number_of_column(p, NTK_LOOKUP_MEAN, j);
    double v = number_of_row(p, NTK_LOOKUP_VARIATION), w = number_of_column(p, NTK_LOOKUP_VARIATION, j);
    p->dot[j] = REAL(number_of_row(p, NTK_LOOKUP_SLOPE) * number_of_column(p, NTK_LOOKUP_SLOPE, j));
    p->omega[j] = REAL(((a - b) * (a - b) + v * v + w * w) / 2);
}

static void integrate(pairs *p, int64_t j)
{
    real a = row_of(p->run, p->plan->output_alpha), b = column_of(p->run, p->plan->output_alpha)[j], rho = state_of(p->run, p->plan->input_slot).rho[j];
    ntk_own_pair pair = {.alpha = row_of(p->run, p->plan->input_alpha), .beta = column_of(p->run, p->plan->input_alpha)[j],
                         .inverse_a = a > 0 ? 1 / (double)a : 0, .inverse_b = b > 0 ? 1 / (double)b : 0, .rho = rho,
                         .gap = state_of(p->run, p->plan->input_slot).gap[j]};
    ntk_own_expect(p->plan->lookup->pieces, &pair);
    p->dot[j] = REAL(pair.dot);
    p->omega[j] = REAL(rho >= 0 ? (pair.after > 0.5 ? pair.same : 1 - pair.after) : (pair.after < -0.5 ? pair.opposite : 1 + pair.after));
}

static void one_pair(pairs *p, int64_t j)
{
    real a = row_of(p->run, p->plan->input_alpha), b = column_of(p->run, p->plan->input_alpha)[j], rho = state_of(p->run, p->plan->input_slot).rho[j];
    if (!(row_of(p->run, p->plan->output_alpha) + column_of(p->run, p->plan->output_alpha)[j] < INFINITY)) {
        p->dot[j] = p->omega[j] = NAN; /* refused */
    } else if (a == 0 || b == 0) {
        factorise(p, j);
        if (rho < 0) p->omega[j] = 2 - p->omega[j];
    } else if (p->u[j] == 0 && a == b && rho >= 0) {
        p->dot[j] = number_of_row(p, NTK_LOOKUP_DOT) * number_of_column(p, NTK_LOOKUP_DOT, j);
        p->omega[j] = 0;
    } else {
        integrate(p, j);
    }
}

/* ---- a run ------------------------------------------------------------------------------------------------------- */

/* The kind of every pair, and the pairs in the order of their kinds; the number of pairs before each kind. */
static void sort(pairs *p, int low, int kinds, int *starts)
{
    const real *segments = column_of(p->run, p->first + NTK_COLUMN_SEGMENT);
    state in = state_of(p->run, p->plan->input_slot);
    int64_t n = p->run->wanted;
    for (int k = 0; k <= kinds; ++k) starts[k] = 0;
    for (int64_t j = 0; j < n; ++j) {
        int piece = (int)(p->u[j] * PIECES);
        p->kind[j] = ((int)segments[j] - low) * 2 * PIECES + (in.rho[j] < 0) * PIECES + (piece < PIECES ? piece : PIECES - 1);
        ++starts[p->kind[j] + 1];
    }
    for (int k = 0; k < kinds; ++k) starts[k + 1] += starts[k];
    for (int64_t j = 0; j < n; ++j) p->order[starts[p->kind[j]]++] = (int)j;
    for (int k = kinds; k > 0; --k) starts[k] = starts[k - 1];
    starts[0] = 0;
}

static void by_table(pairs *p, const ntk_lookup_table *table, int segment, int side, int piece, const int *order, int count)
{
    const real *places = column_of(p->run, p->first + NTK_COLUMN_PLACE);
    real place = row_of(p->run, p->first + NTK_COLUMN_PLACE), middle = REAL(segment + NTK_SEGMENT_FIRST);
    surface s;
    bunch b;
    put_row_in(table, side, piece, p->segment <= segment, 2 * ((double)place - p->segment - NTK_SEGMENT_FIRST), &s);
    put_row_in_base(table, side, p->segment <= segment, 2 * ((double)place - p->segment - NTK_SEGMENT_FIRST), &s);
    b.count = (count + NTK_LANES - 1) & -NTK_LANES;
    for (int i = 0; i < b.count; ++i) {
        int j = order[i < count ? i : count - 1];
        b.u[i] = p->u[j];
        b.t[i] = 2 * PIECES * p->u[j] - REAL(2 * piece + 1);
        b.y[i] = 2 * (places[j] - middle);
        b.apart[i] = place - places[j];
    }
    evaluate(&s, &b);
    for (int i = 0; i < count; ++i) {
        p->dot[order[i]] = b.dot[i];
        p->omega[order[i]] = b.omega[i];
    }
}

static void one_kind(pairs *p, int segment, int side, int piece, const int *order, int count)
{
    const ntk_lookup_table *table = NULL;
    if (p->segment >= 0 && segment >= 0)
        table = ntk_lookup_find(p->plan->lookup, NTK_MIN(p->segment, segment), NTK_MAX(p->segment, segment));
    if (table && table->good[side][piece]) by_table(p, table, segment, side, piece, order, count);
    else
        for (int i = 0; i < count; ++i) one_pair(p, order[i]);
}

static void all_kinds(pairs *p)
{
    const real *segments = column_of(p->run, p->first + NTK_COLUMN_SEGMENT);
    int low = (int)segments[0], high = low, starts[KINDS + 2 * PIECES + 1];
    for (int64_t j = 1; j < p->run->wanted; ++j) {
        low = NTK_MIN(low, (int)segments[j]);
        high = NTK_MAX(high, (int)segments[j]);
    }
    sort(p, low, (high - low + 1) * 2 * PIECES, starts);
    for (int k = 0; k < (high - low + 1) * 2 * PIECES; ++k)
        if (starts[k + 1] > starts[k])
            one_kind(p, low + k / (2 * PIECES), k / PIECES % 2, k % PIECES, p->order + starts[k], starts[k + 1] - starts[k]);
}

static void finish(const pairs *p)
{
    state in = state_of(p->run, p->plan->input_slot), out = state_of(p->run, p->plan->output_slot);
    NTK_RUN_LOOP(j, p->run)
    {
        real omega = p->omega[j] > 0 ? p->omega[j] : p->omega[j] <= 0 ? 0 : p->omega[j], gap = omega <= 1 ? omega : 2 - omega;
        out.theta[j] = in.theta[j] * p->dot[j];
        out.rho[j] = in.rho[j] < 0 ? omega - 1 : 1 - omega;
        out.gap[j] = gap < 0 ? 0 : gap;
    }
}

void NTK_HOT_NAME(own_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(own_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot);
    pairs p;
    p.plan = plan;
    p.run = run;
    p.first = plan->first_column;
    p.segment = (int)row_of(run, p.first + NTK_COLUMN_SEGMENT);
    NTK_RUN_LOOP(j, run)
    {
        p.u[j] = ntk_sqrt(in.gap[j] > 0 ? in.gap[j] : 0);
        p.dot[j] = p.omega[j] = 0;
    }
    all_kinds(&p);
    finish(&p);
}

#else

#define OWN_VARIANTS(name)           \
    NTK_DECLARE_VARIANTS_(name, f64) \
    NTK_DECLARE_VARIANTS_(name, f32) \
    const ntk_pairs_variants ntk_##name = {{[NTK_F64] = NTK_VARIANT_ROW(name, f64), [NTK_F32] = NTK_VARIANT_ROW(name, f32)}};
OWN_VARIANTS(own_pairs)

/* No jumps are known. */
static void own_constants(const double *p, double *k)
{
    (void)p;
    k[0] = 0;
}

const ntk_dual ntk_own_dual = {NTK_LOOKUP_COLUMNS, NULL, own_constants, ntk_lookup_norms, &ntk_own_pairs};

#endif
