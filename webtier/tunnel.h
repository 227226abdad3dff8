/* SPDX-License-Identifier: BSD-3-Clause */
/* A WebSocket (RFC 6455) between a client and an app node, once both have agreed on it.
 *
 * Bytes go both ways as they are. A side is read only while the other takes what came before, so
 * what a tunnel holds is bounded by one read for each way. The end of one side is passed on to the
 * other, which may still say what it has to. A tunnel in which nothing moves is closed. One tunnel
 * belongs to one request and one worker. */
#ifndef WEBTIER_TUNNEL_H
#define WEBTIER_TUNNEL_H

#include "common/http/http.h"
#include "webtier/byte_queue.h"

#include <uv.h>

/* Of one worker. */
struct tunnel_stats {
	uint64_t n_open;         /* Now. */
	uint64_t n_opened;       /* Ever. */
	uint64_t n_idle;         /* Closed because nothing moved. */
	uint64_t received_bytes; /* From clients. */
	uint64_t sent_bytes;     /* To clients. */
};

/* What the tunnels of a worker have in common. */
struct tunnel_settings {
	uv_loop_t *loop;
	uint32_t idle_ms;
	char *buffer; /* To receive into; shared, as it never holds anything over. */
	size_t buffer_size;
	struct tunnel_stats *stats;
};

struct tunnel;

/* Makes the tunnel of a connection to a node, 'fd', which is the tunnel's from then on; 'early' is
 * what the node has said behind its 101, and is emptied. Returns 0, or a negative errno: 'fd' is
 * then closed. */
int tunnel_new(struct tunnel **out, const struct tunnel_settings *settings, int fd,
	struct byte_queue *early);

/* Gives the client the 101 and begins. Frees nothing by itself: the request's on_done does. */
void tunnel_open(struct tunnel *tunnel, struct http_request *req, const struct http_header *headers,
	size_t n_headers);

/* Closes the node's side; memory goes when the loop has run. NULL is allowed. */
void tunnel_free(struct tunnel *tunnel);

#endif /* WEBTIER_TUNNEL_H */
