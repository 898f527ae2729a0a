/* Flags of a command: one table each, from which come parsing, checks and --help. */
#ifndef NTK_TOOLS_ARGUMENTS_H
#define NTK_TOOLS_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum flag_type {
    FLAG_SWITCH,   /* no value */
    FLAG_INPUT,    /* a file to read */
    FLAG_OUTPUT,   /* a file to write: refused before the work if it cannot become one */
    FLAG_PICTURE,  /* the same, a name that ends in .png or .svg */
    FLAG_CHOICE,   /* one of the words in `value`, "ntk|nngp" */
    FLAG_NUMBER,   /* finite, >= 0 */
    FLAG_POSITIVE, /* finite, > 0 */
    FLAG_TIME,     /* >= 0 or inf */
    FLAG_COUNT,    /* 1 ... 2^31 - 1 */
    FLAG_SEED,     /* 0 ... 2^64 - 1 */
    FLAG_WORDS,    /* the arguments without a flag; not a flag itself */
    FLAG_TYPES
} flag_type;

typedef struct flag_entry {
    const char *name;
    flag_type type;
    const char *value;    /* what --help shows for the value; the words of a choice */
    const char *help;     /* one line */
    bool required;        /* always, or, if `needs` is set, whenever that flag is given */
    const char *needs;    /* only together with this flag */
    const char *excludes; /* never together with this flag */
    const char *unless;   /* required, unless this flag is given */
} flag_entry;

/* The end of every table. */
#define FLAGS_COMMON                                                                                   \
    {.name = "threads", .type = FLAG_COUNT, .value = "N", .help = "threads (default: all processors)"}, \
    {.name = "json", .type = FLAG_SWITCH, .help = "print one JSON object instead of a table"},         \
    {.name = "help", .type = FLAG_SWITCH, .help = "print this and stop"},                              \
    {.name = NULL}

#define FLAGS_MAX 40

typedef struct arguments {
    const char *command;           /* as the user typed it, "network show" */
    const flag_entry *flags;             /* ends with a NULL name */
    const char *values[FLAGS_MAX]; /* text by row of the table; NULL: not given */
    char **words;                  /* of FLAG_WORDS */
    int word_count;
} arguments;

/* Fills `a`; argv[0] is skipped.  Returns 0 or, after one sentence on stderr, 2. */
int arguments_parse(arguments *a, const char *command, const flag_entry *flags, int argc, char **argv);

/* Only what cannot be said of single flags: --required, --needs, --excludes. */
int arguments_check(const arguments *a);

/* Summary, a usage line from the required flags, what `about` says, and the flags with what they need and exclude. */
void arguments_help(FILE *out, const char *command, const char *summary, const char *about, const flag_entry *flags);

/* Values by flag name; the name must be in the table. */
bool arguments_has(const arguments *a, const char *name);
const char *arguments_text(const arguments *a, const char *name, const char *otherwise);
double arguments_number(const arguments *a, const char *name, double otherwise);
uint64_t arguments_count(const arguments *a, const char *name, uint64_t otherwise);

/* The known word nearest to `word` by edit distance; `words` ends with NULL. */
const char *nearest_word(const char *word, const char *const *words);

#endif
