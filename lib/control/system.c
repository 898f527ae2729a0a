/*
 * A linear system e' = A e + B u, z = C e, taken apart once: a symmetric A = -Uᵀ diag(w) U by its eigenvectors, a general A = Vᵀ R V by
 * its real Schur form.  Training is A = -K, whose modes all decay (w >= 0).
 */
#include "control.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define SYMMETRY 1e-12 /* relative to the largest entry */

/* s->w and s->vectors of the symmetric s->a. */
static ntk_status decompose_symmetric(ntk_context *ctx, ntk_system *s)
{
    ntk_status status;
    int64_t n = s->size;
    NTK_TRY(NTK_NEW_RAW(ctx, n, &s->w));
    for (int64_t i = 0; i < n * n; ++i) s->vectors[i] = -s->a[i];
    NTK_TRY(ntk_eigen(ctx, n, s->vectors, s->w, true));
    if (n == 0) return NTK_OK;
    s->abscissa = -s->w[n - 1];
    s->tolerance = (double)n * DBL_EPSILON * fmax(fabs(s->w[0]), fabs(s->w[n - 1]));
done:
    return status;
}

/* s->r and s->vectors of a general s->a. */
static ntk_status decompose_general(ntk_context *ctx, ntk_system *s)
{
    ntk_status status;
    int64_t n = s->size;
    double largest = 0;
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &s->r));
    NTK_TRY(NTK_NEW_RAW(ctx, n, &s->real));
    NTK_TRY(NTK_NEW_RAW(ctx, n, &s->imaginary));
    memcpy(s->r, s->a, (size_t)(n * n) * sizeof *s->r);
    NTK_TRY(ntk_schur(ctx, n, s->r, s->vectors, s->real, s->imaginary));
    for (int64_t i = 0; i < n; ++i) {
        s->abscissa = fmax(s->abscissa, s->real[i]);
        largest = fmax(largest, hypot(s->real[i], s->imaginary[i]));
    }
    s->tolerance = (double)n * DBL_EPSILON * largest;
done:
    return status;
}

static ntk_status decompose(ntk_context *ctx, bool symmetric, ntk_system *s)
{
    ntk_status status = NTK_NEW_RAW(ctx, s->size * s->size, &s->vectors);
    s->abscissa = -INFINITY;
    if (status != NTK_OK) return status;
    return symmetric ? decompose_symmetric(ctx, s) : decompose_general(ctx, s);
}

ntk_status ntk_system_from_gram(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, ntk_system **system)
{
    ntk_status status;
    ntk_system *s = NULL;
    NTK_ENTER_NEW(ctx, system);
    NTK_REQUIRE(ctx, gram);
    NTK_TRY(ntk_gram_check(ctx, gram, kind, NTK_F64));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &s));
    s->size = gram->size;
    NTK_TRY(ntk_memory_require(ctx, "the system", 32 * (double)s->size * (double)s->size));
    NTK_TRY(NTK_NEW_RAW(ctx, s->size * s->size, &s->a));
    NTK_TRY(ntk_gram_copy(ctx, gram, kind, s->a));
    for (int64_t i = 0; i < s->size * s->size; ++i) s->a[i] = -s->a[i];
    NTK_TRY(decompose(ctx, true, s));
    *system = s;
    s = NULL;
done:
    ntk_system_destroy(s);
    return status;
}

static bool is_symmetric(int64_t n, const double *a)
{
    double largest = 0;
    for (int64_t i = 0; i < n * n; ++i) largest = fmax(largest, fabs(a[i]));
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < i; ++j)
            if (!(fabs(a[i * n + j] - a[j * n + i]) <= SYMMETRY * largest)) return false;
    return true;
}

static ntk_status read_state(ntk_context *ctx, const ntk_array *a, ntk_system *s, bool *symmetric)
{
    ntk_status status;
    void *dense = NULL;
    s->size = a->shape[0];
    NTK_TRY(ntk_check_finite(ctx, "a", a));
    NTK_TRY(ntk_copy_dense(ctx, a, &dense));
    s->a = dense;
    *symmetric = is_symmetric(s->size, s->a);
    if (*symmetric) ntk_mirror(ctx, NTK_F64, s->size, s->a, s->size);
done:
    return status;
}

