/* SPDX-License-Identifier: BSD-3-Clause */
/* Sync groups: virtual routers of one node that move together, as those of the inside and the
 * outside, or of IPv4 and IPv6, have to.
 *
 * A group takes over when each of its routers would (its master is silent, has resigned, or is
 * outranked), and lets go of all when one of them does. Taking over when the first router would
 * has been tried elsewhere: where one of two networks is cut, the group then goes back and forth
 * for ever, because the master on the other network is well and says so.
 *
 * Faults and their end, priorities and resignations are given to all of a group by its owner
 * (election.c). Does no I/O and knows no clock. */
#ifndef CONTROLPLANE_VRRP_GROUP_H
#define CONTROLPLANE_VRRP_GROUP_H

#include "controlplane/vrrp_fsm.h"

#include <stddef.h>

/* What all machines of a group must be told now that one of them has run: VRRP_EVENT_TAKE,
 * VRRP_EVENT_YIELD (then '*culprit' is the index of one that let go), or N_VRRP_EVENTS: nothing. */
enum vrrp_event_kind vrrp_group_step(const struct vrrp_fsm *const *fsms, size_t n, size_t *culprit);

#endif /* CONTROLPLANE_VRRP_GROUP_H */
