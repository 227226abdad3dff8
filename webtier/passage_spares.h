/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the proxy: what a passage is made of, and passages that are over. They are kept with
 * their memory for the next requests of the same worker. */
#ifndef WEBTIER_PASSAGE_SPARES_H
#define WEBTIER_PASSAGE_SPARES_H

#include "webtier/byte_queue.h"
#include "webtier/cache.h"
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
	bool is_detached;        /* Its client has been served; it goes on for the cache. */
	TAILQ_ENTRY(passage) in_detached;
	/* With a cache (passage_cache.h): */
	char *key;                     /* Of the URI; NULL: not needed. */
	uint32_t change;               /* Of the URI, before the node is asked. */
	uint64_t asked_ns;             /* When that is. */
	bool is_authorized;            /* The request says who asks. */
	bool is_for_cache;             /* The response is to be kept if it may be. */
	bool is_unconditional;         /* The node is asked for all of it. */
	bool has_waited;               /* For another one's response. */
	bool has_head;                 /* The response's header has been looked at. */
	const char *forward;           /* Why a node is asked (RFC 9211, section 2.2). */
	char cache_status[64];         /* The header's value. */
	struct passage_fetch *fetch;   /* Others wait for this response. */
	struct passage_fetch *awaited; /* Waits for another one's. */
	TAILQ_ENTRY(passage) in_fetch;
	struct cache_entry *stale;     /* Might do if the node fails. */
	struct cache_entry *refreshed; /* Is fetched anew. */
	struct cache_entry *served;    /* What the client gets ... */
	size_t n_served;               /* ... and has got of it. */
	struct cache_entry *storing;   /* The response, when it is whole; ... */
	struct byte_queue stored;      /* ... its body so far. */
	size_t n_given;                /* Of the body, to the client. */
	size_t n_taken;                /* Of the body, for the cache. */
	bool is_websocket;             /* The client asks for one, and may have it. */
	struct tunnel *tunnel;         /* It has got it. */
	char id[PROXY_ID_SIZE];        /* X-Request-Id. */
};

/* Returns an empty passage, with 'proxy' not set, or NULL if memory is short. */
struct passage *passage_spares_take(struct proxy *proxy);

/* Takes back a passage that is over. */
void passage_spares_put(struct passage *passage);

/* Frees all that are kept. */
void passage_spares_free(struct proxy *proxy);

#endif /* WEBTIER_PASSAGE_SPARES_H */
