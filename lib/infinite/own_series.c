/*
 * The table of one sample under an activation of the program's own: its length, and the Hermite coefficients
 *
 *     d_k = E[phi'(alpha z) h_k(z)]  (phi' without the jumps),     D_k = d_k + sum_j J_j phi(t_j/alpha) h_k(t_j/alpha) / alpha  (with them)
 *
 * so that K. = sum d_k d'_k rho^k and K = c_0 c'_0 + alpha beta sum D_k D'_k rho^(k+1)/(k+1), as in numeric.c.  Breaks make them fall like k^(-3/4) only;
 * where |rho| is not near 1 the powers of rho end the sum, and where it is own_pair.c takes over.  The gap where the one hands over to the other is
 * such that what the series leaves out is below 1e-11 of K and K. of the sample with itself.
 */
#include "numeric.h"
#include "pieces.h"

#include <math.h>

enum { POINTS = NTK_PIECES_POINTS, TERMS = NTK_NUMERIC_SMOOTH_TERMS, MOST_NODES = 6144 };
#define REACH 12.5
#define LEFT_OUT 1e-11
#define PROMISED 1e-10
#define SAME 1e-15 /* lengths of normalised rows differ by rounding */

typedef struct line {
    double x[POINTS], w[POINTS];
    int count;
    double z[MOST_NODES], even[MOST_NODES], odd[MOST_NODES], h[MOST_NODES], last[MOST_NODES]; /* z > 0; parts of phi' times weight */
    double mean, square, slope_square; /* E phi, E phi², E phi'² */
} line;

static void add_node(line *l, const ntk_pieces *f, double alpha, double z, double w)
{
    double weight = w * exp(-z * z / 2) / sqrt(2 * M_PI), up, down, up_slope, down_slope;
    int at = l->count++;
    ntk_pieces_at(f, alpha * z, &up, &up_slope);
    ntk_pieces_at(f, -alpha * z, &down, &down_slope);
    l->z[at] = z;
    l->even[at] = weight * (up_slope + down_slope);
    l->odd[at] = weight * (up_slope - down_slope);
    l->h[at] = 1;
    l->last[at] = 0;
    l->mean += weight * (up + down);
    l->square += weight * (up * up + down * down);
    l->slope_square += weight * (up_slope * up_slope + down_slope * down_slope);
}

static void add_panels(line *l, const ntk_pieces *f, double alpha, double low, double high, double widest)
{
    int parts = (int)ceil((high - low) / widest);
    double width = (high - low) / parts;
    for (int part = 0; part < parts; ++part)
        for (int i = 0; i < POINTS; ++i) add_node(l, f, alpha, low + width * (part + l->x[i]), width * l->w[i]);
}

/* The distances of the breaks from 0, ascending, and the reach. */
static int ends_of(const ntk_pieces *f, double alpha, double ends[NTK_OWN_BREAKS + 1])
{
    int n = 0;
    for (int b = 0; b < f->n_breaks; ++b) {
        double at = fabs(f->breaks[b]) / alpha;
        int i = n;
        if (!(at < REACH)) continue;
        for (; i > 0 && ends[i - 1] > at; --i) ends[i] = ends[i - 1];
        ends[i] = at;
        ++n;
    }
    ends[n] = REACH;
    return n + 1;
}

/* False: too many nodes. */
static bool make_line(line *l, const ntk_pieces *f, double alpha)
{
    double ends[NTK_OWN_BREAKS + 1], low = 0, widest = fmin(0.5, 2 * f->narrowest / alpha);
    int n = ends_of(f, alpha, ends);
    l->count = 0;
    l->mean = l->square = l->slope_square = 0;
    if (!((REACH / widest + n) * POINTS < MOST_NODES && alpha * REACH < NTK_PIECES_REACH)) return false;
    for (int i = 0; i < n; ++i) {
        if (ends[i] > low) add_panels(l, f, alpha, low, ends[i], widest);
        low = ends[i];
    }
    return true;
}

