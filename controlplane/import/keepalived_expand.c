/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters of a keepalived configuration; see keepalived_expand.h. Sequences and lists are in
 * keepalived_sequence.c. */
#include "controlplane/import/keepalived_expand.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define PARAMETERS_MAX 1000
#define OVERHEAD 64 /* Of making a text, beside its bytes. */

size_t
expand_name_size(const char *text)
{
	size_t size = 0;

	if (isdigit((unsigned char)*text))
		return 0;
	while (isalnum((unsigned char)text[size]) || text[size] == '_')
		size++;
	return size;
}

bool
expand_is_definition(const char *line, size_t *size, const char **value)
{
	if (*line != '$')
		return false;
	*size = expand_name_size(line + 1);
	if (*size == 0 || line[1 + *size] != '=')
		return false;
	*value = line + 1 + *size + 1;
	return true;
}

static struct parameter_value *
find(const struct expander *expander, const char *name, size_t size)
{
	struct parameter_value *value = expander->values;

	while (value && !(strlen(value->name) == size && memcmp(value->name, name, size) == 0))
		value = value->next;
	return value;
}

int
expand_define(struct expander *expander, const char *name, size_t size, const char *value)
{
	struct parameter_value *parameter = find(expander, name, size);

	if (!parameter) {
		char *copy = arena_array(expander->arena, size + 1, 1);

		if (expander->n_values++ == PARAMETERS_MAX)
			return -E2BIG;
		parameter = arena_array(expander->arena, 1, sizeof(*parameter));
		if (!parameter || !copy)
			return -ENOMEM;
		memcpy(copy, name, size);
		parameter->name = copy;
		parameter->next = expander->values;
		expander->values = parameter;
	}
	parameter->value = arena_strdup(expander->arena, value);
	return parameter->value ? 0 : -ENOMEM;
}

/* What of a line is a parameter. */
struct place {
	const char *begin, *end;
	const char *value;
};

/* "${NAME}", or "$NAME" with a space or the end behind it. */
static bool
find_place(const struct expander *expander, const char *line, struct place *place)
{
	for (const char *c = strchr(line, '$'); c; c = strchr(c + 1, '$')) {
		bool braces = c[1] == '{';
		const char *name = c + 1 + braces;
		size_t size = expand_name_size(name);
		const char *end = name + size;
		const struct parameter_value *value;

		if (size == 0)
			continue;
		if (braces ? *end != '}' : *end != '\0' && !isspace((unsigned char)*end))
			continue;
		value = find(expander, name, size);
		if (value) {
			*place = (struct place){c, end + braces, value->value};
			return true;
		}
	}
	return false;
}

int
expand_parameter(struct expander *expander, const char *line, const char **out, struct err *err)
{
	struct place place;
	size_t before, size, after;
	char *text;

	if (!find_place(expander, line, &place))
		return 0;
	before = (size_t)(place.begin - line);
	size = strlen(place.value);
	after = strlen(place.end);
	if (before + size + after > EXPAND_SIZE_MAX ||
		before + size + after + OVERHEAD > expander->budget)
		return err_set(err, -E2BIG,
			"'%.*s' grows beyond all bounds: does it stand for itself?",
			(int)(place.end - place.begin), place.begin);
	expander->budget -= before + size + after + OVERHEAD;
	text = arena_array(expander->arena, before + size + after + 1, 1);
	if (!text)
		return err_set(err, -ENOMEM, "out of memory");
	memcpy(text, line, before);
	memcpy(text + before, place.value, size);
	memcpy(text + before + size, place.end, after);
	*out = text;
	return 1;
}
