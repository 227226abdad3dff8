/* SPDX-License-Identifier: BSD-3-Clause */
/* The TLS handshake; see handshake.h. */
#include "common/http/handshake.h"

#include "common/http/connection.h"
#include "common/http/core.h"
#include "common/log.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

LOG_MODULE("http");

static void
succeed(struct connection *connection)
{
	struct http_server_stats *stats = &connection->server->stats;

	stats->n_tls_handshakes++;
	if (SSL_session_reused(connection->ssl))
		stats->n_tls_resumed++;
	connection_set_phase(connection, CONNECTION_IDLE);
	core_serve(connection);
}

static void
fail(struct connection *connection)
{
	char address[ENDPOINT_TEXT_SIZE];
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	endpoint_format(&connection->peer, address, sizeof(address));
	LOG_LIMITED(LOG_DEBUG, "TLS handshake with %s failed: %s", address,
		reason ? reason : "connection lost");
	connection->server->stats.n_tls_failed++;
	connection_free(connection);
}

static void
go_on(struct connection *connection)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(connection->ssl);
	if (result == 1) {
		succeed(connection);
		return;
	}
	switch (SSL_get_error(connection->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		result = connection_watch(connection, UV_READABLE, go_on);
		break;
	case SSL_ERROR_WANT_WRITE:
		result = connection_watch(connection, UV_WRITABLE, go_on);
		break;
	default:
		result = -1;
		break;
	}
	if (result < 0)
		fail(connection);
}

void
handshake_start(struct connection *connection)
{
	go_on(connection);
}
