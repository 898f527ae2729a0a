/*
 * The command line `ntk`: a table of commands over the public header of libntk.
 *
 * Idiom: functions return 0 or an exit code, after printing the one sentence that explains it; TRY jumps to `done:`,
 * which frees in reverse.
 */
#ifndef NTK_TOOLS_TOOL_H
#define NTK_TOOLS_TOOL_H

#include "arguments.h"
#include "files.h"

#include <jansson.h>
#include <ntk.h>

#define EXIT_FAILED 1      /* unwritable output, full disk, out of memory, not positive definite */
#define EXIT_INPUT 2       /* bad usage or bad input */
#define EXIT_CANCELLED 130 /* Ctrl-C */

#define TRY(call)                            \
    do {                                     \
        if ((failed = (call)) != 0) goto done; \
    } while (0)

/* A result written under a temporary name. */
typedef struct output {
    npy_file file;
    struct output *next;
} output;

typedef struct tool {
    arguments arguments;
    ntk_context *context;
    json_t *report;    /* what will be printed, in order */
    output *outputs;   /* all or none get their names */
    double started;    /* of the clock that runs; see tool_start_clock */
    double seconds;    /* computation alone */
    int bar_percent;   /* last drawn; -1: none */
    double part_from, part_to; /* of the whole, what the next calls of the library do; 0, 0: all */
    bool held;         /* Ctrl-C waits */
} tool;

typedef struct command_entry {
    const char *name; /* one word, or two: "network show" */
    const char *summary;
    const char *about;        /* paragraphs for --help, each line ended */
    const flag_entry *flags;      /* NULL: not in this version */
    int (*run)(tool *t);
} command_entry;

/* ---- tool.c: errors, time, progress ---- */

/* Prints "ntk: <sentence>" on stderr and returns `code`. */
int tool_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The exit code of a status, after its sentence, led by `subject` (a file or flag; NULL: the command). */
int tool_check(tool *t, const char *subject, ntk_status status);

/* Runs one command from its argument vector and returns its exit code. */
int tool_run(const command_entry *c, int argc, char **argv);

/* The next calls do the share [from, to] of the work, as the bar shows it. */
void tool_part(tool *t, double from, double to);

/* While held, Ctrl-C waits: for what must be saved all the same. */
void tool_hold(tool *t, bool held);

/* The time between the two counts as computation; a name reports it on its own too. */
void tool_start_clock(tool *t);
void tool_stop_clock(tool *t, const char *name);
double tool_now(void);

/* ---- input.c: files by flag, as the library wants them ---- */

/* Reads --<flag>; *a stays empty if the flag is not given. */
int tool_read(tool *t, const char *flag, ntk_dtype dtype, array *a);

/* The same, with ndim axes; a vector passes as a matrix of one column. */
int tool_read_matrix(tool *t, const char *flag, array *a);
int tool_read_vector(tool *t, const char *flag, array *a);
int tool_read_vector_of(tool *t, const char *flag, ntk_dtype dtype, array *a);

/* --network, and inputs reshaped to [n] + its input. */
int tool_network(tool *t, ntk_network **network);
int tool_network_file(tool *t, const char *path, ntk_network **network);
int tool_reshape_inputs(const tool *t, const char *flag, const ntk_network *network, array *x);
int tool_read_inputs(tool *t, const char *flag, const ntk_network *network, ntk_dtype dtype, array *x);

/* --mask<number> and --graph<number>, masks and graphs of --x<number>. */
typedef struct structure {
    array mask, graph;
    ntk_structure view;
} structure;
int tool_read_structure(tool *t, int number, structure *s);
void structure_free(structure *s);
const ntk_structure *given_structure(const structure *s);
void structure_limit(structure *s, int64_t n); /* what belongs to the first n samples */
int tool_infinite_kernel(tool *t, const ntk_network *network, ntk_kernel **kernel); /* of --network, with --dropout */ /* NULL where neither was given */

/* Divides every sample by its Euclidean norm; zeros stay. */
void tool_unit_norm(array *x);
/* What --limit and --unit-norm, where a command has them, leave of inputs and of what belongs to them (NULL: nothing does). */
void tool_select(const tool *t, array *x, structure *s);

