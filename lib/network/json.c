/*
 * The tree from JSON.  Jansson reads the text (strict UTF-8, no duplicate keys, at most 2048 levels deep, any locale); the
 * values are checked here.  Its nodes come from the C library's allocator, not from the context's: Jansson has one
 * allocator per process, which is not ours to change.
 */
#include "network.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define VERSION 1

/* ---- values ---------------------------------------------------------------------------------------------------- */

static ntk_given given_value(const json_t *json)
{
    static const struct {
        ntk_given_kind kind;
        const char *words;
    } kinds[] = {
        [JSON_OBJECT] = {NTK_GIVEN_OTHER, "an object"}, [JSON_ARRAY] = {NTK_GIVEN_OTHER, "a list"}, [JSON_STRING] = {NTK_GIVEN_TEXT, NULL},
        [JSON_INTEGER] = {NTK_GIVEN_INTEGER, NULL},     [JSON_REAL] = {NTK_GIVEN_REAL, NULL},       [JSON_TRUE] = {NTK_GIVEN_BOOLEAN, NULL},
        [JSON_FALSE] = {NTK_GIVEN_BOOLEAN, NULL},       [JSON_NULL] = {NTK_GIVEN_OTHER, "null"},
    };
    ntk_given given = {.kind = kinds[json_typeof(json)].kind, .number = json_number_value(json), .text = kinds[json_typeof(json)].words};
    if (json_is_true(json)) given.number = 1;
    if (json_is_string(json)) given.text = json_string_value(json);
    return given;
}

static ntk_status wrong_value(ntk_context *ctx, const char *path, const char *what, const json_t *json, const char *expected)
{
    char text[NTK_GIVEN_TEXT_SIZE];
    ntk_given given = given_value(json);
    return ntk_fail_at(ctx, NTK_ERROR_NETWORK, path, "%s is %s; expected %s", what, ntk_given_text(text, &given), expected);
}

/* ---- layers ---------------------------------------------------------------------------------------------------- */

static ntk_status read_list(ntk_context *ctx, const json_t *json, ntk_layer_list *list);

/* One more list of layers inside a layer. */
static ntk_status read_inner_list(ntk_context *ctx, const json_t *json, ntk_layer *layer)
{
    ntk_status status = ntk_layer_add_list(ctx, layer);
    if (status == NTK_OK) status = read_list(ctx, json, &layer->lists[layer->n_lists - 1]);
    return status;
}

static ntk_status read_inner_lists(ntk_context *ctx, const json_t *json, ntk_layer *layer)
{
    const char *key = layer->op->children_key;
    ntk_status status = NTK_OK;
    if (layer->op->children == NTK_ONE_LIST) return read_inner_list(ctx, json, layer);
    if (!json_is_array(json)) return wrong_value(ctx, layer->path, key, json, "a list of lists of layers");
    if (json_array_size(json) == 0)
        return ntk_fail_at(ctx, NTK_ERROR_NETWORK, layer->path, "%s is empty; expected at least one list of layers", key);
    for (size_t i = 0; status == NTK_OK && i < json_array_size(json); ++i) status = read_inner_list(ctx, json_array_get(json, i), layer);
    return status;
}

/* A list of numbers and nulls (NaN), in `given` and *memory (to be freed); any other list stays "a list". */
static ntk_status gather_numbers(ntk_context *ctx, const json_t *json, ntk_given *given, double **memory)
{
    size_t count = json_array_size(json);
    ntk_status status = NTK_NEW(ctx, (int64_t)count, memory);
    given->kind = NTK_GIVEN_INTEGERS;
    for (size_t i = 0; i < count && status == NTK_OK; ++i) {
        const json_t *entry = json_array_get(json, i);
        (*memory)[i] = json_is_null(entry) ? NAN : json_number_value(entry);
        if (!json_is_number(entry) && !json_is_null(entry)) {
            given->kind = NTK_GIVEN_OTHER;
            return status;
        }
        if (json_is_real(entry)) given->kind = NTK_GIVEN_REALS;
    }
    given->list = *memory;
    given->count = (int64_t)count;
    return status;
}