static double next_coefficient(line *l, int k)
{
    const double *slope = k % 2 ? l->odd : l->even;
    double sum = 0, a = 1 / sqrt(k + 1), b = sqrt((double)k / (k + 1));
    for (int i = 0; i < l->count; ++i) {
        double h = l->h[i];
        sum += slope[i] * h;
        l->h[i] = a * l->z[i] * h - b * l->last[i];
        l->last[i] = h;
    }
    return sum;
}

/* Hermite functions at the jumps, alongside. */
typedef struct steps {
    int count;
    double scale[NTK_OWN_BREAKS], z[NTK_OWN_BREAKS], h[NTK_OWN_BREAKS], last[NTK_OWN_BREAKS];
} steps;

static void open_steps(steps *s, const ntk_pieces *f, double alpha)
{
    s->count = 0;
    for (int b = 0; b < f->n_breaks; ++b) {
        double z = f->breaks[b] / alpha;
        if (f->jumps[b] == 0 || !(fabs(z) < 40)) continue;
        s->scale[s->count] = f->jumps[b] / alpha * exp(-z * z / 4) / sqrt(2 * M_PI);
        s->z[s->count] = z;
        s->h[s->count] = exp(-z * z / 4); /* h_k grows like exp(z²/4) at most */
        s->last[s->count++] = 0;
    }
}

static double next_step(steps *s, int k)
{
    double sum = 0, a = 1 / sqrt(k + 1), b = sqrt((double)k / (k + 1));
    for (int i = 0; i < s->count; ++i) {
        double h = s->h[i];
        sum += s->scale[i] * h;
        s->h[i] = a * s->z[i] * h - b * s->last[i];
        s->last[i] = h;
    }
    return sum;
}

typedef struct series {
    double d[TERMS], with[TERMS]; /* d_k, D_k */
    double mean, square, slope_square;
    int even_use, odd_use;
    double near;  /* gap below which it does not do */
    double error; /* relative to K, K. */
} series;

static void take_coefficients(line *l, const ntk_pieces *f, double alpha, series *s)
{
    double small = (f->knows_slope ? 1e-13 : 1e-12) * sqrt(l->slope_square) + 1e-300; /* nothing below is known */
    int k = 0, run = 0;
    steps jumps;
    open_steps(&jumps, f, alpha);
    for (; k < TERMS && run < 4; ++k) {
        s->d[k] = next_coefficient(l, k);
        s->with[k] = s->d[k] + next_step(&jumps, k);
        run = fabs(s->d[k]) + fabs(s->with[k]) <= small ? run + 1 : 0;
    }
    s->even_use = (k + 1) / 2;
    s->odd_use = k / 2;
    for (; k < TERMS; ++k) s->d[k] = s->with[k] = 0;
}

/*
 * The mean square of the last coefficients stands for all that follow: they fall.  Their sum times rho^k is at most
 * tail rho^TERMS / (1 - rho), or 4 TERMS tail (they fall like k^(-3/2) and faster) for rho = 1.
 */
static void hand_over(double alpha, series *s)
{
    double dot = 0, moment = 0, worst;
    for (int k = TERMS - 64; k < TERMS; ++k) {
        dot += s->d[k] * s->d[k] / 64;
        moment += s->with[k] * s->with[k] / 64;
    }
    worst = fmax(s->slope_square > 0 ? dot / s->slope_square : 0, alpha * alpha * moment / TERMS / fmax(s->square, 1e-300));
    s->near = 0;
    if (4 * TERMS * worst <= LEFT_OUT) return;
    for (s->near = 1e-3; worst * exp(-s->near * TERMS) / s->near > LEFT_OUT && s->near < 1; s->near *= 1.25) continue;
}

