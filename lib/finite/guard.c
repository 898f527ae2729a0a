/*
 * What a function of the caller has written, taken at no word: it writes into memory of ours with a margin on both sides.  Before each call every
 * number is a NaN of one pattern that arithmetic does not make, so that afterwards
 *
 *     the pattern within the count       was left out: the function believes in a smaller size
 *     no pattern in the margin           was written beyond the end (or before it): in a larger one
 *     another NaN or an infinity         is a result that is not finite
 */
#include "finite.h"

#include <string.h>

/* Numbers on each side. */
#define MARGIN 64

#define PATTERN UINT64_C(0x7ff8a5c3d2e1f0b7)

static bool unwritten(const double *number)
{
    uint64_t bits;
    memcpy(&bits, number, sizeof bits);
    return bits == PATTERN;
}

ntk_status ntk_guard_open(ntk_context *ctx, int64_t count, ntk_guard *guard)
{
    ntk_status status;
    *guard = (ntk_guard){NULL, NULL, 0};
    if (count > INT64_MAX - 2 * MARGIN) return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "%lld numbers of a callback", (long long)count);
    NTK_TRY(NTK_NEW_RAW(ctx, count + 2 * MARGIN, &guard->block));
    guard->out = guard->block + MARGIN;
done:
    return status;
}

void ntk_guard_close(ntk_guard *guard)
{
    ntk_free(guard->block);
}

void ntk_guard_arm(ntk_guard *guard, int64_t count)
{
    const uint64_t pattern = PATTERN;
    guard->count = count;
    for (int64_t i = 0; i < count + 2 * MARGIN; ++i) memcpy(guard->block + i, &pattern, sizeof pattern);
}

static bool margins_are_whole(const ntk_guard *g)
{
    for (int64_t i = 0; i < MARGIN; ++i)
        if (!unwritten(g->block + i) || !unwritten(g->out + g->count + i)) return false;
    return true;
}

ntk_status ntk_guard_check(ntk_context *ctx, const ntk_guard *guard, const char *function, int code)
{
    int64_t at;
    long long count = (long long)guard->count;
    if (!margins_are_whole(guard)) return ntk_fail(ctx, NTK_ERROR_CALLBACK, "the callback %s wrote outside of its %lld numbers", function, count);
    if (code != 0) return ntk_fail(ctx, NTK_ERROR_CALLBACK, "the callback %s returned %d", function, code);
    at = ntk_find_not_finite(NTK_F64, guard->out, guard->count);
    if (at < 0) return NTK_OK;
    if (unwritten(guard->out + at)) return ntk_fail(ctx, NTK_ERROR_CALLBACK, "the callback %s left out[%lld] of %lld numbers unwritten", function, (long long)at, count);
    return ntk_fail(ctx, NTK_ERROR_CALLBACK, "the callback %s gave out[%lld] = %g, which is not finite", function, (long long)at, guard->out[at]);
}
