/*
 * The tree from calls.  The open layers form a stack; what is added goes into the newest list of the innermost one.  A
 * layer enters the tree when it is opened, so paths and the tree are at every moment those of the description so far.
 */
#include "network.h"

struct ntk_builder {
    ntk_heading heading;
    ntk_layer_list layers;
    ntk_layer *open[NTK_MAX_NESTING]; /* inside `layers` */
    int n_open;
};

static ntk_layer *innermost(const ntk_builder *b)
{
    return b->n_open > 0 ? b->open[b->n_open - 1] : NULL;
}

static ntk_layer_list *current_list(ntk_builder *b)
{
    ntk_layer *layer = innermost(b);
    return layer ? &layer->lists[layer->n_lists - 1] : &b->layers;
}

/* ---- create and destroy ---------------------------------------------------------------------------------------- */

static ntk_status set_heading(ntk_context *ctx, ntk_heading *heading, int ndim, const int64_t *shape, const char *parameterization)
{
    ntk_given extents[NTK_MAX_NDIM], given = {.kind = NTK_GIVEN_TEXT, .text = parameterization};
    ntk_status status;
    for (int i = 0; i < NTK_MIN(ndim, NTK_MAX_NDIM); ++i) extents[i] = (ntk_given){.kind = NTK_GIVEN_INTEGER, .number = (double)shape[i]};
    NTK_TRY(ntk_heading_set_input(ctx, heading, ndim, extents));
    if (parameterization) NTK_TRY(ntk_heading_set_parameterization(ctx, heading, &given));
done:
    return status;
}

ntk_status ntk_builder_create(ntk_context *ctx, int ndim, const int64_t *shape, const char *parameterization, ntk_builder **builder)
{
    ntk_status status;
    ntk_builder *b = NULL;
    NTK_ENTER_NEW(ctx, builder);
    NTK_REQUIRE(ctx, shape);
    NTK_TRY(NTK_NEW(ctx, 1, &b));
    NTK_TRY(set_heading(ctx, &b->heading, ndim, shape, parameterization));
    NTK_TRY(ntk_layer_list_open(ctx, "layers", 1, &b->layers));
    *builder = b;
    b = NULL;
done:
    ntk_builder_destroy(b);
    return status;
}

void ntk_builder_destroy(ntk_builder *builder)
{
    if (!builder) return;
    ntk_layer_list_clear(&builder->layers);
    ntk_free(builder);
}

/* ---- layers ---------------------------------------------------------------------------------------------------- */

static ntk_status set_attributes(ntk_context *ctx, const ntk_attribute *attributes, ntk_layer *layer)
{
    ntk_status status = NTK_OK;
    for (const ntk_attribute *a = attributes; a && a->key && status == NTK_OK; ++a) {
        ntk_given given = {a->text ? NTK_GIVEN_TEXT : a->list ? NTK_GIVEN_LIST : NTK_GIVEN_NUMBER, a->number, a->text, a->list, NTK_MAX(a->count, 0)};
        status = ntk_layer_set(ctx, layer, a->key, &given);
    }
    return status;
}

static ntk_status check_children(ntk_context *ctx, const ntk_layer *layer, bool opened)
{
    bool holds = layer->op->children != NTK_NO_CHILDREN;
    if (holds == opened) return NTK_OK;
    return ntk_fail_at(ctx, NTK_ERROR_NETWORK, layer->path, "%s holds %s; %s", ntk_layer_name(layer), holds ? "lists of layers" : "no layers",
                       holds ? "open it with ntk_builder_begin()" : "add it with ntk_builder_add()");
}

/* Makes a layer whole, with its first list if it is opened, and only then appends it: a failure leaves no trace. */
static ntk_status append(ntk_context *ctx, ntk_builder *b, const char *op, const ntk_attribute *attributes, bool opened)
{
    ntk_status status;
    ntk_layer *layer = NULL;
    NTK_TRY(ntk_layer_create(ctx, current_list(b), op, &layer));
    NTK_TRY(check_children(ctx, layer, opened));
    NTK_TRY(set_attributes(ctx, attributes, layer));
    NTK_TRY(ntk_layer_check(ctx, layer));
    if (opened) NTK_TRY(ntk_layer_add_list(ctx, layer));
    NTK_TRY(ntk_layer_list_append(ctx, current_list(b), layer));
    if (opened) b->open[b->n_open++] = layer;
    layer = NULL;
done:
    ntk_layer_destroy(layer);
    return status;
}

ntk_status ntk_builder_add(ntk_context *ctx, ntk_builder *builder, const char *op, const ntk_attribute *attributes)
{
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, builder);
    NTK_REQUIRE(ctx, op);
    return append(ctx, builder, op, attributes, false);
}

ntk_status ntk_builder_add_activation(ntk_context *ctx, ntk_builder *builder, const ntk_activation_options *options)
{
    ntk_status status;
    ntk_layer *layer = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, builder);
    NTK_REQUIRE(ctx, options);
    NTK_TRY(ntk_layer_create_own(ctx, current_list(builder), options, &layer));
    NTK_TRY(ntk_layer_list_append(ctx, current_list(builder), layer));
    layer = NULL;
done:
    ntk_layer_destroy(layer);
    return status;
}

ntk_status ntk_builder_begin(ntk_context *ctx, ntk_builder *builder, const char *op, const ntk_attribute *attributes)
{
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, builder);
    NTK_REQUIRE(ctx, op);
    return append(ctx, builder, op, attributes, true);
}

ntk_status ntk_builder_next(ntk_context *ctx, ntk_builder *builder)
{
    ntk_layer *layer;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, builder);
    layer = innermost(builder);
    if (!layer) return ntk_fail(ctx, NTK_ERROR_NETWORK, "no layer is open: ntk_builder_next() goes on inside one");
    if (layer->op->children != NTK_LISTS)
        return ntk_fail_at(ctx, NTK_ERROR_NETWORK, layer->path, "%s holds one list of layers only", ntk_layer_name(layer));
    return ntk_layer_add_list(ctx, layer);
}

ntk_status ntk_builder_end(ntk_context *ctx, ntk_builder *builder)
{
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, builder);
    if (builder->n_open == 0) return ntk_fail(ctx, NTK_ERROR_NETWORK, "no layer is open: ntk_builder_end() closes one");
    --builder->n_open;
    return NTK_OK;
}

ntk_status ntk_builder_finish(ntk_context *ctx, const ntk_builder *builder, ntk_network **network)
{
    ntk_status status;
    ntk_layer_list layers = {0};
    const ntk_layer *open;
    NTK_ENTER_NEW(ctx, network);
    NTK_REQUIRE(ctx, builder);
    open = innermost(builder);
    if (open) return ntk_fail_at(ctx, NTK_ERROR_NETWORK, open->path, "%s is still open: ntk_builder_end() closes it", ntk_layer_name(open));
    NTK_TRY(ntk_layer_list_copy(ctx, &builder->layers, &layers));
    NTK_TRY(ntk_network_create(ctx, &builder->heading, &layers, network));
done:
    ntk_layer_list_clear(&layers);
    return status;
}
