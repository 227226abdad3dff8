/* SPDX-License-Identifier: BSD-3-Clause */
/* weir.yaml: any text is either a model or an error that names the file. */
#include "common/config.h"
#include "fuzz.h"

#include <string.h>

#define PATH "/etc/weir.yaml"

static void
check_model(const struct model *model)
{
	fuzz_require(model->n_nodes > 0, "a model has nodes");
	for (size_t i = 0; i < model->n_nodes; i++)
		fuzz_require(model_node(model, model->nodes[i].name) == &model->nodes[i],
			"a node is found by its name");
	for (size_t i = 0; i < model->n_services; i++)
		fuzz_require(model->services[i].name != NULL, "a service has a name");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model *model = NULL;
	struct err err = {""};

	if (config_parse((const char *)data, size, PATH, &model, &err) < 0) {
		fuzz_require(model == NULL, "a refused file leaves nothing");
		fuzz_require(strncmp(err.text, PATH, strlen(PATH)) == 0, "an error names the file");
		return 0;
	}
	check_model(model);
	model_free(model);
	return 0;
}
