/* |v|² of numbers of either type, summed in f64: of f32 a square is exact there. */
#include "linalg.h"
#include "real.h"

double ntk_square_sum(int64_t count, const real *v)
{
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += (double)v[i] * (double)v[i];
    return sum;
}

#if !defined(NTK_SINGLE)

double ntk_dot(int64_t count, const double *a, const double *b)
{
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
    return sum;
}

#endif
