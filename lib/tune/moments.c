/*
 * Activations with their derivatives, in the state (q1, q2, delta), delta = q1 + q2 - 2k = E(u - v)² (docs/distance-form.md).  By Price's theorem
 * dE[phi phi]/dk = E[phi' phi'], so d delta'/d delta = K. for every activation (docs/mathematics.md §3.1 for the forms themselves).
 *
 * The ReLU family, kappa = (a² + b²)/2, c = ab/kappa, s = (1 - c)/pi, t the angle, alpha² = q1, beta² = q2:
 *
 *     delta' = kappa ((alpha - beta)² + 2 alpha beta (1 - cos t - s (sin t - t cos t)))       d delta'/d q1 = kappa s (t - (beta/alpha) sin t)
 *     K.     = kappa (1 - s t),    dt = (d delta - (1 - rho beta/alpha) d q1 - (1 - rho alpha/beta) d q2)/(2 alpha beta sin t)
 *
 * Every derivative that grows as 1/sin t meets a change of t that vanishes with it, so near inputs cost no digits; at sin t = 0 t does not
 * change at all, and those by way of t count as 0.
 *
 * The smooth ones are written in k.  Their delta' is the difference Q1 + Q2 - 2K: absolutely as good as K, which is enough unless a kinked
 * activation follows.
 */
#include "tune.h"

#include <math.h>
#include <string.h>

/* ---- the ReLU family --------------------------------------------------------------------------------------------- */

/* sin t - t cos t = t³/3 - t^5/30 + ..., to full relative precision. */
static double lens(double t)
{
    double term = t * t * t / 3, sum = 0;
    if (t > 0.6) return sin(t) - t * cos(t);
    for (int k = 1; k <= 9; ++k) {
        sum += term;
        term *= -t * t * (k + 1) / (k * (2.0 * k + 2) * (2 * k + 3));
    }
    return sum;
}

static void abrelu(double a, double b, double q1, double q2, double delta, ntk_moments *m)
{
    double kappa = (a * a + b * b) / 2, s = kappa > 0 ? (1 - a * b / kappa) / acos(-1) : 0, alpha = sqrt(q1), beta = sqrt(q2), product = alpha * beta;
    double across = (alpha - beta) * (alpha - beta), omega = product > 0 ? fmin(2, fmax(0, (delta - across) / (2 * product))) : 1;
    double t = 2 * asin(sqrt(omega / 2)), sine = sqrt(omega * (2 - omega)), rho = 1 - omega;
    *m = (ntk_moments){.q1 = kappa * q1, .q2 = kappa * q2, .q1_slope = kappa, .q2_slope = kappa};
    m->dot = kappa * (1 - s * t);
    m->delta = kappa * (across + 2 * product * (omega - s * lens(t)));
    if (!(product > 0)) return;
    m->delta_q1 = kappa * s * (t - beta / alpha * sine);
    m->delta_q2 = kappa * s * (t - alpha / beta * sine);
    if (!(sine > 0)) return;
    m->dot_delta = -kappa * s / (2 * product * sine);
    m->dot_q1 = kappa * s * (1 - rho * beta / alpha) / (2 * product * sine);
    m->dot_q2 = kappa * s * (1 - rho * alpha / beta) / (2 * product * sine);
}

static void relu(const double *p, double q1, double q2, double delta, ntk_moments *m)
{
    (void)p;
    abrelu(0, 1, q1, q2, delta, m);
}

static void leaky_relu(const double *p, double q1, double q2, double delta, ntk_moments *m)
{
    abrelu(p[0], 1, q1, q2, delta, m);
}

static void abrelu_of(const double *p, double q1, double q2, double delta, ntk_moments *m)
{
    abrelu(p[0], p[1], q1, q2, delta, m);
}

static void absolute(const double *p, double q1, double q2, double delta, ntk_moments *m)
{
    (void)p;
    abrelu(-1, 1, q1, q2, delta, m);
}

/* ---- smooth ones, in k ------------------------------------------------------------------------------------------- */

