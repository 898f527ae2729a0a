/*
 * Comma-separated numbers, a sample per line, after an optional line of names (told by having no number in it).
 * The decimal point is a point whatever the locale: main() stays in the C locale.
 */
#include "files.h"
#include "tool.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct table {
    double *values;
    size_t count, capacity;
    int64_t rows, columns;
    bool integer;
} table;

static int append(const source *s, table *t, double value)
{
    if (t->count == t->capacity) {
        size_t more = t->capacity ? 2 * t->capacity : 1024;
        double *block = more <= SIZE_MAX / sizeof *block ? realloc(t->values, more * sizeof *block) : NULL;
        if (!block) return tool_fail(EXIT_FAILED, "%s: out of memory", s->path);
        t->values = block;
        t->capacity = more;
    }
    t->values[t->count++] = value;
    return 0;
}

/* One number and the blanks around it; *at is left behind them.  False: not a number. */
static bool parse_field(const char **at, double *value, bool *integer)
{
    const char *start = *at + strspn(*at, " \t");
    char *end;
    if (isspace((unsigned char)*start)) return false; /* strtod would go on to the next line */
    *value = strtod(start, &end);
    if (end == start) return false;
    *integer = strspn(start, "+-0123456789") == (size_t)(end - start);
    *at = end + strspn(end, " \t\r");
    return **at == ',' || **at == '\n' || **at == '\0';
}

/* A line of names: no field of it is a number. */
static bool is_header(const char *at)
{
    double value;
    bool integer;
    for (;; ++at) {
        const char *field = at;
        if (parse_field(&field, &value, &integer)) return false;
        at += strcspn(at, ",\n");
        if (*at != ',') return true;
    }
}

static const char *next_line(const char *at)
{
    at += strcspn(at, "\n");
    return *at ? at + 1 : at;
}

static bool is_blank(const char *line)
{
    line += strspn(line, " \t\r");
    return *line == '\n' || *line == '\0';
}

static int parse_line(const source *s, table *t, const char *at, int64_t line)
{
    int64_t columns = 0;
    bool integer, more = true;
    double value;
    int failed;
    for (; more; ++at) {
        if (!parse_field(&at, &value, &integer))
            return tool_fail(EXIT_INPUT, "%s: line %lld, field %lld is not a number", s->path, (long long)line, (long long)columns + 1);
        TRY(append(s, t, value));
        t->integer = t->integer && integer;
        ++columns;
        more = *at == ',';
    }
    if (t->rows++ == 0) t->columns = columns;
    if (columns == t->columns) return 0;
    return tool_fail(EXIT_INPUT, "%s: line %lld has %lld fields; the lines before have %lld", s->path, (long long)line,
                     (long long)columns, (long long)t->columns);
done:
    return failed;
}

static int parse_lines(const source *s, table *t, const char *text)
{
    int64_t line = 1;
    int failed = 0;
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) text += 3;
    if (!is_blank(text) && is_header(text)) {
        text = next_line(text);
        ++line;
    }
    for (; !failed && *text; text = next_line(text), ++line)
        if (!is_blank(text)) failed = parse_line(s, t, text, line);
    if (!failed && t->rows == 0) failed = tool_fail(EXIT_INPUT, "%s: holds no numbers (npy, IDX and csv are read)", s->path);
    return failed;
}

int csv_read(source *s, raw *r)
{
    table t = {.integer = true};
    char *text = NULL;
    int failed;
    TRY(source_text(s, &text));
    TRY(parse_lines(s, &t, text));
    r->element = element_find("f8", 2);
    r->integer = t.integer;
    r->ndim = t.columns == 1 ? 1 : 2;
    r->shape[0] = t.rows;
    r->shape[1] = t.columns;
    r->block = (unsigned char *)t.values;
    t.values = NULL;
done:
    free(text);
    free(t.values);
    return failed;
}