/* v [rows, s], a view: C itself or B with its axes exchanged. */
static ntk_status read_port(ntk_context *ctx, const char *name, const ntk_array *given, bool flip, int64_t size, ntk_port *port)
{
    ntk_status status = NTK_OK;
    ntk_array v;
    void *dense = NULL;
    if (!given) return NTK_OK;
    if (flip) NTK_TRY(ntk_check_shape(ctx, name, given, NTK_F64, NTK_SHAPE(size, -1)));
    else NTK_TRY(ntk_check_shape(ctx, name, given, NTK_F64, NTK_SHAPE(-1, size)));
    NTK_TRY(ntk_check_finite(ctx, name, given));
    v = flip ? ntk_array_flipped(given) : *given;
    NTK_TRY(ntk_copy_dense(ctx, &v, &dense));
    port->rows = v.shape[0];
    port->h = dense;
done:
    return status;
}

ntk_status ntk_system_from_matrices(ntk_context *ctx, const ntk_array *a, const ntk_array *b, const ntk_array *c, ntk_system **system)
{
    ntk_status status;
    ntk_system *s = NULL;
    bool symmetric;
    NTK_ENTER_NEW(ctx, system);
    NTK_TRY(ntk_check_shape(ctx, "a", a, NTK_F64, NTK_SHAPE(-1, -1)));
    NTK_TRY(ntk_check_shape(ctx, "a", a, NTK_F64, NTK_SHAPE(a->shape[0], a->shape[0])));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &s));
    NTK_TRY(read_state(ctx, a, s, &symmetric));
    NTK_TRY(read_port(ctx, "b", b, true, s->size, &s->ports[NTK_GRAMIAN_CONTROLLABILITY]));
    NTK_TRY(read_port(ctx, "c", c, false, s->size, &s->ports[NTK_GRAMIAN_OBSERVABILITY]));
    NTK_TRY(decompose(ctx, symmetric, s));
    *system = s;
    s = NULL;
done:
    ntk_system_destroy(s);
    return status;
}

/* The caller's, or a copy of what `from` has. */
static ntk_status take_port(ntk_context *ctx, const ntk_system *from, ntk_gramian which, const ntk_array *given, ntk_system *to)
{
    ntk_status status = NTK_OK;
    const ntk_port *old = &from->ports[which];
    ntk_port *port = &to->ports[which];
    bool input = which == NTK_GRAMIAN_CONTROLLABILITY;
    if (given || !old->h) return read_port(ctx, input ? "b" : "c", given, input, from->size, port);
    NTK_TRY(NTK_NEW_RAW(ctx, old->rows * from->size, &port->h));
    memcpy(port->h, old->h, (size_t)(old->rows * from->size) * sizeof *port->h);
    port->rows = old->rows;
done:
    return status;
}

ntk_status ntk_system_with_ports(ntk_context *ctx, const ntk_system *system, const ntk_array *b, const ntk_array *c, ntk_system **made)
{
    ntk_status status;
    ntk_system *s = NULL;
    NTK_ENTER_NEW(ctx, made);
    NTK_REQUIRE(ctx, system);
    NTK_TRY(ntk_system_check_matrix(ctx, system));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &s));
    s->base = ntk_retain(system);
    s->size = system->size, s->a = system->a, s->abscissa = system->abscissa, s->tolerance = system->tolerance;
    s->vectors = system->vectors, s->w = system->w, s->r = system->r, s->real = system->real, s->imaginary = system->imaginary;
    NTK_TRY(take_port(ctx, system, NTK_GRAMIAN_CONTROLLABILITY, b, s));
    NTK_TRY(take_port(ctx, system, NTK_GRAMIAN_OBSERVABILITY, c, s));
    *made = s;
    s = NULL;
