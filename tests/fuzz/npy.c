/* NumPy's files.  An input without their magic gets it, so that the search stays here. */
#include "reader.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *file = malloc(size + 1);
    FUZZ_PROMISE(file);
    if (size) memcpy(file, data, size);
    if (size > 6 && !(data[0] == 0x1f && data[1] == 0x8b)) memcpy(file, "\x93NUMPY", 6);
    fuzz_read(file, size);
    free(file);
    return 0;
}
