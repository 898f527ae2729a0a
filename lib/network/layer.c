/* The tree: one layer from its name and keys, and lists of layers. */
#include "network.h"

#include <stdio.h>
#include <string.h>

#define INDEX_TEXT 24 /* "[9223372036854775807]" */

/* ---- names and keys -------------------------------------------------------------------------------------------- */

const ntk_key *ntk_layer_keys(const ntk_layer *layer)
{
    static const ntk_key none[] = {{.name = NULL}};
    const ntk_key *keys = layer->activation ? layer->activation->keys : layer->op->keys;
    return keys ? keys : none;
}

const double *ntk_layer_parameters(const ntk_layer *layer)
{
    return ntk_key_is_list(ntk_layer_keys(layer)) ? layer->numbers[0] : layer->value;
}

const char *ntk_layer_name(const ntk_layer *layer)
{
    return layer->activation ? layer->activation->name : layer->op->name;
}

/* Ops first, activations after them: all that "op" may say. */
static const char *layer_name_at(const void *table, int index)
{
    int n_ops = ntk_op_count();
    (void)table;
    return index < n_ops ? ntk_op_name(index) : ntk_activation_name(index - n_ops);
}

/* The keys of a layer, then the key of its lists. */
static const char *key_name_at(const void *layer, int index)
{
    const ntk_key *keys = ntk_layer_keys(layer);
    int n = 0;
    while (keys[n].name) ++n;
    if (index < n) return keys[index].name;
    return index == n ? ((const ntk_layer *)layer)->op->children_key : NULL;
}

static bool find_name(ntk_layer *layer, const char *name)
{
    for (int i = 0; ntk_ops[i]; ++i)
        if (strcmp(ntk_ops[i]->name, name) == 0) layer->op = ntk_ops[i];
    for (int i = 0; !layer->op && ntk_activations[i]; ++i)
        if (strcmp(ntk_activations[i]->name, name) == 0) layer->activation = ntk_activations[i];
    if (layer->activation) layer->op = &ntk_op_activation;
    return layer->op;
}

static int find_key(const ntk_layer *layer, const char *name)
{
    const ntk_key *keys = ntk_layer_keys(layer);
    for (int i = 0; keys[i].name && i < NTK_MAX_KEYS; ++i)
        if (strcmp(keys[i].name, name) == 0) return i;
    return -1;
}

ntk_status ntk_layer_set(ntk_context *ctx, ntk_layer *layer, const char *key, const ntk_given *given)
{
    char text[NTK_UNKNOWN_TEXT];
    int at = find_key(layer, key);
    if (at < 0)
        return ntk_fail_at(ctx, NTK_ERROR_NETWORK, layer->path, "%s has no key %s", ntk_layer_name(layer),
                           ntk_unknown_text(text, key, key_name_at, layer));
    if (layer->given[at]) return ntk_fail_at(ctx, NTK_ERROR_NETWORK, layer->path, "%s is given twice", key);
    layer->given[at] = true;
    if (ntk_key_is_list(&ntk_layer_keys(layer)[at])) return ntk_key_read_list(ctx, layer->path, &ntk_layer_keys(layer)[at], given, &layer->numbers[at]);
    return ntk_key_read(ctx, layer->path, &ntk_layer_keys(layer)[at], given, &layer->value[at]);
}

ntk_status ntk_layer_check(ntk_context *ctx, const ntk_layer *layer)
{
    const ntk_key *keys = ntk_layer_keys(layer);
    for (int i = 0; keys[i].name && i < NTK_MAX_KEYS; ++i)
        if (keys[i].required && !layer->given[i])
            return ntk_fail_at(ctx, NTK_ERROR_NETWORK, layer->path, "%s needs the key \"%s\"", ntk_layer_name(layer), keys[i].name);
    return NTK_OK;
}

/* ---- layers ---------------------------------------------------------------------------------------------------- */

static ntk_status format_path(ntk_context *ctx, const char *front, const char *middle, const char *back, char **path)
{
    size_t size = strlen(front) + strlen(middle) + strlen(back) + 1;
    ntk_status status = NTK_NEW_RAW(ctx, (int64_t)size, path);
    if (status == NTK_OK) snprintf(*path, size, "%s%s%s", front, middle, back);
    return status;
}

static void fill_fallbacks(ntk_layer *layer)
{
    const ntk_key *keys = ntk_layer_keys(layer);
    for (int i = 0; keys[i].name && i < NTK_MAX_KEYS; ++i) layer->value[i] = keys[i].fallback;
}

ntk_status ntk_layer_create(ntk_context *ctx, const ntk_layer_list *list, const char *name, ntk_layer **layer)
{
    char text[NTK_UNKNOWN_TEXT];
    ntk_status status;
    ntk_layer *l = NULL;
    *layer = NULL;
    NTK_TRY(NTK_NEW(ctx, 1, &l));
    l->depth = list->depth;
    NTK_TRY(ntk_layer_list_next_path(ctx, list, &l->path));
    if (!find_name(l, name))
        NTK_TRY(ntk_fail_at(ctx, NTK_ERROR_NETWORK, l->path, "unknown op %s", ntk_unknown_text(text, name, layer_name_at, NULL)));
    fill_fallbacks(l);
    *layer = l;
    l = NULL;
done:
    ntk_layer_destroy(l);
    return status;
}

ntk_status ntk_layer_create_own(ntk_context *ctx, const ntk_layer_list *list, const ntk_activation_options *options, ntk_layer **layer)
{
    ntk_status status;
    ntk_layer *l = NULL;
    *layer = NULL;
    NTK_TRY(NTK_NEW(ctx, 1, &l));
    l->depth = list->depth;
    l->op = &ntk_op_activation;
    NTK_TRY(ntk_layer_list_next_path(ctx, list, &l->path));
    NTK_TRY(ntk_own_create(ctx, l->path, options, &l->own));
    l->activation = &l->own->record;
    *layer = l;
    l = NULL;
done:
    ntk_layer_destroy(l);
    return status;
}

