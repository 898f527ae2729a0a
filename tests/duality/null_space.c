/* Null spaces of Jacobians whose rank is known, J = A B, against elimination in the r numbers between the factors. */
#include "dense.h"

#include <float.h>
#include <stdlib.h>

enum { MOST = 20 };

/* Every way to a spectrum of J that holds vectors. */
enum { OF_GRAM, OF_PRODUCTS, OF_JACOBIAN, OF_FUNCTION, OF_PARAMETERS, WAYS };

static ntk_spectrum *spectrum_by(ntk_context *ctx, int way, const ntk_jacobian *j, const ntk_optimizer *optimizer)
{
    static const ntk_space spaces[WAYS] = {[OF_FUNCTION] = NTK_SPACE_FUNCTION, [OF_PARAMETERS] = NTK_SPACE_PARAMETERS};
    ntk_top_options top = {NTK_TOP_OPTIONS_INIT, .space = spaces[way]};
    ntk_spectrum *s = NULL;
    ntk_gram *gram = NULL;
    int64_t rows = ntk_jacobian_rows(j), p = ntk_jacobian_columns(j);
    if (way == OF_JACOBIAN) kit_ok(ctx, ntk_spectrum_from_jacobian(ctx, j, optimizer, NULL, &s));
    if (way > OF_JACOBIAN) kit_ok(ctx, ntk_spectrum_top_of_jacobian(ctx, j, optimizer, rows < p ? rows : p, &top, &s));
    if (s) return s;
    kit_ok(ctx, ntk_gram_from_jacobian_by(ctx, j, optimizer, way == OF_GRAM ? NTK_ALGORITHM_AUTO : NTK_ALGORITHM_PRODUCTS, &gram));
    kit_ok(ctx, ntk_spectrum_create(ctx, gram, NULL, &s));
    ntk_gram_destroy(gram);
    return s;
}

typedef struct deficient {
    int64_t n, p, r;
    double a[MOST * MOST], b[MOST * MOST], j[MOST * MOST], d[MOST];
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer;
} deficient;

static void open_case(ntk_context *ctx, int64_t n, int64_t p, int64_t r, deficient *c)
{
    ntk_array d = ntk_vector_f64(c->d, p);
    c->n = n, c->p = p, c->r = r;
    kit_random(1, n * r, c->a);
    kit_random(2, r * p, c->b);
    kit_random(3, p, c->d);
    for (int64_t i = 0; i < p; ++i) c->d[i] = 1.5 + c->d[i];
    dense_multiply(n, p, r, c->a, c->b, c->j);
    c->jacobian = dense_jacobian(ctx, n, p, 1, c->j);
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &d, &c->optimizer));
}

static void close_case(deficient *c)
{
    ntk_optimizer_destroy(c->optimizer);
    ntk_jacobian_destroy(c->jacobian);
}

/* max |V'V - 1| of `count` columns, and max |M V|, M [m, size]. */
static void check_basis(int64_t size, int64_t count, const double *v, int64_t m, const double *matrix, double bound)
{
    double t[MOST * MOST], products[MOST * MOST];
    dense_transpose(size, count, v, t);
    dense_multiply(count, count, size, t, v, products);
    for (int64_t i = 0; i < count * count; ++i) kit_near(products[i], i % (count + 1) == 0, 1e-14);
    dense_multiply(m, count, size, matrix, v, products);
    for (int64_t i = 0; i < m * count; ++i) kit_near(products[i], 0, bound);
}

static void check_bases(ntk_context *ctx, const deficient *c, int way)
{
    double g[MOST * MOST], gt[MOST * MOST], u[MOST * MOST], v[MOST * MOST];
    int64_t left = c->n - c->r, right = c->p - c->r;
    ntk_array uv = ntk_matrix_f64(u, c->n, left), vv = ntk_matrix_f64(v, c->p, right), wide = ntk_matrix_f64(v, c->n, left + 1);
    ntk_spectrum *s = spectrum_by(ctx, way, c->jacobian, c->optimizer);
    assert_int_equal(ntk_spectrum_rank(s), c->r);
    for (int64_t i = 0; i < c->n * c->p; ++i) g[i] = c->j[i] / sqrt(c->d[i % c->p]);
    dense_transpose(c->n, c->p, g, gt);
    kit_ok(ctx, ntk_spectrum_get_null_vectors(ctx, s, NTK_SPACE_FUNCTION, &uv));
    check_basis(c->n, left, u, c->p, gt, 1e-7); /* of K: a singular value that is 0 comes out up to sqrt(N eps) */
    kit_ok(ctx, ntk_spectrum_get_null_vectors(ctx, s, NTK_SPACE_PARAMETERS, &vv));
    check_basis(c->p, right, v, c->n, g, way == OF_JACOBIAN ? 1e-13 : 1e-10);
    kit_fails(ctx, ntk_spectrum_get_null_vectors(ctx, s, NTK_SPACE_FUNCTION, &wide), NTK_ERROR_SHAPE, "dimensions");
    ntk_spectrum_destroy(s);
}

