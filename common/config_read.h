/* SPDX-License-Identifier: BSD-3-Clause */
/* Scalars of weir.yaml read with their checks; internal to config_*.c.
 *
 * A reader remembers the first error only: after it, readers return harmless values and builders
 * run on, so that code which makes a model reads as a list of its keys. config.c looks at 'code' at
 * the end. Every message is "FILE:LINE: path: what is wrong and what is allowed". */
#ifndef COMMON_CONFIG_READ_H
#define COMMON_CONFIG_READ_H

#include "common/addr.h"
#include "common/arena.h"
#include "common/err.h"
#include "common/yaml_lines.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_PATH_SIZE 256

struct config_reader {
	const char *file;   /* As the user named it. */
	const char *folder; /* Absolute; what relative paths are relative to. */
	const struct yaml_lines *lines;
	struct arena *arena; /* The model's. */
	struct err *err;
	int code; /* 0, or the negative errno of the first error. */
};

/* A path like "services[2]", to which a key is appended. */
struct config_path {
	char text[CONFIG_PATH_SIZE];
};

struct config_path config_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sets the error unless there is one: at 'path' and, when 'key' is not NULL, at that key of it. */
void config_fail(struct config_reader *reader, const char *path, const char *key,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* As arena_array(); sets -ENOMEM. */
void *config_array(struct config_reader *reader, size_t n, size_t size);

/* In all of these 'raw' is the text, or NULL where the key is missing. */

/* Marks a missing key as an error. */
#define CONFIG_REQUIRED UINT64_MAX
struct config_range {
	uint64_t min, max;
	uint64_t missing; /* Value of a missing key, or CONFIG_REQUIRED. */
};

uint64_t config_number(struct config_reader *reader, const char *path, const char *key,
	const char *raw, struct config_range range);
bool config_bool(struct config_reader *reader, const char *path, const char *key, const char *raw,
	bool missing);
/* A required name (see MODEL_NAME_MAX). */
const char *config_name(
	struct config_reader *reader, const char *path, const char *key, const char *raw);
/* A text copied into the arena; 'missing' (may be NULL) where there is none. */
const char *config_text(struct config_reader *reader, const char *path, const char *key,
	const char *raw, const char *missing);
/* A required text. */
const char *config_required(
	struct config_reader *reader, const char *path, const char *key, const char *raw);
/* An absolute path; NULL where the key is missing. */
const char *config_file(
	struct config_reader *reader, const char *path, const char *key, const char *raw);
/* One of 'words' (ended by NULL); returns its index, 'missing' where there is none. A negative
 * 'missing' makes the key required. */
int config_word(struct config_reader *reader, const char *path, const char *key, const char *raw,
	const char *const *words, int missing);
struct addr config_addr(
	struct config_reader *reader, const char *path, const char *key, const char *raw);
/* ADDR_NONE where the key is missing. */
struct endpoint config_endpoint(
	struct config_reader *reader, const char *path, const char *key, const char *raw);

#endif /* COMMON_CONFIG_READ_H */