void ntk_layer_destroy(ntk_layer *layer)
{
    if (!layer) return;
    ntk_own_destroy(layer->own);
    for (int64_t i = 0; i < layer->n_lists; ++i) ntk_layer_list_clear(&layer->lists[i]);
    for (int i = 0; i < NTK_MAX_KEYS; ++i) ntk_free(layer->numbers[i]);
    ntk_free(layer->lists);
    ntk_free(layer->path);
    ntk_free(layer);
}

/* Room for one more of `count` items: arrays grow where the count is a power of two, so none needs a capacity. */
static ntk_status grow(ntk_context *ctx, int64_t count, size_t size, void **items)
{
    void *larger = NULL;
    ntk_status status;
    if (count & (count - 1)) return NTK_OK;
    status = ntk_allocate(ctx, count ? 2 * count : 1, size, &larger);
    if (status != NTK_OK) return status;
    if (count) memcpy(larger, *items, (size_t)count * size);
    ntk_free(*items);
    *items = larger;
    return NTK_OK;
}

ntk_status ntk_layer_add_list(ntk_context *ctx, ntk_layer *layer)
{
    char back[INDEX_TEXT + 32], *path = NULL;
    ntk_status status;
    if (layer->depth >= NTK_MAX_NESTING)
        return ntk_fail_at(ctx, NTK_ERROR_NETWORK, layer->path, "lists of layers nest more than %d deep", NTK_MAX_NESTING);
    if (layer->op->children == NTK_LISTS) snprintf(back, sizeof back, "%s[%lld]", layer->op->children_key, (long long)layer->n_lists);
    else snprintf(back, sizeof back, "%s", layer->op->children_key);
    NTK_TRY(format_path(ctx, layer->path, ".", back, &path));
    NTK_TRY(grow(ctx, layer->n_lists, sizeof *layer->lists, (void **)&layer->lists));
    NTK_TRY(ntk_layer_list_open(ctx, path, layer->depth + 1, &layer->lists[layer->n_lists]));
    ++layer->n_lists;
done:
    ntk_free(path);
    return status;
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

ntk_status ntk_layer_list_open(ntk_context *ctx, const char *path, int depth, ntk_layer_list *list)
{
    *list = (ntk_layer_list){.depth = depth};
    return ntk_copy_string(ctx, path, &list->path);
}

ntk_status ntk_layer_list_next_path(ntk_context *ctx, const ntk_layer_list *list, char **path)
{
    char index[INDEX_TEXT];
    snprintf(index, sizeof index, "[%lld]", (long long)list->count);
    return format_path(ctx, list->path, index, "", path);
}

ntk_status ntk_layer_list_append(ntk_context *ctx, ntk_layer_list *list, ntk_layer *layer)
{
    ntk_status status = grow(ctx, list->count, sizeof *list->layers, (void **)&list->layers);
    if (status == NTK_OK) list->layers[list->count++] = layer;
    return status;
}

void ntk_layer_list_clear(ntk_layer_list *list)
{
    for (int64_t i = 0; i < list->count; ++i) ntk_layer_destroy(list->layers[i]);
    ntk_free(list->layers);
    ntk_free(list->path);
    *list = (ntk_layer_list){0};
}

static ntk_status copy_numbers(ntk_context *ctx, const ntk_numbers from[NTK_MAX_KEYS], ntk_numbers to[NTK_MAX_KEYS])
{
    ntk_status status = NTK_OK;
    for (int i = 0; i < NTK_MAX_KEYS && status == NTK_OK; ++i) {
        int64_t size = from[i] ? 1 + (int64_t)from[i][0] : 0;
        if (size == 0) continue;
        status = NTK_NEW(ctx, size, &to[i]);
        if (status == NTK_OK) memcpy(to[i], from[i], (size_t)size * sizeof *to[i]);
    }
    return status;
}

static ntk_status copy_layer(ntk_context *ctx, const ntk_layer *layer, ntk_layer **copy)
{
    ntk_status status;
    ntk_layer *l = NULL;
    *copy = NULL;
    NTK_TRY(NTK_NEW(ctx, 1, &l));
    *l = *layer;
    ntk_retain(l->own);
    l->path = NULL;
    l->lists = NULL;
    l->n_lists = 0;
    memset(l->numbers, 0, sizeof l->numbers);
    NTK_TRY(copy_numbers(ctx, layer->numbers, l->numbers));
    NTK_TRY(ntk_copy_string(ctx, layer->path, &l->path));
    for (int64_t i = 0; i < layer->n_lists; ++i) {
        NTK_TRY(grow(ctx, i, sizeof *l->lists, (void **)&l->lists));
        ++l->n_lists;
        NTK_TRY(ntk_layer_list_copy(ctx, &layer->lists[i], &l->lists[i]));
    }
    *copy = l;
    l = NULL;
done:
    ntk_layer_destroy(l);
    return status;
}

ntk_status ntk_layer_list_copy(ntk_context *ctx, const ntk_layer_list *list, ntk_layer_list *copy)
{
    ntk_status status;
    ntk_layer *layer = NULL;
    NTK_TRY(ntk_layer_list_open(ctx, list->path, list->depth, copy));
    for (int64_t i = 0; i < list->count; ++i) {
        NTK_TRY(copy_layer(ctx, list->layers[i], &layer));
        NTK_TRY(ntk_layer_list_append(ctx, copy, layer));
        layer = NULL;
    }
done:
    ntk_layer_destroy(layer);
    return status;
}
