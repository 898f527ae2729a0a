/* Probabilities of classes: a softmax whose temperature makes the left-out outputs of the training samples most likely. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>

/* The predictor's left-out outputs give the temperature, and say how accurate it is. */
static int calibrate(tool *t, const ntk_predictor *predictor, const targets *y, double *temperature)
{
    int64_t n = y->y.view.shape[0], *columns = malloc((size_t)(n + 1) * sizeof *columns);
    array left_out = {0}, p = {0};
    ntk_array labels = ntk_array_dense(columns, NTK_I64, 1, &n);
    double accuracy, nll;
    int failed;
    if (!columns) return tool_fail(EXIT_FAILED, "%s: out of memory", t->arguments.command);
    TRY(array_new(y->y.view.dtype, 2, y->y.view.shape, &left_out));
    TRY(array_new(y->y.view.dtype, 2, y->y.view.shape, &p));
    TRY(tool_check(t, NULL, ntk_classes_decide(t->context, &y->y.view, &labels)));
    TRY(tool_check(t, NULL, ntk_predictor_leave_one_out(t->context, predictor, &y->y.view, &left_out.view, NULL)));
    TRY(tool_check(t, NULL, ntk_classes_temperature(t->context, &left_out.view, &labels, temperature)));
    TRY(tool_check(t, NULL, ntk_classes_probabilities(t->context, &left_out.view, *temperature, &p.view)));
    TRY(tool_check(t, NULL, ntk_classes_score(t->context, &p.view, &labels, &accuracy, &nll)));
    report_number(t, "temperature", *temperature);
    report_number(t, "loo_accuracy", accuracy);
    report_number(t, "loo_nll", nll);
done:
    array_free(&p);
    array_free(&left_out);
    free(columns);
    return failed;
}

/* The negative log-likelihood of --y-test, if it was given; a class that training had not makes it infinite. */
static int score(tool *t, const targets *y, const array *p)
{
    int64_t m = p->view.shape[0], *columns = malloc((size_t)(m + 1) * sizeof *columns);
    ntk_array labels = ntk_array_dense(columns, NTK_I64, 1, &m);
    double nll;
    bool known = false;
    int failed;
    if (!columns) return tool_fail(EXIT_FAILED, "%s: out of memory", t->arguments.command);
    TRY(targets_columns(t, "y-test", y, m, columns, &known));
    if (!known) goto done;
    TRY(tool_check(t, NULL, ntk_classes_score(t->context, &p->view, &labels, NULL, &nll)));
    report_number(t, "nll", nll);
done:
    free(columns);
    return failed;
}

int classes_probabilities(tool *t, const ntk_predictor *predictor, const targets *y, const array *mean, array *p)
{
    double temperature;
    int failed;
    if (!arguments_has(&t->arguments, "out-probabilities")) return 0;
    if (!y->classes) return tool_fail(EXIT_INPUT, "%s: --out-probabilities needs classes in --y, whole numbers [n]", t->arguments.command);
    if (y->y.view.shape[1] < 2) return tool_fail(EXIT_INPUT, "%s: --out-probabilities: --y holds one class only", t->arguments.command);
    tool_start_clock(t);
    TRY(calibrate(t, predictor, y, &temperature));
    TRY(array_new(mean->view.dtype, 2, mean->view.shape, p));
    TRY(tool_check(t, NULL, ntk_classes_probabilities(t->context, &mean->view, temperature, &p->view)));
    tool_stop_clock(t, "seconds_calibrate");
    TRY(score(t, y, p));
    TRY(tool_save(t, "out-probabilities", p));
done:
    return failed;
}
