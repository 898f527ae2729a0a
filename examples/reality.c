/*
 * Theory against reality: one hidden layer, trained for real by gradient descent, at growing width m.  Three distances, as parts of what they
 * are measured on, and the slopes of their logarithms against log m:
 *
 *     kernel         |K(T) - K(0)|_F / |K(0)|_F                            1/m for smooth activations; for relu, whose units switch, slower
 *     linearisation  max_t |f(t) - f_lin(t)| / |y - f(0)|                  1/m as well: f_lin = f(0) + J (theta - theta(0)) in the same steps
 *     theory         max_t |f(t) - f_inf(t)| / |y - f(0)|                  m^-1/2: f_inf follows the kernel of infinite width from the
 *                    on the training set, and on new inputs at T           same f(0); K(0) scatters by m^-1/2 about that kernel
 *
 * (Lee et al. 2019; Dyer & Gur-Ari 2020; Huang & Yau 2020.)  f_inf is exact for the steps that are taken: every mode's error is multiplied by
 * 1 - eta lambda.  Distances are root mean squares over seeds.
 *
 *     reality [SEEDS [TABLE]]       SEEDS: 3 unless given; TABLE: file for distances and loss curves; examples/reality.gp draws them
 *
 * Bounds of the slopes: 0.15 where the law is 1/m (corrections of the next order at the narrow end), 0.1 where it is m^-1/2; relu's kernel
 * between -1 and -0.65; and twice what the root of a mean of S squares leaves of each slope, (2 S)^-1/2 / 3.1.  At the largest width the losses of network and theory differ by at most twice the theory's distance, times the loss at the start.
 */
#include "check.h"

#include <string.h>

enum { N = 16, M = 16, D = 2, WIDTHS = 4, STEPS = 40, KINDS = 2, DISTANCES = 4 };
#define PI 3.14159265358979323846

static const int widths[WIDTHS] = {128, 512, 2048, 8192};
static const char *const activations[KINDS] = {"erf", "relu"};
enum { KERNEL, LINEARISATION, THEORY, NEW_INPUTS };
static const char *const names[DISTANCES] = {"kernel", "linearisation", "theory", "theory, new inputs"};
static const double slopes[KINDS][DISTANCES] = {{-1, -1, -0.5, -0.5}, {-0.825, -0.825, -0.5, -0.5}};
static const double bounds[KINDS][DISTANCES] = {{0.15, 0.15, 0.1, 0.1}, {0.175, 0.175, 0.1, 0.1}};

typedef double course[STEPS + 1][N]; /* outputs along the way */

/* The data: N points of a circle, M more between them, a target. */
static double x[N * D], x_new[M * D], y[N];

typedef struct model {
    ntk_network *net;
    double *theta; /* [p], drawn anew for each seed, then trained */
    int64_t p;
    double rate, step_test[M * N]; /* the infinite kernel between new inputs and old */
    ntk_gram *gram;                /* of infinite width */
} model;

static void make_data(void)
{
    for (int i = 0; i < N; ++i) x[D * i] = sqrt(2) * cos(2 * PI * i / N), x[D * i + 1] = sqrt(2) * sin(2 * PI * i / N), y[i] = cos(4 * PI * i / N) + 0.5 * sin(2 * PI * i / N);
    for (int i = 0; i < M; ++i) x_new[D * i] = sqrt(2) * cos(2 * PI * (i + 0.5) / M), x_new[D * i + 1] = sqrt(2) * sin(2 * PI * (i + 0.5) / M);
}

static void open_model(ntk_context *ctx, const char *activation, int width, model *m)
{
    char json[600];
    ntk_kernel *kernel = NULL;
    ntk_dynamics *dynamics = NULL;
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [2], \"layers\": [{\"op\": \"dense\", \"units\": %d, \"w_std\": 1.5, \"b_std\": 0.5}, "
             "{\"op\": \"%s\"}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 1.0}]}", width, activation);
    *m = (model){0};
    TRY(ntk_network_parse(ctx, json, &m->net));
    m->p = ntk_network_parameters(m->net);
    m->theta = malloc(sizeof *m->theta * (size_t)m->p);
    if (!m->theta) exit(2);
    TRY(ntk_kernel_from_network(ctx, m->net, NULL, &kernel));
    TRY(ntk_kernel_eval(ctx, kernel, MATRIX(x_new, M, D), MATRIX(x, N, D), &(ntk_request){NTK_REQUEST_INIT, .ntk = MATRIX(m->step_test, M, N)}));
    TRY(ntk_gram_create(ctx, kernel, MATRIX(x, N, D), NULL, &m->gram));
    TRY(ntk_dynamics_create(ctx, m->gram, VECTOR(y, N), NULL, &dynamics));
    m->rate = ntk_dynamics_largest_step(dynamics) / 4;
    ntk_dynamics_destroy(dynamics), ntk_kernel_destroy(kernel);
}

