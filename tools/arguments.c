/* Table-driven flags over getopt_long: values are checked here, once, by their type. */
#include "arguments.h"
#include "tool.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CODE 256 /* above every character, so that getopt's code minus this is the row */

static bool has_no_value(const flag_entry *f)
{
    return f->type == FLAG_SWITCH;
}

/* What a user can write behind "--" in this version. */
static bool is_flag(const flag_entry *f)
{
    return f->type != FLAG_WORDS;
}

static int row_of(const flag_entry *flags, const char *name)
{
    for (int i = 0; flags[i].name; ++i)
        if (strcmp(flags[i].name, name) == 0) return i;
    fprintf(stderr, "ntk: defect: no flag --%s in this table\n", name);
    abort();
}

bool arguments_has(const arguments *a, const char *name)
{
    return a->values[row_of(a->flags, name)] != NULL;
}

const char *arguments_text(const arguments *a, const char *name, const char *otherwise)
{
    const char *text = a->values[row_of(a->flags, name)];
    return text ? text : otherwise;
}

double arguments_number(const arguments *a, const char *name, double otherwise)
{
    const char *text = arguments_text(a, name, NULL);
    return text ? strtod(text, NULL) : otherwise;
}

uint64_t arguments_count(const arguments *a, const char *name, uint64_t otherwise)
{
    const char *text = arguments_text(a, name, NULL);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

/* ---- values by type ---------------------------------------------------------------------------------------- */

/* NaN (which no comparison accepts) for what is not a number from end to end. */
static double whole_number(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    return end == text || *end ? NAN : value;
}

static bool is_count_up_to(const char *text, uint64_t most)
{
    if (!*text || strspn(text, "0123456789") != strlen(text)) return false;
    errno = 0;
    return strtoull(text, NULL, 10) <= most && errno == 0;
}

static bool any_text(const flag_entry *f, const char *text)
{
    (void)f;
    return *text != '\0';
}

static bool is_picture(const flag_entry *f, const char *text)
{
    size_t length = strlen(text);
    (void)f;
    return length > 4 && (strcmp(text + length - 4, ".png") == 0 || strcmp(text + length - 4, ".svg") == 0);
}

static bool is_choice(const flag_entry *f, const char *text)
{
    size_t length = strlen(text);
    for (const char *word = f->value; word; word = strchr(word, '|') ? strchr(word, '|') + 1 : NULL)
        if (strcspn(word, "|") == length && length > 0 && strncmp(word, text, length) == 0) return true;
    return false;
}

static bool is_number(const flag_entry *f, const char *text)
{
    (void)f;
    return isfinite(whole_number(text)) && whole_number(text) >= 0;
}

static bool is_positive(const flag_entry *f, const char *text)
{
    return is_number(f, text) && whole_number(text) > 0;
}

static bool is_time(const flag_entry *f, const char *text)
{
    (void)f;
    return whole_number(text) >= 0;
}

static bool is_count(const flag_entry *f, const char *text)
{
    (void)f;
    return is_count_up_to(text, INT32_MAX) && strtoull(text, NULL, 10) > 0;
}

static bool is_seed(const flag_entry *f, const char *text)
{
    (void)f;
    return is_count_up_to(text, UINT64_MAX);
}

static const struct {
    bool (*accepts)(const flag_entry *f, const char *text);
    const char *expected; /* NULL: the words of the choice */
} types[FLAG_TYPES] = {
    [FLAG_INPUT] = {any_text, "the name of a file"},
    [FLAG_OUTPUT] = {any_text, "the name of a file"},
    [FLAG_PICTURE] = {is_picture, "the name of a file that ends in .png or .svg"},
    [FLAG_CHOICE] = {is_choice, NULL},
    [FLAG_NUMBER] = {is_number, "a number of at least 0"},
    [FLAG_POSITIVE] = {is_positive, "a number above 0"},
    [FLAG_TIME] = {is_time, "a number of at least 0, or inf"},
    [FLAG_COUNT] = {is_count, "a whole number from 1 to 2147483647"},
    [FLAG_SEED] = {is_seed, "a whole number from 0 to 18446744073709551615"},
};

/* ---- parsing ----------------------------------------------------------------------------------------------- */

/* Levenshtein's distance, one row of the table at a time; long words are cut. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[64], m = strlen(a) < 63 ? strlen(a) : 63, n = strlen(b) < 63 ? strlen(b) : 63;
    for (size_t j = 0; j <= n; ++j) row[j] = j;
    for (size_t i = 1; i <= m; ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; ++j) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n];
}

const char *nearest_word(const char *word, const char *const *words)
{
    const char *best = words[0];
    for (; *words; ++words)
        if (edit_distance(word, *words) < edit_distance(word, best)) best = *words;
    return best;
}

static int unknown_flag(const arguments *a, const char *text)
{
    const char *names[FLAGS_MAX + 1] = {NULL};
    char word[64];
    int count = 0;
    for (int i = 0; a->flags[i].name; ++i)
        if (is_flag(&a->flags[i])) names[count++] = a->flags[i].name;
    text += strspn(text, "-");
    snprintf(word, sizeof word, "%.*s", (int)(strcspn(text, "=") < 60 ? strcspn(text, "=") : 60), text);
    return tool_fail(EXIT_INPUT, "%s: unknown flag --%s; did you mean --%s?", a->command, word, nearest_word(word, names));
}

/* The word that getopt_long has just taken as a flag: the last one, or the one before its value. */
static const char *flag_word(char **argv)
{
    return argv[optind - (optarg == argv[optind - 1] ? 2 : 1)];
}

/* getopt_long accepts any unique beginning of a name; scripts that rely on it break with the next new flag. */
static bool is_spelled_out(const flag_entry *f, const char *word)
{
    word += strspn(word, "-");
    return strcspn(word, "=") == strlen(f->name);
}

static int store(arguments *a, int row)
{
    const flag_entry *f = &a->flags[row];
    if (a->values[row]) return tool_fail(EXIT_INPUT, "%s: --%s is given twice", a->command, f->name);
    a->values[row] = optarg ? optarg : "";
    if (has_no_value(f) || types[f->type].accepts(f, a->values[row])) return 0;
    return tool_fail(EXIT_INPUT, "%s: --%s '%s': expected %s%s", a->command, f->name, a->values[row],
                     types[f->type].expected ? "" : "one of ", types[f->type].expected ? types[f->type].expected : f->value);
}

static int refuse(const arguments *a, int code, char **argv)
{
    const flag_entry *f = optopt >= FIRST_CODE ? &a->flags[optopt - FIRST_CODE] : NULL;
    if (f && code == ':') return tool_fail(EXIT_INPUT, "%s: --%s needs a value: %s", a->command, f->name, f->value);
    if (f) return tool_fail(EXIT_INPUT, "%s: --%s takes no value", a->command, f->name);
    return unknown_flag(a, argv[optind - 1]);
}

static void long_options(const flag_entry *flags, struct option *options)
{
    int i = 0;
    for (; flags[i].name; ++i) {
        int has_value = has_no_value(&flags[i]) ? no_argument : required_argument;
        options[i] = (struct option){flags[i].name, has_value, NULL, FIRST_CODE + i};
    }
    options[i] = (struct option){0};
}

static int take_words(arguments *a, int count, char **words)
{
    int row = 0;
    while (a->flags[row].name && a->flags[row].type != FLAG_WORDS) ++row;
    if (!a->flags[row].name) return tool_fail(EXIT_INPUT, "%s: unexpected argument '%s'", a->command, words[0]);
    a->values[row] = words[0];
    a->words = words;
    a->word_count = count;
    return 0;
}

int arguments_parse(arguments *a, const char *command, const flag_entry *flags, int argc, char **argv)
{
    struct option options[FLAGS_MAX];
    int code, failed = 0;
    *a = (arguments){.command = command, .flags = flags};
    long_options(flags, options);
    opterr = 0;
    while (!failed && (code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code < FIRST_CODE) failed = refuse(a, code, argv);
        else if (flags[code - FIRST_CODE].type == FLAG_WORDS || !is_spelled_out(&flags[code - FIRST_CODE], flag_word(argv))) failed = unknown_flag(a, flag_word(argv));
        else failed = store(a, code - FIRST_CODE);
    }
    return failed || optind >= argc ? failed : take_words(a, argc - optind, argv + optind);
}

static int missing(const arguments *a, const flag_entry *f)
{
    if (f->type == FLAG_WORDS) return tool_fail(EXIT_INPUT, "%s: %s is missing", a->command, f->value);
    return tool_fail(EXIT_INPUT, "%s: --%s %s is missing", a->command, f->name, f->value);
}

static int check_row(const arguments *a, int row)
{
    const flag_entry *f = &a->flags[row];
    bool needed = !f->needs || arguments_has(a, f->needs), spared = f->unless && arguments_has(a, f->unless);
    if (!a->values[row])
        return f->required && needed && !spared ? missing(a, f) : 0;
    if (!needed) return tool_fail(EXIT_INPUT, "%s: --%s needs --%s", a->command, f->name, f->needs);
    if (f->excludes && arguments_has(a, f->excludes))
        return tool_fail(EXIT_INPUT, "%s: --%s and --%s exclude each other", a->command, f->name, f->excludes);
    return 0;
}

int arguments_check(const arguments *a)
{
    int failed = 0;
    for (int i = 0; !failed && a->flags[i].name; ++i) failed = check_row(a, i);
    return failed;
}

static void print_usage_line(FILE *out, const char *command, const flag_entry *flags)
{
    fprintf(out, "  ntk %s", command);
    for (const flag_entry *f = flags; f->name; ++f)
        if (f->type == FLAG_WORDS) fprintf(out, " %s", f->value);
        else if (f->required && !f->needs) fprintf(out, " --%s %s", f->name, f->value);
    fputs(" [--flag value ...]\n\n", out);
}

static void print_conditions(FILE *out, const flag_entry *f)
{
    if (f->required && !f->needs && !f->unless) fputs(" (required)", out);
    if (f->unless) fprintf(out, " (required, unless --%s)", f->unless);
    if (f->needs) fprintf(out, " (%s --%s)", f->required ? "required with" : "with", f->needs);
    if (f->excludes) fprintf(out, " (not with --%s)", f->excludes);
    fputc('\n', out);
}

void arguments_help(FILE *out, const char *command, const char *summary, const char *about, const flag_entry *flags)
{
    fprintf(out, "ntk %s: %s\n\n", command, summary);
    print_usage_line(out, command, flags);
    fprintf(out, "%s\n", about);
    for (const flag_entry *f = flags; f->name; ++f) {
        int width = 34 - (int)strlen(f->name), used = 0;
        if (!is_flag(f)) continue;
        fprintf(out, "  --%s ", f->name);
        if (f->value) used = fprintf(out, "%s", f->value);
        fprintf(out, "%*s  %s", width > used ? width - used : 0, "", f->help);
        print_conditions(out, f);
    }
}
