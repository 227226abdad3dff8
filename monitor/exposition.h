/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the Prometheus text exposition format (0.0.4), as /metrics pages of any origin have it.
 *
 * Lines that are not well-formed are counted and passed over, so that one bad line does not hide
 * the rest. No I/O. */
#ifndef MONITOR_EXPOSITION_H
#define MONITOR_EXPOSITION_H

#include <stddef.h>

#define EXPOSITION_LABELS_MAX 16

struct exposition_label {
	const char *name;
	const char *value; /* Unescaped. */
};

struct exposition_sample {
	const char *name;
	double value;
	size_t n_labels;
	struct exposition_label labels[EXPOSITION_LABELS_MAX];
};

/* The value of the label 'name', or NULL. */
const char *exposition_label(const struct exposition_sample *sample, const char *name);

/* Calls 'each' for every sample of 'text' (NUL-terminated). Strings are valid during the call.
 * Returns how many lines were malformed, or -ENOMEM. */
int exposition_read(const char *text,
	void (*each)(void *ctx, const struct exposition_sample *sample), void *ctx);

#endif /* MONITOR_EXPOSITION_H */
