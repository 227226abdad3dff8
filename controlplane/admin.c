/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin socket; see admin.h.
 *
 * What the control plane knows is answered at once. What only the dataplane knows is asked there
 * without blocking the loop, which also sends VRRP adverts; the answer follows when it comes. */
#include "controlplane/admin.h"

#include "common/clock.h"
#include "common/json_field.h"
#include "common/log.h"
#include "controlplane/admin_data.h"
#include "controlplane/admin_view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

LOG_MODULE("admin");

#define FLOWS_LIMIT 100u /* Unless the request says otherwise. */
#define FLOWS_LIMIT_MAX 10000u
#define HISTORY_LIMIT 40u

/* A request that waits for the dataplane. */
struct request {
	struct admin *admin; /* NULL: freed meanwhile. */
	struct request *next;
	struct request **back;
	struct rpc_pending *pending;
	json_t *answer; /* What is known already; NULL: the dataplane's answer is passed on. */
	void (*count)(json_t *answer, json_t *stats);
};

static void
on_dataplane_reply(void *ctx, json_t *result, const char *error)
{
	struct request *request = ctx;
	struct rpc_pending *pending = request->pending;
	json_t *answer = request->answer;
	struct admin *admin = request->admin;

	if (admin) {
		*request->back = request->next;
		if (request->next)
			request->next->back = request->back;
	}
	if (!answer)
		answer = json_incref(result);
	else if (result && admin)
		request->count(answer, result);
	free(request);
	rpc_answer(pending, answer, answer ? NULL : error);
}

/* Asks the dataplane for 'method' (taking over 'params'); the request that is being handled is
 * answered when the reply is there. With an 'answer' (taken over), 'count' adds the reply to it,
 * and it is the answer also when the dataplane cannot be asked; without, the reply is the answer.
 * Returns what the handler returns. */
static json_t *
ask_dataplane(struct admin *admin, const char *method, json_t *params, json_t *answer,
	void (*count)(json_t *answer, json_t *stats))
{
	struct request *request = calloc(1, sizeof(*request));
	struct rpc_pending *pending = request ? rpc_defer(admin->server) : NULL;
	int rc;

	if (!pending) {
		free(request);
		json_decref(params);
		return answer;
	}
	rc = dataplane_client_call(admin->dataplane, method, params, on_dataplane_reply, request);
	if (rc < 0) {
		free(request);
		rpc_answer(pending, answer,
			rc == -ENOTCONN ? "the dataplane is not connected: start weir-dataplane on "
					  "this node; 'weirctl status' shows its state"
					: "cannot ask the dataplane: out of memory");
		return NULL;
	}
	*request = (struct request){.admin = admin,
		.next = admin->requests,
		.back = &admin->requests,
		.pending = pending,
		.answer = answer,
		.count = count};
	if (request->next)
		request->next->back = &request->next;
	admin->requests = request;
	return NULL;
}

/* --- Arguments --- */

int
admin_optional_name(json_t *params, const char *key, char *buf, const char **out, struct err *err)
{
	if (!json_object_get(params, key)) {
		*out = NULL;
		return 0;
	}
	*out = buf;
	return json_field_name(params, key, buf, err);
}

static int
check_service(struct admin *admin, const char *name, struct err *err)
{
	const struct model *model = cluster_model(admin->cluster);

	for (size_t i = 0; i < model->n_services; i++) {
		if (!name || strcmp(model->services[i].name, name) == 0)
			return 0;
	}
	if (!name)
		return 0;
	return err_set(err, -ENOENT,
		"there is no service called '%s': 'weirctl services' lists them", name);
}

int
admin_check_backend(struct admin *admin, const char *pool, const char *backend, struct err *err)
{
	bool pool_found = !pool;

	if (!pool && !backend)
		return 0;
	for (size_t i = 0; i < cluster_n_pools(admin->cluster); i++) {
		const struct cluster_pool *candidate = cluster_pool(admin->cluster, i);

		if (pool && strcmp(candidate->config->name, pool) != 0)
			continue;
		pool_found = true;
		for (size_t j = 0; j < candidate->n_backends; j++) {
			if (backend && strcmp(candidate->backends[j].config->name, backend) == 0)
				return 0;
		}
	}
	if (!pool_found)
		return err_set(err, -ENOENT,
			"there is no pool called '%s': 'weirctl backends' lists them", pool);
	if (!backend)
		return 0;
	return err_set(err, -ENOENT,
		"there is no backend called '%s'%s%s: 'weirctl backends' lists them", backend,
		pool ? " in pool " : "", pool ? pool : "");
}

