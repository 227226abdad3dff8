/* SPDX-License-Identifier: BSD-3-Clause */
/* Prometheus text; see metrics.h. */
#include "common/metrics.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX 8

static const char *const type_names[] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram",
};

void
metrics_init(struct metrics *metrics)
{
	memset(metrics, 0, sizeof(*metrics));
}

void
metrics_fini(struct metrics *metrics)
{
	free(metrics->text);
	metrics_init(metrics);
}

static void
append(struct metrics *metrics, const char *text, size_t size)
{
	if (metrics->size + size + 1 > metrics->capacity) {
		size_t capacity = metrics->capacity ? metrics->capacity : 4096;
		char *grown;

		while (capacity < metrics->size + size + 1)
			capacity *= 2;
		grown = realloc(metrics->text, capacity);
		if (!grown)
			return; /* The page is short by a line; the process lives. */
		metrics->text = grown;
		metrics->capacity = capacity;
	}
	memcpy(metrics->text + metrics->size, text, size);
	metrics->size += size;
	metrics->text[metrics->size] = '\0';
}

static void
append_text(struct metrics *metrics, const char *text)
{
	append(metrics, text, strlen(text));
}

static void
append_escaped(struct metrics *metrics, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			append(metrics, "\\n", 2);
		else if (*value == '"' || *value == '\\')
			append(metrics, (char[]){'\\', *value}, 2);
		else
			append(metrics, value, 1);
	}
}

void
metrics_family(struct metrics *metrics, const char *name, enum metric_type type, const char *help)
{
	metrics->family = name;
	append_text(metrics, "# HELP ");
	append_text(metrics, name);
	append_text(metrics, " ");
	append_text(metrics, help);
	append_text(metrics, "\n# TYPE ");
	append_text(metrics, name);
	append_text(metrics, " ");
	append_text(metrics, type_names[type]);
	append_text(metrics, "\n");
}

/* Digits that a reader needs to get the same value back: 15 nearly always, at most 17. */
static int
shortest_precision(double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g", value);
	return strtod(text, NULL) == value ? 15 : 17;
}

void
metrics_sample(struct metrics *metrics, const char *suffix, const struct metric_label *labels,
	size_t n_labels, double value)
{
	char number[40];

	append_text(metrics, metrics->family);
	append_text(metrics, suffix);
	for (size_t i = 0; i < n_labels; i++) {
		append_text(metrics, i == 0 ? "{" : ",");
		append_text(metrics, labels[i].name);
		append_text(metrics, "=\"");
		append_escaped(metrics, labels[i].value);
		append_text(metrics, "\"");
	}
	if (n_labels > 0)
		append_text(metrics, "}");
	if (isnan(value))
		snprintf(number, sizeof(number), " NaN\n");
	else if (isinf(value))
		snprintf(number, sizeof(number), value > 0 ? " +Inf\n" : " -Inf\n");
	else
		snprintf(number, sizeof(number), " %.*g\n", shortest_precision(value), value);
	append_text(metrics, number);
}

void
metrics_value(struct metrics *metrics, double value, ...)
{
	struct metric_label labels[LABELS_MAX];
	size_t n_labels = 0;
	va_list args;
	const char *name;

	va_start(args, value);
	while (n_labels < LABELS_MAX && (name = va_arg(args, const char *)) != NULL) {
		labels[n_labels].name = name;
		labels[n_labels].value = va_arg(args, const char *);
		n_labels++;
	}
	va_end(args);
	metrics_sample(metrics, "", labels, n_labels, value);
}
