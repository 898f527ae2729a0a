/*
 * ntk tune: scales, rates and noise from the data, by L-BFGS on the gradient that the library gives (Nocedal 1980; NLopt's, after Luksan).
 *
 * The search goes over the logarithms of all values, within a box around the network's own; besides that of the network, other starts are drawn
 * in the box, and the best end counts.  A start from which the objective cannot be computed is left out.
 */
#include "tool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const flag_entry tune_flags[] = {
    FLAG_NETWORK,
    {.name = "x", .type = FLAG_INPUT, .value = "X", .help = "inputs [n, ...]", .required = true},
    {.name = "y", .type = FLAG_INPUT, .value = "Y", .help = "classes [n] or targets [n] or [n, o]", .required = true},
    {.name = "objective", .type = FLAG_CHOICE, .value = "evidence|loo|loo_error", .help = "what grows: log p(y); log density, or minus squared error, of each sample given the others (default: evidence)"},
    FLAG_KIND("the kernel"),
    {.name = "noise", .type = FLAG_POSITIVE, .value = "S", .help = "first variance of the noise (default: 0.01)"},
    {.name = "span", .type = FLAG_POSITIVE, .value = "F", .help = "values stay within F times and 1/F of the network's, the noise within F^2 (default: 100)"},
    {.name = "starts", .type = FLAG_COUNT, .value = "R", .help = "the network's values, and others drawn at random (default: 3)"},
    {.name = "seed", .type = FLAG_SEED, .value = "S", .help = "of the other starts (default: 0)"},
    {.name = "evaluations", .type = FLAG_COUNT, .value = "N", .help = "at most, of each start (default: 200)"},
    {.name = "limit", .type = FLAG_COUNT, .value = "N", .help = "only the first N samples"},
    FLAG_REGRESSION,
    {.name = "out", .type = FLAG_OUTPUT, .value = "NET2.json", .help = "the network with the values found", .required = true},
    FLAGS_COMMON,
};

#if defined(NTK_HAVE_NLOPT)

#include <nlopt.h>

typedef struct job {
    tool *t;
    ntk_network *network, *tuned;
    ntk_tuner *tuner;
    array x;
    targets y;
    int count;
    double *memory, *start, *lower, *upper, *at, *best, *values, *gradient; /* [count] each; the first four, at and best: logarithms */
    double first_value, best_value;
    int evaluations;
    bool cancelled;
} job;

static int read_data(tool *t, job *j)
{
    int64_t limit = (int64_t)arguments_count(&t->arguments, "limit", 0);
    int failed;
    TRY(tool_network(t, &j->network));
    TRY(tool_read_inputs(t, "x", j->network, NTK_F64, &j->x));
    if (limit > 0 && limit < j->x.view.shape[0]) j->x.view.shape[0] = limit;
    TRY(targets_read(t, "y", NTK_F64, limit, &j->y));
    if (j->x.view.shape[0] != j->y.y.view.shape[0])
        failed = tool_fail(EXIT_INPUT, "tune: --x %s has %lld samples, --y %s has %lld", j->x.path, (long long)j->x.view.shape[0], j->y.y.path,
                           (long long)j->y.y.view.shape[0]);
done:
    return failed;
}

static int make_tuner(tool *t, job *j)
{
    ntk_tuner_options options = {NTK_TUNER_OPTIONS_INIT, .kind = tool_kind(t), .noise = arguments_number(&t->arguments, "noise", 0)};
    double span = log(arguments_number(&t->arguments, "span", 100));
    ntk_array values;
    int failed;
    ntk_objective_from_name(arguments_text(&t->arguments, "objective", "evidence"), &options.objective);
    TRY(tool_check(t, arguments_text(&t->arguments, "network", NULL), ntk_tuner_create(t->context, j->network, &j->x.view, &j->y.y.view, &options, &j->tuner)));
    j->count = (int)ntk_tuner_parameters(j->tuner);
    j->memory = calloc((size_t)(7 * j->count), sizeof *j->memory);
    if (!j->memory) return tool_fail(EXIT_FAILED, "tune: out of memory");
    j->start = j->memory, j->lower = j->start + j->count, j->upper = j->lower + j->count, j->at = j->upper + j->count;
    j->best = j->at + j->count, j->values = j->best + j->count, j->gradient = j->values + j->count;
    values = ntk_vector_f64(j->values, j->count);
    TRY(tool_check(t, NULL, ntk_tuner_get_values(t->context, j->tuner, &values)));
    for (int i = 0; i < j->count; ++i) {
        double width = i == j->count - 1 ? 2 * fabs(span) : fabs(span);
        j->start[i] = log(j->values[i]);
        j->lower[i] = j->start[i] - width;
        j->upper[i] = j->start[i] + width;
    }
done:
    return failed;
}

/* For NLopt: the objective at logarithms, and its gradient there.  A point where it cannot be computed ends this start. */
static double evaluate(unsigned count, const double *at, double *slope, void *user)
{
    job *j = user;
    ntk_array values = ntk_vector_f64(j->values, j->count), gradient = ntk_vector_f64(j->gradient, j->count);
    double value = -INFINITY;
    ntk_status status;
    (void)count;
    for (int i = 0; i < j->count; ++i) j->values[i] = exp(at[i]);
    status = ntk_tuner_evaluate(j->t->context, j->tuner, &values, &value, slope ? &gradient : NULL);
    ++j->evaluations;
    j->cancelled |= status == NTK_ERROR_CANCELLED;
    if (status != NTK_OK) return NAN;
    for (int i = 0; slope && i < j->count; ++i) slope[i] = j->values[i] * j->gradient[i];
    if (value > j->best_value) {
        j->best_value = value;
        memcpy(j->best, at, (size_t)j->count * sizeof *at);
    }
    return value;
}