/* --- Methods --- */

static json_t *
handle_status(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {NULL};
	struct admin *admin = ctx;

	if (json_fields_known(params, keys, err) < 0)
		return NULL;
	return admin_view_status(admin->cluster, clock_now_ns());
}

/* Parameters of a "stats" request about what is called 'name' alone; NULL: about everything. */
static json_t *
about(const char *key, const char *name)
{
	return name ? json_pack("{s:s}", key, name) : NULL;
}

static json_t *
handle_services(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {"service", NULL};
	struct admin *admin = ctx;
	char buf[CONTROL_NAME_SIZE];
	const char *service;

	if (json_fields_known(params, keys, err) < 0 ||
		admin_optional_name(params, "service", buf, &service, err) < 0 ||
		check_service(admin, service, err) < 0)
		return NULL;
	return ask_dataplane(admin, "stats", about("service", service),
		admin_view_services(admin->cluster, service), admin_view_count_services);
}

static json_t *
handle_backends(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {"pool", "backend", NULL};
	struct admin *admin = ctx;
	char pool_buf[CONTROL_NAME_SIZE], backend_buf[CONTROL_NAME_SIZE];
	const char *pool, *backend;

	if (json_fields_known(params, keys, err) < 0 ||
		admin_optional_name(params, "pool", pool_buf, &pool, err) < 0 ||
		admin_optional_name(params, "backend", backend_buf, &backend, err) < 0 ||
		admin_check_backend(admin, pool, backend, err) < 0)
		return NULL;
	return ask_dataplane(admin, "stats", about("backend", backend),
		admin_view_backends(admin->cluster, pool, backend, clock_now_ns()),
		admin_view_count_backends);
}

static json_t *
handle_flows(void *ctx, json_t *params, struct err *err)
{
	/* What the dataplane alone can judge, it judges: a protocol, a state. */
	static const char *const keys[] = {
		"limit", "service", "client", "backend", "protocol", "state", NULL};
	struct admin *admin = ctx;
	char service_buf[CONTROL_NAME_SIZE], backend_buf[CONTROL_NAME_SIZE];
	const char *service, *backend;
	struct prefix client;
	uint64_t limit = FLOWS_LIMIT;
	json_t *request;

	if (json_fields_known(params, keys, err) < 0 ||
		(json_object_get(params, "limit") &&
			json_field_integer(params, "limit", 1, FLOWS_LIMIT_MAX, &limit, err) < 0) ||
		(json_object_get(params, "client") &&
			json_field_prefix(params, "client", &client, err) < 0) ||
		admin_optional_name(params, "service", service_buf, &service, err) < 0 ||
		admin_optional_name(params, "backend", backend_buf, &backend, err) < 0 ||
		check_service(admin, service, err) < 0 ||
		admin_check_backend(admin, NULL, backend, err) < 0)
		return NULL;
	request = json_copy(params);
	json_object_set_new(request, "limit", json_integer((json_int_t)limit));
	return ask_dataplane(admin, "flows", request, NULL, NULL);
}

static json_t *
handle_stats(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {NULL};

	if (json_fields_known(params, keys, err) < 0)
		return NULL;
	return ask_dataplane(ctx, "stats", NULL, NULL, NULL);
}

static json_t *
handle_sync(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {NULL};

	if (json_fields_known(params, keys, err) < 0)
		return NULL;
	return ask_dataplane(ctx, "sync", NULL, NULL, NULL);
}

/* The dataplane checks the parameters. */
static json_t *
handle_trace(void *ctx, json_t *params, struct err *err)
{
	(void)err;
	return ask_dataplane(ctx, "trace", json_incref(params), NULL, NULL);
}

/* The dataplane checks what it alone knows. */
static json_t *
handle_capture_start(void *ctx, json_t *params, struct err *err)
{
	struct admin *admin = ctx;
	char service_buf[CONTROL_NAME_SIZE], backend_buf[CONTROL_NAME_SIZE];
	const char *service, *backend;

	if (admin_optional_name(params, "service", service_buf, &service, err) < 0 ||
		admin_optional_name(params, "backend", backend_buf, &backend, err) < 0 ||
		check_service(admin, service, err) < 0 ||
		admin_check_backend(admin, NULL, backend, err) < 0)
		return NULL;
	LOG_INFORM("capture asked for by the operator");
	return ask_dataplane(admin, "capture_start", json_incref(params), NULL, NULL);
}

