/*
 * Pictures through gnuplot, a program of its own, started without a shell: its commands and the data go down a pipe, the picture comes
 * from its standard output, so no file name is ever part of a command.
 */
#include "tool.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_FOUND 127

/* ---- what gnuplot is told ---- */

static bool is_drawn(const plot *p, const curve *c, int64_t i, double *x)
{
    *x = c->x ? c->x[i] : (double)(i + 1);
    return isfinite(*x) && isfinite(c->y[i]) && (!p->log_x || *x > 0) && (!p->log_y || c->y[i] > 0);
}

static int64_t count_drawn(const plot *p, const curve *c)
{
    int64_t count = 0;
    double x;
    for (int64_t i = 0; i < c->count; ++i) count += is_drawn(p, c, i, &x);
    return count;
}

/* A word of gnuplot: in quotes, in which a quote is doubled; what has no place in a line is left out. */
static void write_text(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; ++text) {
        if (*text == '\'') fputc('\'', out);
        if ((unsigned char)*text >= ' ') fputc(*text, out);
    }
    fputc('\'', out);
}

static void write_label(FILE *out, const char *which, const char *text)
{
    if (!text) return;
    fprintf(out, "set %s ", which);
    write_text(out, text);
    fputs(" noenhanced\n", out);
}

static void write_settings(FILE *out, bool svg, const plot *p)
{
    fprintf(out, "set encoding utf8\nset terminal %s size 800,500\nset grid\n", svg ? "svg" : "png");
    write_label(out, "title", p->title);
    write_label(out, "xlabel", p->x_label);
    write_label(out, "ylabel", p->y_label);
    if (p->log_x) fputs("set logscale x\nset format x '10^{%T}'\n", out);
    if (p->log_y) fputs("set logscale y\nset format y '10^{%T}'\n", out);
}

static void write_points(FILE *out, const plot *p, const curve *c)
{
    double x;
    for (int64_t i = 0; i < c->count; ++i)
        if (is_drawn(p, c, i, &x)) fprintf(out, "%.9g %.9g\n", x, c->y[i]);
    fputs("e\n", out);
}

static void write_commands(FILE *out, bool svg, const plot *p)
{
    const char *before = "plot ";
    write_settings(out, svg, p);
    for (const curve *c = p->curves; c->name; ++c) {
        if (count_drawn(p, c) == 0) continue;
        fprintf(out, "%s'-' using 1:2 with %s title ", before, c->points ? "points" : "linespoints");
        write_text(out, c->name);
        fputs(" noenhanced", out);
        before = ", ";
    }
    fputc('\n', out);
    for (const curve *c = p->curves; c->name; ++c)
        if (count_drawn(p, c) > 0) write_points(out, p, c);
}

/* ---- the program ---- */

/* In the child: never returns. */
static void become_gnuplot(int commands, int picture)
{
    int quiet = open("/dev/null", O_WRONLY);
    if (dup2(commands, 0) < 0 || dup2(picture, 1) < 0 || (quiet >= 0 && dup2(quiet, 2) < 0)) _exit(NOT_FOUND);
    execlp("gnuplot", "gnuplot", "-d", (char *)NULL);
    _exit(NOT_FOUND);
}

/* Starts gnuplot with its standard output in `picture`; *commands is its standard input. */
static pid_t start(int picture, FILE **commands)
{
    int ends[2];
    pid_t child;
    if (pipe(ends) != 0) return -1;
    child = fork();
    if (child == 0) {
        close(ends[1]);
        become_gnuplot(ends[0], picture);
    }
    close(ends[0]);
    *commands = child > 0 ? fdopen(ends[1], "w") : NULL;
    if (!*commands) close(ends[1]);
    return child;
}

/* The exit status of gnuplot after it has drawn into `picture`; -1: it did not run, or did not end by itself. */
static int run_gnuplot(const plot *p, bool svg, int picture)
{
    FILE *commands = NULL;
    int state = 0;
    void (*before)(int) = signal(SIGPIPE, SIG_IGN); /* a gnuplot that is not there reads nothing */
    pid_t child = start(picture, &commands);
    if (commands) {
        write_commands(commands, svg, p);
        fclose(commands);
    }
    signal(SIGPIPE, before);
    if (child < 0 || waitpid(child, &state, 0) != child || !WIFEXITED(state)) return -1;
    return WEXITSTATUS(state);
}

/* ---- --plot ---- */

static bool has_something(const plot *p)
{
    for (const curve *c = p->curves; c->name; ++c)
        if (count_drawn(p, c) > 0) return true;
    return false;
}

static int no_picture(const tool *t, const char *path, const char *why)
{
    fprintf(stderr, "ntk: %s: --plot %s: no picture, since %s; everything else is written\n", t->arguments.command, path, why);
    return 0;
}

int tool_plot(tool *t, const plot *p)
{
    const char *path = arguments_text(&t->arguments, "plot", NULL);
    size_t length = path ? strlen(path) : 0;
    npy_file file;
    int picture, outcome, failed;
    if (!path) return 0;
    if (!has_something(p)) return no_picture(t, path, "there is no point to draw");
    failed = npy_create(path, &file, &picture);
    if (failed) return failed;
    outcome = run_gnuplot(p, length >= 4 && strcmp(path + length - 4, ".svg") == 0, picture);
    close(picture);
    if (outcome == 0) return tool_keep(t, "plot", &file);
    npy_drop(&file);
    if (outcome == NOT_FOUND) return no_picture(t, path, "gnuplot is not installed");
    return tool_fail(EXIT_FAILED, "%s: --plot %s: gnuplot could not draw it", t->arguments.command, path);
}
