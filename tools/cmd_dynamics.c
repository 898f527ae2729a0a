/* ntk dynamics: f(t) of gradient descent on the squared error, on the training set and on new inputs. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const flag_entry dynamics_flags[] = {
    {.name = "gram", .type = FLAG_INPUT, .value = "K", .help = "kernel of the training inputs [n, n] or [n o, n o]", .required = true},
    {.name = "y", .type = FLAG_INPUT, .value = "Y", .help = "targets [n] or [n, o], or classes [n]", .required = true},
    {.name = "times", .type = FLAG_INPUT, .value = "T", .help = "times, at least 0; inf is one of them", .required = true},
    {.name = "f0", .type = FLAG_INPUT, .value = "F0", .help = "outputs at the start, like y (default: 0)"},
    {.name = "gram-test", .type = FLAG_INPUT, .value = "KT", .help = "kernel of test with training inputs", .needs = "out-test"},
    {.name = "f0-test", .type = FLAG_INPUT, .value = "G0", .help = "outputs at the start on the test inputs (default: 0)", .needs = "gram-test"},
    {.name = "out-test", .type = FLAG_OUTPUT, .value = "G.npy", .help = "outputs on the test inputs [times, m, o]", .needs = "gram-test"},
    {.name = "loss", .type = FLAG_CHOICE, .value = "mse|cross-entropy", .help = "mse (the other is not in this version)"},
    FLAG_LOSS_SCALE,
    FLAG_LEARNING_RATE,
    FLAG_REGRESSION,
    {.name = "out", .type = FLAG_OUTPUT, .value = "F.npy", .help = "outputs on the training inputs [times, n, o]", .required = true},
    {.name = "momentum", .type = FLAG_NUMBER, .value = "M", .help = "of the heavy ball, below 1 (default: 0)"},
    {.name = "weight-decay", .type = FLAG_NUMBER, .value = "W", .help = "pulls parameters to where they start, decoupled (default: 0)"},
    {.name = "steps", .type = FLAG_SWITCH, .help = "steps of size E instead of a flow; times count steps"},
    FLAG_PLOT("the loss and its certificate"),
    FLAGS_COMMON,
};

typedef struct job {
    array gram, gram_test, times, f0, f0_test, out, out_test;
    targets y;
    layout form;
    double *loss, *bound; /* [times] */
    ntk_gram *operator;
    ntk_dynamics *dynamics;
} job;

static int read_times(tool *t, array *times)
{
    const char *path = arguments_text(&t->arguments, "times", NULL);
    int64_t count = 0;
    int failed = array_read(path, NTK_F64, INFINITY_TOO, times);
    if (failed) return failed;
    shape_product(times->view.ndim, times->view.shape, &count);
    for (int64_t i = 0; i < count; ++i)
        if (!(((const double *)times->view.data)[i] >= 0))
            return tool_fail(EXIT_INPUT, "dynamics: --times %s: time %lld is %g; times start at 0", path, (long long)i,
                             ((const double *)times->view.data)[i]);
    times->view = ntk_vector_f64(times->view.data, count);
    return 0;
}

static int read_all(tool *t, job *j)
{
    int failed;
    TRY(tool_read_matrix(t, "gram", &j->gram));
    TRY(targets_read(t, "y", NTK_F64, 0, &j->y));
    TRY(targets_layout(t, &j->gram, "gram", &j->y.y, &j->form));
    TRY(read_times(t, &j->times));
    TRY(tool_read(t, "f0", NTK_F64, &j->f0));
    TRY(layout_apply(t, "f0", &j->form, j->gram.view.shape[0], &j->f0));
    TRY(tool_read_matrix(t, "gram-test", &j->gram_test));
    if (j->gram_test.block) TRY(layout_check_rows(t, "gram-test", &j->form, &j->gram_test));
    TRY(tool_read(t, "f0-test", NTK_F64, &j->f0_test));
    TRY(layout_apply(t, "f0-test", &j->form, j->gram_test.view.shape[0], &j->f0_test));
done:
    return failed;
}

static int make_dynamics(tool *t, job *j)
{
    ntk_dynamics_options options = {
        NTK_DYNAMICS_OPTIONS_INIT,
        .loss_scale = tool_loss_scale(t),
        .learning_rate = arguments_number(&t->arguments, "learning-rate", 1),
        .f0 = given(&j->f0),
        .momentum = arguments_number(&t->arguments, "momentum", 0),
        .weight_decay = arguments_number(&t->arguments, "weight-decay", 0),
        .discrete = arguments_has(&t->arguments, "steps"),
    };
    int failed;
    TRY(tool_check(t, j->gram.path, ntk_gram_from_matrix(t->context, &j->gram.view, &j->operator)));
    TRY(tool_check(t, NULL, ntk_dynamics_create(t->context, j->operator, &j->y.y.view, &options, &j->dynamics)));
done:
    return failed;
}

