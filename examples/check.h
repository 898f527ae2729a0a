/*
 * What the examples share: stop at the first error with the library's own sentence, hand C memory to the library, and
 * print theory beside computation.
 */
#ifndef EXAMPLES_CHECK_H
#define EXAMPLES_CHECK_H

#include <float.h>
#include <math.h>
#include <ntk.h>
#include <stdio.h>
#include <stdlib.h>

/** Runs a call that takes the context `ctx`; if it fails, prints the sentence the context keeps and ends the program. */
#define TRY(call)                                                                                              \
    do {                                                                                                       \
        if ((call) != NTK_OK) {                                                                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, ntk_context_error_message(ctx));                \
            exit(2);                                                                                           \
        }                                                                                                      \
    } while (0)

/** The address of an array over the caller's doubles, good until the end of the enclosing block. */
#define VECTOR(data, n) ((ntk_array[]){ntk_vector_f64((data), (n))})
#define MATRIX(data, rows, columns) ((ntk_array[]){ntk_matrix_f64((data), (rows), (columns))})

/** The unit roundoff: one operation in double is right to this relative error. */
#define EPS (DBL_EPSILON / 2)

/** Euclidean length of a - b; b NULL: of a. */
static inline double distance(int n, const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += (b ? a[i] - b[i] : a[i]) * (b ? a[i] - b[i] : a[i]);
    return sqrt(sum);
}

/** The sum of n numbers. */
static inline double sum_of(int n, const double *a)
{
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += a[i];
    return sum;
}

/** Prints the entry in which theory and computation differ most.  Returns 1, a failure, unless that is within the bound. */
static inline int differs(const char *what, int n, const double *theory, const double *computed, double bound)
{
    int worst = 0, failed;
    for (int i = 1; i < n; ++i)
        if (!(fabs(theory[i] - computed[i]) <= fabs(theory[worst] - computed[worst]))) worst = i;
    failed = !(fabs(theory[worst] - computed[worst]) <= bound);
    printf("  %-34s theory %12.9f  computed %12.9f  difference %.1e (bound %.1e)%s\n", what, theory[worst], computed[worst],
        fabs(theory[worst] - computed[worst]), bound, failed ? "  FAILED" : "");
    return failed;
}

/** The last line and the exit status of an example. */
static inline int verdict(int failed)
{
    puts(failed ? "Theory and computation DISAGREE." : "Theory and computation agree.");
    return failed ? 1 : 0;
}

#endif
