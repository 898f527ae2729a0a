/* Derivatives of the moments of every activation against central differences, over pairs near, far, opposite and of unlike lengths. */
#include "kit.h"

#include "tune.h"

#include <math.h>

static const struct {
    const char *name;
    double p[5];
} activations[] = {{"relu", {0}},           {"leaky_relu", {0.3}},   {"abrelu", {-0.4, 1.2}}, {"abs", {0}},          {"erf", {1.3, 0.8, 0.2}}, {"sigmoid_like", {0}},
                   {"sin", {1.2, 0.9, 0.3}}, {"cos", {0.7, 1.1, 0.4}}, {"rbf", {0.6}},         {"exp", {0.8, 0.5}}, {"gelu", {0}},
                   {"gaussian", {0.9, -0.6}}, {"hermite", {4}},         {"exp_normalized", {0.7, -1}}, {"monomial", {3}}, {"polynomial", {4, 0.3, -0.5, 0.2, 0.1}}};

static const ntk_activation *find(const char *name)
{
    for (int i = 0; ntk_activations[i]; ++i) {
        const char *other = ntk_activations[i]->name;
        int k = 0;
        while (name[k] && name[k] == other[k]) ++k;
        if (!name[k] && !other[k]) return ntk_activations[i];
    }
    fail_msg("no activation %s", name);
    return NULL;
}

/* The six derivatives, each from two neighbours: (h² third derivative, eps/h) about 1e-8 of the scale at h = 1e-5 of the variable. */
static void check(const char *name, ntk_moments_fn f, const double *p, double q1, double q2, double delta)
{
    double variable[3] = {q1, q2, delta}, q1_of[3], delta_of[3], dot_of[3];
    ntk_moments m;
    f(p, q1, q2, delta, &m);
    for (int i = 0; i < 3; ++i) {
        double h = 1e-5 * fmin(variable[i], delta), up[3] = {q1, q2, delta}, down[3] = {q1, q2, delta};
        ntk_moments a, b;
        up[i] += h;
        down[i] -= h;
        f(p, up[0], up[1], up[2], &a);
        f(p, down[0], down[1], down[2], &b);
        q1_of[i] = (a.q1 - b.q1) / (2 * h);
        delta_of[i] = (a.delta - b.delta) / (2 * h);
        dot_of[i] = (a.dot - b.dot) / (2 * h);
    }
    {
        double got[] = {m.q1_slope, m.delta_q1, m.delta_q2, m.dot, m.dot_q1, m.dot_q2, m.dot_delta};
        double want[] = {q1_of[0], delta_of[0], delta_of[1], delta_of[2], dot_of[0], dot_of[1], dot_of[2]};
        for (int i = 0; i < 7; ++i) {
            double scale = fmax(1, fabs(want[i])), slack = 3e-7 * scale + 1e-10 / delta; /* eps/h = 1e-11/delta */
            if (!(fabs(got[i] - want[i]) <= slack)) fail_msg("%s at %g %g %g: derivative %d is %.10g, differences say %.10g", name, q1, q2, delta, i, got[i], want[i]);
        }
    }
}

static void derivatives_are_differences(void **state)
{
    (void)state;
    for (size_t a = 0; a < sizeof activations / sizeof activations[0]; ++a) {
        ntk_moments_fn f = ntk_moments_of(find(activations[a].name));
        assert_non_null(f);
        check(activations[a].name, f, activations[a].p, 1.3, 0.8, 0.9);
        check(activations[a].name, f, activations[a].p, 1.3, 1.3001, 0.01); /* near */
        check(activations[a].name, f, activations[a].p, 0.4, 1.9, 3.9);     /* beyond a right angle */
        check(activations[a].name, f, activations[a].p, 0.7, 0.7, 2.7);     /* nearly opposite */
    }
}

/* Equal samples stay equal, whatever is asked of them; nothing is a NaN. */
static void equal_samples(void **state)
{
    (void)state;
    for (size_t a = 0; a < sizeof activations / sizeof activations[0]; ++a) {
        ntk_moments m;
        ntk_moments_of(find(activations[a].name))(activations[a].p, 0.9, 0.9, 0, &m);
        kit_near(m.delta, 0, 0);
        kit_near(m.delta_q1, 0, 0);
        kit_near(m.q1, m.q2, 0);
        assert_true(isfinite(m.dot) && isfinite(m.dot_q1) && isfinite(m.dot_delta) && m.dot >= 0);
        ntk_moments_of(find(activations[a].name))(activations[a].p, 0, 0.9, 0.9, &m); /* a sample of zeros */
        assert_true(isfinite(m.delta) && isfinite(m.dot) && isfinite(m.dot_q1) && isfinite(m.dot_delta) && isfinite(m.delta_q1));
    }
    assert_null(ntk_moments_of(find("tanh")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(derivatives_are_differences), kit_test(equal_samples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
