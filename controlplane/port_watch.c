/* SPDX-License-Identifier: BSD-3-Clause */
/* Watching links; see port_watch.h. */
#include "controlplane/port_watch.h"

#include "controlplane/host_interface.h"

#include <errno.h>
#include <stdlib.h>

struct watched {
	struct cluster *cluster;
	size_t port;
	struct host_interface *host;
};

struct port_watch {
	struct watched ports[MODEL_PORTS_MAX];
	size_t n_ports;
};

static void
on_change(void *ctx, const struct host_interface_state *state)
{
	struct watched *watched = ctx;

	cluster_port_set_link(watched->cluster, watched->port, state->up);
}

int
port_watch_new(struct port_watch **out, uv_loop_t *loop, struct cluster *cluster, struct err *err)
{
	const struct lb_node *lb = &cluster_node(cluster)->lb;
	struct port_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < lb->n_ports; i++) {
		struct watched *watched = &watch->ports[i];
		int rc;

		*watched = (struct watched){.cluster = cluster, .port = i};
		rc = host_interface_new(
			&watched->host, loop, lb->ports[i].host_interface, on_change, watched, err);
		if (rc < 0) {
			port_watch_free(watch);
			return rc;
		}
		watch->n_ports++;
		on_change(watched, host_interface_state(watched->host));
	}
	*out = watch;
	return 0;
}

/* The handles do not call back any more. */
void
port_watch_free(struct port_watch *watch)
{
	if (!watch)
		return;
	for (size_t i = 0; i < watch->n_ports; i++)
		host_interface_free(watch->ports[i].host);
	free(watch);
}
