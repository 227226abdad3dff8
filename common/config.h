/* SPDX-License-Identifier: BSD-3-Clause */
/* weir.yaml: parsed against a schema (libcyaml), validated whole, made into a model. */
#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include "common/err.h"
#include "common/model.h"

/* Reads the file at 'path' and makes a model of it. Returns 0 and the model, which the caller
 * frees with model_free(); or a negative errno with 'err' set to
 * "FILE:LINE: what is wrong, with the offending word and what is allowed", and '*out' untouched. */
int config_load(const char *path, struct model **out, struct err *err);

/* As config_load() from memory; 'path' is used in messages and for relative paths. */
int config_parse(
	const char *text, size_t size, const char *path, struct model **out, struct err *err);

/* Frees the model and all in it. NULL is allowed. */
void model_free(struct model *model);

#endif /* COMMON_CONFIG_H */
