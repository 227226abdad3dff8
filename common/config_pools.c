/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks and pools; see config_build.h. */
#include "common/config_build.h"
#include "common/config_index.h"

#include <string.h>

#define CHECK_MS_MIN 10
#define CHECK_MS_MAX 3600000
#define RISE_FALL_MAX 100
#define BACKENDS_MAX 1000
#define SLOW_START_S_MAX 3600

void
config_build_check(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check *check)
{
	check->port = (uint16_t)config_number(
		reader, path, "port", raw->port, (struct config_range){1, 65535, 0});
	check->path = config_text(reader, path, "path", raw->path, "/");
	if (check->path[0] != '/' || strpbrk(check->path, " \r\n\t"))
		config_fail(reader, path, "path", "'%s' must begin with '/' and have no spaces",
			check->path);
	check->host = config_text(reader, path, "host", raw->host, NULL);
	check->expect_status = (uint16_t)config_number(reader, path, "expect_status",
		raw->expect_status, (struct config_range){100, 599, 200});
	check->interval_ms = (uint32_t)config_number(reader, path, "interval_ms", raw->interval_ms,
		(struct config_range){CHECK_MS_MIN, CHECK_MS_MAX, 2000});
	check->timeout_ms = (uint32_t)config_number(reader, path, "timeout_ms", raw->timeout_ms,
		(struct config_range){CHECK_MS_MIN, CHECK_MS_MAX, 1000});
	check->rise = (uint32_t)config_number(
		reader, path, "rise", raw->rise, (struct config_range){1, RISE_FALL_MAX, 2});
	check->fall = (uint32_t)config_number(
		reader, path, "fall", raw->fall, (struct config_range){1, RISE_FALL_MAX, 3});
}

static void
build_named_check(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check *check)
{
	static const char *const types[] = {"tcp", "http", NULL};

	check->name = config_name(reader, path, "name", raw->name);
	check->type = config_word(reader, path, "type", raw->type, types, -1) == 0 ? CHECK_TCP
										   : CHECK_HTTP;
	config_build_check(reader, path, raw, check);
	if (check->type == CHECK_TCP && (raw->path || raw->host || raw->expect_status))
		config_fail(reader, path, "type",
			"a tcp check has no use for path, host and expect_status: did you mean "
			"http?");
}

static void
build_backend(struct config_reader *reader, const char *path, const struct raw_backend *raw,
	const struct pool *pool, struct backend *backend)
{
	backend->name = config_name(reader, path, "name", raw->name);
	backend->addr = config_addr(reader, path, "address", raw->address);
	backend->weight = (uint16_t)config_number(reader, path, "weight", raw->weight,
		(struct config_range){0, MODEL_WEIGHT_MAX, 100});
	backend->max_flows = (uint32_t)config_number(reader, path, "max_flows", raw->max_flows,
		(struct config_range){1, MODEL_FLOWS_MAX, 0});
	backend->port = (uint16_t)config_number(
		reader, path, "port", raw->port, (struct config_range){1, 65535, 0});
	if (pool->n_backends > 0 && pool->backends[0].addr.family != backend->addr.family)
		config_fail(reader, path, "address",
			"'%s' is of another family than the pool's first backend: make a pool for "
			"each",
			raw->address);
}

static int
compare_addresses(const void *a, const void *b)
{
	const struct backend *left = a;
	const struct backend *right = b;

	return memcmp(&left->addr, &right->addr, sizeof(left->addr));
}

static void
check_backends(struct config_reader *reader, const char *path, const struct raw_pool *raw,
	const struct pool *pool)
{
	struct config_path list = config_path("%s.backends", path);
	struct config_path item;
	size_t before, twin;

	config_check_names(reader, list.text, pool->backends, pool->n_backends,
		sizeof(*pool->backends), " in this pool");
	twin = config_find_twin(reader, pool->backends, pool->n_backends, sizeof(*pool->backends),
		compare_addresses, &before);
	item = config_path("%s[%zu]", list.text, twin);
	if (twin < pool->n_backends)
		config_fail(reader, item.text, "address", "'%s' is used twice in this pool",
			raw->backends[twin].address);
}

static void
build_pool(struct config_reader *reader, const char *path, const struct raw_pool *raw,
	const struct model *model, struct pool *pool)
{
	pool->name = config_name(reader, path, "name", raw->name);
	for (size_t i = 0; raw->check && i < model->n_checks; i++) {
		if (strcmp(model->checks[i].name, raw->check) == 0)
			pool->check = &model->checks[i];
	}
	if (raw->check && !pool->check)
		config_fail(reader, path, "check", "there is no check called '%s'", raw->check);
	if (raw->backends_count > BACKENDS_MAX)
		config_fail(reader, path, "backends", "%u backends: at most %d in a pool",
			raw->backends_count, BACKENDS_MAX);
	pool->slow_start_ms =
		1000 * (uint32_t)config_number(reader, path, "slow_start_s", raw->slow_start_s,
			       (struct config_range){0, SLOW_START_S_MAX, 0});
	if (raw->slow_start_s && !pool->check)
		config_fail(reader, path, "slow_start_s",
			"a pool without a check never sees a backend come back: give it a check");
	pool->backends = config_array(reader, raw->backends_count, sizeof(*pool->backends));
	for (size_t i = 0; pool->backends && i < raw->backends_count; i++) {
		struct config_path backend = config_path("%s.backends[%zu]", path, i);

		build_backend(reader, backend.text, &raw->backends[i], pool, &pool->backends[i]);
		pool->n_backends = i + 1;
	}
	if (reader->code == 0)
		check_backends(reader, path, raw, pool);
}

void
config_build_pools(struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	model->checks = config_array(reader, raw->checks_count, sizeof(*model->checks));
	model->pools = config_array(reader, raw->pools_count, sizeof(*model->pools));
	for (size_t i = 0; model->checks && i < raw->checks_count; i++) {
		struct config_path path = config_path("checks[%zu]", i);

		build_named_check(reader, path.text, &raw->checks[i], &model->checks[i]);
		model->n_checks = i + 1;
	}
	if (reader->code == 0)
		config_check_names(reader, "checks", model->checks, model->n_checks,
			sizeof(*model->checks), "");
	for (size_t i = 0; model->pools && i < raw->pools_count; i++) {
		struct config_path path = config_path("pools[%zu]", i);

		build_pool(reader, path.text, &raw->pools[i], model, &model->pools[i]);
		model->n_pools = i + 1;
	}
	if (reader->code == 0)
		config_check_names(
			reader, "pools", model->pools, model->n_pools, sizeof(*model->pools), "");
}
