/*
 * One value checked against its key.  What each type of key takes is a table: which kinds of values, the check, the words.
 *
 * Integers stay below 2^53: every one of them is a double, and none was rounded on the way in.
 */
#include "network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define INTEGER_LIMIT 0x1p53
#define EXPECTED_TEXT 160

/* A real shows that it is one: 64.0. */
static const char *number_format(const ntk_given *given)
{
    bool integral = given->number == floor(given->number) && fabs(given->number) < INTEGER_LIMIT;
    return given->kind == NTK_GIVEN_REAL && integral ? "%.1f" : "%.15g";
}

const char *ntk_given_text(char text[NTK_GIVEN_TEXT_SIZE], const ntk_given *given)
{
    char quoted[NTK_QUOTED_TEXT];
    const char *words = NULL;
    if (given->kind == NTK_GIVEN_BOOLEAN) words = given->number != 0 ? "true" : "false";
    if (given->kind == NTK_GIVEN_TEXT) words = ntk_quoted(quoted, given->text);
    if (given->kind == NTK_GIVEN_OTHER) words = given->text;
    if (given->kind == NTK_GIVEN_INTEGERS || given->kind == NTK_GIVEN_LIST) words = "a list";
    if (given->kind == NTK_GIVEN_REALS) words = "a list with reals";
    if (words) ntk_print(text, NTK_GIVEN_TEXT_SIZE, "%s", words);
    else ntk_print(text, NTK_GIVEN_TEXT_SIZE, number_format(given), given->number);
    return text;
}

static bool read_integer(const ntk_key *key, const ntk_given *given, double *value)
{
    *value = given->number;
    return *value == floor(*value) && *value >= key->least && fabs(*value) < INTEGER_LIMIT && (key->most == 0 || *value <= key->most);
}

static bool read_number(const ntk_key *key, const ntk_given *given, double *value)
{
    *value = given->number;
    return isfinite(*value) && *value >= key->least;
}

static bool read_boolean(const ntk_key *key, const ntk_given *given, double *value)
{
    (void)key;
    *value = given->number;
    return *value == 0 || *value == 1;
}

static bool read_choice(const ntk_key *key, const ntk_given *given, double *value)
{
    for (int i = 0; key->choices[i]; ++i)
        if (strcmp(key->choices[i], given->text) == 0) {
            *value = i;
            return true;
        }
    return false;
}

static void describe_integer(char text[EXPECTED_TEXT], const ntk_key *key)
{
    if (key->most > 0) ntk_print(text, EXPECTED_TEXT, "an integer from %.15g to %.15g", key->least, key->most);
    else if (key->least > -INFINITY) ntk_print(text, EXPECTED_TEXT, "an integer >= %.15g and below 2^53", key->least);
    else ntk_print(text, EXPECTED_TEXT, "an integer between -2^53 and 2^53");
}

static void describe_number(char text[EXPECTED_TEXT], const ntk_key *key)
{
    if (key->least > -INFINITY) ntk_print(text, EXPECTED_TEXT, "a finite number >= %.15g", key->least);
    else ntk_print(text, EXPECTED_TEXT, "a finite number");
}

static void describe_boolean(char text[EXPECTED_TEXT], const ntk_key *key)
{
    (void)key;
    ntk_print(text, EXPECTED_TEXT, "true or false");
}

static void describe_choice(char text[EXPECTED_TEXT], const ntk_key *key)
{
    size_t used = 0;
    for (int i = 0; key->choices[i] && used < EXPECTED_TEXT; ++i)
        used += (size_t)ntk_print(text + used, EXPECTED_TEXT - used, "%s\"%s\"", i ? " or " : "", key->choices[i]);
}

static void describe_integers(char text[EXPECTED_TEXT], const ntk_key *key)
{
    if (key->least > -INFINITY) ntk_print(text, EXPECTED_TEXT, "a list of integers >= %.15g", key->least);
    else ntk_print(text, EXPECTED_TEXT, "a list of integers");
}

