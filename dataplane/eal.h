/* SPDX-License-Identifier: BSD-3-Clause */
/* DPDK's environment: its arguments from the cluster file, its start and its log.
 *
 * A process has one EAL, so there is one 'struct eal' as well. DPDK's messages go into weir's log
 * (its errors as warnings, the rest at debug), and the first error is kept, because DPDK's return
 * codes seldom say why something failed. Main thread, except where a comment says otherwise. */
#ifndef DATAPLANE_EAL_H
#define DATAPLANE_EAL_H

#include "common/err.h"
#include "common/model.h"

#include <stdbool.h>
#include <stddef.h>

struct eal;

/* Starts EAL for the load balancer 'node' of 'cluster', with one lcore for control and one for each
 * RX queue of its ports. Checks first what fails most often (rights, hugepages, devices), so that
 * the message can say what to do. Returns 0, or a negative errno with 'err' set. */
int eal_new(struct eal **out, const char *cluster, const struct node *node, struct err *err);

/* Stops EAL; ports and memory pools must have been closed. NULL is allowed. */
void eal_free(struct eal *eal);

/* Between the two, errors are expected: they are remembered but logged only at debug. */
void eal_try_begin(struct eal *eal);
void eal_try_end(struct eal *eal);

/* DPDK's first error message since the start or eal_try_begin(), which is nearest to the cause, or
 * "" if there was none. */
const char *eal_first_error(const struct eal *eal);

/* True if the device of a port is written as a PCI address ("0000:03:00.0" or "03:00.0"). */
bool eal_device_is_pci(const char *device);

/* The value of 'key' in a virtual device's arguments ("net_x0,iface=front"), copied to 'buf'.
 * Returns false if it is not there or does not fit. */
bool eal_device_argument(const char *device, const char *key, char *buf, size_t size);

/* Workers of all ports. */
unsigned int eal_n_workers(const struct lb_node *lb);

#endif /* DATAPLANE_EAL_H */
