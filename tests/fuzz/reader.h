/* Bytes as a file of the readers in tools/. */
#ifndef NTK_TEST_FUZZ_READER_H
#define NTK_TEST_FUZZ_READER_H

#include "fuzz.h"

/** Reads the bytes as a file in both precisions, and compressed: the same numbers, or refused, each time. */
void fuzz_read(const uint8_t *data, size_t size);

#endif