done:
    ntk_system_destroy(s);
    return status;
}

void ntk_system_destroy(ntk_system *system)
{
    if (!ntk_object_release(system)) return;
    ntk_spectrum_destroy(system->spectrum);
    ntk_free(system->ports[0].h);
    ntk_free(system->ports[1].h);
    if (!system->base) {
        ntk_free(system->imaginary);
        ntk_free(system->real);
        ntk_free(system->r);
        ntk_free(system->w);
        ntk_free(system->vectors);
        ntk_free(system->a);
    }
    ntk_system_destroy(system->base);
    ntk_free(system);
}

int64_t ntk_system_size(const ntk_system *system)
{
    return system ? system->size : -1;
}

double ntk_system_abscissa(const ntk_system *system)
{
    return system ? system->abscissa : NAN;
}

static void store_identity(const ntk_array *out)
{
    double *numbers = out->data;
    for (int64_t i = 0; i < out->shape[0]; ++i)
        for (int64_t j = 0; j < out->shape[1]; ++j) numbers[i * out->strides[0] + j * out->strides[1]] = i == j;
}

/* A port's matrix in the caller's orientation, or the identity. */
static void store_port(const ntk_system *s, ntk_gramian which, const ntk_array *out)
{
    const ntk_port *port = &s->ports[which];
    ntk_array view = which == NTK_GRAMIAN_CONTROLLABILITY ? ntk_array_flipped(out) : *out;
    if (port->h) ntk_store(&view, port->h);
    else store_identity(&view);
}

static int64_t port_rows(const ntk_system *s, ntk_gramian which)
{
    if (s->spectrum) return s->spectrum->n;
    return s->ports[which].h ? s->ports[which].rows : s->size;
}

int64_t ntk_system_inputs(const ntk_system *system)
{
    return system ? port_rows(system, NTK_GRAMIAN_CONTROLLABILITY) : -1;
}

int64_t ntk_system_outputs(const ntk_system *system)
{
    return system ? port_rows(system, NTK_GRAMIAN_OBSERVABILITY) : -1;
}

ntk_status ntk_system_get_matrices(ntk_context *ctx, const ntk_system *system, ntk_array *a, ntk_array *b, ntk_array *c)
{
    ntk_status status = NTK_OK;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    NTK_TRY(ntk_system_check_matrix(ctx, system));
    if (a) NTK_TRY(ntk_check_output(ctx, "a", a, NTK_F64, NTK_SHAPE(system->size, system->size)));
    if (b) NTK_TRY(ntk_check_output(ctx, "b", b, NTK_F64, NTK_SHAPE(system->size, ntk_system_inputs(system))));
    if (c) NTK_TRY(ntk_check_output(ctx, "c", c, NTK_F64, NTK_SHAPE(ntk_system_outputs(system), system->size)));
    if (a) ntk_store(a, system->a);
    if (b) store_port(system, NTK_GRAMIAN_CONTROLLABILITY, b);
    if (c) store_port(system, NTK_GRAMIAN_OBSERVABILITY, c);
done:
    return status;
}

ntk_status ntk_gramian_check(ntk_context *ctx, ntk_gramian which)
{
    if (ntk_gramian_name(which)) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "which is %d: no Gramian", (int)which);
}

const double *ntk_port_matrix(const ntk_port *port, int64_t size, double *room)
{
    if (port->h) return port->h;
    for (int64_t i = 0; i < size * size; ++i) room[i] = i % (size + 1) == 0;
    return room;
}

ntk_status ntk_port_square(ntk_context *ctx, const ntk_port *port, int64_t size, const double *h, double *q)
{
    ntk_status status = NTK_OK;
    if (h) NTK_TRY(ntk_syrk(ctx, NTK_F64, NTK_TRANSPOSED, size, port->rows, 1, h, size, 0, q, size));
    else
        for (int64_t i = 0; i < size * size; ++i) q[i] = i % (size + 1) == 0;
    ntk_mirror(ctx, NTK_F64, size, q, size);
done:
    return status;
}
