// A pool of threads that run a pass together with the thread that asked for it; included by
// library.c.
#pragma once

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "network.h"

typedef struct {
    forward_function *run;
    size_t threads;         // the caller's among them
    pthread_t *helpers;     // (threads - 1,)
    size_t started;         // helpers that run
    atomic_bool taken;      // by a caller; others compute alone
    pthread_mutex_t lock;   // guards what follows
    pthread_cond_t wake;
    pass *pass;             // the one to help with, if any
    uint64_t passes;        // so far
    bool stopping;
    atomic_size_t helping;  // helpers inside a pass
#if defined(__linux__)
    cpu_set_t affinity;     // the helpers'
#endif
} pool;

static void *help(void *argument) {
    pool *p = argument;
    uint64_t seen = 0;
    for (;;) {
        pthread_mutex_lock(&p->lock);
        while (!p->stopping && (!p->pass || p->passes == seen))
            pthread_cond_wait(&p->wake, &p->lock);
        if (p->stopping) break;
        seen = p->passes;
        pass *todo = p->pass;
        atomic_fetch_add(&p->helping, 1);
        pthread_mutex_unlock(&p->lock);
        p->run(todo);
        atomic_fetch_sub(&p->helping, 1);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

// Starts the helpers that are not running: all of them in a new pool, and in one that came through
// a fork. Returns whether all run.
static bool pool_start(pool *p) {
    while (p->started + 1 < p->threads) {
        if (pthread_create(&p->helpers[p->started], NULL, help, p)) return false;
        p->started++;
#if defined(__linux__)
        CPU_ZERO(&p->affinity);  // the new one's is the caller's
#endif
    }
    return true;
}

static void pool_stop(pool *p) {
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (; p->started; p->started--) pthread_join(p->helpers[p->started - 1], NULL);
}

static bool pool_init(pool *p, forward_function *run, size_t threads) {
    p->run = run, p->threads = threads;
    p->helpers = calloc(threads, sizeof *p->helpers);
    if (!p->helpers) return false;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    return true;
}

// The helpers must have been stopped.
static void pool_destroy(pool *p) {
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    free(p->helpers);
}

// Makes the pool of a forked child usable: fork copies the calling thread alone, so that no helper
// runs, no caller holds the pool, and its lock may have been held by a thread that is not there.
// The old handles must not be used: the C library may take such a thread for the calling one, and
// setting its affinity pins the caller.
static void pool_forget_threads(pool *p) {
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->started = 0, p->pass = NULL, p->stopping = false;
    atomic_store(&p->helping, 0);
    atomic_store(&p->taken, false);
}

// Keeps helpers off the caller's processor. On a virtual machine Linux often wakes a thread on the
// processor of the one that wakes it, though another is idle: a halted one looks as if its host had
// taken it away. There it waits for milliseconds, as long as a pass.
static void pool_avoid_caller(pool *p) {
#if defined(__linux__)
    cpu_set_t allowed;
    const int here = sched_getcpu();
    if (here < 0 || pthread_getaffinity_np(pthread_self(), sizeof allowed, &allowed)) return;
    if ((size_t)CPU_COUNT(&allowed) >= p->threads) CPU_CLR(here, &allowed);
    if (CPU_EQUAL(&allowed, &p->affinity)) return;
    p->affinity = allowed;
    for (size_t i = 0; i < p->started; i++)
        pthread_setaffinity_np(p->helpers[i], sizeof allowed, &allowed);
#else
    (void)p;
#endif
}

// Takes the pool unless another caller has it, and returns how many threads will compute.
static size_t pool_take(pool *p) {
    if (p->threads == 1 || atomic_exchange(&p->taken, true)) return 1;
    pool_start(p);
    if (p->started) return p->started + 1;
    atomic_store(&p->taken, false);
    return 1;
}

static void pool_release(pool *p) { atomic_store(&p->taken, false); }

// Runs a pass in the caller, who has taken the pool, and in the helpers.
static void pool_run(pool *p, pass *todo) {
    pool_avoid_caller(p);
    pthread_mutex_lock(&p->lock);
    p->pass = todo;
    p->passes++;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    p->run(todo);
    pthread_mutex_lock(&p->lock);
    p->pass = NULL;
    pthread_mutex_unlock(&p->lock);
    while (atomic_load(&p->helping)) sched_yield();
}
