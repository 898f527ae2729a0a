/* The gram from a kernel on one data set, and its end. */
#include "kernel.h"

ntk_status ntk_gram_new_matrix(ntk_context *ctx, ntk_gram *g, ntk_kind kind)
{
    int64_t numbers;
    ntk_status status;
    NTK_TRY(g->storage->numbers(ctx, g->size, &numbers));
    NTK_TRY(ntk_allocate_raw(ctx, numbers, ntk_dtype_size(g->dtype), &g->owned[kind]));
    g->matrix[kind] = g->owned[kind];
done:
    return status;
}

static ntk_status check_request(ntk_context *ctx, const ntk_kernel *k, const ntk_gram_options *o)
{
    if (o->no_ntk && !o->nngp) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the options ask for a gram without NTK and without NNGP");
    if (k->trailing > 1 || k->outputs == NTK_OUTPUTS_DIAGONAL)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "a kernel with outputs = diagonal has several numbers per pair; a gram has one");
    if ((!o->no_ntk && !(k->delivers & NTK_WANT_NTK)) || (o->nngp && !(k->delivers & NTK_WANT_NNGP)))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the %s kernel does not deliver what the options ask for", k->class->name);
    return NTK_OK;
}

static ntk_status fill(ntk_context *ctx, ntk_gram *g, const ntk_gram_options *o)
{
    ntk_status status;
    int64_t numbers;
    g->anew[NTK_KIND_NTK] = o->storage == NTK_STORAGE_NONE && !o->no_ntk;
    g->anew[NTK_KIND_NNGP] = o->storage == NTK_STORAGE_NONE && o->nngp;
    if (o->storage == NTK_STORAGE_NONE) return NTK_OK;
    NTK_TRY(g->storage->numbers(ctx, g->size, &numbers));
    if (!o->no_ntk) NTK_TRY(ntk_gram_new_matrix(ctx, g, NTK_KIND_NTK));
    if (o->nngp) NTK_TRY(ntk_gram_new_matrix(ctx, g, NTK_KIND_NNGP));
    NTK_TRY(g->storage->fill(ctx, g->kernel, &g->points, g->owned));
done:
    return status;
}

/* The whole job fits the memory limit, or none of it starts. */
static ntk_status require(ntk_context *ctx, const ntk_kernel *k, const ntk_array *x, const ntk_gram_options *o)
{
    ntk_status status;
    ntk_job job;
    if (ctx->options.memory_limit == 0) return NTK_OK;
    NTK_TRY(ntk_points_check(ctx, k, "x", x));
    job = (ntk_job){NTK_JOB_INIT, .n1 = x->shape[0], .inputs = ntk_array_size(x) / NTK_MAX(x->shape[0], 1), .dtype = x->dtype, .no_ntk = o->no_ntk, .nngp = o->nngp, .gram = 1,
                   .storage = o->storage};
    NTK_TRY(ntk_kernel_require(ctx, k, "the gram", &job, 0));
done:
    return status;
}

ntk_status ntk_gram_create(ntk_context *ctx, const ntk_kernel *kernel, const ntk_array *x, const ntk_gram_options *options, ntk_gram **gram)
{
    ntk_status status;
    ntk_gram_options o;
    ntk_gram *g = NULL;
    NTK_ENTER_NEW(ctx, gram);
    NTK_REQUIRE(ctx, kernel);
    NTK_TRY(NTK_OPTIONS_READ(ctx, options, &o));
    if (o.reserved != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "options.reserved is %d; expected 0", (int)o.reserved);
    NTK_TRY(check_request(ctx, kernel, &o));
    NTK_TRY(require(ctx, kernel, x, &o));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &g));
    NTK_TRY(ntk_storage_choose(ctx, o.storage, &g->storage));
    NTK_TRY(ntk_kernel_for(ctx, kernel, o.structure, NULL, &g->kernel));
    NTK_TRY_PART(ctx, 0, kernel->class->preparation, ntk_points_open(ctx, g->kernel, "x", x, o.structure, true, &g->points));
    g->dtype = g->points.dtype;
    g->per_sample = kernel->per_sample;
    NTK_TRY(ntk_size_product(ctx, "the rows of the gram", g->points.n, g->per_sample, &g->size));
    NTK_TRY_PART(ctx, kernel->class->preparation, 1, fill(ctx, g, &o));
    *gram = g;
    g = NULL;
done:
    ntk_gram_destroy(g);
    return status;
}

void ntk_gram_destroy(ntk_gram *gram)
{
    if (!ntk_object_release(gram)) return;
    if (gram->kernel) ntk_points_close(gram->kernel, &gram->points);
    ntk_kernel_destroy(gram->kernel);
    ntk_jacobian_destroy(gram->jacobian);
    ntk_optimizer_destroy(gram->optimizer);
    ntk_free(gram->factored);
    ntk_free(gram->owned[0]);
    ntk_free(gram->owned[1]);
    ntk_free(gram);
}
