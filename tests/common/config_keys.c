/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints every key of weir.yaml, as the schema has them, with its path: "services[].name". Keys of
 * a map that stands in several places are printed for the first alone. Tests compare the
 * documentation with it. */
#include "common/config_schema.h"

#include <stdbool.h>
#include <stdio.h>

#define MAPS_MAX 64
#define PATH_MAX_SIZE 256

/* The maps printed so far. */
struct seen {
	const struct cyaml_schema_field *maps[MAPS_MAX];
	size_t n;
};

static bool
is_new(struct seen *seen, const struct cyaml_schema_field *fields)
{
	for (size_t i = 0; i < seen->n; i++) {
		if (seen->maps[i] == fields)
			return false;
	}
	if (seen->n < MAPS_MAX)
		seen->maps[seen->n++] = fields;
	return true;
}

static void
print_map(struct seen *seen, const char *path, const struct cyaml_schema_field *field)
{
	for (; field->key; field++) {
		const struct cyaml_schema_value *value = &field->value;
		char own[PATH_MAX_SIZE];
		int size = snprintf(own, sizeof(own), "%s%s%s", path, *path ? "." : "", field->key);

		puts(own);
		if (value->type == CYAML_SEQUENCE) {
			value = value->sequence.entry;
			snprintf(own + size, sizeof(own) - (size_t)size, "[]");
		}
		if (value->type == CYAML_MAPPING && is_new(seen, value->mapping.fields))
			print_map(seen, own, value->mapping.fields);
	}
}

int
main(void)
{
	struct seen seen = {.n = 0};

	print_map(&seen, "", config_schema.mapping.fields);
	return 0;
}
