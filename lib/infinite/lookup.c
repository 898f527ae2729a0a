/*
 * Lengths: what a length alone decides, as polynomials in its logarithm, segment by segment.
 *
 * As functions of log alpha the coefficients of terms.c are analytic for |Im| < pi/2 (the poles of tanh(alpha z) meet the real z only there), so over
 * half an octave Chebyshev polynomials of n terms leave 18^-n.  Segments lie at fixed places: what is computed of a pair depends neither on the
 * data around it nor on the tile that it fell into.  They are made when a length first asks for them, from whatever thread, and stay with the kernel.
 */
#include "lookup.h"

#include <math.h>
#include <string.h>

#define PROMISED 1e-10
#define LEAST 1e-12 /* what the polynomials may leave out, or more degrees are wanted */

double ntk_segment_node(int i, int n)
{
    return cos(M_PI * (i + 0.5) / n);
}

static double alpha_at(int index, double x)
{
    return exp2((index + NTK_SEGMENT_FIRST + x / 2) / 2);
}

int ntk_segment_of(double alpha, double *place)
{
    int index;
    *place = alpha > 0 && isfinite(alpha) ? 2 * log2(alpha) : 0;
    if (!(alpha > 0 && isfinite(alpha))) return -1;
    index = (int)floor(*place + 0.5) - NTK_SEGMENT_FIRST;
    return index >= 0 && index < NTK_SEGMENTS ? index : -1;
}

void ntk_chebyshev(int n, int64_t stride, double *c)
{
    double values[NTK_SEGMENT_MOST_NODES];
    for (int i = 0; i < n; ++i) values[i] = c[i * stride];
    for (int p = 0; p < n; ++p) {
        double sum = 0;
        for (int i = 0; i < n; ++i) sum += values[i] * cos(M_PI * p * (i + 0.5) / n);
        c[p * stride] = (p ? 2.0 : 1.0) / n * sum;
    }
}

/* sum c_p T_p'(x) / dplace, T_p' = p U_{p-1}, dx = 2 dplace. */
static double slope_at(int n, int64_t stride, const double *c, double x)
{
    double sum = 0, u = 1, last = 0;
    for (int p = 1; p < n; ++p) {
        double next = 2 * x * u - last;
        sum += c[p * stride] * p * u;
        last = u;
        u = next;
    }
    return 2 * sum;
}

static double clenshaw(int n, const double *c, double x)
{
    double b = 0, last = 0;
    for (int p = n - 1; p > 0; --p) {
        double next = 2 * x * b - last + c[p];
        last = b;
        b = next;
    }
    return x * b - last + c[0];
}

/* ---- a segment --------------------------------------------------------------------------------------------------- */

static void destroy_segment(ntk_segment *s)
{
    if (!s) return;
    ntk_free(s->d);
    ntk_free(s->r);
    ntk_free(s->at);
    ntk_free(s->slope);
    ntk_free(s);
}

/* The numbers, at nodes of their own. */
static bool number(ntk_lookup *l, int index, ntk_segment *s)
{
    enum { NODES = NTK_SEGMENT_NUMBER_NODES };
    for (int i = 0; i < NODES; ++i) {
        if (!ntk_terms_at(l->pieces, alpha_at(index, ntk_segment_node(i, NODES)), false, l->terms)) return false;
        for (int k = 0; k < NTK_LOOKUP_NUMBERS; ++k) s->numbers[k][i] = l->terms->numbers[k];
        s->error = fmax(s->error, l->terms->error);
    }
    for (int k = 0; k < NTK_LOOKUP_NUMBERS; ++k) ntk_chebyshev(NODES, 1, s->numbers[k]);
    return true;
}

/* Coefficients at one node.  A series that changed its kind within the segment does not count. */
static void sample(ntk_lookup *l, int index, int i, ntk_segment *s)
{
    ntk_terms *t = l->terms;
    int64_t at = (int64_t)i * NTK_TERMS_MOST;
    ntk_terms_at(l->pieces, alpha_at(index, ntk_segment_node(i, s->nodes)), true, t);
    if (i > 0 && t->kinked != s->kinked) s->mixed = true;
    s->kinked = t->kinked;
    s->count = i > 0 ? NTK_MAX(s->count, t->count) : t->count;
    s->near = i > 0 ? fmax(s->near, t->near) : t->near;
    memcpy(s->d + at, t->d, NTK_TERMS_MOST * sizeof *t->d);
    memcpy(s->at + at, t->r, NTK_TERMS_MOST * sizeof *t->r);
}