static void close_model(model *m)
{
    ntk_gram_destroy(m->gram), ntk_network_destroy(m->net);
    free(m->theta);
}

/* The network, or its linearisation, from theta in steps; theta is where it ends. */
static void train(ntk_context *ctx, model *m, int linearised, course f)
{
    ntk_trainer *trainer = NULL;
    TRY(ntk_trainer_create(ctx, m->net, VECTOR(m->theta, m->p), MATRIX(x, N, D), MATRIX(y, N, 1),
                           &(ntk_trainer_options){NTK_TRAINER_OPTIONS_INIT, .learning_rate = m->rate, .linearised = linearised}, &trainer));
    for (int step = 0; step <= STEPS; ++step) {
        TRY(ntk_trainer_get_outputs(ctx, trainer, MATRIX(f[step], N, 1)));
        if (step < STEPS) TRY(ntk_trainer_run(ctx, trainer, 1));
    }
    if (!linearised) TRY(ntk_trainer_get_parameters(ctx, trainer, VECTOR(m->theta, m->p)));
    ntk_trainer_destroy(trainer);
}

/* Infinite width from the network's own f(0): the same steps, and new inputs after all of them. */
static void predict(ntk_context *ctx, const model *m, double *start, double *start_new, course f, double *f_new)
{
    double steps[STEPS + 1], last = STEPS;
    ntk_dynamics *dynamics = NULL;
    for (int i = 0; i <= STEPS; ++i) steps[i] = i;
    TRY(ntk_dynamics_create(ctx, m->gram, VECTOR(y, N), &(ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .learning_rate = m->rate, .f0 = VECTOR(start, N), .discrete = 1}, &dynamics));
    TRY(ntk_dynamics_at(ctx, dynamics, steps, STEPS + 1, MATRIX(f[0], STEPS + 1, N)));
    TRY(ntk_dynamics_test_at(ctx, dynamics, MATRIX(m->step_test, M, N), MATRIX(start_new, M, 1), &last, 1, &(ntk_array){f_new, NTK_F64, 3, {1, M, 1}, {M, 1, 1}}));
    ntk_dynamics_destroy(dynamics);
}

static void kernel_at(ntk_context *ctx, const model *m, double *k)
{
    ntk_kernel *kernel = NULL;
    TRY(ntk_kernel_empirical(ctx, m->net, VECTOR(m->theta, m->p), NULL, NULL, &kernel));
    TRY(ntk_kernel_eval(ctx, kernel, MATRIX(x, N, D), NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = MATRIX(k, N, N)}));
    ntk_kernel_destroy(kernel);
}

static double farthest(course a, course b)
{
    double most = 0;
    for (int step = 0; step <= STEPS; ++step) most = fmax(most, distance(N, a[step], b[step]));
    return most;
}

/* One seed: the distances, and the courses of network and theory. */
static void run(ntk_context *ctx, model *m, int seed, double out[DISTANCES], course real, course theory)
{
    static course linear;
    double before[N * N], after[N * N], start_new[M], real_new[M], theory_new[M], whole;
    TRY(ntk_network_initialize(ctx, m->net, (uint64_t)seed, VECTOR(m->theta, m->p)));
    kernel_at(ctx, m, before);
    TRY(ntk_network_forward(ctx, m->net, VECTOR(m->theta, m->p), MATRIX(x_new, M, D), MATRIX(start_new, M, 1)));
    train(ctx, m, 1, linear);
    train(ctx, m, 0, real);
    kernel_at(ctx, m, after);
    TRY(ntk_network_forward(ctx, m->net, VECTOR(m->theta, m->p), MATRIX(x_new, M, D), MATRIX(real_new, M, 1)));
    predict(ctx, m, real[0], start_new, theory, theory_new);
    whole = distance(N, y, real[0]);
    out[KERNEL] = distance(N * N, after, before) / distance(N * N, before, NULL);
    out[LINEARISATION] = farthest(real, linear) / whole;
    out[THEORY] = farthest(real, theory) / whole;
    out[NEW_INPUTS] = distance(M, real_new, theory_new) / whole;
}

