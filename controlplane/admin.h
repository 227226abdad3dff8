/* SPDX-License-Identifier: BSD-3-Clause */
/* The operator's requests: an RPC server (rpc.h) on the node's admin socket, asked by weirctl.
 *
 *   status    {}                         -> {node, cluster, ready, waiting, dataplane: {...},
 *                                            reload: {done, failed, since_s, restart:
 *                                            [PROCESS], problem},
 *                                            backends: {total, up, drained, weights_set},
 *                                            pools_without_quorum: [name, ...],
 *                                            routers: [...]}
 *   services  {service?}                 -> [{name, address, port (0: any), protocol, mode,
 *                                            scheduler, persistence: {timeout_s, prefix}?,
 *                                            pool, router, router_state, backends, backends_up,
 *                                            quorum_lost: true?,
 *                                            packets, bytes, new_flows, drops}]
 *   backends  {pool?, backend?}          -> [{pool, backend, address, state, drained, sorry,
 *                                            weight, configured_weight, set_weight, reason,
 *                                            since_s, changes, resets, unreachables, packets,
 *                                            bytes, new_flows, active_flows}]
 *   flows     {limit?, service?, client?, backend?, protocol?, state?}
 *                                        -> as the dataplane's (control.h)
 *   stats     {}                         -> as the dataplane's
 *   sync      {}                         -> as the dataplane's
 *   trace     {protocol, from, to, flags?, size?}
 *                                        -> as the dataplane's
 *   drain     {backend, pool?}           -> {backends: [{pool, backend, changed}, ...]}
 *   capture_start, capture_read, capture_stop -> as the dataplane's
 *   undrain   {backend, pool?}           -> as drain
 *   weight    {backend, pool?, weight | reset: true} -> {backends: [{pool, backend, changed,
 *                                            weight, configured_weight}, ...]}
 *   failover  {router?}                  -> {moving: number of virtual routers}
 *   reload    {}                         -> the plan that was carried out (plan.h)
 *   config    {}                         -> {file, text} of the configuration in force
 *
 * Counters are missing while the dataplane cannot be asked.
 * A backend without a pool stands for all backends of that name: the machine, in all its pools. */
#ifndef CONTROLPLANE_ADMIN_H
#define CONTROLPLANE_ADMIN_H

#include "common/err.h"
#include "controlplane/cluster.h"
#include "controlplane/dataplane_client.h"
#include "controlplane/reload.h"

#include <uv.h>

struct admin;

/* Listens on the admin socket of the cluster's node. 'cluster' and 'dataplane' must outlive it;
 * requests that wait for the dataplane when it is freed are dropped. Returns 0, or a negative
 * errno with 'err' set. */
int admin_new(struct admin **out, uv_loop_t *loop, struct cluster *cluster,
	struct dataplane_client *dataplane, struct err *err);

/* Who carries out "reload"; before this nobody does. */
void admin_set_reload(struct admin *admin, struct reload *reload);

/* Takes from the cluster, which has another model, who may use the socket. Returns 0, or a negative
 * errno with 'err' set; then that stays as it was. */
int admin_reload(struct admin *admin, struct err *err);

/* Memory goes when the loop has run its close callbacks. NULL is allowed. */
void admin_free(struct admin *admin);

#endif /* CONTROLPLANE_ADMIN_H */
