/* SPDX-License-Identifier: BSD-3-Clause */
/* Prometheus text exposition format 0.0.4, written into a growing buffer.
 *
 * Usage: metrics_family() once per name, then metrics_sample() for each set of labels. Label
 * values are escaped. Belongs to one thread. */
#ifndef COMMON_METRICS_H
#define COMMON_METRICS_H

#include <stddef.h>
#include <stdint.h>

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metric_type {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM
};

struct metric_label {
	const char *name;
	const char *value;
};

struct metrics {
	char *text;  /* NUL-terminated; NULL while empty. */
	size_t size; /* Bytes of text without the NUL. */
	size_t capacity;
	const char *family; /* Name of the family being written. */
};

void metrics_init(struct metrics *metrics);
void metrics_fini(struct metrics *metrics);

/* Begins the family 'name' (must outlive its samples) with its help and type lines. */
void metrics_family(
	struct metrics *metrics, const char *name, enum metric_type type, const char *help);

/* Adds a sample of the current family. 'suffix' is "" or "_bucket", "_sum", "_count". */
void metrics_sample(struct metrics *metrics, const char *suffix, const struct metric_label *labels,
	size_t n_labels, double value);

/* As metrics_sample() with any number of "name", "value" pairs, ended by NULL. */
void metrics_value(struct metrics *metrics, double value, ...) __attribute__((sentinel));

#endif /* COMMON_METRICS_H */
