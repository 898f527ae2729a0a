/*
 * core: what every other room stands on.
 *
 *   errors     NTK_TRY, ntk_fail          one idiom: NTK_TRY jumps to `done:`, which frees in reverse, NULL-safe
 *   memory     ntk_allocate, ntk_free     the caller's allocator travels with each block, so freeing needs no context
 *   handles    ntk_object                 reference counts: handles keep what they were made from alive
 *   options    ntk_options_read           struct_size, trailing zeros, defaults
 *   arrays     ntk_check_*, ntk_borrow    the door between ntk_array and the dense row-major memory used inside
 *   numbers    ntk_real                   files compiled once per type (real.h)
 *   threads    ntk_parallel               fork-join over a range
 *   progress   ntk_progress, NTK_TRY_PART   a call's parts report their own share; the caller hears that of the whole
 *   random     ntk_random_normal          counter-based, the same bits everywhere
 *   cpu        ntk_cpu                    instruction set of the hot loops
 */
#ifndef NTK_CORE_H
#define NTK_CORE_H

#include "ntk.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>

#define NTK_ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define NTK_MIN(a, b) ((a) < (b) ? (a) : (b))
#define NTK_MAX(a, b) ((a) > (b) ? (a) : (b))

/* ---- errors ---------------------------------------------------------------------------------------------------- */