/* K, K. and their partial derivatives at (q1, q2, k). */
typedef struct smooth {
    double k, dot;
    double k_q1, k_q2;
    double dot_q1, dot_q2, dot_k;
} smooth;

typedef smooth (*smooth_fn)(const double *p, double q1, double q2, double k);

static void from_smooth(smooth_fn f, const double *p, double q1, double q2, double delta, ntk_moments *m)
{
    double k = (q1 + q2 - delta) / 2;
    smooth one = f(p, q1, q1, q1), two = f(p, q2, q2, q2), pair = f(p, q1, q2, k);
    bool same = delta == 0 && q1 == q2;
    m->q1 = one.k;
    m->q2 = two.k;
    m->q1_slope = one.dot + one.k_q1 + one.k_q2;
    m->q2_slope = two.dot + two.k_q1 + two.k_q2;
    m->delta = same ? 0 : fmax(0, one.k + two.k - 2 * pair.k);
    m->dot = pair.dot;
    m->delta_q1 = same ? 0 : m->q1_slope - 2 * pair.k_q1 - pair.dot;
    m->delta_q2 = same ? 0 : m->q2_slope - 2 * pair.k_q2 - pair.dot;
    m->dot_q1 = pair.dot_q1 + pair.dot_k / 2;
    m->dot_q2 = pair.dot_q2 + pair.dot_k / 2;
    m->dot_delta = -pair.dot_k / 2;
}

/* a erf(b x) + c: with u = 2b², E = (1 + u q1)(1 + u q2) - u² k²: K = (2a²/pi) atan2(uk, sqrt E) + c², K. = (2a² u/pi)/sqrt E (Williams 1997). */
static smooth erf_pair(double a, double b, double c, double q1, double q2, double k)
{
    double u = 2 * b * b, scale = 2 * a * a / acos(-1), p1 = 1 + u * q1, p2 = 1 + u * q2, e = p1 * p2 - u * u * k * k, root = sqrt(e);
    smooth s = {.k = scale * atan2(u * k, root) + c * c, .dot = scale * u / root};
    s.k_q1 = -scale * u * u * k / (2 * p1 * root);
    s.k_q2 = -scale * u * u * k / (2 * p2 * root);
    s.dot_q1 = -s.dot * u * p2 / (2 * e);
    s.dot_q2 = -s.dot * u * p1 / (2 * e);
    s.dot_k = s.dot * u * u * k / e;
    return s;
}

static smooth erf_of(const double *p, double q1, double q2, double k)
{
    return erf_pair(p[0], p[1], p[2], q1, q2, k);
}

static smooth sigmoid_like_of(const double *p, double q1, double q2, double k)
{
    (void)p;
    return erf_pair(0.5, 1 / 2.4020563531719796, 0.5, q1, q2, k);
}

/* half (M - C P), M = exp(-b² (s/2 - k)), P = exp(-b² (s/2 + k)), s = q1 + q2; half = a²/2, C = cos 2c of a sin(b x + c). */
static smooth wave(double half, double b2, double c, double q1, double q2, double k)
{
    double near = exp(-b2 * ((q1 + q2) / 2 - k)), far = exp(-b2 * ((q1 + q2) / 2 + k));
    smooth s = {.k = half * (near - c * far), .dot = half * b2 * (near + c * far)};
    s.k_q1 = s.k_q2 = -b2 / 2 * s.k;
    s.dot_q1 = s.dot_q2 = -b2 / 2 * s.dot;
    s.dot_k = b2 * b2 * s.k;
    return s;
}

static smooth sin_of(const double *p, double q1, double q2, double k)
{
    return wave(p[0] * p[0] / 2, p[1] * p[1], cos(2 * p[2]), q1, q2, k);
}

static smooth cos_of(const double *p, double q1, double q2, double k)
{
    return wave(p[0] * p[0] / 2, p[1] * p[1], -cos(2 * p[2]), q1, q2, k);
}

static smooth rbf_of(const double *p, double q1, double q2, double k)
{
    return wave(1, 2 * p[0], 0, q1, q2, k);
}

