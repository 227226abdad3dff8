/* SPDX-License-Identifier: BSD-3-Clause */
/* virtual_server and real_server; see import_service.h. What a virtual server is reached by is in
 * import_targets.c. */
#include "controlplane/import/import_servers.h"

#include <stdlib.h>
#include <string.h>

#define PERSISTENCE_DEFAULT_S 360
#define FLOWS_MAX 1000000000

/* A virtual server that is being read. */
struct serving {
	struct import_service service;
	struct import_backend backend; /* A real server that is being read. */
	bool checked;                  /* The pool's check is known, be it none. */
};

static void
take_nothing(struct import *import, void *ctx, const struct statement *statement)
{
	(void)import;
	(void)ctx;
	(void)statement;
}

static void
take_scheduler(struct import *import, void *ctx, const struct statement *statement)
{
	(void)import;
	((struct serving *)ctx)->service.scheduler = statement_word(statement, 1);
}

static void
take_by_port(struct import *import, void *ctx, const struct statement *statement)
{
	(void)import;
	(void)statement;
	((struct serving *)ctx)->service.by_port = true;
}

static void
take_method(struct import *import, void *ctx, const struct statement *statement)
{
	import_service_mode(import, &((struct serving *)ctx)->service, statement);
}

static void
take_persistence(struct import *import, void *ctx, const struct statement *statement)
{
	struct serving *serving = ctx;
	const char *word = statement_word(statement, 1);

	serving->service.persistence_s = PERSISTENCE_DEFAULT_S;
	if (word &&
		!import_number(word, 0, MODEL_PERSISTENCE_S_MAX, &serving->service.persistence_s))
		import_note(import, serving->service.notes, statement,
			"not a number of seconds up to %d: it is %d", MODEL_PERSISTENCE_S_MAX,
			PERSISTENCE_DEFAULT_S);
}

static void
take_granularity(struct import *import, void *ctx, const struct statement *statement)
{
	struct serving *serving = ctx;

	serving->service.prefix = import_mask_bits(statement_word(statement, 1));
	if (serving->service.prefix == 0)
		import_note(import, serving->service.notes, statement,
			"not the mask of a network: each address is a client of its own");
}

static void
take_protocol(struct import *import, void *ctx, const struct statement *statement)
{
	struct serving *serving = ctx;
	const char *word = statement_word(statement, 1);

	(void)import;
	serving->service.protocol = word && strcasecmp(word, "TCP") == 0    ? "tcp"
				    : word && strcasecmp(word, "SCTP") == 0 ? "sctp"
									    : "udp";
}

static void
take_name(struct import *import, void *ctx, const struct statement *statement)
{
	(void)import;
	((struct serving *)ctx)->service.wanted_name = statement_word(statement, 1);
}

static void
take_syn_proxy(struct import *import, void *ctx, const struct statement *statement)
{
	(void)import;
	(void)statement;
	((struct serving *)ctx)->service.syn_cookies = true;
}

static void
take_locals(struct import *import, void *ctx, const struct statement *statement)
{
	struct serving *serving = ctx;

	import_find_locals(import, &serving->service, statement);
}

/* --- Real servers --- */

static void
take_weight(struct import *import, void *ctx, const struct statement *statement)
{
	struct serving *serving = ctx;

	if (!import_number(statement_word(statement, 1), 0, 65535, &serving->backend.weight))
		import_note(import, serving->service.notes, statement,
			"not a weight from 0 to 65535: it is 1");
}

static void
take_threshold(struct import *import, void *ctx, const struct statement *statement)
{
	struct serving *serving = ctx;
	long long flows;

	if (import_number(statement_word(statement, 1), 0, FLOWS_MAX, &flows))
		serving->backend.max_flows = (unsigned int)flows;
	else
		import_note(import, serving->service.notes, statement, "not a number of flows");
}

static void
take_own_method(struct import *import, void *ctx, const struct statement *statement)
{
	struct serving *serving = ctx;
	struct import_service own = {.notes = serving->service.notes, .mode = MODE_NAT};

	import_service_mode(import, &own, statement);
	if (own.mode != serving->service.mode)
		import_note(import, serving->service.notes, statement,
			"a service has one mode for all its backends: it is %s",
			forward_mode_name(serving->service.mode));
}

static const char later[] =
	"weir asks again after the interval: interval_ms and fall say how soon a backend is down";
