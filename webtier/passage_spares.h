/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the proxy: what a passage is made of, and passages that are over. They are kept with
 * their memory for the next requests of the same worker. */
#ifndef WEBTIER_PASSAGE_SPARES_H
#define WEBTIER_PASSAGE_SPARES_H

#include "webtier/byte_queue.h"
#include "webtier/passage.h"
#include "webtier/tunnel.h"
#include "webtier/upstream_conn.h"

#include <sys/queue.h>

struct passage {
	struct proxy *proxy;
	struct passage *next;     /* Among the spares. */
	struct http_request *req; /* NULL once the client's request is over. */
	struct upstream_conn *conn;
	int node; /* Where it went last; BALANCE_NONE before. */
	unsigned int n_tries;
	enum circuit_ticket ticket; /* Of the last try. */
	unsigned int n_entered;     /* Calls that are on the stack. */
	struct byte_queue out;      /* Request to the node. */
	struct byte_queue in;       /* Response body from the node. */
	bool has_body;              /* The request has one. */
	bool is_chunked;            /* And it is of unknown size. */
	bool is_whole;              /* All of the request is in 'out' or sent. */
	bool is_body_paused;        /* The client waits until 'out' has room. */
	bool is_answered;           /* The client has been given a response, at least its header. */
	bool is_source_waiting;     /* The server waits for more of the response's body. */
	bool is_complete;           /* The node's response has ended. */
	bool has_failed;            /* It never will. */
	bool is_waiting;            /* For a node that has room; see passage_queue.h. */
	TAILQ_ENTRY(passage) in_waiting;
	uint64_t waits_until_ms; /* On the loop's clock. */
	bool is_websocket;       /* The client asks for one, and may have it. */
	struct tunnel *tunnel;   /* It has got it. */
	char id[PROXY_ID_SIZE];  /* X-Request-Id. */
};

/* Returns an empty passage, with 'proxy' not set, or NULL if memory is short. */
struct passage *passage_spares_take(struct proxy *proxy);

/* Takes back a passage that is over. */
void passage_spares_put(struct passage *passage);

/* Frees all that are kept. */
void passage_spares_free(struct proxy *proxy);

#endif /* WEBTIER_PASSAGE_SPARES_H */
