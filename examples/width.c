/*
 * How wide is infinite?  The kernel of a random network against its limit, at growing width: a deep fully connected network and a
 * convolutional one.
 *
 *     scatter  the standard deviation of one network's kernel           falls as width^-1/2: sums of `width` random terms
 *     bias     the distance of the mean kernel from the limit           falls as 1/width, from two hidden layers on (with one it is 0)
 *
 * (Hanin & Nica 2020; Dyer & Gur-Ari 2020.)  Both relative to sqrt(Theta(x, x) Theta(x', x')), of one pair x, x'.  The slopes are those
 * of straight lines through the logarithms, weighted by what is known of each point: of N networks the scatter to about N^-1/2, the bias to
 * its standard error.  Bounds: 4 standard errors of the slope, and for the scatter 0.05, since corrections of order 1/width bend its line.
 *
 *     width [NETWORKS [TABLE]]       NETWORKS at widths 8 to 32 (default 4000); TABLE: file for the numbers, drawn by examples/width.gp
 */
#include "check.h"

enum { D = 16, WIDTHS = 5, WIDE = 2 /* from 32 on the scatter is a straight line */, NARROW = 3 /* up to 32 the bias can be told from it */ };
static const int widths[WIDTHS] = {8, 16, 32, 64, 128};

typedef struct family {
    const char *name, *json;
    int work; /* of one network, by that of the other family's */
    int samples[WIDTHS];
    double scatter[WIDTHS], bias[WIDTHS], error[WIDTHS];
} family;

/* abs, whose bias is large beside its scatter. */
static family families[] = {
    {.name = "fully connected, 3 hidden layers", .work = 1,
     .json = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [16], \"layers\": [{\"op\": \"repeat\", \"times\": 3, \"layers\": ["
             "{\"op\": \"dense\", \"units\": 8}, {\"op\": \"abs\"}]}, {\"op\": \"dense\", \"units\": 1}]}"},
    {.name = "convolutional, 3 hidden layers", .work = 4,
     .json = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [16, 1], \"layers\": [{\"op\": \"repeat\", \"times\": 3, \"layers\": ["
             "{\"op\": \"conv\", \"units\": 8, \"kernel\": 3, \"padding\": \"circular\"}, {\"op\": \"abs\"}]}, "
             "{\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 1}]}"},
};

/* Two inputs at some 50 degrees, as the network takes them. */
static ntk_array inputs(const ntk_network *net, double x[2][D])
{
    int64_t shape[1 + NTK_MAX_NDIM] = {2};
    for (int i = 0; i < D; ++i) {
        x[0][i] = sin(i + 1.0);
        x[1][i] = 0.5 * x[0][i] + 0.8 * cos(1.7 * i);
    }
    return ntk_array_dense(x, NTK_F64, 1 + ntk_network_input(net, shape + 1), shape);
}

/* One width: how one network's kernel scatters, and how far their mean is from the limit. */
static void measure_width(ntk_context *ctx, const ntk_network *net, const ntk_array *points, const double *limit, family *f, int i)
{
    double mean[4], error[4], scale = sqrt(limit[0] * limit[3]);
    ntk_monte_carlo_options options = {NTK_MONTE_CARLO_OPTIONS_INIT, .samples = f->samples[i], .width = widths[i], .seed = 1};
    ntk_kernel *kernel = NULL;
    TRY(ntk_kernel_monte_carlo(ctx, net, &options, &kernel));
    TRY(ntk_kernel_eval(ctx, kernel, points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = MATRIX(mean, 2, 2), .ntk_error = MATRIX(error, 2, 2)}));
    ntk_kernel_destroy(kernel);
    f->error[i] = error[1] / scale;
    f->scatter[i] = f->error[i] * sqrt(f->samples[i]);
    f->bias[i] = fabs(mean[1] - limit[1]) / scale;
    printf("  %5d  %8d  %8.5f  %8.5f +- %.5f\n", widths[i], f->samples[i], f->scatter[i], f->bias[i], f->error[i]);
}

static void measure(ntk_context *ctx, family *f, int networks)
{
    double x[2][D], limit[4];
    ntk_network *net = NULL;
    ntk_kernel *kernel = NULL;
    ntk_array points;

    TRY(ntk_network_parse(ctx, f->json, &net));
    points = inputs(net, x);
    TRY(ntk_kernel_from_network(ctx, net, NULL, &kernel));
    TRY(ntk_kernel_eval(ctx, kernel, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = MATRIX(limit, 2, 2)}));
    ntk_kernel_destroy(kernel);
    printf("%s:\n  width  networks   scatter      bias\n", f->name);
    for (int i = 0; i < WIDTHS; ++i) {
        f->samples[i] = i < NARROW ? 2 + networks / f->work : 80 / f->work;
        measure_width(ctx, net, &points, limit, f, i);
    }
    ntk_network_destroy(net);
}

/* Of the straight line through (log width, log value), values known to a relative error; *known is the slope's standard error. */
static double slope(int first, int end, const double *value, const double *error, double *known)
{
    double weight = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (int i = first; i < end; ++i) {
        double u = log(widths[i]), v = log(value[i]), w = value[i] * value[i] / (error[i] * error[i]);
        weight += w, x += w * u, y += w * v, xx += w * u * u, xy += w * u * v;
    }
    *known = sqrt(weight / (weight * xx - x * x));
    return (weight * xy - x * y) / (weight * xx - x * x);
}

static int check_slopes(const family *f)
{
    const double half = -0.5, one = -1;
    double errors[WIDTHS], known, found;
    int failed;
    for (int i = 0; i < WIDTHS; ++i) errors[i] = f->scatter[i] / sqrt(f->samples[i]);
    found = slope(WIDE, WIDTHS, f->scatter, errors, &known);
    failed = differs("slope of the scatter", 1, &half, &found, 0.05 + 4 * known);
    found = slope(0, NARROW, f->bias, f->error, &known);
    return failed | differs("slope of the bias", 1, &one, &found, 4 * known);
}

static int write_table(const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file) {
        perror(path);
        return 1;
    }
    fputs("width,scatter_fc,bias_fc,error_fc,scatter_conv,bias_conv,error_conv\n", file);
    for (int i = 0; i < WIDTHS; ++i) {
        fprintf(file, "%d", widths[i]);
        for (int f = 0; f < 2; ++f) fprintf(file, ",%g,%g,%g", families[f].scatter[i], families[f].bias[i], families[f].error[i]);
        fputc('\n', file);
    }
    return fclose(file) != 0;
}

int main(int argc, char **argv)
{
    int failed = 0, networks = argc > 1 ? atoi(argv[1]) : 4000;
    ntk_context *ctx = NULL;

    if (networks < 1 || ntk_context_create(NULL, &ctx) != NTK_OK) return 2;
    for (int i = 0; i < 2; ++i) {
        measure(ctx, &families[i], networks);
        failed |= check_slopes(&families[i]);
    }
    ntk_context_destroy(ctx);
    if (argc > 2) failed |= write_table(argv[2]);
    return verdict(failed);
}
