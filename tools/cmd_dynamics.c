/* ntk dynamics: f(t) of gradient descent, on the training set and on new inputs: in closed form for the squared error, else by an integrator. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>

const flag_entry dynamics_flags[] = {
    {.name = "gram", .type = FLAG_INPUT, .value = "K", .help = "kernel of the training inputs [n, n] or [n o, n o]", .required = true},
    {.name = "y", .type = FLAG_INPUT, .value = "Y", .help = "targets [n] or [n, o], or classes [n]", .required = true},
    {.name = "times", .type = FLAG_INPUT, .value = "T", .help = "times, at least 0; inf is one of them", .required = true},
    {.name = "f0", .type = FLAG_INPUT, .value = "F0", .help = "outputs at the start, like y (default: 0)"},
    {.name = "gram-test", .type = FLAG_INPUT, .value = "KT", .help = "kernel of test with training inputs", .needs = "out-test"},
    {.name = "f0-test", .type = FLAG_INPUT, .value = "G0", .help = "outputs at the start on the test inputs (default: 0)", .needs = "gram-test"},
    {.name = "out-test", .type = FLAG_OUTPUT, .value = "G.npy", .help = "outputs on the test inputs [times, m, o]", .needs = "gram-test"},
    {.name = "loss", .type = FLAG_CHOICE, .value = "mse|cross-entropy|logistic|huber", .help = "what falls (default: mse); classes are one-hot for cross-entropy and logistic"},
    {.name = "huber-delta", .type = FLAG_POSITIVE, .value = "D", .help = "where huber turns from squares to lines (default: 1)"},
    {.name = "tolerance", .type = FLAG_POSITIVE, .value = "R", .help = "relative error of an integrator's step (default: 1e-10); mse has none"},
    {.name = "state", .type = FLAG_INPUT, .value = "S.npy", .help = "goes on from here, not for mse"},
    {.name = "out-state", .type = FLAG_OUTPUT, .value = "S.npy", .help = "where the last time leaves off, not for mse"},
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
    ntk_loss loss_function;
    ntk_dynamics *dynamics; /* mse */
    ntk_learning *learning; /* others */
    array state, weights;
} job;

/* Classes are 1 and 0 for losses of probabilities. */
static void code_probabilities(job *j)
{
    double *y = j->y.y.view.data;
    if (!j->y.classes || (j->loss_function != NTK_LOSS_CROSS_ENTROPY && j->loss_function != NTK_LOSS_LOGISTIC)) return;
    for (int64_t i = 0; i < j->y.y.view.shape[0] * j->y.y.view.shape[1]; ++i) y[i] = y[i] > 0;
}

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
    code_probabilities(j);
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

static int make_closed_form(tool *t, job *j)
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
    return tool_check(t, NULL, ntk_dynamics_create(t->context, j->operator, &j->y.y.view, &options, &j->dynamics));
}

/* The outputs of a sample are together in one row: [n, o] of a full gram too. */
static ntk_array by_sample(const job *j, const ntk_array *a)
{
    if (!j->form.full) return *a;
    return ntk_matrix_f64(a->data, a->shape[0] / j->form.outputs, j->form.outputs);
}

static int make_integrator(tool *t, job *j)
{
    ntk_array y = by_sample(j, &j->y.y.view), f0;
    ntk_learning_options options = {
        NTK_LEARNING_OPTIONS_INIT,
        .loss = j->loss_function,
        .loss_scale = tool_loss_scale(t),
        .discrete = arguments_has(&t->arguments, "steps"),
        .learning_rate = arguments_number(&t->arguments, "learning-rate", 1),
        .momentum = arguments_number(&t->arguments, "momentum", 0),
        .weight_decay = arguments_number(&t->arguments, "weight-decay", 0),
        .huber_delta = arguments_number(&t->arguments, "huber-delta", 0),
        .tolerance = arguments_number(&t->arguments, "tolerance", 0),
    };
    int failed;
    if (j->f0.block) {
        f0 = by_sample(j, &j->f0.view);
        options.f0 = &f0;
    }
    TRY(tool_check(t, NULL, ntk_learning_create(t->context, j->operator, &y, &options, &j->learning)));
    if (!j->state.block) TRY(array_new(NTK_F64, 1, (int64_t[]){ntk_learning_state_size(j->learning)}, &j->state));
done:
    return failed;
}

static int make_dynamics(tool *t, job *j)
{
    int failed;
    TRY(tool_check(t, j->gram.path, ntk_gram_from_matrix(t->context, &j->gram.view, &j->operator)));
    TRY(j->loss_function == NTK_LOSS_SQUARED_ERROR ? make_closed_form(t, j) : make_integrator(t, j));
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
    ntk_array loss = ntk_vector_f64(j->loss, n_times), bound = ntk_vector_f64(j->bound, n_times);
    int failed;
    TRY(tool_check(t, NULL, ntk_dynamics_loss_at(t->context, j->dynamics, j->times.view.data, n_times, &loss)));
    TRY(tool_check(t, NULL, ntk_dynamics_bound_at(t->context, j->dynamics, j->times.view.data, n_times, &bound)));
done:
    return failed;
}

