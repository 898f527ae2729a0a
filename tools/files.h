/*
 * Files of numbers.  Everything read here is hostile until checked: sizes are multiplied with overflow checks and
 * compared with the file before anything is allocated.  All functions return 0 or, after one sentence on stderr that
 * names the file, an exit code.
 */
#ifndef NTK_TOOLS_FILES_H
#define NTK_TOOLS_FILES_H

#include <limits.h>
#include <ntk.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

/* ---- source.c: bytes of a file or a pipe, decompressed if gzip ---- */

#define SOURCE_HEAD 8

typedef struct source {
    const char *path;
    gzFile file;
    uint64_t most;                   /* bytes it can hold at most, judged by its size on disk */
    unsigned char head[SOURCE_HEAD]; /* its first bytes, read ahead to tell the format */
    size_t head_size, head_used;
} source;

int source_open(source *s, const char *path);
void source_close(source *s);

/* Exactly `size` bytes, or the sentence that the file ends too early. */
int source_read(source *s, void *out, size_t size);

/* Refuses if anything follows. */
int source_end(source *s);

/* All that is left, with a zero behind it; *text to be freed.  Refuses bytes of value 0. */
int source_text(source *s, char **text);
int read_text_file(const char *path, char **text);

/* ---- npy.c, idx.c, csv.c: numbers as they stand in the file ---- */

/* How one number is stored, little-endian. */
typedef struct element {
    const char *code; /* npy's, without the byte order: "f8" */
    size_t size;
    bool integer;
    double (*get)(const unsigned char *at);
} element;

/* NULL for a code that is not read. */
const element *element_find(const char *code, size_t length);

typedef struct raw {
    const element *element;
    int ndim;
    int64_t shape[NTK_MAX_NDIM];
    bool fortran;
    bool integer;           /* spelled as whole numbers: class labels, if a vector */
    unsigned char *block;   /* to be freed */
} raw;

int npy_read(source *s, raw *r);
int idx_read(source *s, raw *r);
int csv_read(source *s, raw *r);

/* Allocates r->block for its shape after comparing with s->most. */
int raw_allocate(const source *s, raw *r, uint64_t *bytes);

/* A file written under a temporary name beside its own, which it gets when all that belongs together is written. */
typedef struct npy_file {
    char target[PATH_MAX], temporary[PATH_MAX + 8];
} npy_file;

/* Opens a new file under the temporary name for writing; then one of npy_publish and npy_drop, which also want *descriptor closed. */
int npy_create(const char *path, npy_file *file, int *descriptor);

/* Writes f64 or f32 (dense) so. */
int npy_write(const char *path, const ntk_array *a, npy_file *file);
int npy_publish(npy_file *file);
void npy_drop(npy_file *file);

/* Whether npy_write could succeed: a new name or a regular file in a writable directory. */
int npy_writable(const char *path);

/* ---- read.c: dense arrays of the wanted type ---- */

typedef struct array {
    ntk_array view;   /* dense, row-major */
    void *block;      /* to be freed */
    const char *path; /* where it came from; NULL: made here */
    bool integer;     /* the file spelled whole numbers */
} array;

typedef enum finiteness { FINITE_ONLY, INFINITY_TOO } finiteness;

/* Reads npy, IDX or csv, told apart by their first bytes.  NaN is always refused. */
int array_read(const char *path, ntk_dtype dtype, finiteness allowed, array *a);

/* New zeros. */
int array_new(ntk_dtype dtype, int ndim, const int64_t *shape, array *a);
void array_free(array *a);

/** Number i, in the order of memory, of a dense array of floats. */
double array_get(const ntk_array *a, int64_t i);
void array_set(const ntk_array *a, int64_t i, double value);

/* "[3, 4]" */
typedef struct shape_text {
    char text[200];
} shape_text;
shape_text shape_string(int ndim, const int64_t *shape);

/* Product of the extents; false if it exceeds 2^62. */
bool shape_product(int ndim, const int64_t *shape, int64_t *product);

#endif
