/* SPDX-License-Identifier: BSD-3-Clause */
/* The web tier's front: TLS, headers and pages of files, what a client may do; see
 * config_build.h. */
#include "common/config_build.h"
#include "common/prefix.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define PLACE "web"
#define SHIELD_PLACE "web.shield"
#define AGE_MAX_S 63072000 /* Two years, as the lists that browsers come with ask for. */
#define CLIENT_CONNECTIONS_MAX 1000000
#define CLIENT_RATE_MAX 1000000
#define HTTP2_PLACE "web.http2"
#define STREAMS_MAX 1000
#define STREAMS_DEFAULT 128
#define RESETS_MAX 100000
#define RESETS_DEFAULT 20
#define RESET_BURST_DEFAULT 200

static void
build_certificates(struct config_reader *reader, const struct raw_web *raw, struct web_config *web)
{
	web->more_certificates =
		config_array(reader, raw->certificates_count, sizeof(*web->more_certificates));
	for (size_t i = 0; web->more_certificates && i < raw->certificates_count; i++) {
		struct config_path path = config_path(PLACE ".certificates[%zu]", i);
		const struct raw_web_certificate *from = &raw->certificates[i];
		struct web_certificate *to = &web->more_certificates[i];

		config_required(reader, path.text, "certificate", from->certificate);
		config_required(reader, path.text, "private_key", from->private_key);
		to->certificate = config_file(reader, path.text, "certificate", from->certificate);
		to->private_key = config_file(reader, path.text, "private_key", from->private_key);
		to->ocsp_response =
			config_file(reader, path.text, "ocsp_response", from->ocsp_response);
		web->n_more_certificates = i + 1;
	}
}

static void
build_tls(struct config_reader *reader, const struct raw_web *raw, struct web_config *web)
{
	static const char *const versions[] = {"1.2", "1.3", NULL};
	static const char *const demands[] = {"optional", "required", NULL};

	web->only_tls_1_3 = config_word(reader, PLACE, "min_tls", raw->min_tls, versions, 0) == 1;
	web->ocsp_response = config_file(reader, PLACE, "ocsp_response", raw->ocsp_response);
	web->ticket_keys = config_file(reader, PLACE, "ticket_keys", raw->ticket_keys);
	web->client_ca = config_file(reader, PLACE, "client_ca", raw->client_ca);
	web->client_required = config_word(reader, PLACE, "client_certificate",
				       raw->client_certificate, demands, 1) == 1;
	if (raw->client_certificate && !web->client_ca)
		config_fail(reader, PLACE, "client_certificate",
			"needs the key 'client_ca': who signs them");
	web->kernel_tls = config_bool(reader, PLACE, "kernel_tls", raw->kernel_tls, true);
	web->redirect_https =
		config_bool(reader, PLACE, "redirect_https", raw->redirect_https, false);
	web->hsts_max_age_s = (uint32_t)config_number(reader, PLACE, "hsts_max_age_s",
		raw->hsts_max_age_s, (struct config_range){0, AGE_MAX_S, 0});
	build_certificates(reader, raw, web);
}

/* Text that can stand in a header: printable, and no more than one line. */
static void
check_value(struct config_reader *reader, const char *path, const char *key, const char *value)
{
	for (const char *at = value; *at; at++) {
		if (!isprint((unsigned char)*at)) {
			config_fail(reader, path, key,
				"must be printable ASCII: it becomes a header's value");
			return;
		}
	}
}

static void
build_cache_rules(struct config_reader *reader, const struct raw_web *raw, struct web_config *web)
{
	web->cache_rules =
		config_array(reader, raw->cache_control_count, sizeof(*web->cache_rules));
	for (size_t i = 0; web->cache_rules && i < raw->cache_control_count; i++) {
		struct config_path path = config_path(PLACE ".cache_control[%zu]", i);
		struct cache_rule *rule = &web->cache_rules[i];

		rule->match =
			config_required(reader, path.text, "match", raw->cache_control[i].match);
		if (*rule->match != '/' && *rule->match != '*')
			config_fail(reader, path.text, "match", "'%s' must begin with '/' or '*'",
				rule->match);
		rule->value =
			config_required(reader, path.text, "value", raw->cache_control[i].value);
		check_value(reader, path.text, "value", rule->value);
		web->n_cache_rules = i + 1;
	}
}

static void
build_error_pages(struct config_reader *reader, const struct raw_web *raw, struct web_config *web)
{
	web->error_pages = config_array(reader, raw->error_pages_count, sizeof(*web->error_pages));
	for (size_t i = 0; web->error_pages && i < raw->error_pages_count; i++) {
		struct config_path path = config_path(PLACE ".error_pages[%zu]", i);
		struct error_page *page = &web->error_pages[i];

		page->status = (uint16_t)config_number(reader, path.text, "status",
			raw->error_pages[i].status,
			(struct config_range){400, 599, CONFIG_REQUIRED});
		page->file = config_required(reader, path.text, "file", raw->error_pages[i].file);
		if (*page->file == '/' || *page->file == '.' || strstr(page->file, "/."))
			config_fail(reader, path.text, "file",
				"'%s' must be a path below 'root', without hidden parts",
				page->file);
		for (size_t j = 0; j < i; j++)
			if (web->error_pages[j].status == page->status)
				config_fail(reader, path.text, "status", "%u has a page already",
					page->status);
		web->n_error_pages = i + 1;
	}
}

