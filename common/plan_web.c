/* SPDX-License-Identifier: BSD-3-Clause */
/* What a change of the web tier does; see plan_data.h. */
#include "common/plan_data.h"

#define WEB PLAN_WEBTIER

static const struct plan_treatment of_web = {
	0, WEB, "those to a web node are drained when its web tier restarts", false};
static void
format_log_format(FILE *out, const void *field, const void *object)
{
	(void)object;
	fputs(*(const enum log_format *)field == LOG_FORMAT_JSON ? "json" : "combined", out);
}

static void
format_proxies(FILE *out, const void *field, const void *object)
{
	const struct web_config *web = object;

	(void)field;
	for (size_t i = 0; i < web->n_proxies; i++) {
		const struct proxy_prefix *proxy = &web->proxies[i];

		fprintf(out, "%s%s", i > 0 ? ", " : "", proxy->prefix);
		for (size_t j = 0; j < proxy->n_methods; j++)
			fprintf(out, " %s", proxy->methods[j]);
		if (proxy->websocket)
			fputs(" websocket", out);
	}
}

static void
format_certificates(FILE *out, const void *field, const void *object)
{
	const struct web_config *web = object;

	(void)field;
	for (size_t i = 0; i < web->n_more_certificates; i++) {
		const struct web_certificate *more = &web->more_certificates[i];

		fprintf(out, "%s%s %s %s", i > 0 ? ", " : "", more->certificate, more->private_key,
			more->ocsp_response ? more->ocsp_response : "-");
	}
}

static void
format_cache_rules(FILE *out, const void *field, const void *object)
{
	const struct web_config *web = object;

	(void)field;
	for (size_t i = 0; i < web->n_cache_rules; i++)
		fprintf(out, "%s%s: %s", i > 0 ? ", " : "", web->cache_rules[i].match,
			web->cache_rules[i].value);
}

static void
format_error_pages(FILE *out, const void *field, const void *object)
{
	const struct web_config *web = object;

	(void)field;
	for (size_t i = 0; i < web->n_error_pages; i++)
		fprintf(out, "%s%u %s", i > 0 ? ", " : "", web->error_pages[i].status,
			web->error_pages[i].file);
}

static void
format_headers(FILE *out, const void *field, const void *object)
{
	const struct web_config *web = object;

	(void)field;
	for (size_t i = 0; i < web->n_headers; i++)
		fprintf(out, "%s%s: %s", i > 0 ? ", " : "", web->headers[i].name,
			web->headers[i].value);
}

static void
format_exempt(FILE *out, const void *field, const void *object)
{
	const struct web_config *web = object;
	char text[PREFIX_TEXT_SIZE];

	(void)field;
	for (size_t i = 0; i < web->shield.n_exempt; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : "",
			prefix_format(&web->shield.exempt[i], text, sizeof(text)));
}

static void
format_min_tls(FILE *out, const void *field, const void *object)
{
	(void)object;
	fputs(*(const bool *)field ? "1.3" : "1.2", out);
}

static void
format_client_certificate(FILE *out, const void *field, const void *object)
{
	if (((const struct web_config *)object)->client_ca)
		fputs(*(const bool *)field ? "required" : "optional", out);
}

