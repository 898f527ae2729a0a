/*
 * Fork-join over a range.  Each worker has a contiguous part of its own and takes chunks of `grain` from its front, so that neighbouring
 * indices, whose data share cache lines, stay on one core (between cores that share no cache a line costs hundreds of nanoseconds); one that
 * is done goes on with the parts of the others, so uneven rows balance.  What a body computes for an index must not depend on the chunk it
 * falls into: then the result is the same for every thread count.  If a thread cannot be made, the others do its share.
 *
 * A scheduler that packs threads onto few processors (that of some virtual machines does) lets a new thread wait behind its
 * maker until the next tick, 4 ms, which is all of a short job.  So a thread begins on any processor but its maker's, and once it runs it
 * may go wherever its maker may.
 */
#include "core.h"

#include <pthread.h>
#include <sched.h>

#define MAX_WORKERS 256
#define LINE 64

typedef struct job job;

/* Chunks [next, end) are left of a worker's part.  One to a cache line. */
typedef struct part {
    _Alignas(LINE) atomic_llong next;
    int64_t end;
    job *of;
} part;

/* Where the threads of a job may run. */
typedef struct place {
    bool elsewhere; /* begin on `others`, go on where `allowed` */
#ifdef __GLIBC__
    cpu_set_t allowed, others;
#endif
} place;

struct job {
    place place;
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

#ifdef __GLIBC__

static void find_place(place *p)
{
    int here = sched_getcpu();
    p->elsewhere = here >= 0 && here < CPU_SETSIZE && pthread_getaffinity_np(pthread_self(), sizeof p->allowed, &p->allowed) == 0;
    if (!p->elsewhere) return;
    p->others = p->allowed;
    CPU_CLR((size_t)here, &p->others);
    p->elsewhere = CPU_COUNT(&p->others) > 0;
}

static void *guest(void *argument)
{
    part *own = argument;
    pthread_setaffinity_np(pthread_self(), sizeof own->of->place.allowed, &own->of->place.allowed);
    return work(own);
}

/* A system that refuses the place still gets its thread. */
static int start_elsewhere(const place *p, pthread_t *thread, part *own)
{
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error) return error;
    error = pthread_attr_setaffinity_np(&attributes, sizeof p->others, &p->others);
    if (!error) error = pthread_create(thread, &attributes, guest, own);
    pthread_attr_destroy(&attributes);
    return error;
}

#else

static void find_place(place *p)
{
    p->elsewhere = false;
}

static int start_elsewhere(const place *p, pthread_t *thread, part *own)
{
    (void)p;
    return pthread_create(thread, NULL, work, own);
}

#endif

static int start(const job *j, pthread_t *thread, part *own)
{
    if (j->place.elsewhere && start_elsewhere(&j->place, thread, own) == 0) return 0;
    return pthread_create(thread, NULL, work, own);
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
    if (j.workers > 1) find_place(&j.place);
    while (started + 1 < j.workers && start(&j, &threads[started], &j.parts[started + 1]) == 0) ++started;
    work(&j.parts[0]);
    for (int i = 0; i < started; ++i) pthread_join(threads[i], NULL);
}
