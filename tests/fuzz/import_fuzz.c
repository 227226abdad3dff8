/* SPDX-License-Identifier: BSD-3-Clause */
/* keepalived.conf and ipvsadm's rules: any text is either refused with its file named, or becomes a
 * cluster file that is valid. */
#include "common/config.h"
#include "controlplane/import/import.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define PATH "keepalived.conf"

static void
check_result(const struct import_result *result)
{
	struct model *model;
	struct err err = {""};

	if (config_parse(result->text, result->size, "imported", &model, &err) < 0)
		fuzz_require(false, err.text);
	else
		model_free(model);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source source = {.path = PATH, .size = size};
	struct import_sources sources = {.fill = NULL};
	struct import_result result;
	struct err err = {""};

	source.text = strndup((const char *)data, size);
	if (!source.text)
		return 0;
	if (source_check((const char *)data, size, PATH, &err) < 0) {
		fuzz_require(strncmp(err.text, PATH, strlen(PATH)) == 0, "an error names the file");
		source_fini(&source);
		return 0;
	}
	source.size = strlen(source.text);
	if (import_is_ipvsadm(&source))
		sources.ipvsadm = &source;
	else
		sources.keepalived = &source;
	if (import_translate(&sources, &result, &err) == 0) {
		check_result(&result);
		free(result.text);
	} else {
		fuzz_require(strncmp(err.text, PATH, strlen(PATH)) == 0, "an error names the file");
	}
	source_fini(&source);
	return 0;
}
