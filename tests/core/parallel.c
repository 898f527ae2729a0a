/* Every index once, in one worker at a time, whatever the count, the grain and the number of threads. */
#include "kit.h"

#include "core.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static int threads_left = -1; /* that can be made; negative: any number */

/* Stands in front of the C library's. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    if (threads_left == 0) return EAGAIN;
    if (threads_left > 0) --threads_left;
    return real(thread, attributes, body, argument);
}

typedef struct record {
    int64_t count, grain;
    int workers;
    atomic_int visits[2000];
    atomic_bool busy[300];
    atomic_int wrong; /* assertions belong to the test's own thread */
} record;

static void visit(void *user, int64_t begin, int64_t end, int worker)
{
    record *r = user;
    bool sound = 0 <= begin && begin < end && end <= r->count && end - begin <= r->grain && 0 <= worker && worker < r->workers;
    if (!sound || atomic_exchange(&r->busy[worker], true)) {
        atomic_fetch_add(&r->wrong, 1);
        return;
    }
    for (int64_t i = begin; i < end; ++i) atomic_fetch_add(&r->visits[i], 1);
    atomic_store(&r->busy[worker], false);
}

static void check_cover(const ntk_context *ctx, int64_t count, int64_t grain)
{
    record *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->count = count;
    r->grain = grain;
    r->workers = ntk_parallel_workers(ctx);
    ntk_parallel(ctx, count, grain, visit, r);
    assert_int_equal(atomic_load(&r->wrong), 0);
    for (int64_t i = 0; i < 2000; ++i) assert_int_equal(atomic_load(&r->visits[i]), i < count);
    free(r);
}

static void each_index_once(void **state)
{
    static const int32_t threads[] = {1, 2, 3, 8, 1000};
    static const int64_t counts[] = {0, 1, 2, 7, 64, 1000, 1999}, grains[] = {1, 3, 64, 5000};
    ntk_context ctx = *(ntk_context *)*state;
    for (size_t t = 0; t < NTK_ARRAY_LENGTH(threads); ++t)
        for (size_t c = 0; c < NTK_ARRAY_LENGTH(counts); ++c)
            for (size_t g = 0; g < NTK_ARRAY_LENGTH(grains); ++g) {
                ctx.options.threads = threads[t];
                check_cover(&ctx, counts[c], grains[g]);
            }
}

/* The threads that there are do the work of those that could not be made. */
static void threads_may_be_refused(void **state)
{
    ntk_context ctx = *(ntk_context *)*state;
    ctx.options.threads = 8;
    for (int given = 0; given < 4; ++given) {
        threads_left = given;
        check_cover(&ctx, 1000, 3);
        assert_int_equal(threads_left, 0);
    }
    threads_left = -1;
}

static void workers_are_bounded(void **state)
{
    ntk_context ctx = *(ntk_context *)*state;
    assert_int_equal(ntk_parallel_workers(&ctx), ntk_context_threads(&ctx));
    ctx.options.threads = 1;
    assert_int_equal(ntk_parallel_workers(&ctx), 1);
    ctx.options.threads = INT32_MAX;
    assert_in_range(ntk_parallel_workers(&ctx), 1, 300);
}

/* Two bodies that wait for each other end only if two threads really run. */
typedef struct meeting {
    atomic_int here;
    atomic_int workers; /* bit w: worker w was here */
} meeting;

static void wait_for_the_other(void *user, int64_t begin, int64_t end, int worker)
{
    meeting *m = user;
    (void)begin;
    (void)end;
    atomic_fetch_or(&m->workers, 1 << worker);
    atomic_fetch_add(&m->here, 1);
    while (atomic_load(&m->here) < 2) {}
}

static void threads_run_at_once(void **state)
{
    meeting m = {0};
    ntk_parallel(*state, 2, 1, wait_for_the_other, &m);
    assert_int_equal(atomic_load(&m.here), 2);
    assert_int_equal(atomic_load(&m.workers), 3); /* each by its own number */
}

/* Wherever a thread begins, it may go on where its maker may: also where that is one processor only. */
typedef struct allowed {
    cpu_set_t maker;
    atomic_int here, wrong;
} allowed;

static void compare_places(void *user, int64_t begin, int64_t end, int worker)
{
    allowed *a = user;
    cpu_set_t mine;
    (void)begin;
    (void)end;
    (void)worker;
    if (pthread_getaffinity_np(pthread_self(), sizeof mine, &mine) != 0 || !CPU_EQUAL(&mine, &a->maker)) atomic_fetch_add(&a->wrong, 1);
    atomic_fetch_add(&a->here, 1);
    while (atomic_load(&a->here) < 2) sched_yield();
}

static void check_places(const ntk_context *ctx)
{
    allowed a = {.here = 0};
    assert_int_equal(pthread_getaffinity_np(pthread_self(), sizeof a.maker, &a.maker), 0);
    ntk_parallel(ctx, 2, 1, compare_places, &a);
    assert_int_equal(atomic_load(&a.wrong), 0);
}

static void threads_go_where_their_maker_may(void **state)
{
    cpu_set_t all, one;
    size_t first = 0;
    assert_int_equal(pthread_getaffinity_np(pthread_self(), sizeof all, &all), 0);
    check_places(*state);
    while (!CPU_ISSET(first, &all)) ++first;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(pthread_setaffinity_np(pthread_self(), sizeof one, &one), 0);
    check_places(*state);
    assert_int_equal(pthread_setaffinity_np(pthread_self(), sizeof all, &all), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(each_index_once), kit_test(threads_may_be_refused), kit_test(workers_are_bounded), kit_test(threads_run_at_once),
                                       kit_test(threads_go_where_their_maker_may)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
