/*
 * Ops that mix positions, as lists of taps: which inputs every output reads, and with what weight.
 *
 * Taps with random weights of their own (conv, flatten) meet only themselves; fixed weights (pools) let every tap meet every
 * other.  What lies outside the input (zero padding) is a tap that reads nothing.
 */
#include "infinite.h"

ntk_status ntk_taps_open(ntk_context *ctx, ntk_taps_kind kind, int64_t outputs, int64_t count, ntk_taps *taps)
{
    int64_t size;
    ntk_status status;
    *taps = (ntk_taps){.kind = kind, .outputs = outputs, .count = count};
    NTK_TRY(ntk_size_product(ctx, "the taps of a layer", outputs, count, &size));
    NTK_TRY(ntk_memory_require(ctx, "the taps of a layer", (double)size * (sizeof *taps->input + sizeof *taps->weight)));
    NTK_TRY(NTK_NEW_RAW(ctx, size, &taps->input));
    NTK_TRY(NTK_NEW(ctx, size, &taps->weight));
    for (int64_t i = 0; i < size; ++i) taps->input[i] = -1;
done:
    return status;
}

void ntk_taps_close(ntk_taps *taps)
{
    ntk_free(taps->input);
    ntk_free(taps->weight);
}

int32_t ntk_window_position(const ntk_window *w, int64_t output, int64_t tap)
{
    int64_t input = 0, scale = 1;
    for (int a = w->ndim - 1; a >= 0; --a) {
        int64_t at = ntk_window_read(w, a, output % w->axis[a].out, tap % w->axis[a].kernel);
        if (at < 0) return -1;
        input += scale * at;
        scale *= w->axis[a].in;
        output /= w->axis[a].out;
        tap /= w->axis[a].kernel;
    }
    return (int32_t)input;
}
