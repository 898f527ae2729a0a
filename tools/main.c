/* ntk: the library from the shell.  The table of commands, and how a word finds its row. */
#include "tool.h"

#include <errno.h>
#include <locale.h>
#include <string.h>

static const command_entry commands[] = {
    {"kernel", "kernels of a network, infinitely wide or at its parameters",
     "Without --empirical the network is infinitely wide, and the result one number per pair of inputs, [n1, n2].  With it the network is\n"
     "finite, at --params, and the kernel is J(x1) D^-1 J(x2)'.  For example, 5 x 5 kernel matrices of both kinds:\n\n"
     "  ntk kernel --network net.json --x1 x.npy --out theta.npy\n"
     "  ntk network init --network net.json --seed 1 --out p.npy\n"
     "  ntk kernel --network net.json --x1 x.npy --empirical --params p.npy --outputs trace --out theta-hat.npy\n",
     kernel_flags, run_kernel},
    {"network show", "the layers, sizes and the description of a network",
     "Prints the description as the library understands it, every default written out, and the number of parameters.\n", network_show_flags,
     run_network_show},
    {"network init", "draws parameters",
     "Draws the flat vector of all parameters: layers in document order, each its weights row by row, then its bias.\n", network_init_flags,
     run_network_init},
    {"network forward", "outputs of a network at its parameters", "The finite network: f(params, x), one row per input.\n", network_forward_flags,
     run_network_forward},
    {"network jacobian", "derivatives of the outputs by the parameters",
     "J = df/dparams as a matrix of n o rows and p columns; `ntk spectrum --jacobian` takes it from there.\n", network_jacobian_flags,
     run_network_jacobian},
    {"fit", "trains an infinitely wide network on data and predicts new data",
     "Exact: f(x*) = K(x*, x) (K(x, x) + ridge)^-1 y, the network trained to the end on the squared error.  Whole numbers in y are classes,\n"
     "which become one-hot targets; the predicted class is the largest output.  n samples take 4 n^2 bytes (f32: 2 n^2) beside the data, and n^3/3 flop;\n"
     "--estimate says what this job will take before it starts.\n\n"
     "  ntk fit --network net.json --x x.npy --y y.npy --x-test t.npy --y-test u.npy --unit-norm --ridge-relative 1e-3\n",
     fit_flags, run_fit},
    {"predict", "mean and covariance on new inputs from kernels in files",
     "ntk: an ensemble of networks, all layers trained; nngp: only the last layer trained; ntkgp: a Gaussian process whose covariance is the\n"
     "NTK.  Files that --get does not need are not read.  For example, from kernels that `ntk kernel` has written:\n\n"
     "  ntk predict --get ntk --y y.npy --ntk-train tt.npy --ntk-test st.npy --ridge 1e-3 --out-mean m.npy\n",
     predict_flags, run_predict},
    {"spectrum", "eigenvalues and vectors of a kernel and of its Fisher matrix",
     "Of a matrix (--gram), a Jacobian (--jacobian; its singular values keep small eigenvalues that J J' would lose), or an infinitely wide\n"
     "network on inputs (--network and --x1).  K = J J' and the Fisher matrix J' J share the eigenvalues above 0.  With --params the network is\n"
     "finite, and --top k needs no matrix.  With --y: does training fit all of y, and how much of it is out of reach?\n\n"
     "  ntk spectrum --network net.json --params p.npy --x1 x.npy --top 50 --out s.npy --out-parameter-vectors v.npy\n",
     spectrum_flags, run_spectrum},
    {"dynamics", "outputs as a function of training time",
     "Gradient flow on the squared error, exactly: f(t) = y + exp(-E t K) (f(0) - y), and the same on test inputs; on other losses by an integrator.\n", dynamics_flags,
     run_dynamics},
    {"gramian", "observability and controllability of the training",
     "Training as a linear system x' = A x + B u, y = C x, with A = -K (--gram), any A (--a), or in parameter space (--jacobian):\n"
     "A = -(J'J/D + L), B = J'/D, C = J, where W is [p, p] up to p = 10000 and above that a factor F [p, rank], W = F F'.  For --horizon inf a mode\n"
     "that does not decay must not be seen by C (driven by B).\n\n"
     "  ntk gramian --gram k.npy --which observability --horizon 10 --out w.npy --out-shares learnt.npy --plot w.png\n"
     "  ntk gramian --a a.npy --c c.npy --which observability --out w.npy --times t.npy --samples z.npy --out-state x0.npy\n",
     gramian_flags, run_gramian},
    {"compare", "which design suits these data, without training any",
     "Of each network, infinitely wide, on (x, y): condition, rank, evidence, leave-one-out error and more (enum ntk_measure of ntk.h), and a\n"
     "ranking by one of them.  With test data also the score there, which the ranking does not see, and how well the two orders agree.\n\n"
     "  ntk compare shallow.json deep.json --x x.npy --y y.npy --ridge-relative 1e-3\n",
     compare_flags, run_compare},
    {"train", "trains a finite network for real, and the linearised one beside it",
     "All samples in every step, from --params on: by gradient descent, momentum or Adam.  With --out-linearised the network that is linear in\n"
     "its parameters, f(P) + J(P) (p - P), is trained beside it: theory is exact for that one, and width makes the two agree.  With --checkpoint\n"
     "a run that was interrupted or killed goes on where it stood, to the same bits, and one that is done can be made longer.\n\n"
     "  ntk network init --network net.json --seed 1 --out p.npy\n"
     "  ntk train --network net.json --params p.npy --x x.npy --y y.npy --optimizer adam --learning-rate 1e-3 --steps 1000 --out p2.npy\n",
     train_flags, run_train},
    {"tune", "scales, rates and noise of a network from the data",
     "The w_std, b_std and lr of every dense layer, and the noise, that make the evidence of (x, y) or the leave-one-out score largest, by L-BFGS on\n"
     "exact gradients, from several starts.  Chains of dense layers and activations.  For example:\n\n"
     "  ntk tune --network net.json --x x.npy --y y.npy --objective evidence --out tuned.json\n"
     "  ntk fit --network tuned.json --x x.npy --y y.npy --x-test t.npy --y-test u.npy --ridge 0.003\n\n"
     "where 0.003 is the noise that tune has reported.\n",
     tune_flags, run_tune},
    {"doctor", "versions, processor, BLAS kernels and their speed, limits",
     "Takes about a second.  If blas_is_slow says yes, OpenBLAS runs kernels for an older processor than this one: unset OPENBLAS_CORETYPE, or\n"
     "set it to blas_kernels_should_be.  samples_at_most is what fits this machine's memory as half a kernel matrix, which its\n"
     "factor overwrites (ntk fit).\n",
     doctor_flags, run_doctor},
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
    fputs("ntk: neural tangent kernels from the shell\n\n"
          "  ntk COMMAND [--flag value ...]     ntk help COMMAND     ntk --version\n\n",
          out);
    for (size_t i = 0; i < COMMANDS; ++i)
        if (commands[i].run) fprintf(out, "  %-18s %s\n", commands[i].name, commands[i].summary);
    fputs("\nFirst steps: describe a network in JSON, net.json:\n\n"
          "  {\"format\": \"ntk-network\", \"version\": 1, \"input\": [784], \"layers\": [\n"
          "    {\"op\": \"dense\", \"units\": 512, \"w_std\": 1.4}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 10}]}\n\n"
          "  ntk network show --network net.json\n"
          "  ntk fit --network net.json --x x.npy --y y.npy --x-test t.npy --ridge-relative 1e-3 --out mean.npy\n\n"
          "Files: reads .npy, .csv and IDX, also compressed (.gz); writes .npy.  [n, o] means n rows of o numbers.\n"
          "Answers: results in files, a table on standard output (--json: one object), progress and errors on standard error.\n"
          "Exit codes: 0 done, 1 failed (memory, disk, a matrix that cannot be factorised), 2 bad usage or input, 130 interrupted.\n"
          "More: man ntk.\n",
          out);
    return 0;
}