/* What the pieces may be wrong by, in the mean square under the normal density of standard deviation alpha. */
static double error_of(const ntk_pieces *f, double alpha, const series *s)
{
    double value = 0, slope = 0;
    for (int64_t i = 0; i < f->count; ++i) {
        double low = f->edges[i] / alpha, high = f->edges[i + 1] / alpha, nearest = low > 0 ? low : high < 0 ? -high : 0;
        double mass = nearest > 13 ? 0 : fmin(high - low, 1) * exp(-nearest * nearest / 2);
        value += f->miss[i] * f->miss[i] * mass;
        slope += f->slope_miss[i] * f->slope_miss[i] * mass;
    }
    value = sqrt(value / fmax(s->square, 1e-300));
    slope = s->slope_square > 0 ? sqrt(slope / s->slope_square) : 0;
    return 2 * fmax(value, slope) + 2 * LEFT_OUT;
}

static void no_input(const ntk_pieces *f, series *s)
{
    double value, slope;
    ntk_pieces_at(f, 0, &value, &slope);
    for (int k = 0; k < TERMS; ++k) s->d[k] = s->with[k] = 0;
    s->d[0] = s->with[0] = slope;
    s->mean = f->at_zero;
    s->square = f->at_zero * f->at_zero;
    s->slope_square = slope * slope;
    s->even_use = 1;
    s->odd_use = 0;
    s->near = 0;
}

static void write_columns(const ntk_pieces *f, double alpha, const series *s, int64_t n, double *own, double *out)
{
    double length = sqrt(s->square), even = s->mean * s->mean;
    for (int k = 1; k < TERMS; k += 2) even += alpha * alpha * s->with[k] * s->with[k] / (k + 1);
    *out = length;
    own[NTK_NUMERIC_RATIO * n] = length > 0 ? alpha / length : 0;
    own[NTK_NUMERIC_MEAN * n] = length > 0 ? s->mean / length : 0;
    own[NTK_NUMERIC_EVEN_SHARE * n] = length > 0 ? even / s->square : 0;
    own[NTK_NUMERIC_EVEN_TERMS * n] = s->even_use;
    own[NTK_NUMERIC_ODD_TERMS * n] = s->odd_use;
    own[NTK_OWN_NEAR * n] = s->near;
    for (int k = 0; k < TERMS; ++k) {
        int64_t place = k % 2 * (TERMS / 2) + k / 2;
        own[(NTK_NUMERIC_SERIES + place) * n] = s->d[k];
        if (f->any_jump) own[(NTK_OWN_JUMPS + place) * n] = s->with[k];
    }
}

static void refuse(int64_t n, double *own, double *out)
{
    for (int c = 0; c < NTK_OWN_NEAR; ++c) own[c * n] = NAN;
    own[NTK_NUMERIC_EVEN_TERMS * n] = own[NTK_NUMERIC_ODD_TERMS * n] = 1;
    own[NTK_OWN_NEAR * n] = 0;
    *out = NAN;
}

static void one_sample(const ntk_pieces *f, double alpha, line *l, series *s, int64_t n, double *own, double *out)
{
    if (alpha == 0) {
        no_input(f, s);
        write_columns(f, alpha, s, n, own, out);
        return;
    }
    if (!make_line(l, f, alpha)) {
        refuse(n, own, out);
        return;
    }
    s->mean = l->mean;
    s->square = l->square;
    s->slope_square = l->slope_square;
    take_coefficients(l, f, alpha, s);
    hand_over(alpha, s);
    if (error_of(f, alpha, s) <= PROMISED) write_columns(f, alpha, s, n, own, out);
    else refuse(n, own, out);
}

void ntk_own_norms(const ntk_plan *plan, int64_t n, double *table)
{
    const double *alpha = table + plan->input_alpha * n;
    double *own = table + plan->first_column * n, *out = table + plan->output_alpha * n;
    line l;
    series s;
    ntk_gauss_legendre(l.x, l.w);
    for (int64_t i = 0, made = 0; i < n; ++i) {
        if (i == 0 || !(fabs(alpha[i] - alpha[made]) <= SAME * alpha[made])) {
            made = i;
            one_sample(plan->pieces, alpha[i], &l, &s, n, own + i, out + i);
            continue;
        }
        for (int c = 0; c < plan->columns; ++c) own[c * n + i] = own[c * n + made];
        out[i] = out[made];
    }
}
