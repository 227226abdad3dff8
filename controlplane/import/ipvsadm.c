/* SPDX-License-Identifier: BSD-3-Clause */
/* What "ipvsadm -S -n" writes: a line for each virtual service, "-A -t 10.0.0.1:80 -s wlc", and
 * behind it one for each of its real servers, "-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 1". It is
 * parted into words as keepalived's lines are. */
#include "controlplane/import/import_service.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERSISTENCE_DEFAULT_S 360
#define FLOWS_MAX 1000000000
#define ADDRESS_MAX 80

/* A line, while its options are read. */
struct rule {
	const struct statement *from;
	bool adds_service, adds_server;
	const char *protocol; /* NULL: none, or a mark. */
	const char *address;  /* Of the service, or its mark. */
	const char *server;
	const char *value;              /* Of the option that is being read; NULL: it has none. */
	struct import_service *service; /* What -A's options are about. */
	struct import_backend backend;
	enum forward_mode mode;
	bool gue;
	long long gue_port;
};

/* --- Addresses --- */

/* A number, or a name of /etc/services. */
static bool
read_port(const char *text, const char *protocol, unsigned int *port)
{
	const struct servent *entry;
	long long number;

	if (import_number(text, 0, 65535, &number)) {
		*port = (unsigned int)number;
		return true;
	}
	entry = getservbyname(text, protocol);
	if (!entry)
		return false;
	*port = ntohs((uint16_t)entry->s_port);
	return true;
}

/* "192.0.2.1:80", "[2001:db8::1]:80"; without a port it is 0. */
static bool
read_address(const char *text, const char *protocol, struct addr *addr, unsigned int *port)
{
	char copy[ADDRESS_MAX], *end, *begin = copy;

	*port = 0;
	if (strlen(text) >= sizeof(copy))
		return false;
	snprintf(copy, sizeof(copy), "%s", text);
	if (*copy == '[') {
		begin = copy + 1;
		end = strchr(copy, ']');
		if (!end)
			return false;
		*end++ = '\0';
	} else {
		end = strchr(copy, ':');
		if (end && strchr(end + 1, ':'))
			end = NULL;
	}
	if (end && *end == ':') {
		*end = '\0';
		if (!read_port(end + 1, protocol, port))
			return false;
	}
	return import_addr(begin, addr);
}

/* --- Options --- */

static void
take_service(struct import *import, struct rule *rule)
{
	(void)import;
	rule->adds_service = true;
}

static void
take_server_rule(struct import *import, struct rule *rule)
{
	(void)import;
	rule->adds_server = true;
}

static void
take_tcp(struct import *import, struct rule *rule)
{
	(void)import;
	rule->protocol = "tcp";
	rule->address = rule->value;
}

static void
take_udp(struct import *import, struct rule *rule)
{
	(void)import;
	rule->protocol = "udp";
	rule->address = rule->value;
}

static void
take_mark(struct import *import, struct rule *rule)
{
	(void)import;
	rule->protocol = NULL;
	rule->address = rule->value;
}

static void
take_scheduler(struct import *import, struct rule *rule)
{
	(void)import;
	rule->service->scheduler = rule->value;
}

static void
take_persistence(struct import *import, struct rule *rule)
{
	rule->service->persistence_s = PERSISTENCE_DEFAULT_S;
	if (rule->value && !import_number(rule->value, 1, MODEL_PERSISTENCE_S_MAX,
				   &rule->service->persistence_s))
		import_note(import, rule->service->notes, rule->from,
			"persistence is not 1 to %d seconds: it is %d", MODEL_PERSISTENCE_S_MAX,
			PERSISTENCE_DEFAULT_S);
}

static void
take_mask(struct import *import, struct rule *rule)
{
	(void)import;
	rule->service->prefix = import_mask_bits(rule->value);
}

static void
take_flags(struct import *import, struct rule *rule)
{
	(void)import;
	rule->service->by_port =
		rule->value && (strstr(rule->value, "-port") || strstr(rule->value, "flag-2"));
}

static void
note_ops(struct import *import, struct rule *rule)
{
	import_note(import, rule->service->notes, rule->from,
		"-o: weir keeps flows of UDP: flow_timeouts says for how long");
}

static void
note_engine(struct import *import, struct rule *rule)
{
	import_note(import, rule->service->notes, rule->from, "--pe: weir does not look into SIP");
}

static void
pass_over(struct import *import, struct rule *rule)
{
	(void)import;
	(void)rule;
}

static void
take_real(struct import *import, struct rule *rule)
{
	(void)import;
	rule->server = rule->value;
}

