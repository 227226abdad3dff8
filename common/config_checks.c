/* SPDX-License-Identifier: BSD-3-Clause */
/* Health checks: the keys that all have, which type knows which others, and those of HTTP and TLS;
 * see config_build.h. The other types' own keys are in config_probes.c. */
#include "common/config_index.h"
#include "common/config_probes.h"

#include <ctype.h>
#include <regex.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_MS_MIN 10
#define CHECK_MS_MAX 3600000
#define RISE_FALL_MAX 100
#define JITTER_PCT_MAX 50
#define STATUS_MIN 100
#define STATUS_MAX 599
#define HEADER_MAX 1000

/* --- Which type knows which keys --- */

#define TYPE(name) (1u << CHECK_##name)
#define HTTP_TYPES (TYPE(HTTP) | TYPE(HTTPS))
#define TLS_TYPES (TYPE(HTTPS) | TYPE(TLS))
#define ALL_TYPES ((1u << N_CHECK_TYPES) - 1)
/* The web tier's check of its upstream nodes, which is a plain one of HTTP. */
#define UPSTREAM (1u << 31)

#define KEY(name, types)                                       \
	{                                                      \
#name, offsetof(struct raw_check, name), types \
	}

static const struct {
	const char *name;
	size_t offset;
	unsigned int types;
} keys[] = {
	KEY(name, ALL_TYPES),
	KEY(type, ALL_TYPES),
	KEY(jitter_pct, ALL_TYPES),
	KEY(start, ALL_TYPES),
	KEY(via, TYPE(TCP) | HTTP_TYPES | TYPE(TLS) | TYPE(UDP) | TYPE(DNS)),
	KEY(port, UPSTREAM | (ALL_TYPES & ~TYPE(ICMP))),
	KEY(path, UPSTREAM | HTTP_TYPES),
	KEY(host, UPSTREAM | HTTP_TYPES),
	KEY(expect_status, UPSTREAM | HTTP_TYPES),
	KEY(method, HTTP_TYPES),
	KEY(headers, HTTP_TYPES),
	KEY(expect_body, HTTP_TYPES),
	KEY(expect_body_regex, HTTP_TYPES),
	KEY(tls_verify, TLS_TYPES),
	KEY(tls_ca, TLS_TYPES),
	KEY(tls_name, TLS_TYPES),
	KEY(send, TYPE(UDP)),
	KEY(send_hex, TYPE(UDP)),
	KEY(expect, TYPE(UDP)),
	KEY(expect_hex, TYPE(UDP)),
	KEY(query, TYPE(DNS)),
	KEY(query_type, TYPE(DNS)),
	KEY(expect_rcode, TYPE(DNS)),
	KEY(expect_answer, TYPE(DNS)),
	KEY(user, TYPE(MARIADB)),
	KEY(password_file, TYPE(MARIADB)),
	KEY(read_only, TYPE(MARIADB)),
	KEY(replica, TYPE(MARIADB)),
	KEY(max_lag_s, TYPE(MARIADB)),
	KEY(command, TYPE(SCRIPT)),
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

/* The names of the types in 'types' ("http, https"). */
static void
name_types(unsigned int types, char *out, size_t size)
{
	*out = '\0';
	for (unsigned int i = CHECK_TCP; i < N_CHECK_TYPES; i++) {
		size_t used = strlen(out);

		if (types & (1u << i))
			snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "",
				check_type_name(i));
	}
}

/* A key that the type does not know is a mistake: it would be thought to be checked. */
static void
refuse_others(struct config_reader *reader, const char *path, const struct raw_check *raw,
	unsigned int type)
{
	for (size_t i = 0; i < N_KEYS; i++) {
		const void *value;
		char types[128];

		memcpy(&value, (const char *)raw + keys[i].offset, sizeof(value));
		if (!value || (keys[i].types & type))
			continue;
		name_types(keys[i].types, types, sizeof(types));
		if (type == UPSTREAM)
			config_fail(reader, path, keys[i].name,
				"the web tier's check of its upstream nodes has no use for it");
		else
			config_fail(reader, path, keys[i].name,
				"a check of this type has no use for it; it is for: %s", types);
	}
}

/* --- http, https --- */

