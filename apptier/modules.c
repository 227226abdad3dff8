/* SPDX-License-Identifier: BSD-3-Clause */
/* Compiled-in and loaded modules; see modules.h. */
#include "apptier/modules.h"

#include "apptier/shortener/shortener.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const struct app_module *const compiled_in[] = {
	&shortener_module,
};

static const struct app_module *
find_compiled_in(const char *name)
{
	for (size_t i = 0; i < sizeof(compiled_in) / sizeof(compiled_in[0]); i++) {
		if (strcmp(compiled_in[i]->name, name) == 0)
			return compiled_in[i];
	}
	return NULL;
}

/* A file that others may change is code of theirs. */
static int
check_file(const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_set(
			err, -errno, "module %s: %s; correct app.modules", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_mode & S_IWOTH)
		return err_set(err, -EPERM,
			"module %s: must be a file that not everybody may change: chmod o-w it",
			path);
	return 0;
}

static int
check_version(void *object, const char *path, struct err *err)
{
	const uint32_t *version = dlsym(object, "app_exported_version");

	if (!version)
		return err_set(err, -ENOEXEC,
			"module %s: is a shared object, but no module: it has no "
			"APP_MODULE_EXPORT()",
			path);
	if (*version != APP_MODULE_VERSION)
		return err_set(err, -ENOEXEC,
			"module %s: was built for version %u of the module interface, this program "
			"(weir " WEIR_VERSION ") has version %d: build it anew with the headers of "
			"this program",
			path, *version, APP_MODULE_VERSION);
	return 0;
}

static int
load_object(const struct app_module **module, void **object, const char *path, struct err *err)
{
	const struct app_module *const *exported;
	int rc = check_file(path, err);

	if (rc < 0)
		return rc;
	*object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!*object)
		return err_set(err, -ENOEXEC, "module %s: cannot be loaded: %s", path, dlerror());
	rc = check_version(*object, path, err);
	if (rc < 0)
		return rc;
	exported = dlsym(*object, "app_exported_module");
	if (!exported || !*exported)
		return err_set(
			err, -ENOEXEC, "module %s: has no APP_MODULE_EXPORT() of a module", path);
	*module = *exported;
	return 0;
}

/* The module among those before the 'n'-th, or the tier itself, that has the route. */
static const char *
find_taker(const struct app_modules *modules, size_t n, const struct http_route *own,
	const struct http_route *wanted)
{
	for (size_t i = 0; i <= n; i++) {
		const struct http_route *route = i < n ? modules->list[i]->routes : own;

		for (; route->path; route++) {
			if (strcmp(route->path, wanted->path) == 0 &&
				strcmp(route->method, wanted->method) == 0)
				return i < n ? modules->list[i]->name : "weir-apptier";
		}
	}
	return NULL;
}

static int
check_routes(
	const struct app_modules *modules, size_t n, const struct http_route *own, struct err *err)
{
	const struct app_module *module = modules->list[n];

	for (const struct http_route *route = module->routes; route->path; route++) {
		const char *taker = find_taker(modules, n, own, route);

		if (!route->method || !route->handle || route->path[0] != '/')
			return err_set(err, -EINVAL,
				"module %s: route '%s' needs a method, a path that begins with "
				"'/' and a handler",
				module->name, route->path);
		if (taker)
			return err_set(err, -EEXIST,
				"module %s: the route %s %s belongs to %s already", module->name,
				route->method, route->path, taker);
	}
	return 0;
}

static int
check_module(
	const struct app_modules *modules, size_t n, const struct http_route *own, struct err *err)
{
	const struct app_module *module = modules->list[n];
	size_t n_metrics = 0;

	if (!module->name || !module->routes)
		return err_set(err, -EINVAL, "a module needs a name and routes");
	for (size_t i = 0; i < n; i++) {
		if (strcmp(modules->list[i]->name, module->name) == 0)
			return err_set(
				err, -EEXIST, "there are two modules called '%s'", module->name);
	}
	while (module->metrics && module->metrics[n_metrics].name)
		n_metrics++;
	if (n_metrics > APP_METRICS_MAX || (n_metrics > 0 && !module->measure))
		return err_set(err, -EINVAL,
			"module %s: has %zu metrics; it may have %d, and needs 'measure' for them",
			module->name, n_metrics, APP_METRICS_MAX);
	return check_routes(modules, n, own, err);
}

static int
add_module(struct app_modules *modules, const char *name, const struct http_route *own,
	struct err *err)
{
	size_t n = modules->n;
	int rc = 0;

	if (n == APP_MODULES_MAX)
		return err_set(err, -E2BIG, "more than %d modules", APP_MODULES_MAX);
	modules->n++; /* app_modules_unload() ends what there is of it. */
	if (name[0] == '/')
		rc = load_object(&modules->list[n], &modules->objects[n], name, err);
	else
		modules->list[n] = find_compiled_in(name);
	if (rc == 0 && !modules->list[n])
		return err_set(err, -ENOENT,
			"there is no module '%s' in this program; a shared object is named with "
			"its path (app.modules)",
			name);
	return rc < 0 ? rc : check_module(modules, n, own, err);
}

int
app_modules_load(struct app_modules *modules, const char *const *names,
	const struct http_route *own, struct err *err)
{
	for (; *names; names++) {
		int rc = add_module(modules, *names, own, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

void
app_modules_unload(struct app_modules *modules)
{
	while (modules->n > 0) {
		modules->n--;
		if (modules->objects[modules->n])
			dlclose(modules->objects[modules->n]);
	}
}
