/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of source lists; see source_lists.h. */
#include "common/source_lists.h"

#include <errno.h>

/* Which families a list has prefixes of. */
struct content {
	bool has4, has6;
};

static struct content
look(const struct prefix *prefixes, size_t n)
{
	struct content content = {false, false};

	for (size_t i = 0; i < n; i++) {
		content.has4 = content.has4 || prefixes[i].addr.family == ADDR_V4;
		content.has6 = content.has6 || prefixes[i].addr.family == ADDR_V6;
	}
	return content;
}

/* Whoever empties a list by mistake should not cut off all clients. */
static int
check_allow(const struct model *model, const struct service *service,
	const struct content *contents, struct err *err)
{
	bool v4 = service->address.family == ADDR_V4;

	if (service->allow.n == 0)
		return 0;
	for (size_t i = 0; i < service->allow.n; i++) {
		const struct content *content = &contents[service->allow.lists[i] - model->lists];

		if (v4 ? content->has4 : content->has6)
			return 0;
	}
	return err_set(err, -EINVAL,
		"%s: service '%s' would serve nobody: no prefix of IPv%d is in the lists that it "
		"allows",
		model->path, service->name, v4 ? 4 : 6);
}

int
source_lists_read(struct model *model, struct err *err)
{
	struct content contents[MODEL_LISTS_MAX];
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < model->n_lists; i++) {
		struct source_list *list = &model->lists[i];
		struct prefix_list read;

		contents[i] = look(list->prefixes, list->n_prefixes);
		if (!list->file)
			continue;
		rc = prefix_list_read(&read, list->file, list->stamp, err);
		if (rc < 0)
			return rc;
		contents[i] = look(read.prefixes, read.n);
		n += read.n;
		prefix_list_fini(&read);
		if (n > MODEL_FILED_PREFIXES_MAX)
			return err_set(err, -E2BIG,
				"%s: more than %d prefixes in the files of all source lists: a "
				"dataplane that takes them in would be silent for too long",
				list->file, MODEL_FILED_PREFIXES_MAX);
	}
	for (size_t i = 0; i < model->n_services && rc == 0; i++)
		rc = check_allow(model, &model->services[i], contents, err);
	return rc;
}