static void
take_gateway(struct import *import, struct rule *rule)
{
	(void)import;
	rule->mode = MODE_DR;
}

static void
take_tunnel(struct import *import, struct rule *rule)
{
	(void)import;
	rule->mode = MODE_TUNNEL;
}

static void
take_masquerade(struct import *import, struct rule *rule)
{
	(void)import;
	rule->mode = MODE_NAT;
}

static void
take_weight(struct import *import, struct rule *rule)
{
	if (!import_number(rule->value, 0, 65535, &rule->backend.weight))
		import_note(import, rule->service->notes, rule->from, "the weight is no number");
}

static void
take_threshold(struct import *import, struct rule *rule)
{
	long long flows;

	if (import_number(rule->value, 0, FLOWS_MAX, &flows))
		rule->backend.max_flows = (unsigned int)flows;
	else
		import_note(import, rule->service->notes, rule->from, "-x is no number");
}

static void
note_lower(struct import *import, struct rule *rule)
{
	long long flows;

	if (!import_number(rule->value, 0, 0, &flows))
		import_note(import, rule->service->notes, rule->from,
			"-y: max_flows has no lower bound: a backend takes flows again at once");
}

static void
take_tunnel_type(struct import *import, struct rule *rule)
{
	rule->gue = rule->value && strcmp(rule->value, "gue") == 0;
	if (rule->value && strcmp(rule->value, "gre") == 0)
		import_note(import, rule->service->notes, rule->from,
			"weir has no GRE: backends must take IP in IP, or GUE with 'type: gue'");
}

static void
take_tunnel_port(struct import *import, struct rule *rule)
{
	(void)import;
	import_number(rule->value, 1, 65535, &rule->gue_port);
}

enum value {
	WITHOUT,
	MAYBE, /* The next word, if it is no option. */
	WITH
};

static const struct option {
	const char *brief, *full;
	enum value value;
	void (*take)(struct import *import, struct rule *rule);
} options[] = {
	{"-A", "--add-service", WITHOUT, take_service},
	{"-a", "--add-server", WITHOUT, take_server_rule},
	{"-t", "--tcp-service", WITH, take_tcp},
	{"-u", "--udp-service", WITH, take_udp},
	{"-f", "--fwmark-service", WITH, take_mark},
	{"-s", "--scheduler", WITH, take_scheduler},
	{"-p", "--persistent", MAYBE, take_persistence},
	{"-M", "--netmask", WITH, take_mask},
	{"-b", "--sched-flags", WITH, take_flags},
	{"-o", "--ops", WITHOUT, note_ops},
	{"--pe", "--pe", WITH, note_engine},
	{"-6", "--ipv6", WITHOUT, pass_over},
	{"-r", "--real-server", WITH, take_real},
	{"-g", "--gatewaying", WITHOUT, take_gateway},
	{"-i", "--ipip", WITHOUT, take_tunnel},
	{"-m", "--masquerading", WITHOUT, take_masquerade},
	{"-w", "--weight", WITH, take_weight},
	{"-x", "--u-threshold", WITH, take_threshold},
	{"-y", "--l-threshold", WITH, note_lower},
	{"--tun-type", "--tun-type", WITH, take_tunnel_type},
	{"--tun-port", "--tun-port", WITH, take_tunnel_port},
	{"--tun-nocsum", "--tun-nocsum", WITHOUT, pass_over},
	{"--tun-csum", "--tun-csum", WITHOUT, pass_over},
	{"--tun-remcsum", "--tun-remcsum", WITHOUT, pass_over},
};
#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

static const struct option *
find_option(const char *word)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		if (strcmp(options[i].brief, word) == 0 || strcmp(options[i].full, word) == 0)
			return &options[i];
	}
	return NULL;
}

static int
refuse(const struct statement *from, const char *what, const char *word, struct err *err)
{
	return err_set(err, -EINVAL, "%s:%u: '%.60s' %s: give what 'ipvsadm -S -n' writes",
		from->file, from->line, word, what);
}

/* Calls the options of the line; those of a service only if 'service' says so. */
static int
read_rule(struct import *import, struct rule *rule, struct err *err)
{
	const struct statement *from = rule->from;
	/* "ipvsadm -A ...", as scripts have it. */
	size_t i = strcmp(from->words[0], "ipvsadm") == 0 ? 1 : 0;

	while (i < from->n_words) {
		const char *word = from->words[i++];
		const struct option *option = find_option(word);

		if (!option)
			return refuse(from, "is no option that is known", word, err);
		rule->value = statement_word(from, i);
		if (option->value == WITHOUT ||
			(option->value == MAYBE && rule->value && *rule->value == '-'))
			rule->value = NULL;
		if (option->value == WITH && !rule->value)
			return refuse(from, "wants a value", word, err);
		i += rule->value != NULL;
		option->take(import, rule);
	}
	return 0;
}