static bool
parse_status(const char **text, uint16_t *out)
{
	char *end;
	unsigned long status = isdigit((unsigned char)**text) ? strtoul(*text, &end, 10) : 0;

	if (status < STATUS_MIN || status > STATUS_MAX)
		return false;
	*text = end;
	*out = (uint16_t)status;
	return true;
}

/* "200", "200-299", "200-299,301". */
static bool
parse_statuses(const char *text, struct check_http *http)
{
	while (http->n_statuses < MODEL_STATUS_RANGES_MAX) {
		struct status_range *range = &http->statuses[http->n_statuses];

		if (!parse_status(&text, &range->first))
			return false;
		range->last = range->first;
		if (*text == '-') {
			text++;
			if (!parse_status(&text, &range->last) || range->last < range->first)
				return false;
		}
		http->n_statuses++;
		if (*text == '\0')
			return true;
		if (*text++ != ',')
			return false;
		text += strspn(text, " ");
	}
	return false;
}

static bool
is_header(const char *text)
{
	size_t name = strcspn(text, ": \t");

	if (name == 0 || text[name] != ':' || strlen(text) > HEADER_MAX)
		return false;
	for (; *text; text++) {
		if (iscntrl((unsigned char)*text))
			return false;
	}
	return true;
}

static void
build_headers(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check_http *http)
{
	const char **headers =
		config_array(reader, (size_t)raw->headers_count + 1, sizeof(*headers));

	if (raw->headers_count > MODEL_CHECK_HEADERS_MAX)
		config_fail(reader, path, "headers", "%u headers: at most %d", raw->headers_count,
			MODEL_CHECK_HEADERS_MAX);
	for (unsigned int i = 0; reader->code == 0 && i < raw->headers_count; i++) {
		headers[i] = config_text(reader, path, "headers", raw->headers[i], "");
		if (!is_header(headers[i]))
			config_fail(reader, path, "headers",
				"'%s' is not a header: write 'Name: value', at most %d characters",
				headers[i], HEADER_MAX);
		else if (strncasecmp(headers[i], "host:", 5) == 0)
			config_fail(reader, path, "headers", "the Host header has a key: 'host'");
	}
	http->headers = headers;
}

static void
build_body(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check_http *http)
{
	const char *key = raw->expect_body ? "expect_body" : "expect_body_regex";
	char why[128];
	regex_t regex;
	int rc;

	http->body = config_text(reader, path, "expect_body", raw->expect_body, NULL);
	http->body_regex =
		config_text(reader, path, "expect_body_regex", raw->expect_body_regex, NULL);
	if (!http->body && !http->body_regex)
		return;
	if (strcmp(http->method, "HEAD") == 0)
		config_fail(reader, path, key, "the answer to HEAD has no body: use GET");
	if (http->body && http->body_regex)
		config_fail(reader, path, "expect_body_regex",
			"give one of 'expect_body' and 'expect_body_regex'");
	if (!http->body_regex)
		return;
	rc = regcomp(&regex, http->body_regex, REG_EXTENDED | REG_NOSUB);
	if (rc == 0) {
		regfree(&regex);
		return;
	}
	regerror(rc, &regex, why, sizeof(why));
	config_fail(reader, path, "expect_body_regex",
		"'%s' is not a POSIX extended regular expression: %s", http->body_regex, why);
}

static void
build_http(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check *check)
{
	static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "POST", NULL};
	struct check_http *http = &check->http;

	http->method = methods[config_word(reader, path, "method", raw->method, methods, 0)];
	http->path = config_text(reader, path, "path", raw->path, "/");
	if (http->path[0] != '/' || strpbrk(http->path, " \r\n\t"))
		config_fail(reader, path, "path", "'%s' must begin with '/' and have no spaces",
			http->path);
	http->host = config_text(reader, path, "host", raw->host, NULL);
	http->expected = config_text(reader, path, "expect_status", raw->expect_status, "200");
	if (!parse_statuses(http->expected, http))
		config_fail(reader, path, "expect_status",
			"'%s' is not a status from %d to %d, nor a list of at most %d of them and "
			"ranges, like 200-299,301",
			http->expected, STATUS_MIN, STATUS_MAX, MODEL_STATUS_RANGES_MAX);
	build_headers(reader, path, raw, http);
	build_body(reader, path, raw, http);
}

/* --- https, tls --- */

