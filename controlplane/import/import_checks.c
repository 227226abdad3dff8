/* SPDX-License-Identifier: BSD-3-Clause */
/* Checkers of real servers. weir has a check for a whole pool: of several checkers of a server the
 * one that says most is taken; see import_service.h. */
#include "controlplane/import/import_service.h"

#include "common/hex.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_MS_MIN 10
#define CHECK_MS_MAX 3600000
#define DELAY_LOOP_MS 60000
#define CONNECT_TIMEOUT_MS 5000
#define RETRY_MAX 99

/* A checker that is being read. */
struct checking {
	const struct statement *checker, *server, *virtual_server;
	const struct import_service *service;
	struct document_node *map;
	const char *type;
	unsigned int retry;   /* Where the file says nothing. */
	unsigned int timeout; /* Likewise, in ms; 0: CONNECT_TIMEOUT_MS. */
	long long port;       /* 0: where the backend serves. */
};

/* The first statement of this kind in the checker, the server, the virtual server. */
static const struct statement *
find(const struct checking *checking, const char *word)
{
	const struct statement *found = statement_find(checking->checker, word);

	if (!found)
		found = statement_find(checking->server, word);
	return found ? found : statement_find(checking->virtual_server, word);
}

static void
put(struct import *import, const struct checking *checking, const char *key, const char *value)
{
	document_set(import->document, checking->map, key, "%s", value);
}

static void
note(struct import *import, const struct checking *checking, const struct statement *statement,
	const char *why)
{
	import_note(import, checking->map, statement, "%s", why);
}

/* --- HTTP --- */

/* "200-299 301" of keepalived is "200-299,301" of weir. */
static const char *
read_statuses(struct import *import, const struct checking *checking, const struct statement *from)
{
	const char *text = "";

	for (size_t i = 1; i < from->n_words && i <= MODEL_STATUS_RANGES_MAX; i++) {
		const char *word = from->words[i], *dash = strchr(word, '-');
		const char *end = dash ? dash : word + strlen(word);
		long long first, last;

		if (!import_number(import_text(import, "%.*s", (int)(end - word), word), 100, 599,
			    &first) ||
			!import_number(dash ? dash + 1 : word, first, 599, &last)) {
			note(import, checking, from, "not a status from 100 to 599");
			return "200-299";
		}
		text = first == last
			       ? import_text(import, "%s%s%lld", text, i > 1 ? "," : "", first)
			       : import_text(import, "%s%s%lld-%lld", text, i > 1 ? "," : "", first,
					 last);
	}
	return *text ? text : "200-299";
}

/* keepalived has PCRE, weir the expressions of POSIX. */
static void
read_regex(struct import *import, const struct checking *checking, const struct statement *from)
{
	const char *text = statement_word(from, 1);
	regex_t regex;

	if (!text || !*text || strlen(text) > 200 || strstr(text, "(?") || strchr(text, '\\') ||
		regcomp(&regex, text, REG_EXTENDED | REG_NOSUB) != 0) {
		note(import, checking, from,
			"weir has POSIX extended regular expressions: give one as "
			"expect_body_regex");
		return;
	}
	regfree(&regex);
	put(import, checking, "expect_body_regex", text);
}

static void
read_url(struct import *import, struct checking *checking, const struct statement *url)
{
	const struct statement *path = statement_find(url, "path");
	const struct statement *status = statement_find(url, "status_code");
	const struct statement *regex = statement_find(url, "regex");
	const struct statement *host = statement_find(url, "virtualhost");
	const char *text = path ? statement_word(path, 1) : "/";

	if (!text || *text != '/' || strpbrk(text, " \t")) {
		import_note(import, checking->map, path, "not a path: it is /");
		text = "/";
	}
	put(import, checking, "path", text);
	put(import, checking, "expect_status",
		status ? read_statuses(import, checking, status) : "200-299");
	if (host && host->n_words > 1 && *host->words[1])
		put(import, checking, "host", host->words[1]);
	if (statement_find(url, "regex_no_match"))
		note(import, checking, statement_find(url, "regex_no_match"),
			"weir has no check that fails by what it finds");
	else if (regex)
		read_regex(import, checking, regex);
	if (statement_find(url, "digest"))
		note(import, checking, statement_find(url, "digest"),
			"weir computes no MD5 of pages: give what the page must contain as "
			"expect_body");
}

