/* SPDX-License-Identifier: BSD-3-Clause */
/* Redirects; see redirect.h. */
#include "webtier/redirect.h"

#include "webtier/proxy_headers.h"

#include <stdio.h>
#include <string.h>

#define HTTPS_PORT 443
#define HOST_SIZE 272
#define PORT_SIZE 8
#define LOCATION_SIZE 8192

static const char acme[] = "/.well-known/acme-challenge/";

/* Cuts the port off: "www.example.org:80", "[2001:db8::1]:80". */
static void
cut_port(char *host)
{
	char *end = strrchr(host, ':');

	if (end && end[1 + strspn(end + 1, "0123456789")] == '\0')
		*end = '\0';
}

static bool
write_location(struct http_request *req, uint16_t port, const char *default_host, char *out)
{
	const char *path = proxy_target_path(http_request_target(req));
	char host[HOST_SIZE];
	char port_text[PORT_SIZE] = "";
	int n;

	if (!proxy_find_host(req, default_host, host, sizeof(host)))
		return false;
	cut_port(host);
	if (port != HTTPS_PORT)
		snprintf(port_text, sizeof(port_text), ":%u", port);
	n = snprintf(out, LOCATION_SIZE, "https://%s%s%s%s", host, port_text,
		*path == '/' ? "" : "/", path);
	return n > 0 && n < LOCATION_SIZE;
}

/* 301 for what is only read: every client knows it; 308 makes the others keep method and body. */
bool
redirect_to_https(struct http_request *req, uint16_t port, const char *default_host)
{
	enum http_method method = http_request_method(req);
	bool reads = method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD;
	char location[LOCATION_SIZE];
	const struct http_header header = {"Location", location};

	if (http_request_is_tls(req) ||
		strncmp(http_request_path(req), acme, sizeof(acme) - 1) == 0)
		return false;
	if (write_location(req, port, default_host, location))
		http_respond(req, reads ? 301 : 308, &header, 1, NULL, 0);
	else
		http_respond_error(req, 400, "the host or the address is none");
	return true;
}
