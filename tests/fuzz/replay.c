/* replay FOLDER: runs every file of the folder through the target. */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>

/* The bytes in a block of just their size, so that the sanitizers see a step beyond. */
static void replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    long size;
    FUZZ_PROMISE(file && fseek(file, 0, SEEK_END) == 0);
    size = ftell(file);
    rewind(file);
    bytes = malloc(size > 0 ? (size_t)size : 1);
    FUZZ_PROMISE(bytes && size >= 0 && fread(bytes, 1, (size_t)size, file) == (size_t)size);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, (size_t)size);
    free(bytes);
}

int main(int argc, char **argv)
{
    char path[4096];
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    int count = 0;
    if (!folder) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        puts(path); /* the last line names the culprit */
        fflush(stdout);
        replay(path);
        ++count;
    }
    closedir(folder);
    return count > 0 ? 0 : 1;
}
