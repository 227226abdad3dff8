/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of the measuring programs: `--name value` for each row of a table. */
#ifndef TESTS_BENCH_PARAMETERS_H
#define TESTS_BENCH_PARAMETERS_H

#include <stddef.h>
#include <stdint.h>

struct parameter {
	const char *name;
	const char *help;
	size_t offset; /* Of a uint32_t in the struct that is filled. */
	uint32_t min;
	uint32_t max;
	const char *const *words; /* NULL: a number; else the value is the index of one of these. */
};

/* Fills 'into' from the arguments; what is not given stays as it is. Does not return on --help and
 * on what is wrong, which it prints. */
void parameters_parse(
	const struct parameter *table, size_t n, void *into, int argc, char *const *argv);

#endif /* TESTS_BENCH_PARAMETERS_H */
