/* SPDX-License-Identifier: BSD-3-Clause */
/* Where in a YAML text each key and list item stands: "services[2].port" -> line 57.
 *
 * libcyaml fills structs but tells no positions, and a message about a configuration is worth
 * little without its line. This reads the same text with libyaml's event parser and keeps only
 * paths and lines. */
#ifndef COMMON_YAML_LINES_H
#define COMMON_YAML_LINES_H

#include "common/err.h"

#include <stddef.h>

struct yaml_lines;

/* Reads 'text', which came from 'file' (for messages). Returns 0 and the index, which the caller
 * frees; or -EINVAL with 'err' set to "FILE:LINE: what the syntax error is", or -ENOMEM. */
int yaml_lines_new(
	struct yaml_lines **out, const char *file, const char *text, size_t size, struct err *err);
void yaml_lines_free(struct yaml_lines *lines);

/* The line (from 1) of 'path', or of its nearest parent that exists; 1 for an empty path. */
unsigned int yaml_lines_find(const struct yaml_lines *lines, const char *path);

#endif /* COMMON_YAML_LINES_H */
