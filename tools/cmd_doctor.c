/* ntk doctor: what this installation is made of, and whether it runs at the speed of the machine. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const flag_entry doctor_flags[] = {FLAGS_COMMON};

/* ---- the speed of products -------------------------------------------------------------------------------------- */

#define SPEED_SIZE 1024   /* the side of a product: 2 N^3 flop */
#define SPEED_SECONDS 0.3 /* per type */

typedef void (*dgemm_function)(int order, int ta, int tb, int m, int n, int k, double alpha, const double *a, int lda, const double *b,
                               int ldb, double beta, double *c, int ldc);
typedef void (*sgemm_function)(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
                               int ldb, float beta, float *c, int ldc);
enum { ROW_MAJOR = 101, PLAIN = 111 }; /* of CBLAS */

static void dgemm(any_function f, array a[3])
{
    ((dgemm_function)f)(ROW_MAJOR, PLAIN, PLAIN, SPEED_SIZE, SPEED_SIZE, SPEED_SIZE, 1, a[0].view.data, SPEED_SIZE, a[1].view.data, SPEED_SIZE, 0,
                        a[2].view.data, SPEED_SIZE);
}

static void sgemm(any_function f, array a[3])
{
    ((sgemm_function)f)(ROW_MAJOR, PLAIN, PLAIN, SPEED_SIZE, SPEED_SIZE, SPEED_SIZE, 1, a[0].view.data, SPEED_SIZE, a[1].view.data, SPEED_SIZE, 0,
                        a[2].view.data, SPEED_SIZE);
}

static const struct {
    const char *key, *function;
    ntk_dtype dtype;
    void (*product)(any_function f, array a[3]);
} products[] = {{"gflops_dgemm", "cblas_dgemm", NTK_F64, dgemm}, {"gflops_sgemm", "cblas_sgemm", NTK_F32, sgemm}};

#define PRODUCTS (sizeof products / sizeof products[0])

/* The best of as many products as fit the time; the first, which wakes the threads, does not count. */
static double best_gflops(size_t i, any_function f, array a[3])
{
    double begin, start, best = 0;
    products[i].product(f, a);
    for (begin = start = tool_now(); start - begin < SPEED_SECONDS;) {
        double end, gflops;
        products[i].product(f, a);
        end = tool_now();
        gflops = 2e-9 * SPEED_SIZE * SPEED_SIZE * SPEED_SIZE / (end - start);
        best = gflops > best ? gflops : best;
        start = end;
    }
    return best;
}

static int measure(tool *t, size_t i)
{
    array a[3];
    any_function f = blas_function(products[i].function);
    int failed = 0;
    if (!f) return 0;
    memset(a, 0, sizeof a);
    for (int k = 0; k < 3; ++k) TRY(array_new(products[i].dtype, 2, (int64_t[]){SPEED_SIZE, SPEED_SIZE}, &a[k]));
    tool_start_clock(t);
    report_number(t, products[i].key, best_gflops(i, f, a));
    tool_stop_clock(t, NULL);
done:
    for (int k = 0; k < 3; ++k) array_free(&a[k]);
    return failed;
}

/* ---- the same with the right kernels: OpenBLAS chooses when it is loaded, so another process must ---------------- */

/* What `ntk doctor --json` says with these kernels; NULL if it cannot be had. */
static json_t *doctor_with(const char *kernels)
{
    char *words[] = {(char *)(uintptr_t)"ntk", (char *)(uintptr_t)"doctor", (char *)(uintptr_t)"--json", NULL};
    json_t *answer;
    int ends[2];
    pid_t child;
    if (pipe(ends) != 0) return NULL;
    child = fork();
    if (child == 0) {
        if (dup2(ends[1], STDOUT_FILENO) < 0 || setenv("OPENBLAS_CORETYPE", kernels, 1) != 0) _exit(EXIT_FAILED);
        close(ends[0]);
        close(ends[1]);
        execv("/proc/self/exe", words);
        _exit(EXIT_FAILED);
    }
    close(ends[1]);
    answer = child > 0 ? json_loadfd(ends[0], 0, NULL) : NULL;
    close(ends[0]);
    if (child > 0) waitpid(child, NULL, 0);
    return answer;
}

static void report_right_kernels(tool *t)
{
    const char *forced = getenv("OPENBLAS_CORETYPE"), *right = ntk_blas_right_kernels();
    bool asked = forced && right && strcmp(forced, right) == 0; /* in vain: or this would go on for ever */
    json_t *answer = ntk_blas_is_slow() && !asked ? doctor_with(right) : NULL;
    for (size_t i = 0; answer && i < PRODUCTS; ++i) {
        char key[64];
        const char *kernels = json_string_value(json_object_get(answer, "blas_kernels"));
        if (!kernels || strcmp(kernels, ntk_blas_kernels()) == 0) break; /* it did not take them */
        snprintf(key, sizeof key, "%s_%s", products[i].key, kernels);
        report_json(t, key, json_incref(json_object_get(answer, products[i].key)));
    }
    json_decref(answer);
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

/* The model's name, from /proc/cpuinfo. */
static void report_processor(tool *t)
{
    char line[256], name[200] = "unknown";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "model name : %199[^\n]", name) == 1) break;
    if (file) fclose(file);
    report_text(t, "processor", name);
    report_integer(t, "processors", sysconf(_SC_NPROCESSORS_ONLN));
    report_text(t, "instruction_set", ntk_context_cpu(t->context));
    report_integer(t, "threads", ntk_context_threads(t->context));
}

static void report_blas(tool *t)
{
    const char *used = ntk_blas_kernels(), *right = ntk_blas_right_kernels(), *forced = getenv("OPENBLAS_CORETYPE");
    char *(*config)(void) = (char *(*)(void))blas_function("openblas_get_config");
    report_text(t, "blas", config ? config() : "unknown (not OpenBLAS)");
    report_text(t, "blas_kernels", used ? used : "unknown (not OpenBLAS)");
    report_text(t, "blas_kernels_should_be", right ? right : "unknown");
    report_json(t, "blas_is_slow", json_boolean(ntk_blas_is_slow()));
    report_text(t, "openblas_coretype", forced ? forced : "not set");
    report_integer(t, "blas_threads", blas_threads());
}

/* A kernel matrix and its factor: 2 N^2 numbers. */
static void report_limits(tool *t)
{
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    report_integer(t, "memory_bytes", (int64_t)memory);
    report_integer(t, "samples_at_most_f64", (int64_t)sqrt(memory / 4)); /* n²/2 numbers, in which the factor takes the kernel's place */
    report_integer(t, "samples_at_most_f32", (int64_t)sqrt(memory / 2));
    report_integer(t, "axes_at_most", NTK_MAX_NDIM);
}

int run_doctor(tool *t)
{
    int failed;
    report_text(t, "libntk", ntk_version());
    report_text(t, "ntk_header", NTK_VERSION_STRING);
    report_text(t, "jansson", jansson_version_str());
    report_text(t, "zlib", zlibVersion());
    report_processor(t);
    report_blas(t);
    for (size_t i = 0; i < PRODUCTS; ++i) TRY(measure(t, i));
    report_right_kernels(t);
    report_limits(t);
done:
    return failed;
}
