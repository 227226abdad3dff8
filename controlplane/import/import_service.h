/* SPDX-License-Identifier: BSD-3-Clause */
/* A virtual service of IPVS, whoever described it, and how it becomes services, a pool and a check
 * of weir's. */
#ifndef CONTROLPLANE_IMPORT_IMPORT_SERVICE_H
#define CONTROLPLANE_IMPORT_IMPORT_SERVICE_H

#include "common/control.h"
#include "controlplane/import/import_data.h"

#define IMPORT_BACKENDS_MAX 1000 /* Of a pool. */

struct import_backend {
	const struct statement *from;
	struct addr addr;
	unsigned int port; /* 0: the service's. */
	long long weight;
	unsigned int max_flows; /* 0: any number. */
	bool sorry;             /* For when there are too few others. */
};

/* Where a service is reached. */
struct import_target {
	struct addr addr;
	unsigned int port; /* 0: any. */
	const struct statement *from;
};

struct import_service {
	const struct statement *from;
	struct document_node *notes; /* For the pool. */
	const char *protocol;        /* "tcp" or "udp". */
	const char *wanted_name;     /* NULL: by address and port. */
	enum forward_mode mode;
	bool gue;
	long long gue_port;      /* 0: the usual one. */
	const char *scheduler;   /* As IPVS calls it; NULL: wlc. */
	bool by_port;            /* "mh-port", "sh-port". */
	long long persistence_s; /* 0: none. */
	int prefix;              /* Bits that make a client; 0: all. */
	bool syn_cookies;
	struct addr locals[MODEL_LOCALS_MAX];
	size_t n_locals;
	const char *check;              /* Name; NULL: none. */
	struct import_backend sorry;    /* 'from' NULL: none. */
	const struct statement *quorum; /* What says it; NULL: nothing does. */
	long long least, more;          /* Sum of weights that is a quorum, and its hysteresis. */
	struct import_backend *backends;
	size_t n_backends, backends_capacity;
	struct import_target *targets;
	size_t n_targets, targets_capacity;
};

/* The caller calls import_service_fini(). */
void import_service_init(
	struct import_service *service, struct import *import, const struct statement *from);
void import_service_fini(struct import_service *service);

/* Reads DR, NAT, TUN and their like, "-g" and its like; notes what is none. */
void import_service_mode(
	struct import *import, struct import_service *service, const struct statement *statement);

/* Adds one; notes why if it cannot be had. */
void import_service_add_backend(struct import *import, struct import_service *service,
	const struct import_backend *backend);
void import_service_add_target(
	struct import *import, struct import_service *service, const struct import_target *target);

/* True if one of the targets is any port. */
bool import_service_has_any_port(const struct import_service *service);

/* Writes the pool, and a service for each target. */
void import_service_write(struct import *import, struct import_service *service);

/* Writes the check of a real server of a virtual server, or finds one like it; NULL if there is
 * none. import_checks.c */
const char *import_check(struct import *import, const struct import_service *service,
	const struct import_backend *backend, const struct statement *server);

#endif /* CONTROLPLANE_IMPORT_IMPORT_SERVICE_H */
