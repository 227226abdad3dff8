/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes a virtual service of IPVS as a pool and as services; see import_service.h. */
#include "controlplane/import/import_service.h"

#include <stdio.h>
#include <string.h>

#define TUNNEL_HOST 200 /* Last byte of the address that outer packets come from. */
#define LOCAL_HOST 100  /* Likewise of the first router's local address. */

/* --- Schedulers --- */

static const struct scheduler {
	const char *word; /* Of IPVS. */
	const char *ours;
	bool equal;         /* Weights do not count. */
	const char *reason; /* Why it is another one; NULL: it is the same. */
} schedulers[] = {
	{"rr", "round-robin", true, NULL},
	{"wrr", "round-robin", false, NULL},
	{"lc", "least-connections", true, NULL},
	{"wlc", "least-connections", false, NULL},
	{"sh", "source-hash", false, NULL},
	{"mh", "source-hash", false, NULL},
	{"conhash", "maglev", false, NULL},
	{"sed", "least-connections", false, "sed is least-connections with a look ahead"},
	{"nq", "least-connections", false, "nq is least-connections that takes idle servers first"},
	{"twos", "least-connections", false,
		"twos is least-connections of two that are drawn by lot"},
	{"lblc", "least-connections", false,
		"weir does not send by destination: lblc is for transparent caches"},
	{"lblcr", "least-connections", false,
		"weir does not send by destination: lblcr is for transparent caches"},
	{"dh", "maglev", false,
		"weir does not send by destination: dh would send all of one address to one "
		"server"},
	{"fo", "maglev", false,
		"fo sends all to the server of the highest weight that is up: in a pool with a "
		"check "
		"the others are sorry backends, which all serve while it is down"},
	{"ovf", "maglev", false,
		"ovf fills one server after the other: 'max_flows' of each backend is what it may "
		"take at once"},
};
#define N_SCHEDULERS (sizeof(schedulers) / sizeof(schedulers[0]))

static const struct scheduler *
find_scheduler(struct import *import, const struct import_service *service)
{
	const char *word = service->scheduler ? service->scheduler : "wlc";

	for (size_t i = 0; i < N_SCHEDULERS; i++) {
		if (strcmp(schedulers[i].word, word) == 0)
			return &schedulers[i];
	}
	import_note(
		import, service->notes, service->from, "the scheduler %.20s is not known", word);
	return &schedulers[N_SCHEDULERS - 1];
}

/* --- The pool --- */

static const char *
name_backend(struct import *import, const struct addr *addr)
{
	const char *text = import_addr_text(import, addr);

	return import_clean_name(import, import_text(import, "rs-%s", text));
}

/* Weights of IPVS go to 65535, weir's to 1000; one that is not 0 stays so. */
static unsigned int
scale(const struct import_service *service, const struct import_backend *backend, bool equal)
{
	long long most = MODEL_WEIGHT_MAX, weight = backend->weight;

	for (size_t i = 0; i < service->n_backends; i++) {
		if (service->backends[i].weight > most)
			most = service->backends[i].weight;
	}
	if (equal)
		return weight > 0 ? 1 : 0;
	if (most > MODEL_WEIGHT_MAX && weight > 0) {
		weight = weight * MODEL_WEIGHT_MAX / most;
		weight = weight > 0 ? weight : 1;
	}
	return (unsigned int)weight;
}

/* The port that the backend gets besides its address; 0: none. */
static unsigned int
own_port(struct import *import, const struct import_service *service,
	const struct import_backend *backend)
{
	bool same = true;

	for (size_t i = 0; i < service->n_targets; i++)
		same = same && service->targets[i].port == backend->port;
	if (backend->port == 0 || same)
		return 0;
	if (mode_translates(service->mode))
		return backend->port;
	import_note(import, service->notes, backend->from,
		"mode %s does not change ports, here nor in IPVS: packets go to the port that the "
		"client asked for",
		forward_mode_name(service->mode));
	return 0;
}

static void
write_backends(struct import *import, struct document_node *pool,
	const struct import_service *service, bool equal)
{
	struct document *document = import->document;
	struct document_node *list = document_list(document, pool, "backends", false);

	for (size_t i = 0; i < service->n_backends; i++) {
		const struct import_backend *backend = &service->backends[i];
		const char *name = name_backend(import, &backend->addr);
		unsigned int port = own_port(import, service, backend);
		struct document_node *item;

		/* Long IPv6 addresses may become the same name. */
		name = import_name(import, list, name);
		item = document_map(document, list, NULL, true);
		document_text(document, item, "name", "%s", name);
		document_text(
			document, item, "address", "%s", import_addr_text(import, &backend->addr));
		document_text(document, item, "weight", "%u", scale(service, backend, equal));
		if (port)
			document_text(document, item, "port", "%u", port);
		if (backend->max_flows)
			document_text(document, item, "max_flows", "%u", backend->max_flows);
		if (backend->sorry)
			document_text(document, item, "sorry", "yes");
	}
}

