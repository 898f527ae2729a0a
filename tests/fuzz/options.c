/*
 * Any bytes as the options of each function that takes some, with a struct_size that is right or not (but never beyond the
 * bytes that are there, unless it is one to be refused unread).  Bytes of a pointer that are not all 0 become a pointer to
 * something: a callback, or an array of any small shape, type and strides.  What is made must answer with finite numbers.
 */
#include "../api/world.h"
#include "memory.h"

#include <math.h>
#include <string.h>

enum { BUFFER = 512, MOST_SIZE = 1 << 16, MOST_POINTERS = 6, MOST_EXTENT = 6, MOST_STRIDE = 8, REACH = NTK_MAX_NDIM * MOST_EXTENT * MOST_STRIDE };

/* ---- bytes to values ---------------------------------------------------------------------------------------------- */

typedef struct cursor {
    const uint8_t *data;
    size_t size, at;
} cursor;

static int next(cursor *c)
{
    return c->at < c->size ? c->data[c->at++] : 0;
}

static void next_bytes(cursor *c, void *out, size_t size)
{
    for (size_t i = 0; i < size; ++i) ((uint8_t *)out)[i] = (uint8_t)next(c);
}

/* Memory around the first element of an array, wide enough for all strides of either sign. */
typedef struct cell {
    double numbers[2 * REACH + 1];
    ntk_array array;
    bool finite;
} cell;

/* Arrays that fit somewhere come more often than their share of all arrays. */
static void next_array(cursor *c, cell *a)
{
    static const int64_t shapes[][3] = {{N, D, 0}, {N, O, 0}, {NEW_SAMPLES, D, 0}, {NEW_SAMPLES, N, 0}, {NEW_SAMPLES, NEW_SAMPLES, 0},
                                        {NEW_SAMPLES, O, 0}, {N, N, 0}, {2, N, N}};
    int form = next(c);
    a->array = (ntk_array){.data = a->numbers + REACH, .dtype = NTK_F64};
    a->finite = true;
    for (int i = 0; i < 2 * REACH + 1; ++i) a->numbers[i] = sin(i);
    if (form < (int)(sizeof shapes / sizeof shapes[0])) {
        a->array = ntk_array_dense(a->numbers + REACH, NTK_F64, shapes[form][2] ? 3 : 2, shapes[form]);
        return;
    }
    a->array.dtype = (ntk_dtype)(next(c) % 6 - 1);
    a->array.ndim = next(c) % (NTK_MAX_NDIM + 3) - 1;
    for (int i = 0; i < NTK_MAX_NDIM; ++i) {
        a->array.shape[i] = next(c) % (MOST_EXTENT + 2) - 1;
        a->array.strides[i] = next(c) % (2 * MOST_STRIDE + 1) - MOST_STRIDE;
    }
    a->finite = form % 8 != 1;
    if (!a->finite) a->numbers[REACH] = form % 16 < 8 ? NAN : INFINITY;
    if (form % 8 == 2) a->array.data = NULL;
}

/* ---- the calls ---------------------------------------------------------------------------------------------------- */

static world w; /* made once */

/* Options as a call sees them; the arrays behind its pointers. */
typedef struct trial {
    uint8_t bytes[BUFFER];
    cell cells[MOST_POINTERS], masks[2]; /* masks[1] is the graph */
    ntk_structure structure;
    fuzz_memory memory; /* of a context made with the options */
    int patience;       /* calls of the progress callback before it cancels */
    double out[REACH];
} trial;

static trial current; /* what the callbacks find, since a short struct loses their `user` */

static void check_finite(ntk_status status, int64_t count, const double *values)
{
    for (int64_t i = 0; status == NTK_OK && i < count; ++i) FUZZ_PROMISE(isfinite(values[i]));
}


static int on_progress(void *user, double done)
{
    (void)user;
    FUZZ_PROMISE(done >= 0 && done <= 1);
    return current.patience-- <= 0;
}

static void *on_allocate(void *user, void *block, size_t old_size, size_t new_size)
{
    (void)user;
    return fuzz_allocate(&current.memory, block, old_size, new_size);
}

static void on_log(void *user, const char *sentence)
{
    (void)user;
    FUZZ_PROMISE(sentence && sentence[0] != '\0');
}