/* P v = v - D⁻¹ B' (B D⁻¹ B')⁻¹ B v: B has full rank and the null space of J = A B. */
static void oracle(const deficient *c, const double *v, double *out)
{
    double scaled[MOST * MOST], t[MOST * MOST], middle[MOST * MOST], x[MOST];
    for (int64_t i = 0; i < c->r * c->p; ++i) scaled[i] = c->b[i] / c->d[i % c->p];
    dense_transpose(c->r, c->p, c->b, t);
    dense_multiply(c->r, c->r, c->p, scaled, t, middle);
    dense_multiply(c->r, 1, c->p, c->b, v, x);
    dense_eliminate(c->r, 1, middle, x);
    for (int64_t i = 0; i < c->p; ++i) {
        out[i] = v[i];
        for (int64_t l = 0; l < c->r; ++l) out[i] -= scaled[l * c->p + i] * x[l];
    }
}

static void check_projector(ntk_context *ctx, const deficient *c, int way)
{
    double v[MOST], got[MOST], wanted[MOST], image[MOST];
    ntk_array vv = ntk_vector_f64(v, c->p), out = ntk_vector_f64(got, c->p), f = ntk_vector_f64(image, c->n);
    ntk_spectrum *s = spectrum_by(ctx, way, c->jacobian, c->optimizer);
    kit_random(4, c->p, v);
    oracle(c, v, wanted);
    kit_ok(ctx, ntk_spectrum_project_null(ctx, s, &vv, &out));
    for (int64_t i = 0; i < c->p; ++i) kit_near(got[i], wanted[i], 1e-12);
    kit_ok(ctx, ntk_jacobian_apply(ctx, c->jacobian, &out, &f));
    for (int64_t i = 0; i < c->n; ++i) kit_near(image[i], 0, 1e-13);
    kit_ok(ctx, ntk_spectrum_project_null(ctx, s, &out, &out)); /* in place: P² = P */
    for (int64_t i = 0; i < c->p; ++i) kit_near(got[i], wanted[i], 1e-12);
    kit_random(5, c->n, image); /* a step of training: D⁻¹ J' e */
    kit_ok(ctx, ntk_jacobian_apply_transposed(ctx, c->jacobian, &f, &vv));
    for (int64_t i = 0; i < c->p; ++i) v[i] /= c->d[i];
    kit_ok(ctx, ntk_spectrum_project_null(ctx, s, &vv, &out));
    for (int64_t i = 0; i < c->p; ++i) kit_near(got[i], 0, 1e-13);
    ntk_spectrum_destroy(s);
}

