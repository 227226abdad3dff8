/* SPDX-License-Identifier: BSD-3-Clause */
/* Prometheus text; see exposition.h. A line is parsed in place in a copy of the text: names and
 * values become strings by the NULs written over their delimiters. */
#include "monitor/exposition.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char name_start[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:";
static const char name_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789";

static char *
skip_blanks(char *at)
{
	return at + strspn(at, " \t");
}

/* Ends the name at '*at' with a NUL after remembering the delimiter in '*delimiter'. */
static const char *
take_name(char **at, char *delimiter)
{
	char *name = *at;
	size_t size = strspn(name, name_chars);

	if (size == 0 || !strchr(name_start, *name))
		return NULL;
	*delimiter = name[size];
	name[size] = '\0';
	*at = name + size;
	return name;
}

/* Unescapes the quoted value at '*at' (behind the opening quote) in place. */
static const char *
take_value(char **at)
{
	char *value = *at, *to = *at, *from = *at;

	while (*from && *from != '"') {
		if (*from == '\\') {
			from++;
			if (*from == 'n')
				*from = '\n';
			else if (*from != '\\' && *from != '"')
				return NULL;
		}
		*to++ = *from++;
	}
	if (*from != '"')
		return NULL;
	*to = '\0';
	*at = from + 1;
	return value;
}

/* Reads "name="value",..." up to and with '}'. */
static bool
take_labels(char **at, struct exposition_sample *sample)
{
	for (;;) {
		struct exposition_label *label = &sample->labels[sample->n_labels];
		char delimiter;

		*at = skip_blanks(*at);
		if (**at == '}') {
			(*at)++;
			return true;
		}
		if (sample->n_labels == EXPOSITION_LABELS_MAX)
			return false;
		label->name = take_name(at, &delimiter);
		if (!label->name || delimiter != '=' || (*at)[1] != '"')
			return false;
		*at += 2;
		label->value = take_value(at);
		if (!label->value)
			return false;
		sample->n_labels++;
		*at = skip_blanks(*at);
		if (**at == ',')
			(*at)++;
		else if (**at != '}')
			return false;
	}
}

static bool
take_sample(char *line, struct exposition_sample *sample)
{
	char delimiter, *end;

	sample->n_labels = 0;
	sample->name = take_name(&line, &delimiter);
	if (!sample->name)
		return false;
	if (delimiter == '{') {
		line++;
		if (!take_labels(&line, sample))
			return false;
	} else if (delimiter == ' ' || delimiter == '\t') {
		line++;
	} else {
		return false;
	}
	line = skip_blanks(line);
	sample->value = strtod(line, &end);
	if (end == line)
		return false;
	end = skip_blanks(end);
	if (*end) { /* A timestamp in milliseconds may follow. */
		strtoll(end, &end, 10);
		end = skip_blanks(end);
	}
	return *end == '\0';
}

const char *
exposition_label(const struct exposition_sample *sample, const char *name)
{
	for (size_t i = 0; i < sample->n_labels; i++) {
		if (strcmp(sample->labels[i].name, name) == 0)
			return sample->labels[i].value;
	}
	return NULL;
}

int
exposition_read(const char *text, void (*each)(void *ctx, const struct exposition_sample *sample),
	void *ctx)
{
	char *copy = strdup(text), *rest = copy, *line;
	struct exposition_sample sample;
	int n_bad = 0;

	if (!copy)
		return -ENOMEM;
	while ((line = strsep(&rest, "\n"))) {
		size_t size = strlen(line);

		if (size > 0 && line[size - 1] == '\r')
			line[size - 1] = '\0';
		line = skip_blanks(line);
		if (*line == '\0' || *line == '#')
			continue;
		if (take_sample(line, &sample))
			each(ctx, &sample);
		else
			n_bad++;
	}
	free(copy);
	return n_bad;
}
