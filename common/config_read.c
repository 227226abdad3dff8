/* SPDX-License-Identifier: BSD-3-Clause */
/* Scalars of weir.yaml; see config_read.h. */
#include "common/config_read.h"

#include "common/model.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct config_path
config_path(const char *format, ...)
{
	struct config_path path;
	va_list args;

	va_start(args, format);
	vsnprintf(path.text, sizeof(path.text), format, args);
	va_end(args);
	return path;
}

void
config_fail(
	struct config_reader *reader, const char *path, const char *key, const char *format, ...)
{
	struct config_path full;
	char text[ERR_TEXT_SIZE];
	va_list args;

	if (reader->code < 0)
		return;
	full = key ? config_path("%s%s%s", path, *path ? "." : "", key) : config_path("%s", path);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	reader->code = err_set(reader->err, -EINVAL, "%s:%u: %s%s%s", reader->file,
		yaml_lines_find(reader->lines, full.text), full.text, *full.text ? ": " : "", text);
}

void *
config_array(struct config_reader *reader, size_t n, size_t size)
{
	void *array = arena_array(reader->arena, n, size);

	if (!array && reader->code == 0)
		reader->code = err_set(reader->err, -ENOMEM, "%s: out of memory", reader->file);
	return array;
}

static bool
is_missing(struct config_reader *reader, const char *path, const char *key, const char *raw,
	bool required)
{
	if (raw)
		return false;
	if (required)
		config_fail(reader, path, NULL, "the key '%s' is missing", key);
	return true;
}

uint64_t
config_number(struct config_reader *reader, const char *path, const char *key, const char *raw,
	struct config_range range)
{
	unsigned long long number;
	char *end;

	if (is_missing(reader, path, key, raw, range.missing == CONFIG_REQUIRED))
		return range.missing == CONFIG_REQUIRED ? range.min : range.missing;
	errno = 0;
	number = strtoull(raw, &end, 10);
	if (!isdigit((unsigned char)*raw) || *end || errno || number < range.min ||
		number > range.max) {
		config_fail(reader, path, key, "'%s' is not a whole number from %llu to %llu", raw,
			(unsigned long long)range.min, (unsigned long long)range.max);
		return range.min;
	}
	return number;
}

int
config_word(struct config_reader *reader, const char *path, const char *key, const char *raw,
	const char *const *words, int missing)
{
	char allowed[ERR_TEXT_SIZE / 2] = "";

	if (is_missing(reader, path, key, raw, missing < 0))
		return missing < 0 ? 0 : missing;
	for (int i = 0; words[i]; i++) {
		size_t size = strlen(allowed);

		if (strcmp(raw, words[i]) == 0)
			return i;
		snprintf(allowed + size, sizeof(allowed) - size, "%s%s", i ? ", " : "", words[i]);
	}
	config_fail(reader, path, key, "'%s' is not known here; choose from: %s", raw, allowed);
	return 0;
}

bool
config_bool(struct config_reader *reader, const char *path, const char *key, const char *raw,
	bool missing)
{
	static const char *const words[] = {"no", "yes", "false", "true", NULL};

	return config_word(reader, path, key, raw, words, missing) % 2 == 1;
}

const char *
config_name(struct config_reader *reader, const char *path, const char *key, const char *raw)
{
	size_t size;

	if (is_missing(reader, path, key, raw, true))
		return "";
	size = strspn(raw, "abcdefghijklmnopqrstuvwxyz0123456789-_");
	if (!islower((unsigned char)*raw) || raw[size] || size > MODEL_NAME_MAX) {
		config_fail(reader, path, key,
			"'%s' is not a name: use a-z, 0-9, '-' and '_', a letter first, at most %d "
			"characters",
			raw, MODEL_NAME_MAX);
		return "";
	}
	return config_text(reader, path, key, raw, NULL);
}

const char *
config_text(struct config_reader *reader, const char *path, const char *key, const char *raw,
	const char *missing)
{
	char *copy;

	if (!raw)
		return missing;
	if (!*raw)
		config_fail(reader, path, key, "is empty: give a value or leave the key out");
	copy = arena_strdup(reader->arena, raw);
	if (!copy && reader->code == 0)
		reader->code = err_set(reader->err, -ENOMEM, "%s: out of memory", reader->file);
	return copy ? copy : "";
}

const char *
config_required(struct config_reader *reader, const char *path, const char *key, const char *raw)
{
	is_missing(reader, path, key, raw, true);
	return config_text(reader, path, key, raw, "");
}

const char *
config_file(struct config_reader *reader, const char *path, const char *key, const char *raw)
{
	const char *text = config_text(reader, path, key, raw, NULL);
	const char *full;

	if (!text || *text == '/')
		return text;
	full = arena_printf(reader->arena, "%s/%s", reader->folder, text);
	if (!full && reader->code == 0)
		reader->code = err_set(reader->err, -ENOMEM, "%s: out of memory", reader->file);
	return full ? full : "";
}

struct addr
config_addr(struct config_reader *reader, const char *path, const char *key, const char *raw)
{
	struct addr addr = {.family = ADDR_NONE};
	struct err why;

	if (is_missing(reader, path, key ? key : "address", raw, true))
		return addr;
	if (addr_parse(raw, &addr, &why) < 0)
		config_fail(reader, path, key, "%s", why.text);
	else if (addr_is_multicast(&addr))
		config_fail(
			reader, path, key, "'%s' is a multicast address: give a unicast one", raw);
	return addr;
}

struct endpoint
config_endpoint(struct config_reader *reader, const char *path, const char *key, const char *raw)
{
	struct endpoint endpoint = {.port = 0};
	struct err why;

	if (raw && endpoint_parse(raw, &endpoint, &why) < 0)
		config_fail(reader, path, key, "%s", why.text);
	return endpoint;
}
