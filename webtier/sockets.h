/* SPDX-License-Identifier: BSD-3-Clause */
/* The listening sockets of a web tier: those that the process was given, and what is opened beside
 * them.
 *
 * Sockets are given by systemd (sd_listen_fds(3)) or by the process that this one succeeds
 * (successor.h). One that is given stays open when a process ends, so whoever connects meanwhile
 * waits in it and is not refused. For each use (HTTP, HTTPS, metrics) either the sockets given for
 * it serve, and no other, or the tier opens its own.
 *
 * Belongs to the main thread. */
#ifndef WEBTIER_SOCKETS_H
#define WEBTIER_SOCKETS_H

#include "common/err.h"
#include "common/http/server.h"
#include "common/model.h"

enum socket_use {
	SOCKET_HTTP,
	SOCKET_HTTPS,
	SOCKET_METRICS,
	N_SOCKET_USES
};

/* In SOCKETS_VARIABLE, the environment variable by which a successor is told what it is given:
 * "USE=PORT" for each descriptor, the first being SOCKETS_FIRST_FD, commas between them. PORT is
 * the one that was configured. Behind them comes the descriptor to say on that it is ready. */
#define SOCKETS_VARIABLE "WEIR_HANDOVER"
#define SOCKETS_FIRST_FD 3

struct sockets;

/* Takes what the environment tells of, and removes that from it. 'tls' is for HTTPS. Returns 0, or
 * a negative errno with 'err' saying which descriptor is of no use. */
int sockets_new(struct sockets **out, const struct model *model, const struct node *node,
	struct tls_context *tls, struct err *err);

/* Closes what nobody has taken over. NULL is allowed. */
void sockets_free(struct sockets *sockets);

/* What worker 'i' of 'n' listens on; valid until the next call. The worker's server takes over the
 * descriptors. Returns how many, or a negative errno. To be called for each worker once. */
int sockets_of_worker(
	struct sockets *sockets, size_t i, size_t n, const struct http_listener **out);

/* What /metrics listens on; as sockets_of_worker(). */
struct http_listener sockets_of_metrics(struct sockets *sockets);

/* All workers have theirs: closes what is not used, and what was only to be dealt out. */
void sockets_dealt(struct sockets *sockets);

/* Tells the process before this one, and systemd, that this one serves. */
void sockets_say_ready(struct sockets *sockets);

/* The port that the configuration has for the use. */
uint16_t sockets_port(const struct model *model, const struct node *node, enum socket_use use);

const char *socket_use_name(enum socket_use use);

#endif /* WEBTIER_SOCKETS_H */