static const char spread[] = "weir spreads its checks by itself (jitter_pct)";
static const char no_script[] = "weir runs no program when a backend or pool changes: alert on "
				"weir_backend_up of /metrics, "
				"or track the pool by the virtual router, and 'notify'";
static const char no_mail[] = "weir sends no mail: alert on weir_backend_up of /metrics";
static const char inhibit[] =
	"a backend that is down takes no new flows, as with this; what becomes of those there are "
	"depends on the scheduler: docs/config.md, services[].scheduler";
static const char no_bound[] = "max_flows has no lower bound: a backend takes flows again at once";

static const struct import_keyword server_keywords[] = {
	{"weight", take_weight, NULL},
	{"lvs_method", take_own_method, NULL},
	{"lb_kind", take_own_method, NULL},
	{"uthreshold", take_threshold, NULL},
	{"lthreshold", NULL, no_bound},
	{"HTTP_GET", take_nothing, NULL},
	{"SSL_GET", take_nothing, NULL},
	{"TCP_CHECK", take_nothing, NULL},
	{"SMTP_CHECK", take_nothing, NULL},
	{"DNS_CHECK", take_nothing, NULL},
	{"MISC_CHECK", take_nothing, NULL},
	{"UDP_CHECK", take_nothing, NULL},
	{"PING_CHECK", take_nothing, NULL},
	{"BFD_CHECK", take_nothing, NULL},
	{"FILE_CHECK", take_nothing, NULL},
	{"virtualhost", take_nothing, NULL},
	{"alpha", take_nothing, NULL},
	{"connect_timeout", take_nothing, NULL},
	{"retry", take_nothing, NULL},
	{"delay_loop", take_nothing, NULL},
	{"delay_before_retry", NULL, later},
	{"warmup", NULL, spread},
	{"inhibit_on_failure", NULL, inhibit},
	{"notify_up", NULL, no_script},
	{"notify_down", NULL, no_script},
	{"smtp_alert", NULL, no_mail},
	{"snmp_name", NULL, ""},
	{NULL, NULL, NULL},
};

/* All servers of a pool have one check: what another says otherwise is noted. */
static void
check_server(struct import *import, struct serving *serving, const struct statement *server)
{
	struct import_service *service = &serving->service;
	size_t n = document_count(import->checks);
	const char *check = import_check(import, service, &serving->backend, server);

	if (!serving->checked) {
		service->check = check;
		serving->checked = true;
		return;
	}
	if (check && service->check && strcmp(check, service->check) == 0)
		return;
	if (!check && !service->check)
		return;
	import_note(import, service->notes, server,
		"is checked otherwise than the first real server: a pool has one check, %s",
		service->check ? service->check : "here none");
	if (document_count(import->checks) > n)
		document_drop_last(import->checks);
}

static void
take_server(struct import *import, void *ctx, const struct statement *statement)
{
	struct serving *serving = ctx;
	struct import_service *service = &serving->service;
	const char *port = statement_word(statement, 2);
	size_t n = service->n_backends;
	long long number = 0;

	serving->backend = (struct import_backend){.from = statement, .weight = 1};
	if (!import_addr(statement_word(statement, 1), &serving->backend.addr) ||
		(port && !import_number(port, 0, 65535, &number))) {
		import_note(
			import, service->notes, statement, "left out: not an address with a port");
		return;
	}
	serving->backend.port = (unsigned int)number;
	import_block(import, statement, server_keywords, service->notes, serving);
	import_service_add_backend(import, service, &serving->backend);
	if (service->n_backends > n)
		check_server(import, serving, statement);
}

static void
take_quorum(struct import *import, void *ctx, const struct statement *statement)
{
	struct serving *serving = ctx;

	serving->service.quorum = statement;
	if (!import_number(statement_word(statement, 1), 1, INT32_MAX, &serving->service.least))
		import_note(import, serving->service.notes, statement, "not a number from 1 on");
}

static void
take_hysteresis(struct import *import, void *ctx, const struct statement *statement)
{
	struct serving *serving = ctx;

	if (!import_number(statement_word(statement, 1), 0, INT32_MAX, &serving->service.more))
		import_note(import, serving->service.notes, statement, "not a number from 0 on");
}

