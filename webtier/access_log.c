/* SPDX-License-Identifier: BSD-3-Clause */
/* Access log; see access_log.h. */
#include "webtier/access_log.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/model.h"
#include "webtier/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

LOG_MODULE("access");

#define WELL_FILLED (ACCESS_LOG_BUFFER / 4)
#define IDENTIFIER "weir-webtier" /* Of the journal's entries. */

/* What waits to be written; two of them change places, so that workers fill one while the other is
 * written. */
struct lines {
	char *text;
	size_t size;
	uint64_t n;
};

struct access_log {
	char *path;           /* Or WEB_LOG_JOURNAL. */
	int fd;               /* The writer's alone. */
	struct lines writing; /* The writer's alone. */
	pthread_t writer;
	atomic_uint_fast64_t n_dropped;

	pthread_mutex_t lock; /* All below. */
	pthread_cond_t wake;  /* The writer has something to do. */
	struct lines waiting;
	bool wants_reopen;
	bool is_ending;
};

static bool
is_journal(const char *path)
{
	return strcmp(path, WEB_LOG_JOURNAL) == 0;
}

static int
open_file(const char *path)
{
	int fd;

	if (is_journal(path))
		return journal_open(IDENTIFIER);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	return fd < 0 ? -errno : fd;
}

/* A journal that was started anew without the former connections. */
static bool
has_journal_back(struct access_log *log)
{
	int fd = is_journal(log->path) ? journal_open(IDENTIFIER) : -1;

	if (fd < 0)
		return false;
	close(log->fd);
	log->fd = fd;
	return true;
}

static void
write_lines(struct access_log *log, struct lines *lines)
{
	static struct log_limit limit;
	size_t done = 0;
	bool is_anew = false;

	while (done < lines->size) {
		ssize_t n = write(log->fd, lines->text + done, lines->size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPIPE && !is_anew) {
			is_anew = has_journal_back(log);
			if (is_anew)
				continue;
			errno = EPIPE;
		}
		if (n < 0) {
			atomic_fetch_add(&log->n_dropped, lines->n);
			log_write_limited(&limit, LOG_ERROR, log_module,
				"cannot write to %s: %s; its lines are lost", log->path,
				strerror(errno));
			break;
		}
		done += (size_t)n;
	}
	lines->size = 0;
	lines->n = 0;
}

static void
reopen_file(struct access_log *log)
{
	int fd = open_file(log->path);

	if (fd < 0) {
		LOG_ERR("cannot open %s again: %s; the old file stays in use", log->path,
			strerror(-fd));
		return;
	}
	close(log->fd);
	log->fd = fd;
	LOG_INFORM("opened %s again", log->path);
}

/* Waits until the first line has come, and then a moment for others. With the lock held. */
static void
wait_for_lines(struct access_log *log)
{
	struct timespec until;

	while (log->waiting.size == 0 && !log->wants_reopen && !log->is_ending)
		pthread_cond_wait(&log->wake, &log->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(ACCESS_LOG_DELAY_MS * NS_PER_MS);
	if (until.tv_nsec >= (long)NS_PER_S) {
		until.tv_nsec -= (long)NS_PER_S;
		until.tv_sec++;
	}
	while (log->waiting.size < WELL_FILLED && !log->wants_reopen && !log->is_ending) {
		if (pthread_cond_timedwait(&log->wake, &log->lock, &until) == ETIMEDOUT)
			break;
	}
}

static void *
run_writer(void *arg)
{
	struct access_log *log = arg;
	bool is_ending = false;

	while (!is_ending) {
		struct lines full;
		bool wants_reopen;

		pthread_mutex_lock(&log->lock);
		wait_for_lines(log);
		is_ending = log->is_ending;
		wants_reopen = log->wants_reopen;
		log->wants_reopen = false;
		full = log->waiting;
		log->waiting = log->writing;
		pthread_mutex_unlock(&log->lock);

		write_lines(log, &full); /* Lines from before go to the file from before. */
		log->writing = full;
		if (wants_reopen)
			reopen_file(log);
	}
	return NULL;
}

static int
start_writer(struct access_log *log)
{
	pthread_condattr_t attr;
	int rc;

	pthread_mutex_init(&log->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&log->wake, &attr);
	pthread_condattr_destroy(&attr);
	rc = pthread_create(&log->writer, NULL, run_writer, log);
	if (rc != 0) {
		pthread_cond_destroy(&log->wake);
		pthread_mutex_destroy(&log->lock);
	}
	return -rc;
}

int
access_log_new(struct access_log **out, const char *path, struct err *err)
{
	struct access_log *log = calloc(1, sizeof(*log));
	int rc = -ENOMEM;

	if (!log)
		return err_set(err, rc, "out of memory");
	log->path = strdup(path);
	log->waiting.text = malloc(ACCESS_LOG_BUFFER);
	log->writing.text = malloc(ACCESS_LOG_BUFFER);
	if (!log->path || !log->waiting.text || !log->writing.text) {
		err_set(err, rc, "out of memory");
		goto free_log;
	}
	log->fd = rc = open_file(path);
	if (rc < 0) {
		if (is_journal(path))
			err_set(err, rc,
				"cannot reach the journal: %s; start systemd-journald or change "
				"web.access_log",
				strerror(-rc));
		else
			err_set(err, rc,
				"cannot open the access log %s: %s; make its folder writable or "
				"change web.access_log",
				path, strerror(-rc));
		goto free_log;
	}
	rc = start_writer(log);
	if (rc < 0) {
		err_set(err, rc, "cannot start the access log's thread: %s", strerror(-rc));
		goto close_fd;
	}
	*out = log;
	return 0;

close_fd:
	close(log->fd);
free_log:
	free(log->waiting.text);
	free(log->writing.text);
	free(log->path);
	free(log);
	return rc;
}

void
access_log_free(struct access_log *log)
{
	if (!log)
		return;
	pthread_mutex_lock(&log->lock);
	log->is_ending = true;
	pthread_cond_signal(&log->wake);
	pthread_mutex_unlock(&log->lock);
	pthread_join(log->writer, NULL);
	pthread_cond_destroy(&log->wake);
	pthread_mutex_destroy(&log->lock);
	close(log->fd);
	free(log->waiting.text);
	free(log->writing.text);
	free(log->path);
	free(log);
}

void
access_log_add(struct access_log *log, const char *line, size_t size)
{
	size_t before;
	bool fits;
	bool must_wake;

	pthread_mutex_lock(&log->lock);
	before = log->waiting.size;
	fits = size <= ACCESS_LOG_BUFFER - before;
	if (fits) {
		memcpy(log->waiting.text + log->waiting.size, line, size);
		log->waiting.size += size;
		log->waiting.n++;
	}
	must_wake = before == 0 || (before < WELL_FILLED && log->waiting.size >= WELL_FILLED);
	pthread_mutex_unlock(&log->lock);
	if (must_wake)
		pthread_cond_signal(&log->wake);
	if (!fits)
		atomic_fetch_add(&log->n_dropped, 1);
}

void
access_log_reopen(struct access_log *log)
{
	pthread_mutex_lock(&log->lock);
	log->wants_reopen = true;
	pthread_cond_signal(&log->wake);
	pthread_mutex_unlock(&log->lock);
}

uint64_t
access_log_n_dropped(struct access_log *log)
{
	return atomic_load(&log->n_dropped);
}