static const struct plan_key web_keys[] = {
	PLAN_KEY(web_config, http_port, "http_port", plan_format_some16, of_web),
	PLAN_KEY(web_config, https_port, "https_port", plan_format_some16, of_web),
	PLAN_KEY(web_config, root, "root", plan_format_text, of_web),
	PLAN_KEY(web_config, certificate, "certificate", plan_format_text, of_web),
	PLAN_KEY(web_config, private_key, "private_key", plan_format_text, of_web),
	PLAN_KEY(web_config, access_log, "access_log", plan_format_text, of_web),
	PLAN_KEY(web_config, access_log_format, "access_log_format", format_log_format, of_web),
	PLAN_LIMIT_KEYS(web_config, of_web),
	PLAN_KEY(web_config, proxies, "proxy|proxy[].prefix|proxy[].methods|proxy[].websocket",
		format_proxies, of_web),
	PLAN_KEY(web_config, connect_timeout_ms, "connect_timeout_ms", plan_format_some32, of_web),
	PLAN_KEY(
		web_config, response_timeout_ms, "response_timeout_ms", plan_format_some32, of_web),
	PLAN_KEY(web_config, websocket_idle_ms, "websocket_idle_ms", plan_format_some32, of_web),
	PLAN_KEY(web_config, only_tls_1_3, "min_tls", format_min_tls, of_web),
	PLAN_KEY(web_config, ocsp_response, "ocsp_response", plan_format_text, of_web),
	PLAN_KEY(web_config, ticket_keys, "ticket_keys", plan_format_text, of_web),
	PLAN_KEY(web_config, client_ca, "client_ca", plan_format_text, of_web),
	PLAN_KEY(web_config, client_required, "client_certificate", format_client_certificate,
		of_web),
	PLAN_KEY(web_config, redirect_https, "redirect_https", plan_format_bool, of_web),
	PLAN_KEY(web_config, hsts_max_age_s, "hsts_max_age_s", plan_format_some32, of_web),
	PLAN_KEY(web_config, precompressed, "precompressed", plan_format_bool, of_web),
	PLAN_KEY(web_config, gzip, "gzip", plan_format_bool, of_web),
	PLAN_KEY(web_config, more_certificates,
		"certificates|certificates[].certificate|certificates[].private_key|"
		"certificates[].ocsp_response",
		format_certificates, of_web),
	PLAN_KEY(web_config, cache_rules,
		"cache_control|cache_control[].match|cache_control[].value", format_cache_rules,
		of_web),
	PLAN_KEY(web_config, error_pages, "error_pages|error_pages[].status|error_pages[].file",
		format_error_pages, of_web),
	PLAN_KEY(web_config, headers, "headers|headers[].name|headers[].value", format_headers,
		of_web),
	PLAN_KEY(web_config, shield.client_connections, "shield.client_connections",
		plan_format_some32, of_web),
	PLAN_KEY(web_config, shield.client_requests_per_s, "shield.client_requests_per_s",
		plan_format_some32, of_web),
	PLAN_KEY(
		web_config, shield.client_burst, "shield.client_burst", plan_format_some32, of_web),
	PLAN_KEY(web_config, shield.exempt, "shield.exempt", format_exempt, of_web),
	PLAN_KEY(web_config, http2.enabled, "http2.enabled", plan_format_bool, of_web),
	PLAN_KEY(web_config, http2.max_streams, "http2.max_streams", plan_format_some32, of_web),
	PLAN_KEY(web_config, http2.resets_per_s, "http2.resets_per_s", plan_format_some32, of_web),
	PLAN_KEY(web_config, http2.reset_burst, "http2.reset_burst", plan_format_some32, of_web),
	PLAN_KEY(web_config, circuit.n_failures, "circuit.failures", plan_format_some32, of_web),
	PLAN_KEY(web_config, circuit.open_ms, "circuit.open_ms", plan_format_some32, of_web),
	PLAN_KEY(web_config, circuit.max_requests, "circuit.max_requests", plan_format_some32,
		of_web),
	PLAN_KEY(
		web_config, circuit.max_waiting, "circuit.max_waiting", plan_format_some32, of_web),
	PLAN_KEY(web_config, circuit.wait_ms, "circuit.wait_ms", plan_format_some32, of_web),
	PLAN_KEY(web_config, cache.max_bytes, "cache.max_bytes", plan_format_u64, of_web),
	PLAN_KEY(web_config, cache.max_object_bytes, "cache.max_object_bytes", plan_format_u64,
		of_web),
	PLAN_KEYS_END,
};

static const void *
find_web(const void *parent, size_t *n)
{
	*n = 1;
	return &((const struct model *)parent)->web;
}

static const struct plan_class *const web_parts[] = {&plan_upstream_check, NULL};

const struct plan_class plan_web = {"web", NULL, find_web, sizeof(struct web_config),
	plan_format_nothing, web_keys, web_parts, NULL, NULL, NULL};
