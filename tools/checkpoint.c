/*
 * Where training stands, as one vector of numbers:
 *
 *     format, two halves of a fingerprint, runs;  for each run: steps, records, planes kept, theta, moments;  then losses and planes
 *
 * all in f64, which holds the numbers of a run in f32 as they are.
 *
 * The fingerprint is a hash of all that a run follows from (network, data, start, options): a file of another run is refused.  The number of
 * steps to go is no part of it, so that a run can be made longer; the last record, if it is none of every K steps, is then made again.
 */
#include "train.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMAT 1.0
enum { HEAD = 4, RUN_HEAD = 3 };

/* ---- the fingerprint: FNV-1a ---- */

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; ++i) hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t hash_array(uint64_t hash, const array *a)
{
    int64_t count = 0;
    hash = hash_bytes(hash, &a->view.ndim, sizeof a->view.ndim);
    if (!a->block || !shape_product(a->view.ndim, a->view.shape, &count)) return hash;
    return hash_bytes(hash, a->view.data, (size_t)count * ntk_dtype_size(a->view.dtype));
}

static int hash_network(tool *t, const training *j, uint64_t *hash)
{
    size_t needed = 0;
    char *text = NULL;
    int failed;
    TRY(tool_check(t, NULL, ntk_network_format(t->context, j->network, NULL, 0, &needed)));
    text = malloc(needed);
    if (!text) return tool_fail(EXIT_FAILED, "train: out of memory");
    TRY(tool_check(t, NULL, ntk_network_format(t->context, j->network, text, needed, NULL)));
    *hash = hash_bytes(*hash, text, needed);
done:
    free(text);
    return failed;
}

static int fingerprint(tool *t, const training *j, double halves[2])
{
    const ntk_trainer_options *o = &j->options;
    const double numbers[] = {(double)o->loss, (double)o->loss_scale, (double)o->descent, o->learning_rate, o->beta1, o->beta2, o->epsilon,
                              (double)j->every};
    uint64_t hash = hash_bytes(0xcbf29ce484222325u, numbers, sizeof numbers);
    int failed = hash_network(t, j, &hash);
    hash = hash_array(hash_array(hash_array(hash_array(hash, &j->theta), &j->x), &j->y.y), &j->d);
    halves[0] = (double)(hash >> 32);
    halves[1] = (double)(hash & 0xffffffffu);
    return failed;
}

/* ---- its parts ---- */

static int moments_of(const training *j)
{
    return j->options.descent == NTK_DESCENT_ADAM ? 2 : j->options.descent == NTK_DESCENT_MOMENTUM ? 1 : 0;
}

/* Numbers of a run that has so many records, `planes` of them as outputs. */
static int64_t numbers_of(const training *j, int64_t records, int64_t planes)
{
    return RUN_HEAD + (1 + moments_of(j)) * j->theta.view.shape[0] + records + planes * j->run[0].path.view.strides[0];
}

static int64_t planes_of(const run *u, int64_t records)
{
    return records < u->path.view.shape[0] ? records : u->path.view.shape[0];
}

/* theta and moments in the type of the run. */
typedef struct state {
    array part[3];
    ntk_array *m, *v;
} state;

static int state_open(const training *j, state *s)
{
    int failed = 0;
    for (int i = 0; i < 3; ++i) s->part[i] = (array){0};
    for (int i = 0; i <= moments_of(j); ++i) TRY(array_new(j->theta.view.dtype, 1, j->theta.view.shape, &s->part[i]));
    s->m = moments_of(j) > 0 ? &s->part[1].view : NULL;
    s->v = moments_of(j) > 1 ? &s->part[2].view : NULL;
done:
    return failed;
}

static void state_close(state *s)
{
    for (int i = 0; i < 3; ++i) array_free(&s->part[i]);
}

/* The first `count` numbers of a, to or from f64. */
static void put_numbers(const ntk_array *a, int64_t count, double *to)
{
    for (int64_t i = 0; i < count; ++i) to[i] = array_get(a, i);
}

static void take_numbers(const double *from, const ntk_array *a, int64_t count)
{
    for (int64_t i = 0; i < count; ++i) array_set(a, i, from[i]);
}

static int put_run(tool *t, const training *j, const run *u, double **at)
{
    int64_t p = j->theta.view.shape[0], planes = planes_of(u, u->recorded), size = u->path.view.strides[0];
    state s = {0};
    int failed;
    (*at)[0] = (double)ntk_trainer_steps(u->trainer);
    (*at)[1] = (double)u->recorded;
    (*at)[2] = (double)planes;
    TRY(state_open(j, &s));
    TRY(tool_check(t, NULL, ntk_trainer_get_parameters(t->context, u->trainer, &s.part[0].view)));
    TRY(tool_check(t, NULL, ntk_trainer_get_moments(t->context, u->trainer, s.m, s.v)));
    *at += RUN_HEAD;
    for (int i = 0; i <= moments_of(j); ++i, *at += p) put_numbers(&s.part[i].view, p, *at);
    memcpy(*at, u->loss.view.data, (size_t)u->recorded * sizeof **at);
    *at += u->recorded;
    put_numbers(&u->path.view, planes * size, *at);
    *at += planes * size;
done:
    state_close(&s);
    return failed;
}