/* How many servers of the weight 'each' come to 'sum'. */
static long long
count(long long sum, long long each)
{
	long long n = (sum + each - 1) / each;

	return n > 0 ? n : 1;
}

/* keepalived sums up weights and goes as far below its quorum as above it; weir counts backends,
 * and goes above only. */
static void
write_quorum(
	struct import *import, struct document_node *pool, const struct import_service *service)
{
	long long n = 0, each = 0, needed = 1, again = 1;
	bool equal = true;

	for (size_t i = 0; i < service->n_backends; i++) {
		const struct import_backend *backend = &service->backends[i];

		if (backend->sorry)
			continue;
		each = n++ == 0 ? backend->weight : each;
		equal = equal && backend->weight == each;
	}
	if (!service->quorum)
		return;
	if (n == (long long)service->n_backends) {
		import_note(import, service->notes, service->quorum,
			"without a sorry backend nothing depends on a quorum: the service goes on "
			"with the backends that are up");
		return;
	}
	if (equal && each > 0) {
		needed = count(service->least - service->more, each);
		again = count(service->least + service->more, each);
	} else {
		import_note(import, service->notes, service->quorum,
			"keepalived sums up weights, weir counts backends; as the weights differ "
			"it is 1");
	}
	if (again > n)
		import_note(import, service->notes, service->quorum,
			"more than all backends together: it is as many as there are");
	needed = needed < n ? needed : n;
	again = again < n ? again : n;
	document_text(import->document, pool, "quorum", "%lld", needed);
	if (again > needed)
		document_text(import->document, pool, "quorum_hysteresis", "%lld", again - needed);
}

/* Makes sorry backends of all but the one of the highest weight. */
static void
keep_highest(struct import_service *service)
{
	size_t highest = 0;

	for (size_t i = 0; i < service->n_backends; i++) {
		if (service->backends[i].weight > service->backends[highest].weight)
			highest = i;
	}
	for (size_t i = 0; i < service->n_backends; i++)
		service->backends[i].sorry = i != highest;
}

/* The sorry server is one more backend; without a check nobody would know when. */
static void
add_sorry(struct import *import, struct import_service *service)
{
	if (!service->sorry.from)
		return;
	if (service->check && service->n_backends > 0)
		import_service_add_backend(import, service, &service->sorry);
	else
		import_note(import, service->notes, service->sorry.from,
			"left out: without a check the pool never loses its quorum");
}

static const char *
name_service(struct import *import, const struct import_service *service,
	const struct import_target *target)
{
	char port[16] = "any";

	if (target->port)
		snprintf(port, sizeof(port), "%u", target->port);
	return import_text(import, "%s-%s-%s", service->protocol,
		import_addr_text(import, &target->addr), port);
}

static const char *
write_pool(struct import *import, const struct import_service *service, bool equal)
{
	struct document_node *pool;
	const char *name = service->wanted_name;

	if (!name && service->n_targets > 0)
		name = name_service(import, service, &service->targets[0]);
	name = import_name(import, import->pools, name ? name : "pool");
	pool = document_map(import->document, import->pools, NULL, false);
	document_text(import->document, pool, "name", "%s", name);
	if (service->check)
		document_text(import->document, pool, "check", "%s", service->check);
	write_quorum(import, pool, service);
	write_backends(import, pool, service, equal);
	document_move_comments(pool, service->notes);
	return name;
}

/* --- Services --- */

static bool
is_served(const struct import *import, const struct import_service *service,
	const struct import_target *target, const char *address)
{
	struct document_node *other = NULL;
	char port[16] = "any";

	if (target->port)
		snprintf(port, sizeof(port), "%u", target->port);
	while ((other = document_next(import->services, other)) != NULL) {
		if (strcmp(document_value(document_find(other, "address")), address) == 0 &&
			strcmp(document_value(document_find(other, "port")), port) == 0 &&
			strcmp(document_value(document_find(other, "protocol")),
				service->protocol) == 0)
			return true;
	}
	return false;
}

static void
write_tunnel(struct import *import, struct document_node *map, const struct import_service *service)
{
	struct document *document = import->document;
	struct document_node *tunnel;
	struct addr source;

	if (service->mode != MODE_TUNNEL)
		return;
	source = import_placeholder(import,
		service->n_backends > 0 ? service->backends[0].addr.family : ADDR_V4, TUNNEL_HOST);
	document_fill(document, map,
		"%s: the tunnel's source, an address that outer packets come from (not a virtual "
		"one); backends must take packets from it",
		document_value(document_find(map, "name")));
	tunnel = document_map(document, map, "tunnel", true);
	if (service->gue)
		document_text(document, tunnel, "type", "gue");
	document_text(document, tunnel, "source", "%s", import_addr_text(import, &source));
	if (service->gue && service->gue_port)
		document_text(document, tunnel, "gue_port", "%lld", service->gue_port);
}

