/*
 * Elementwise functions: y = phi(x), dy = phi'(x) dx, and backward dx += phi'(x) dy; phi' at a kink is the left derivative, so that
 * forward and backward agree to rounding: uᵀ (J v) = (Jᵀ u)ᵀ v.  Backward may carry several rows of cotangents per sample, so
 * phi' is computed once per sample first.  In f32 phi and phi' are those of f64 at a number of f32, rounded once.
 */
#include "finite.h"
#include "real.h"

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

static ntk_status map_own(ntk_tape *t, const ntk_step *s, bool slope, real *out)
{
    const ntk_own *own = s->layer->own;
    if (slope && !own->derivative)
        return ntk_fail(t->ctx, NTK_ERROR_UNSUPPORTED, "%s: %s has no derivative callback, so the finite network has no J", s->layer->path, own->name);
    return call_own(t->ctx, s->layer, slope ? "derivative" : "value", slope ? own->derivative : own->value, t->n * ntk_tape_size(t, s->output),
                    t->value[s->inputs[0]], out);
}

/* out [n, size] = value or derivative of the step's activation at its input. */
static ntk_status map(ntk_tape *t, const ntk_step *s, bool slope, real *out)
{
    double (*function)(const double *, double) = slope ? s->layer->activation->derivative : s->layer->activation->value;
    map_job j = {function, ntk_layer_parameters(s->layer), t->value[s->inputs[0]], out};
    if (s->layer->own) return map_own(t, s, slope, out);
    if (!function)
        return ntk_fail(t->ctx, NTK_ERROR_UNSUPPORTED, "%s: %s has no finite reading", s->layer->path, s->layer->activation->name);
    ntk_parallel(t->ctx, t->n * ntk_tape_size(t, s->output), GRAIN, map_range, &j);
    return NTK_OK;
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
    int64_t size;
    const real *slope, *dy;
    real *dx;
} slope_job;

static void add_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const slope_job *j = user;
    (void)worker;
    for (int64_t r = begin; r < end; ++r) {
        const real *slope = j->slope + ntk_tape_sample(j->t, r) * j->size, *dy = j->dy + r * j->size;
        real *dx = j->dx + r * j->size;
        for (int64_t i = 0; i < j->size; ++i) dx[i] += slope[i] * dy[i];
    }
}

static ntk_status backward(ntk_tape *t, const ntk_step *s)
{
    ntk_status status;
    slope_job j = {.t = t, .size = ntk_tape_size(t, s->output), .dy = t->cotangent[s->output]};
    real *slope = NULL;
    NTK_TRY(ntk_tape_cotangent(t, s->inputs[0], &j.dx)); /* wanted: the output's is, and this layer has no parameters */
    NTK_TRY(ntk_tape_block(t, t->n, s->output, &slope));
    NTK_TRY(map(t, s, true, slope));
    j.slope = slope;
    ntk_parallel(t->ctx, t->rows, NTK_MAX(1, GRAIN / NTK_MAX(1, j.size)), add_rows, &j);
done:
    ntk_free(slope);
    return status;
}

const ntk_finite_op ntk_finite_activation = {forward, tangent, backward};
