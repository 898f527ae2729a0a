/*
 * The Hermite coefficients of an activation at one length, with h_k the normalised Hermite polynomials:
 *
 *     d_k = E[phi'(alpha z) h_k(z)]  (phi' without the jumps),     D_k = d_k + sum_j J_j phi(t_j/alpha) h_k(t_j/alpha) / alpha  (with them)
 *     K. = sum d_k d'_k rho^k,       K = c_0 c'_0 + alpha beta sum D_k D'_k rho^(k+1)/(k+1)
 *
 * by Gauss-Legendre quadrature over z > 0, even and odd parts of phi' apart, panels ending at the breaks, the h_k by their recursion.
 *
 * Smooth functions: coefficients fall until nothing is left.  Breaks make them fall like k^(-3/4) only, and then the series does where |rho| is not near 1.
 * A kink at zero alone is better: beyond k = 96 its coefficients are known in closed form, for real k too, from the jumps of the derivatives there,
 *
 *     d_k = sum_j J_{j+1} alpha^j phi(0) He_m(0)/sqrt(k!),  m = k - 1 - j even,   He_{m-2}(0) = -He_m(0)/(m-1)
 *
 * and for one parity of k smooth in k, so that the rest of the sum is a quadrature in k: six nodes in each of twenty octaves
 * (scripts/numeric_nodes.py).  Of J |x|/2, whose terms fall too slowly even for that, the closed form is taken, less those terms.
 */
#include "lookup.h"

#include <math.h>

enum { POINTS = NTK_PIECES_POINTS, MOST_NODES = 6144 };
#define REACH 12.5 /* |h_k(z)| phi(z) <= phi(z)^(1/2): nothing beyond counts */

typedef struct line {
    double x[POINTS], w[POINTS];
    int count;
    double z[MOST_NODES], even[MOST_NODES], odd[MOST_NODES], h[MOST_NODES], last[MOST_NODES]; /* z > 0; parts of phi' times weight */
    double mean, square, slope, slope_square; /* E phi, E phi², E phi', E phi'² */
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
    l->slope += weight * (up_slope + down_slope);
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
    l->mean = l->square = l->slope = l->slope_square = 0;
    ntk_gauss_legendre(l->x, l->w);
    if (!((REACH / widest + n) * POINTS < MOST_NODES && alpha * REACH < NTK_PIECES_REACH)) return false;
    for (int i = 0; i < n; ++i) {
        if (ends[i] > low) add_panels(l, f, alpha, low, ends[i], widest);
        low = ends[i];
    }
    return true;
}

/* d_k, and the recursion one step on: h_{k+1} = (z h_k - sqrt(k) h_{k-1}) / sqrt(k+1). */
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

/* ---- all terms by quadrature over z ------------------------------------------------------------------------------ */

/*
 * The mean square of the last coefficients stands for all that follow: they fall.  Their sum times rho^k is at most
 * tail rho^n / (1 - rho), or 4 n tail (they fall like k^(-3/2) and faster) for rho = 1.
 */
static void hand_over(const line *l, ntk_terms *s)
{
    double dot = 0, moment = 0, worst, n = NTK_TERMS_SERIES;
    for (int t = NTK_TERMS_SERIES - 64; t < NTK_TERMS_SERIES; ++t) {
        dot += s->d[t] * s->d[t] / 64;
        moment += s->r[t] * s->r[t] / 64;
    }
    worst = fmax(l->slope_square > 0 ? dot / l->slope_square : 0, moment);
    s->near = 0;
    if (4 * n * worst <= NTK_TERMS_NOTHING) return;
    for (s->near = 1e-3; worst * exp(-s->near * n) / s->near > NTK_TERMS_NOTHING && s->near < 1; s->near *= 1.25) continue;
}