static void
take_sorry(struct import *import, void *ctx, const struct statement *statement)
{
	struct serving *serving = ctx;
	struct import_backend sorry = {.from = statement, .weight = 1, .sorry = true};
	const char *port = statement_word(statement, 2);
	long long number = 0;

	if (!import_addr(statement_word(statement, 1), &sorry.addr) ||
		(port && !import_number(port, 0, 65535, &number))) {
		import_note(import, serving->service.notes, statement,
			"left out: not an address with a port");
		return;
	}
	sorry.port = (unsigned int)number;
	serving->service.sorry = sorry;
}

static const struct import_keyword keywords[] = {
	{"lvs_sched", take_nothing, NULL},
	{"lb_algo", take_nothing, NULL},
	{"lvs_method", take_nothing, NULL},
	{"lb_kind", take_nothing, NULL},
	{"mh-port", take_by_port, NULL},
	{"sh-port", take_by_port, NULL},
	{"mh-fallback", NULL, ""},
	{"sh-fallback", NULL, ""},
	{"flag-1", NULL, ""},
	{"flag-2", take_by_port, NULL},
	{"flag-3", NULL, "not a flag of any scheduler that weir has"},
	{"ops", NULL, "weir keeps flows of UDP: flow_timeouts says for how long"},
	{"persistence_timeout", take_persistence, NULL},
	{"persistence_granularity", take_granularity, NULL},
	{"persistence_engine", NULL, "weir does not look into SIP"},
	{"protocol", take_nothing, NULL},
	{"snmp_name", take_name, NULL},
	{"real_server", take_server, NULL},
	{"virtualhost", take_nothing, NULL},
	{"alpha", take_nothing, NULL},
	{"connect_timeout", take_nothing, NULL},
	{"retry", take_nothing, NULL},
	{"delay_loop", take_nothing, NULL},
	{"nb_get_retry", take_nothing, NULL},
	{"delay_before_retry", NULL, later},
	{"warmup", NULL, spread},
	{"inhibit_on_failure", NULL, inhibit},
	{"ip_family", take_nothing, NULL},
	{"ha_suspend", NULL, "every node checks, so that it knows when it has to take over"},
	{"omega", NULL, no_script},
	{"quorum_up", NULL, no_script},
	{"quorum_down", NULL, no_script},
	{"smtp_alert", NULL, no_mail},
	{"quorum", take_quorum, NULL},
	{"hysteresis", take_hysteresis, NULL},
	{"sorry_server", take_sorry, NULL},
	{"sorry_server_inhibit", NULL, inhibit},
	{"sorry_server_lvs_method", take_own_method, NULL},
	/* Of DPVS, whose format is keepalived's. */
	{"syn_proxy", take_syn_proxy, NULL},
	{"laddr_group_name", take_locals, NULL},
	{NULL, NULL, NULL},
};

/* What real servers depend on, wherever it stands in the block. */
static void
read_basics(struct import *import, struct serving *serving, const struct statement *block)
{
	static const struct import_keyword basics[] = {
		{"lvs_sched", take_scheduler, NULL},
		{"lb_algo", take_scheduler, NULL},
		{"lvs_method", take_method, NULL},
		{"lb_kind", take_method, NULL},
		{"protocol", take_protocol, NULL},
		{NULL, NULL, NULL},
	};
	const struct statement *statement = block->first;

	serving->service.protocol = "udp";
	if (!statement_find(block, "protocol"))
		import_note(import, serving->service.notes, block,
			"keepalived takes what has no 'protocol' for UDP: say 'protocol: tcp' if "
			"that "
			"is what was meant");
	for (; statement; statement = statement->next) {
		for (const struct import_keyword *basic = basics; basic->word; basic++) {
			if (strcmp(basic->word, statement->words[0]) == 0)
				basic->take(import, serving, statement);
		}
	}
}

static void
read_server(struct import *import, const struct statement *statement)
{
	struct serving serving;

	import_service_init(&serving.service, import, statement);
	serving.checked = false;
	read_basics(import, &serving, statement);
	if (strcmp(serving.service.protocol, "sctp") == 0) {
		import_note(import, import->services, statement,
			"left out: weir balances TCP and UDP, not SCTP");
	} else {
		import_find_targets(import, &serving.service, statement);
		import_block(import, statement, keywords, serving.service.notes, &serving);
		import_service_write(import, &serving.service);
	}
	import_service_fini(&serving.service);
}

void
import_servers(struct import *import)
{
	const struct statement *statement;

	if (import->n_views == 0)
		return;
	statement = statement_find(&import->views[0].tree.root, "virtual_server");
	for (; statement && !import->no_memory; statement = statement_find_next(statement))
		read_server(import, statement);
}
