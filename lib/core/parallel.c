/*
 * Fork-join over a range.  Each worker has a contiguous part of its own and takes chunks of `grain` from its front, so that neighbouring
 * indices, whose data share cache lines, stay on one core (between cores that share no cache a line costs hundreds of nanoseconds); one that
 * is done goes on with the parts of the others, so uneven rows balance.  What a body computes for an index must not depend on the chunk it
 * falls into: then the result is the same for every thread count.  If a thread cannot be made, the others do its share.
 */
#include "core.h"

#include <pthread.h>

#define MAX_WORKERS 256
#define LINE 64

typedef struct job job;

/* Chunks [next, end) are left of a worker's part.  One to a cache line. */
typedef struct part {
    _Alignas(LINE) atomic_llong next;
    int64_t end;
    job *of;
} part;

struct job {
    ntk_parallel_body body;
    void *user;
    int64_t count, grain;
    int workers;
    part parts[MAX_WORKERS];
};

static void finish_part(const job *j, part *p, int worker)
{
    for (;;) {
        int64_t chunk = atomic_fetch_add(&p->next, 1);
        if (chunk >= p->end) return;
        j->body(j->user, chunk * j->grain, NTK_MIN((chunk + 1) * j->grain, j->count), worker);
    }
}

static void *work(void *argument)
{
    part *own = argument;
    job *j = own->of;
    int worker = (int)(own - j->parts);
    for (int i = 0; i < j->workers; ++i) finish_part(j, &j->parts[(worker + i) % j->workers], worker);
    return NULL;
}

int ntk_parallel_workers(const ntk_context *ctx)
{
    return NTK_MIN(ctx->options.threads, MAX_WORKERS);
}

static void deal(job *j, int64_t chunks)
{
    for (int i = 0; i < j->workers; ++i) {
        atomic_init(&j->parts[i].next, chunks * i / j->workers);
        j->parts[i].end = chunks * (i + 1) / j->workers;
        j->parts[i].of = j;
    }
}

void ntk_parallel(const ntk_context *ctx, int64_t count, int64_t grain, ntk_parallel_body body, void *user)
{
    pthread_t threads[MAX_WORKERS];
    int64_t chunks = (count + grain - 1) / grain;
    int started = 0;
    job j;
    j.body = body;
    j.user = user;
    j.count = count;
    j.grain = grain;
    j.workers = (int)NTK_MIN((int64_t)ntk_parallel_workers(ctx), chunks);
    deal(&j, chunks);
    if (chunks == 0) return;
    while (started + 1 < j.workers && pthread_create(&threads[started], NULL, work, &j.parts[started + 1]) == 0) ++started;
    work(&j.parts[0]);
    for (int i = 0; i < started; ++i) pthread_join(threads[i], NULL);
}
