/*
 * E phi(u) phi(v), E phi'(u) phi'(v) and the squared distances of phi(u) and +-phi(v), for one pair and a piecewise smooth phi, by a double
 * integral that is as good for equal inputs as for any others.
 *
 * With gap = 1 - |rho|, sigma the sign of rho, kappa = sqrt((2 - gap)/2), epsilon = sqrt(gap/2), and independent normal p, m,
 *
 *     u = alpha (kappa p + epsilon m),     v = sigma beta (kappa p - epsilon m)
 *
 * m measures how far u and v are apart, and the nearer the inputs the less depends on it.  For fixed m the integrand is smooth in p but
 * for u = t and v = t at every break t: p = (t/alpha - epsilon m)/kappa and p = (sigma t/beta + epsilon m)/kappa.  What is left of m is smooth but where
 * two of these meet: m = (t/alpha - sigma t'/beta)/(2 epsilon).  So Gauss-Legendre panels that end there see analytic functions only, for every
 * rho, and no layer at a break has to be resolved.  The distances are sums of squares: near inputs keep their digits.
 */
#include "pieces.h"

#include <math.h>

#define REACH 8.5       /* of p and m together: exp(-36) is left out */
#define WIDE 2.5        /* 16 points are good to 1e-15 of exp(-p²/2) on a panel so wide */
#define SHARP 2.0       /* of the width of a piece, which 16 points of a polynomial wanted */
#define MOST_ENDS (2 * NTK_OWN_BREAKS * NTK_OWN_BREAKS + 2)
enum { POINTS = NTK_PIECES_POINTS };

void ntk_gauss_legendre(double x[POINTS], double w[POINTS])
{
    for (int i = 0; i < POINTS; ++i) {
        long double z = cosl(acosl(-1) * (i + 0.75L) / (POINTS + 0.5L)), slope = 1;
        for (int iteration = 0; iteration < 20; ++iteration) {
            long double p = 1, last = 0;
            for (int n = 1; n <= POINTS; ++n) {
                long double next = ((2 * n - 1) * z * p - (n - 1) * last) / n;
                last = p;
                p = next;
            }
            slope = POINTS * (last - z * p) / (1 - z * z);
            z -= p / slope;
        }
        x[i] = (double)((1 + z) / 2);
        w[i] = (double)(1 / ((1 - z * z) * slope * slope));
    }
}

typedef struct integral {
    const ntk_pieces *f;
    double x[POINTS], w[POINTS];
    double alpha, beta, kappa, epsilon, inverse_a, inverse_b, sigma;
    double dot, moment, same, opposite;
} integral;

/* `at` into the ascending ends [0, n), if it lies inside of them. */
static int insert(double *ends, int n, double at)
{
    int i = n - 1;
    if (!(at > ends[0] && at < ends[n - 1])) return n;
    for (; ends[i] > at; --i) ends[i + 1] = ends[i];
    ends[i + 1] = at;
    return n + 1;
}

static void add_point(integral *q, double p, double m, double weight)
{
    double u, v, du, dv, x;
    ntk_pieces_at(q->f, q->alpha * (q->kappa * p + q->epsilon * m), &u, &du);
    ntk_pieces_at(q->f, q->sigma * q->beta * (q->kappa * p - q->epsilon * m), &v, &dv);
    u *= q->inverse_a;
    v *= q->inverse_b;
    x = u - v;
    q->dot += weight * du * dv;
    q->moment += weight * u * v;
    q->same += weight * x * x;
    q->opposite += weight * (u + v) * (u + v);
}

static void add_panels(integral *q, double low, double high, double widest, double m, double weight)
{
    int parts = (int)ceil((high - low) / widest);
    double width = (high - low) / parts;
    for (int part = 0; part < parts; ++part)
        for (int i = 0; i < POINTS; ++i) {
            double p = low + width * (part + q->x[i]);
            add_point(q, p, m, weight * width * q->w[i] * exp(-p * p / 2));
        }
}

/* All p at one m. */
static void add_line(integral *q, double m, double weight)
{
    double ends[2 * NTK_OWN_BREAKS + 2], reach = sqrt(fmax(REACH * REACH - m * m, 1)), steep = q->kappa * fmax(q->alpha, q->beta);
    double widest = fmin(WIDE, SHARP * q->f->narrowest / steep);
    int n = 2;
    ends[0] = -reach;
    ends[1] = reach;
    for (int b = 0; b < q->f->n_breaks; ++b) {
        n = insert(ends, n, (q->f->breaks[b] / q->alpha - q->epsilon * m) / q->kappa);
        n = insert(ends, n, (q->sigma * q->f->breaks[b] / q->beta + q->epsilon * m) / q->kappa);
    }
    for (int i = 0; i + 1 < n; ++i)
        if (ends[i + 1] > ends[i]) add_panels(q, ends[i], ends[i + 1], widest, m, weight);
}

static void add_lines(integral *q, double low, double high)
{
    double widest = fmin(WIDE, SHARP * q->f->narrowest / (q->epsilon * fmax(q->alpha, q->beta)));
    int parts = (int)ceil((high - low) / widest);
    double width = (high - low) / parts;
    for (int part = 0; part < parts; ++part)
        for (int i = 0; i < POINTS; ++i) {
            double m = low + width * (part + q->x[i]);
            add_line(q, m, width * q->w[i] * exp(-m * m / 2) / (2 * M_PI));
        }
}

static void integrate(integral *q)
{
    double ends[MOST_ENDS];
    int n = 2;
    ends[0] = -REACH;
    ends[1] = REACH;
    for (int a = 0; a < q->f->n_breaks; ++a)
        for (int b = 0; b < q->f->n_breaks; ++b)
            n = insert(ends, n, (q->f->breaks[a] / q->alpha - q->sigma * q->f->breaks[b] / q->beta) / (2 * q->epsilon));
    for (int i = 0; i + 1 < n; ++i)
        if (ends[i + 1] > ends[i]) add_lines(q, ends[i], ends[i + 1]);
}

void ntk_own_expect(const ntk_pieces *f, ntk_own_pair *pair)
{
    integral q = {.f = f, .alpha = pair->alpha, .beta = pair->beta, .kappa = sqrt((2 - pair->gap) / 2), .epsilon = sqrt(fmax(pair->gap, 1e-60) / 2),
                  .inverse_a = pair->inverse_a, .inverse_b = pair->inverse_b, .sigma = pair->rho < 0 ? -1 : 1};
    ntk_gauss_legendre(q.x, q.w);
    integrate(&q);
    pair->dot = q.dot;
    pair->after = q.moment;
    pair->same = q.same / 2;
    pair->opposite = q.opposite / 2;
}
