/*
 * NumPy's .npy, versions 1 to 3: a magic, the length of the header, the header as a Python dictionary
 *     {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
 * and the numbers.  Little-endian only.  Specification: numpy.lib.format.
 */
#include "files.h"
#include "tool.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the readers take numbers as they lie in little-endian files"
#endif

#define HEADER_MOST (1u << 20) /* a header of six extents needs 200 bytes */

/* ---- reading ---- */

#define GETTER(name, type)                             \
    static double get_##name(const unsigned char *at)  \
    {                                                  \
        type value;                                    \
        memcpy(&value, at, sizeof value);              \
        return (double)value;                          \
    }
GETTER(f8, double)
GETTER(f4, float)
GETTER(i8, int64_t)
GETTER(i4, int32_t)
GETTER(u1, uint8_t)

static double get_b1(const unsigned char *at)
{
    return *at != 0;
}

static const element elements[] = {
    {"f8", 8, false, get_f8}, {"f4", 4, false, get_f4}, {"i8", 8, true, get_i8},
    {"i4", 4, true, get_i4},  {"u1", 1, true, get_u1},  {"b1", 1, true, get_b1},
};

const element *element_find(const char *code, size_t length)
{
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; ++i)
        if (length == 2 && strncmp(elements[i].code, code, 2) == 0) return &elements[i];
    return NULL;
}

/* The text behind 'key': in the header, or NULL. */
static const char *value_of(const char *header, const char *key)
{
    char quoted[32];
    const char *at;
    snprintf(quoted, sizeof quoted, "'%s'", key);
    at = strstr(header, quoted);
    if (!at) return NULL;
    at += strlen(quoted);
    at += strspn(at, " ");
    return *at == ':' ? at + 1 + strspn(at + 1, " ") : NULL;
}

static int parse_type(const source *s, const char *header, raw *r)
{
    const char *at = value_of(header, "descr");
    size_t length = at && *at == '\'' ? strcspn(at + 1, "'") : 0;
    if (length == 0 || length > 16) return tool_fail(EXIT_INPUT, "%s: the npy header names no plain 'descr'", s->path);
    if (at[1] == '>') return tool_fail(EXIT_INPUT, "%s: is big-endian (%.*s); only little-endian is read", s->path, (int)length, at + 1);
    r->element = strchr("<|=", at[1]) ? element_find(at + 2, length - 1) : NULL;
    if (r->element) return 0;
    return tool_fail(EXIT_INPUT, "%s: holds elements '%.*s'; f4, f8, bool, u1, i4 and i8 are read", s->path, (int)length, at + 1);
}

static int parse_order(const source *s, const char *header, raw *r)
{
    const char *at = value_of(header, "fortran_order");
    r->fortran = at && strncmp(at, "True", 4) == 0;
    if (r->fortran || (at && strncmp(at, "False", 5) == 0)) return 0;
    return tool_fail(EXIT_INPUT, "%s: the npy header says no 'fortran_order'", s->path);
}

/* One extent and the comma behind it. */
static bool parse_extent(const char **at, int64_t *extent)
{
    char *end;
    if (strspn(*at, "0123456789") == 0) return false;
    errno = 0;
    *extent = strtoll(*at, &end, 10);
    end += strspn(end, " ");
    *at = end + (*end == ',');
    *at += strspn(*at, " ");
    return errno == 0 && (*end == ',' || *end == ')');
}

static int parse_shape(const source *s, const char *header, raw *r)
{
    const char *at = value_of(header, "shape");
    bool good = at && *at == '(';
    if (good) at += 1 + strspn(at + 1, " ");
    for (r->ndim = 0; good && *at != ')'; ++r->ndim) {
        if (r->ndim == NTK_MAX_NDIM) return tool_fail(EXIT_INPUT, "%s: has more than %d axes", s->path, NTK_MAX_NDIM);
        good = parse_extent(&at, &r->shape[r->ndim]);
    }
    return good ? 0 : tool_fail(EXIT_INPUT, "%s: the npy header holds no proper 'shape'", s->path);
}

static int read_header(source *s, char **header)
{
    unsigned char start[8], size[4] = {0};
    size_t length;
    int failed;
    TRY(source_read(s, start, sizeof start));
    if (start[6] < 1 || start[6] > 3)
        return tool_fail(EXIT_INPUT, "%s: is npy version %d.%d; 1 to 3 are read", s->path, start[6], start[7]);
    TRY(source_read(s, size, start[6] == 1 ? 2 : 4));
    length = size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
    if (length > HEADER_MOST || length > s->most)
        return tool_fail(EXIT_INPUT, "%s: claims an npy header of %zu bytes", s->path, length);
    *header = calloc(length + 1, 1);
    if (!*header) return tool_fail(EXIT_FAILED, "%s: out of memory", s->path);
    TRY(source_read(s, *header, length));
done:
    return failed;
}

int npy_read(source *s, raw *r)
{
    char *header = NULL;
    uint64_t bytes;
    int failed;
    TRY(read_header(s, &header));
    TRY(parse_type(s, header, r));
    TRY(parse_order(s, header, r));
    TRY(parse_shape(s, header, r));
    TRY(raw_allocate(s, r, &bytes));
    TRY(source_read(s, r->block, bytes));
    TRY(source_end(s));
    r->integer = r->element->integer;
done:
    free(header);
    return failed;
}

