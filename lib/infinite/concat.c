/*
 * concat of positions at infinite width (docs/mathematics.md §2.4): positions of one branch keep their pairs, those of different branches are
 * independent: K = Theta = 0 between them.  That asks for what the sum of branches asks: at most one branch without fresh weights.
 *
 * Tap 0 of an output is its position in its branch; the weight's place holds the number of the branch.
 */
#include "field.h"

#if defined(NTK_HOT)

static void one_pair(const ntk_plan *plan, const ntk_field *f, int64_t o, int64_t q)
{
    int branch = (int)f->row_taps->weight[o];
    const real *in;
    if (branch != (int)f->column_taps->weight[q]) {
        store(cell(f, plan->output_slot, o, q), 0, 1, 0);
        return;
    }
    in = cell(f, plan->input_slots[branch], f->row_taps->input[o], f->column_taps->input[q]);
    store(cell(f, plan->output_slot, o, q), in[0], in[NTK_RUN], in[2 * NTK_RUN]);
}

void NTK_HOT_NAME(concat)(const ntk_plan *plan, const ntk_field *f);
void NTK_HOT_NAME(concat)(const ntk_plan *plan, const ntk_field *f)
{
    for (int64_t o = 0; o < f->rows; ++o)
        for (int64_t q = f->across ? 0 : o; q < (f->across ? f->columns : o + 1); ++q) one_pair(plan, f, o, q);
}

#else

NTK_FIELD_VARIANTS(concat)

static void norms(const ntk_plan *plan, const ntk_field *f, double *t)
{
    for (int64_t o = 0; o < f->rows; ++o)
        t[plan->output_alpha * f->stride + o] = t[plan->input_alphas[(int)f->row_taps->weight[o]] * f->stride + f->row_taps->input[o]];
}

static const ntk_whole whole = {norms, ntk_concat_variants};

ntk_status ntk_concat_taps(ntk_context *ctx, const ntk_reading *reading, const ntk_plan *plan, ntk_taps *taps)
{
    const ntk_step *s = plan->step;
    const ntk_value *out = &reading->network->values[s->output];
    int64_t outputs = out->size / out->shape[out->ndim - 1], inner = 1, begin = 0;
    ntk_status status = ntk_taps_open(ctx, NTK_TAPS_TOGETHER, outputs, 1, taps);
    if (status != NTK_OK) return status;
    taps->whole = &whole;
    for (int a = s->axis + 1; a < out->ndim - 1; ++a) inner *= out->shape[a];
    for (int b = 0; b < s->n_inputs; begin += s->parts[b++])
        for (int64_t o = 0; o < outputs; ++o) {
            int64_t along = o / inner % s->units - begin;
            if (along < 0 || along >= s->parts[b]) continue;
            taps->input[o] = (int32_t)((o / inner / s->units * s->parts[b] + along) * inner + o % inner);
            taps->weight[o] = b;
        }
    return NTK_OK;
}

#endif
