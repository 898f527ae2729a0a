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
 * change at all, and they count as 0.
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
    if (!(product > 0 && sine > 0)) return;
    m->delta_q1 = kappa * s * (t - beta / alpha * sine);
    m->delta_q2 = kappa * s * (t - alpha / beta * sine);
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

#define SMOOTH(name)                                                                                    \
    static void name##_moments(const double *p, double q1, double q2, double delta, ntk_moments *m)     \
    {                                                                                                   \
        from_smooth(name##_of, p, q1, q2, delta, m);                                                    \
    }
SMOOTH(erf) SMOOTH(sigmoid_like) SMOOTH(sin) SMOOTH(cos) SMOOTH(rbf) SMOOTH(exp) SMOOTH(gelu)

/* ---- the table --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    ntk_moments_fn moments;
} known[] = {
    {"relu", relu},          {"leaky_relu", leaky_relu}, {"abrelu", abrelu_of},   {"abs", absolute},     {"erf", erf_moments},
    {"sin", sin_moments},    {"cos", cos_moments},       {"rbf", rbf_moments},    {"exp", exp_moments},  {"gelu", gelu_moments},
    {"sigmoid_like", sigmoid_like_moments},
};

const char ntk_moments_known[] = "relu, leaky_relu, abrelu, abs, erf, sigmoid_like, sin, cos, rbf, exp, gelu";

ntk_moments_fn ntk_moments_of(const ntk_activation *activation)
{
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(known); ++i)
        if (strcmp(known[i].name, activation->name) == 0) return known[i].moments;
    return NULL;
}