static int new_result(const job *j, const array *rows, array *out)
{
    return array_new(NTK_F64, 3, (int64_t[]){j->times.view.shape[0], rows->view.shape[0], j->y.y.view.shape[1]}, out);
}

/* The loss at every time, and the bound that the spectrum gives for it. */
static int evaluate_loss(tool *t, job *j)
{
    int64_t n_times = j->times.view.shape[0];
    ntk_array loss, bound;
    int failed;
    j->loss = calloc((size_t)n_times + 1, sizeof *j->loss);
    j->bound = calloc((size_t)n_times + 1, sizeof *j->bound);
    if (!j->loss || !j->bound) return tool_fail(EXIT_FAILED, "dynamics: out of memory");
    loss = ntk_vector_f64(j->loss, n_times);
    bound = ntk_vector_f64(j->bound, n_times);
    TRY(tool_check(t, NULL, ntk_dynamics_loss_at(t->context, j->dynamics, j->times.view.data, n_times, &loss)));
    TRY(tool_check(t, NULL, ntk_dynamics_bound_at(t->context, j->dynamics, j->times.view.data, n_times, &bound)));
done:
    return failed;
}

static void report(tool *t, const job *j)
{
    json_t *losses = json_array();
    for (int64_t i = 0; losses && i < j->times.view.shape[0]; ++i) json_array_append_new(losses, json_real(j->loss[i]));
    report_integer(t, "rank", ntk_dynamics_rank(j->dynamics));
    report_text(t, "loss_scale", ntk_loss_scale_name(tool_loss_scale(t)));
    report_number(t, "unreachable_loss", ntk_dynamics_unreachable_loss(j->dynamics));
    report_number(t, "largest_step", ntk_dynamics_largest_step(j->dynamics));
    report_json(t, "loss", losses);
}

static int draw(tool *t, const job *j)
{
    const double *times = j->times.view.data;
    int64_t count = j->times.view.shape[0];
    const curve curves[] = {{.name = "loss", .x = times, .y = j->loss, .count = count},
                            {.name = "certificate", .x = times, .y = j->bound, .count = count},
                            {.name = NULL}};
    return tool_plot(t, &(plot){.title = "loss", .x_label = arguments_has(&t->arguments, "steps") ? "steps" : "time", .log_y = true, .curves = curves});
}

static int evaluate(tool *t, job *j)
{
    const double *times = j->times.view.data;
    int64_t n_times = j->times.view.shape[0];
    int failed;
    TRY(new_result(j, &j->gram, &j->out));
    TRY(tool_check(t, NULL, ntk_dynamics_at(t->context, j->dynamics, times, n_times, &j->out.view)));
    TRY(evaluate_loss(t, j));
    if (!j->gram_test.block) goto done;
    TRY(new_result(j, &j->gram_test, &j->out_test));
    TRY(tool_check(t, j->gram_test.path, ntk_dynamics_test_at(t->context, j->dynamics, &j->gram_test.view, given(&j->f0_test), times, n_times, &j->out_test.view)));
done:
    return failed;
}

static int run_steps(tool *t, job *j)
{
    int failed;
    TRY(read_all(t, j));
    tool_start_clock(t);
    TRY(make_dynamics(t, j));
    TRY(evaluate(t, j));
    tool_stop_clock(t, NULL);
    report(t, j);
    layout_restore(&j->form, j->y.vector, &j->out);
    TRY(tool_save(t, "out", &j->out));
    TRY(draw(t, j));
    if (!j->out_test.block) goto done;
    layout_restore(&j->form, j->y.vector, &j->out_test);
    TRY(tool_save(t, "out-test", &j->out_test));
done:
    return failed;
}

int run_dynamics(tool *t)
{
    job j = {0};
    int failed;
    if (strcmp(arguments_text(&t->arguments, "loss", "mse"), "mse") != 0)
        return tool_fail(EXIT_INPUT, "dynamics: --loss cross-entropy is not in this version");
    failed = run_steps(t, &j);
    ntk_dynamics_destroy(j.dynamics);
    ntk_gram_destroy(j.operator);
    free(j.loss);
    free(j.bound);
    targets_free(&j.y);
    array_free(&j.gram);
    array_free(&j.gram_test);
    array_free(&j.times);
    array_free(&j.f0);
    array_free(&j.f0_test);
    array_free(&j.out);
    array_free(&j.out_test);
    return failed;
}