/* A choice flag as the library's enum. */
ntk_kind tool_kind(const tool *t);
ntk_dtype tool_dtype(const tool *t);
ntk_loss_scale tool_loss_scale(const tool *t);

/* NULL for an array that was not given. */
const ntk_array *given(const array *a);

/* ---- targets.c: labels and real targets ---- */

typedef struct targets {
    array y;          /* [n, c] of the wanted dtype: real targets, or coded classes */
    double *classes;  /* [c] in ascending order; NULL: real targets */
    bool vector;      /* the file held [n]: results have no output axis either */
} targets;

/* Reads --<flag>; integer vectors become classes, one-hot over those among the first `limit` (0: all), minus 1/c. */
int targets_read(tool *t, const char *flag, ntk_dtype dtype, int64_t limit, targets *y);
void targets_free(targets *y);

/* "accuracy" (classes) or "rmse" of mean [m, c] against --<flag>; *name NULL: the flag is not given. */
int targets_compare(tool *t, const char *flag, const targets *y, const array *mean, const char **name, double *value);

/* Reports "accuracy" (classes) or "rmse" of mean [m, c] against --<flag>. */
int targets_score(tool *t, const char *flag, const targets *y, const array *mean);

/* Columns [m] of the classes in --<flag>, -1 for one that training had not; *given: the flag is given. */
int targets_columns(tool *t, const char *flag, const targets *y, int64_t m, int64_t *columns, bool *given);

/* ---- classes.c ---- */

/* --out-probabilities, if it was given: of the outputs mean [m, c], calibrated on left-out outputs of the predictor (t = infinity); reports temperature,
 * loo_accuracy, loo_nll, and the nll of --y-test. */
int classes_probabilities(tool *t, const ntk_predictor *predictor, const targets *y, const array *mean, array *p);

/* ---- targets.c again ---- */

/* How a gram of size N serves targets [n, o]: N = n stands for K x I_o, N = n o is full.  Makes y [N, columns]. */
typedef struct layout {
    bool full;
    int64_t outputs; /* o */
} layout;
int targets_layout(tool *t, const array *gram, const char *gram_flag, array *y, layout *form);

/* Whether the rows of a block of test with training inputs are whole samples. */
int layout_check_rows(tool *t, const char *flag, const layout *form, const array *block);

/* Gives a second array of targets (f0) the same form. */
int layout_apply(tool *t, const char *flag, const layout *form, int64_t rows, array *a);

/* Gives a result [lead, rows, columns] (lead < 0: no such axis) the form that the targets had. */
void layout_restore(const layout *form, bool vector, array *result);

/* ---- output.c: results ---- */

/* Writes what --<flag> will hold, if it was given, under a temporary name. */
int tool_save(tool *t, const char *flag, const array *a);

/* Takes a file that was written under its temporary name among the outputs and into the report, as --<flag>. */
int tool_keep(tool *t, const char *flag, const npy_file *file);

/* Gives all outputs their names, or, after a failure, removes them; returns `failed`, or a failure of its own. */
int outputs_finish(tool *t, int failed);

void report_text(tool *t, const char *key, const char *value);
void report_integer(tool *t, const char *key, int64_t value);
void report_number(tool *t, const char *key, double value); /* null if not finite */
void report_json(tool *t, const char *key, json_t *value);  /* takes the reference; NULL: out of memory, left out */
void report_estimate(tool *t, const ntk_estimate *e);       /* bytes of the result and beside it, flops */
int report_print(tool *t);

/* ---- plot.c: pictures through gnuplot ---- */

/* y over x, [count] each.  Points that are not finite, or not positive on a logarithmic axis, are left out. */
typedef struct curve {
    const char *name; /* as the legend shows it; NULL ends a list */
    const double *x;  /* NULL: 1, 2, ... */
    const double *y;
    int64_t count;
    bool points;      /* not joined by lines */
} curve;