/* A context with these options does its work, or says why not. */
static void use_context(ntk_context *ctx, trial *t)
{
    ntk_array x = world_x(&w), v = ntk_matrix_f64(w.x, N, 1), out = ntk_matrix_f64(t->out, N, 1);
    ntk_kernel *kernel = NULL;
    ntk_gram *gram = NULL;
    ntk_status status = ntk_kernel_from_network(ctx, w.network, NULL, &kernel);
    fuzz_check(ctx, status);
    if (status == NTK_OK) fuzz_check(ctx, status = ntk_gram_create(ctx, kernel, &x, NULL, &gram));
    if (status == NTK_OK) fuzz_check(ctx, status = ntk_gram_multiply(ctx, gram, NTK_KIND_NTK, &v, &out));
    check_finite(status, N, t->out);
    ntk_gram_destroy(gram);
    ntk_kernel_destroy(kernel);
}

static ntk_status try_context(ntk_context *unused, trial *t)
{
    ntk_context *ctx = NULL;
    ntk_status status = ntk_context_create((void *)t->bytes, &ctx);
    (void)unused;
    FUZZ_PROMISE((ctx != NULL) == (status == NTK_OK) && ntk_status_name(status));
    if (ctx && ntk_context_threads(ctx) <= 4) use_context(ctx, t);
    ntk_context_destroy(ctx);
    FUZZ_PROMISE(atomic_load(&t->memory.blocks) == 0);
    return NTK_OK;
}

static ntk_status try_kernel(ntk_context *ctx, trial *t)
{
    ntk_kernel *kernel = NULL;
    ntk_status status = ntk_kernel_from_network(ctx, w.network, (void *)t->bytes, &kernel);
    FUZZ_PROMISE((kernel != NULL) == (status == NTK_OK));
    ntk_kernel_destroy(kernel);
    return status;
}

static ntk_status try_empirical(ntk_context *ctx, trial *t)
{
    ntk_array theta = world_theta(&w);
    ntk_kernel *kernel = NULL;
    ntk_status status = ntk_kernel_empirical(ctx, w.network, &theta, w.optimizer, (void *)t->bytes, &kernel);
    FUZZ_PROMISE((kernel != NULL) == (status == NTK_OK));
    ntk_kernel_destroy(kernel);
    return status;
}

static ntk_status try_gram(ntk_context *ctx, trial *t)
{
    ntk_array x = world_x(&w);
    ntk_gram *gram = NULL;
    ntk_status status = ntk_gram_create(ctx, w.kernel, &x, (void *)t->bytes, &gram);
    FUZZ_PROMISE((gram != NULL) == (status == NTK_OK));
    ntk_gram_destroy(gram);
    return status;
}

static ntk_status use_spectrum(ntk_context *ctx, ntk_status status, ntk_spectrum *s, trial *t)
{
    ntk_array values = ntk_vector_f64(t->out, ntk_spectrum_size(s));
    FUZZ_PROMISE((s != NULL) == (status == NTK_OK));
    if (s) status = ntk_spectrum_get_values(ctx, s, &values);
    check_finite(status, ntk_spectrum_size(s), t->out);
    FUZZ_PROMISE(!s || (ntk_spectrum_rank(s) >= 0 && ntk_spectrum_rank(s) <= ntk_spectrum_size(s)));
    ntk_spectrum_destroy(s);
    return status;
}

static ntk_status try_spectrum(ntk_context *ctx, trial *t)
{
    ntk_spectrum *s = NULL;
    ntk_status status = ntk_spectrum_create(ctx, w.gram, (void *)t->bytes, &s);
    return use_spectrum(ctx, status, s, t);
}

static ntk_status try_jacobian_spectrum(ntk_context *ctx, trial *t)
{
    ntk_spectrum *s = NULL;
    ntk_status status = ntk_spectrum_from_jacobian(ctx, w.jacobian, w.optimizer, (void *)t->bytes, &s);
    return use_spectrum(ctx, status, s, t);
}

static ntk_status try_solver(ntk_context *ctx, trial *t)
{
    ntk_array b = ntk_matrix_f64(w.y, N, 1), x = ntk_matrix_f64(t->out, N, 1);
    ntk_solver *s = NULL;
    ntk_status status = ntk_solver_create(ctx, w.gram, (void *)t->bytes, &s);
    FUZZ_PROMISE((s != NULL) == (status == NTK_OK));
    if (s) FUZZ_PROMISE(isfinite(ntk_solver_ridge(s)));
    if (s) status = ntk_solver_solve(ctx, s, &b, &x);
    check_finite(status, s ? N : 0, t->out);
    if (s && status == NTK_OK) status = ntk_solver_log_determinant(ctx, s, t->out);
    check_finite(status, s ? 1 : 0, t->out);
    ntk_solver_destroy(s);
    return status;
}

