/* ntk train: a finite network trained for real, and beside it the one that is linear in its parameters. */
#include "train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const flag_entry train_flags[] = {
    FLAG_NETWORK,
    {.name = "params", .type = FLAG_INPUT, .value = "P", .help = "parameters to start from [p], as of `ntk network init`", .required = true},
    {.name = "x", .type = FLAG_INPUT, .value = "X", .help = "training inputs [n, ...]", .required = true},
    {.name = "y", .type = FLAG_INPUT, .value = "Y", .help = "targets [n] or [n, o], or classes [n]", .required = true},
    FLAG_LIMIT("x and y"),
    FLAG_UNIT_NORM,
    {.name = "optimizer", .type = FLAG_CHOICE, .value = "gd|momentum|adam", .help = "how a step follows from gradients", .required = true},
    {.name = "learning-rate", .type = FLAG_POSITIVE, .value = "E", .help = "size of a step", .required = true},
    {.name = "steps", .type = FLAG_COUNT, .value = "N", .help = "steps, each with all samples", .required = true},
    {.name = "loss", .type = FLAG_CHOICE, .value = "mse|cross-entropy", .help = "what falls (default: mse)"},
    {.name = "loss-scale", .type = FLAG_CHOICE, .value = "sum|mean", .help = "mean: over targets, for cross-entropy over samples (default: sum)"},
    {.name = "momentum", .type = FLAG_NUMBER, .value = "M", .help = "of momentum, below 1 (default: 0.9)"},
    {.name = "beta1", .type = FLAG_NUMBER, .value = "B", .help = "of adam, below 1 (default: 0.9)", .excludes = "momentum"},
    {.name = "beta2", .type = FLAG_NUMBER, .value = "B", .help = "of adam, below 1 (default: 0.999)"},
    {.name = "epsilon", .type = FLAG_POSITIVE, .value = "E", .help = "of adam (default: 1e-8)"},
    {.name = "optimizer-d", .type = FLAG_INPUT, .value = "D", .help = "a frozen diagonal D [p]: steps along the gradient over D; not with adam"},
    FLAG_REGRESSION,
    FLAG_DTYPE,
    {.name = "x-test", .type = FLAG_INPUT, .value = "XT", .help = "test inputs", .needs = "y-test"},
    {.name = "y-test", .type = FLAG_INPUT, .value = "YT", .help = "their targets: reports the score", .needs = "x-test"},
    {.name = "every", .type = FLAG_COUNT, .value = "K", .help = "outputs along the way after every K steps, and the last (default: 1)"},
    {.name = "out", .type = FLAG_OUTPUT, .value = "P2.npy", .help = "parameters at the end [p]", .required = true},
    {.name = "out-trajectory", .type = FLAG_OUTPUT, .value = "F.npy", .help = "outputs along the way, from the start on [times, n, o]"},
    {.name = "out-linearised", .type = FLAG_OUTPUT, .value = "G.npy", .help = "trains f(P) + J(P)(p - P) too: its outputs along the way"},
    {.name = "out-second-moment", .type = FLAG_OUTPUT, .value = "V.npy", .help = "of adam [p], divided by 1 - beta2^steps"},
    {.name = "checkpoint", .type = FLAG_OUTPUT, .value = "C.npy", .help = "where training stands, kept whole; goes on from there if it exists"},
    FLAG_PLOT("the loss along the way"),
    FLAGS_COMMON,
};

static int read_data(tool *t, training *j)
{
    ntk_dtype dtype = tool_dtype(t);
    int failed;
    TRY(tool_network(t, &j->network));
    TRY(tool_read_vector_of(t, "params", dtype, &j->theta));
    TRY(tool_read_inputs(t, "x", j->network, dtype, &j->x));
    tool_select(t, &j->x, NULL);
    TRY(targets_read(t, "y", dtype, (int64_t)arguments_count(&t->arguments, "limit", 0), &j->y));
    TRY(tool_read_vector(t, "optimizer-d", &j->d));
    TRY(tool_read_inputs(t, "x-test", j->network, dtype, &j->x_test));
    if (given(&j->x_test) && arguments_has(&t->arguments, "unit-norm")) tool_unit_norm(&j->x_test);
    if (j->y.y.view.shape[1] != ntk_network_outputs(j->network))
        failed = tool_fail(EXIT_INPUT, "train: --y %s has %lld %s; the network has %lld outputs", j->y.y.path, (long long)j->y.y.view.shape[1],
                           j->y.classes ? "classes" : "targets per sample", (long long)ntk_network_outputs(j->network));
done:
    return failed;
}

/* Classes are coded minus 1/c; cross-entropy takes distributions. */
static void make_distributions(training *j)
{
    int64_t c = j->y.y.view.shape[1], count = c * j->y.y.view.shape[0];
    for (int64_t i = 0; j->y.classes && i < count; ++i) array_set(&j->y.y.view, i, array_get(&j->y.y.view, i) > 0 ? 1 : 0);
}

