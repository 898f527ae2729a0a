/* IDX files, plain and gzip.  Others get the zeros that IDX opens with, so that the search stays here. */
#include "reader.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *file = malloc(size + 1);
    FUZZ_PROMISE(file);
    if (size) memcpy(file, data, size);
    if (size > 4 && !(data[0] == 0x1f && data[1] == 0x8b)) memset(file, 0, 2);
    fuzz_read(file, size);
    free(file);
    return 0;
}
