/* ntk gramian: what both Gramians say together, Hankel values and a reduced system; and the picture. */
#include "gramian.h"

int gramian_save_hankel(tool *t, gramian_job *j)
{
    int failed;
    if (!arguments_has(&t->arguments, "hankel")) return 0;
    TRY(array_new(NTK_F64, 1, (int64_t[]){ntk_system_size(j->system)}, &j->hankel));
    TRY(tool_check(t, NULL, ntk_system_hankel(t->context, j->system, &j->hankel.view)));
    TRY(tool_save(t, "hankel", &j->hankel));
done:
    return failed;
}

static int save_matrices(tool *t, const ntk_system *s)
{
    int64_t k = ntk_system_size(s);
    array a = {0}, b = {0}, c = {0};
    int failed;
    TRY(array_new(NTK_F64, 2, (int64_t[]){k, k}, &a));
    TRY(array_new(NTK_F64, 2, (int64_t[]){k, ntk_system_inputs(s)}, &b));
    TRY(array_new(NTK_F64, 2, (int64_t[]){ntk_system_outputs(s), k}, &c));
    TRY(tool_check(t, NULL, ntk_system_get_matrices(t->context, s, &a.view, &b.view, &c.view)));
    if (arguments_has(&t->arguments, "out-a")) TRY(tool_save(t, "out-a", &a));
    if (arguments_has(&t->arguments, "out-b")) TRY(tool_save(t, "out-b", &b));
    if (arguments_has(&t->arguments, "out-c")) TRY(tool_save(t, "out-c", &c));
done:
    array_free(&c);
    array_free(&b);
    array_free(&a);
    return failed;
}

int gramian_save_reduced(tool *t, const gramian_job *j)
{
    ntk_system *reduced = NULL;
    double bound;
    int failed;
    if (!arguments_has(&t->arguments, "reduce")) return 0;
    TRY(tool_check(t, NULL, ntk_system_reduce(t->context, j->system, (int64_t)arguments_count(&t->arguments, "reduce", 1), &bound, &reduced)));
    report_number(t, "bound", bound);
    TRY(save_matrices(t, reduced));
done:
    ntk_system_destroy(reduced);
    return failed;
}

/* ---- the picture ---- */

/* The eigenvalues of W, largest first; of a factor f [p, rank] those of fᵀf. */
static int eigenvalues(tool *t, const gramian_job *j, array *values)
{
    const ntk_array *w = &j->w.view;
    bool square = w->shape[0] == w->shape[1];
    ntk_array rows = *w;
    ntk_jacobian *f = NULL;
    ntk_gram *gram = NULL;
    ntk_spectrum *spectrum = NULL;
    ntk_spectrum_options options = {NTK_SPECTRUM_OPTIONS_INIT, .values_only = 1};
    int failed;
    rows.shape[0] = w->shape[1], rows.shape[1] = w->shape[0], rows.strides[0] = w->strides[1], rows.strides[1] = w->strides[0];
    if (!square) TRY(tool_check(t, NULL, ntk_jacobian_from_matrix(t->context, &rows, 1, &f)));
    TRY(tool_check(t, NULL, square ? ntk_gram_from_matrix(t->context, w, &gram) : ntk_gram_from_jacobian(t->context, f, NULL, &gram)));
    TRY(tool_check(t, NULL, ntk_spectrum_create(t->context, gram, &options, &spectrum)));
    TRY(array_new(NTK_F64, 1, (int64_t[]){w->shape[1]}, values));
    TRY(tool_check(t, NULL, ntk_spectrum_get_values(t->context, spectrum, &values->view)));
done:
    ntk_spectrum_destroy(spectrum);
    ntk_gram_destroy(gram);
    ntk_jacobian_destroy(f);
    return failed;
}

int gramian_draw(tool *t, const gramian_job *j)
{
    array values = {0};
    int failed;
    if (!arguments_has(&t->arguments, "plot")) return 0;
    TRY(eigenvalues(t, j, &values));
    {
        const curve curves[] = {{.name = "eigenvalues of the Gramian", .y = values.view.data, .count = values.view.shape[0]},
                                {.name = j->hankel.block ? "Hankel values" : NULL, .y = j->hankel.view.data, .count = j->hankel.view.shape[0]},
                                {.name = NULL}};
        TRY(tool_plot(t, &(plot){.title = arguments_text(&t->arguments, "which", NULL), .x_label = "direction", .log_y = true, .curves = curves}));
    }
done:
    array_free(&values);
    return failed;
}