static void deficient_jacobians(void **state)
{
    static const int64_t shapes[][3] = {{5, 9, 3}, {9, 5, 3}, {6, 6, 4}, {4, 7, 4}, {7, 4, 4}, {3, 3, 3}, {1, 5, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
        for (int way = 0; way < WAYS; ++way) {
            deficient c;
            open_case(*state, shapes[i][0], shapes[i][1], shapes[i][2], &c);
            check_bases(*state, &c, way);
            check_projector(*state, &c, way);
            close_case(&c);
        }
}

/* J = diag(3, 2, 0) beside a column of zeros, D = diag(1, 4, 9, 16): all of it can be written down. */
static void by_hand(void **state)
{
    ntk_context *ctx = *state;
    double j[12] = {3, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0}, d[4] = {1, 4, 9, 16}, theta[4] = {1, 2, 3, 4}, u[3], v[8], out[4], rest[3], y[3] = {5, 6, 7};
    ntk_array dv = ntk_vector_f64(d, 4), tv = ntk_vector_f64(theta, 4), uv = ntk_matrix_f64(u, 3, 1), vv = ntk_matrix_f64(v, 4, 2);
    ntk_array ov = ntk_vector_f64(out, 4), yv = ntk_matrix_f64(y, 3, 1), rv = ntk_matrix_f64(rest, 3, 1);
    ntk_jacobian *jacobian = dense_jacobian(ctx, 3, 4, 1, j);
    ntk_optimizer *optimizer;
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &dv, &optimizer));
    for (int way = 0; way < WAYS; ++way) {
        int interpolates;
        ntk_spectrum *s = spectrum_by(ctx, way, jacobian, optimizer);
        assert_int_equal(ntk_spectrum_rank(s), 2);
        kit_ok(ctx, ntk_spectrum_get_null_vectors(ctx, s, NTK_SPACE_FUNCTION, &uv));
        kit_near(fabs(u[2]), 1, 1e-15);
        kit_ok(ctx, ntk_spectrum_get_null_vectors(ctx, s, NTK_SPACE_PARAMETERS, &vv));
        for (int i = 0; i < 4; ++i) kit_near(v[2 * i] * v[2 * i] + v[2 * i + 1] * v[2 * i + 1], i >= 2, 1e-14);
        kit_ok(ctx, ntk_spectrum_project_null(ctx, s, &tv, &ov));
        kit_close(4, out, ((double[]){0, 0, 3, 4}), 1e-15);
        kit_ok(ctx, ntk_spectrum_interpolation(ctx, s, &yv, &interpolates, NULL, NULL, &rv)); /* u u' y */
        for (int i = 0; i < 3; ++i) kit_near(rest[i], u[i] * u[2] * 7, 1e-14);
        ntk_spectrum_destroy(s);
    }
    ntk_optimizer_destroy(optimizer);
    ntk_jacobian_destroy(jacobian);
}

/* By a stated tolerance: singular values 1, 1e-3, 1e-6, the columns of J themselves. */
static void by_tolerance(void **state)
{
    static const double tolerances[] = {1e-14, 1e-8, 1e-4}; /* of sigma² */
    ntk_context *ctx = *state;
    double j[9] = {1, 0, 0, 0, 1e-3, 0, 0, 0, 1e-6}, v[9];
    ntk_jacobian *jacobian = dense_jacobian(ctx, 3, 3, 1, j);
    for (int i = 0; i < 3; ++i) {
        ntk_spectrum *s;
        ntk_array null = ntk_matrix_f64(v, 3, i);
        kit_ok(ctx, ntk_spectrum_from_jacobian(ctx, jacobian, NULL, &(ntk_spectrum_options){NTK_SPECTRUM_OPTIONS_INIT, .tolerance = tolerances[i]}, &s));
        assert_int_equal(ntk_spectrum_rank(s), 3 - i);
        kit_ok(ctx, ntk_spectrum_get_null_vectors(ctx, s, NTK_SPACE_PARAMETERS, &null));
        for (int k = 0; k < 3; ++k) {
            double norm = 0;
            for (int l = 0; l < i; ++l) norm += v[k * i + l] * v[k * i + l];
            kit_near(norm, k >= 3 - i, 1e-15);
        }
        ntk_spectrum_destroy(s);
    }
    ntk_jacobian_destroy(jacobian);
}

