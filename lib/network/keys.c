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
};

ntk_status ntk_key_read(ntk_context *ctx, const char *path, const ntk_key *key, const ntk_given *given, double *value)
{
    char is[NTK_GIVEN_TEXT_SIZE], should[EXPECTED_TEXT];
    bool taken = types[key->type].takes >> given->kind & 1;
    if (taken && types[key->type].read(key, given, value)) return NTK_OK;
    types[key->type].describe(should, key);
    return ntk_fail_at(ctx, NTK_ERROR_NETWORK, path, "%s is %s; expected %s", key->name, ntk_given_text(is, given), should);
}