static ntk_status try_predictor(ntk_context *ctx, trial *t)
{
    ntk_array y = world_y(&w), x = world_x_new(&w), mean = ntk_matrix_f64(t->out, NEW_SAMPLES, O);
    ntk_array covariance = ntk_matrix_f64(t->out, NEW_SAMPLES, NEW_SAMPLES);
    ntk_test_set test = {NTK_TEST_SET_INIT, .x = &x};
    ntk_predictor *p = NULL;
    ntk_status status = ntk_predictor_create(ctx, w.gram, &y, (void *)t->bytes, &p), finite;
    FUZZ_PROMISE((p != NULL) == (status == NTK_OK));
    if (p) fuzz_check(ctx, finite = ntk_predictor_at(ctx, p, &test, 2.0, &mean, NULL)), check_finite(finite, NEW_SAMPLES * O, t->out);
    if (p) status = ntk_predictor_mean(ctx, p, &x, &mean);
    check_finite(status, p ? NEW_SAMPLES * O : 0, t->out);
    if (p && status == NTK_OK) status = ntk_predictor_covariance(ctx, p, &x, &covariance);
    check_finite(status, p ? NEW_SAMPLES * NEW_SAMPLES : 0, t->out);
    ntk_predictor_destroy(p);
    return status;
}

static ntk_status try_dynamics(ntk_context *ctx, trial *t)
{
    const double times[] = {0, 0.5, 1e300, INFINITY};
    ntk_array y = world_y(&w), f = ntk_array_dense(t->out, NTK_F64, 3, (int64_t[]){4, N, O}), loss = ntk_vector_f64(t->out, 4);
    ntk_dynamics *d = NULL;
    ntk_status status = ntk_dynamics_create(ctx, w.gram, &y, (void *)t->bytes, &d);
    FUZZ_PROMISE((d != NULL) == (status == NTK_OK));
    if (d) status = ntk_dynamics_at(ctx, d, times, 4, &f);
    check_finite(status, d ? 4 * N * O : 0, t->out);
    if (d && status == NTK_OK) status = ntk_dynamics_loss_at(ctx, d, times, 4, &loss);
    check_finite(status, d ? 4 : 0, t->out);
    ntk_dynamics_destroy(d);
    return status;
}

static ntk_status try_request(ntk_context *ctx, trial *t)
{
    ntk_array x = world_x(&w);
    ntk_status status = ntk_kernel_eval(ctx, w.kernel, &x, NULL, (void *)t->bytes);
    for (int i = 0; i < 3; ++i)
        if (t->cells[i].finite) check_finite(status, 2 * REACH + 1, t->cells[i].numbers);
    return status;
}

static ntk_status try_diagonal(ntk_context *ctx, trial *t)
{
    ntk_array x = world_x(&w);
    return ntk_kernel_diagonal(ctx, w.empirical, &x, (void *)t->bytes);
}

static ntk_status try_test_set(ntk_context *ctx, trial *t)
{
    ntk_array mean = ntk_matrix_f64(t->out, NEW_SAMPLES, O), covariance = ntk_matrix_f64(t->out + NEW_SAMPLES * O, NEW_SAMPLES, NEW_SAMPLES);
    ntk_status status = ntk_predictor_at(ctx, w.predictor, (void *)t->bytes, 2.0, &mean, &covariance);
    check_finite(status, NEW_SAMPLES * (O + NEW_SAMPLES), t->out);
    return status;
}

#define END_OF_POINTERS 0

