/* ntk gramian: what one does with Gramians. */
#include "gramian.h"

#include <math.h>

int gramian_read_uses(tool *t, gramian_job *j)
{
    int failed;
    bool wanted = arguments_has(&t->arguments, "start") || arguments_has(&t->arguments, "samples");
    if (wanted != arguments_has(&t->arguments, "times"))
        return tool_fail(EXIT_INPUT, "gramian: %s", wanted ? "--start and --samples need --times" : "--times needs --start or --samples");
    TRY(tool_read_vector(t, "times", &j->times));
    TRY(tool_read_vector(t, "start", &j->start));
    TRY(tool_read_matrix(t, "samples", &j->samples));
    TRY(tool_read_vector(t, "noise", &j->noise));
    TRY(tool_read_vector(t, "reach", &j->reach));
done:
    return failed;
}

void gramian_free_uses(gramian_job *j)
{
    array_free(&j->times);
    array_free(&j->start);
    array_free(&j->samples);
    array_free(&j->noise);
    array_free(&j->reach);
    array_free(&j->hankel);
}

static int report_margins(tool *t, const gramian_job *j)
{
    double share = arguments_number(&t->arguments, "settle", 0), time, certain;
    int failed = 0;
    report_number(t, "abscissa", ntk_system_abscissa(j->system));
    report_number(t, "largest_step", ntk_system_largest_step(j->system));
    if (!arguments_has(&t->arguments, "settle")) return 0;
    TRY(tool_check(t, "--settle", ntk_system_settling_time(t->context, j->system, share, &time, &certain)));
    report_number(t, "settling_time", time);
    report_number(t, "settled_for_certain", certain);
done:
    return failed;
}

static int save_directions(tool *t, const gramian_job *j, ntk_gramian which, double horizon)
{
    int64_t s = ntk_system_size(j->system);
    bool shares = arguments_has(&t->arguments, "out-shares");
    array v = {0}, energies = {0}, f = {0};
    int failed;
    if (!shares && !arguments_has(&t->arguments, "out-directions")) return 0;
    TRY(array_new(NTK_F64, 2, (int64_t[]){s, s}, &v));
    TRY(array_new(NTK_F64, 1, (int64_t[]){s}, &energies));
    TRY(array_new(NTK_F64, 1, (int64_t[]){s}, &f));
    TRY(tool_check(t, NULL, ntk_system_directions(t->context, j->system, which, horizon, &v.view, &energies.view, shares ? &f.view : NULL)));
    TRY(tool_save(t, "out-directions", &v));
    TRY(tool_save(t, "out-shares", &f));
done:
    array_free(&f);
    array_free(&energies);
    array_free(&v);
    return failed;
}

static int save_response(tool *t, const gramian_job *j)
{
    int64_t count = j->times.view.shape[0];
    array z = {0};
    int failed;
    if (!j->start.block) return 0;
    TRY(array_new(NTK_F64, 2, (int64_t[]){count, ntk_system_outputs(j->system)}, &z));
    TRY(tool_check(t, j->start.path, ntk_system_response(t->context, j->system, &j->start.view, j->times.view.data, count, &z.view)));
    TRY(tool_save(t, "out-response", &z));
done:
    array_free(&z);
    return failed;
}

static int save_state(tool *t, const gramian_job *j)
{
    int64_t s = ntk_system_size(j->system), shown = 0;
    ntk_reconstruct_options options = {NTK_RECONSTRUCT_OPTIONS_INIT, .noise = given(&j->noise), .prior = arguments_number(&t->arguments, "prior", 0)};
    array x = {0}, v = {0};
    int failed;
    if (!j->samples.block) return 0;
    TRY(array_new(NTK_F64, 1, (int64_t[]){s}, &x));
    TRY(array_new(NTK_F64, 2, (int64_t[]){s, s}, &v));
    TRY(tool_check(t, j->samples.path, ntk_system_reconstruct(t->context, j->system, j->times.view.data, j->times.view.shape[0], &j->samples.view, &options,
                                                              &x.view, &v.view, &shown)));
    report_integer(t, "shown_directions", shown);
    TRY(tool_save(t, "out-state", &x));
    TRY(tool_save(t, "out-covariance", &v));
done:
    array_free(&v);
    array_free(&x);
    return failed;
}

static int save_reach(tool *t, const gramian_job *j, double horizon)
{
    array p = {0};
    double energy;
    int failed;
    if (!j->reach.block) return 0;
    TRY(array_new(NTK_F64, 1, (int64_t[]){ntk_system_size(j->system)}, &p));
    TRY(tool_check(t, j->reach.path, ntk_system_minimum_energy(t->context, j->system, horizon, &j->reach.view, &energy, &p.view)));
    report_number(t, "least_energy", energy);
    TRY(tool_save(t, "out-costate", &p));
done:
    array_free(&p);
    return failed;
}

int gramian_use(tool *t, const gramian_job *j, ntk_gramian which, double horizon)
{
    int failed;
    TRY(report_margins(t, j));
    TRY(save_directions(t, j, which, horizon));
    TRY(save_response(t, j));
    TRY(save_state(t, j));
    TRY(save_reach(t, j, horizon));
done:
    return failed;
}
