/*
 * A x = b, A = K + ridge I, by preconditioned conjugate gradients (Hestenes & Stiefel 1952): products with K alone, so that the gram may be
 * one without a matrix.
 *
 *     z = M⁻¹ r,   p = z + beta p,   x += alpha p,   r -= alpha A p,     beta = r·z / (r·z of before),   alpha = r·z / p·A p
 *
 * Each of the m right-hand sides is a search of its own; all that are not at their end share one product a step.  In exact arithmetic the
 * error falls by (√c - 1)/(√c + 1) a step, c the condition number of M⁻¹ A.  In floating point the r of the recurrence drifts away from b - A x: a
 * pass ends where |r| <= tolerance |b|, then b - A x is formed, and what is not there goes into another pass (iterative refinement).
 * Vectors are rows here, [m, N], in double precision whatever the gram is; a product wants them in columns, and of the gram's dtype.
 */
#include "solve.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define PASSES 5
#define RANK 100

struct ntk_conjugate {
    ntk_preconditioner m;
    double tolerance;
    int64_t most; /* products */
};

typedef struct search {
    const ntk_solver *s;
    int64_t n, rows, active;    /* [rows, N] each; the first `active` are still searched */
    int64_t *column;            /* [rows]: of the right-hand side */
    double *enough, *rz, *norm; /* [rows]: tolerance |b|; r·z; |r| */
    double *scale;              /* [rows]: of a product, so that its numbers are near 1 */
    double *d, *r, *z, *p, *q;  /* what is added to x, and the above */
    void *in, *out;             /* [N, rows] of a product, of the gram's dtype */
    double start;               /* the largest |r|/enough of the first step: for progress */
    int64_t products;
} search;

static ntk_status search_open(ntk_context *ctx, const ntk_solver *s, int64_t m, search *h)
{
    ntk_status status;
    double **vectors[] = {&h->d, &h->r, &h->z, &h->p, &h->q}, **numbers[] = {&h->enough, &h->rz, &h->norm, &h->scale};
    *h = (search){.s = s, .n = s->gram->size, .rows = m};
    NTK_TRY(NTK_NEW(ctx, m, &h->column));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i) NTK_TRY(NTK_NEW(ctx, m, numbers[i]));
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; ++i) NTK_TRY(NTK_NEW(ctx, h->n * m, vectors[i]));
    NTK_TRY(ntk_allocate_raw(ctx, h->n * m, ntk_dtype_size(s->gram->dtype), &h->in));
    NTK_TRY(ntk_allocate_raw(ctx, h->n * m, ntk_dtype_size(s->gram->dtype), &h->out));
done:
    return status;
}

static void search_close(search *h)
{
    void *all[] = {h->d, h->r, h->z, h->p, h->q, h->in, h->out, h->enough, h->rz, h->norm, h->scale, h->column};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i) ntk_free(all[i]);
}

/* A power of two near the largest magnitude of a row; 1 for 0. */
static double scale_of(int64_t n, const double *v)
{
    double most = 0;
    for (int64_t i = 0; i < n; ++i) most = fmax(most, fabs(v[i]));
    return most > 0 && isfinite(most) ? scalbn(1, ilogb(most)) : 1;
}

/* Columns [N, m] of a dtype from rows [m, N] over their scales, and back; scales NULL: 1. */
static void to_columns(int64_t m, int64_t n, const double *rows, const double *scales, ntk_dtype dtype, void *columns)
{
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
            double number = rows[i * n + j] / (scales ? scales[i] : 1);
            if (dtype == NTK_F64) ((double *)columns)[j * m + i] = number;
            else ((float *)columns)[j * m + i] = (float)number;
        }
}

static void to_rows(int64_t m, int64_t n, const void *columns, const double *scales, ntk_dtype dtype, double *rows)
{
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
            double number = dtype == NTK_F64 ? ((const double *)columns)[j * m + i] : (double)((const float *)columns)[j * m + i];
            rows[i * n + j] = number * (scales ? scales[i] : 1);
        }
}

/* out [m, N] = A v. */
static ntk_status multiply(ntk_context *ctx, search *h, int64_t m, const double *v, double *out)
{
    ntk_status status;
    const ntk_gram *g = h->s->gram;
    for (int64_t i = 0; i < m; ++i) h->scale[i] = scale_of(h->n, v + i * h->n);
    to_columns(m, h->n, v, h->scale, g->dtype, h->in);
    NTK_TRY(ntk_gram_product(ctx, g, h->s->kind, m, h->in, h->out));
    to_rows(m, h->n, h->out, h->scale, g->dtype, out);
    for (int64_t i = 0; i < m * h->n; ++i) out[i] += h->s->ridge * v[i];
    ++h->products;
done:
    return status;
}

