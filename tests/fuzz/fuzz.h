/*
 * The fuzzers: a target per input from outside.  Each is one function of bytes, which stops the program where a promise is
 * broken.  libFuzzer calls it (scripts/fuzz), or replay.c does with the files of tests/fuzz/corpus, as a test.
 */
#ifndef NTK_TEST_FUZZ_H
#define NTK_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** A promise; also without assertions. */
#define FUZZ_PROMISE(holds)                                                                \
    do {                                                                                   \
        if (!(holds)) {                                                                    \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #holds);     \
            abort();                                                                       \
        }                                                                                  \
    } while (0)

#endif
