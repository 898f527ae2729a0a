/* The integral that defines a Gramian, for a general A, as the oracle. */
#ifndef NTK_TEST_INTEGRAL_H
#define NTK_TEST_INTEGRAL_H

#include "dense.h"

#include <float.h>

/** w [n, n] = int_0^horizon exp(Aᵀt) Q exp(At) dt by Gauss-Legendre quadrature of order 10 on 64 panels. */
static inline void integral(int64_t n, const double *a, const double *q, double horizon, double *w)
{
    enum { PANELS = 64 };
    static const double node[5] = {0.14887433898163122, 0.43339539412924719, 0.67940956829902441, 0.86506336668898451, 0.97390652851717172};
    static const double weight[5] = {0.29552422471475287, 0.26926671930999636, 0.21908636251598204, 0.14945134915058059, 0.066671344308688138};
    double e[DENSE_MAX * DENSE_MAX], et[DENSE_MAX * DENSE_MAX], qe[DENSE_MAX * DENSE_MAX], eqe[DENSE_MAX * DENSE_MAX];
    memset(w, 0, (size_t)(n * n) * sizeof *w);
    for (int panel = 0; panel < PANELS; ++panel)
        for (int i = -5; i < 5; ++i) {
            int k = i < 0 ? -1 - i : i;
            double h = horizon / PANELS;
            dense_exponential(n, a, h * (panel + 0.5 + (i < 0 ? -0.5 : 0.5) * node[k]), e);
            dense_transpose(n, n, e, et);
            dense_multiply(n, n, n, q, e, qe);
            dense_multiply(n, n, n, et, qe, eqe);
            for (int64_t j = 0; j < n * n; ++j) w[j] += h / 2 * weight[k] * eqe[j];
        }
}

/** The same with A := Aᵀ for controllability. */
static inline void integral_of(int64_t n, const double *a, const double *q, ntk_gramian which, double horizon, double *w)
{
    double at[DENSE_MAX * DENSE_MAX];
    dense_transpose(n, n, a, at);
    integral(n, which == NTK_GRAMIAN_OBSERVABILITY ? a : at, q, horizon, w);
}

#endif
