/* ntk doctor: what this installation is made of, and whether it runs at the speed of the machine. */
#include "tool.h"

#include <stdlib.h>
#include <unistd.h>

const flag_entry doctor_flags[] = {FLAGS_COMMON};

#define SPEED_SIZE 1024

/* One product of the size of a tile: 2 N^3 flop. */
static int measure_products(tool *t)
{
    ntk_gram *gram = NULL;
    array k = {0}, out = {0};
    double start;
    int failed;
    TRY(array_new(NTK_F64, 2, (int64_t[]){SPEED_SIZE, SPEED_SIZE}, &k));
    TRY(array_new(NTK_F64, 2, (int64_t[]){SPEED_SIZE, SPEED_SIZE}, &out));
    for (int64_t i = 0; i < SPEED_SIZE; ++i) ((double *)k.view.data)[i * SPEED_SIZE + i] = 1;
    TRY(tool_check(t, NULL, ntk_gram_from_matrix(t->context, &k.view, &gram)));
    TRY(tool_check(t, NULL, ntk_gram_multiply(t->context, gram, NTK_KIND_NTK, &k.view, &out.view))); /* wakes the threads */
    start = tool_now();
    tool_start_clock(t);
    TRY(tool_check(t, NULL, ntk_gram_multiply(t->context, gram, NTK_KIND_NTK, &k.view, &out.view)));
    report_number(t, "gflops_product_f64", 2e-9 * SPEED_SIZE * SPEED_SIZE * SPEED_SIZE / (tool_now() - start));
    tool_stop_clock(t, NULL);
done:
    ntk_gram_destroy(gram);
    array_free(&out);
    array_free(&k);
    return failed;
}

static void report_blas(tool *t)
{
    const char *used = blas_kernels(), *right = blas_right_kernels(), *forced = getenv("OPENBLAS_CORETYPE");
    report_text(t, "blas_kernels", used ? used : "unknown (not OpenBLAS)");
    report_text(t, "blas_kernels_should_be", right ? right : "unknown");
    report_json(t, "blas_is_slow", json_boolean(blas_is_slow()));
    report_text(t, "openblas_coretype", forced ? forced : "not set");
    report_integer(t, "blas_threads", blas_threads());
}

int run_doctor(tool *t)
{
    report_text(t, "libntk", ntk_version());
    report_text(t, "ntk_header", NTK_VERSION_STRING);
    report_text(t, "jansson", jansson_version_str());
    report_text(t, "zlib", zlibVersion());
    report_text(t, "instruction_set", ntk_context_cpu(t->context));
    report_integer(t, "threads", ntk_context_threads(t->context));
    report_blas(t);
    report_integer(t, "memory_bytes", (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
    report_integer(t, "axes_at_most", NTK_MAX_NDIM);
    return measure_products(t);
}
