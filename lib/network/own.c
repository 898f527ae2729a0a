/*
 * Activations of the program's own: callbacks instead of a name.  The layers that share one keep it alive; `user` stays the program's.
 *
 * What a callback gives is checked each time: a number that is not finite never goes on.
 */
#include "network.h"

#include <math.h>
#include <stdlib.h>

extern const struct ntk_dual ntk_own_dual; /* lib/infinite/own.c */

ntk_status ntk_own_call(ntk_context *ctx, const ntk_layer *layer, const char *what, ntk_activation_fn f, int64_t n, const double *x, double *y)
{
    int failed = n > 0 ? f(layer->own->user, n, x, y) : 0;
    int64_t bad;
    if (failed) return ntk_fail_at(ctx, NTK_ERROR_CALLBACK, layer->path, "the %s of %s reported failure (%d)", what, layer->own->name, failed);
    bad = ntk_find_not_finite(NTK_F64, y, n);
    if (bad < 0) return NTK_OK;
    return ntk_fail_at(ctx, NTK_ERROR_NOT_FINITE, layer->path, "the %s of %s at %.17g is %g", what, layer->own->name, x[bad], y[bad]);
}

/* Into its place among those before it. */
static ntk_status add_break(ntk_context *ctx, const char *path, const char *what, double at, bool jump, ntk_own *own)
{
    int i = own->n_breaks;
    if (!isfinite(at)) return ntk_fail_at(ctx, NTK_ERROR_ARGUMENT, path, "%s holds %g; expected finite numbers", what, at);
    for (int k = 0; k < own->n_breaks; ++k)
        if (own->breaks[k] == at) return ntk_fail_at(ctx, NTK_ERROR_ARGUMENT, path, "%s: %.17g is declared twice", what, at);
    for (; i > 0 && own->breaks[i - 1] > at; --i) {
        own->breaks[i] = own->breaks[i - 1];
        own->jump[i] = own->jump[i - 1];
    }
    own->breaks[i] = at;
    own->jump[i] = jump;
    ++own->n_breaks;
    return NTK_OK;
}

static ntk_status add_breaks(ntk_context *ctx, const char *path, const char *what, int64_t count, const double *at, bool jump, ntk_own *own)
{
    ntk_status status = NTK_OK;
    if (count < 0 || own->n_breaks + count > NTK_OWN_BREAKS)
        return ntk_fail_at(ctx, NTK_ERROR_ARGUMENT, path, "n_%s is %lld; expected 0 to %d kinks and jumps in all", what, (long long)count, NTK_OWN_BREAKS);
    if (count > 0 && !at) return ntk_fail_at(ctx, NTK_ERROR_NULL, path, "%s is NULL; n_%s is %lld", what, what, (long long)count);
    for (int64_t i = 0; i < count && status == NTK_OK; ++i) status = add_break(ctx, path, what, at[i], jump, own);
    return status;
}

ntk_status ntk_own_create(ntk_context *ctx, const char *path, const ntk_activation_options *options, ntk_own **own)
{
    ntk_status status;
    ntk_own *o = NULL;
    ntk_activation_options known;
    *own = NULL;
    NTK_TRY(NTK_OPTIONS_READ(ctx, options, &known));
    if (!known.value) NTK_TRY(ntk_fail_at(ctx, NTK_ERROR_NULL, path, "value is NULL: an activation of one's own needs phi"));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &o));
    NTK_TRY(ntk_copy_string(ctx, known.name ? known.name : "own", &o->name));
    NTK_TRY(add_breaks(ctx, path, "kinks", known.n_kinks, known.kinks, false, o));
    NTK_TRY(add_breaks(ctx, path, "jumps", known.n_jumps, known.jumps, true, o));
    o->value = known.value;
    o->derivative = known.derivative;
    o->user = known.user;
    o->record = (ntk_activation){.name = o->name, .dual = &ntk_own_dual};
    *own = o;
    o = NULL;
done:
    ntk_own_destroy(o);
    return status;
}

void ntk_own_destroy(ntk_own *own)
{
    if (!ntk_object_release(own)) return;
    ntk_free(own->name);
    ntk_free(own);
}
