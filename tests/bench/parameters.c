/* SPDX-License-Identifier: BSD-3-Clause */
/* Arguments of the measuring programs; see parameters.h. */
#include "parameters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2

static void
print_words(FILE *to, const struct parameter *parameter)
{
	for (size_t i = 0; parameter->words[i]; i++)
		fprintf(to, "%s%s", i ? ", " : "", parameter->words[i]);
}

static void
print_help(const struct parameter *table, size_t n, const char *program)
{
	printf("usage: %s [--NAME VALUE]...\n\n", program);
	for (size_t i = 0; i < n; i++) {
		printf("  --%-12s %s", table[i].name, table[i].help);
		if (table[i].words) {
			printf(": ");
			print_words(stdout, &table[i]);
		} else {
			printf(" (%u to %u)", table[i].min, table[i].max);
		}
		printf("\n");
	}
}

static const struct parameter *
find(const struct parameter *table, size_t n, const char *argument)
{
	for (size_t i = 0; i < n; i++) {
		if (strncmp(argument, "--", 2) == 0 && strcmp(argument + 2, table[i].name) == 0)
			return &table[i];
	}
	return NULL;
}

static int
parse_value(const struct parameter *parameter, const char *text, uint32_t *out)
{
	unsigned long value;
	char *end;

	for (size_t i = 0; parameter->words && parameter->words[i]; i++) {
		if (strcmp(text, parameter->words[i]) == 0) {
			*out = (uint32_t)i;
			return 0;
		}
	}
	if (parameter->words)
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end != '\0' || value < parameter->min ||
		value > parameter->max)
		return -EINVAL;
	*out = (uint32_t)value;
	return 0;
}

static void
refuse(const struct parameter *parameter, const char *text)
{
	fprintf(stderr, "--%s '%s': it is ", parameter->name, text);
	if (parameter->words) {
		fprintf(stderr, "one of ");
		print_words(stderr, parameter);
		fprintf(stderr, "\n");
	} else {
		fprintf(stderr, "a number of %u to %u\n", parameter->min, parameter->max);
	}
	exit(EXIT_USAGE);
}

void
parameters_parse(const struct parameter *table, size_t n, void *into, int argc, char *const *argv)
{
	for (int i = 1; i < argc; i += 2) {
		const struct parameter *parameter = find(table, n, argv[i]);
		uint32_t value;

		if (strcmp(argv[i], "--help") == 0) {
			print_help(table, n, argv[0]);
			exit(EXIT_SUCCESS);
		}
		if (!parameter || i + 1 >= argc) {
			fprintf(stderr, "%s %s: try %s --help\n", argv[i],
				parameter ? "needs a value" : "is not known", argv[0]);
			exit(EXIT_USAGE);
		}
		if (parse_value(parameter, argv[i + 1], &value) < 0)
			refuse(parameter, argv[i + 1]);
		memcpy((uint8_t *)into + parameter->offset, &value, sizeof(value));
	}
}