/* The host without its port, as a name for the certificate; NULL if it is none. */
static const char *
name_of_host(struct config_reader *reader, const char *host)
{
	size_t size = host ? strcspn(host, ":") : 0;

	if (size == 0 || *host == '[')
		return NULL;
	return arena_printf(reader->arena, "%.*s", (int)size, host);
}

static void
build_tls(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check *check)
{
	struct check_tls *tls = &check->tls;

	tls->verify = config_bool(reader, path, "tls_verify", raw->tls_verify, true);
	tls->ca_file = config_file(reader, path, "tls_ca", raw->tls_ca);
	tls->name = config_text(reader, path, "tls_name", raw->tls_name, NULL);
	if (tls->name && tls->name[strspn(tls->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq"
						     "rstuvwxyz0123456789.-_")])
		config_fail(reader, path, "tls_name", "'%s' is not a host's name", tls->name);
	if (!tls->name)
		tls->name = name_of_host(reader, check->http.host);
	if (!tls->verify && tls->ca_file)
		config_fail(reader, path, "tls_ca",
			"no authority is asked with 'tls_verify: no': leave one of them out");
}

static void
build_https(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check *check)
{
	build_http(reader, path, raw, check);
	build_tls(reader, path, raw, check);
}

/* --- All --- */

static void
build_times(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check *check)
{
	const struct config_range port = {1, 65535, 0};

	check->port = (uint16_t)config_number(reader, path, "port", raw->port, port);
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
build_nothing(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check *check)
{
	(void)reader;
	(void)path;
	(void)raw;
	(void)check;
}

typedef void (*build_fn)(struct config_reader *reader, const char *path,
	const struct raw_check *raw, struct check *check);

static const build_fn builders[N_CHECK_TYPES] = {
	[CHECK_TCP] = build_nothing,
	[CHECK_HTTP] = build_http,
	[CHECK_HTTPS] = build_https,
	[CHECK_TLS] = build_tls,
	[CHECK_UDP] = config_build_udp,
	[CHECK_DNS] = config_build_dns,
	[CHECK_ICMP] = build_nothing,
	[CHECK_MARIADB] = config_build_mariadb,
	[CHECK_SCRIPT] = config_build_script_check,
};

static void
build_check(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check *check)
{
	static const char *const starts[] = {"wait", "up", "down", NULL};
	static const char *const vias[] = {"backend", "vip", NULL};
	const char *types[N_CHECK_TYPES] = {NULL};

	for (unsigned int i = CHECK_TCP; i < N_CHECK_TYPES; i++)
		types[i - CHECK_TCP] = check_type_name(i);
	check->name = config_name(reader, path, "name", raw->name);
	check->type =
		CHECK_TCP + (unsigned int)config_word(reader, path, "type", raw->type, types, -1);
	refuse_others(reader, path, raw, 1u << check->type);
	build_times(reader, path, raw, check);
	check->jitter_pct = (uint8_t)config_number(reader, path, "jitter_pct", raw->jitter_pct,
		(struct config_range){0, JITTER_PCT_MAX, 10});
	check->start = (enum check_start)config_word(
		reader, path, "start", raw->start, starts, CHECK_START_WAIT);
	check->via_vip = config_word(reader, path, "via", raw->via, vias, 0) == 1;
	builders[check->type](reader, path, raw, check);
}

void
config_build_checks(struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	model->checks = config_array(reader, raw->checks_count, sizeof(*model->checks));
	for (size_t i = 0; model->checks && i < raw->checks_count; i++) {
		struct config_path path = config_path("checks[%zu]", i);

		build_check(reader, path.text, &raw->checks[i], &model->checks[i]);
		model->n_checks = i + 1;
	}
	if (reader->code == 0)
		config_check_names(reader, "checks", model->checks, model->n_checks,
			sizeof(*model->checks), "");
}

void
config_build_upstream_check(
	struct config_reader *reader, const struct raw_check *raw, struct check *check)
{
	static const struct raw_check none;
	const char *path = "web.upstream_check";

	if (!raw)
		raw = &none;
	check->name = "upstream";
	check->type = CHECK_HTTP;
	refuse_others(reader, path, raw, UPSTREAM);
	build_times(reader, path, raw, check);
	build_http(reader, path, raw, check);
}
