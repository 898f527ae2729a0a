/*
 * Chosen columns of a Jacobian: J P with P [p, p'] the columns of the identity that are kept,
 *
 *     (J P) v = J (P v)  (zeros elsewhere),     (J P)ᵀ u = Pᵀ (Jᵀ u),     rows: those of J, closed up.
 */
#include "finite.h"
#include "real.h"

#include <string.h>

/* Numbers of full rows at once: 64 MiB. */
#define BLOCK ((int64_t)1 << 23)

/* Takes `to` from the chosen places of `full`. */
static void gather(const ntk_jacobian *j, const real *full, real *to)
{
    for (int64_t i = 0; i < j->n_ranges; to += j->ranges[i].count, ++i)
        memcpy(to, full + j->ranges[i].first, (size_t)j->ranges[i].count * sizeof *to);
}

static ntk_status restricted_apply(ntk_context *ctx, const ntk_jacobian *j, const void *v, void *out)
{
    ntk_status status;
    real *full = NULL;
    const real *part = v;
    NTK_TRY(NTK_NEW(ctx, j->parts[0]->columns, &full));
    for (int64_t i = 0; i < j->n_ranges; part += j->ranges[i].count, ++i)
        memcpy(full + j->ranges[i].first, part, (size_t)j->ranges[i].count * sizeof *full);
    NTK_TRY(ntk_jacobian_dense_apply(ctx, j->parts[0], full, out));
done:
    ntk_free(full);
    return status;
}

static ntk_status restricted_apply_transposed(ntk_context *ctx, const ntk_jacobian *j, const void *u, void *out)
{
    ntk_status status;
    real *full = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, j->parts[0]->columns, &full));
    NTK_TRY(ntk_jacobian_dense_apply_transposed(ctx, j->parts[0], u, full));
    gather(j, full, out);
done:
    ntk_free(full);
    return status;
}

static ntk_status restricted_rows(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, void *out)
{
    ntk_status status;
    real *full = NULL;
    int64_t p = j->parts[0]->columns, block = NTK_MAX(NTK_MIN(BLOCK / NTK_MAX(p, 1), count), 1);
    NTK_TRY(NTK_NEW_RAW(ctx, block * p, &full));
    for (int64_t at = 0; at < count; at += block) {
        int64_t m = NTK_MIN(block, count - at);
        NTK_TRY_PART(ctx, (double)at / (double)count, (double)(at + m) / (double)count, ntk_jacobian_dense_rows(ctx, j->parts[0], first + at, m, full));
        for (int64_t r = 0; r < m; ++r) gather(j, full + r * p, (real *)out + (at + r) * j->columns);
    }
done:
    ntk_free(full);
    return status;
}

const ntk_jacobian_class ntk_jacobian_restricted = {"restricted", restricted_apply, restricted_apply_transposed, restricted_rows};

#if !defined(NTK_SINGLE)

/* `ranges` are checked, and the new handle's from now on, also if this fails. */
static ntk_status make(ntk_context *ctx, const ntk_jacobian *j, ntk_range *ranges, int64_t count, ntk_jacobian **restricted)
{
    ntk_status status;
    ntk_jacobian *new = NULL;
    static const ntk_jacobian_class *const classes[2] = NTK_BOTH(ntk_jacobian_restricted);
    NTK_TRY(NTK_NEW_HANDLE(ctx, &new));
    NTK_TRY(NTK_NEW(ctx, 1, &new->parts));
    new->parts[0] = ntk_retain(j);
    new->n_parts = 1;
    new->class = classes[j->dtype];
    new->dtype = j->dtype;
    new->rows = j->rows;
    new->outputs = j->outputs;
    for (int64_t i = 0; i < count; ++i) new->columns += ranges[i].count;
    new->ranges = ranges;
    new->n_ranges = count;
    *restricted = new;
    new = NULL;
    ranges = NULL;
done:
    ntk_free(ranges);
    ntk_jacobian_destroy(new);
    return status;
}

