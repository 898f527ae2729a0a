/* ntk gramian: what is observable of, and reachable by, the linearised training x' = A x + B u, z = C x.  Its flags, the system and W. */
#include "gramian.h"

#include <math.h>

const flag_entry gramian_flags[] = {
    {.name = "gram", .type = FLAG_INPUT, .value = "K", .help = "kernel: A = -K"},
    {.name = "a", .type = FLAG_INPUT, .value = "A", .help = "A [s, s], symmetric or not", .excludes = "gram"},
    {.name = "b", .type = FLAG_INPUT, .value = "B", .help = "B [s, i] (default: identity)", .excludes = "jacobian"},
    {.name = "c", .type = FLAG_INPUT, .value = "C", .help = "C [q, s] (default: identity)", .excludes = "jacobian"},
    {.name = "jacobian", .type = FLAG_INPUT, .value = "J", .help = "J [n, p]: parameter space, A = -(J'J/D + L), B = J'/D, C = J", .excludes = "gram"},
    {.name = "optimizer-d", .type = FLAG_INPUT, .value = "D", .help = "a positive D [p] (default: ones)", .needs = "jacobian"},
    {.name = "weight-decay", .type = FLAG_NUMBER, .value = "L", .help = "the weight decay L (default: 0)", .needs = "jacobian"},
    {.name = "horizon", .type = FLAG_TIME, .value = "T|inf", .help = "the time from 0 to T (default: inf)"},
    {.name = "step", .type = FLAG_POSITIVE, .value = "E", .help = "steps x + E A x of gradient descent for ever, in place of the flow", .excludes = "horizon"},
    {.name = "which", .type = FLAG_CHOICE, .value = "observability|controllability", .help = "the Gramian", .required = true},
    {.name = "out", .type = FLAG_OUTPUT, .value = "W.npy", .help = "the Gramian [s, s]; of --jacobian and p > 10000 a factor [p, rank]", .required = true},
    {.name = "hankel", .type = FLAG_OUTPUT, .value = "S.npy", .help = "Hankel singular values, largest first [s]"},
    {.name = "reduce", .type = FLAG_COUNT, .value = "k", .help = "the balanced truncation to k states, and its error bound"},
    {.name = "out-a", .type = FLAG_OUTPUT, .value = "A.npy", .help = "A of it [k, k]", .needs = "reduce"},
    {.name = "out-b", .type = FLAG_OUTPUT, .value = "B.npy", .help = "B of it [k, i]", .needs = "reduce"},
    {.name = "out-c", .type = FLAG_OUTPUT, .value = "C.npy", .help = "C of it [q, k]", .needs = "reduce"},
    {.name = "settle", .type = FLAG_POSITIVE, .value = "SHARE", .help = "when the slowest mode that moves is down to this share; when any state is"},
    {.name = "out-directions", .type = FLAG_OUTPUT, .value = "V.npy", .help = "eigenvectors of the Gramian in columns, most energy first [s, s]"},
    {.name = "out-shares", .type = FLAG_OUTPUT, .value = "F.npy", .help = "of what each gives for ever, the share until T: 1 - exp(-2 lambda T) of --gram [s]"},
    {.name = "times", .type = FLAG_INPUT, .value = "T", .help = "ascending times of outputs"},
    {.name = "start", .type = FLAG_INPUT, .value = "X0", .help = "a state [s] at time 0", .needs = "out-response"},
    {.name = "out-response", .type = FLAG_OUTPUT, .value = "Z.npy", .help = "its outputs C exp(A t) x0 [times, q]", .needs = "start"},
    {.name = "samples", .type = FLAG_INPUT, .value = "Z", .help = "measured outputs [times, q]: what the state was at time 0", .needs = "out-state"},
    {.name = "noise", .type = FLAG_INPUT, .value = "N", .help = "deviation of the noise of each sample [times] (default: 1)", .needs = "samples"},
    {.name = "prior", .type = FLAG_NUMBER, .value = "P", .help = "deviation of the state, as known beforehand (default: nothing is)", .needs = "samples"},
    {.name = "out-state", .type = FLAG_OUTPUT, .value = "X0.npy", .help = "the state at time 0 by weighted least squares [s]", .needs = "samples"},
    {.name = "out-covariance", .type = FLAG_OUTPUT, .value = "V.npy", .help = "its covariance [s, s]", .needs = "samples"},
    {.name = "reach", .type = FLAG_INPUT, .value = "X", .help = "a state [s]: the least energy of inputs that lead there from 0 until T"},
    {.name = "out-costate", .type = FLAG_OUTPUT, .value = "P.npy", .help = "p of the input B' exp(A'(T - t)) p that does it [s]", .needs = "reach"},
    FLAG_PLOT("the eigenvalues of the Gramian, and the Hankel values if asked for"),
    FLAGS_COMMON,
};

enum { LARGEST_MATRIX = 10000 }; /* p: beyond, W is a factor */

static int read_all(tool *t, gramian_job *j)
{
    int failed;
    bool a = arguments_has(&t->arguments, "a"), jacobian = arguments_has(&t->arguments, "jacobian");
    if (!arguments_has(&t->arguments, "gram") && !a && !jacobian)
        return tool_fail(EXIT_INPUT, "gramian: one of --gram, --a and --jacobian is needed");
    if (a && jacobian) return tool_fail(EXIT_INPUT, "gramian: --a and --jacobian exclude each other");
    TRY(tool_read_matrix(t, "jacobian", &j->j));
    TRY(tool_read_vector(t, "optimizer-d", &j->d));
    TRY(tool_read_matrix(t, "gram", &j->gram));
    TRY(tool_read_matrix(t, "a", &j->a));
    TRY(tool_read_matrix(t, "b", &j->b));
    TRY(tool_read_matrix(t, "c", &j->c));
    TRY(gramian_read_uses(t, j));
done:
    return failed;
}