/* "network" alone, or with --help: the commands that begin with it. */
static bool is_group(int argc, char **argv)
{
    return argc > 0 && strcmp(argv[0], "network") == 0 && (argc == 1 || strcmp(argv[1], "--help") == 0);
}

static int print_group(FILE *out, const char *word)
{
    size_t length = strlen(word);
    fprintf(out, "ntk %s is one of\n\n", word);
    for (size_t i = 0; i < COMMANDS; ++i)
        if (strncmp(commands[i].name, word, length) == 0 && commands[i].name[length] == ' ')
            fprintf(out, "  ntk %-18s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\nntk help %s show, and so on, says more.\n", word);
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
    if (is_group(argc, argv)) return print_group(stdout, argv[0]);
    if (!c) return unknown_command(argc, argv);
    if (!c->flags) return tool_run(c, 0, argv);
    arguments_help(stdout, c->name, c->summary, c->about, c->flags);
    return 0;
}

static int run(int argc, char **argv)
{
    int words;
    const command_entry *c = find(argc, argv, &words);
    if (argc == 0) return print_usage(stderr) + EXIT_INPUT;
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "help") == 0) return help(argc - 1, argv + 1);
    if (strcmp(argv[0], "--version") == 0) return printf("ntk %s\n", ntk_version()) < 0;
    if (is_group(argc, argv)) return argc > 1 ? print_group(stdout, argv[0]) : tool_fail(EXIT_INPUT, "%s is the first of two words; `ntk help %s` lists them", argv[0], argv[0]);
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
