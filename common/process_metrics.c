/* SPDX-License-Identifier: BSD-3-Clause */
/* Figures of the own process, from /proc; see process_metrics.h and proc(5). */
#include "common/process_metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define LINE_SIZE 1024

/* Reads the first line that begins with 'start'. Returns 0 or -1. */
static int
read_line(const char *path, const char *start, char *line, int size)
{
	FILE *file = fopen(path, "re");
	int result = -1;

	if (!file)
		return -1;
	while (result < 0 && fgets(line, size, file)) {
		if (strncmp(line, start, strlen(start)) == 0)
			result = 0;
	}
	fclose(file);
	return result;
}

/* Field 22 of /proc/self/stat is the start in clock ticks after boot. The second field is the
 * program's name in parentheses and may hold spaces. */
static int
start_ticks(double *out)
{
	char line[LINE_SIZE];
	char *at;

	if (read_line("/proc/self/stat", "", line, sizeof(line)) < 0)
		return -1;
	at = strrchr(line, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -1;
	*out = strtod(at, NULL);
	return 0;
}

static void
add_start_time(struct metrics *metrics)
{
	char line[LINE_SIZE];
	double boot_s;
	double ticks;

	if (read_line("/proc/stat", "btime ", line, sizeof(line)) < 0 || start_ticks(&ticks) < 0)
		return;
	boot_s = strtod(line + strlen("btime "), NULL);
	metrics_family(metrics, "weir_start_time_seconds", METRIC_GAUGE,
		"When the process started, in seconds since 1970.");
	metrics_value(metrics, boot_s + ticks / (double)sysconf(_SC_CLK_TCK), NULL);
}

static double
seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static void
add_usage(struct metrics *metrics)
{
	char line[LINE_SIZE];
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) == 0) {
		metrics_family(metrics, "process_cpu_seconds_total", METRIC_COUNTER,
			"Processor time used, user and system.");
		metrics_value(metrics, seconds(&usage.ru_utime) + seconds(&usage.ru_stime), NULL);
	}
	if (read_line("/proc/self/statm", "", line, sizeof(line)) == 0 && strchr(line, ' ')) {
		double resident = strtod(strchr(line, ' '), NULL); /* The second number. */

		metrics_family(metrics, "process_resident_memory_bytes", METRIC_GAUGE,
			"Memory of the process that is in RAM.");
		metrics_value(metrics, resident * (double)sysconf(_SC_PAGESIZE), NULL);
	}
}

static void
add_descriptors(struct metrics *metrics)
{
	struct rlimit limit;
	unsigned int n = 0;
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.';
	closedir(dir);
	metrics_family(metrics, "process_open_fds", METRIC_GAUGE, "Open file descriptors.");
	metrics_value(metrics, n - 1, NULL); /* Without that of the listing itself. */
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return;
	metrics_family(
		metrics, "process_max_fds", METRIC_GAUGE, "File descriptors that may be open.");
	metrics_value(metrics, (double)limit.rlim_cur, NULL);
}

void
process_metrics(struct metrics *metrics, const char *node, const char *role)
{
	metrics_family(metrics, "weir_node_info", METRIC_GAUGE, "Who this is; always 1.");
	metrics_value(metrics, 1, "node", node, "role", role, "version", WEIR_VERSION, NULL);
	add_start_time(metrics);
	add_usage(metrics);
	add_descriptors(metrics);
}