/* ---- writing ---- */

/* A new name in the folder behind links, so that two spellings of one file are told to be one. */
static int new_target(const char *path, char target[PATH_MAX])
{
    char folder[PATH_MAX], name[PATH_MAX];
    size_t used;
    if (strlen(path) >= PATH_MAX) return tool_fail(EXIT_FAILED, "%s: %s", path, strerror(ENAMETOOLONG));
    strcpy(folder, path);
    strcpy(name, path);
    if (!realpath(dirname(folder), target)) return tool_fail(EXIT_FAILED, "%s: %s", path, strerror(errno));
    used = strlen(target);
    if (snprintf(target + used, PATH_MAX - used, "/%s", basename(name)) >= (int)(PATH_MAX - used))
        return tool_fail(EXIT_FAILED, "%s: %s", path, strerror(ENAMETOOLONG));
    return 0;
}

/* The file behind links, or the name itself if there is none yet. */
static int real_target(const char *path, char target[PATH_MAX])
{
    struct stat info;
    if (!realpath(path, target))
        return errno == ENOENT ? new_target(path, target) : tool_fail(EXIT_FAILED, "%s: %s", path, strerror(errno));
    if (stat(target, &info) != 0) return tool_fail(EXIT_FAILED, "%s: %s", path, strerror(errno));
    return S_ISREG(info.st_mode) ? 0 : tool_fail(EXIT_FAILED, "%s: cannot be written: it exists and is not a regular file", path);
}

int npy_writable(const char *path)
{
    char target[PATH_MAX], copy[PATH_MAX];
    int failed = real_target(path, target);
    if (failed) return failed;
    strcpy(copy, target);
    if (path[strlen(path) - 1] == '/') return tool_fail(EXIT_FAILED, "%s: names a directory", path);
    if (access(dirname(copy), W_OK | X_OK) != 0) return tool_fail(EXIT_FAILED, "%s: cannot be written: %s", path, strerror(errno));
    return 0;
}

/* As open(2) with 0666 would have made it, or as the file that is replaced. */
static void set_mode(int descriptor, const char *target)
{
    struct stat info;
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(descriptor, stat(target, &info) == 0 ? info.st_mode & 0777 : 0666 & ~mask) != 0) return; /* then 0600 it is */
}

static int header_text(const ntk_array *a, char *text, size_t size)
{
    int used = snprintf(text, size, "{'descr': '%s', 'fortran_order': False, 'shape': (", a->dtype == NTK_F64 ? "<f8" : "<f4");
    for (int i = 0; i < a->ndim; ++i)
        used += snprintf(text + used, size - (size_t)used, "%lld,%s", (long long)a->shape[i], i + 1 < a->ndim ? " " : "");
    return used + snprintf(text + used, size - (size_t)used, "), }");
}

/* Magic, version 1, length; the whole header is padded with blanks to a multiple of 64 and ends with a newline. */
static bool write_all(FILE *file, const ntk_array *a)
{
    char text[512] = "\x93NUMPY\x01";
    int64_t count = 1;
    size_t used = (size_t)header_text(a, text + 10, sizeof text - 74) + 10, total = (used + 64) / 64 * 64;
    memset(text + used, ' ', total - used);
    text[total - 1] = '\n';
    text[8] = (char)((total - 10) & 255);
    text[9] = (char)((total - 10) >> 8);
    for (int i = 0; i < a->ndim; ++i) count *= a->shape[i];
    if (fwrite(text, 1, total, file) != total) return false;
    return fwrite(a->data, ntk_dtype_size(a->dtype), (size_t)count, file) == (size_t)count;
}

static bool write_temporary(int descriptor, const ntk_array *a)
{
    FILE *file = fdopen(descriptor, "wb");
    bool good = file && write_all(file, a) && fflush(file) == 0;
    int reason = errno;
    if (file ? fclose(file) != 0 : close(descriptor) != 0) return false;
    if (!good) errno = reason;
    return good;
}

int npy_create(const char *path, npy_file *file, int *descriptor)
{
    int failed = real_target(path, file->target);
    if (failed) return failed;
    snprintf(file->temporary, sizeof file->temporary, "%s.XXXXXX", file->target);
    *descriptor = mkstemp(file->temporary);
    if (*descriptor < 0) return tool_fail(EXIT_FAILED, "%s: cannot be written: %s", path, strerror(errno));
    set_mode(*descriptor, file->target);
    return 0;
}

int npy_write(const char *path, const ntk_array *a, npy_file *file)
{
    int descriptor, reason, failed = npy_create(path, file, &descriptor);
    if (failed) return failed;
    if (write_temporary(descriptor, a)) return 0;
    reason = errno;
    npy_drop(file);
    return tool_fail(EXIT_FAILED, "%s: cannot be written: %s", path, strerror(reason));
}

int npy_publish(npy_file *file)
{
    int reason;
    if (rename(file->temporary, file->target) == 0) return 0;
    reason = errno;
    npy_drop(file);
    return tool_fail(EXIT_FAILED, "%s: cannot be written: %s", file->target, strerror(reason));
}

void npy_drop(npy_file *file)
{
    unlink(file->temporary);
}
