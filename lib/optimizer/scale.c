/* D on the columns of J:  J <- J D^-power, in place. */
#include "optimizer.h"
#include "real.h"

#include <math.h>

/* Columns per strip: the powers of a strip are computed once and stay in the first-level cache for all rows. */
#define STRIP 256

static void power_of_d(const ntk_optimizer *optimizer, int64_t begin, int64_t count, double power, real *out)
{
    for (int64_t j = 0; j < count; ++j) {
        double d = optimizer->d[begin + j];
        out[j] = (real)(power == 1 ? d : power == 0.5 ? sqrt(d) : pow(d, power));
    }
}

void ntk_optimizer_scale_columns(const ntk_optimizer *optimizer, int64_t rows, int64_t first, int64_t count, real *j, double power)
{
    real divisor[STRIP];
    if (!optimizer || !optimizer->d) return;
    for (int64_t begin = 0; begin < count; begin += STRIP) {
        int64_t width = NTK_MIN(STRIP, count - begin);
        power_of_d(optimizer, first + begin, width, power, divisor);
        for (int64_t i = 0; i < rows; ++i)
            for (int64_t k = 0; k < width; ++k) j[i * count + begin + k] /= divisor[k];
    }
}

void ntk_optimizer_scale(const ntk_optimizer *optimizer, int64_t rows, int64_t p, real *j, double power)
{
    ntk_optimizer_scale_columns(optimizer, rows, 0, p, j, power);
}
