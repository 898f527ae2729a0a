/* ntk gramian: what is observable of, and reachable by, the linearised training x' = A x + B u, y = C x. */
#include "tool.h"

#include <math.h>

const flag_entry gramian_flags[] = {
    {.name = "gram", .type = FLAG_INPUT, .value = "K", .help = "kernel: A = -K, B = C = identity"},
    {.name = "a", .type = FLAG_INPUT, .value = "A", .help = "A [s, s], symmetric or not", .excludes = "gram"},
    {.name = "b", .type = FLAG_INPUT, .value = "B", .help = "B [s, i] (default: identity)", .needs = "a"},
    {.name = "c", .type = FLAG_INPUT, .value = "C", .help = "C [q, s] (default: identity)", .needs = "a"},
    {.name = "jacobian", .type = FLAG_INPUT, .value = "J", .help = "J [n, p]: parameter space, A = -(J'J/D + L), B = J'/D, C = J", .excludes = "gram"},
    {.name = "optimizer-d", .type = FLAG_INPUT, .value = "D", .help = "a positive D [p] (default: ones)", .needs = "jacobian"},
    {.name = "weight-decay", .type = FLAG_NUMBER, .value = "L", .help = "the weight decay L (default: 0)", .needs = "jacobian"},
    {.name = "horizon", .type = FLAG_TIME, .value = "T|inf", .help = "the time from 0 to T (default: inf)"},
    {.name = "which", .type = FLAG_CHOICE, .value = "observability|controllability", .help = "the Gramian", .required = true},
    {.name = "out", .type = FLAG_OUTPUT, .value = "W.npy", .help = "the Gramian [s, s]; of --jacobian and p > 10000 a factor [p, rank]", .required = true},
    FLAGS_COMMON,
};

enum { LARGEST_MATRIX = 10000 }; /* p: beyond, W is a factor */

typedef struct job {
    array gram, a, b, c, w, j, d;
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer;
    ntk_gram *operator;
    ntk_system *system;
} job;

static int read_all(tool *t, job *j)
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
done:
    return failed;
}

static int make_parameters(tool *t, job *j)
{
    double decay = arguments_number(&t->arguments, "weight-decay", 0);
    int failed;
    TRY(tool_check(t, j->j.path, ntk_jacobian_from_matrix(t->context, &j->j.view, 1, &j->jacobian)));
    if (j->d.block) TRY(tool_check(t, j->d.path, ntk_optimizer_diagonal(t->context, &j->d.view, &j->optimizer)));
    TRY(tool_check(t, NULL, ntk_system_from_jacobian(t->context, j->jacobian, j->optimizer, decay, &j->system)));
done:
    return failed;
}

static int make_system(tool *t, job *j)
{
    int failed;
    if (j->j.block) return make_parameters(t, j);
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

/* The matrix, or the factor of a large one. */
static int make_gramian(tool *t, job *j, ntk_gramian which, double horizon)
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
    if (isinf(horizon) && !factor) TRY(report_residual(t, j, which));
done:
    return failed;
}

static int run_steps(tool *t, job *j)
{
    double horizon = arguments_number(&t->arguments, "horizon", INFINITY);
    ntk_gramian which = NTK_GRAMIAN_OBSERVABILITY;
    int failed;
    ntk_gramian_from_name(arguments_text(&t->arguments, "which", NULL), &which);
    TRY(read_all(t, j));
    tool_start_clock(t);
    TRY(make_system(t, j));
    TRY(make_gramian(t, j, which, horizon));
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
    ntk_optimizer_destroy(j.optimizer);
    ntk_jacobian_destroy(j.jacobian);
    array_free(&j.j);
    array_free(&j.d);
    array_free(&j.gram);
    array_free(&j.a);
    array_free(&j.b);
    array_free(&j.c);
    array_free(&j.w);
    return failed;
}