static int make_options(tool *t, training *j)
{
    const arguments *a = &t->arguments;
    ntk_loss loss = NTK_LOSS_SQUARED_ERROR;
    ntk_descent descent = NTK_DESCENT_GD;
    int failed = 0;
    ntk_loss_from_name(arguments_text(a, "loss", "mse"), &loss);
    ntk_descent_from_name(arguments_text(a, "optimizer", "gd"), &descent);
    if (loss == NTK_LOSS_CROSS_ENTROPY) make_distributions(j);
    if (given(&j->d)) TRY(tool_check(t, j->d.path, ntk_optimizer_diagonal(t->context, &j->d.view, &j->optimizer)));
    if (arguments_has(a, "out-second-moment") && descent != NTK_DESCENT_ADAM)
        TRY(tool_fail(EXIT_INPUT, "train: --out-second-moment needs --optimizer adam"));
    j->options = (ntk_trainer_options){
        NTK_TRAINER_OPTIONS_INIT,
        .loss = loss,
        .loss_scale = tool_loss_scale(t),
        .descent = descent,
        .learning_rate = arguments_number(a, "learning-rate", 1),
        .beta1 = arguments_number(a, descent == NTK_DESCENT_ADAM ? "beta1" : "momentum", 0),
        .beta2 = arguments_number(a, "beta2", 0),
        .epsilon = arguments_number(a, "epsilon", 0),
        .optimizer = j->optimizer,
    };
    j->steps = (int64_t)arguments_count(a, "steps", 1);
    j->every = (int64_t)arguments_count(a, "every", 1);
    j->records = j->steps / j->every + 1 + (j->steps % j->every > 0);
done:
    return failed;
}

static int make_runs(tool *t, training *j)
{
    ntk_trainer_options linearised = j->options;
    const char *kept[RUNS] = {"out-trajectory", "out-linearised"};
    int failed;
    linearised.linearised = 1;
    j->runs = arguments_has(&t->arguments, "out-linearised") ? 2 : 1;
    for (int k = 0; k < j->runs; ++k) {
        bool keep = k > 0 || arguments_has(&t->arguments, kept[k]);
        TRY(tool_check(t, NULL, ntk_trainer_create(t->context, j->network, &j->theta.view, &j->x.view, &j->y.y.view, k ? &linearised : &j->options,
                                                   &j->run[k].trainer)));
        TRY(array_new(tool_dtype(t), 3, (int64_t[]){keep ? j->records : 1, j->x.view.shape[0], j->y.y.view.shape[1]}, &j->run[k].path));
        TRY(array_new(NTK_F64, 1, (int64_t[]){j->records}, &j->run[k].loss));
    }
done:
    return failed;
}

/* Brings run k to the step of record r, and records it. */
static int advance(tool *t, training *j, int k, int64_t r)
{
    run *u = &j->run[k];
    int64_t target = training_step(j, r), plane = u->path.view.shape[0] > 1 ? r : 0;
    size_t bytes = (size_t)(plane * u->path.view.strides[0]) * ntk_dtype_size(u->path.view.dtype);
    ntk_array f = ntk_array_dense((char *)u->path.view.data + bytes, u->path.view.dtype, 2, u->path.view.shape + 1);
    double share = 1 / (double)(j->records * j->runs), from = (double)(r * j->runs + k) * share;
    int failed;
    tool_part(t, from, from + share);
    TRY(tool_check(t, NULL, ntk_trainer_run(t->context, u->trainer, target - ntk_trainer_steps(u->trainer))));
    TRY(tool_check(t, NULL, ntk_trainer_get_outputs(t->context, u->trainer, &f)));
    TRY(tool_check(t, NULL, ntk_trainer_get_loss(t->context, u->trainer, (double *)u->loss.view.data + r)));
    u->recorded = r + 1;
done:
    return failed;
}

static int run_all(tool *t, training *j)
{
    double saved = tool_now();
    int failed = 0;
    for (int64_t r = 0; r < j->records && !failed; ++r) {
        for (int k = 0; k < j->runs && !failed; ++k)
            if (j->run[k].recorded <= r) failed = advance(t, j, k, r);
        if (failed || tool_now() - saved < CHECKPOINT_SECONDS) continue;
        failed = checkpoint_write(t, j);
        saved = tool_now();
    }
    tool_part(t, 0, 1);
    return failed;
}

/* |f - linearised f| at the end, over the way that the latter has gone. */
static double distance_of_ends(const training *j)
{
    const ntk_array *linearised = &j->run[1].path.view, *network = &j->run[0].path.view;
    int64_t size = linearised->strides[0], last = (j->records - 1) * size, end = (network->shape[0] - 1) * size;
    double apart = 0, way = 0;
    for (int64_t i = 0; i < size; ++i) {
        double linear = array_get(linearised, last + i), real = array_get(network, end + i), first = array_get(linearised, i);
        apart += (real - linear) * (real - linear);
        way += (linear - first) * (linear - first);
    }
    return sqrt(apart / way);
}

