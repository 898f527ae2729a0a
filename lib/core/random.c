/*
 * Counter-based normal random numbers, the same bits on every machine and for any number of threads.
 *
 * bits     Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011), from the Random123 library; key = seed, counter = (index, stream)
 * uniform  u = (k + 1/2) 2^-53, k the upper 53 bits: never 0 or 1
 * normal   the inverse of the normal distribution function by the rational approximations of Wichura (1988, AS 241,
 *          PPND16, relative error about 1e-16).  Only + - * / and sqrt are used, which IEEE 754 fixes to the bit; so the
 *          logarithm is written out here too: the C library's differs between processors in the last place.
 *          (This file is compiled with -ffp-contract=off.)
 */
#include "core.h"

#include <Random123/philox.h>
#include <math.h>
#include <string.h>

/* log x for normal x: x = m 2^e, sqrt(1/2) <= m < sqrt 2, log m = 2 artanh((m-1)/(m+1)) by its series (|z| < 0.1716). */
static double portable_log(double x)
{
    uint64_t bits;
    double m, z, zz, sum = 0;
    int e;
    memcpy(&bits, &x, sizeof bits);
    e = (int)(bits >> 52) - 1023;
    bits = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        ++e;
    }
    z = (m - 1) / (m + 1);
    zz = z * z;
    for (int k = 23; k >= 1; k -= 2) sum = sum * zz + 1.0 / k;
    return e * 0.6931471805599453 + 2 * z * sum;
}

static double ratio(const double a[8], const double b[8], double r)
{
    double p = a[7], q = b[7];
    for (int i = 6; i >= 0; --i) {
        p = p * r + a[i];
        q = q * r + b[i];
    }
    return p / q;
}

/* AS 241: central region |u - 1/2| <= 0.425, and two tails in r = sqrt(-log min(u, 1-u)). */
static const double central[2][8] = {
    {3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3, 1.3731693765509461125e+4,
     4.5921953931549871457e+4, 6.7265770927008700853e+4, 3.3430575583588128105e+4, 2.5090809287301226727e+3},
    {1.0, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3, 2.1213794301586595867e+4,
     3.9307895800092710610e+4, 2.8729085735721942674e+4, 5.2264952788528545610e+3}};
static const double near_tail[2][8] = {
    {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4},
    {1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
     1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9}};
static const double far_tail[2][8] = {
    {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7},
    {1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2, 7.86869131145613259100e-4,
     1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15}};

static double inverse_normal(double u)
{
    double q = u - 0.5, r, x;
    if (fabs(q) <= 0.425) return q * ratio(central[0], central[1], 0.180625 - q * q);
    r = sqrt(-portable_log(q < 0 ? u : 1 - u));
    x = r <= 5 ? ratio(near_tail[0], near_tail[1], r - 1.6) : ratio(far_tail[0], far_tail[1], r - 5);
    return q < 0 ? -x : x;
}

double ntk_random_normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint64_t block = index / 2, bits;
    philox4x32_ctr_t counter = {{(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)}};
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    philox4x32_ctr_t r = philox4x32(counter, key);
    bits = index % 2 ? (uint64_t)r.v[3] << 32 | r.v[2] : (uint64_t)r.v[1] << 32 | r.v[0];
    return inverse_normal(((double)(bits >> 11) + 0.5) * 0x1p-53);
}
