/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters, sequences and lists of a keepalived configuration: texts that stand for others. */
#ifndef CONTROLPLANE_IMPORT_KEEPALIVED_EXPAND_H
#define CONTROLPLANE_IMPORT_KEEPALIVED_EXPAND_H

#include "common/arena.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

/* The longest line, and what a text that stands for many lines may come to. */
#define EXPAND_SIZE_MAX (1u << 20)

struct parameter_value {
	const char *name;
	const char *value; /* Lines are parted by '\n'. */
	struct parameter_value *next;
};

struct expander {
	struct arena *arena;
	struct parameter_value *values;
	size_t n_values;
	size_t budget; /* Bytes that may still be made: what keeps "$A=$B$B" in bounds. */
};

/* The size of the name that 'text' begins with; 0 if it begins with none. */
size_t expand_name_size(const char *text);

/* Sets the parameter called by the first 'size' bytes of 'name'. Returns 0, -ENOMEM, or -E2BIG
 * if there are too many. */
int expand_define(struct expander *expander, const char *name, size_t size, const char *value);

/* If 'line' is "$NAME=VALUE", returns true with the size of the name and where the value is. */
bool expand_is_definition(const char *line, size_t *size, const char **value);

/* Replaces the first parameter of 'line' that is defined. Returns 1 with '*out', 0 if there is
 * none, or a negative errno with 'err' set. */
int expand_parameter(
	struct expander *expander, const char *line, const char **out, struct err *err);

/* If 'line' begins with "~SEQ" or "~LST", returns 1 with the lines it stands for, parted by '\n',
 * in
 * '*out'; 0 if it does not; or a negative errno with 'err' set. */
int expand_sequence(struct expander *expander, const char *line, const char **out, struct err *err);

#endif /* CONTROLPLANE_IMPORT_KEEPALIVED_EXPAND_H */
