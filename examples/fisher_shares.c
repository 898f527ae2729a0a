/*
 * Where the trace of the Fisher matrix sits: inputs uniform on the sphere in d = 1000 dimensions, a two-layer ReLU network of infinite width.
 *
 * There K(x, x') = k(t), t the cosine, and its eigenfunctions are spherical harmonics: degree l has N_l of them and one eigenvalue, so that
 * with P_l the Legendre polynomial of d dimensions, P_l(1) = 1, and E over t of one random pair, density ~ (1 - t²)^((d - 3)/2),
 *
 *     share of degree l  =  N_l E[k(t) P_l(t)] / k(1),     N = 1, d, (d + 2)(d - 1)/2;    all shares add up to 1.
 *
 * The first three, constants, linear and quadratic functions, hold nearly all of it (Karakida, Akaho & Amari 2019 for the tail).  As
 * d grows t concentrates at 0, and the share of degree l tends to the coefficient of t^l in k over k(1):  with the first layer frozen
 * k = kappa1 and 1/pi + 1/2 + 1/(2 pi) = 1/2 + 3/(2 pi) = 0.97746;  with both layers trained 1/2 + 5/(4 pi) = 0.89789.
 *
 * Bounds.  Half a unit of the fourth digit of 97.75 % and 89.81 %; the limits to 1/d.  E by the trapezoidal rule in the angle: the integrand and its
 * derivatives up to order d vanish at both ends, so the rule is exact to rounding, d eps.
 */
#include "check.h"

enum { D = 1000, ANGLES = 2000 };
#define PI 3.14159265358979323846

static const char frozen[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [1000], \"layers\": [{\"op\": \"dense\", \"units\": 1, "
                             "\"train\": false}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}]}";
static const char trained[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [1000], \"layers\": [{\"op\": \"dense\", \"units\": 1},"
                              " {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}]}";

/* k at the angles pi i / ANGLES, from the library: the kernel of one input with inputs at these angles to it. */
static void kernel_at_angles(ntk_context *ctx, const char *json, double *k)
{
    double *x = calloc((ANGLES + 1) * D, sizeof *x);
    ntk_network *net = NULL;
    ntk_kernel *kernel = NULL;
    if (!x) exit(2);
    for (int i = 0; i <= ANGLES; ++i) x[i * D] = cos(PI * i / ANGLES), x[i * D + 1] = sin(PI * i / ANGLES);
    TRY(ntk_network_parse(ctx, json, &net));
    TRY(ntk_kernel_from_network(ctx, net, NULL, &kernel));
    TRY(ntk_kernel_eval(ctx, kernel, MATRIX(x, 1, D), MATRIX(x, ANGLES + 1, D), &(ntk_request){NTK_REQUEST_INIT, .ntk = MATRIX(k, 1, ANGLES + 1)}));
    ntk_kernel_destroy(kernel), ntk_network_destroy(net);
    free(x);
}

static int shares(ntk_context *ctx, const char *name, const char *json, double wanted, double limit)
{
    static double k[ANGLES + 1];
    double sums[3] = {0}, weights = 0, share[3], sum;
    const double harmonics[3] = {1, D, (D + 2) * (D - 1) / 2.0};
    int failed;
    kernel_at_angles(ctx, json, k);
    for (int i = 1; i < ANGLES; ++i) {
        double t = cos(PI * i / ANGLES), w = pow(sin(PI * i / ANGLES), D - 2), legendre[3] = {1, t, (D * t * t - 1) / (D - 1)};
        weights += w;
        for (int l = 0; l < 3; ++l) sums[l] += w * k[i] * legendre[l];
    }
    for (int l = 0; l < 3; ++l) share[l] = harmonics[l] * sums[l] / weights / k[0];
    sum = sum_of(3, share);
    printf("%s: constants %.4f, linear %.4f, quadratic %.4f\n", name, share[0], share[1], share[2]);
    failed = differs("first three at d = 1000", 1, &wanted, &sum, 5e-5);
    return failed | differs("limit of large d", 1, &limit, &sum, 1.0 / D);
}

int main(void)
{
    ntk_context *ctx = NULL;
    int failed = 0;
    if (ntk_context_create(NULL, &ctx) != NTK_OK) return 2;
    failed |= shares(ctx, "First layer frozen", frozen, 0.9775, 0.5 + 3 / (2 * PI));
    failed |= shares(ctx, "Both layers trained", trained, 0.8981, 0.5 + 5 / (4 * PI));
    ntk_context_destroy(ctx);
    return verdict(failed);
}