static const struct {
    size_t size;
    ntk_status (*run)(ntk_context *ctx, trial *t);
    size_t arrays[MOST_POINTERS + 1]; /* where pointers to arrays stand */
    size_t structures[3];             /* and those to masks and graphs */
} calls[] = {
    {sizeof(ntk_context_options), try_context, {END_OF_POINTERS}, {END_OF_POINTERS}},
    {sizeof(ntk_kernel_options), try_kernel, {END_OF_POINTERS}, {END_OF_POINTERS}},
    {sizeof(ntk_kernel_options), try_empirical, {END_OF_POINTERS}, {END_OF_POINTERS}},
    {sizeof(ntk_gram_options), try_gram, {END_OF_POINTERS}, {offsetof(ntk_gram_options, structure)}},
    {sizeof(ntk_spectrum_options), try_spectrum, {END_OF_POINTERS}, {END_OF_POINTERS}},
    {sizeof(ntk_spectrum_options), try_jacobian_spectrum, {END_OF_POINTERS}, {END_OF_POINTERS}},
    {sizeof(ntk_solver_options), try_solver, {END_OF_POINTERS}, {END_OF_POINTERS}},
    {sizeof(ntk_predictor_options), try_predictor, {offsetof(ntk_predictor_options, f0), offsetof(ntk_predictor_options, noise)}, {END_OF_POINTERS}},
    {sizeof(ntk_dynamics_options), try_dynamics, {offsetof(ntk_dynamics_options, f0)}, {END_OF_POINTERS}},
    {sizeof(ntk_request), try_request,
     {offsetof(ntk_request, nngp), offsetof(ntk_request, ntk), offsetof(ntk_request, layers), offsetof(ntk_request, ntk_error), offsetof(ntk_request, nngp_error)},
     {offsetof(ntk_request, structure1), offsetof(ntk_request, structure2)}},
    {sizeof(ntk_request), try_diagonal,
     {offsetof(ntk_request, nngp), offsetof(ntk_request, ntk), offsetof(ntk_request, layers), offsetof(ntk_request, ntk_error), offsetof(ntk_request, nngp_error)},
     {offsetof(ntk_request, structure1), offsetof(ntk_request, structure2)}},
    {sizeof(ntk_test_set), try_test_set,
     {offsetof(ntk_test_set, x), offsetof(ntk_test_set, ntk), offsetof(ntk_test_set, nngp), offsetof(ntk_test_set, ntk_test),
      offsetof(ntk_test_set, nngp_test), offsetof(ntk_test_set, f0)},
     {offsetof(ntk_test_set, structure)}},
};

/* ---- one trial ------------------------------------------------------------------------------------------------------ */

/* Right in half of all cases; else any number, brought into the buffer unless it is one to be refused unread. */
static size_t next_size(cursor *c, size_t right)
{
    size_t size = right;
    int mode = next(c);
    if (mode % 4 == 1) next_bytes(c, &size, 1);
    if (mode % 4 == 3) next_bytes(c, &size, sizeof size);
    return size <= MOST_SIZE && size > BUFFER ? size % BUFFER : size;
}

static void place_arrays(trial *t, const size_t *arrays, cursor *c)
{
    for (int i = 0; arrays[i] != END_OF_POINTERS; ++i) {
        const ntk_array *array = &t->cells[i].array;
        uintptr_t given;
        next_array(c, &t->cells[i]);
        memcpy(&given, t->bytes + arrays[i], sizeof given);
        if (given) memcpy(t->bytes + arrays[i], &array, sizeof array);
    }
}

static void place_structures(trial *t, const size_t *structures, cursor *c)
{
    const ntk_structure *structure = &t->structure;
    for (int i = 0; i < 2; ++i) next_array(c, &t->masks[i]);
    t->structure = (ntk_structure){NTK_STRUCTURE_INIT, .mask = next(c) % 2 ? &t->masks[0].array : NULL, .graph = next(c) % 2 ? &t->masks[1].array : NULL};
    for (int i = 0; structures[i] != END_OF_POINTERS; ++i) {
        uintptr_t given;
        memcpy(&given, t->bytes + structures[i], sizeof given);
        if (given) memcpy(t->bytes + structures[i], &structure, sizeof structure);
    }
}

/* The pointers of a context's options: present where their bytes were. */
static void place_callbacks(trial *t)
{
    ntk_context_options o;
    memcpy(&o, t->bytes, sizeof o);
    if (o.allocate) o.allocate = on_allocate;
    if (o.log) o.log = on_log;
    if (o.progress) o.progress = on_progress;
    memcpy(t->bytes, &o, sizeof o);
}

static void make_world(void)
{
    fuzz_memory *memory = calloc(1, sizeof *memory);
    ntk_context *ctx;
    FUZZ_PROMISE(memory);
    ctx = fuzz_context(memory);
    world_numbers(&w);
    FUZZ_PROMISE(world_make(ctx, &w) == NTK_OK);
    ntk_context_destroy(ctx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    trial *t = &current;
    cursor c = {data, size, 0};
    size_t which = (size_t)next(&c) % (sizeof calls / sizeof calls[0]), struct_size = next_size(&c, calls[which].size);
    fuzz_memory memory;
    ntk_context *ctx = fuzz_context(&memory);
    if (!w.network) make_world();
    memset(t->bytes, 0, sizeof t->bytes);
    t->patience = next(&c);
    next_bytes(&c, t->bytes, calls[which].size + (size_t)(next(&c) % 16));
    memcpy(t->bytes, &struct_size, sizeof struct_size);
    place_arrays(t, calls[which].arrays, &c);
    place_structures(t, calls[which].structures, &c);
    if (calls[which].run == try_context) place_callbacks(t);
    fuzz_check(ctx, calls[which].run(ctx, t));
    fuzz_finish(&memory, ctx);
    return 0;
}
