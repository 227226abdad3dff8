/* SPDX-License-Identifier: BSD-3-Clause */
/* Logging; see log.h. */
#include "common/log.h"

#include "common/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE 1024
#define LIMIT_BURST 5

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

static enum log_level max_level = LOG_INFO;

void
log_set_level(enum log_level level)
{
	max_level = level;
}

int
log_level_parse(const char *text, enum log_level *out, struct err *err)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return err_set(
		err, -EINVAL, "'%s' is not a log level: choose error, warn, info or debug", text);
}

/* Writes the whole line by one write(), so that lines of several threads do not mix. Control
 * characters in it become '?', so that nothing a peer sent can forge a line. */
static void
write_line(
	enum log_level level, const char *module, uint32_t n_held, const char *format, va_list args)
{
	char line[LINE_SIZE];
	char time_text[32];
	struct timespec now;
	struct tm tm;
	int size;
	size_t start;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &tm);
	start = (size_t)snprintf(line, sizeof(line), "%s.%03ldZ %s %s: ", time_text,
		now.tv_nsec / 1000000, level_names[level], module);
	size = vsnprintf(line + start, sizeof(line) - start - 1, format, args);
	if (size < 0)
		return;
	size_t end = strlen(line);

	if (n_held > 0 && end < sizeof(line) - 1) {
		snprintf(line + end, sizeof(line) - end - 1, " (%u like it not shown)", n_held);
		end = strlen(line);
	}
	for (size_t i = start; i < end; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	line[end++] = '\n';
	while (write(STDERR_FILENO, line, end) < 0 && errno == EINTR)
		continue;
}

void
log_write(enum log_level level, const char *module, const char *format, ...)
{
	va_list args;

	if (level > max_level)
		return;
	va_start(args, format);
	write_line(level, module, 0, format, args);
	va_end(args);
}

bool
log_limit_take(struct log_limit *limit, uint32_t burst, uint64_t now_ns, uint32_t *n_held)
{
	if (limit->window_start_ns == 0 ||
		now_ns - limit->window_start_ns >= LOG_LIMIT_WINDOW_S * NS_PER_S) {
		limit->window_start_ns = now_ns;
		limit->n_passed = 0;
	}
	if (limit->n_passed >= burst) {
		limit->n_held++;
		return false;
	}
	limit->n_passed++;
	*n_held = limit->n_held;
	limit->n_held = 0;
	return true;
}

void
log_write_limited(
	struct log_limit *limit, enum log_level level, const char *module, const char *format, ...)
{
	uint32_t n_held = 0;
	va_list args;

	if (level > max_level || !log_limit_take(limit, LIMIT_BURST, clock_now_ns(), &n_held))
		return;
	va_start(args, format);
	write_line(level, module, n_held, format, args);
	va_end(args);
}