static void report(tool *t, const training *j)
{
    const double *loss = j->run[0].loss.view.data;
    report_integer(t, "parameters", ntk_network_parameters(j->network));
    report_integer(t, "train", j->x.view.shape[0]);
    report_integer(t, "steps", ntk_trainer_steps(j->run[0].trainer));
    report_number(t, "loss_start", loss[0]);
    report_number(t, "loss", loss[j->records - 1]);
    if (j->runs < 2) return;
    report_number(t, "loss_linearised", ((const double *)j->run[1].loss.view.data)[j->records - 1]);
    report_number(t, "distance_to_linearised", distance_of_ends(j));
}

static int score(tool *t, training *j)
{
    array f = {0};
    int failed = 0;
    if (!given(&j->x_test)) return 0;
    TRY(array_new(tool_dtype(t), 2, (int64_t[]){j->x_test.view.shape[0], j->y.y.view.shape[1]}, &f));
    TRY(tool_check(t, NULL, ntk_network_forward(t->context, j->network, &j->end.view, &j->x_test.view, &f.view)));
    TRY(targets_score(t, "y-test", &j->y, &f));
done:
    array_free(&f);
    return failed;
}

static int save_moment(tool *t, training *j)
{
    array v = {0};
    double beta2 = j->options.beta2 > 0 ? j->options.beta2 : 0.999;
    int failed = 0;
    if (!arguments_has(&t->arguments, "out-second-moment")) return 0;
    TRY(array_new(tool_dtype(t), 1, (int64_t[]){j->theta.view.shape[0]}, &v));
    TRY(tool_check(t, NULL, ntk_trainer_get_moments(t->context, j->run[0].trainer, NULL, &v.view)));
    for (int64_t i = 0; i < v.view.shape[0]; ++i) array_set(&v.view, i, array_get(&v.view, i) / -expm1((double)j->steps * log1p(beta2 - 1)));
    TRY(tool_save(t, "out-second-moment", &v));
done:
    array_free(&v);
    return failed;
}

static int draw(tool *t, const training *j)
{
    double *steps = calloc((size_t)j->records, sizeof *steps);
    const curve curves[] = {{.name = "network", .x = steps, .y = j->run[0].loss.view.data, .count = j->records},
                            {.name = j->runs > 1 ? "linearised" : NULL, .x = steps, .y = j->run[1].loss.view.data, .count = j->records},
                            {.name = NULL}};
    int failed;
    if (!steps) return tool_fail(EXIT_FAILED, "train: out of memory");
    for (int64_t r = 0; r < j->records; ++r) steps[r] = (double)training_step(j, r);
    failed = tool_plot(t, &(plot){.title = "loss", .x_label = "steps", .log_y = true, .curves = curves});
    free(steps);
    return failed;
}

static int save_all(tool *t, training *j)
{
    layout form = {false, j->y.y.view.shape[1]};
    int failed;
    TRY(tool_save(t, "out", &j->end));
    TRY(save_moment(t, j));
    for (int k = 0; k < j->runs; ++k) {
        layout_restore(&form, j->y.vector, &j->run[k].path);
        TRY(tool_save(t, k ? "out-linearised" : "out-trajectory", &j->run[k].path));
    }
    TRY(draw(t, j));
done:
    return failed;
}

/* What was reached is kept, also when training was interrupted or went astray. */
static int train(tool *t, training *j)
{
    int failed, kept;
    TRY(checkpoint_read(t, j));
    tool_start_clock(t);
    failed = run_all(t, j);
    kept = checkpoint_write(t, j);
    if (!failed) failed = kept;
    if (failed) return failed;
    tool_stop_clock(t, NULL);
    TRY(array_new(tool_dtype(t), 1, (int64_t[]){j->theta.view.shape[0]}, &j->end));
    TRY(tool_check(t, NULL, ntk_trainer_get_parameters(t->context, j->run[0].trainer, &j->end.view)));
done:
    return failed;
}

static int run_steps(tool *t, training *j)
{
    int failed;
    TRY(read_data(t, j));
    TRY(make_options(t, j));
    TRY(make_runs(t, j));
    TRY(train(t, j));
    report(t, j);
    TRY(score(t, j));
    TRY(save_all(t, j));
done:
    return failed;
}

int run_train(tool *t)
{
    training j = {0};
    int failed = run_steps(t, &j);
    for (int k = 0; k < RUNS; ++k) {
        ntk_trainer_destroy(j.run[k].trainer);
        array_free(&j.run[k].path);
        array_free(&j.run[k].loss);
    }
    ntk_optimizer_destroy(j.optimizer);
    ntk_network_destroy(j.network);
    array_free(&j.end);
    array_free(&j.theta);
    array_free(&j.x);
    array_free(&j.x_test);
    array_free(&j.d);
    targets_free(&j.y);
    return failed;
}
