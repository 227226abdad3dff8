/* SPDX-License-Identifier: BSD-3-Clause */
/* Pools; see config_build.h. */
#include "common/config_build.h"
#include "common/config_index.h"

#include <string.h>

#define BACKENDS_MAX 1000
#define SLOW_START_S_MAX 3600

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
	backend->sorry = config_bool(reader, path, "sorry", raw->sorry, false);
	if (backend->sorry && !pool->check)
		config_fail(reader, path, "sorry",
			"a pool without a check never loses its quorum: give it a check");
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

/* How many of the pool's backends must be up for its sorry backends to rest. */
static void
build_quorum(struct config_reader *reader, const char *path, const struct raw_pool *raw,
	struct pool *pool)
{
	const struct config_range more = {0, BACKENDS_MAX, 0};
	size_t n = 0;

	for (size_t i = 0; i < pool->n_backends; i++)
		n += !pool->backends[i].sorry;
	if (n == pool->n_backends && (raw->quorum || raw->quorum_hysteresis)) {
		config_fail(reader, path, raw->quorum ? "quorum" : "quorum_hysteresis",
			"without a backend that has 'sorry: yes' nothing depends on it");
		return;
	}
	pool->quorum = (uint32_t)config_number(
		reader, path, "quorum", raw->quorum, (struct config_range){1, BACKENDS_MAX, 1});
	pool->quorum_hysteresis = (uint32_t)config_number(
		reader, path, "quorum_hysteresis", raw->quorum_hysteresis, more);
	if (n < pool->n_backends && pool->quorum + pool->quorum_hysteresis > n)
		config_fail(reader, path, raw->quorum ? "quorum" : "backends",
			"%u backends, which with its hysteresis the quorum takes, can never be "
			"up: %zu are not sorry ones",
			pool->quorum + pool->quorum_hysteresis, n);
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
	if (reader->code == 0)
		build_quorum(reader, path, raw, pool);
}

void
config_build_pools(struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	config_build_checks(reader, raw, model);
	model->pools = config_array(reader, raw->pools_count, sizeof(*model->pools));
	for (size_t i = 0; model->pools && i < raw->pools_count; i++) {
		struct config_path path = config_path("pools[%zu]", i);

		build_pool(reader, path.text, &raw->pools[i], model, &model->pools[i]);
		model->n_pools = i + 1;
	}
	if (reader->code == 0)
		config_check_names(
			reader, "pools", model->pools, model->n_pools, sizeof(*model->pools), "");
}