static smooth exp_of(const double *p, double q1, double q2, double k)
{
    double b2 = p[1] * p[1], value = p[0] * p[0] * exp(b2 * ((q1 + q2) / 2 + k));
    return (smooth){value, b2 * value, b2 / 2 * value, b2 / 2 * value, b2 * b2 / 2 * value, b2 * b2 / 2 * value, b2 * b2 * value};
}

/* x Phi(x): P = (1 + q1)(1 + q2), D = P - k², p = q1 q2, T = (k² + p D)/(P sqrt D), B = 1/D + (1 - p)/P + 1:
 * K = k/4 + (T + k atan2(k, sqrt D))/(2 pi),  K. = 1/4 + (atan2(k, sqrt D) + k B/sqrt D)/(2 pi). */
static smooth gelu_of(const double *unused, double q1, double q2, double k)
{
    double big = (1 + q1) * (1 + q2), d = big - k * k, root = sqrt(d), p = q1 * q2, angle = atan2(k, root), pi2 = 2 * acos(-1);
    double t = (k * k + p * d) / (big * root), b = 1 / d + (1 - p) / big + 1;
    double slope[2][2] = {{1 + q2, q2}, {1 + q1, q1}}, k_q[2], dot_q[2]; /* dP/dq, dp/dq */
    (void)unused;
    for (int i = 0; i < 2; ++i) {
        double dp_big = slope[i][0], dp = slope[i][1], half = dp_big / (2 * d); /* d sqrt(D)/sqrt(D) */
        double db = -dp_big / (d * d) - dp / big - (1 - p) * dp_big / (big * big);
        k_q[i] = ((dp * d + p * dp_big) / (big * root) - t * (dp_big / big + half) - k * k * dp_big / (2 * root * big)) / pi2;
        dot_q[i] = (-k * dp_big / (2 * root * big) + k / root * (db - b * half)) / pi2;
    }
    return (smooth){k / 4 + (t + k * angle) / pi2, 0.25 + (angle + k * b / root) / pi2, k_q[0], k_q[1], dot_q[0], dot_q[1],
                    (1 + b + k * k * b / d + 2 * k * k / (d * d)) / (root * pi2)};
}

/* a exp(b x²), D = (1 - 2b q1)(1 - 2b q2) - 4b² k²:  K = a²/sqrt D,  K. = 4 a² b² k/sqrt D³. */
static smooth gaussian_of(const double *p, double q1, double q2, double k)
{
    double b = p[1], p1 = 1 - 2 * b * q1, p2 = 1 - 2 * b * q2, d = p1 * p2 - 4 * b * b * k * k, value = p[0] * p[0] / sqrt(d), slope = 4 * b * b / d;
    smooth s = {.k = value, .dot = slope * k * value, .k_q1 = value * b * p2 / d, .k_q2 = value * b * p1 / d};
    s.dot_q1 = 3 * s.dot * b * p2 / d;
    s.dot_q2 = 3 * s.dot * b * p1 / d;
    s.dot_k = slope * value + 3 * slope * k * s.dot;
    return s;
}

/* k^degree, whatever the lengths. */
static smooth hermite_of(const double *p, double q1, double q2, double k)
{
    double n = p[0];
    (void)q1;
    (void)q2;
    return (smooth){.k = pow(k, n), .dot = n > 0 ? n * pow(k, n - 1) : 0, .dot_k = n > 1 ? n * (n - 1) * pow(k, n - 2) : 0};
}

/* sqrt(q1 q2) e^(gamma (rho + shift)), K. = gamma e^(gamma (rho + shift)). */
static smooth exp_normalized_of(const double *p, double q1, double q2, double k)
{
    double length = sqrt(q1 * q2), rho = length > 0 ? k / length : 0, e = exp(p[0] * (rho + p[1]));
    smooth s = {.k = length * e, .dot = p[0] * e};
    if (!(length > 0)) return s;
    s.k_q1 = s.k * (1 - p[0] * rho) / (2 * q1);
    s.k_q2 = s.k * (1 - p[0] * rho) / (2 * q2);
    s.dot_q1 = -p[0] * s.dot * rho / (2 * q1);
    s.dot_q2 = -p[0] * s.dot * rho / (2 * q2);
    s.dot_k = p[0] * s.dot / length;
    return s;
}

