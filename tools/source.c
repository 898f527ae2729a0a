/* Bytes of a file or a pipe.  zlib passes plain files through unchanged and decompresses gzip. */
#include "files.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Deflate stores at most 258 bytes in two bits: 1032 to 1. */
#define DEFLATE_MOST 1032u

static uint64_t most_bytes(int descriptor, gzFile file)
{
    struct stat info;
    if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) return INT64_MAX;
    return gzdirect(file) ? (uint64_t)info.st_size : (uint64_t)info.st_size * DEFLATE_MOST;
}

/* Up to `size` bytes; fewer only at the end. */
static int read_some(source *s, unsigned char *out, size_t size, size_t *got)
{
    *got = 0;
    while (*got < size) {
        size_t want = size - *got < (1u << 30) ? size - *got : 1u << 30;
        int n = gzread(s->file, out + *got, (unsigned)want), code;
        const char *why = n > 0 ? NULL : gzerror(s->file, &code);
        if (n > 0) *got += (size_t)n;
        else if (n == 0 && code == Z_OK) return 0;
        else return tool_fail(EXIT_INPUT, "%s: %s", s->path, code == Z_ERRNO ? strerror(errno) : why);
    }
    return 0;
}

int source_open(source *s, const char *path)
{
    struct stat info;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC), failed;
    *s = (source){.path = path};
    if (descriptor < 0) return tool_fail(EXIT_INPUT, "%s: %s", path, strerror(errno));
    if (fstat(descriptor, &info) == 0 && S_ISDIR(info.st_mode)) {
        close(descriptor);
        return tool_fail(EXIT_INPUT, "%s: is a directory", path);
    }
    s->file = gzdopen(descriptor, "rb");
    if (!s->file) {
        close(descriptor);
        return tool_fail(EXIT_FAILED, "%s: out of memory", path);
    }
    gzbuffer(s->file, 1u << 17);
    failed = read_some(s, s->head, SOURCE_HEAD, &s->head_size);
    s->most = most_bytes(descriptor, s->file);
    if (!failed && s->head_size == 0) failed = tool_fail(EXIT_INPUT, "%s: is empty", path);
    if (failed) source_close(s);
    return failed;
}

void source_close(source *s)
{
    if (s->file) gzclose(s->file);
    s->file = NULL;
}

static size_t take_head(source *s, unsigned char *out, size_t size)
{
    size_t left = s->head_size - s->head_used, n = size < left ? size : left;
    if (n) memcpy(out, s->head + s->head_used, n);
    s->head_used += n;
    return n;
}

int source_read(source *s, void *out, size_t size)
{
    size_t first = take_head(s, out, size), got = 0;
    int failed = size > first ? read_some(s, (unsigned char *)out + first, size - first, &got) : 0;
    if (failed || first + got == size) return failed;
    return tool_fail(EXIT_INPUT, "%s: ends after %zu of the %zu bytes that were to follow", s->path, first + got, size);
}

int source_end(source *s)
{
    unsigned char byte;
    size_t got = take_head(s, &byte, 1);
    int failed = got ? 0 : read_some(s, &byte, 1, &got);
    if (failed || got == 0) return failed;
    return tool_fail(EXIT_INPUT, "%s: holds more bytes than its header says", s->path);
}

static int grow(const source *s, char **text, size_t *capacity)
{
    size_t more = *capacity ? 2 * *capacity : 1u << 16;
    char *block = more > *capacity ? realloc(*text, more) : NULL;
    if (!block) return tool_fail(EXIT_FAILED, "%s: out of memory after %zu bytes", s->path, *capacity);
    *text = block;
    *capacity = more;
    return 0;
}

int source_text(source *s, char **text)
{
    size_t capacity = 0, size = 0, got;
    int failed;
    *text = NULL;
    TRY(grow(s, text, &capacity));
    size = take_head(s, (unsigned char *)*text, capacity);
    for (;;) {
        TRY(read_some(s, (unsigned char *)*text + size, capacity - size - 1, &got));
        size += got;
        if (size + 1 < capacity) break;
        TRY(grow(s, text, &capacity));
    }
    (*text)[size] = '\0';
    if (strlen(*text) != size) failed = tool_fail(EXIT_INPUT, "%s: is not text (a zero byte at %zu)", s->path, strlen(*text));
done:
    if (failed) {
        free(*text);
        *text = NULL;
    }
    return failed;
}

int read_text_file(const char *path, char **text)
{
    source s;
    int failed = source_open(&s, path);
    *text = NULL;
    if (failed) return failed;
    failed = source_text(&s, text);
    source_close(&s);
    return failed;
}