static void
read_http(struct import *import, struct checking *checking)
{
	const struct statement *host = find(checking, "virtualhost");
	const struct statement *url = statement_find(checking->checker, "url");
	const struct statement *other = url;

	if (host && host->n_words > 1 && *host->words[1])
		put(import, checking, "host", host->words[1]);
	if (url)
		read_url(import, checking, url);
	else
		put(import, checking, "expect_status", "200-299");
	while (other && (other = statement_find_next(other)) != NULL)
		note(import, checking, other,
			"weir's check asks for one page: let the server's own page say whether all "
			"is well");
}

static void
read_https(struct import *import, struct checking *checking)
{
	read_http(import, checking);
	/* keepalived takes any certificate. */
	put(import, checking, "tls_verify", "no");
}

/* --- The others --- */

static void
read_nothing(struct import *import, struct checking *checking)
{
	(void)import;
	(void)checking;
}

static void
read_smtp(struct import *import, struct checking *checking)
{
	note(import, checking, checking->checker,
		"weir has no check of SMTP: it is asked whether a connection can be made. A "
		"script (type: script) can say HELO");
}

static void
read_dns(struct import *import, struct checking *checking)
{
	static const char *const types[] = {"A", "AAAA", "NS", "CNAME", "MX", "TXT", "SOA"};
	const struct statement *type = statement_find(checking->checker, "type");
	const struct statement *name = statement_find(checking->checker, "name");
	const char *word = type ? statement_word(type, 1) : "SOA";
	const char *query = name ? statement_word(name, 1) : ".";
	bool known = false;

	for (size_t i = 0; word && i < sizeof(types) / sizeof(types[0]); i++)
		known = known || strcmp(types[i], word) == 0;
	if (!known)
		import_note(import, checking->map, type, "not a type that is known: it is SOA");
	put(import, checking, "query_type", known ? word : "SOA");
	if (!query || strlen(query) > 63 ||
		query[strspn(query, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_.")] ||
		strstr(query, "..") || (*query == '.' && query[1]) || !*query) {
		document_fill(import->document, checking->map, "%s:%u: the name to ask for",
			checking->checker->file, checking->checker->line);
		query = ".";
	}
	put(import, checking, "query", query);
}

static void
read_script(struct import *import, struct checking *checking)
{
	const struct statement *path = statement_find(checking->checker, "misc_path");
	const struct statement *timeout = statement_find(checking->checker, "misc_timeout");
	const char *command = "";

	for (size_t i = 1; path && i < path->n_words && i <= MODEL_COMMAND_MAX; i++)
		command = import_text(import, "%s%s%s", command, i > 1 ? " " : "", path->words[i]);
	if (!*command) {
		document_fill(import->document, checking->map, "%s:%u: the program to run",
			checking->checker->file, checking->checker->line);
		command = "/bin/true";
	}
	import_command(import, document_list(import->document, checking->map, "command", true),
		checking->map, path ? path : checking->checker, command);
	if (timeout && !import_ms(statement_word(timeout, 1), CHECK_MS_MIN, CHECK_MS_MAX,
			       &checking->timeout))
		note(import, checking, timeout, "not a time: it is the interval");
	if (statement_find(checking->checker, "misc_dynamic"))
		note(import, checking, statement_find(checking->checker, "misc_dynamic"),
			"exit statuses above 1 change no weight: they are failures");
	if (strstr(command, import_addr_text(import, &checking->service->backends[0].addr)))
		note(import, checking, path,
			"the command names one server, but is run for all of the pool: take "
			"$WEIR_ADDRESS from its environment");
}

/* Hexadecimal digits in pairs; keepalived takes one alone for a byte as well. */
static const char *
read_hex(struct import *import, const struct statement *from)
{
	char hex[2 * MODEL_CHECK_BYTES_MAX + 1];
	size_t n = 0;

	for (size_t i = 1; i < from->n_words; i++) {
		const char *c = from->words[i];

		while (*c) {
			bool pair = hex_value(c[0]) >= 0 && c[1] && hex_value(c[1]) >= 0;

			if (n + 2 >= sizeof(hex) || hex_value(c[0]) < 0 ||
				(c[1] && !pair && !isspace((unsigned char)c[1])))
				return NULL;
			hex[n++] = pair ? *c++ : '0';
			hex[n++] = *c++;
			c += strspn(c, " ");
		}
	}
	hex[n] = '\0';
	return n > 0 ? import_text(import, "%s", hex) : NULL;
}

static void
read_udp(struct import *import, struct checking *checking)
{
	const struct statement *payload = statement_find(checking->checker, "payload");
	const struct statement *reply = statement_find(checking->checker, "require_reply");
	const char *hex = payload ? read_hex(import, payload) : NULL;
	const char *answer = reply ? read_hex(import, reply) : NULL;

	if (!reply || !hex) {
		checking->type = "icmp";
		note(import, checking, checking->checker,
			"weir's check by UDP wants a question and an answer, which keepalived's "
			"here does not: so it is an echo request. Give type udp with 'send_hex' "
			"and 'expect_hex', or dns");
		return;
	}
	put(import, checking, "send_hex", hex);
	if (answer)
		put(import, checking, "expect_hex", answer);
	else if (reply->n_words > 1)
		note(import, checking, reply,
			"digits that may be any have no counterpart: any answer is good");
}

/* --- Which there are; of several the first in this order is taken --- */

static const struct kind {
	const char *word;
	const char *type; /* NULL: there is none. */
	unsigned int retry;
	void (*read)(struct import *import, struct checking *checking);
} kinds[] = {
	{"SSL_GET", "https", 1, read_https},
	{"HTTP_GET", "http", 1, read_http},
	{"DNS_CHECK", "dns", 3, read_dns},
	{"MISC_CHECK", "script", 0, read_script},
	{"UDP_CHECK", "udp", 1, read_udp},
	{"SMTP_CHECK", "tcp", 1, read_smtp},
	{"TCP_CHECK", "tcp", 1, read_nothing},
	{"PING_CHECK", "icmp", 1, read_nothing},
	{"BFD_CHECK", NULL, 0, NULL},
	{"FILE_CHECK", NULL, 0, NULL},
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void
note_option(
	struct import *import, const struct checking *checking, const char *word, const char *why)
{
	const struct statement *statement = statement_find(checking->checker, word);

	if (statement)
		note(import, checking, statement, why);
}

static void
write_times(struct import *import, const struct checking *checking)
{
	const struct statement *loop = find(checking, "delay_loop");
	const struct statement *timeout = find(checking, "connect_timeout");
	const struct statement *retry = find(checking, "retry");
	const struct statement *alpha = find(checking, "alpha");
	unsigned int interval_ms = DELAY_LOOP_MS, timeout_ms = CONNECT_TIMEOUT_MS;
	long long times = checking->retry;

	if (!retry)
		retry = find(checking, "nb_get_retry");
	if (loop && !import_ms(statement_word(loop, 1), CHECK_MS_MIN, CHECK_MS_MAX, &interval_ms))
		note(import, checking, loop, "not a time from 0.01 to 3600 seconds: it is 60");
	if (strcmp(checking->type, "script") == 0)
		timeout_ms = checking->timeout ? checking->timeout : interval_ms;
	else if (timeout &&
		 !import_ms(statement_word(timeout, 1), CHECK_MS_MIN, CHECK_MS_MAX, &timeout_ms))
		note(import, checking, timeout, "not a time from 0.01 to 3600 seconds: it is 5");
	if (retry && !import_number(statement_word(retry, 1), 0, RETRY_MAX, &times))
		note(import, checking, retry, "not a number from 0 to 99");
	document_set(import->document, checking->map, "interval_ms", "%u", interval_ms);
	document_set(import->document, checking->map, "timeout_ms", "%u", timeout_ms);
	put(import, checking, "rise", "1");
	document_set(import->document, checking->map, "fall", "%lld", times + 1);
	if (alpha && import_bool(statement_word(alpha, 1)))
		put(import, checking, "start", "down");
}

/* keepalived asks the real server's port; weir by itself the one that packets go to. */
static void
find_port(struct checking *checking, const struct import_backend *backend)
{
	const struct import_service *service = checking->service;
	const struct statement *port = statement_find(checking->checker, "connect_port");
	bool same = true;

	for (size_t i = 0; i < service->n_targets; i++)
		same = same && service->targets[i].port == backend->port;
	if (port && import_number(statement_word(port, 1), 1, 65535, &checking->port))
		return;
	if (backend->port && !same &&
		(!mode_translates(service->mode) || import_service_has_any_port(service)))
		checking->port = backend->port;
}

static const struct kind *
find_kind(struct import *import, const struct import_service *service,
	const struct statement *server, const struct statement **checker)
{
	const struct kind *kind = NULL;

	*checker = NULL;
	for (size_t i = 0; i < N_KINDS; i++) {
		const struct statement *found = statement_find(server, kinds[i].word);

		for (; found; found = statement_find_next(found)) {
			if (!kind && kinds[i].type) {
				kind = &kinds[i];
				*checker = found;
			} else {
				import_note(import, service->notes, found,
					kind ? "a pool has one check; %s says more"
					     : "weir has no check of this kind%.0s",
					kind ? kind->word : "");
			}
		}
	}
	return kind;
}

/* Whether the list has another check that asks the same. */
static const char *
find_twin(const struct import *import, const struct document_node *map)
{
	struct document_node *other = NULL;

	while ((other = document_next(import->checks, other)) != NULL && other != map) {
		if (document_equal(other, map, "name"))
			return document_value(document_find(other, "name"));
	}
	return NULL;
}

static const char *
write_check(struct import *import, struct checking *checking, const struct kind *kind)
{
	struct document *document = import->document;
	const char *name = import_name(import, import->checks, kind->type);
	const char *twin;

	checking->map = document_map(document, import->checks, NULL, false);
	document_text(document, checking->map, "name", "%s", name);
	document_text(document, checking->map, "type", "%s", kind->type);
	kind->read(import, checking);
	put(import, checking, "type", checking->type);
	if (checking->port && strcmp(checking->type, "icmp") != 0)
		document_set(document, checking->map, "port", "%lld", checking->port);
	write_times(import, checking);
	note_option(import, checking, "connect_ip", "weir asks the backend's own address");
	note_option(import, checking, "bindto", "the kernel chooses the address it asks from");
	note_option(import, checking, "bind_port", "the kernel chooses the port it asks from");
	note_option(import, checking, "bind_if", "the kernel's routes say where it goes");
	note_option(import, checking, "fwmark", "weir marks no packets");
	twin = find_twin(import, checking->map);
	if (twin)
		document_drop_last(import->checks);
	return twin ? twin : name;
}

const char *
import_check(struct import *import, const struct import_service *service,
	const struct import_backend *backend, const struct statement *server)
{
	struct checking checking = {
		.server = server, .virtual_server = service->from, .service = service};
	const struct kind *kind = find_kind(import, service, server, &checking.checker);
	bool portless;

	if (!kind)
		return NULL;
	checking.type = kind->type;
	checking.retry = kind->retry;
	find_port(&checking, backend);
	portless = strcmp(kind->type, "icmp") == 0 || strcmp(kind->type, "script") == 0;
	if (!portless && !checking.port && import_service_has_any_port(service)) {
		import_note(import, service->notes, checking.checker,
			"left out: a service of any port leaves the check without a port to ask: "
			"give it one");
		return NULL;
	}
	return write_check(import, &checking, kind);
}