/* --- Lines --- */

struct session {
	struct import_service service;
	const char *address, *protocol; /* Of the service; 'address' NULL: there is none. */
	bool has_server;
};

static bool
is_same(const struct session *session, const struct rule *rule)
{
	if (!session->address || !rule->address || !session->protocol != !rule->protocol)
		return false;
	return strcmp(session->address, rule->address) == 0 &&
	       (!rule->protocol || strcmp(session->protocol, rule->protocol) == 0);
}

static void
finish(struct import *import, struct session *session)
{
	if (session->address)
		import_service_write(import, &session->service);
	import_service_fini(&session->service);
	session->address = NULL;
}

static int
begin(struct import *import, struct session *session, const struct statement *from, struct err *err)
{
	struct rule rule = {.from = from, .service = &session->service};
	struct import_target target = {.from = from};
	int rc;

	finish(import, session);
	import_service_init(&session->service, import, from);
	rc = read_rule(import, &rule, err);
	if (rc < 0)
		return rc;
	if (!rule.address)
		return refuse(from, "names no service (-t, -u or -f)", from->words[0], err);
	session->has_server = false;
	session->address = rule.address;
	session->protocol = rule.protocol;
	if (!rule.protocol) {
		session->service.wanted_name = import_text(import, "fwmark-%s", rule.address);
		document_fill(import->document, session->service.notes,
			"%s:%u: fwmark %.12s: weir knows services by address and port, not by "
			"marks: give a service for each address and port with this pool",
			from->file, from->line, rule.address);
		return 0;
	}
	session->service.protocol = rule.protocol;
	if (!read_address(rule.address, rule.protocol, &target.addr, &target.port))
		return refuse(from, "is not ADDRESS:PORT", rule.address, err);
	import_service_add_target(import, &session->service, &target);
	return 0;
}

static int
add_server(struct import *import, struct session *session, const struct statement *from,
	struct err *err)
{
	struct import_service *service = &session->service, ignored = {.notes = service->notes};
	struct rule rule = {
		.from = from, .service = &ignored, .mode = MODE_DR, .backend = {.weight = 1}};
	int rc = read_rule(import, &rule, err);

	if (rc < 0)
		return rc;
	if (!rule.server)
		return refuse(from, "names no real server (-r)", from->words[0], err);
	if (!is_same(session, &rule)) {
		import_note(import, import->services, from,
			"left out: its service does not stand before it");
		return 0;
	}
	rule.backend.from = from;
	if (!read_address(rule.server, rule.protocol, &rule.backend.addr, &rule.backend.port))
		return refuse(from, "is not ADDRESS:PORT", rule.server, err);
	if (!session->has_server) {
		service->mode = rule.mode;
		service->gue = rule.gue;
		service->gue_port = rule.gue_port;
	} else if (service->mode != rule.mode) {
		import_note(import, service->notes, from,
			"a service has one mode for all its backends: it is %s",
			forward_mode_name(service->mode));
	}
	session->has_server = true;
	import_service_add_backend(import, service, &rule.backend);
	return 0;
}

static bool
has_word(const struct statement *statement, const char *brief, const char *full)
{
	for (size_t i = 0; i < statement->n_words; i++) {
		if (strcmp(statement->words[i], brief) == 0 ||
			strcmp(statement->words[i], full) == 0)
			return true;
	}
	return false;
}

static int
read_statements(struct import *import, const struct statement *root, struct err *err)
{
	const struct statement *statement = root->first;
	struct session session = {.address = NULL};
	int rc = 0;

	for (; statement && rc == 0; statement = statement->next) {
		if (has_word(statement, "-A", "--add-service"))
			rc = begin(import, &session, statement, err);
		else if (has_word(statement, "-a", "--add-server"))
			rc = add_server(import, &session, statement, err);
		else
			rc = refuse(statement, "begins no rule (-A, -a)", statement->words[0], err);
	}
	if (rc < 0)
		session.address = NULL;
	finish(import, &session);
	return rc;
}

int
import_ipvsadm(struct import *import, const char *path, struct err *err)
{
	int rc = read_statements(import, &import->rules.tree.root, err);

	if (rc == 0)
		document_comment(import->document, import->pools,
			"IPVS has no checks of its own: the pools of '%s' have none, so their "
			"backends count as up always. Give each a check.",
			path);
	return rc;
}
