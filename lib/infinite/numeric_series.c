/*
 * The Hermite coefficients of an activation at one length, and what else numeric.c wants per sample:
 *
 *     d_k = E[phi'(alpha z) h_k(z)],    c_0 = E[phi(alpha z)]
 *
 * by Gauss-Legendre quadrature over z > 0 (even and odd parts of phi' apart), the h_k by their recursion.  The terms beyond those of a kink
 * come from its jumps, in closed form and for real k (numeric.c says how they are summed).  Each sum is judged: what it may be wrong by,
 * against the length of phi.
 */
#include "numeric.h"
#include "pieces.h"

#include <math.h>

int ntk_numeric_kinked_columns(const double *p)
{
    (void)p;
    return NTK_NUMERIC_SERIES + 2 * NTK_NUMERIC_KINKED_TERMS;
}

/* ---- quadrature over z ------------------------------------------------------------------------------------------ */

#define POINTS NTK_PIECES_POINTS /* of a panel, Gauss-Legendre */
#define REACH 12.5    /* |h_k(z)| phi(z) <= phi(z)^(1/2): nothing beyond counts */
#define MOST_PANELS 400

/* Even and odd parts of phi' times weight at the points z > 0, with the recursion of h_k alongside. */
typedef struct rule {
    double x[POINTS], w[POINTS]; /* of a panel */
    int count;
    double z[MOST_PANELS * POINTS], even[MOST_PANELS * POINTS], odd[MOST_PANELS * POINTS], h[MOST_PANELS * POINTS], last[MOST_PANELS * POINTS];
    double mean, slope2; /* E phi, E phi'² */
} rule;

static void add_point(rule *r, const ntk_activation *a, const double *p, double alpha, double z, double w)
{
    double weight = w * exp(-z * z / 2) / sqrt(2 * M_PI), up = a->derivative(p, alpha * z), down = a->derivative(p, -alpha * z);
    int i = r->count++;
    r->z[i] = z;
    r->even[i] = weight * (up + down);
    r->odd[i] = weight * (up - down);
    r->h[i] = 1;
    r->last[i] = 0;
    r->mean += weight * (a->value(p, alpha * z) + a->value(p, -alpha * z));
    r->slope2 += weight * (up * up + down * down);
}

/* Panels no wider than half of a standard deviation, nor than 2 for phi. */
static void make_rule(rule *r, const ntk_activation *a, const double *p, double alpha)
{
    int panels = (int)fmin(MOST_PANELS, ceil(REACH * fmax(2, alpha / 2)));
    double width = REACH / panels;
    r->count = 0;
    r->mean = r->slope2 = 0;
    for (int panel = 0; panel < panels; ++panel)
        for (int i = 0; i < POINTS; ++i) add_point(r, a, p, alpha, width * (panel + r->x[i]), width * r->w[i]);
}

/* d_k, and the recursion one step on: h_{k+1} = (z h_k - sqrt(k) h_{k-1}) / sqrt(k+1). */
static double next_coefficient(rule *r, int k)
{
    const double *f = k % 2 ? r->odd : r->even;
    double sum = 0, a = 1 / sqrt(k + 1), b = sqrt((double)k / (k + 1));
    for (int i = 0; i < r->count; ++i) {
        double h = r->h[i];
        sum += f[i] * h;
        r->h[i] = a * r->z[i] * h - b * r->last[i];
        r->last[i] = h;
    }
    return sum;
}

/* ---- the columns of one sample ---------------------------------------------------------------------------------- */

static const double node_weight[] = NTK_NUMERIC_WEIGHTS, even_end[] = NTK_NUMERIC_ENDS_EVEN, odd_end[] = NTK_NUMERIC_ENDS_ODD,
                    step_terms[] = NTK_NUMERIC_STEP;
static const int node[] = NTK_NUMERIC_NODE_LIST;

typedef struct series {
    int even_terms, odd_terms;   /* of phi' */
    double even[NTK_NUMERIC_KINKED_TERMS], odd[NTK_NUMERIC_KINKED_TERMS];
    double even_inverse[NTK_NUMERIC_KINKED_TERMS], odd_inverse[NTK_NUMERIC_KINKED_TERMS]; /* 1/(k+1) */
    int even_use, odd_use; /* beyond, all are negligible */
    double mean;
    double error; /* estimate of what the sum of d_k²/(k+1) may be wrong by */
} series;

/*
 * d_k of the kink for real k, up to a sign that all k of one parity share:
 * sum_j J_{j+1} alpha^j phi(0) He_m(0)/sqrt(k!), m = k - 1 - j even, and He_{m-2}(0) = -He_m(0)/(m-1).
 */
static double kink_coefficient(const double *jumps, double alpha, double k, int parity)
{
    int count = (int)jumps[NTK_NUMERIC_JUMPS], j = parity ? 0 : 1;
    double m = k - 1 - j, sum = 0, power = j ? alpha : 1;
    double scale = exp((k - 1 - j) * (M_LN2 / 2) + lgamma((k - j) / 2) - lgamma(k + 1) / 2) / (M_PI * M_SQRT2);
    for (; j < count && j < k; j += 2) {
        sum += jumps[NTK_NUMERIC_FIRST_JUMP + j] * power;
        power *= -alpha * alpha / (m - 1);
        m -= 2;
    }
    return scale * sum;
}

static void tail_of(const double *jumps, double alpha, int parity, double *d, double *inverse)
{
    for (int o = 0; o < NTK_NUMERIC_OCTAVES; ++o)
        for (int i = 0; i < NTK_NUMERIC_NODES; ++i) {
            double twice = ldexp(1, o), k = (double)node[i] / NTK_NUMERIC_PARTS * twice;
            d[o * NTK_NUMERIC_NODES + i] = sqrt(node_weight[i] * twice) * kink_coefficient(jumps, alpha, k, parity);
            inverse[o * NTK_NUMERIC_NODES + i] = 1 / (k + 1);
        }
}