static double slope(const double *value, int stride)
{
    double u = 0, v = 0, uu = 0, uv = 0;
    for (int i = 0; i < WIDTHS; ++i) {
        double a = log(widths[i]) / WIDTHS, b = log(value[i * stride]);
        u += a, v += b / WIDTHS, uu += a * log(widths[i]), uv += a * b;
    }
    return (uv - u * v) / (uu - u * u);
}

static double loss(const double *f)
{
    return distance(N, f, y) * distance(N, f, y) / 2;
}

static int check_losses(course real, course theory, double part)
{
    double a[STEPS + 1], b[STEPS + 1];
    for (int i = 0; i <= STEPS; ++i) a[i] = loss(theory[i]), b[i] = loss(real[i]);
    return differs("loss, largest width", STEPS + 1, a, b, 2 * part * loss(real[0]));
}

/* Distances by width, then, two lines below, losses by step. */
static int write_table(const char *path, double found[KINDS][WIDTHS][DISTANCES], course *curves)
{
    FILE *file = fopen(path, "w");
    if (!file) {
        perror(path);
        return 1;
    }
    for (int i = 0; i < WIDTHS; ++i) {
        fprintf(file, "%d", widths[i]);
        for (int j = 0; j < KINDS * DISTANCES; ++j) fprintf(file, ",%g", found[j / DISTANCES][i][j % DISTANCES]);
        fputc('\n', file);
    }
    fputs("\n\n", file);
    for (int step = 0; step <= STEPS; ++step) fprintf(file, "%d,%g,%g,%g,%g\n", step, loss(curves[0][step]), loss(curves[1][step]), loss(curves[2][step]), loss(curves[3][step]));
    return fclose(file) != 0;
}

int main(int argc, char **argv)
{
    static course curves[2 * KINDS]; /* real and theory, at the largest width, of the last seed */
    double found[KINDS][WIDTHS][DISTANCES] = {{{0}}};
    int failed = 0, seeds = argc > 1 ? atoi(argv[1]) : 3;
    ntk_context *ctx = NULL;

    if (seeds < 1 || ntk_context_create(NULL, &ctx) != NTK_OK) return 2;
    make_data();
    for (int kind = 0; kind < KINDS; ++kind) {
        printf("%s:\n  width    kernel  linearisation    theory  new inputs\n", activations[kind]);
        for (int i = 0; i < WIDTHS; ++i) {
            model m;
            double *mean = found[kind][i], one[DISTANCES];
            open_model(ctx, activations[kind], widths[i], &m);
            for (int seed = 0; seed < seeds; ++seed) {
                run(ctx, &m, seed, one, curves[2 * kind], curves[2 * kind + 1]);
                for (int j = 0; j < DISTANCES; ++j) mean[j] += one[j] * one[j] / seeds;
            }
            for (int j = 0; j < DISTANCES; ++j) mean[j] = sqrt(mean[j]);
            printf("  %5d  %8.5f  %13.5f  %8.5f  %10.5f\n", widths[i], mean[KERNEL], mean[LINEARISATION], mean[THEORY], mean[NEW_INPUTS]);
            close_model(&m);
        }
        for (int j = 0; j < DISTANCES; ++j) {
            char what[40];
            double s = slope(&found[kind][0][j], DISTANCES);
            snprintf(what, sizeof what, "slope of %s", names[j]);
            failed |= differs(what, 1, &slopes[kind][j], &s, bounds[kind][j] + 2 / sqrt(2 * seeds) / 3.1);
        }
        failed |= check_losses(curves[2 * kind], curves[2 * kind + 1], found[kind][WIDTHS - 1][THEORY]);
    }
    ntk_context_destroy(ctx);
    if (argc > 2) failed |= write_table(argv[2], found, curves);
    return verdict(failed);
}
