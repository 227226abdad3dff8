/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests and replies as JSON lines over a UNIX stream socket.
 *
 *   request  {"id": 7, "method": "stats", "params": {...}}
 *   reply    {"id": 7, "result": {...}}   or   {"id": 7, "error": "what, why, what to do"}
 *
 * Used between control plane and dataplane and between weirctl and the control plane. Servers and
 * asynchronous clients belong to one libuv loop and its thread. A line may have RPC_LINE_MAX
 * bytes; a peer that breaks the format is told so and disconnected. */
#ifndef COMMON_RPC_H
#define COMMON_RPC_H

#include "common/err.h"
#include "common/model.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define RPC_LINE_MAX (64u << 20)

/* What a method does to the world. */
enum rpc_kind {
	RPC_CHANGE,  /* Changes something: not for everybody, and logged with who asked for it. */
	RPC_ROUTINE, /* The same, but so often that only the first of a connection is logged. */
	RPC_READ,    /* Only looks. */
};

/* One request method: 'handle' returns the result (a new reference, given away) or NULL with 'err'
 * set. 'params' is borrowed and always an object. 'ctx' is the server's. */
struct rpc_method {
	const char *name;
	json_t *(*handle)(void *ctx, json_t *params, struct err *err);
	enum rpc_kind kind;
};

struct rpc_server;

/* Listens on 'path' (removing a stale socket nobody listens on; refusing, with -EADDRINUSE, one
 * that is in use), file mode 0600. 'methods' ends with a NULL name and outlives the server.
 * Returns 0, or a negative errno with 'err' set. */
int rpc_server_new(struct rpc_server **out, uv_loop_t *loop, const char *path,
	const struct rpc_method *methods, void *ctx, struct err *err);

/* Says who may connect and who of these may change something (rpc_access.h); without it that is the
 * process's own user, and root. Connections that are there keep their rights. Returns 0, or a
 * negative errno with 'err' set; then all stays as it was. */
int rpc_server_set_access(
	struct rpc_server *server, const struct socket_access *access, struct err *err);

/* Closes all connections, removes the socket file and frees the server (memory goes when the loop
 * has run its close callbacks). NULL is allowed. */
void rpc_server_free(struct rpc_server *server);

/* An answer that comes later. Called inside a handler: the handler then returns NULL, and
 * rpc_answer() is called once, in the same thread. Returns NULL when memory is short. */
struct rpc_pending;
struct rpc_pending *rpc_defer(struct rpc_server *server);

/* Gives the answer (dropped if the asker is gone, or the server freed): 'result' is taken over;
 * NULL: 'error' is the answer. */
void rpc_answer(struct rpc_pending *pending, json_t *result, const char *error);

struct rpc_client;

/* Called when the connection is made (connected) and when it is lost (not connected). */
typedef void (*rpc_state_fn)(void *ctx, bool connected);

/* Called once for each rpc_call(): exactly one of 'result' (borrowed) and 'error' is not NULL.
 * A lost connection answers all open calls with an error. */
typedef void (*rpc_reply_fn)(void *ctx, json_t *result, const char *error);

/* A client that connects to 'path' and reconnects every 'retry_ms' for ever. 'on_state' may be
 * NULL. rpc_client_free() answers all open calls with an error before it returns. */
int rpc_client_new(struct rpc_client **out, uv_loop_t *loop, const char *path, uint32_t retry_ms,
	rpc_state_fn on_state, void *ctx, struct err *err);
void rpc_client_free(struct rpc_client *client);
bool rpc_client_is_connected(const struct rpc_client *client);

/* Gives up the connection for the reason 'why', as if the server had left, and makes a new one. */
void rpc_client_reconnect(struct rpc_client *client, const char *why);

/* Sends a request; takes over the reference 'params' (NULL: {}). Returns 0; or -ENOTCONN, -ENOMEM
 * or -EMSGSIZE (then 'on_reply' is not called). */
int rpc_call(struct rpc_client *client, const char *method, json_t *params, rpc_reply_fn on_reply,
	void *ctx);

/* For commands: connects, sends one request, waits for the reply, disconnects. Takes over
 * 'params'. Returns the result (the caller's) or NULL with 'err' saying what failed and what to
 * do. Blocks for at most 'timeout_ms'. */
json_t *rpc_call_once(
	const char *path, const char *method, json_t *params, uint32_t timeout_ms, struct err *err);

#endif /* COMMON_RPC_H */