/* Uniform in (0, 1), a fixed function of seed and index (Steele, Lea & Flood 2014). */
static double uniform(uint64_t seed, uint64_t index)
{
    uint64_t z = (seed * 0x632be59bd9b4e019u) + (index + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

static int search(tool *t, job *j)
{
    int starts = (int)arguments_count(&t->arguments, "starts", 3), most = (int)arguments_count(&t->arguments, "evaluations", 200);
    uint64_t seed = arguments_count(&t->arguments, "seed", 0);
    nlopt_opt optimizer = nlopt_create(NLOPT_LD_LBFGS, (unsigned)j->count);
    if (!optimizer) return tool_fail(EXIT_FAILED, "tune: out of memory");
    nlopt_set_max_objective(optimizer, evaluate, j);
    nlopt_set_lower_bounds(optimizer, j->lower);
    nlopt_set_upper_bounds(optimizer, j->upper);
    nlopt_set_ftol_rel(optimizer, 1e-9);
    nlopt_set_xtol_rel(optimizer, 1e-6);
    nlopt_set_maxeval(optimizer, most);
    j->best_value = -INFINITY;
    for (int run = 0; run < starts && !j->cancelled; ++run) {
        double value;
        for (int i = 0; i < j->count; ++i) /* the middle half of the box, so that no start lies on its border */
            j->at[i] = run == 0 ? j->start[i] : j->start[i] + (uniform(seed, (uint64_t)(run * j->count + i)) - 0.5) * (j->upper[i] - j->lower[i]) / 2;
        if (run == 0) j->first_value = evaluate(0, j->at, NULL, j);
        nlopt_optimize(optimizer, j->at, &value);
    }
    nlopt_destroy(optimizer);
    if (j->cancelled) return tool_check(t, NULL, NTK_ERROR_CANCELLED);
    return isfinite(j->best_value) ? 0 : tool_check(t, NULL, ntk_context_error(t->context));
}

static int finish(tool *t, job *j)
{
    ntk_array values = ntk_vector_f64(j->values, j->count);
    json_t *found = json_object();
    char name[256];
    int failed;
    for (int i = 0; i < j->count; ++i) {
        j->values[i] = exp(j->best[i]);
        TRY(tool_check(t, NULL, ntk_tuner_get_name(t->context, j->tuner, i, name, sizeof name)));
        json_object_set_new(found, name, json_real(j->values[i]));
    }
    TRY(tool_check(t, NULL, ntk_tuner_network(t->context, j->tuner, &values, &j->tuned)));
    report_integer(t, "parameters", j->count);
    report_number(t, "before", j->first_value);
    report_number(t, "after", j->best_value);
    report_integer(t, "evaluations", j->evaluations);
    report_number(t, "noise", j->values[j->count - 1]);
    report_json(t, "values", found);
    found = NULL;
done:
    json_decref(found);
    return failed;
}

static int save(tool *t, const job *j)
{
    const char *path = arguments_text(&t->arguments, "out", NULL);
    size_t size = 0, written;
    char *text = NULL;
    npy_file file;
    FILE *out = NULL;
    int descriptor, failed;
    ntk_network_format(t->context, j->tuned, NULL, 0, &size);
    text = malloc(size + 1);
    if (!text) return tool_fail(EXIT_FAILED, "tune: out of memory");
    TRY(tool_check(t, NULL, ntk_network_format(t->context, j->tuned, text, size, NULL)));
    TRY(npy_create(path, &file, &descriptor));
    TRY(tool_keep(t, "out", &file));
    out = fdopen(descriptor, "w");
    if (!out) {
        close(descriptor);
        return tool_fail(EXIT_FAILED, "%s: cannot be written", path);
    }
    written = fwrite(text, 1, strlen(text), out) + fwrite("\n", 1, 1, out);
    if (fclose(out) != 0 || written != strlen(text) + 1) failed = tool_fail(EXIT_FAILED, "%s: cannot be written", path);
done:
    free(text);
    return failed;
}

int run_tune(tool *t)
{
    job j = {.t = t};
    int failed;
    TRY(read_data(t, &j));
    tool_start_clock(t);
    TRY(make_tuner(t, &j));
    TRY(search(t, &j));
    tool_stop_clock(t, NULL);
    report_text(t, "objective", arguments_text(&t->arguments, "objective", "evidence"));
    TRY(finish(t, &j));
    TRY(save(t, &j));
done:
    ntk_network_destroy(j.tuned);
    ntk_tuner_destroy(j.tuner);
    ntk_network_destroy(j.network);
    array_free(&j.x);
    targets_free(&j.y);
    free(j.memory);
    return failed;
}

#else

int run_tune(tool *t)
{
    (void)t;
    return tool_fail(EXIT_FAILED, "tune: this ntk was built without NLopt, whose L-BFGS does the search; install it (Debian: libnlopt-dev) and build again");
}

#endif