/* d_k² by quadrature against the formula of the tail, at term t of one parity. */
static double mismatch(const series *s, const double *jumps, double alpha, int parity, int t)
{
    double d = (parity ? s->odd : s->even)[t], formula = kink_coefficient(jumps, alpha, 2 * t + parity, parity);
    return fabs(d * d - formula * formula);
}

/* The tail is as good as its formula is where it starts.  The mismatch falls on from there, by the factor seen over the last four terms. */
static double tail_error(const series *s, const double *jumps, double alpha, int parity)
{
    double last = mismatch(s, jumps, alpha, parity, NTK_NUMERIC_HALF - 1), before = mismatch(s, jumps, alpha, parity, NTK_NUMERIC_HALF - 5);
    double factor = before > last ? pow(last / before, 0.25) : 1;
    return last / NTK_NUMERIC_TERMS / fmax(1 - factor, 0.05);
}

static void kinked_series(rule *r, const double *jumps, double alpha, series *s)
{
    for (int k = 0; k < NTK_NUMERIC_TERMS; ++k) {
        (k % 2 ? s->odd : s->even)[k / 2] = next_coefficient(r, k);
        (k % 2 ? s->odd_inverse : s->even_inverse)[k / 2] = 1.0 / (k + 1);
    }
    s->error = tail_error(s, jumps, alpha, 0) + tail_error(s, jumps, alpha, 1);
    for (int i = 0; i < NTK_NUMERIC_ENDS; ++i) {
        s->even[NTK_NUMERIC_HALF - 1 - i] *= sqrt(even_end[i]);
        s->odd[NTK_NUMERIC_HALF - 1 - i] *= sqrt(odd_end[i]);
    }
    tail_of(jumps, alpha, 0, s->even + NTK_NUMERIC_HALF, s->even_inverse + NTK_NUMERIC_HALF);
    tail_of(jumps, alpha, 1, s->odd + NTK_NUMERIC_HALF, s->odd_inverse + NTK_NUMERIC_HALF);
    s->even_terms = s->odd_terms = NTK_NUMERIC_KINKED_TERMS;
    s->even_use = s->odd_use = NTK_NUMERIC_HALF;
}

/* sum of the squares of phi's coefficients: even and odd degrees. */
static void shares(const series *s, double alpha, double jump, double *even, double *odd)
{
    double sum = 0, other = 0;
    for (int t = 0; t < s->even_terms; ++t) other += s->even[t] * s->even[t] * s->even_inverse[t];
    for (int t = 0; t < s->odd_terms; ++t) {
        double b = jump != 0 ? jump * step_terms[t] : 0;
        sum += (s->odd[t] * s->odd[t] - b * b) * s->odd_inverse[t];
    }
    *even = s->mean * s->mean + alpha * alpha * (sum + jump * jump * (0.25 - 1 / (2 * M_PI)));
    *odd = alpha * alpha * other;
}

/* What cannot be had to 1e-10 of K shall not look like a number: the tile refuses it with a sentence. */
static void judge(series *s, double alpha, double *length)
{
    if (alpha * alpha * s->error <= 1e-10 * *length * *length) return;
    *length = s->even[0] = NAN;
}

static void write_columns(series *s, double alpha, double jump, int64_t n, double *own, double *out)
{
    double even, odd, length;
    shares(s, alpha, jump, &even, &odd);
    length = sqrt(even + odd);
    judge(s, alpha, &length);
    *out = length;
    own[NTK_NUMERIC_RATIO * n] = length > 0 ? alpha / length : 0;
    own[NTK_NUMERIC_MEAN * n] = length > 0 ? s->mean / length : 0;
    own[NTK_NUMERIC_EVEN_SHARE * n] = length > 0 ? even / (even + odd) : 0;
    own[NTK_NUMERIC_EVEN_TERMS * n] = s->even_use;
    own[NTK_NUMERIC_ODD_TERMS * n] = s->odd_use;
    for (int t = 0; t < s->even_terms; ++t) own[(NTK_NUMERIC_SERIES + t) * n] = s->even[t];
    for (int t = 0; t < s->odd_terms; ++t) own[(NTK_NUMERIC_SERIES + s->even_terms + t) * n] = s->odd[t];
}

static void copy_columns(const ntk_plan *plan, int64_t n, int64_t i, double *own, double *out)
{
    for (int c = 0; c < plan->columns; ++c) own[c * n + i] = own[c * n + i - 1];
    out[i] = out[i - 1];
}

void ntk_numeric_norms(const ntk_plan *plan, int64_t n, double *table)
{
    const ntk_activation *a = plan->step->layer->activation;
    const double *p = ntk_layer_parameters(plan->step->layer), *alpha = table + plan->input_alpha * n;
    double *own = table + plan->first_column * n, *out = table + plan->output_alpha * n;
    rule r;
    series s;
    ntk_gauss_legendre(r.x, r.w);
    for (int64_t i = 0; i < n; ++i) {
        if (i > 0 && alpha[i] == alpha[i - 1]) {
            copy_columns(plan, n, i, own, out);
            continue;
        }
        make_rule(&r, a, p, alpha[i]);
        s.mean = r.mean;
        kinked_series(&r, plan->k, alpha[i], &s);
        write_columns(&s, alpha[i], plan->k[NTK_NUMERIC_FIRST_JUMP], n, own + i, out + i);
    }
}
