/*
 * erf(a, b, c): phi(x) = a erf(b x) + c, and sigmoid_like.
 *
 * With A = sqrt2 b alpha, B = sqrt2 b beta, u = 1/(1 + A²), v = 1/(1 + B²), p² = 1 - u, r² = 1 - v (Williams 1997):
 *
 *     E[erf erf] = (2/pi) asin(y),  y = p r rho;      K. = (4 a² b²/pi) sqrt(u v) / sqrt(1 - y²)
 *
 * Everything is written in u, v and nu = 1 - rho² = gap (2 - gap), so that large norms (p -> 1) and near inputs (rho -> 1)
 * cost no digits:   1 - y² = u + v - u v + p² r² nu.
 *
 * The distance.  With A = asin p², B = asin r² (alpha'² = A, beta'² = B up to a factor), M = asin(p r) and Y = asin y
 *
 *     gap' = 1 - Y/sqrt(A B) = (M - Y)/sqrt(A B) + across,     across = 1 - M/sqrt(A B):
 *
 * what the angle gives and what unequal lengths give, both >= 0 and each without cancellation:
 *   - M - Y is the angle with the sine p r nu/(sqrt(1 - y²) + rho sqrt(1 - p² r²)).
 *   - across, p² and r² up to 1/2: log(asin t/t) = sum c_k t^2k is a power series, so -log(1 - across) = sum c_k (p^2k - r^2k)²/2.
 *   - across, larger p² or r²: with Delta = A - B, 2 delta = A + B - 2M and A' = sqrt(1 - p⁴), B', M' the cosines,
 *         sin Delta = t (p² + r²)/D3,     sin(A - M) - sin(M - B) = t² (p² + r²)/(D1 D2 D3) = 2 sin(delta) cos(Delta/2),
 *         D1 = p M' + r A',  D2 = r M' + p B',  D3 = p² B' + r² A',  t = p² - r² = u v (A² - B²),
 *         A B - M² = (A + B) delta - delta² - Delta²/4.
 * The last subtraction costs a digit for lengths within a factor of two; others take 1 - M/sqrt(A B), which is no longer small.
 * Directions further apart than rho = 1/2 take Y itself.
 * phi is odd but for c, so rho < 0 is the same with v -> -v; c is a bias of the layer's output, mixed in as one.
 */
#include "hot.h"

enum { SLOPE, SCALE, OFFSET, STRETCH }; /* plan->k: 4 a² b²/pi, |a| sqrt(2/pi), c, sqrt2 |b| */
enum { A_, U_, ROOT_, P_, S_, SHARE_, OFFSET_SHARE_, COLUMNS }; /* A, u, sqrt u, p, sqrt asin p², shares of the length after the layer */

#if defined(NTK_HOT)

#include <float.h>

#if defined(NTK_HOT_F32)
#define TERMS 10
#define SMALLEST FLT_MIN
#else
#define TERMS 20
#define SMALLEST DBL_MIN
#endif

typedef struct sample {
    real a, u, root, p, s, share, offset;
} sample;

/* c_1, c_2, ... of log(asin t/t): k c_k = k a_k - sum over 0 < j < k of j c_j a_(k-j), a_k = binomial(2k, k)/(4^k (2k + 1)). */
static const real series[] = {
    REAL(0.16666666666666666667), REAL(0.061111111111111111111), REAL(0.033686067019400352734), REAL(0.022019400352733686067),
    REAL(0.015816364705253594142), REAL(0.012062815621898514315), REAL(0.0095901530046150857438), REAL(0.0078602454272579112639),
    REAL(0.0065943686277981649922), REAL(0.005635207962924181838), REAL(0.0048879440753849207331), REAL(0.0042923775522457996684),
    REAL(0.0038086423991293648352), REAL(0.0034093994694294073322), REAL(0.0030753403020381878327), REAL(0.0027924810359448065173),
    REAL(0.0025504716320221192537), REAL(0.0023415048960104196973), REAL(0.0021595925201538778314), REAL(0.0020000727023112669649)};

