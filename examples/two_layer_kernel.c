/*
 * Two layers need no limit: the mean kernel over initialisations is Theta at every width.
 *
 * f(x) = m^-1/2 sum_i v_i relu(u_i . x), u ~ N(0, w² I), v ~ N(0, s²), has the empirical kernel (the gradients' products)
 *
 *     K(x, x') = 1/m sum_i [ v_i² (x . x') relu'(u_i . x) relu'(u_i . x') + relu(u_i . x) relu(u_i . x') ],
 * a mean of m independent terms of one distribution.  So for every m the mean of K over initialisations is
 *     Theta = s² (x . x') E[relu'(u.x) relu'(u.x')] + E[relu(u.x) relu(u.x')],
 * and its standard deviation is that of one term times m^-1/2.  (With three layers the mean depends on the width.)
 *
 * Bounds: 4 standard errors over S seeds, that of the mean sd S^-1/2, that of the sd, relatively, sqrt((kurtosis - 1)/(4 S));
 * the odds of a false alarm would be 1 : 16000, and with these seeds there is none.  The two closed forms of Theta are a dozen
 * operations apart: 16 eps Theta.
 */
#include "check.h"

enum { D = 3, SEEDS = 4000, WIDTHS = 3, P_MAX = 64 * (D + 1) };
static const double w_std = 1.2, v_std = 0.9, x1[D] = {1, 0.5, -0.3}, x2[D] = {0.2, 1, 0.4};
static const int widths[WIDTHS] = {4, 16, 64};

/* k = K(x1, x2) */
static void evaluate(ntk_context *ctx, const ntk_kernel *kernel, double *k)
{
    TRY(ntk_kernel_eval(ctx, kernel, MATRIX(x1, 1, D), MATRIX(x2, 1, D), &(ntk_request){NTK_REQUEST_INIT, .ntk = MATRIX(k, 1, 1)}));
}

/* Mean of K(x1, x2) over the seeds, its standard deviation, and the relative standard error of the latter. */
static void sample(ntk_context *ctx, const ntk_network *net, double *mean, double *sd, double *sd_error)
{
    static double theta[P_MAX], k[SEEDS];
    const int64_t p = ntk_network_parameters(net);
    double m2 = 0, m4 = 0;
    ntk_kernel *kernel = NULL;

    for (int seed = 0; seed < SEEDS; ++seed) {
        TRY(ntk_network_initialize(ctx, net, (uint64_t)seed, VECTOR(theta, p)));
        TRY(ntk_kernel_empirical(ctx, net, VECTOR(theta, p), NULL, NULL, &kernel));
        evaluate(ctx, kernel, &k[seed]);
        ntk_kernel_destroy(kernel);
    }
    *mean = sum_of(SEEDS, k) / SEEDS;
    for (int i = 0; i < SEEDS; ++i) m2 += pow(k[i] - *mean, 2) / SEEDS, m4 += pow(k[i] - *mean, 4) / SEEDS;
    *sd = sqrt(m2);
    *sd_error = sqrt((m4 / (m2 * m2) - 1) / (4.0 * SEEDS));
}

int main(void)
{
    const char *format = "{\"format\": \"ntk-network\", \"version\": 1, \"parameterization\": \"textbook\", \"input\": [3], \"layers\": ["
                         "{\"op\": \"dense\", \"units\": %d, \"w_std\": %g}, {\"op\": \"relu\"},"
                         "{\"op\": \"dense\", \"units\": 1, \"w_std\": %g}]}";
    double theta = 0, infinite = 0, mean, sd, sd_error, last_sd = 0, last_error = 0;
    char json[512];
    int failed = 0;
    ntk_context *ctx = NULL;
    ntk_network *net = NULL;
    ntk_kernel *kernel = NULL;

    if (ntk_context_create(NULL, &ctx) != NTK_OK) return 2;
    TRY(ntk_relu_two_layer_ntk(ctx, D, x1, x2, w_std, v_std, &theta));
    for (int i = 0; i < WIDTHS; ++i) {
        snprintf(json, sizeof json, format, widths[i], w_std, v_std);
        TRY(ntk_network_parse(ctx, json, &net));
        sample(ctx, net, &mean, &sd, &sd_error);
        printf("Width %d, %d initialisations, standard deviation %.4f:\n", widths[i], SEEDS, sd);
        failed |= differs("mean of the kernel = Theta", 1, &theta, &mean, 4 * sd / sqrt(SEEDS));
        if (i > 0) {
            const double half = sqrt((double)widths[i - 1] / widths[i]), ratio = sd / last_sd;
            failed |= differs("sd over the sd before", 1, &half, &ratio, 4 * half * hypot(sd_error, last_error));
        }
        last_sd = sd, last_error = sd_error;
        if (i + 1 < WIDTHS) ntk_network_destroy(net);
    }
    TRY(ntk_kernel_from_network(ctx, net, NULL, &kernel));
    evaluate(ctx, kernel, &infinite);
    puts("Width infinity:");
    failed |= differs("kernel of the network = Theta", 1, &theta, &infinite, 16 * EPS * theta);
    ntk_kernel_destroy(kernel), ntk_network_destroy(net), ntk_context_destroy(ctx);
    return verdict(failed);
}
