/* SPDX-License-Identifier: BSD-3-Clause */
/* weir.yaml into a model; see config.h.
 *
 * Three steps: the text's structure against the schema (libcyaml, config_schema.c), its lines
 * (yaml_lines.c), its values and relations (config_nodes.c, config_balancing.c, config_tiers.c,
 * ...). */
#include "common/config.h"

#include "common/config_build.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_SIZE_MAX (64u << 20)

/* What libcyaml logs about one failure: first the complaint, then where, from the inside out. */
struct complaint {
	char text[ERR_TEXT_SIZE];
	struct config_path path;
};

static void
prepend_path(struct complaint *complaint, const struct config_path *piece)
{
	struct config_path rest = complaint->path;
	const char *join = *rest.text && *rest.text != '[' ? "." : "";

	complaint->path = config_path("%s%s%s", piece->text, join, rest.text);
}

/* Takes libcyaml's messages "Load: WHAT", "in mapping field 'KEY' (...)", "in sequence entry 'N'
 * (...)" (entries counted from 1). Its own line numbers point behind the value, so they are not
 * used. */
static void
take_cyaml_message(cyaml_log_t level, void *ctx, const char *format, va_list args)
{
	struct complaint *complaint = ctx;
	char line[ERR_TEXT_SIZE];
	const char *word, *end;

	(void)level;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	word = strchr(line, '\'');
	end = word ? strchr(word + 1, '\'') : NULL;
	if (strstr(line, "in mapping field '") && end) {
		struct config_path key = config_path("%.*s", (int)(end - word - 1), word + 1);

		prepend_path(complaint, &key);
	} else if (strstr(line, "in sequence entry '") && end) {
		struct config_path item = config_path("[%lu]", strtoul(word + 1, NULL, 10) - 1);

		prepend_path(complaint, &item);
	} else if (!*complaint->text && strncmp(line, "Load: ", 6) == 0) {
		snprintf(complaint->text, sizeof(complaint->text), "%s", line + 6);
	}
}

static int
report(const struct complaint *complaint, const char *file, const struct yaml_lines *lines,
	cyaml_err_t code, struct err *err)
{
	static const char unknown[] = "Unexpected key: ";
	static const char seen[] = "Mapping field already seen: ";
	struct config_path path = complaint->path;
	const char *key = NULL;

	if (strncmp(complaint->text, unknown, strlen(unknown)) == 0)
		key = complaint->text + strlen(unknown);
	if (key) {
		path = config_path("%s%s%s", path.text, *path.text ? "." : "", key);
		return err_set(err, -EINVAL,
			"%s:%u: the key '%s' is not known here (docs/config.md lists all keys)",
			file, yaml_lines_find(lines, path.text), path.text);
	}
	if (strncmp(complaint->text, seen, strlen(seen)) == 0)
		return err_set(err, -EINVAL, "%s:%u: the key '%s' is given twice", file,
			yaml_lines_find(lines, path.text), complaint->text + strlen(seen));
	return err_set(err, -EINVAL, "%s:%u: %s%s%s", file, yaml_lines_find(lines, path.text),
		path.text, *path.text ? ": " : "",
		*complaint->text ? complaint->text : cyaml_strerror(code));
}

static int
load_raw(const char *text, size_t size, const char *file, const struct yaml_lines *lines,
	struct raw_config **out, struct err *err)
{
	struct complaint complaint = {.text = ""};
	const cyaml_config_t config = {
		.log_fn = take_cyaml_message,
		.log_ctx = &complaint,
		.mem_fn = cyaml_mem,
		.log_level = CYAML_LOG_ERROR,
		.flags = CYAML_CFG_NO_ALIAS,
	};
	cyaml_data_t *data = NULL;
	cyaml_err_t code;

	code = cyaml_load_data((const uint8_t *)text, size, &config, &config_schema, &data, NULL);
	if (code != CYAML_OK)
		return report(&complaint, file, lines, code, err);
	if (!data)
		return err_set(err, -EINVAL, "%s: is empty (docs/weir.yaml is a sample)", file);
	*out = data;
	return 0;
}