static void whole_series(line *l, const ntk_pieces *f, double alpha, ntk_terms *s)
{
    double small = (f->knows_slope ? 1e-14 : 1e-12) * sqrt(l->slope_square) + 1e-300, length = sqrt(l->square); /* nothing below is known */
    int k = 0, run = 0;
    steps jumps;
    open_steps(&jumps, f, alpha);
    for (; k < NTK_TERMS_SERIES - 1 && run < 4; ++k) {
        double with;
        s->d[k + 1] = next_coefficient(l, k);
        with = s->d[k + 1] + next_step(&jumps, k);
        s->r[k + 1] = length > 0 ? alpha * with / sqrt(k + 1) / length : 0;
        run = fabs(s->d[k + 1]) + fabs(with) <= small ? run + 1 : 0;
    }
    s->count = k + 1;
    for (; k < NTK_TERMS_SERIES - 1; ++k) s->d[k + 1] = s->r[k + 1] = 0;
    hand_over(l, s);
}

/* ---- a kink at zero ---------------------------------------------------------------------------------------------- */

static const double node_weight[] = NTK_NUMERIC_WEIGHTS, even_end[] = NTK_NUMERIC_ENDS_EVEN, odd_end[] = NTK_NUMERIC_ENDS_ODD;
static const int node[] = NTK_NUMERIC_NODE_LIST;

/* Beyond the terms of small degree: parity of k, octave, node. */
static double tail_degree(int i)
{
    int at = i % NTK_TERMS_TAIL;
    return ldexp((double)node[at % NTK_NUMERIC_NODES] / NTK_NUMERIC_PARTS, at / NTK_NUMERIC_NODES) + 1;
}

double ntk_terms_degree(bool kinked, int t)
{
    return kinked && t > NTK_NUMERIC_TERMS ? tail_degree(t - 1 - NTK_NUMERIC_TERMS) : t;
}

bool ntk_terms_odd(bool kinked, int t)
{
    return kinked && t > NTK_NUMERIC_TERMS ? t - 1 - NTK_NUMERIC_TERMS < NTK_TERMS_TAIL : t % 2;
}

/* d_k for real k, up to a sign that all k of one parity share. */
static double kink_coefficient(const ntk_pieces *f, double alpha, double k, int parity)
{
    int j = parity ? 0 : 1;
    double m = k - 1 - j, sum = 0, power = j ? alpha : 1;
    double scale = exp((k - 1 - j) * (M_LN2 / 2) + lgamma((k - j) / 2) - lgamma(k + 1) / 2) / (M_PI * M_SQRT2);
    for (; j < f->n_slopes && j < k; j += 2) {
        sum += f->slope_jumps[j] * power;
        power *= -alpha * alpha / (m - 1);
        m -= 2;
    }
    return scale * sum;
}

/* d_k² by quadrature against the formula. */
static double mismatch(const ntk_terms *s, const ntk_pieces *f, double alpha, int k)
{
    double d = s->d[k + 1], formula = kink_coefficient(f, alpha, k, k % 2);
    return fabs(d * d - formula * formula);
}

/* The tail is as good as its formula is where it starts.  The mismatch falls on from there, by the factor seen over the last four terms. */
static double tail_error(const ntk_terms *s, const ntk_pieces *f, double alpha, int parity)
{
    int k = NTK_NUMERIC_TERMS - 2 + parity;
    double last = mismatch(s, f, alpha, k), before = mismatch(s, f, alpha, k - 8), factor = before > last ? pow(last / before, 0.25) : 1;
    return last / NTK_NUMERIC_TERMS / fmax(1 - factor, 0.05);
}

