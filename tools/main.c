/* ntk: the library from the shell.  The table of commands, and how a word finds its row. */
#include "tool.h"

#include <errno.h>
#include <locale.h>
#include <string.h>

static const command_entry commands[] = {
    {"kernel", "kernels of a network, infinitely wide or at its parameters", kernel_flags, run_kernel},
    {"network show", "the layers, sizes and the description of a network", network_show_flags, run_network_show},
    {"network init", "draws parameters", network_init_flags, run_network_init},
    {"network forward", "outputs of a network at its parameters", network_forward_flags, run_network_forward},
    {"network jacobian", "derivatives of the outputs by the parameters", network_jacobian_flags, run_network_jacobian},
    {"fit", "trains an infinitely wide network on data and predicts new data", fit_flags, run_fit},
    {"predict", "mean and covariance on new inputs from kernels in files", predict_flags, run_predict},
    {"spectrum", "eigenvalues and vectors of a kernel and of its Fisher matrix", spectrum_flags, run_spectrum},
    {"dynamics", "outputs as a function of training time", dynamics_flags, run_dynamics},
    {"gramian", "observability and controllability of the training", gramian_flags, run_gramian},
    {"doctor", "versions, processor, BLAS kernels and limits", doctor_flags, run_doctor},
    {"train", NULL, NULL, NULL},
    {"tune", NULL, NULL, NULL},
    {"compare", NULL, NULL, NULL},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

/* Words of `name` that the vector begins with; 0: some differ. */
static int words_matched(const char *name, int argc, char **argv)
{
    size_t first = strcspn(name, " ");
    if (argc < 1 || strlen(argv[0]) != first || strncmp(name, argv[0], first) != 0) return 0;
    if (name[first] == '\0') return 1;
    return argc > 1 && strcmp(name + first + 1, argv[1]) == 0 ? 2 : 0;
}

static const command_entry *find(int argc, char **argv, int *words)
{
    for (size_t i = 0; i < COMMANDS; ++i)
        if ((*words = words_matched(commands[i].name, argc, argv)) > 0) return &commands[i];
    return NULL;
}

static int print_usage(FILE *out)
{
    fputs("ntk: neural tangent kernels from the shell\n\n  ntk COMMAND [--flag value ...]     ntk help COMMAND     ntk --version\n\n", out);
    for (size_t i = 0; i < COMMANDS; ++i)
        if (commands[i].run) fprintf(out, "  %-18s %s\n", commands[i].name, commands[i].summary);
    fputs("\nReads .npy, .csv and IDX (also .gz), writes .npy.  Exit codes: 0 done, 1 failed, 2 bad usage or input.\n", out);
    return 0;
}

static int unknown_command(int argc, char **argv)
{
    const char *names[COMMANDS + 1] = {NULL};
    char words[128];
    bool second = strcmp(argv[0], "network") == 0 && argc > 1;
    for (size_t i = 0; i < COMMANDS; ++i) names[i] = commands[i].name;
    snprintf(words, sizeof words, second ? "%.60s %.60s" : "%.60s", argv[0], second ? argv[1] : "");
    return tool_fail(EXIT_INPUT, "unknown command '%s'; did you mean '%s'?", words, nearest_word(words, names));
}

static int help(int argc, char **argv)
{
    int words;
    const command_entry *c = find(argc, argv, &words);
    if (argc == 0) return print_usage(stdout);
    if (!c) return unknown_command(argc, argv);
    if (!c->flags) return tool_run(c, 0, argv);
    arguments_help(stdout, c->name, c->summary, c->flags);
    return 0;
}

static int run(int argc, char **argv)
{
    int words;
    const command_entry *c = find(argc, argv, &words);
    if (argc == 0) return print_usage(stderr) + EXIT_INPUT;
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "help") == 0) return help(argc - 1, argv + 1);
    if (strcmp(argv[0], "--version") == 0) return printf("ntk %s\n", ntk_version()) < 0;
    if (!c) return unknown_command(argc, argv);
    return tool_run(c, argc - words + 1, argv + words - 1);
}

int main(int argc, char **argv)
{
    int failed;
    setlocale(LC_ALL, "C"); /* numbers have a decimal point, whatever was loaded before us wants */
    blas_choose_kernels(argv);
    failed = run(argc > 0 ? argc - 1 : 0, argv + 1);
    if (fflush(stdout) != 0 && !failed) return tool_fail(EXIT_FAILED, "standard output: %s", strerror(errno));
    return failed;
}
