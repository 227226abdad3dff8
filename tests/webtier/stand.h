/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker of the web tier on loopback, app nodes that the test plays itself, and raw clients.
 *
 * The worker runs in its own thread; the test plays client and app nodes in turn on blocking
 * sockets, which give up after 10 s, so every test is a script of who says what. */
#ifndef TESTS_WEBTIER_STAND_H
#define TESTS_WEBTIER_STAND_H

#include "webtier/worker.h"

#define STAND_NODES 2

struct stand {
	char folder[40]; /* The site's root. */
	struct node nodes[STAND_NODES + 1];
	struct proxy_prefix prefixes[1];
	struct model model;
	struct http_listener listener;
	struct upstream_set upstreams;
	struct mime_types *types;
	atomic_bool is_draining;
	atomic_bool has_ended;
	struct worker *worker;
	struct endpoint endpoint;
	int app[STAND_NODES]; /* Listening sockets of the app nodes; -1: nobody listens. */
};

/* Starts a worker whose app nodes listen. 'change' (may be NULL) alters the model first. */
void stand_start(struct stand *stand, void (*change)(struct model *model));
void stand_stop(struct stand *stand);

/* Writes a file of the site. */
void stand_write(const struct stand *stand, const char *name, const void *content, size_t size);

/* Stops listening on node 'index': connections to it are refused. */
void stand_close_app(struct stand *stand, int index);

/* The worker's counters. */
const struct worker_stats *stand_stats(struct stand *stand);

/* Waits until 'done' is true of the stand; fails after 10 s. */
void stand_await(struct stand *stand, bool (*done)(struct stand *stand));

/* A client's connection. */
int stand_connect(const struct stand *stand);

/* Waits for a connection to one of the app nodes; says which. */
int stand_accept(const struct stand *stand, int *index);

void say(int fd, const char *text);
void say_bytes(int fd, const void *data, size_t size);

/* Reads up to and with the empty line behind a header. To be freed. */
char *hear_head(int fd);

/* Reads exactly 'size' bytes. To be freed; NUL-terminated. */
char *hear_bytes(int fd, size_t size);

/* Reads exactly 'text'. */
void hear(int fd, const char *text);

/* Reads until the other side closes. To be freed; NUL-terminated. 'size' may be NULL. */
char *hear_all(int fd, size_t *size);

/* True if the other side has closed (or reset) and said nothing. */
bool is_closed(int fd);

/* Sends a request and returns header and body (by Content-Length) of the answer. To be freed. */
char *ask(int fd, const char *request);

/* Content-Length of the header 'head'; fails if there is none. */
size_t content_length(const char *head);

void assert_begins(const char *text, const char *start);
void assert_has(const char *text, const char *part);
void assert_lacks(const char *text, const char *part);

#endif /* TESTS_WEBTIER_STAND_H */