static int make_parameters(tool *t, gramian_job *j)
{
    double decay = arguments_number(&t->arguments, "weight-decay", 0);
    int failed;
    TRY(tool_check(t, j->j.path, ntk_jacobian_from_matrix(t->context, &j->j.view, 1, &j->jacobian)));
    if (j->d.block) TRY(tool_check(t, j->d.path, ntk_optimizer_diagonal(t->context, &j->d.view, &j->optimizer)));
    TRY(tool_check(t, NULL, ntk_system_from_jacobian(t->context, j->jacobian, j->optimizer, decay, &j->system)));
done:
    return failed;
}

static int make_system(tool *t, gramian_job *j)
{
    ntk_system *whole = NULL;
    int failed;
    if (j->j.block) return make_parameters(t, j);
    if (j->a.block)
        return tool_check(t, NULL, ntk_system_from_matrices(t->context, &j->a.view, given(&j->b), given(&j->c), &j->system));
    TRY(tool_check(t, j->gram.path, ntk_gram_from_matrix(t->context, &j->gram.view, &j->operator)));
    TRY(tool_check(t, NULL, ntk_system_from_gram(t->context, j->operator, NTK_KIND_NTK, &whole)));
    TRY(tool_check(t, NULL, ntk_system_with_ports(t->context, whole, given(&j->b), given(&j->c), &j->system)));
done:
    ntk_system_destroy(whole);
    return failed;
}

/* Sum over the steps, and its residual. */
static int make_discrete(tool *t, gramian_job *j, ntk_gramian which)
{
    double step = arguments_number(&t->arguments, "step", 0), residual;
    int64_t s = ntk_system_size(j->system);
    int failed;
    TRY(array_new(NTK_F64, 2, (int64_t[]){s, s}, &j->w));
    TRY(tool_check(t, "--step", ntk_system_discrete_gramian(t->context, j->system, which, step, &j->w.view)));
    tool_stop_clock(t, NULL);
    report_text(t, "which", ntk_gramian_name(which));
    TRY(tool_check(t, NULL, ntk_system_discrete_residual(t->context, j->system, which, step, &j->w.view, &residual)));
    report_number(t, "residual", residual);
done:
    return failed;
}

/* The residual of the Lyapunov equation, which only the infinite horizon satisfies. */
static int report_residual(tool *t, const gramian_job *j, ntk_gramian which)
{
    double residual;
    int failed;
    TRY(tool_check(t, NULL, ntk_system_residual(t->context, j->system, which, &j->w.view, &residual)));
    report_number(t, "residual", residual);
done:
    return failed;
}

/* Of several solutions at infinity W is the smallest: that there are others is said. */
static int report_resting(tool *t, const gramian_job *j, ntk_gramian which)
{
    int64_t count = 0;
    int failed;
    TRY(tool_check(t, NULL, ntk_system_resting_modes(t->context, j->system, which, &count)));
    if (count > 0) report_integer(t, "resting_modes", count);
done:
    return failed;
}

/* The matrix, or the factor of a large one. */
static int make_gramian(tool *t, gramian_job *j, ntk_gramian which, double horizon)
{
    int64_t s = ntk_system_size(j->system), rank = ntk_system_rank(j->system);
    bool factor = j->jacobian && s > LARGEST_MATRIX;
    ntk_status (*get)(ntk_context *, const ntk_system *, ntk_gramian, double, ntk_array *) = factor ? ntk_system_gramian_factor : ntk_system_gramian;
    int failed;
    TRY(array_new(NTK_F64, 2, (int64_t[]){s, factor ? rank : s}, &j->w));
    TRY(tool_check(t, NULL, get(t->context, j->system, which, horizon, &j->w.view)));
    tool_stop_clock(t, NULL);
    report_text(t, "which", ntk_gramian_name(which));
    if (j->jacobian) report_integer(t, "rank", rank);
    else if (isinf(horizon)) TRY(report_resting(t, j, which));
    if (isinf(horizon) && !factor) TRY(report_residual(t, j, which));
done:
    return failed;
}

static int run_steps(tool *t, gramian_job *j)
{
    double horizon = arguments_number(&t->arguments, "horizon", INFINITY);
    ntk_gramian which = NTK_GRAMIAN_OBSERVABILITY;
    int failed;
    ntk_gramian_from_name(arguments_text(&t->arguments, "which", NULL), &which);
    TRY(read_all(t, j));
    tool_start_clock(t);
    TRY(make_system(t, j));
    TRY(arguments_has(&t->arguments, "step") ? make_discrete(t, j, which) : make_gramian(t, j, which, horizon));
    TRY(tool_save(t, "out", &j->w));
    TRY(gramian_save_hankel(t, j));
    TRY(gramian_save_reduced(t, j));
    TRY(gramian_use(t, j, which, horizon));
    TRY(gramian_draw(t, j));
done:
    return failed;
}

int run_gramian(tool *t)
{
    gramian_job j = {0};
    int failed = run_steps(t, &j);
    ntk_system_destroy(j.system);
    ntk_gram_destroy(j.operator);
    ntk_optimizer_destroy(j.optimizer);
    ntk_jacobian_destroy(j.jacobian);
    array_free(&j.j);
    array_free(&j.d);
    array_free(&j.gram);
    array_free(&j.a);
    array_free(&j.b);
    array_free(&j.c);
    array_free(&j.w);
    gramian_free_uses(&j);
    return failed;
}
