#include "threadpool.h"

#include <assert.h>
#include <stdlib.h>

static void *work(void *argument) {
    threadpool *p = argument;
    uint64_t last_run = 0;
    for (;;) {
        pthread_mutex_lock(&p->lock);
        while (!p->stopping && (!p->argument || p->runs == last_run))
            pthread_cond_wait(&p->wake, &p->lock);
        if (p->stopping) break;
        last_run = p->runs;
        void *run_argument = p->argument;
        atomic_fetch_add(&p->running, 1);
        pthread_mutex_unlock(&p->lock);
        p->run(run_argument);
        atomic_fetch_sub(&p->running, 1);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

bool threadpool_init(threadpool *p, threadpool_fn *run, size_t threads) {
    assert(p && run && threads);
    p->run = run, p->threads = threads;
    p->workers = calloc(threads, sizeof *p->workers);
    if (!p->workers) return false;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    return true;
}

void threadpool_free(threadpool *p) {
    assert(!p->started);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    free(p->workers);
}

bool threadpool_start(threadpool *p) {
    while (p->started + 1 < p->threads) {
        if (pthread_create(&p->workers[p->started], NULL, work, p)) return false;
        p->started++;
#if defined(__linux__)
        CPU_ZERO(&p->affinity);  // a new worker inherits the caller's
#endif
    }
    return true;
}

void threadpool_stop(threadpool *p) {
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (; p->started; p->started--) pthread_join(p->workers[p->started - 1], NULL);
}

// Fork copies only the calling thread: no worker runs, no caller has the pool, and its lock may
// have been held by a thread that is gone. The old handles must not be used: the C library may take
// such a thread for the calling one, and setting its affinity would pin the caller.
void threadpool_after_fork(threadpool *p) {
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->started = 0, p->argument = NULL, p->stopping = false;
    atomic_store(&p->running, 0);
    atomic_store(&p->taken, false);
}

// Keeps the workers off the caller's processor. On a virtual machine Linux often wakes a thread on
// the processor of the one that wakes it, though another is idle: to the guest, a
// halted processor looks like one that the hypervisor has descheduled. There the thread waits for
// milliseconds, as long as a forward pass.
static void avoid_caller(threadpool *p) {
#if defined(__linux__)
    cpu_set_t allowed;
    const int cpu = sched_getcpu();
    if (cpu < 0 || pthread_getaffinity_np(pthread_self(), sizeof allowed, &allowed)) return;
    if ((size_t)CPU_COUNT(&allowed) >= p->threads) CPU_CLR(cpu, &allowed);
    if (CPU_EQUAL(&allowed, &p->affinity)) return;
    p->affinity = allowed;
    for (size_t i = 0; i < p->started; i++)
        pthread_setaffinity_np(p->workers[i], sizeof allowed, &allowed);
#else
    (void)p;
#endif
}

size_t threadpool_take(threadpool *p) {
    if (p->threads == 1 || atomic_exchange(&p->taken, true)) return 1;
    threadpool_start(p);
    if (p->started) return p->started + 1;
    atomic_store(&p->taken, false);
    return 1;
}

void threadpool_release(threadpool *p) { atomic_store(&p->taken, false); }

void threadpool_run(threadpool *p, void *argument) {
    assert(argument && atomic_load(&p->taken));
    avoid_caller(p);
    pthread_mutex_lock(&p->lock);
    p->argument = argument;
    p->runs++;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    p->run(argument);
    pthread_mutex_lock(&p->lock);
    p->argument = NULL;
    pthread_mutex_unlock(&p->lock);
    while (atomic_load(&p->running)) sched_yield();
}
