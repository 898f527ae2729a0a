/*
 * Samples with masks and graphs.  A masked sample runs through the network compiled for its size (lib/network/sites.c), a graph lies beside
 * the sample on the tape; samples come one at a time.
 *
 * A result that has positions is spread over those of the whole: what belongs to positions that are not valid is 0.
 */
#include "finite.h"
#include "real.h"

#include <string.h>

ntk_status ntk_finite_check_sites(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites)
{
    for (int64_t k = 1; k < sites->n_crops; ++k)
        for (int64_t i = 0; i < network->n_steps; ++i)
            if (sites->crops[k]->steps[i].n_parameters != network->steps[i].n_parameters)
                return ntk_fail_at(ctx, NTK_ERROR_UNSUPPORTED, network->steps[i].layer->path,
                                   "%s has parameters for each position; a partial mask over it has no finite reading in this version",
                                   ntk_layer_name(network->steps[i].layer));
    return NTK_OK;
}

/* One sample: its network, and where its outputs stand among those of the whole. */
typedef struct one {
    const ntk_network *network;
    const ntk_value *whole, *own; /* results */
    int64_t channels;
    ntk_tape tape;
} one;

static ntk_status open_one(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites, int64_t i, const real *theta, const real *x, bool keep, one *s)
{
    ntk_status status;
    s->network = ntk_sites_network(sites, network, i);
    s->whole = &network->values[network->result];
    s->own = &s->network->values[s->network->result];
    s->channels = s->whole->shape[s->whole->ndim - 1];
    status = ntk_tape_open(ctx, s->network, 1, theta, x + i * ntk_network_input_size(network), &s->tape);
    if (status != NTK_OK) return status;
    s->tape.graphs = ntk_sites_graph(sites, i);
    status = ntk_tape_forward(&s->tape, keep);
    if (status != NTK_OK) ntk_tape_close(&s->tape);
    return status;
}

/* Place of output r of the sample among those of the whole. */
static int64_t place_of(const one *s, int64_t r)
{
    return ntk_sites_place(s->whole, s->own, r / s->channels) * s->channels + r % s->channels;
}

static void spread_outputs(const one *s, const real *own, real *whole)
{
    memset(whole, 0, (size_t)s->whole->size * sizeof *whole);
    for (int64_t r = 0; r < s->own->size; ++r) whole[place_of(s, r)] = own[r];
}

static void gather_outputs(const one *s, const real *whole, real *own)
{
    for (int64_t r = 0; r < s->own->size; ++r) own[r] = whole[place_of(s, r)];
}

/* ---- f, J v, Jᵀ u ---------------------------------------------------------------------------------------------- */

typedef struct pass {
    const real *v, *u; /* forward mode, backward mode; both NULL: the values */
    real *out;         /* [n, o], or the gradient */
    real *scratch;     /* [o] */
} pass;

static ntk_status run_one(one *s, const pass *p, int64_t i)
{
    ntk_status status = NTK_OK;
    int64_t o = s->whole->size;
    if (p->u) {
        gather_outputs(s, p->u + i * o, p->scratch);
        return ntk_tape_backward(&s->tape, p->scratch, p->out);
    }
    if (p->v) NTK_TRY(ntk_tape_tangent(&s->tape, p->v, p->scratch));
    spread_outputs(s, p->v ? p->scratch : s->tape.value[s->network->result], p->out + i * o);
done:
    return status;
}

static ntk_status run_all(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites, const real *theta, const real *x, pass p)
{
    ntk_status status = NTK_OK;
    NTK_TRY(NTK_NEW_RAW(ctx, ntk_network_outputs(network), &p.scratch));
    for (int64_t i = 0; i < sites->n; ++i) {
        one s;
        NTK_TRY(open_one(ctx, network, sites, i, theta, x, p.u || p.v, &s));
        status = run_one(&s, &p, i);
        ntk_tape_close(&s.tape);
        if (status == NTK_OK) status = ntk_progress(ctx, (double)(i + 1) / (double)sites->n);
        if (status != NTK_OK) goto done;
    }
done:
    ntk_free(p.scratch);
    return status;
}

ntk_status ntk_finite_forward_at(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites, const void *theta, const void *x, void *f)
{
    ntk_status status;
    NTK_TRY(run_all(ctx, network, sites, theta, x, (pass){.out = f}));
    NTK_TRY(ntk_finite_check_rows(ctx, "f", 0, sites->n, ntk_network_outputs(network), f));
done:
    return status;
}

ntk_status ntk_finite_jvp_at(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites, const void *theta, const void *x, const void *v, void *df)
{
    ntk_status status;
    NTK_TRY(run_all(ctx, network, sites, theta, x, (pass){.v = v, .out = df}));
    NTK_TRY(ntk_finite_check_rows(ctx, "df", 0, sites->n, ntk_network_outputs(network), df));
done:
    return status;
}

ntk_status ntk_finite_vjp_at(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites, const void *theta, const void *x, const void *u, void *g)
{
    ntk_status status;
    memset(g, 0, (size_t)network->n_parameters * sizeof(real));
    NTK_TRY(run_all(ctx, network, sites, theta, x, (pass){.u = u, .out = g}));
    NTK_TRY(ntk_finite_check_vector(ctx, "g", network->n_parameters, g));
done:
    return status;
}

/* ---- rows of J ------------------------------------------------------------------------------------------------- */

/* Rows [begin, end) of the whole's outputs of one sample. */
static ntk_status rows_of_one(ntk_context *ctx, one *s, int64_t begin, int64_t end, real *rows)
{
    ntk_status status;
    real *own = NULL;
    int64_t p = s->network->n_parameters, count;
    NTK_TRY(ntk_size_product(ctx, "rows of J", s->own->size, p, &count));
    NTK_TRY(ntk_memory_require(ctx, "rows of J", (double)count * sizeof(real)));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &own));
    NTK_TRY(ntk_tape_rows(&s->tape, 0, s->own->size, own));
    memset(rows, 0, (size_t)((end - begin) * p) * sizeof *rows);
    for (int64_t r = 0; r < s->own->size; ++r) {
        int64_t place = place_of(s, r);
        if (place >= begin && place < end) memcpy(rows + (place - begin) * p, own + r * p, (size_t)p * sizeof *rows);
    }
done:
    ntk_free(own);
    return status;
}

ntk_status ntk_finite_rows_at(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites, const real *theta, const real *x, int64_t first,
                              int64_t count, real *rows)
{
    ntk_status status = NTK_OK;
    int64_t o = ntk_network_outputs(network);
    for (int64_t at = first, end; at < first + count; at = end) {
        int64_t i = at / o;
        one s;
        end = NTK_MIN((i + 1) * o, first + count);
        NTK_TRY(open_one(ctx, network, sites, i, theta, x, true, &s));
        status = rows_of_one(ctx, &s, at - i * o, end - i * o, rows + (at - first) * network->n_parameters);
        ntk_tape_close(&s.tape);
        if (status == NTK_OK) status = ntk_progress(ctx, (double)(end - first) / (double)count);
        if (status != NTK_OK) goto done;
    }
    NTK_TRY(ntk_finite_check_rows(ctx, "J", first, count, network->n_parameters, rows));
done:
    return status;
}
