/*
 * Elementwise functions: y = phi(x), dy = phi'(x) dx, and backward dx += phi'(x) dy; phi' at a kink is the left derivative, so that
 * forward and backward agree to rounding: uᵀ (J v) = (Jᵀ u)ᵀ v.  Backward may carry several rows of cotangents per sample, so
 * phi' is computed once per sample first.  In f32 phi and phi' are those of f64 at a number of f32, rounded once.
 */
#include "finite.h"
#include "real.h"

extern const ntk_activation ntk_activation_relu;

/* Numbers per piece of work: enough to pay for a thread. */
#define GRAIN 4096

typedef struct map_job {
    double (*function)(const double *p, double x);
    const double *p;
    const real *x;
    real *out;
} map_job;

static void map_range(void *user, int64_t begin, int64_t end, int worker)
{
    const map_job *j = user;
    (void)worker;
    for (int64_t i = begin; i < end; ++i) j->out[i] = (real)j->function(j->p, j->x[i]);
}

/* The same of ReLU, whose call would take longer than it does. */
static void relu_range(void *user, int64_t begin, int64_t end, int worker)
{
    const map_job *j = user;
    (void)worker;
    for (int64_t i = begin; i < end; ++i) j->out[i] = j->x[i] > 0 ? j->x[i] : 0;
}

static void step_range(void *user, int64_t begin, int64_t end, int worker)
{
    const map_job *j = user;
    (void)worker;
    for (int64_t i = begin; i < end; ++i) j->out[i] = j->x[i] > 0 ? 1 : 0;
}

/* The same by a callback of the program, which computes in f64: all numbers at once, from this thread; in f32 BLOCK of them. */
#if defined(NTK_SINGLE)
#define BLOCK 4096
static ntk_status call_own(ntk_context *ctx, const ntk_layer *layer, const char *what, ntk_activation_fn f, int64_t n, const real *x, real *y)
{
    ntk_status status = NTK_OK;
    double in[BLOCK], out[BLOCK];
    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t count = NTK_MIN(BLOCK, n - at);
        for (int64_t i = 0; i < count; ++i) in[i] = (double)x[at + i];
        NTK_TRY(ntk_own_call(ctx, layer, what, f, count, in, out));
        for (int64_t i = 0; i < count; ++i) y[at + i] = (real)out[i];
    }
done:
    return status;
}
#else
#define call_own ntk_own_call
#endif

/* `count` numbers of the step's input from `first` on. */
typedef struct range {
    int64_t first, count;
} range;

static ntk_status map_own(ntk_tape *t, const ntk_step *s, bool slope, range r, real *out)
{
    const ntk_own *own = s->layer->own;
    if (slope && !own->derivative)
        return ntk_fail(t->ctx, NTK_ERROR_UNSUPPORTED, "%s: %s has no derivative callback, so the finite network has no J", s->layer->path, own->name);
    return call_own(t->ctx, s->layer, slope ? "derivative" : "value", slope ? own->derivative : own->value, r.count, t->value[s->inputs[0]] + r.first, out);
}

/* out [count] = value or derivative of the step's activation at its input. */
static ntk_status map_some(ntk_tape *t, const ntk_step *s, bool slope, range r, real *out)
{
    double (*function)(const double *, double) = slope ? s->layer->activation->derivative : s->layer->activation->value;
    map_job j = {function, ntk_layer_parameters(s->layer), t->value[s->inputs[0]] + r.first, out};
    if (s->layer->own) return map_own(t, s, slope, r, out);
    if (!function)
        return ntk_fail(t->ctx, NTK_ERROR_UNSUPPORTED, "%s: %s has no finite reading", s->layer->path, s->layer->activation->name);
    if (s->layer->activation == &ntk_activation_relu) ntk_parallel(t->ctx, r.count, 16 * GRAIN, slope ? step_range : relu_range, &j);
    else ntk_parallel(t->ctx, r.count, GRAIN, map_range, &j);
    return NTK_OK;
}

/* Of all samples. */
static ntk_status map(ntk_tape *t, const ntk_step *s, bool slope, real *out)
{
    return map_some(t, s, slope, (range){0, t->n * ntk_tape_size(t, s->output)}, out);
}

ntk_status ntk_finite_slopes(ntk_tape *t, const ntk_step *s, real *out)
{
    return map(t, s, true, out);
}

static ntk_status forward(ntk_tape *t, const ntk_step *s)
{
    return map(t, s, false, t->value[s->output]);
}

static ntk_status tangent(ntk_tape *t, const ntk_step *s)
{
    const real *dx = t->tangent[s->inputs[0]];
    real *dy = t->tangent[s->output];
    int64_t count = t->n * ntk_tape_size(t, s->output);
    ntk_status status = map(t, s, true, dy);
    for (int64_t i = 0; status == NTK_OK && i < count; ++i) dy[i] *= dx[i];
    return status;
}

typedef struct slope_job {
    const ntk_tape *t;
    int64_t size, sample; /* slope: of the first sample that the rows belong to */
    const real *slope, *dy; /* NULL: dx *= slope, in place */
    real *dx;
} slope_job;

static void add_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const slope_job *j = user;
    (void)worker;
    for (int64_t r = begin; r < end; ++r) {
        const real *slope = j->slope + (ntk_tape_sample(j->t, r) - j->sample) * j->size, *dy = j->dy ? j->dy + r * j->size : NULL;
        real *dx = j->dx + r * j->size;
        if (!dy)
            for (int64_t i = 0; i < j->size; ++i) dx[i] *= slope[i];
        else
            for (int64_t i = 0; i < j->size; ++i) dx[i] += slope[i] * dy[i];
    }
}

static ntk_status backward(ntk_tape *t, const ntk_step *s)
{
    ntk_status status;
    slope_job j = {.t = t, .size = ntk_tape_size(t, s->output), .sample = ntk_tape_sample(t, 0)};
    int64_t samples = t->rows > 0 ? ntk_tape_sample(t, t->rows - 1) + 1 - j.sample : 0;
    real *slope = NULL;
    if (!ntk_tape_pass_on(t, s->output, s->inputs[0])) j.dy = t->cotangent[s->output];
    NTK_TRY(ntk_tape_cotangent(t, s->inputs[0], &j.dx)); /* wanted: the output's is, and this layer has no parameters */
    NTK_TRY(ntk_tape_block(t, samples, s->output, &slope));
    NTK_TRY(map_some(t, s, true, (range){j.sample * j.size, samples * j.size}, slope));
    j.slope = slope;
    ntk_parallel(t->ctx, t->rows, NTK_MAX(1, GRAIN / NTK_MAX(1, j.size)), add_rows, &j);
done:
    ntk_free(slope);
    return status;
}

const ntk_finite_op ntk_finite_activation = {forward, tangent, backward};
