/*
 * Sentences about names that nobody knows, and about layers by their paths.
 *
 * The nearest name is the one of least edit distance (Levenshtein 1966: insertions, deletions and replacements of one
 * character).  It is suggested only if at most a third of the characters differ: "dens" means dense, "exp" does not mean erf.
 */
#include "network.h"

#include <stdio.h>
#include <string.h>

#define MAX_COMPARED 40 /* longer names have no near neighbour here */
#define PATH_HEAD 60
#define PATH_TAIL 90

const char *ntk_string_at(const void *strings, int index)
{
    return ((const char *const *)strings)[index];
}

/* A long path loses its middle, so that the sentence after it survives in the buffer of the context. */
static void shorten_path(char text[PATH_HEAD + PATH_TAIL + 8], const char *path)
{
    size_t length = strlen(path);
    if (length <= PATH_HEAD + PATH_TAIL) memcpy(text, path, length + 1);
    else ntk_print(text, PATH_HEAD + PATH_TAIL + 8, "%.*s ... %s", PATH_HEAD, path, path + length - PATH_TAIL);
}

ntk_status ntk_fail_at(ntk_context *ctx, ntk_status status, const char *path, const char *format, ...)
{
    char sentence[512], where[PATH_HEAD + PATH_TAIL + 8];
    va_list arguments;
    va_start(arguments, format);
    ntk_print_list(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (!path) return ntk_fail(ctx, status, "%s", sentence);
    shorten_path(where, path);
    return ntk_fail(ctx, status, "%s: %s", where, sentence);
}

static bool is_inside_character(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80; /* UTF-8 */
}

const char *ntk_quoted(char quoted[NTK_QUOTED_TEXT], const char *text)
{
    size_t room = NTK_QUOTED_TEXT - 6, length = strlen(text), kept = NTK_MIN(length, room);
    while (kept < length && kept > 0 && is_inside_character(text[kept])) --kept;
    ntk_print(quoted, NTK_QUOTED_TEXT, "\"%.*s%s\"", (int)kept, text, kept < length ? "..." : "");
    for (char *c = quoted; *c; ++c)
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
    return quoted;
}

static size_t edit_distance(const char *a, const char *b)
{
    size_t row[MAX_COMPARED + 1], length = strlen(b);
    for (size_t j = 0; j <= length; ++j) row[j] = j;
    for (size_t i = 1; a[i - 1]; ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length; ++j) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]), other = NTK_MIN(row[j], row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = NTK_MIN(replaced, other);
        }
    }
    return row[length];
}

static const char *nearest(const char *name, ntk_name_at at, const void *table)
{
    const char *best = NULL, *candidate;
    size_t least = SIZE_MAX, length = strlen(name);
    if (length > MAX_COMPARED) return NULL;
    for (int i = 0; (candidate = at(table, i)); ++i) {
        size_t longer = NTK_MAX(length, strlen(candidate)), distance;
        if (longer > MAX_COMPARED) continue;
        distance = edit_distance(name, candidate);
        if (3 * distance > longer || distance >= least) continue;
        least = distance;
        best = candidate;
    }
    return best;
}

const char *ntk_unknown_text(char text[NTK_UNKNOWN_TEXT], const char *name, ntk_name_at at, const void *table)
{
    char quoted[NTK_QUOTED_TEXT];
    const char *near = nearest(name, at, table), *one;
    size_t used = (size_t)ntk_print(text, NTK_UNKNOWN_TEXT, "%s", ntk_quoted(quoted, name));
    if (near) used += (size_t)ntk_print(text + used, NTK_UNKNOWN_TEXT - used, " (did you mean \"%s\"?)", near);
    if (!at(table, 0)) return text;
    for (int i = 0; (one = at(table, i)) && used + strlen(one) + 24 < NTK_UNKNOWN_TEXT; ++i)
        used += (size_t)ntk_print(text + used, NTK_UNKNOWN_TEXT - used, "%s%s", i ? ", " : "; expected one of ", one);
    return text;
}
