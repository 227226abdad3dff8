/* SPDX-License-Identifier: BSD-3-Clause */
/* Source lists, and a service's keys 'block' and 'allow'; see config_build.h. */
#include "common/config_build.h"

#include <string.h>

static const struct source_list *
find_list(const struct model *model, const char *name)
{
	for (size_t i = 0; i < model->n_lists; i++) {
		if (strcmp(model->lists[i].name, name) == 0)
			return &model->lists[i];
	}
	return NULL;
}

static void
build_prefixes(struct config_reader *reader, const char *path, const struct raw_source_list *raw,
	struct source_list *list)
{
	if (raw->prefixes_count > MODEL_LIST_PREFIXES_MAX)
		config_fail(reader, path, "prefixes",
			"%u prefixes: at most %d here; more go into a file, which 'file' names",
			raw->prefixes_count, MODEL_LIST_PREFIXES_MAX);
	list->prefixes = config_array(reader, raw->prefixes_count, sizeof(*list->prefixes));
	for (size_t i = 0; list->prefixes && i < raw->prefixes_count; i++) {
		struct config_path item = config_path("%s.prefixes[%zu]", path, i);
		struct err why;

		if (prefix_parse(raw->prefixes[i], &list->prefixes[i], &why) < 0)
			config_fail(reader, item.text, NULL, "%s", why.text);
		list->n_prefixes = i + 1;
	}
}

static void
build_list(struct config_reader *reader, const char *path, const struct raw_source_list *raw,
	const struct model *model, struct source_list *list)
{
	list->name = config_name(reader, path, "name", raw->name);
	if (find_list(model, list->name))
		config_fail(reader, path, "name", "'%s' is used twice", list->name);
	list->file = config_file(reader, path, "file", raw->file);
	if (raw->file && raw->prefixes_count > 0)
		config_fail(reader, path, "file",
			"there are prefixes, too: give one of the two, or make two lists");
	else if (!raw->file && raw->prefixes_count == 0)
		config_fail(reader, path, NULL,
			"the list '%s' has no prefixes: give 'prefixes' or 'file'", list->name);
	build_prefixes(reader, path, raw, list);
}

void
config_build_lists(struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	if (raw->source_lists_count > MODEL_LISTS_MAX)
		config_fail(reader, "source_lists", NULL, "%u lists: at most %d",
			raw->source_lists_count, MODEL_LISTS_MAX);
	model->lists = config_array(reader, raw->source_lists_count, sizeof(*model->lists));
	for (size_t i = 0; model->lists && i < raw->source_lists_count && reader->code == 0; i++) {
		struct config_path path = config_path("source_lists[%zu]", i);

		build_list(reader, path.text, &raw->source_lists[i], model, &model->lists[i]);
		model->n_lists = i + 1;
	}
}

/* Finds the lists called 'names'; 'path' is where. */
static struct service_lists
build_names(struct config_reader *reader, const char *path, const char *const *names,
	unsigned int n, const struct model *model)
{
	struct service_lists lists = {.n = 0};

	if (n > MODEL_SERVICE_LISTS_MAX)
		config_fail(reader, path, NULL, "%u lists: at most %d", n, MODEL_SERVICE_LISTS_MAX);
	for (size_t i = 0; i < n && reader->code == 0; i++) {
		struct config_path item = config_path("%s[%zu]", path, i);
		const struct source_list *list = find_list(model, names[i]);

		if (!list)
			config_fail(reader, item.text, NULL,
				"there is no list called '%s' in source_lists", names[i]);
		for (size_t j = 0; j < lists.n; j++) {
			if (lists.lists[j] == list)
				config_fail(
					reader, item.text, NULL, "'%s' is given twice", names[i]);
		}
		lists.lists[lists.n++] = list;
	}
	return lists;
}

void
config_build_service_lists(struct config_reader *reader, const char *path,
	const struct raw_service *raw, const struct model *model, struct service *service)
{
	struct config_path block = config_path("%s.block", path);
	struct config_path allow = config_path("%s.allow", path);

	service->block = build_names(
		reader, block.text, (const char *const *)raw->block, raw->block_count, model);
	service->allow = build_names(
		reader, allow.text, (const char *const *)raw->allow, raw->allow_count, model);
	for (size_t i = 0; i < service->allow.n; i++) {
		for (size_t j = 0; j < service->block.n; j++) {
			if (service->allow.lists[i] == service->block.lists[j] && reader->code == 0)
				config_fail(reader, allow.text, NULL,
					"the list '%s' is in 'block' as well, so it would never "
					"let anybody in",
					raw->allow[i]);
		}
	}
}
