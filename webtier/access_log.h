/* SPDX-License-Identifier: BSD-3-Clause */
/* The access log: workers add lines, one thread of its own writes them to the file.
 *
 * Lines wait in one buffer, at most ACCESS_LOG_DELAY_MS or until it is well filled, so that a disk
 * that is slow or stuck never holds up a worker; when the buffer is full, lines are dropped and
 * counted. After the file was moved away (logrotate), access_log_reopen() begins a new one. */
#ifndef WEBTIER_ACCESS_LOG_H
#define WEBTIER_ACCESS_LOG_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

#define ACCESS_LOG_DELAY_MS 200u
#define ACCESS_LOG_BUFFER (1u << 20)

struct access_log;

/* Opens 'path' to append to it (mode 0640); WEB_LOG_JOURNAL is the journal. Returns 0, or a
 * negative errno with 'err' set. */
int access_log_new(struct access_log **out, const char *path, struct err *err);

/* Writes what waits and closes. NULL is allowed. */
void access_log_free(struct access_log *log);

/* Any thread. */
void access_log_add(struct access_log *log, const char *line, size_t size);

/* Opens the file anew before the next line is written; on failure the old one stays in use. */
void access_log_reopen(struct access_log *log);

/* Lines that were lost: the buffer was full or the file could not be written. */
uint64_t access_log_n_dropped(struct access_log *log);

#endif /* WEBTIER_ACCESS_LOG_H */
