/* ntk gramian: what is observable of, and reachable by, the linearised training x' = A x + B u, y = C x. */
#include "tool.h"

#include <math.h>

const flag_entry gramian_flags[] = {
    {.name = "gram", .type = FLAG_INPUT, .value = "K", .help = "kernel: A = -K, B = C = identity"},
    {.name = "a", .type = FLAG_INPUT, .value = "A", .help = "A [s, s], symmetric or not", .excludes = "gram"},
    {.name = "b", .type = FLAG_INPUT, .value = "B", .help = "B [s, i] (default: identity)", .needs = "a"},
    {.name = "c", .type = FLAG_INPUT, .value = "C", .help = "C [q, s] (default: identity)", .needs = "a"},
    {.name = "horizon", .type = FLAG_TIME, .value = "T|inf", .help = "the time from 0 to T (default: inf)"},
    {.name = "which", .type = FLAG_CHOICE, .value = "observability|controllability", .help = "the Gramian", .required = true},
    {.name = "out", .type = FLAG_OUTPUT, .value = "W.npy", .help = "the Gramian [s, s]", .required = true},
    LATER("jacobian"), LATER("optimizer-d"), LATER("weight-decay"),
    FLAGS_COMMON,
};

typedef struct job {
    array gram, a, b, c, w;
    ntk_gram *operator;
    ntk_system *system;
} job;

static int read_all(tool *t, job *j)
{
    int failed;
    if (!arguments_has(&t->arguments, "gram") && !arguments_has(&t->arguments, "a"))
        return tool_fail(EXIT_INPUT, "gramian: one of --gram and --a is needed");
    TRY(tool_read_matrix(t, "gram", &j->gram));
    TRY(tool_read_matrix(t, "a", &j->a));
    TRY(tool_read_matrix(t, "b", &j->b));
    TRY(tool_read_matrix(t, "c", &j->c));
done:
    return failed;
}

static int make_system(tool *t, job *j)
{
    int failed;
    if (j->a.block)
        return tool_check(t, NULL, ntk_system_from_matrices(t->context, &j->a.view, given(&j->b), given(&j->c), &j->system));
    TRY(tool_check(t, j->gram.path, ntk_gram_from_matrix(t->context, &j->gram.view, &j->operator)));
    TRY(tool_check(t, NULL, ntk_system_from_gram(t->context, j->operator, NTK_KIND_NTK, &j->system)));
done:
    return failed;
}

/* The residual of the Lyapunov equation, which only the infinite horizon satisfies. */
static int report_residual(tool *t, const job *j, ntk_gramian which)
{
    double residual;
    int failed;
    TRY(tool_check(t, NULL, ntk_system_residual(t->context, j->system, which, &j->w.view, &residual)));
    report_number(t, "residual", residual);
done:
    return failed;
}

static int run_steps(tool *t, job *j)
{
    double horizon = arguments_number(&t->arguments, "horizon", INFINITY);
    ntk_gramian which = NTK_GRAMIAN_OBSERVABILITY;
    int64_t s;
    int failed;
    ntk_gramian_from_name(arguments_text(&t->arguments, "which", NULL), &which);
    TRY(read_all(t, j));
    tool_start_clock(t);
    TRY(make_system(t, j));
    s = ntk_system_size(j->system);
    TRY(array_new(NTK_F64, 2, (int64_t[]){s, s}, &j->w));
    TRY(tool_check(t, NULL, ntk_system_gramian(t->context, j->system, which, horizon, &j->w.view)));
    tool_stop_clock(t, NULL);
    report_text(t, "which", ntk_gramian_name(which));
    if (isinf(horizon)) TRY(report_residual(t, j, which));
    TRY(tool_save(t, "out", &j->w));
done:
    return failed;
}

int run_gramian(tool *t)
{
    job j = {0};
    int failed = run_steps(t, &j);
    ntk_system_destroy(j.system);
    ntk_gram_destroy(j.operator);
    array_free(&j.gram);
    array_free(&j.a);
    array_free(&j.b);
    array_free(&j.c);
    array_free(&j.w);
    return failed;
}