/* Of small lengths: -log(1 - across), with p^2k - r^2k = t n_k, n_(k+1) = p² n_k + r^2k. */
static inline real across_small(real p2, real r2, real t)
{
    real n = 1, power = 1, sum = 0;
    for (int k = 0; k < TERMS; ++k) {
        sum += series[k] * n * n;
        power *= r2;
        n = p2 * n + power;
    }
    return -ntk_expm1(REAL(-0.5) * t * t * sum);
}

/* Of larger ones; pq, qq, pp: the cosines M', B', A'. */
static inline real across_large(const sample *i, const sample *j, real t, real pp, real qq, real pq)
{
    real p2 = i->p * i->p, r2 = j->p * j->p, d3 = p2 * qq + r2 * pp + SMALLEST, turn = t * (p2 + r2) / d3, cosine = pp * qq + p2 * r2;
    real second = t / (i->p * pq + j->p * pp + SMALLEST) * (t / (j->p * pq + i->p * qq + SMALLEST)) * ((p2 + r2) / d3);
    real sine = second / ntk_sqrt(2 * (1 + cosine)), delta = ntk_atan2(sine, ntk_sqrt((1 - sine) * (1 + sine))), half = ntk_atan2(turn, cosine) / 2;
    real a = i->s * i->s, b = j->s * j->s, st = i->s * j->s;
    return ((a + b) * delta - delta * delta - half * half) / (st * (st + (a + b) / 2 - delta));
}

static inline real across_of(const sample *i, const sample *j, real pq)
{
    real p2 = i->p * i->p, r2 = j->p * j->p, t = (i->u * (i->a - j->a)) * (j->u * (i->a + j->a)), pr = i->p * j->p;
    if (p2 <= REAL(0.5) && r2 <= REAL(0.5)) return across_small(p2, r2, t);
    if (i->p < 2 * j->p && j->p < 2 * i->p) return across_large(i, j, t, ntk_sqrt(i->u * (1 + p2)), ntk_sqrt(j->u * (1 + r2)), pq);
    return 1 - ntk_atan2(pr, pq) / (i->s * j->s);
}

/* sqrt(u v)/sqrt(1 - y²) in double: rounded in single precision it would be wrong the same way in every layer of a chain at its fixed point. */
static inline real slope_of(const sample *i, const sample *j, real nu, double slope)
{
    double u = i->u, v = j->u, p2 = (double)i->p * i->p, r2 = (double)j->p * j->p;
    return (real)(slope * i->root * j->root / sqrt(u + v * p2 + p2 * r2 * (double)nu)); /* u v alone may underflow */
}

static inline void erf_pair(const sample *i, const sample *j, double slope, real *rho, real *gap, real *theta)
{
    real mu = ntk_abs(*rho), nu = *gap * (2 - *gap), st = i->s * j->s, pr = i->p * j->p, y = pr * mu;
    real pq2 = i->u + j->u * (i->p * i->p), pq = ntk_sqrt(pq2), root_y = ntk_sqrt(pq2 + pr * pr * nu), size, distance;
    *theta *= slope_of(i, j, nu, slope);
    if (!(st > 0)) {
        *rho = 0;
        *gap = 1;
    } else {
        if (mu < REAL(0.5)) {
            size = ntk_atan2(y, root_y) / st;
            distance = 1 - size;
        } else {
            distance = ntk_atan2(pr * nu / (root_y + mu * pq + SMALLEST), root_y * pq + pr * y) / st + across_of(i, j, pq);
            size = 1 - distance;
        }
        *gap = distance > 0 ? distance : 0;
        *rho = *rho < 0 ? -size : size;
    }
    mix_bias(i->share, j->share, i->offset, j->offset, rho, gap);
}