static ntk_status check_range(ntk_context *ctx, const ntk_jacobian *j, int64_t i, const ntk_range *r, int64_t begin)
{
    if (r->count >= 0 && r->first >= begin && r->first <= j->columns && r->count <= j->columns - r->first) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "ranges[%lld] has %lld columns from %lld on; expected them in [%lld, %lld), behind the range before", (long long)i,
                    (long long)r->count, (long long)r->first, (long long)begin, (long long)j->columns);
}

ntk_status ntk_jacobian_restrict(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_range *ranges, int64_t count, ntk_jacobian **restricted)
{
    ntk_status status;
    ntk_range *copy = NULL;
    int64_t begin = 0;
    NTK_ENTER_NEW(ctx, restricted);
    NTK_REQUIRE(ctx, jacobian);
    NTK_REQUIRE(ctx, ranges);
    if (count < 0) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "count is %lld; expected a number >= 0", (long long)count);
    for (int64_t i = 0; i < count; begin = ranges[i].first + ranges[i].count, ++i) NTK_TRY(check_range(ctx, jacobian, i, &ranges[i], begin));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &copy));
    if (count > 0) memcpy(copy, ranges, (size_t)count * sizeof *copy);
    NTK_TRY(make(ctx, jacobian, copy, count, restricted));
done:
    return status;
}

/* ---- by layers ------------------------------------------------------------------------------------------------- */

/* Is the layer at `path` the one at `chosen`, or within it? */
static bool within(const char *path, const char *chosen)
{
    size_t length = strlen(chosen);
    return strncmp(path, chosen, length) == 0 && (path[length] == '\0' || path[length] == '.' || path[length] == '[');
}

/* ranges: one per parametric step that is chosen, in the order of the flat vector; found[i]: does path i choose any? */
static int64_t find_layers(const ntk_network *network, const char *const *paths, int64_t count, ntk_range *ranges, bool *found)
{
    int64_t n = 0;
    for (int64_t k = 0; k < network->n_steps; ++k) {
        const ntk_step *s = &network->steps[k];
        bool chosen = false;
        for (int64_t i = 0; s->parametric >= 0 && i < count; ++i)
            if (within(s->layer->path, paths[i])) chosen = found[i] = true;
        if (chosen) ranges[n++] = (ntk_range){s->offset, s->n_parameters};
    }
    return n;
}

static ntk_status check_paths(ntk_context *ctx, const ntk_jacobian *j, const char *const *paths, int64_t count)
{
    if (!j->network) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the jacobian is one of %s; only that of a network has layers", j->class->name);
    if (count < 0) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "count is %lld; expected a number >= 0", (long long)count);
    for (int64_t i = 0; i < count; ++i)
        if (!paths[i]) return ntk_fail(ctx, NTK_ERROR_NULL, "paths[%lld] is NULL", (long long)i);
    return NTK_OK;
}

ntk_status ntk_jacobian_restrict_layers(ntk_context *ctx, const ntk_jacobian *jacobian, const char *const *paths, int64_t count, ntk_jacobian **restricted)
{
    ntk_status status;
    ntk_range *ranges = NULL;
    bool *found = NULL;
    int64_t n;
    NTK_ENTER_NEW(ctx, restricted);
    NTK_REQUIRE(ctx, jacobian);
    NTK_REQUIRE(ctx, paths);
    NTK_TRY(check_paths(ctx, jacobian, paths, count));
    NTK_TRY(NTK_NEW(ctx, count, &found));
    NTK_TRY(NTK_NEW(ctx, jacobian->network->n_parametric, &ranges));
    n = find_layers(jacobian->network, paths, count, ranges, found);
    for (int64_t i = 0; i < count; ++i)
        if (!found[i]) NTK_TRY(ntk_fail(ctx, NTK_ERROR_ARGUMENT, "paths[%lld], \"%s\", is no layer with parameters of this network", (long long)i, paths[i]));
    status = make(ctx, jacobian, ranges, n, restricted);
    ranges = NULL;
done:
    ntk_free(ranges);
    ntk_free(found);
    return status;
}

#endif