/* What degree p holds where the series is used: powers of rho end it. */
static double size_of(const ntk_segment *s, const double *c, int p)
{
    double sum = 0;
    for (int t = 0; t < s->count; ++t) {
        double value = c[(int64_t)p * NTK_TERMS_MOST + t];
        sum += value * value * exp(-s->near * ntk_terms_degree(s->kinked, t));
    }
    return sqrt(sum);
}

/* The degrees that count; 0: more nodes are wanted, as the last degrees say of the next one. */
static int degrees_of(const ntk_segment *s, const double *c)
{
    double all = size_of(s, c, 0), rest = 0, last = size_of(s, c, s->nodes - 1), before = size_of(s, c, s->nodes - 2);
    int n = s->nodes;
    if (last * fmin(1, last / fmax(before, 1e-300)) > LEAST * all) return 0;
    for (; n > 2; --n) {
        rest += size_of(s, c, n - 1);
        if (rest > LEAST * all) break;
    }
    return n;
}

static void fit(ntk_lookup *l, int index, int nodes, ntk_segment *s)
{
    s->nodes = nodes;
    s->mixed = false;
    for (int i = 0; i < nodes; ++i) sample(l, index, i, s);
    memcpy(s->r, s->at, (size_t)nodes * NTK_TERMS_MOST * sizeof *s->r);
    for (int t = 0; t < s->count; ++t) {
        ntk_chebyshev(nodes, NTK_TERMS_MOST, s->d + t);
        ntk_chebyshev(nodes, NTK_TERMS_MOST, s->r + t);
        for (int i = 0; i < nodes; ++i) s->slope[(int64_t)i * NTK_TERMS_MOST + t] = slope_at(nodes, NTK_TERMS_MOST, s->r + t, ntk_segment_node(i, nodes));
    }
    s->degrees = NTK_MIN(degrees_of(s, s->d), degrees_of(s, s->r)) ? NTK_MAX(degrees_of(s, s->d), degrees_of(s, s->r)) : 0;
}

/* Where the most nodes are not enough, the tables say so. */
static void fit_enough(ntk_lookup *l, int index, ntk_segment *s)
{
    fit(l, index, NTK_SEGMENT_NODES, s);
    if (s->degrees == 0 && !s->mixed) fit(l, index, NTK_SEGMENT_MOST_NODES, s);
    if (s->degrees == 0) s->degrees = s->nodes;
}

static ntk_status make_segment(ntk_lookup *l, int index, ntk_segment **segment)
{
    ntk_status status;
    ntk_segment *s = NULL;
    int64_t most = (int64_t)NTK_SEGMENT_MOST_NODES * NTK_TERMS_MOST;
    NTK_TRY(NTK_NEW(&l->maker, 1, &s));
    s->refused = !number(l, index, s) || s->error > PROMISED;
    if (!s->refused) {
        NTK_TRY(NTK_NEW(&l->maker, most, &s->d));
        NTK_TRY(NTK_NEW(&l->maker, most, &s->r));
        NTK_TRY(NTK_NEW(&l->maker, most, &s->at));
        NTK_TRY(NTK_NEW(&l->maker, most, &s->slope));
        fit_enough(l, index, s);
    }
    *segment = s;
    s = NULL;
done:
    destroy_segment(s);
    return status;
}

/* The caller holds the lock. */
static const ntk_segment *segment_at(ntk_lookup *l, int index)
{
    ntk_segment *s = atomic_load_explicit(&l->segments[index], memory_order_acquire);
    if (!s && make_segment(l, index, &s) == NTK_OK) atomic_store_explicit(&l->segments[index], s, memory_order_release);
    return s;
}

