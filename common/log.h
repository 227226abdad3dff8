/* SPDX-License-Identifier: BSD-3-Clause */
/* Logging to standard error, one line a message: "2026-01-02T03:04:05.678Z warn vrrp: text".
 *
 * Each file that logs says LOG_MODULE("vrrp") once. Formats carry no newline. A message that a
 * peer can provoke goes through LOG_LIMITED, which lets a few through and then counts. May be
 * called from any thread, never from a signal handler and never per packet. */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG
};

/* The level up to which messages are written; LOG_INFO at start. */
void log_set_level(enum log_level level);

/* Parses "error", "warn", "info" or "debug". Returns 0, or -EINVAL with 'err' set. */
int log_level_parse(const char *text, enum log_level *out, struct err *err);

void log_write(enum log_level level, const char *module, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* At most 'burst' messages in any 'LOG_LIMIT_WINDOW_S' seconds; the next one let through tells
 * how many were held back. One limiter per call site (LOG_LIMITED makes it). */
#define LOG_LIMIT_WINDOW_S 5

struct log_limit {
	uint64_t window_start_ns;
	uint32_t n_passed;
	uint32_t n_held;
};

/* Returns true if a message may be written now; '*n_held' is how many were not since the last. */
bool log_limit_take(struct log_limit *limit, uint32_t burst, uint64_t now_ns, uint32_t *n_held);

void log_write_limited(struct log_limit *limit, enum log_level level, const char *module,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

#define LOG_MODULE(name) static const char *const log_module = (name)

#define LOG_ERR(...) log_write(LOG_ERROR, log_module, __VA_ARGS__)
#define LOG_WARNING(...) log_write(LOG_WARN, log_module, __VA_ARGS__)
#define LOG_INFORM(...) log_write(LOG_INFO, log_module, __VA_ARGS__)
#define LOG_DBG(...) log_write(LOG_DEBUG, log_module, __VA_ARGS__)

#define LOG_LIMITED(level, ...)                                                     \
	do {                                                                        \
		static struct log_limit log_limit_here;                             \
		log_write_limited(&log_limit_here, level, log_module, __VA_ARGS__); \
	} while (0)

#endif /* COMMON_LOG_H */