static void report(tool *t, const job *j)
{
    json_t *losses = json_array();
    for (int64_t i = 0; losses && i < j->times.view.shape[0]; ++i) json_array_append_new(losses, json_real(j->loss[i]));
    if (j->dynamics) report_integer(t, "rank", ntk_dynamics_rank(j->dynamics));
    report_text(t, "loss_scale", ntk_loss_scale_name(tool_loss_scale(t)));
    if (j->dynamics) {
        report_number(t, "unreachable_loss", ntk_dynamics_unreachable_loss(j->dynamics));
        report_number(t, "largest_step", ntk_dynamics_largest_step(j->dynamics));
    } else {
        report_text(t, "loss_function", ntk_loss_name(j->loss_function));
        report_integer(t, "steps", (int64_t)((const double *)j->state.view.data)[3]);
    }
    report_json(t, "loss", losses);
}

static int draw(tool *t, const job *j)
{
    const double *times = j->times.view.data;
    int64_t count = j->times.view.shape[0];
    const curve curves[] = {{.name = "loss", .x = times, .y = j->loss, .count = count},
                            {.name = j->dynamics ? "certificate" : NULL, .x = times, .y = j->bound, .count = count},
                            {.name = NULL}};
    return tool_plot(t, &(plot){.title = "loss", .x_label = arguments_has(&t->arguments, "steps") ? "steps" : "time", .log_y = true, .curves = curves});
}

static int evaluate_closed_form(tool *t, job *j)
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

/* [times] + the form in which the loss sees one sample a row. */
static ntk_array all_by_sample(const job *j, const ntk_array *a)
{
    if (!j->form.full) return *a;
    return ntk_array_dense(a->data, NTK_F64, 3, (int64_t[]){a->shape[0], a->shape[1] / j->form.outputs, j->form.outputs});
}

static int evaluate_integrator(tool *t, job *j)
{
    int64_t n_times = j->times.view.shape[0];
    ntk_array weights, out, out_test, f0_test, loss = ntk_vector_f64(j->loss, n_times);
    int failed;
    TRY(new_result(j, &j->gram, &j->weights));
    TRY(new_result(j, &j->gram, &j->out));
    weights = all_by_sample(j, &j->weights.view);
    out = all_by_sample(j, &j->out.view);
    TRY(tool_check(t, NULL, ntk_learning_weights_at(t->context, j->learning, &j->state.view, j->times.view.data, n_times, &weights)));
    TRY(tool_check(t, NULL, ntk_learning_train(t->context, j->learning, &weights, &out)));
    TRY(tool_check(t, NULL, ntk_learning_loss(t->context, j->learning, &weights, &loss)));
    if (!j->gram_test.block) goto done;
    TRY(new_result(j, &j->gram_test, &j->out_test));
    out_test = all_by_sample(j, &j->out_test.view);
    if (j->f0_test.block) f0_test = by_sample(j, &j->f0_test.view);
    TRY(tool_check(t, j->gram_test.path, ntk_learning_test(t->context, j->learning, &j->gram_test.view, j->f0_test.block ? &f0_test : NULL, &weights, &out_test)));
done:
    return failed;
}

static int evaluate(tool *t, job *j)
{
    size_t count = (size_t)j->times.view.shape[0] + 1;
    j->loss = calloc(count, sizeof *j->loss);
    j->bound = calloc(count, sizeof *j->bound);
    if (!j->loss || !j->bound) return tool_fail(EXIT_FAILED, "dynamics: out of memory");
    return j->dynamics ? evaluate_closed_form(t, j) : evaluate_integrator(t, j);
}

/* Flags that only one of the two ways has. */
static int read_loss(tool *t, job *j)
{
    static const char *const others[] = {"tolerance", "state", "out-state"};
    ntk_loss_from_name(arguments_text(&t->arguments, "loss", "mse"), &j->loss_function);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; ++i)
        if (j->loss_function == NTK_LOSS_SQUARED_ERROR && arguments_has(&t->arguments, others[i]))
            return tool_fail(EXIT_INPUT, "dynamics: --%s is for other losses; mse has a closed form", others[i]);
    if (j->loss_function != NTK_LOSS_HUBER && arguments_has(&t->arguments, "huber-delta"))
        return tool_fail(EXIT_INPUT, "dynamics: --huber-delta needs --loss huber");
    return tool_read_vector(t, "state", &j->state);
}

static int run_steps(tool *t, job *j)
{
    int failed;
    TRY(read_loss(t, j));
    TRY(read_all(t, j));
    tool_start_clock(t);
    TRY(make_dynamics(t, j));
    TRY(evaluate(t, j));
    tool_stop_clock(t, NULL);
    report(t, j);
    layout_restore(&j->form, j->y.vector, &j->out);
    TRY(tool_save(t, "out", &j->out));
    TRY(draw(t, j));
    if (j->learning) TRY(tool_save(t, "out-state", &j->state));
    if (!j->out_test.block) goto done;
    layout_restore(&j->form, j->y.vector, &j->out_test);
    TRY(tool_save(t, "out-test", &j->out_test));
done:
    return failed;
}

int run_dynamics(tool *t)
{
    job j = {0};
    int failed = run_steps(t, &j);
    ntk_learning_destroy(j.learning);
    array_free(&j.state);
    array_free(&j.weights);
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
