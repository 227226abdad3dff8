/* SPDX-License-Identifier: BSD-3-Clause */
/* The front; see front.h. */
#include "webtier/front.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CLIENTS_KNOWN 65536u
#define HSTS_SIZE 64

struct front {
	struct tls_files *files;
	struct tls_settings settings;
	struct tls_context *tls;
	struct clients *clients;
	struct http_header *headers; /* Strict-Transport-Security first, for TLS alone. */
	struct http_header_list lists[2];
	char hsts[HSTS_SIZE];
};

static int
make_tls(struct front *front, const struct web_config *web, struct err *err)
{
	size_t n = web->n_more_certificates + 1;

	front->files = calloc(n, sizeof(*front->files));
	if (!front->files)
		return err_set(err, -ENOMEM, "out of memory");
	front->files[0] =
		(struct tls_files){web->certificate, web->private_key, web->ocsp_response};
	for (size_t i = 1; i < n; i++) {
		const struct web_certificate *more = &web->more_certificates[i - 1];

		front->files[i] = (struct tls_files){
			more->certificate, more->private_key, more->ocsp_response};
	}
	front->settings = (struct tls_settings){
		.files = front->files,
		.n_files = n,
		.ticket_keys = web->ticket_keys,
		.client_ca = web->client_ca,
		.client_required = web->client_required,
		.only_1_3 = web->only_tls_1_3,
		.http2 = web->http2.enabled,
		.by_kernel = web->kernel_tls,
	};
	return tls_context_new(&front->tls, &front->settings, err);
}

/* HSTS is for TLS alone (RFC 6797 7.2). */
static int
make_headers(struct front *front, const struct web_config *web)
{
	struct http_header *header = calloc(web->n_headers + 1, sizeof(*header));

	front->headers = header;
	if (!header)
		return -ENOMEM;
	snprintf(front->hsts, sizeof(front->hsts), "max-age=%u; includeSubDomains",
		web->hsts_max_age_s);
	*header++ = (struct http_header){"Strict-Transport-Security", front->hsts};
	front->lists[false] = (struct http_header_list){header, web->n_headers};
	front->lists[true] = front->lists[false];
	if (web->hsts_max_age_s > 0)
		front->lists[true] = (struct http_header_list){front->headers, web->n_headers + 1};
	for (size_t i = 0; i < web->n_headers; i++)
		*header++ = (struct http_header){web->headers[i].name, web->headers[i].value};
	return 0;
}

static int
make_clients(struct front *front, const struct shield_config *shield)
{
	const struct clients_config config = {
		.max_connections = shield->client_connections,
		.requests_per_s = shield->client_requests_per_s,
		.burst = shield->client_burst,
		.exempt = shield->exempt,
		.n_exempt = shield->n_exempt,
		.n_places = CLIENTS_KNOWN,
	};

	if (config.max_connections == 0 && config.requests_per_s == 0)
		return 0;
	return clients_new(&front->clients, &config);
}

int
front_new(struct front **out, const struct web_config *web, struct err *err)
{
	struct front *front = calloc(1, sizeof(*front));
	int rc;

	if (!front)
		return err_set(err, -ENOMEM, "out of memory");
	if (make_headers(front, web) < 0 || make_clients(front, &web->shield) < 0)
		rc = err_set(err, -ENOMEM, "out of memory");
	else
		rc = make_tls(front, web, err);
	if (rc < 0) {
		front_free(front);
		return rc;
	}
	*out = front;
	return 0;
}

void
front_free(struct front *front)
{
	if (!front)
		return;
	tls_context_free(front->tls);
	clients_free(front->clients);
	free(front->headers);
	free(front->files);
	free(front);
}

struct tls_context *
front_tls(const struct front *front)
{
	return front->tls;
}

struct clients *
front_clients(const struct front *front)
{
	return front->clients;
}

const struct http_header_list *
front_headers(const struct front *front, bool is_tls)
{
	return &front->lists[is_tls];
}
