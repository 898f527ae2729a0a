/*
 * JSON from the tree: only what the user wrote, one layer a line.
 *
 * Fifteen to seventeen significant digits name every double; the decimal point is a point in every locale.  Nothing here needs
 * escapes, since every name stands in a table.  Nothing is allocated.
 */
#include "network.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Counts all that is written, keeps what fits. */
typedef struct writer {
    char *text;
    size_t capacity, used;
} writer;

static void write_text(writer *w, const char *text)
{
    size_t length = strlen(text);
    if (w->used < w->capacity) memcpy(w->text + w->used, text, NTK_MIN(length, w->capacity - w->used));
    w->used += length;
}

static void write_integer(writer *w, double value)
{
    char text[32];
    ntk_print(text, sizeof text, "%lld", (long long)value);
    write_text(w, text);
}

/* As few digits, of 15 to 17, as read back to the same bits: 1.4, not 1.3999999999999999.  Reading and printing in one locale, with a point. */
static void print_number(char *text, size_t size, double value)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = (locale_t)0;
    if (c) before = uselocale(c);
    for (int digits = 15; digits <= 17; ++digits) {
        snprintf(text, size, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    if (before) uselocale(before);
    if (c) freelocale(c);
}

/* The bits survive; a number without point or exponent gets one, so that it reads back as a number. */
static void write_number(writer *w, double value)
{
    char text[64];
    print_number(text, sizeof text, value);
    write_text(w, text);
    if (!strpbrk(text, ".e")) write_text(w, ".0");
}

static void write_boolean(writer *w, double value)
{
    write_text(w, value != 0 ? "true" : "false");
}

static void write_numbers(writer *w, const ntk_key *key, const double *numbers)
{
    write_text(w, "[");
    for (int64_t i = 1; i <= (int64_t)numbers[0]; ++i) {
        if (i > 1) write_text(w, ", ");
        if (isnan(numbers[i])) write_text(w, "null");
        else if (key->type == NTK_KEY_INTEGERS) write_integer(w, numbers[i]);
        else write_number(w, numbers[i]);
    }
    write_text(w, "]");
}

static void write_value(writer *w, const ntk_key *key, double value)
{
    static void (*const write[])(writer *, double) = {
        [NTK_KEY_INTEGER] = write_integer, [NTK_KEY_NUMBER] = write_number, [NTK_KEY_BOOLEAN] = write_boolean, [NTK_KEY_CHOICE] = NULL};
    if (write[key->type]) {
        write[key->type](w, value);
        return;
    }
    write_text(w, "\"");
    write_text(w, key->choices[(int)value]);
    write_text(w, "\"");
}

static void write_name(writer *w, const char *before, const char *name)
{
    write_text(w, before);
    write_text(w, "\"");
    write_text(w, name);
    write_text(w, "\": ");
}

static void write_line(writer *w, int indent)
{
    write_text(w, "\n");
    for (int i = 0; i < indent; ++i) write_text(w, "  ");
}

static void write_list(writer *w, const ntk_layer_list *list, int indent);

static void write_lists(writer *w, const ntk_layer *layer, int indent)
{
    bool several = layer->op->children == NTK_LISTS;
    write_name(w, ", ", layer->op->children_key);
    if (several) write_text(w, "[");
    for (int64_t i = 0; i < layer->n_lists; ++i) {
        if (i > 0) write_text(w, ", ");
        write_list(w, &layer->lists[i], indent);
    }
    if (several) write_text(w, "]");
}

static void write_layer(writer *w, const ntk_layer *layer, int indent)
{
    const ntk_key *keys = ntk_layer_keys(layer);
    write_text(w, "{\"op\": \"");
    write_text(w, ntk_layer_name(layer));
    write_text(w, "\"");
    for (int i = 0; keys[i].name; ++i) {
        if (!layer->given[i]) continue;
        write_name(w, ", ", keys[i].name);
        if (ntk_key_is_list(&keys[i])) write_numbers(w, &keys[i], layer->numbers[i]);
        else write_value(w, &keys[i], layer->value[i]);
    }
    if (layer->op->children != NTK_NO_CHILDREN) write_lists(w, layer, indent);
    write_text(w, "}");
}

static void write_list(writer *w, const ntk_layer_list *list, int indent)
{
    write_text(w, "[");
    for (int64_t i = 0; i < list->count; ++i) {
        if (i > 0) write_text(w, ",");
        write_line(w, indent + 1);
        write_layer(w, list->layers[i], indent + 1);
    }
    if (list->count > 0) write_line(w, indent);
    write_text(w, "]");
}

static void write_network(writer *w, const ntk_network *network)
{
    write_text(w, "{\n  \"format\": \"ntk-network\", \"version\": 1,\n  \"input\": [");
    for (int i = 0; i < network->ndim; ++i) {
        if (i > 0) write_text(w, ", ");
        write_integer(w, (double)network->shape[i]);
    }
    write_text(w, "],\n");
    if (network->parameterization_given) {
        write_name(w, "  ", ntk_parameterization_key.name);
        write_value(w, &ntk_parameterization_key, network->parameterization);
        write_text(w, ",\n");
    }
    write_name(w, "  ", "layers");
    write_list(w, &network->layers, 1);
    write_text(w, "\n}\n");
}

/* A callback has no text. */
static ntk_status check_no_own(ntk_context *ctx, const ntk_layer_list *list)
{
    ntk_status status = NTK_OK;
    for (int64_t i = 0; i < list->count && status == NTK_OK; ++i) {
        const ntk_layer *layer = list->layers[i];
        if (layer->own)
            return ntk_fail_at(ctx, NTK_ERROR_UNSUPPORTED, layer->path, "%s is an activation of the program's own; JSON cannot hold it", ntk_layer_name(layer));
        for (int64_t k = 0; k < layer->n_lists && status == NTK_OK; ++k) status = check_no_own(ctx, &layer->lists[k]);
    }
    return status;
}

ntk_status ntk_network_format(ntk_context *ctx, const ntk_network *network, char *text, size_t capacity, size_t *needed)
{
    writer w = {text, capacity, 0};
    ntk_status status;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, network);
    if (capacity > 0) NTK_REQUIRE(ctx, text);
    status = check_no_own(ctx, &network->layers);
    if (status != NTK_OK) return status;
    write_network(&w, network);
    if (needed) *needed = w.used + 1;
    if (capacity == 0) return NTK_OK;
    text[NTK_MIN(w.used, capacity - 1)] = 0;
    if (w.used < capacity) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "capacity is %zu bytes; the text needs %zu", capacity, w.used + 1);
}