typedef struct plot {
    const char *title, *x_label, *y_label; /* any text; NULL: none */
    bool log_x, log_y;
    const curve *curves;
} plot;

/* Draws --plot, if it was given: PNG or SVG by its name, one of the outputs that appear together.  Without gnuplot a sentence on stderr, and 0. */
int tool_plot(tool *t, const plot *p);

/* ---- blas.c ---- */

typedef void (*any_function)(void);

/* Runs the program again with the right OpenBLAS kernels, if they are not. */
void blas_choose_kernels(char **argv);
any_function blas_function(const char *name); /* a function of the BLAS in use; NULL if it has none of this name */
void blas_set_threads(int threads);
int blas_threads(void); /* 0: unknown */

/* ---- cmd_*.c ---- */

extern const flag_entry kernel_flags[], network_show_flags[], network_init_flags[], network_forward_flags[], network_jacobian_flags[],
    fit_flags[], predict_flags[], spectrum_flags[], dynamics_flags[], gramian_flags[], compare_flags[], train_flags[], doctor_flags[], tune_flags[];
int run_kernel(tool *t);
int run_network_show(tool *t);
int run_network_init(tool *t);
int run_network_forward(tool *t);
int run_network_jacobian(tool *t);
int run_fit(tool *t);
int run_predict(tool *t);
int run_spectrum(tool *t);
int run_dynamics(tool *t);
int run_gramian(tool *t);
int run_compare(tool *t);
int run_train(tool *t);
int run_doctor(tool *t);
int run_tune(tool *t);

/* Flags that mean the same in several commands. */
#define FLAG_NETWORK {.name = "network", .type = FLAG_INPUT, .value = "NET.json", .help = "description of the network", .required = true}
#define FLAG_KIND(of) {.name = "kind", .type = FLAG_CHOICE, .value = "ntk|nngp", .help = of " (default: ntk)"}
#define FLAG_DTYPE {.name = "dtype", .type = FLAG_CHOICE, .value = "f64|f32", .help = "precision of the work and of the result (default: f64)"}
#define FLAG_LIMIT(of) {.name = "limit", .type = FLAG_COUNT, .value = "N", .help = "only the first N samples of " of}
#define FLAG_UNIT_NORM {.name = "unit-norm", .type = FLAG_SWITCH, .help = "divide every input by its Euclidean norm (zeros stay)"}
#define FLAG_REGRESSION {.name = "regression", .type = FLAG_SWITCH, .help = "whole numbers in y are targets, not classes"}
#define FLAGS_RIDGE                                                                                                          \
    {.name = "ridge", .type = FLAG_NUMBER, .value = "R", .help = "added to the diagonal (default: 0)"},                        \
    {.name = "ridge-relative", .type = FLAG_NUMBER, .value = "R", .help = "times trace/size, added to the diagonal", .excludes = "ridge"}
#define FLAG_PLOT(of) {.name = "plot", .type = FLAG_PICTURE, .value = "P.png|P.svg", .help = "picture of " of ", by gnuplot"}
#define FLAG_LOSS_SCALE \
    {.name = "loss-scale", .type = FLAG_CHOICE, .value = "sum|mean", .help = "squared error 1/2 |f-y|^2, or divided by the number of targets (default: sum)"}
#define FLAG_LEARNING_RATE \
    {.name = "learning-rate", .type = FLAG_POSITIVE, .value = "E", .help = "time is multiplied by it (default: 1)"}
#define FLAGS_STRUCTURE_OF(number, x)                                                                                               \
    {.name = "mask" #number, .type = FLAG_INPUT, .value = "M", .help = "valid positions of --" x ", 1 or 0 [n, ...]", .needs = x}, \
    {.name = "graph" #number, .type = FLAG_INPUT, .value = "G", .help = "adjacency of --" x " [n, V, V]", .needs = x}
#define FLAGS_STRUCTURE(number) FLAGS_STRUCTURE_OF(number, "x" #number)
#define FLAG_DROPOUT \
    .name = "dropout", .type = FLAG_CHOICE, .value = "training|inference", .help = "how dropout is read at infinite width (default: training)"

#endif