static void describe_numbers(char text[EXPECTED_TEXT], const ntk_key *key)
{
    (void)key;
    ntk_print(text, EXPECTED_TEXT, "a list of finite numbers");
}

#define TAKES(kind) (1u << NTK_GIVEN_##kind)

static const struct {
    unsigned takes;
    bool (*read)(const ntk_key *key, const ntk_given *given, double *value);
    void (*describe)(char text[EXPECTED_TEXT], const ntk_key *key);
} types[] = {
    [NTK_KEY_INTEGER] = {TAKES(INTEGER) | TAKES(NUMBER), read_integer, describe_integer},
    [NTK_KEY_NUMBER] = {TAKES(INTEGER) | TAKES(REAL) | TAKES(NUMBER), read_number, describe_number},
    [NTK_KEY_BOOLEAN] = {TAKES(BOOLEAN) | TAKES(NUMBER), read_boolean, describe_boolean},
    [NTK_KEY_CHOICE] = {TAKES(TEXT), read_choice, describe_choice},
    /* lists, whose entries are read one by one */
    [NTK_KEY_INTEGERS] = {TAKES(INTEGER) | TAKES(NUMBER) | TAKES(INTEGERS) | TAKES(LIST), read_integer, describe_integers},
    [NTK_KEY_NUMBERS] = {TAKES(INTEGER) | TAKES(REAL) | TAKES(NUMBER) | TAKES(INTEGERS) | TAKES(REALS) | TAKES(LIST), read_number, describe_numbers},
};

/* A JSON list with a real in it is no list of integers, even if all are whole; a builder's list does not tell. */
static bool takes(const ntk_key *key, const ntk_given *given)
{
    return types[key->type].takes >> given->kind & 1;
}

ntk_status ntk_key_read(ntk_context *ctx, const char *path, const ntk_key *key, const ntk_given *given, double *value)
{
    char is[NTK_GIVEN_TEXT_SIZE], should[EXPECTED_TEXT];
    if (takes(key, given) && types[key->type].read(key, given, value)) return NTK_OK;
    types[key->type].describe(should, key);
    return ntk_fail_at(ctx, NTK_ERROR_NETWORK, path, "%s is %s; expected %s", key->name, ntk_given_text(is, given), should);
}

static ntk_status read_entries(ntk_context *ctx, const char *path, const ntk_key *key, const double *list, int64_t count, double *entries)
{
    char should[EXPECTED_TEXT];
    for (int64_t i = 0; i < count; ++i) {
        ntk_given entry = {.kind = NTK_GIVEN_NUMBER, .number = list[i]};
        entries[i] = list[i];
        if (key->nullable && isnan(list[i])) continue;
        if (types[key->type].read(key, &entry, &entries[i])) continue;
        types[key->type].describe(should, key);
        if (isnan(list[i])) return ntk_fail_at(ctx, NTK_ERROR_NETWORK, path, "%s[%lld] is null; expected %s", key->name, (long long)i, should);
        return ntk_fail_at(ctx, NTK_ERROR_NETWORK, path, "%s[%lld] is %.15g; expected %s", key->name, (long long)i, list[i], should);
    }
    return NTK_OK;
}

ntk_status ntk_key_read_list(ntk_context *ctx, const char *path, const ntk_key *key, const ntk_given *given, ntk_numbers *numbers)
{
    ntk_status status;
    bool single = given->kind < NTK_GIVEN_INTEGERS;
    int64_t count = single ? 1 : given->count;
    double unused;
    if (!takes(key, given)) return ntk_key_read(ctx, path, key, given, &unused);
    if (count == 0) return ntk_fail_at(ctx, NTK_ERROR_NETWORK, path, "%s is an empty list", key->name);
    NTK_TRY(NTK_NEW(ctx, count + 1, numbers));
    (*numbers)[0] = (double)count;
    NTK_TRY(read_entries(ctx, path, key, single ? &given->number : given->list, count, *numbers + 1));
done:
    return status;
}