static void swap(int64_t n, double *a, double *b)
{
    for (int64_t i = 0; i < n; ++i) {
        double t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

/* Row i goes behind those that are searched. */
static void retire(search *h, int64_t i)
{
    int64_t last = --h->active, column = h->column[i];
    double *vectors[] = {h->d, h->r, h->p}, *numbers[] = {h->enough, h->rz, h->norm};
    if (i == last) return;
    for (size_t k = 0; k < sizeof vectors / sizeof *vectors; ++k) swap(h->n, vectors[k] + i * h->n, vectors[k] + last * h->n);
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; ++k) swap(1, numbers[k] + i, numbers[k] + last);
    h->column[i] = h->column[last];
    h->column[last] = column;
}

/* |r| of every row; those that are there retire. */
static void look(search *h)
{
    for (int64_t i = h->active; i-- > 0;) {
        h->norm[i] = ntk_norm(1, h->n, h->r + i * h->n);
        if (h->norm[i] <= h->enough[i]) retire(h, i);
    }
}

/* p = z + beta p; `first`: beta = 0. */
static ntk_status direct(ntk_context *ctx, search *h, bool first)
{
    ntk_status status;
    const ntk_preconditioner *m = &h->s->conjugate->m;
    NTK_TRY(ntk_preconditioner_apply(ctx, m, h->active, h->r, h->z));
    for (int64_t i = 0; i < h->active; ++i) {
        double *p = h->p + i * h->n, *z = h->z + i * h->n, rz = ntk_dot(h->n, h->r + i * h->n, z), beta = first ? 0 : rz / h->rz[i];
        for (int64_t j = 0; j < h->n; ++j) p[j] = z[j] + beta * p[j];
        h->rz[i] = rz;
    }
done:
    return status;
}

static ntk_status refuse(ntk_context *ctx, const search *h, int64_t i, double curvature)
{
    if (isnan(curvature)) return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "conjugate gradients: column %lld left the range of a double", (long long)h->column[i]);
    return ntk_fail(ctx, NTK_ERROR_NOT_POSITIVE_DEFINITE, "conjugate gradients: p·(K + ridge I) p is %.3g |p|² for column %lld, with the ridge %g",
                    curvature, (long long)h->column[i], h->s->ridge);
}

static ntk_status step(ntk_context *ctx, search *h, bool first)
{
    ntk_status status;
    NTK_TRY(direct(ctx, h, first));
    NTK_TRY(multiply(ctx, h, h->active, h->p, h->q));
    for (int64_t i = 0; i < h->active; ++i) {
        double *p = h->p + i * h->n, *q = h->q + i * h->n, *d = h->d + i * h->n, *r = h->r + i * h->n, curvature = ntk_dot(h->n, p, q), alpha;
        if (!(curvature > 0)) return refuse(ctx, h, i, curvature / ntk_dot(h->n, p, p));
        alpha = h->rz[i] / curvature;
        for (int64_t j = 0; j < h->n; ++j) {
            d[j] += alpha * p[j];
            r[j] -= alpha * q[j];
        }
    }
    look(h);
done:
    return status;
}

/* The row that is farthest from its end. */
static int64_t worst(const search *h)
{
    int64_t at = 0;
    for (int64_t i = 1; i < h->active; ++i)
        if (h->norm[i] / h->enough[i] > h->norm[at] / h->enough[at]) at = i;
    return at;
}

/* How far the worst row has come, on a logarithmic scale. */
static double share(search *h)
{
    double left = h->active > 0 ? h->norm[worst(h)] / h->enough[worst(h)] : 1;
    h->start = fmax(h->start, left);
    return h->start > 1 ? 1 - log(left) / log(h->start) : 1;
}

static ntk_status not_converged(ntk_context *ctx, const search *h, const char *why)
{
    int64_t i = worst(h);
    double tolerance = h->s->conjugate->tolerance;
    return ntk_fail(ctx, NTK_ERROR_NOT_CONVERGED,
                    "conjugate gradients: column %lld is at |r| = %.3g |b| after %lld products, %s; expected %g: a larger ridge, rank or tolerance may help",
                    (long long)h->column[i], h->norm[i] / h->enough[i] * tolerance, (long long)h->products, why, tolerance);
}

