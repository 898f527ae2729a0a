/*
 * Pictures through gnuplot, a program of its own: its commands and the data go down a pipe, the picture comes from its standard
 * output, so no file name is ever part of a command.
 */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_FOUND 127

/* Starts gnuplot with its standard output in `picture`; *commands is its standard input. */
static pid_t start(int picture, FILE **commands)
{
    int ends[2];
    pid_t child;
    if (pipe(ends) != 0) return -1;
    child = fork();
    if (child == 0) {
        int quiet = open("/dev/null", O_WRONLY);
        if (dup2(ends[0], 0) < 0 || dup2(picture, 1) < 0 || (quiet >= 0 && dup2(quiet, 2) < 0)) _exit(NOT_FOUND);
        close(ends[1]);
        execlp("gnuplot", "gnuplot", "-d", (char *)NULL);
        _exit(NOT_FOUND);
    }
    close(ends[0]);
    *commands = child > 0 ? fdopen(ends[1], "w") : NULL;
    if (!*commands) close(ends[1]);
    return child;
}

static void write_commands(FILE *out, bool svg, const char *title, const char *x_label, int64_t count, const double *x, const curve *curves)
{
    fprintf(out, "set terminal %s size 800,500\nset title '%s'\nset xlabel '%s'\nset grid\n", svg ? "svg" : "png", title, x_label);
    fprintf(out, "set logscale y\nset format y '10^{%%T}'\n");
    fprintf(out, "plot");
    for (const curve *c = curves; c->name; ++c) fprintf(out, "%s '-' using 1:2 with linespoints title '%s'", c == curves ? "" : ",", c->name);
    fprintf(out, "\n");
    for (const curve *c = curves; c->name; ++c) {
        for (int64_t i = 0; i < count; ++i)
            if (isfinite(x[i]) && isfinite(c->y[i]) && c->y[i] > 0) fprintf(out, "%.9g %.9g\n", x[i], c->y[i]);
        fprintf(out, "e\n");
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static int outcome(int state, const char *path)
{
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return 0;
    unlink(path);
    if (!WIFEXITED(state) || WEXITSTATUS(state) != NOT_FOUND) return tool_fail(EXIT_FAILED, "--plot %s: gnuplot could not draw it", path);
    fprintf(stderr, "ntk: --plot %s: no picture, since gnuplot is not installed; everything else is written\n", path);
    return 0;
}

int plot_curves(tool *t, const char *title, const char *x_label, int64_t count, const double *x, const curve *curves)
{
    const char *path = arguments_text(&t->arguments, "plot", NULL);
    FILE *commands = NULL;
    int picture, state = 0;
    pid_t child;
    void (*before)(int);
    if (!path) return 0;
    picture = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (picture < 0) return tool_fail(EXIT_FAILED, "--plot %s: %s", path, strerror(errno));
    before = signal(SIGPIPE, SIG_IGN); /* a gnuplot that is not there reads nothing */
    child = start(picture, &commands);
    close(picture);
    if (commands) {
        write_commands(commands, ends_with(path, ".svg"), title, x_label, count, x, curves);
        fclose(commands);
    }
    signal(SIGPIPE, before);
    if (child < 0 || waitpid(child, &state, 0) != child) return tool_fail(EXIT_FAILED, "--plot %s: gnuplot could not be started", path);
    return outcome(state, path);
}