static ntk_status read_value(ntk_context *ctx, const char *key, const json_t *json, ntk_layer *layer)
{
    ntk_status status = NTK_OK;
    ntk_given given = given_value(json);
    double *memory = NULL;
    if (json_is_array(json)) NTK_TRY(gather_numbers(ctx, json, &given, &memory));
    NTK_TRY(ntk_layer_set(ctx, layer, key, &given));
done:
    ntk_free(memory);
    return status;
}

static ntk_status read_member(ntk_context *ctx, const char *key, const json_t *json, ntk_layer *layer)
{
    const char *inner = layer->op->children_key;
    if (strcmp(key, "op") == 0) return NTK_OK;
    if (inner && strcmp(key, inner) == 0) return read_inner_lists(ctx, json, layer);
    return read_value(ctx, key, json, layer);
}

static ntk_status read_members(ntk_context *ctx, json_t *json, ntk_layer *layer)
{
    ntk_status status;
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value) NTK_TRY(read_member(ctx, key, value, layer));
    NTK_TRY(ntk_layer_check(ctx, layer));
    if (layer->op->children != NTK_NO_CHILDREN && layer->n_lists == 0)
        NTK_TRY(ntk_fail_at(ctx, NTK_ERROR_NETWORK, layer->path, "%s needs the key \"%s\"", ntk_layer_name(layer), layer->op->children_key));
done:
    return status;
}

/* What is wrong with an entry that has no usable "op". */
static ntk_status nameless(ntk_context *ctx, const json_t *json, const ntk_layer_list *list)
{
    const json_t *name = json_object_get(json, "op");
    ntk_status status;
    char *path = NULL;
    NTK_TRY(ntk_layer_list_next_path(ctx, list, &path));
    if (!json_is_object(json)) status = wrong_value(ctx, path, "the layer", json, "an object such as {\"op\": \"relu\"}");
    else if (name) status = wrong_value(ctx, path, "op", name, "the name of a layer");
    else status = ntk_fail_at(ctx, NTK_ERROR_NETWORK, path, "the layer needs the key \"op\"");
done:
    ntk_free(path);
    return status;
}

static ntk_status read_layer(ntk_context *ctx, json_t *json, ntk_layer_list *list)
{
    const char *name = json_string_value(json_object_get(json, "op"));
    ntk_status status;
    ntk_layer *layer = NULL;
    if (!name) return nameless(ctx, json, list);
    NTK_TRY(ntk_layer_create(ctx, list, name, &layer));
    NTK_TRY(read_members(ctx, json, layer));
    NTK_TRY(ntk_layer_list_append(ctx, list, layer));
    layer = NULL;
done:
    ntk_layer_destroy(layer);
    return status;
}

static ntk_status read_list(ntk_context *ctx, const json_t *json, ntk_layer_list *list)
{
    ntk_status status = NTK_OK;
    if (!json_is_array(json)) return wrong_value(ctx, list->path, "the value", json, "a list of layers");
    for (size_t i = 0; status == NTK_OK && i < json_array_size(json); ++i) status = read_layer(ctx, json_array_get(json, i), list);
    return status;
}

/* ---- the head -------------------------------------------------------------------------------------------------- */

static ntk_status read_format(ntk_context *ctx, const json_t *json)
{
    static const char *const formats[] = {"ntk-network", NULL};
    static const ntk_key key = {"format", NTK_KEY_CHOICE, .choices = formats};
    ntk_given given = given_value(json);
    double value;
    return ntk_key_read(ctx, NULL, &key, &given, &value);
}

static ntk_status read_version(ntk_context *ctx, const json_t *json)
{
    if (json_is_integer(json) && json_integer_value(json) == VERSION) return NTK_OK;
    return wrong_value(ctx, NULL, "version", json, "1, the version that this library reads");
}

static ntk_status read_input(ntk_context *ctx, const json_t *json, ntk_heading *heading)
{
    ntk_given extents[NTK_MAX_NDIM];
    size_t ndim = json_array_size(json);
    if (!json_is_array(json)) return wrong_value(ctx, NULL, "input", json, "a list of integers");
    for (size_t i = 0; i < NTK_MIN(ndim, NTK_MAX_NDIM); ++i) extents[i] = given_value(json_array_get(json, i));
    return ntk_heading_set_input(ctx, heading, (int64_t)ndim, extents);
}

