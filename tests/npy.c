#include "npy.h"
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuse(const char *path, const char *why)
{
    fail_msg("%s: %s (NTK_GOLDEN is %s)", path, why, getenv("NTK_GOLDEN") ? getenv("NTK_GOLDEN") : "not set");
}

/* The whole file with a zero behind it. */
static char *read_file(const char *path, size_t *size)
{
    const char *folder = getenv("NTK_GOLDEN");
    char name[4096], *text;
    long length;
    FILE *file;
    snprintf(name, sizeof name, "%s/%s", folder ? folder : ".", path);
    file = fopen(name, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0 || (length = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0) {
        refuse(path, "cannot be read");
        return NULL;
    }
    text = calloc((size_t)length + 1, 1);
    if (!text || fread(text, 1, (size_t)length, file) != (size_t)length) refuse(path, "cannot be read");
    fclose(file);
    *size = (size_t)length;
    return text;
}

char *kit_text(const char *path)
{
    size_t size;
    return read_file(path, &size);
}

/* "(4, 3)" after 'shape': in the header. */
static int64_t read_shape(const char *path, const char *header, int *ndim, int64_t shape[6])
{
    const char *at = strstr(header, "'shape': (");
    int64_t count = 1;
    if (!at) refuse(path, "has no shape");
    at += strlen("'shape': (");
    for (*ndim = 0; *at != ')'; ++*ndim) {
        char *end;
        if (*ndim == 6) refuse(path, "has more than six axes");
        shape[*ndim] = strtoll(at, &end, 10);
        if (end == at || shape[*ndim] < 0) refuse(path, "has a shape that is not understood");
        count *= shape[*ndim];
        at = end + strspn(end, ", ");
    }
    return count;
}

double *kit_npy(const char *path, int *ndim, int64_t shape[6])
{
    size_t size, start;
    int64_t count;
    double *values;
    char *file = read_file(path, &size), *header;
    if (size < 10 || memcmp(file, "\x93NUMPY\x01\x00", 8) != 0) refuse(path, "is not .npy of version 1");
    start = 10 + ((size_t)(unsigned char)file[8] | (size_t)(unsigned char)file[9] << 8);
    if (start > size) refuse(path, "is cut off");
    header = calloc(start, 1);
    assert_non_null(header);
    memcpy(header, file + 10, start - 10);
    if (!strstr(header, "'<f8'") || !strstr(header, "'fortran_order': False")) refuse(path, "is not float64 in C order");
    count = read_shape(path, header, ndim, shape);
    if (size - start != (size_t)count * sizeof *values) refuse(path, "has another length than its shape says");
    values = malloc((size_t)count * sizeof *values + 1);
    assert_non_null(values);
    memcpy(values, file + start, (size_t)count * sizeof *values);
    free(header);
    free(file);
    return values;
}
