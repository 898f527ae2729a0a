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
    {.name = "hankel", .type = FLAG_OUTPUT, .value = "S.npy", .help = "Hankel singular values, largest first [s]"},
    {.name = "reduce", .type = FLAG_COUNT, .value = "k", .help = "the balanced truncation to k states, and its error bound"},
    {.name = "out-a", .type = FLAG_OUTPUT, .value = "A.npy", .help = "A of it [k, k]", .needs = "reduce"},
    {.name = "out-b", .type = FLAG_OUTPUT, .value = "B.npy", .help = "B of it [k, i]", .needs = "reduce"},
    {.name = "out-c", .type = FLAG_OUTPUT, .value = "C.npy", .help = "C of it [q, k]", .needs = "reduce"},
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

/* ---- what both Gramians say together ---- */

static int save_hankel(tool *t, const job *j)
{
    array values = {0};
    int failed;
    if (!arguments_has(&t->arguments, "hankel")) return 0;
    TRY(array_new(NTK_F64, 1, (int64_t[]){ntk_system_size(j->system)}, &values));
    TRY(tool_check(t, NULL, ntk_system_hankel(t->context, j->system, &values.view)));
    TRY(tool_save(t, "hankel", &values));
done:
    array_free(&values);
    return failed;
}

static int save_matrices(tool *t, const ntk_system *s)
{
    int64_t k = ntk_system_size(s);
    array a = {0}, b = {0}, c = {0};
    int failed;
    TRY(array_new(NTK_F64, 2, (int64_t[]){k, k}, &a));
    TRY(array_new(NTK_F64, 2, (int64_t[]){k, ntk_system_inputs(s)}, &b));
    TRY(array_new(NTK_F64, 2, (int64_t[]){ntk_system_outputs(s), k}, &c));
    TRY(tool_check(t, NULL, ntk_system_get_matrices(t->context, s, &a.view, &b.view, &c.view)));
    if (arguments_has(&t->arguments, "out-a")) TRY(tool_save(t, "out-a", &a));
    if (arguments_has(&t->arguments, "out-b")) TRY(tool_save(t, "out-b", &b));
    if (arguments_has(&t->arguments, "out-c")) TRY(tool_save(t, "out-c", &c));
done:
    array_free(&c);
    array_free(&b);
    array_free(&a);
    return failed;
}

static int save_reduced(tool *t, const job *j)
{
    ntk_system *reduced = NULL;
    double bound;
    int failed;
    if (!arguments_has(&t->arguments, "reduce")) return 0;
    TRY(tool_check(t, NULL, ntk_system_reduce(t->context, j->system, (int64_t)arguments_count(&t->arguments, "reduce", 1), &bound, &reduced)));
    report_number(t, "bound", bound);
    TRY(save_matrices(t, reduced));
done:
    ntk_system_destroy(reduced);
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
    TRY(save_hankel(t, j));
    TRY(save_reduced(t, j));
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