/* A_r(q) = E[phi^(r)(sqrt(q) z)] = sum over even j of c_(r+j) (r + j)!/j! (j - 1)!! q^(j/2), and A_r' = A_(r+2)/2. */
static double moment_of(int terms, const double *c, int r, double q)
{
    double sum = 0, factor = 1; /* (r + j)!/(j/2)! (q/2)^(j/2), as (j - 1)!!/j! = 1/(2^(j/2) (j/2)!) */
    for (int i = 2; i <= r; ++i) factor *= i;
    for (int j = 0; r + j < terms; j += 2) {
        sum += c[r + j] * factor;
        factor *= (r + j + 1.0) * (r + j + 2.0) / (j / 2 + 1) * q / 2;
    }
    return sum;
}

/* sum_i c_i x^i: K = sum_r k^r/r! A_r(q1) A_r(q2) (Mehler). */
static smooth polynomial_pair(int terms, const double *c, double q1, double q2, double k)
{
    smooth s = {0};
    double below = 0, second = 0, power = 1; /* k^(r-1)/(r-1)!, k^(r-2)/(r-2)!, k^r/r! */
    for (int r = 0; r < terms; ++r) {
        double a = moment_of(terms, c, r, q1), b = moment_of(terms, c, r, q2), a2 = moment_of(terms, c, r + 2, q1), b2 = moment_of(terms, c, r + 2, q2);
        s.k += power * a * b;
        s.dot += below * a * b;
        s.dot_k += second * a * b;
        s.k_q1 += power * a2 * b / 2;
        s.k_q2 += power * a * b2 / 2;
        s.dot_q1 += below * a2 * b / 2;
        s.dot_q2 += below * a * b2 / 2;
        second = below;
        below = power;
        power *= k / (r + 1);
    }
    return s;
}

static smooth polynomial_of(const double *p, double q1, double q2, double k)
{
    return polynomial_pair((int)p[0], p + 1, q1, q2, k);
}

enum { DEGREES = 20 }; /* the most that a monomial of the format has */

static smooth monomial_of(const double *p, double q1, double q2, double k)
{
    double c[DEGREES + 1] = {0};
    c[(int)p[0]] = 1;
    return polynomial_pair((int)p[0] + 1, c, q1, q2, k);
}

#define SMOOTH(name)                                                                                    \
    static void name##_moments(const double *p, double q1, double q2, double delta, ntk_moments *m)     \
    {                                                                                                   \
        from_smooth(name##_of, p, q1, q2, delta, m);                                                    \
    }
SMOOTH(erf) SMOOTH(sigmoid_like) SMOOTH(sin) SMOOTH(cos) SMOOTH(rbf) SMOOTH(exp) SMOOTH(gelu) SMOOTH(gaussian)
SMOOTH(hermite) SMOOTH(exp_normalized) SMOOTH(polynomial) SMOOTH(monomial)

/* ---- the table --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    ntk_moments_fn moments;
} known[] = {
    {"relu", relu},          {"leaky_relu", leaky_relu}, {"abrelu", abrelu_of},   {"abs", absolute},     {"erf", erf_moments},
    {"sin", sin_moments},    {"cos", cos_moments},       {"rbf", rbf_moments},    {"exp", exp_moments},  {"gelu", gelu_moments},
    {"sigmoid_like", sigmoid_like_moments}, {"gaussian", gaussian_moments}, {"hermite", hermite_moments}, {"exp_normalized", exp_normalized_moments},
    {"polynomial", polynomial_moments}, {"monomial", monomial_moments},
};

const char ntk_moments_known[] = "relu, leaky_relu, abrelu, abs, erf, sigmoid_like, sin, cos, rbf, exp, gelu, gaussian, hermite, exp_normalized, polynomial, monomial";

ntk_moments_fn ntk_moments_of(const ntk_activation *activation)
{
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(known); ++i)
        if (strcmp(known[i].name, activation->name) == 0) return known[i].moments;
    return NULL;
}