static void
free_raw(struct raw_config *raw)
{
	const cyaml_config_t config = {.mem_fn = cyaml_mem};

	cyaml_free(&config, &config_schema, raw, 0);
}

/* The absolute folder of 'file'. */
static const char *
find_folder(struct arena *arena, const char *file)
{
	char *full = realpath(file, NULL);
	char *slash = full ? strrchr(full, '/') : NULL;
	const char *folder;

	if (slash)
		*(slash == full ? slash + 1 : slash) = '\0';
	folder = arena_strdup(arena, full ? full : "/");
	free(full);
	return folder;
}

/* The text may have NULs within, which no valid file has. */
static const char *
keep_text(struct arena *arena, const char *text, size_t size)
{
	char *copy = arena_array(arena, size + 1, 1);

	if (copy)
		memcpy(copy, text, size);
	return copy;
}

static int
build(const struct raw_config *raw, const char *file, const struct yaml_lines *lines,
	struct model *model, struct err *err)
{
	struct config_reader reader = {
		.file = file,
		.lines = lines,
		.arena = &model->arena,
		.err = err,
		.folder = find_folder(&model->arena, file),
	};

	assert(raw);
	if (!reader.folder)
		return err_set(err, -ENOMEM, "%s: out of memory", file);
	model->path = config_text(&reader, "", NULL, file, NULL);
	model->cluster = config_name(&reader, "", "cluster", raw->cluster);
	model->site = config_text(&reader, "", "site", raw->site, NULL);
	config_build_nodes(&reader, raw, model);
	config_build_flow_timeouts(&reader, raw, model);
	if (reader.code == 0)
		config_build_flow_sync(&reader, raw, model);
	config_build_lists(&reader, raw, model);
	if (reader.code == 0)
		config_build_balancing(&reader, raw, model);
	if (reader.code == 0)
		config_build_tiers(&reader, raw, model);
	return reader.code;
}

int
config_parse(const char *text, size_t size, const char *path, struct model **out, struct err *err)
{
	struct yaml_lines *lines = NULL;
	struct raw_config *raw = NULL;
	struct model *model;
	int code;

	code = yaml_lines_new(&lines, path, text, size, err);
	if (code < 0)
		return code;
	code = load_raw(text, size, path, lines, &raw, err);
	if (code < 0)
		goto free_lines;
	model = calloc(1, sizeof(*model));
	if (!model) {
		code = err_set(err, -ENOMEM, "%s: out of memory", path);
		goto free_raw;
	}
	model->n_users = 1;
	model->text = keep_text(&model->arena, text, size);
	code = model->text ? build(raw, path, lines, model, err)
			   : err_set(err, -ENOMEM, "%s: out of memory", path);
	if (code < 0)
		model_free(model);
	else
		*out = model;
free_raw:
	free_raw(raw);
free_lines:
	yaml_lines_free(lines);
	return code;
}

static int
read_file(const char *path, char **out, size_t *out_size, struct err *err)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0, capacity = 0;

	if (!file)
		return err_set(err, -errno, "%s: cannot be opened: %s", path, strerror(errno));
	do {
		char *grown;

		capacity = capacity ? capacity * 2 : 65536;
		grown = capacity <= FILE_SIZE_MAX ? realloc(text, capacity) : NULL;
		if (!grown) {
			free(text);
			fclose(file);
			return err_set(
				err, -EFBIG, "%s: larger than %u MB", path, FILE_SIZE_MAX >> 20);
		}
		text = grown;
		size += fread(text + size, 1, capacity - size, file);
	} while (size == capacity);
	if (ferror(file)) {
		free(text);
		fclose(file);
		return err_set(err, -EIO, "%s: cannot be read: %s", path, strerror(EIO));
	}
	fclose(file);
	*out = text;
	*out_size = size;
	return 0;
}

int
config_load(const char *path, struct model **out, struct err *err)
{
	size_t size = 0;
	char *text = NULL;
	int code = read_file(path, &text, &size, err);

	if (code < 0)
		return code;
	code = config_parse(text, size, path, out, err);
	free(text);
	return code;
}

void
model_free(struct model *model)
{
	if (!model || --model->n_users > 0)
		return;
	arena_fini(&model->arena);
	free(model);
}