int checkpoint_write(tool *t, const training *j)
{
    const char *path = arguments_text(&t->arguments, "checkpoint", NULL);
    array all = {0};
    npy_file file;
    double *at;
    int64_t count = HEAD;
    int failed = 0;
    if (!path) return 0;
    for (int k = 0; k < j->runs; ++k) count += numbers_of(j, j->run[k].recorded, planes_of(&j->run[k], j->run[k].recorded));
    tool_hold(t, true); /* also after Ctrl-C */
    TRY(array_new(NTK_F64, 1, (int64_t[]){count}, &all));
    at = all.view.data;
    at[0] = FORMAT;
    TRY(fingerprint(t, j, at + 1));
    at[3] = j->runs;
    at += HEAD;
    for (int k = 0; k < j->runs; ++k) TRY(put_run(t, j, &j->run[k], &at));
    TRY(npy_write(path, &all.view, &file));
    TRY(npy_publish(&file));
done:
    tool_hold(t, false);
    array_free(&all);
    return failed;
}

/* ---- going on ---- */

static int refuse(const char *path, const char *why)
{
    return tool_fail(EXIT_INPUT, "train: --checkpoint %s %s", path, why);
}

/* A whole number in [0, most], or -1. */
static int64_t whole(double value, int64_t most)
{
    return value >= 0 && value <= (double)most && value == (double)(int64_t)value ? (int64_t)value : -1;
}

/* Records of a longer or shorter run that belong to the same steps in this one. */
static int64_t records_that_stay(const training *j, int64_t records, int64_t steps)
{
    if (records > 0 && steps % j->every > 0 && (records - 1) * j->every > steps) --records; /* its last was none of every K steps */
    return records < j->records ? records : j->records;
}

static int take_run(tool *t, const char *path, training *j, run *u, const double **at, const double *end)
{
    int64_t p = j->theta.view.shape[0], size = u->path.view.strides[0], steps, records, planes;
    state s = {0};
    int failed;
    if (end - *at < RUN_HEAD) return refuse(path, "ends too early");
    steps = whole((*at)[0], INT64_C(1) << 53);
    records = whole((*at)[1], INT64_C(1) << 40);
    planes = whole((*at)[2], records);
    if (steps < 0 || records < 0 || planes < 0 || records > end - *at || planes > end - *at) return refuse(path, "is no checkpoint");
    if (end - *at < numbers_of(j, records, planes)) return refuse(path, "ends too early");
    if (steps > j->steps) return refuse(path, "has gone further than --steps");
    if (planes < records && u->path.view.shape[0] > 1) return refuse(path, "kept no outputs along the way");
    TRY(state_open(j, &s));
    *at += RUN_HEAD;
    for (int i = 0; i <= moments_of(j); ++i, *at += p) take_numbers(*at, &s.part[i].view, p);
    TRY(tool_check(t, path, ntk_trainer_resume(t->context, u->trainer, steps, &s.part[0].view, s.m, s.v)));
    u->recorded = records_that_stay(j, records, steps);
    memcpy(u->loss.view.data, *at, (size_t)u->recorded * sizeof **at);
    *at += records;
    if (planes > 0) take_numbers(u->path.view.shape[0] > 1 ? *at : *at + (planes - 1) * size, &u->path.view, planes_of(u, u->recorded) * size);
    *at += planes * size;
done:
    state_close(&s);
    return failed;
}

int checkpoint_read(tool *t, training *j)
{
    const char *path = arguments_text(&t->arguments, "checkpoint", NULL);
    array all = {0};
    const double *at, *end;
    double mine[2];
    int failed = 0;
    if (!path || access(path, F_OK) != 0) return 0;
    TRY(array_read(path, NTK_F64, INFINITY_TOO, &all));
    at = all.view.data;
    end = at + (all.view.ndim == 1 ? all.view.shape[0] : 0);
    TRY(fingerprint(t, j, mine));
    if (end - at < HEAD || at[0] != FORMAT) TRY(refuse(path, "is no checkpoint"));
    if (at[1] != mine[0] || at[2] != mine[1]) TRY(refuse(path, "belongs to another run; remove it or name another file"));
    if (at[3] != j->runs) TRY(refuse(path, "belongs to a run with other outputs; remove it or name another file"));
    at += HEAD;
    for (int k = 0; k < j->runs; ++k) TRY(take_run(t, path, j, &j->run[k], &at, end));
    report_integer(t, "steps_before", ntk_trainer_steps(j->run[0].trainer));
done:
    array_free(&all);
    return failed;
}
