/*
 * J of a network.  It is never kept.  A layer's columns carry sqrt(r) of its rate, so that J Jᵀ is the NTK:
 *
 *     J v = (df/dtheta) S v,   Jᵀ u = S (df/dtheta)ᵀ u,   S = diag(sqrt r)
 *
 * Rows come in blocks: the samples that a block touches go forward once, and all of its rows go back together.
 */
#include "finite.h"
#include "real.h"

#include <math.h>
#include <string.h>

/* Numbers of J in a block of rows: written in a fraction of a second, so that progress is heard. */
#define ROWS_NUMBERS ((int64_t)1 << 25)

/* Multiplies the columns of rows [rows, p] by sqrt(r). */
static void scale_columns(const ntk_network *network, int64_t rows, real *j)
{
    for (int64_t k = 0; k < network->n_steps; ++k) {
        const ntk_step *s = &network->steps[k];
        real scale = (real)sqrt(s->rate);
        if (s->parametric < 0 || scale == 1) continue;
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t i = 0; i < s->n_parameters; ++i) j[r * network->n_parameters + s->offset + i] *= scale;
    }
}

static ntk_status network_apply(ntk_context *ctx, const ntk_jacobian *j, const void *v, void *out)
{
    ntk_status status;
    real *scaled = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, j->columns, &scaled));
    memcpy(scaled, v, (size_t)j->columns * sizeof *scaled);
    scale_columns(j->network, 1, scaled);
    if (j->sites.n_crops > 0) NTK_TRY(ntk_finite_jvp_at(ctx, j->network, &j->sites, j->theta, j->x, scaled, out));
    else NTK_TRY(ntk_finite_jvp(ctx, j->network, j->rows / j->outputs, j->theta, j->x, scaled, out));
done:
    ntk_free(scaled);
    return status;
}

static ntk_status network_apply_transposed(ntk_context *ctx, const ntk_jacobian *j, const void *u, void *out)
{
    ntk_status status;
    if (j->sites.n_crops > 0) NTK_TRY(ntk_finite_vjp_at(ctx, j->network, &j->sites, j->theta, j->x, u, out));
    else NTK_TRY(ntk_finite_vjp(ctx, j->network, j->rows / j->outputs, j->theta, j->x, u, out));
    scale_columns(j->network, 1, out);
done:
    return status;
}

ntk_status ntk_jacobian_rows_at(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites, const real *theta, const real *x, real *rows)
{
    int64_t count = sites->n * ntk_network_outputs(network);
    ntk_status status = ntk_finite_rows_at(ctx, network, sites, theta, x, 0, count, rows);
    if (status == NTK_OK) scale_columns(network, count, rows);
    return status;
}

static ntk_status rows_at(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, real *out)
{
    ntk_status status = ntk_finite_rows_at(ctx, j->network, &j->sites, j->theta, j->x, first, count, out);
    if (status == NTK_OK) scale_columns(j->network, count, out);
    return status;
}

/* Rows [first, first + count) through one tape over the samples they belong to. */
static ntk_status rows_block(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, real *out)
{
    int64_t sample = first / j->outputs, end = (first + count - 1) / j->outputs + 1;
    ntk_tape t;
    const real *x = j->x;
    ntk_status status = ntk_tape_open(ctx, j->network, end - sample, j->theta, x + sample * ntk_network_input_size(j->network), &t);
    if (status != NTK_OK) return status;
    NTK_TRY_PART(ctx, 0, 0.3, ntk_tape_forward(&t, true));
    NTK_TRY_PART(ctx, 0.3, 1, ntk_tape_rows(&t, first - sample * j->outputs, count, out));
    scale_columns(j->network, count, out);
    NTK_TRY(ntk_finite_check_rows(ctx, "J", first, count, j->columns, out));
done:
    ntk_tape_close(&t);
    return status;
}

static ntk_status network_rows(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, void *out)
{
    ntk_status status;
    int64_t block;
    if (j->sites.n_crops > 0) return rows_at(ctx, j, first, count, out);
    NTK_TRY(ntk_finite_chunk(ctx, j->network, 3, NTK_JACOBIAN_BUDGET, &block));
    block = NTK_MIN(block, NTK_MAX(ROWS_NUMBERS / NTK_MAX(j->columns, 1), 1));
    for (int64_t i = 0; i < count; i += block) {
        int64_t rows = NTK_MIN(block, count - i);
        NTK_TRY_PART(ctx, (double)i / (double)count, (double)(i + rows) / (double)count, rows_block(ctx, j, first + i, rows, (real *)out + i * j->columns));
    }
done:
    return status;
}

const ntk_jacobian_class ntk_jacobian_of_network = {"network", network_apply, network_apply_transposed, network_rows};

#if !defined(NTK_SINGLE)

static ntk_status check_point(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x)
{
    ntk_status status;
    NTK_TRY(ntk_finite_check_network(ctx, network));
    NTK_TRY(ntk_check_real(ctx, "theta", theta));
    NTK_TRY(ntk_check_shape(ctx, "theta", theta, theta->dtype, NTK_SHAPE(network->n_parameters)));
    NTK_TRY(ntk_check_finite(ctx, "theta", theta));
    NTK_TRY(ntk_network_check_input(ctx, network, "x", x, theta->dtype));
done:
    return status;
}

ntk_status ntk_jacobian_from_network(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, ntk_jacobian **jacobian)
{
    return ntk_jacobian_with(ctx, network, theta, x, NULL, jacobian);
}

ntk_status ntk_jacobian_with(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, const ntk_structure *structure,
                             ntk_jacobian **jacobian)
{
    ntk_status status;
    ntk_jacobian *j = NULL;
    static const ntk_jacobian_class *const classes[2] = NTK_BOTH(ntk_jacobian_of_network);
    NTK_ENTER_NEW(ctx, jacobian);
    NTK_REQUIRE(ctx, network);
    NTK_TRY(check_point(ctx, network, theta, x));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &j));
    j->class = classes[theta->dtype];
    j->dtype = theta->dtype;
    j->network = ntk_retain(network);
    j->outputs = ntk_network_outputs(network);
    j->columns = network->n_parameters;
    NTK_TRY(ntk_size_product(ctx, "rows of J", x->shape[0], j->outputs, &j->rows));
    NTK_TRY(ntk_copy_dense(ctx, theta, &j->theta));
    NTK_TRY(ntk_copy_dense(ctx, x, &j->x));
    NTK_TRY(ntk_sites_open(ctx, network, "x", x->shape[0], structure, &j->sites));
    NTK_TRY(ntk_finite_check_sites(ctx, network, &j->sites));
    ntk_sites_pack(&j->sites, j->dtype, j->x);
    *jacobian = j;
    j = NULL;
done:
    ntk_jacobian_destroy(j);
    return status;
}

#endif