static ntk_status read_parameterization(ntk_context *ctx, const json_t *json, ntk_heading *heading)
{
    ntk_given given;
    if (!json) return NTK_OK;
    given = given_value(json);
    return ntk_heading_set_parameterization(ctx, heading, &given);
}

/* Every key is known, every required one is there. */
static ntk_status check_keys(ntk_context *ctx, json_t *root)
{
    static const char *const keys[] = {"format", "version", "input", "layers", "parameterization", NULL};
    const size_t required = 4;
    char text[NTK_UNKNOWN_TEXT];
    const char *key;
    json_t *value;
    for (size_t i = 0; i < required; ++i)
        if (!json_object_get(root, keys[i])) return ntk_fail(ctx, NTK_ERROR_NETWORK, "the network needs the key \"%s\"", keys[i]);
    json_object_foreach(root, key, value) {
        size_t i = 0;
        while (keys[i] && strcmp(keys[i], key) != 0) ++i;
        if (!keys[i]) return ntk_fail(ctx, NTK_ERROR_NETWORK, "the network has no key %s", ntk_unknown_text(text, key, ntk_string_at, keys));
    }
    return NTK_OK;
}

static ntk_status read_network(ntk_context *ctx, json_t *root, ntk_heading *heading, ntk_layer_list *layers)
{
    ntk_status status;
    if (!json_is_object(root)) return wrong_value(ctx, NULL, "the network", root, "an object");
    NTK_TRY(check_keys(ctx, root));
    NTK_TRY(read_format(ctx, json_object_get(root, "format")));
    NTK_TRY(read_version(ctx, json_object_get(root, "version")));
    NTK_TRY(read_input(ctx, json_object_get(root, "input"), heading));
    NTK_TRY(read_parameterization(ctx, json_object_get(root, "parameterization"), heading));
    NTK_TRY(ntk_layer_list_open(ctx, "layers", 1, layers));
    NTK_TRY(read_list(ctx, json_object_get(root, "layers"), layers));
done:
    return status;
}

/* ---- the text -------------------------------------------------------------------------------------------------- */

/*
 * Jansson does not say that memory ran out: it gives no position, or it calls a whole string, which it could not store, an
 * invalid token.  True errors inside a string have sentences of their own.
 */
static bool ran_out_of_memory(const char *json, const json_error_t *error)
{
    bool refuses_token = strncmp(error->text, "invalid token", 13) == 0 || strncmp(error->text, "string or '}' expected", 22) == 0;
    if (json_error_code(error) == json_error_out_of_memory || error->line < 1) return true;
    return refuses_token && error->position > 0 && json[error->position - 1] == '"';
}

static ntk_status load(ntk_context *ctx, const char *json, json_t **root)
{
    json_error_t error;
    ntk_status status = NTK_ERROR_SYNTAX;
    *root = json_loads(json, JSON_REJECT_DUPLICATES, &error);
    if (*root) return NTK_OK;
    if (ran_out_of_memory(json, &error)) return ntk_fail(ctx, NTK_ERROR_MEMORY, "out of memory while reading JSON");
    if (json_error_code(&error) == json_error_numeric_overflow) status = NTK_ERROR_OVERFLOW;
    return ntk_fail(ctx, status, "line %d, column %d: %s", error.line, error.column, error.text);
}

ntk_status ntk_network_parse(ntk_context *ctx, const char *json, ntk_network **network)
{
    ntk_status status;
    ntk_heading heading = {0};
    ntk_layer_list layers = {0};
    json_t *root = NULL;
    NTK_ENTER_NEW(ctx, network);
    NTK_REQUIRE(ctx, json);
    NTK_TRY(load(ctx, json, &root));
    NTK_TRY(read_network(ctx, root, &heading, &layers));
    NTK_TRY(ntk_network_create(ctx, &heading, &layers, network));
done:
    ntk_layer_list_clear(&layers);
    json_decref(root);
    return status;
}
