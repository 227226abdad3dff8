/* SPDX-License-Identifier: BSD-3-Clause */
/* Lingering close; see linger.h. */
#include "common/http/linger.h"

#include "common/http/connection.h"
#include "common/http/shim.h"

#include <errno.h>
#include <sys/socket.h>

#include <uv.h>

#define LINGER_MAX_BYTES (4u << 20)
#define SCRATCH_BYTES 16384

static void
discard(struct connection *connection)
{
	char scratch[SCRATCH_BYTES];

	for (;;) {
		ssize_t n = shim_recv(connection->fd, scratch, sizeof(scratch), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n > 0)
			connection->sent_bytes += (uint64_t)n;
		if (n <= 0 || connection->sent_bytes > LINGER_MAX_BYTES) {
			connection_free(connection);
			return;
		}
	}
}

int
linger_start(struct connection *connection)
{
	int result = connection_watch(connection, UV_READABLE, discard);

	if (result < 0)
		return result;
	connection->sent_bytes = 0; /* Counts what is discarded from now on. */
	connection_set_phase(connection, CONNECTION_LINGERING);
	shim_shutdown(connection->fd, SHUT_WR);
	return 0;
}
