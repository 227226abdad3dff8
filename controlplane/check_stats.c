/* SPDX-License-Identifier: BSD-3-Clause */
/* What health checks count of themselves; see check_stats.h. */
#include "controlplane/check_stats.h"

#include "common/clock.h"

#include <stdio.h>

static const uint64_t bounds_ms[CHECK_STATS_BUCKETS] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};

uint64_t
check_stats_bound_ns(unsigned int bucket)
{
	return bounds_ms[bucket] * NS_PER_MS;
}

void
check_stats_begin(struct check_stats *stats, uint64_t late_ns)
{
	unsigned int bucket = 0;

	while (bucket < CHECK_STATS_BUCKETS && late_ns > check_stats_bound_ns(bucket))
		bucket++;
	stats->late[bucket]++;
	stats->late_ns += late_ns;
}

void
check_stats_write(struct metrics *metrics, const struct check_stats *stats)
{
	const struct {
		const char *result;
		uint64_t n;
	} results[] = {
		{"good", stats->n_good},
		{"bad", stats->n_bad - stats->n_timeouts},
		{"timeout", stats->n_timeouts},
	};
	struct metric_label label = {.name = "le"};
	uint64_t n = 0;

	metrics_family(metrics, "weir_checks_total", METRIC_COUNTER,
		"Probes of health checks that have ended.");
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		metrics_value(metrics, (double)results[i].n, "result", results[i].result, NULL);
	metrics_family(metrics, "weir_checks_hurried_total", METRIC_COUNTER,
		"Probes that signs of trouble brought forward.");
	metrics_value(metrics, (double)stats->n_hurried, NULL);
	metrics_family(metrics, "weir_check_lateness_seconds", METRIC_HISTOGRAM,
		"How long after it was due a probe began.");
	for (unsigned int i = 0; i <= CHECK_STATS_BUCKETS; i++) {
		char bound[32] = "+Inf";

		n += stats->late[i];
		if (i < CHECK_STATS_BUCKETS)
			snprintf(bound, sizeof(bound), "%g", (double)bounds_ms[i] / 1000);
		label.value = bound;
		metrics_sample(metrics, "_bucket", &label, 1, (double)n);
	}
	metrics_sample(metrics, "_sum", NULL, 0, (double)stats->late_ns / (double)NS_PER_S);
	metrics_sample(metrics, "_count", NULL, 0, (double)n);
}
