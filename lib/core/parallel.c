/*
 * Fork-join over a range.  Workers take chunks of `grain` from a shared counter, so uneven rows balance.  What a body
 * computes for an index must not depend on the chunk it falls into: then the result is the same for every thread count.
 * If a thread cannot be made, the others do its share.
 */
#include "core.h"

#include <pthread.h>

#define MAX_WORKERS 256

typedef struct job {
    ntk_parallel_body body;
    void *user;
    int64_t count, grain;
    atomic_llong next;
    atomic_int workers;
} job;

static void *work(void *argument)
{
    job *j = argument;
    int worker = atomic_fetch_add(&j->workers, 1);
    for (;;) {
        int64_t begin = atomic_fetch_add(&j->next, j->grain);
        if (begin >= j->count) return NULL;
        j->body(j->user, begin, NTK_MIN(begin + j->grain, j->count), worker);
    }
}

int ntk_parallel_workers(const ntk_context *ctx)
{
    return NTK_MIN(ctx->options.threads, MAX_WORKERS);
}

void ntk_parallel(const ntk_context *ctx, int64_t count, int64_t grain, ntk_parallel_body body, void *user)
{
    pthread_t threads[MAX_WORKERS];
    int64_t chunks = (count + grain - 1) / grain;
    int started = 0, wanted = (int)NTK_MIN((int64_t)ntk_parallel_workers(ctx), chunks);
    job j = {.body = body, .user = user, .count = count, .grain = grain};
    atomic_init(&j.next, 0);
    atomic_init(&j.workers, 0);
    while (started + 1 < wanted && pthread_create(&threads[started], NULL, work, &j) == 0) ++started;
    work(&j);
    for (int i = 0; i < started; ++i) pthread_join(threads[i], NULL);
}
