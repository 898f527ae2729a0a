/* What every command goes through: its context, its clock, its progress bar, and its way out. */
#include "tool.h"

#include <ctype.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

/* The first Ctrl-C asks the library to stop; the second kills. */
static void catch_interrupt(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)(SA_RESTART | SA_RESETHAND)};
    sigaction(SIGINT, &action, NULL);
}

/* One line, whatever file names and contents are quoted in it. */
static void print_sentence(char *sentence)
{
    for (char *at = sentence; *at; ++at)
        if (iscntrl((unsigned char)*at)) *at = '?';
    fprintf(stderr, "ntk: %s\n", sentence);
}

int tool_fail(int code, const char *format, ...)
{
    char sentence[2048];
    va_list values;
    va_start(values, format);
    vsnprintf(sentence, sizeof sentence, format, values);
    va_end(values);
    print_sentence(sentence);
    return code;
}

/* ---- progress ---- */

static void draw_bar(tool *t, double done)
{
    int percent = done < 0 ? 0 : done > 1 ? 100 : (int)(100 * done);
    if (t->part_to > 0 && percent < t->bar_percent) return; /* several calls share one part */
    if (percent == t->bar_percent || !isatty(STDERR_FILENO)) return;
    t->bar_percent = percent;
    fprintf(stderr, "\rntk %s [%-40.*s] %3d %%", t->arguments.command, percent * 40 / 100,
            "########################################", percent);
    fflush(stderr);
}

static void clear_bar(tool *t)
{
    if (t->bar_percent >= 0) fputs("\r\033[K", stderr);
    t->bar_percent = -1;
}

static bool stops(const tool *t)
{
    return interrupted && !t->held;
}

static int on_progress(void *user, double done)
{
    tool *t = user;
    draw_bar(t, t->part_to > 0 ? t->part_from + done * (t->part_to - t->part_from) : done);
    return stops(t);
}

void tool_part(tool *t, double from, double to)
{
    t->part_from = from;
    t->part_to = to;
}

void tool_hold(tool *t, bool held)
{
    t->held = held;
}

static void on_log(void *user, const char *sentence)
{
    clear_bar(user);
    fprintf(stderr, "ntk: %s\n", sentence);
}

/* ---- time ---- */

double tool_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void tool_start_clock(tool *t)
{
    t->started = tool_now();
}

void tool_stop_clock(tool *t, const char *name)
{
    double seconds = tool_now() - t->started;
    clear_bar(t);
    t->seconds += seconds;
    if (name) report_number(t, name, seconds);
}

/* ---- errors of the library ---- */

/* Failures of the work, not of what the user gave. */
static bool is_failure(ntk_status status)
{
    static const ntk_status failures[] = {NTK_ERROR_MEMORY,        NTK_ERROR_MEMORY_LIMIT, NTK_ERROR_NOT_POSITIVE_DEFINITE,
                                          NTK_ERROR_NOT_CONVERGED, NTK_ERROR_UNSTABLE, NTK_ERROR_UNREACHABLE,     NTK_ERROR_OVERFLOW,
                                          NTK_ERROR_INTERNAL};
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; ++i)
        if (failures[i] == status) return true;
    return false;
}

int tool_check(tool *t, const char *subject, ntk_status status)
{
    const char *message = ntk_context_error_message(t->context);
    if (status == NTK_OK && !stops(t)) return 0;
    clear_bar(t);
    if (status == NTK_ERROR_CANCELLED || stops(t)) return tool_fail(EXIT_CANCELLED, "%s: interrupted", t->arguments.command);
    return tool_fail(is_failure(status) ? EXIT_FAILED : EXIT_INPUT, "%s: %s", subject ? subject : t->arguments.command,
                     *message ? message : ntk_status_message(status));
}

/* ---- one command ---- */

static int check_outputs(const arguments *a)
{
    int failed = 0;
    for (int i = 0; !failed && a->flags[i].name; ++i)
        if ((a->flags[i].type == FLAG_OUTPUT || a->flags[i].type == FLAG_PICTURE) && a->values[i]) failed = npy_writable(a->values[i]);
    return failed;
}

static int make_context(tool *t)
{
    int threads = (int)arguments_count(&t->arguments, "threads", 0);
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .log = on_log, .log_user = t, .progress = on_progress,
                                   .progress_user = t, .threads = threads};
    ntk_status status = ntk_context_create(&options, &t->context);
    if (threads > 0) blas_set_threads(threads);
    return status == NTK_OK ? 0 : tool_fail(EXIT_FAILED, "%s: %s", t->arguments.command, ntk_status_message(status));
}

static int run_with(tool *t, const command_entry *c)
{
    int failed;
    TRY(arguments_check(&t->arguments));
    TRY(check_outputs(&t->arguments));
    TRY(make_context(t));
    t->report = json_object();
    if (!t->report) return tool_fail(EXIT_FAILED, "%s: out of memory", c->name);
    TRY(outputs_finish(t, c->run(t)));
    TRY(report_print(t));
done:
    return failed;
}

int tool_run(const command_entry *c, int argc, char **argv)
{
    tool t = {.bar_percent = -1};
    int failed;
    if (!c->flags) return tool_fail(EXIT_INPUT, "the command %s is not in this version", c->name);
    failed = arguments_parse(&t.arguments, c->name, c->flags, argc, argv);
    if (failed) return failed;
    if (arguments_has(&t.arguments, "help")) {
        arguments_help(stdout, c->name, c->summary, c->about, c->flags);
        return 0;
    }
    catch_interrupt();
    failed = run_with(&t, c);
    json_decref(t.report);
    ntk_context_destroy(t.context);
    return failed;
}