/* A network in single precision with an input twice: vectors of parameters come out in f64, and are null to f32. */
static void single(void **state)
{
    enum { N = 4, P = 20 };
    ntk_context *ctx = *state;
    float theta[P], x[N * 2] = {1, 2, -1, 0.5f, 1, 2, 0.3f, -2};
    double u[N], v[P * (P - 3)], rows[N * P];
    float exact[N * P];
    ntk_array tv = ntk_array_dense(theta, NTK_F32, 1, (int64_t[]){P}), xv = ntk_matrix_f32(x, N, 2), uv = ntk_matrix_f64(u, N, 1), vv = ntk_matrix_f64(v, P, P - 3);
    ntk_network *network = kit_network(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [2], \"layers\": [{\"op\": \"dense\", \"units\": 5, "
                                            "\"b_std\": 0.5}, {\"op\": \"erf\"}, {\"op\": \"dense\", \"units\": 1}]}");
    ntk_top_options top = {NTK_TOP_OPTIONS_INIT, .space = NTK_SPACE_FUNCTION, .rank_tolerance = 1e-6};
    ntk_array ev = ntk_matrix_f32(exact, N, P);
    ntk_jacobian *jacobian;
    ntk_spectrum *s;
    assert_int_equal(ntk_network_parameters(network), P);
    kit_ok(ctx, ntk_network_initialize(ctx, network, 1, &tv));
    kit_ok(ctx, ntk_jacobian_from_network(ctx, network, &tv, &xv, &jacobian));
    assert_int_equal(ntk_jacobian_dtype(jacobian), NTK_F32);
    kit_ok(ctx, ntk_spectrum_top_of_jacobian(ctx, jacobian, NULL, N, &top, &s));
    assert_int_equal(ntk_spectrum_rank(s), 3);
    kit_ok(ctx, ntk_spectrum_get_null_vectors(ctx, s, NTK_SPACE_FUNCTION, &uv));
    kit_near(u[0] + u[2], 0, 1e-5);
    kit_near(fabs(u[0]), sqrt(0.5), 1e-5);
    kit_ok(ctx, ntk_spectrum_get_null_vectors(ctx, s, NTK_SPACE_PARAMETERS, &vv));
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, jacobian, 0, &ev));
    for (int i = 0; i < N * P; ++i) rows[i] = exact[i];
    check_basis(P, P - 3, v, N, rows, 1e-5);
    ntk_spectrum_destroy(s);
    ntk_jacobian_destroy(jacobian);
    ntk_network_destroy(network);
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    double v[MOST * MOST];
    ntk_array out = ntk_matrix_f64(v, 5, 1), vector = ntk_vector_f64(v, 9), too_many = ntk_matrix_f64(v, 9, 7);
    ntk_spectrum *s;
    ntk_gram *gram;
    deficient c;
    kit_random(6, MOST * MOST, v);
    open_case(ctx, 5, 9, 3, &c);
    kit_ok(ctx, ntk_spectrum_top_of_jacobian(ctx, c.jacobian, NULL, 2, NULL, &s));
    kit_fails(ctx, ntk_spectrum_get_null_vectors(ctx, s, NTK_SPACE_FUNCTION, &out), NTK_ERROR_UNSUPPORTED, "2 largest");
    kit_fails(ctx, ntk_spectrum_project_null(ctx, s, &vector, &vector), NTK_ERROR_UNSUPPORTED, "2 largest");
    ntk_spectrum_destroy(s);
    kit_ok(ctx, ntk_spectrum_from_jacobian(ctx, c.jacobian, NULL, &(ntk_spectrum_options){NTK_SPECTRUM_OPTIONS_INIT, .values_only = 1}, &s));
    kit_fails(ctx, ntk_spectrum_get_null_vectors(ctx, s, NTK_SPACE_FUNCTION, &out), NTK_ERROR_ARGUMENT, "values_only");
    kit_fails(ctx, ntk_spectrum_project_null(ctx, s, &vector, &vector), NTK_ERROR_ARGUMENT, "values_only");
    ntk_spectrum_destroy(s);
    kit_ok(ctx, ntk_spectrum_from_jacobian(ctx, c.jacobian, NULL, NULL, &s));
    kit_fails(ctx, ntk_spectrum_get_null_vectors(ctx, s, NTK_SPACE_AUTO, &out), NTK_ERROR_ARGUMENT, "space is 0; expected function or parameters");
    kit_fails(ctx, ntk_spectrum_get_null_vectors(ctx, s, NTK_SPACE_PARAMETERS, &too_many), NTK_ERROR_SHAPE, "7 columns; the null space has 6 dimensions, 9 less a rank of 3");
    ntk_spectrum_destroy(s);
    kit_random_spd(7, 5, v + 20);
    gram = dense_gram(ctx, 5, v + 20);
    kit_ok(ctx, ntk_spectrum_create(ctx, gram, NULL, &s));
    kit_fails(ctx, ntk_spectrum_get_null_vectors(ctx, s, NTK_SPACE_PARAMETERS, &out), NTK_ERROR_ARGUMENT, "no Jacobian");
    kit_fails(ctx, ntk_spectrum_project_null(ctx, s, &vector, &vector), NTK_ERROR_ARGUMENT, "no Jacobian");
    ntk_spectrum_destroy(s);
    ntk_gram_destroy(gram);
    close_case(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(deficient_jacobians), kit_test(by_hand), kit_test(by_tolerance), kit_test(single), kit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
