/* The report: collected as one JSON object, printed as that or as a table. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

void report_json(tool *t, const char *key, json_t *value)
{
    json_object_set_new(t->report, key, value);
}

void report_text(tool *t, const char *key, const char *value)
{
    report_json(t, key, json_string(value));
}

void report_integer(tool *t, const char *key, int64_t value)
{
    report_json(t, key, json_integer(value));
}

void report_number(tool *t, const char *key, double value)
{
    report_json(t, key, isfinite(value) ? json_real(value) : json_null());
}

static json_t *shape_json(const ntk_array *a)
{
    json_t *list = json_array();
    for (int i = 0; i < a->ndim; ++i) json_array_append_new(list, json_integer(a->shape[i]));
    return list;
}

/* Two flags with one file: the second would replace the first. */
static int check_distinct(const tool *t, const char *path, const npy_file *file)
{
    for (const output *o = t->outputs; o; o = o->next)
        if (strcmp(o->file.target, file->target) == 0)
            return tool_fail(EXIT_INPUT, "%s: is the file of two outputs", path);
    return 0;
}

/* The list owns the file, whatever is returned. */
static int take(tool *t, const char *path, const npy_file *file)
{
    output *o = malloc(sizeof *o);
    npy_file copy = *file;
    int failed = check_distinct(t, path, file);
    if (!o) {
        npy_drop(&copy);
        return tool_fail(EXIT_FAILED, "%s: out of memory", path);
    }
    *o = (output){copy, t->outputs};
    t->outputs = o;
    return failed;
}

int tool_keep(tool *t, const char *flag, const npy_file *file)
{
    const char *path = arguments_text(&t->arguments, flag, NULL);
    report_json(t, flag, json_pack("{s:s}", "file", path));
    return take(t, path, file);
}

int tool_save(tool *t, const char *flag, const array *a)
{
    const char *path = arguments_text(&t->arguments, flag, NULL);
    npy_file file;
    int failed;
    if (!path) return 0;
    TRY(tool_check(t, NULL, NTK_OK)); /* Ctrl-C between computing and writing */
    TRY(npy_write(path, &a->view, &file));
    TRY(take(t, path, &file));
    report_json(t, flag, json_pack("{s:s, s:o}", "file", path, "shape", shape_json(&a->view)));
done:
    return failed;
}

int outputs_finish(tool *t, int failed)
{
    for (output *o = t->outputs, *next; o; o = next) {
        next = o->next;
        if (failed) npy_drop(&o->file);
        else failed = npy_publish(&o->file);
        free(o);
    }
    t->outputs = NULL;
    return failed;
}

/* The high-water mark of this program.  ru_maxrss is only the fallback: a child inherits there what its parent used. */
static int64_t peak_bytes(void)
{
    struct rusage usage;
    char line[256];
    long long kilobytes = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && kilobytes < 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %lld", &kilobytes) != 1) kilobytes = -1;
    if (file) fclose(file);
    if (kilobytes < 0) kilobytes = getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : 0;
    return 1024 * kilobytes;
}

/* ---- as a table ---- */

static void print_value(const json_t *value)
{
    const char *key;
    json_t *inner;
    size_t i;
    if (json_is_string(value)) printf("%s", json_string_value(value));
    else if (json_is_integer(value)) printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value)) printf("%.6g", json_real_value(value));
    else if (json_is_boolean(value)) printf("%s", json_is_true(value) ? "yes" : "no");
    else if (json_is_null(value)) printf("infinite or undefined");
    json_array_foreach(value, i, inner) printf(i ? json_is_string(inner) ? ", " : " x " : ""), print_value(inner);
    json_object_foreach((json_t *)(uintptr_t)value, key, inner) printf(" "), print_value(inner);
}

/* A list of objects with the same keys: one column each. */
static void print_records(const json_t *list)
{
    const char *key;
    json_t *record, *value;
    size_t i;
    json_object_foreach(json_array_get(list, 0), key, value) {
        printf("  %-22s", key);
        json_array_foreach(list, i, record) {
            const json_t *cell = json_object_get(record, key);
            if (json_is_string(cell)) printf(" %18.18s", json_string_value(cell));
            else if (json_is_number(cell)) printf(" %18.8g", json_number_value(cell));
            else printf(" %18s", "infinite");
        }
        putchar('\n');
    }
}

static void print_table(json_t *report)
{
    const char *key;
    json_t *value;
    json_object_foreach(report, key, value) {
        printf("%-24s ", key);
        if (json_is_object(json_array_get(value, 0))) putchar('\n'), print_records(value);
        else print_value(value), putchar('\n');
    }
}

void report_estimate(tool *t, const ntk_estimate *e)
{
    report_number(t, "result_bytes", e->result_bytes);
    report_number(t, "working_bytes", e->bytes);
    report_number(t, "flops", e->flops);
}

int report_print(tool *t)
{
    report_number(t, "seconds", t->seconds);
    report_integer(t, "peak_bytes", peak_bytes());
    if (!arguments_has(&t->arguments, "json")) print_table(t->report);
    else if (json_dumpf(t->report, stdout, JSON_REAL_PRECISION(17)) != 0) return tool_fail(EXIT_FAILED, "standard output: cannot be written");
    else putchar('\n');
    return 0;
}