/* False: the formula of the tail is not good enough. */
static bool kinked_series(line *l, const ntk_pieces *f, double alpha, ntk_terms *s)
{
    double length = sqrt(l->square);
    for (int k = 0; k < NTK_NUMERIC_TERMS; ++k) s->d[k + 1] = next_coefficient(l, k);
    if (!(alpha * alpha * (tail_error(s, f, alpha, 0) + tail_error(s, f, alpha, 1)) <= NTK_TERMS_NOTHING * l->square)) return false;
    for (int i = 0; i < NTK_NUMERIC_ENDS; ++i) {
        s->d[NTK_NUMERIC_TERMS - 1 - 2 * i] *= sqrt(even_end[i]);
        s->d[NTK_NUMERIC_TERMS - 2 * i] *= sqrt(odd_end[i]);
    }
    for (int i = 0; i < 2 * NTK_TERMS_TAIL; ++i) {
        int at = i % NTK_TERMS_TAIL;
        double weight = ldexp(node_weight[at % NTK_NUMERIC_NODES], at / NTK_NUMERIC_NODES);
        s->d[1 + NTK_NUMERIC_TERMS + i] = sqrt(weight) * kink_coefficient(f, alpha, tail_degree(i) - 1, i / NTK_TERMS_TAIL);
    }
    for (int t = 1; t < NTK_TERMS_KINKED; ++t) s->r[t] = alpha * s->d[t] / sqrt(ntk_terms_degree(true, t)) / length;
    s->d[NTK_TERMS_KINKED] = f->slope_jumps[0];
    s->r[NTK_TERMS_KINKED] = alpha * f->slope_jumps[0] / length;
    s->count = NTK_TERMS_KINKED + 1;
    s->near = 0;
    return true;
}

/* ---- one length -------------------------------------------------------------------------------------------------- */

/* What the pieces may be wrong by, in the mean square under the normal density of standard deviation alpha. */
static double error_of(const ntk_pieces *f, double alpha, const line *l)
{
    double value = 0, slope = 0;
    if (f->known && alpha * REACH < NTK_PIECES_EXACT) return 2 * NTK_TERMS_NOTHING;
    for (int64_t i = 0; i < f->count; ++i) {
        double low = f->edges[i] / alpha, high = f->edges[i + 1] / alpha, nearest = low > 0 ? low : high < 0 ? -high : 0;
        double mass = nearest > 13 ? 0 : fmin(high - low, 1) * exp(-nearest * nearest / 2);
        value += f->miss[i] * f->miss[i] * mass;
        slope += f->slope_miss[i] * f->slope_miss[i] * mass;
    }
    value = sqrt(value / fmax(l->square, 1e-300));
    slope = l->slope_square > 0 ? sqrt(slope / l->slope_square) : 0;
    return 2 * fmax(value, slope) + 2 * NTK_TERMS_NOTHING;
}

static void no_input(const ntk_pieces *f, ntk_terms *s)
{
    double value, slope;
    ntk_pieces_at(f, 0, &value, &slope);
    s->numbers[NTK_LOOKUP_LENGTH] = fabs(f->at_zero);
    s->numbers[NTK_LOOKUP_MEAN] = f->at_zero > 0 ? 1 : f->at_zero < 0 ? -1 : 0;
    s->numbers[NTK_LOOKUP_VARIATION] = 0;
    s->numbers[NTK_LOOKUP_SLOPE] = slope;
    s->numbers[NTK_LOOKUP_DOT] = fabs(slope);
    s->error = 0;
}

static void write_numbers(const line *l, ntk_terms *s)
{
    double length = sqrt(l->square), mean = length > 0 ? l->mean / length : 0;
    s->numbers[NTK_LOOKUP_LENGTH] = length;
    s->numbers[NTK_LOOKUP_MEAN] = mean;
    s->numbers[NTK_LOOKUP_VARIATION] = sqrt(fmax(0, 1 - mean * mean));
    s->numbers[NTK_LOOKUP_SLOPE] = l->slope;
    s->numbers[NTK_LOOKUP_DOT] = sqrt(l->slope_square);
}

bool ntk_terms_at(const ntk_pieces *f, double alpha, bool series, ntk_terms *s)
{
    line l;
    if (alpha == 0) {
        no_input(f, s);
        return true;
    }
    if (!make_line(&l, f, alpha)) return false;
    write_numbers(&l, s);
    s->error = error_of(f, alpha, &l);
    if (!series) return true;
    s->d[0] = 0;
    s->r[0] = s->numbers[NTK_LOOKUP_MEAN];
    s->kinked = f->kink_at_zero && kinked_series(&l, f, alpha, s);
    if (s->kinked) return true;
    if (f->kink_at_zero) make_line(&l, f, alpha);
    whole_series(&l, f, alpha, s);
    return true;
}
