/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the admin socket share: admin.c, which serves it and answers what is asked, and
 * admin_change.c, which carries out what is told. For these alone. */
#ifndef CONTROLPLANE_ADMIN_DATA_H
#define CONTROLPLANE_ADMIN_DATA_H

#include "common/rpc.h"
#include "controlplane/admin.h"

#include <jansson.h>

struct admin {
	struct cluster *cluster;
	struct dataplane_client *dataplane;
	struct rpc_server *server;
	struct reload *reload; /* NULL: nobody does. */
	struct request *requests;
};

/* Reads the optional name 'key' into 'buf', which has room for CONTROL_NAME_SIZE. Sets '*out' to
 * it, or to NULL if it is absent. Returns 0, or a negative errno with 'err' set. */
int admin_optional_name(
	json_t *params, const char *key, char *buf, const char **out, struct err *err);

/* Checks that the pool (NULL: any) exists and has the backend (NULL: any). Returns 0, or -ENOENT
 * with 'err' set. */
int admin_check_backend(
	struct admin *admin, const char *pool, const char *backend, struct err *err);

/* Methods (rpc.h) that change something; 'ctx' is the struct admin. */
json_t *admin_drain(void *ctx, json_t *params, struct err *err);
json_t *admin_undrain(void *ctx, json_t *params, struct err *err);
json_t *admin_weight(void *ctx, json_t *params, struct err *err);
json_t *admin_failover(void *ctx, json_t *params, struct err *err);
json_t *admin_reload_config(void *ctx, json_t *params, struct err *err);

#endif /* CONTROLPLANE_ADMIN_DATA_H */