static void
write_persistence(
	struct import *import, struct document_node *map, const struct import_service *service)
{
	struct document_node *persistence;
	bool v4 = service->n_targets > 0 && service->targets[0].addr.family == ADDR_V4;

	if (service->persistence_s == 0)
		return;
	persistence = document_map(import->document, map, "persistence", true);
	document_text(import->document, persistence, "timeout_s", "%lld", service->persistence_s);
	if (service->prefix > 0 && !(v4 && service->prefix > 32))
		document_text(import->document, persistence, v4 ? "prefix4" : "prefix6", "%d",
			service->prefix);
	else if (!v4)
		document_text(import->document, persistence, "prefix6", "128");
}

/* Mode fullnat needs an address that the holder speaks from. */
static void
give_locals(struct import_router *router, const struct import *import,
	const struct import_service *service)
{
	if (service->mode != MODE_FULLNAT || router->n_locals > 0)
		return;
	for (size_t i = 0; i < service->n_locals; i++) {
		bool taken = service->locals[i].family != router->family;

		for (size_t j = 0; j < import->n_routers; j++)
			for (size_t k = 0; k < import->routers[j].n_locals; k++)
				taken = taken || addr_equal(&import->routers[j].locals[k],
							 &service->locals[i]);
		if (!taken)
			router->locals[router->n_locals++] = service->locals[i];
	}
	if (router->n_locals > 0)
		return;
	router->locals[router->n_locals++] = import_placeholder(
		import, router->family, (uint8_t)(LOCAL_HOST + (router - import->routers)));
	router->invented_locals = true;
}

static void
write_service(struct import *import, const struct import_service *service,
	const struct import_target *target, const char *pool, const char *scheduler)
{
	struct document *document = import->document;
	const char *address = import_addr_text(import, &target->addr);
	struct import_router *router;
	struct document_node *map;
	const char *name;

	if (service->mode != MODE_TUNNEL && service->n_backends > 0 &&
		service->backends[0].addr.family != target->addr.family) {
		import_note(import, import->services, target->from,
			"left out: its real servers are of another family, which goes with TUN "
			"only");
		return;
	}
	if (is_served(import, service, target, address)) {
		import_note(import, import->services, target->from,
			"left out: %s with this port is served already", address);
		return;
	}
	router = document_count(import->services) < IMPORT_SERVICES_MAX
			 ? import_holder(import, &target->addr)
			 : NULL;
	if (!router) {
		import_note(import, import->services, target->from,
			"left out: more services or addresses than weir can have");
		return;
	}
	give_locals(router, import, service);
	name = import_name(import, import->services, name_service(import, service, target));
	map = document_map(document, import->services, NULL, service->mode != MODE_TUNNEL);
	document_text(document, map, "name", "%s", name);
	document_text(document, map, "address", "%s", address);
	if (target->port)
		document_text(document, map, "port", "%u", target->port);
	else
		document_text(document, map, "port", "any");
	document_text(document, map, "protocol", "%s", service->protocol);
	document_text(document, map, "mode", "%s", forward_mode_name(service->mode));
	document_text(document, map, "scheduler", "%s", scheduler);
	document_text(document, map, "pool", "%s", pool);
	if (service->syn_cookies && mode_translates(service->mode) &&
		strcmp(service->protocol, "tcp") == 0)
		document_text(document, map, "syn_cookies", "yes");
	write_tunnel(import, map, service);
	write_persistence(import, map, service);
}

void
import_service_write(struct import *import, struct import_service *service)
{
	const struct scheduler *scheduler = find_scheduler(import, service);
	const char *ours = scheduler->ours, *pool;

	if (strcmp(scheduler->word, "fo") == 0 && service->check)
		keep_highest(service);
	add_sorry(import, service);
	if (scheduler->reason)
		import_note(import, service->notes, service->from, "%s", scheduler->reason);
	if (service->by_port && strcmp(ours, "source-hash") == 0)
		ours = "maglev";
	if (service->persistence_s > 0 && strcmp(ours, "source-hash") == 0) {
		import_note(import, service->notes, service->from,
			"source-hash keeps clients together by itself; with persistence it is "
			"maglev");
		ours = "maglev";
	}
	pool = write_pool(import, service, scheduler->equal);
	for (size_t i = 0; i < service->n_targets; i++)
		write_service(import, service, &service->targets[i], pool, ours);
}