/* One pass: d of every active row. */
static ntk_status pass(ntk_context *ctx, search *h)
{
    ntk_status status = NTK_OK;
    for (bool first = true; h->active > 0; first = false) {
        double from = share(h);
        if (h->products >= h->s->conjugate->most) return not_converged(ctx, h, "the most that options allow");
        NTK_TRY_PART(ctx, from, from, step(ctx, h, first));
    }
done:
    return status;
}

/* x += d, and d starts anew; r = b - A x.  x and b [rows, N] in the order of the right-hand sides. */
static ntk_status refine(ntk_context *ctx, search *h, const double *b, double *x)
{
    ntk_status status;
    for (int64_t i = 0; i < h->rows; ++i)
        for (int64_t j = 0; j < h->n; ++j) x[h->column[i] * h->n + j] += h->d[i * h->n + j];
    NTK_TRY(multiply(ctx, h, h->rows, x, h->q));
    memset(h->d, 0, (size_t)(h->rows * h->n) * sizeof *h->d);
    for (int64_t i = 0; i < h->rows; ++i)
        for (int64_t j = 0; j < h->n; ++j) h->r[i * h->n + j] = b[h->column[i] * h->n + j] - h->q[h->column[i] * h->n + j];
done:
    return status;
}

static void begin(search *h, const double *b)
{
    h->active = h->rows;
    memcpy(h->r, b, (size_t)(h->rows * h->n) * sizeof *b);
    for (int64_t i = 0; i < h->rows; ++i) {
        h->column[i] = i;
        h->enough[i] = h->s->conjugate->tolerance * ntk_norm(1, h->n, b + i * h->n);
    }
    look(h);
}

static ntk_status solve(ntk_context *ctx, search *h, const double *b, double *x)
{
    ntk_status status = NTK_OK;
    begin(h, b);
    for (int i = 0; h->active > 0; ++i) {
        if (i == PASSES) return not_converged(ctx, h, "where rounding keeps it");
        NTK_TRY(pass(ctx, h));
        NTK_TRY(refine(ctx, h, b, x));
        h->active = h->rows;
        look(h);
    }
done:
    return status;
}

/* ---- the class ------------------------------------------------------------------------------------------------- */

static ntk_status check(ntk_context *ctx, const ntk_solver_options *o)
{
    if (o->consume) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.consume is for the Cholesky decomposition, not for cg");
    if (!(o->tolerance >= 0 && o->tolerance < 1)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.tolerance is %g; expected 0 to 1", o->tolerance);
    if (o->rank < 0 || o->most < 0)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.rank is %lld and options.most %lld; expected at least 0", (long long)o->rank, (long long)o->most);
    return NTK_OK;
}

static ntk_status open_conjugate(ntk_context *ctx, const ntk_solver_options *o, int owners, ntk_solver *s)
{
    ntk_status status;
    (void)owners;
    NTK_TRY(check(ctx, o));
    NTK_TRY(NTK_NEW(ctx, 1, &s->conjugate));
    s->conjugate->tolerance = o->tolerance > 0 ? o->tolerance : s->gram->dtype == NTK_F64 ? 1e-10 : 1e-4;
    s->conjugate->most = o->most > 0 ? o->most : 2 * s->gram->size + 100;
    NTK_TRY_PART(ctx, 0, 1, ntk_preconditioner_open(ctx, s->gram, s->kind, s->ridge, o->rank > 0 ? o->rank : RANK, &s->conjugate->m));
done:
    return status;
}

static void close_conjugate(ntk_solver *s)
{
    if (s->conjugate) ntk_preconditioner_close(&s->conjugate->m);
    ntk_free(s->conjugate);
}

static ntk_status apply_conjugate(ntk_context *ctx, const ntk_solver *s, int64_t m, void *b)
{
    ntk_status status;
    search h = {0};
    double *x = NULL, *rows = NULL;
    NTK_TRY(search_open(ctx, s, m, &h));
    NTK_TRY(NTK_NEW(ctx, s->gram->size * m, &x));
    NTK_TRY(NTK_NEW(ctx, s->gram->size * m, &rows));
    to_rows(m, h.n, b, NULL, s->gram->dtype, rows);
    NTK_TRY(solve(ctx, &h, rows, x));
    to_columns(m, h.n, x, NULL, s->gram->dtype, b);
done:
    ntk_free(rows);
    ntk_free(x);
    search_close(&h);
    return status;
}

const ntk_solver_class ntk_conjugate_solver = {open_conjugate, close_conjugate, apply_conjugate, NULL};