void NTK_HOT_NAME(erf_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(erf_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    int c = plan->first_column;
    const real *a = column_of(run, c + A_), *u = column_of(run, c + U_), *root = column_of(run, c + ROOT_), *p = column_of(run, c + P_), *s = column_of(run, c + S_),
               *share = column_of(run, c + SHARE_), *offset = column_of(run, c + OFFSET_SHARE_);
    sample i = {row_of(run, c + A_), row_of(run, c + U_), row_of(run, c + ROOT_), row_of(run, c + P_), row_of(run, c + S_), row_of(run, c + SHARE_), row_of(run, c + OFFSET_SHARE_)};
    NTK_RUN_LOOP(j, run)
    {
        sample other = {a[j], u[j], root[j], p[j], s[j], share[j], offset[j]};
        real rho = in.rho[j], gap = in.gap[j], theta = in.theta[j];
        erf_pair(&i, &other, plan->k[SLOPE], &rho, &gap, &theta);
        out.rho[j] = rho;
        out.gap[j] = gap;
        out.theta[j] = theta;
    }
}

#else

#include <math.h>

NTK_VARIANTS(erf_pairs)

static void constants_of(double a, double b, double c, double *k)
{
    k[SLOPE] = 4 * a * a * b * b / M_PI;
    k[SCALE] = fabs(a) * sqrt(2 / M_PI);
    k[OFFSET] = c;
    k[STRETCH] = M_SQRT2 * fabs(b);
}

/* In long double where there is one: lengths reach a fixed point, and what is rounded there is wrong the same way in every layer. */
static void erf_norms(const ntk_plan *plan, int64_t n, double *table)
{
    double *own = table + plan->first_column * n, *out = table + plan->output_alpha * n;
    for (int64_t i = 0; i < n; ++i) {
        long double a = (long double)plan->k[STRETCH] * table[plan->input_alpha * n + i], h = hypotl(1, a), u = 1 / h / h, p = a / h;
        long double s = p < 1e-8L ? p : sqrtl(atan2l(p * p, sqrtl(u * (1 + p * p))));
        double length = (double)(plan->k[SCALE] * s);
        out[i] = hypot(length, plan->k[OFFSET]);
        own[A_ * n + i] = (double)a;
        own[U_ * n + i] = (double)u;
        own[ROOT_ * n + i] = (double)(1 / h);
        own[P_ * n + i] = (double)p;
        own[S_ * n + i] = (double)s;
        own[SHARE_ * n + i] = out[i] > 0 ? length / out[i] : 0;
        own[OFFSET_SHARE_ * n + i] = out[i] > 0 ? plan->k[OFFSET] / out[i] : 0;
    }
}

#define LOGISTIC_SLOPE (1 / 2.4020563531719796) /* network-format.md: the erf closest to the logistic function */

/* One line per member: how its keys give a, b, c. */
#define FAMILY(member, a, b, c)                                                              \
    static double member##_value(const double *p, double x)                                  \
    {                                                                                        \
        (void)p;                                                                             \
        return (a) * erf((b) * x) + (c);                                                     \
    }                                                                                        \
    static double member##_derivative(const double *p, double x)                             \
    {                                                                                        \
        (void)p;                                                                             \
        return (a) * (b) * M_2_SQRTPI * exp(-((b) * x) * ((b) * x));                         \
    }                                                                                        \
    static void member##_constants(const double *p, double *k)                               \
    {                                                                                        \
        (void)p;                                                                             \
        constants_of(a, b, c, k);                                                            \
    }                                                                                        \
    static const ntk_dual member##_dual = {COLUMNS, NULL, member##_constants, erf_norms, &erf_pairs};

FAMILY(erf, p[0], p[1], p[2])
FAMILY(sigmoid_like, 0.5, LOGISTIC_SLOPE, 0.5)

static const ntk_key erf_keys[] = {{.name = "a", .type = NTK_KEY_NUMBER, .fallback = 1, .least = -INFINITY},
                                   {.name = "b", .type = NTK_KEY_NUMBER, .fallback = 1, .least = -INFINITY},
                                   {.name = "c", .type = NTK_KEY_NUMBER, .fallback = 0, .least = -INFINITY},
                                   {0}};

extern const ntk_activation ntk_activation_erf, ntk_activation_sigmoid_like;
const ntk_activation ntk_activation_erf = {"erf", erf_keys, erf_value, erf_derivative, &erf_dual, "a erf(b x) + c", NTK_LAW_PRICE | NTK_LAW_SHARP};
const ntk_activation ntk_activation_sigmoid_like = {"sigmoid_like", NULL, sigmoid_like_value, sigmoid_like_derivative, &sigmoid_like_dual, "(1 + erf(x / 2.402...)) / 2, close to the logistic function", NTK_LAW_PRICE | NTK_LAW_SHARP};

#endif
