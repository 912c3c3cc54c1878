// A pool of worker threads that run a function together with the thread that calls for it.
#pragma once

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void threadpool_fn(void *argument);

typedef struct {
    threadpool_fn *run;
    size_t threads;         // the caller among them
    pthread_t *workers;     // (threads - 1,)
    size_t started;         // workers that run
    atomic_bool taken;      // by a caller
    pthread_mutex_t lock;   // guards what follows
    pthread_cond_t wake;
    void *argument;         // of the run in progress, or NULL
    uint64_t runs;          // so far
    bool stopping;
    atomic_size_t running;  // workers inside a run
#if defined(__linux__)
    cpu_set_t affinity;     // of the workers
#endif
} threadpool;

// Makes a pool without workers. Returns false if there is not enough memory. The caller frees it
// with `threadpool_free`.
bool threadpool_init(threadpool *p, threadpool_fn *run, size_t threads);
void threadpool_free(threadpool *p);

// Starts the workers that do not run. Returns false if not all of them could be started.
bool threadpool_start(threadpool *p);

// Ends the workers, once they have finished.
void threadpool_stop(threadpool *p);

// Takes the pool for the caller, unless another caller has it; returns the number of threads that
// will compute. With more than 1, the caller gives the pool back with `threadpool_release`.
size_t threadpool_take(threadpool *p);
void threadpool_release(threadpool *p);

// Runs the pool's function with this argument, in the caller, who has taken the pool, and in the
// workers; returns when all have finished.
void threadpool_run(threadpool *p, void *argument);

// Makes the pool usable in a forked child, which has none of its threads.
void threadpool_after_fork(threadpool *p);