const ntk_segment *ntk_lookup_segment(ntk_lookup *l, int index)
{
    const ntk_segment *s = index < 0 ? NULL : atomic_load_explicit(&l->segments[index], memory_order_acquire);
    if (s || index < 0) return s;
    pthread_mutex_lock(&l->lock);
    s = segment_at(l, index);
    pthread_mutex_unlock(&l->lock);
    return s;
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* The caller holds the lock. */
static const ntk_lookup_table *table_at(ntk_lookup *l, int first, int second)
{
    const ntk_segment *ends[2] = {segment_at(l, first), segment_at(l, second)};
    ntk_lookup_table *t = atomic_load_explicit(&l->tables[first][second], memory_order_acquire);
    if (t || !ends[0] || !ends[1]) return t;
    if (ntk_lookup_make(&l->maker, ends, (int[2]){first, second}, &t) == NTK_OK) atomic_store_explicit(&l->tables[first][second], t, memory_order_release);
    return t;
}

const ntk_lookup_table *ntk_lookup_find(ntk_lookup *l, int first, int second)
{
    const ntk_lookup_table *t = atomic_load_explicit(&l->tables[first][second], memory_order_acquire);
    if (t) return t;
    pthread_mutex_lock(&l->lock);
    t = table_at(l, first, second);
    pthread_mutex_unlock(&l->lock);
    return t;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

ntk_status ntk_lookup_create(ntk_context *ctx, const ntk_layer *layer, const double *jumps, ntk_lookup **lookup)
{
    ntk_status status;
    ntk_lookup *l = NULL;
    *lookup = NULL;
    NTK_TRY(NTK_NEW_HANDLE(ctx, &l));
    pthread_mutex_init(&l->lock, NULL);
    l->maker.options.allocate = ctx->options.allocate;
    l->maker.options.allocate_user = ctx->options.allocate_user;
    NTK_TRY(NTK_NEW(ctx, 1, &l->terms));
    NTK_TRY(ntk_pieces_create(ctx, layer, jumps, &l->pieces));
    *lookup = l;
    l = NULL;
done:
    ntk_lookup_destroy(l);
    return status;
}

void ntk_lookup_destroy(ntk_lookup *l)
{
    if (!ntk_object_release(l)) return;
    for (int i = 0; i < NTK_SEGMENTS; ++i) {
        destroy_segment(l->segments[i]);
        for (int j = i; j < NTK_SEGMENTS; ++j) ntk_lookup_table_destroy(l->tables[i][j]);
    }
    ntk_pieces_destroy(l->pieces);
    ntk_free(l->terms);
    pthread_mutex_destroy(&l->lock);
    ntk_free(l);
}

static bool same_activation(const ntk_layer *a, const ntk_layer *b)
{
    if (a->activation != b->activation || a->own != b->own) return false;
    for (int i = 0; a->activation->keys && a->activation->keys[i].name; ++i)
        if (ntk_layer_parameters(a)[i] != ntk_layer_parameters(b)[i]) return false;
    return true;
}

ntk_status ntk_lookup_open(ntk_context *ctx, const ntk_reading *reading, ntk_plan *plan)
{
    const ntk_layer *layer = plan->step->layer;
    if (reading->whole) {
        plan->lookup = ntk_retain(reading->whole->plans[plan - reading->plans].lookup);
        return NTK_OK;
    }
    for (const ntk_plan *other = reading->plans; other < plan; ++other) {
        if (!other->lookup || !same_activation(other->step->layer, layer)) continue;
        plan->lookup = ntk_retain(other->lookup);
        return NTK_OK;
    }
    return ntk_lookup_create(ctx, layer, plan->k[0] > 0 ? plan->k : NULL, &plan->lookup);
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

static void refuse(int64_t n, double *own, double *out)
{
    for (int c = 0; c < NTK_LOOKUP_COLUMNS; ++c) own[c * n] = NAN;
    own[NTK_COLUMN_SEGMENT * n] = -1;
    *out = NAN;
}

/* A length beyond the segments (zero, above all) has its numbers from the function itself. */
static bool numbers_of(ntk_lookup *l, const ntk_segment *s, double alpha, double x, double numbers[NTK_LOOKUP_NUMBERS])
{
    ntk_terms t;
    if (s) {
        for (int k = 0; k < NTK_LOOKUP_NUMBERS; ++k) numbers[k] = clenshaw(NTK_SEGMENT_NUMBER_NODES, s->numbers[k], x);
        return !s->refused;
    }
    if (!isfinite(alpha) || !ntk_terms_at(l->pieces, alpha, false, &t)) return false;
    memcpy(numbers, t.numbers, sizeof t.numbers);
    return t.error <= PROMISED;
}

static void one_sample(ntk_lookup *l, double alpha, int64_t n, double *own, double *out)
{
    double place, numbers[NTK_LOOKUP_NUMBERS];
    int index = ntk_segment_of(alpha, &place);
    const ntk_segment *s = ntk_lookup_segment(l, index);
    if (!numbers_of(l, s, alpha, 2 * (place - index - NTK_SEGMENT_FIRST), numbers)) {
        refuse(n, own, out);
        return;
    }
    own[NTK_COLUMN_SEGMENT * n] = s ? index : -1;
    own[NTK_COLUMN_PLACE * n] = place;
    *out = numbers[NTK_LOOKUP_LENGTH];
    for (int k = 1; k < NTK_LOOKUP_NUMBERS; ++k) own[(NTK_COLUMN_NUMBERS + k - 1) * n] = numbers[k];
}

void ntk_lookup_norms(const ntk_plan *plan, int64_t n, double *table)
{
    const double *alpha = table + plan->input_alpha * n;
    double *own = table + plan->first_column * n, *out = table + plan->output_alpha * n;
    for (int64_t i = 0; i < n; ++i) one_sample(plan->lookup, alpha[i], n, own + i, out + i);
}