static json_t *
handle_capture_read(void *ctx, json_t *params, struct err *err)
{
	(void)err;
	return ask_dataplane(ctx, "capture_read", json_incref(params), NULL, NULL);
}

static json_t *
handle_capture_stop(void *ctx, json_t *params, struct err *err)
{
	(void)err;
	return ask_dataplane(ctx, "capture_stop", json_incref(params), NULL, NULL);
}

static json_t *
handle_history(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {"router", "limit", NULL};
	struct admin *admin = ctx;
	char buf[CONTROL_NAME_SIZE];
	const char *router;
	uint64_t limit = HISTORY_LIMIT;
	struct timespec wall;
	bool known;

	if (json_fields_known(params, keys, err) < 0 ||
		(json_object_get(params, "limit") &&
			json_field_integer(params, "limit", 1, HISTORY_MAX, &limit, err) < 0) ||
		admin_optional_name(params, "router", buf, &router, err) < 0)
		return NULL;
	known = router == NULL;
	for (size_t i = 0; i < cluster_n_routers(admin->cluster); i++)
		known = known ||
			strcmp(router, cluster_router(admin->cluster, i)->config->name) == 0;
	if (!known) {
		err_set(err, -ENOENT,
			"'%s' is not a virtual router of this node: 'weirctl status' lists them",
			router);
		return NULL;
	}
	clock_gettime(CLOCK_REALTIME, &wall);
	return admin_view_history(admin->cluster, router, (size_t)limit, clock_now_ns(),
		(uint64_t)wall.tv_sec * NS_PER_S + (uint64_t)wall.tv_nsec);
}

static json_t *
handle_config(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {NULL};
	struct admin *admin = ctx;
	const struct model *model = cluster_model(admin->cluster);
	char *path;
	json_t *answer;

	if (json_fields_known(params, keys, err) < 0)
		return NULL;
	path = realpath(model->path, NULL);
	answer = json_pack("{s:s, s:s}", "file", path ? path : model->path, "text", model->text);
	free(path);
	return answer;
}

static const struct rpc_method methods[] = {
	{"status", handle_status, RPC_READ},
	{"services", handle_services, RPC_READ},
	{"backends", handle_backends, RPC_READ},
	{"flows", handle_flows, RPC_READ},
	{"stats", handle_stats, RPC_READ},
	{"sync", handle_sync, RPC_READ},
	{"trace", handle_trace, RPC_READ},
	{"capture_start", handle_capture_start, RPC_CHANGE},
	{"capture_read", handle_capture_read, RPC_ROUTINE},
	{"capture_stop", handle_capture_stop, RPC_CHANGE},
	{"drain", admin_drain, RPC_CHANGE},
	{"undrain", admin_undrain, RPC_CHANGE},
	{"weight", admin_weight, RPC_CHANGE},
	{"failover", admin_failover, RPC_CHANGE},
	{"history", handle_history, RPC_READ},
	{"reload", admin_reload_config, RPC_CHANGE},
	{"config", handle_config, RPC_READ},
	{NULL, NULL, RPC_READ},
};

int
admin_new(struct admin **out, uv_loop_t *loop, struct cluster *cluster,
	struct dataplane_client *dataplane, struct err *err)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	int rc;

	if (!admin)
		return err_set(err, -ENOMEM, "admin socket: out of memory");
	admin->cluster = cluster;
	admin->dataplane = dataplane;
	rc = rpc_server_new(
		&admin->server, loop, cluster_node(cluster)->lb.admin_socket, methods, admin, err);
	if (rc == 0) {
		rc = admin_reload(admin, err);
		if (rc < 0)
			rpc_server_free(admin->server);
	} else {
		err_prefix(err, "admin socket");
	}
	if (rc < 0) {
		free(admin);
		return rc;
	}
	*out = admin;
	return 0;
}

void
admin_set_reload(struct admin *admin, struct reload *reload)
{
	admin->reload = reload;
}

int
admin_reload(struct admin *admin, struct err *err)
{
	int rc = rpc_server_set_access(
		admin->server, &cluster_node(admin->cluster)->lb.admin_access, err);

	if (rc < 0)
		err_prefix(err, "admin_access");
	return rc;
}

void
admin_free(struct admin *admin)
{
	if (!admin)
		return;
	for (struct request *request = admin->requests; request; request = request->next)
		request->admin = NULL;
	rpc_server_free(admin->server);
	free(admin);
}