/** Records status and sentence as the last error of ctx and returns the status, so that `return ntk_fail(...)` reads well. */
ntk_status ntk_fail(ntk_context *ctx, ntk_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** snprintf and vsnprintf with a decimal point in every locale. */
int ntk_print(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int ntk_print_list(char *text, size_t size, const char *format, va_list arguments) __attribute__((format(printf, 3, 0)));

/** Runs a call that returns ntk_status; on failure leaves through `done:`.  Needs a variable `status`. */
#define NTK_TRY(call)                              \
    do {                                           \
        if ((status = (call)) != NTK_OK) goto done; \
    } while (0)

/** First line of every public function that can fail. */
#define NTK_ENTER(ctx)                    \
    do {                                  \
        if (!(ctx)) return NTK_ERROR_NULL; \
    } while (0)

/** First line of every constructor: the new handle is NULL until it is whole. */
#define NTK_ENTER_NEW(ctx, handle)                                                            \
    do {                                                                                      \
        if (handle) *(handle) = NULL;                                                         \
        if (!(ctx)) return NTK_ERROR_NULL;                                                    \
        if (!(handle)) return ntk_fail(ctx, NTK_ERROR_NULL, "%s is NULL: nowhere to put the result", #handle); \
    } while (0)

/** Refuses a NULL argument by its name. */
#define NTK_REQUIRE(ctx, argument)                                                              \
    do {                                                                                        \
        if (!(argument)) return ntk_fail(ctx, NTK_ERROR_NULL, "%s is NULL", #argument);          \
    } while (0)

/* ---- context --------------------------------------------------------------------------------------------------- */

typedef enum ntk_cpu { NTK_CPU_C, NTK_CPU_AVX2, NTK_CPU_AVX512, NTK_CPU_COUNT } ntk_cpu;

/** The part of a call's work that is being done, as shares of the whole. */
typedef struct ntk_part {
    double from, to;
} ntk_part;

struct ntk_context {
    ntk_context_options options; /* with every default filled in */
    ntk_cpu cpu;
    bool blas_checked; /* whether its kernels are slow has been looked at, once */
    ntk_part part;
    double reported; /* to the callback, last; -1: nothing since the innermost part began */
    ntk_status error;
    char message[512];
};

void ntk_log(const ntk_context *ctx, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Reports the share done of the innermost part; NTK_ERROR_CANCELLED if the caller wants to stop. */
ntk_status ntk_progress(ntk_context *ctx, double done);

/**
 * NTK_TRY of a call that does the share [from, to] of the work at hand: what it reports is a share of that.  Its end is
 * reported once, by the call itself or here.  So a loop over parts needs no other report, and neither does what it calls.
 */
#define NTK_TRY_PART(ctx, from, to, call)                                         \
    do {                                                                          \
        ntk_part ntk_outer = ntk_part_open(ctx, from, to);                        \
        status = (call);                                                          \
        if ((status = ntk_part_close(ctx, ntk_outer, status)) != NTK_OK) goto done; \
    } while (0)

/** Its two halves: the part to go back to; and back there, with the report of the end where it is due. */
ntk_part ntk_part_open(ntk_context *ctx, double from, double to);
ntk_status ntk_part_close(ntk_context *ctx, ntk_part outer, ntk_status status);

/** The best instruction set of this processor, or the lower one that NTK_CPU names. */
ntk_cpu ntk_cpu_detect(void);
const char *ntk_cpu_name(ntk_cpu cpu);

/* ---- memory ---------------------------------------------------------------------------------------------------- */

/** count * size bytes, zeroed, aligned to 64.  count 0 gives a valid block.  *block is NULL on failure. */
ntk_status ntk_allocate(ntk_context *ctx, int64_t count, size_t size, void **block);

/** The same without zeroing, for large numeric arrays that are written at once. */
ntk_status ntk_allocate_raw(ntk_context *ctx, int64_t count, size_t size, void **block);

/** NTK_NEW(ctx, 10, &p): ten zeroed objects of p's type. */
#define NTK_NEW(ctx, count, pointer) ntk_allocate(ctx, count, sizeof(**(pointer)), (void **)(pointer))
#define NTK_NEW_RAW(ctx, count, pointer) ntk_allocate_raw(ctx, count, sizeof(**(pointer)), (void **)(pointer))

void ntk_free(void *block);

/** A copy of a string. */
ntk_status ntk_copy_string(ntk_context *ctx, const char *text, char **copy);

/** product = a*b, or NTK_ERROR_OVERFLOW with the sentence "what: a x b ...". */
ntk_status ntk_size_product(ntk_context *ctx, const char *what, int64_t a, int64_t b, int64_t *product);

/** NTK_ERROR_MEMORY_LIMIT if `bytes` for `what` exceed the limit of the context. */
ntk_status ntk_memory_require(ntk_context *ctx, const char *what, double bytes);

/* ---- handles --------------------------------------------------------------------------------------------------- */

/** First member of every handle. */
typedef struct ntk_object {
    atomic_int references;
} ntk_object;

/** Another owner of a handle, even of a const one: only the count changes.  Returns the handle, so `g->kernel = ntk_retain(kernel)`.  NULL stays NULL. */
void *ntk_retain(const void *handle);

/** Drops an owner; true when it was the last and the caller must free the insides. */
bool ntk_object_release(void *handle);

/** A zeroed handle with one owner. */
#define NTK_NEW_HANDLE(ctx, handle) ntk_object_new(ctx, sizeof(**(handle)), (void **)(handle))
ntk_status ntk_object_new(ntk_context *ctx, size_t size, void **handle);

/* ---- options --------------------------------------------------------------------------------------------------- */

/**
 * Fills `known` (size bytes, zeroed first) from the caller's struct of its own struct_size: shorter is an older caller,
 * longer a newer one whose extra bytes must be zero.  NULL: all defaults.
 */
ntk_status ntk_options_read(ntk_context *ctx, const char *name, const void *given, void *known, size_t size);
#define NTK_OPTIONS_READ(ctx, given, known) ntk_options_read(ctx, #given, given, known, sizeof(*(known)))

/* ---- arrays ---------------------------------------------------------------------------------------------------- */

/** Number of elements. */
int64_t ntk_array_size(const ntk_array *a);

/** Structure only: pointers, dtype, ndim, extents, overflow.  `name` opens the sentence. */
ntk_status ntk_check_array(ntk_context *ctx, const char *name, const ntk_array *a);

/** Structure, the dtype, and the shape; -1 in `shape` takes any extent. */
ntk_status ntk_check_shape(ntk_context *ctx, const char *name, const ntk_array *a, ntk_dtype dtype, int ndim, const int64_t *shape);
#define NTK_SHAPE(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}

/** The same for an array that will be written: also refuses a stride of 0. */
ntk_status ntk_check_output(ntk_context *ctx, const char *name, const ntk_array *a, ntk_dtype dtype, int ndim, const int64_t *shape);

/** Structure, and a dtype that the numbers of a call may have: f64 or f32. */
ntk_status ntk_check_real(ntk_context *ctx, const char *name, const ntk_array *a);

/** Refuses NaN and infinity in a float array, with the index of the first. */
ntk_status ntk_check_finite(ntk_context *ctx, const char *name, const ntk_array *a);

/**
 * The elements as dense row-major memory: the caller's own where it is, else a copy (*copy, to be freed; else NULL).
 */
ntk_status ntk_borrow(ntk_context *ctx, const ntk_array *a, const void **dense, void **copy);

/** The same of doubles that must be finite; `name` opens the sentence. */
ntk_status ntk_borrow_finite(ntk_context *ctx, const char *name, const ntk_array *a, const double **dense, void **copy);

/** Dense and row-major? */
bool ntk_is_dense(const ntk_array *a);

/** A dense copy, always. */
ntk_status ntk_copy_dense(ntk_context *ctx, const ntk_array *a, void **copy);

/** Writes dense row-major elements of the array's dtype into it. */
void ntk_store(const ntk_array *a, const void *dense);

/** The sub-array of index i along the first axis. */
ntk_array ntk_array_at(const ntk_array *a, int64_t i);

/** Rows [first, first + count) along the first axis. */
ntk_array ntk_array_rows(const ntk_array *a, int64_t first, int64_t count);

/** "[3, 4]" for messages; the buffer is the caller's. */
#define NTK_SHAPE_TEXT 160
const char *ntk_shape_text(char text[NTK_SHAPE_TEXT], int ndim, const int64_t *shape);

/** |values| all finite?  The index of the first that is not, or -1. */
int64_t ntk_find_not_finite(ntk_dtype dtype, const void *values, int64_t count);

/* ---- numbers --------------------------------------------------------------------------------------------------- */

/** The type that a file is compiled for: double, and once more float where it is one of single_sources (real.h). */
#if defined(NTK_SINGLE)
typedef float ntk_real;
#define NTK_REAL NTK_F32
#else
typedef double ntk_real;
#define NTK_REAL NTK_F64
#endif

/** A record and its twin of the other type, by dtype. */
#define NTK_BOTH(record) {[NTK_F64] = &record, [NTK_F32] = &record##_f32}

/* ---- threads --------------------------------------------------------------------------------------------------- */

/** body(user, begin, end, worker) on disjoint ranges that cover [0, count); worker < ntk_parallel_workers(). */
typedef void (*ntk_parallel_body)(void *user, int64_t begin, int64_t end, int worker);
int ntk_parallel_workers(const ntk_context *ctx);
void ntk_parallel(const ntk_context *ctx, int64_t count, int64_t grain, ntk_parallel_body body, void *user);

/* ---- random ---------------------------------------------------------------------------------------------------- */

/** N(0, 1) number `index` of stream `stream` of `seed`: a pure function, the same bits on every machine. */
double ntk_random_normal(uint64_t seed, uint64_t stream, uint64_t index);

#endif
