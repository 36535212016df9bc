/*
 * workers: threads that handlers run on, each with an open store.
 *
 * A queue of jobs, first in, first out. A job is the caller's memory until its run() is called; it
 * may free itself there.
 */
#ifndef HANDFAST_API_WORKERS_H
#define HANDFAST_API_WORKERS_H

#include "store/store.h"

struct job {
    void (*run)(struct job *job, struct store *store);
    struct job *next;
};

struct workers;

enum status workers_start(const char *store_path, unsigned n, struct workers **out,
                          struct err *err) NODISCARD;
/* False: they are being stopped, and the job will not run. */
bool workers_put(struct workers *w, struct job *job) NODISCARD;
/* Runs what is queued, takes no more, and ends the threads. Calls after it are fine. */
void workers_stop(struct workers *w);
void workers_free(struct workers *w); /* stopped; NULL is fine */

#endif