/* Headers that the server writes itself, and which would be there twice. */
static bool
is_servers(const char *name)
{
	static const char *const names[] = {"Accept-Ranges", "Connection", "Content-Encoding",
		"Content-Length", "Content-Range", "Content-Type", "Date", "ETag", "Last-Modified",
		"Location", "Strict-Transport-Security", "Transfer-Encoding", "Vary"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

static void
build_headers(struct config_reader *reader, const struct raw_web *raw, struct web_config *web)
{
	static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_";

	web->headers = config_array(reader, raw->headers_count, sizeof(*web->headers));
	for (size_t i = 0; web->headers && i < raw->headers_count; i++) {
		struct config_path path = config_path(PLACE ".headers[%zu]", i);
		struct web_header *header = &web->headers[i];

		header->name = config_required(reader, path.text, "name", raw->headers[i].name);
		header->value = config_required(reader, path.text, "value", raw->headers[i].value);
		check_value(reader, path.text, "value", header->value);
		if (header->name[strspn(header->name, token)] || is_servers(header->name))
			config_fail(reader, path.text, "name",
				"'%s' is no name of a header, or of one that the server writes "
				"itself",
				header->name);
		for (size_t j = 0; j < i; j++)
			if (strcasecmp(web->headers[j].name, header->name) == 0)
				config_fail(reader, path.text, "name", "'%s' is used twice",
					header->name);
		web->n_headers = i + 1;
	}
}

static void
build_exempt(
	struct config_reader *reader, const struct raw_shield *raw, struct shield_config *shield)
{
	shield->exempt = config_array(reader, raw->exempt_count, sizeof(*shield->exempt));
	for (size_t i = 0; shield->exempt && i < raw->exempt_count; i++) {
		struct config_path path = config_path(SHIELD_PLACE ".exempt[%zu]", i);
		struct err why;

		if (prefix_parse(raw->exempt[i], &shield->exempt[i], &why) < 0)
			config_fail(reader, path.text, NULL, "%s", why.text);
		shield->n_exempt = i + 1;
	}
}

static void
build_shield(
	struct config_reader *reader, const struct raw_shield *raw, struct shield_config *shield)
{
	if (!raw)
		return;
	shield->client_connections = (uint32_t)config_number(reader, SHIELD_PLACE,
		"client_connections", raw->client_connections,
		(struct config_range){1, CLIENT_CONNECTIONS_MAX, 0});
	shield->client_requests_per_s =
		(uint32_t)config_number(reader, SHIELD_PLACE, "client_requests_per_s",
			raw->client_requests_per_s, (struct config_range){1, CLIENT_RATE_MAX, 0});
	shield->client_burst =
		(uint32_t)config_number(reader, SHIELD_PLACE, "client_burst", raw->client_burst,
			(struct config_range){1, CLIENT_RATE_MAX, shield->client_requests_per_s});
	if (raw->client_burst && !raw->client_requests_per_s)
		config_fail(reader, SHIELD_PLACE, "client_burst",
			"needs the key 'client_requests_per_s'");
	build_exempt(reader, raw, shield);
}

static void
build_http2(struct config_reader *reader, const struct raw_http2 *raw, struct http2_config *http2)
{
	static const struct raw_http2 none;
	const struct raw_http2 *from = raw ? raw : &none;

	http2->enabled = config_bool(reader, HTTP2_PLACE, "enabled", from->enabled, true);
	http2->max_streams = (uint32_t)config_number(reader, HTTP2_PLACE, "max_streams",
		from->max_streams, (struct config_range){1, STREAMS_MAX, STREAMS_DEFAULT});
	http2->resets_per_s = (uint32_t)config_number(reader, HTTP2_PLACE, "resets_per_s",
		from->resets_per_s, (struct config_range){1, RESETS_MAX, RESETS_DEFAULT});
	http2->reset_burst = (uint32_t)config_number(reader, HTTP2_PLACE, "reset_burst",
		from->reset_burst, (struct config_range){1, RESETS_MAX, RESET_BURST_DEFAULT});
}

static void
build_methods(struct config_reader *reader, const struct raw_web *raw, struct web_config *web)
{
	for (size_t i = 0; i < web->n_proxies; i++) {
		struct proxy_prefix *proxy = &web->proxies[i];

		proxy->methods =
			config_array(reader, raw->proxy[i].methods_count, sizeof(*proxy->methods));
		for (size_t j = 0; proxy->methods && j < raw->proxy[i].methods_count; j++) {
			struct config_path path =
				config_path(PLACE ".proxy[%zu].methods[%zu]", i, j);
			const char *method =
				config_text(reader, path.text, NULL, raw->proxy[i].methods[j], "");

			if (method[strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-")])
				config_fail(reader, path.text, NULL,
					"'%s' is no method: those are in capitals", method);
			proxy->methods[j] = method;
			proxy->n_methods = j + 1;
		}
	}
}

void
config_build_web_front(
	struct config_reader *reader, const struct raw_web *raw, struct web_config *web)
{
	build_tls(reader, raw, web);
	web->precompressed = config_bool(reader, PLACE, "precompressed", raw->precompressed, false);
	web->gzip = config_bool(reader, PLACE, "gzip", raw->gzip, false);
	build_cache_rules(reader, raw, web);
	build_error_pages(reader, raw, web);
	build_headers(reader, raw, web);
	build_shield(reader, raw->shield, &web->shield);
	build_http2(reader, raw->http2, &web->http2);
	build_methods(reader, raw, web);
}
