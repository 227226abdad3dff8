/* SPDX-License-Identifier: BSD-3-Clause */
/* The modules that weir.yaml names: compiled in, or loaded from shared objects. */
#ifndef APPTIER_MODULES_H
#define APPTIER_MODULES_H

#include "apptier/module.h"

#define APP_MODULES_MAX 16

/* Zeroed: none. */
struct app_modules {
	const struct app_module *list[APP_MODULES_MAX];
	void *objects[APP_MODULES_MAX]; /* Of dlopen(); NULL: compiled in. */
	size_t n;
};

/* Finds or loads those of 'names' (as app.modules of the model) and checks that they fit this
 * program and each other; 'own' are routes that none may have. Returns 0, or a negative errno with
 * 'err' set; app_modules_unload() then ends what has been loaded. Once, before there are other
 * threads. */
int app_modules_load(struct app_modules *modules, const char *const *names,
	const struct http_route *own, struct err *err);

/* When nothing of them is in use any more. */
void app_modules_unload(struct app_modules *modules);

#endif /* APPTIER_MODULES_H */
