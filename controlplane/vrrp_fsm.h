/* SPDX-License-Identifier: BSD-3-Clause */
/* The VRRPv3 state machine of one virtual router on one node (RFC 9568 section 6).
 *
 * It knows no socket and no clock: the caller passes what happened and when, and carries out the
 * actions it gets back. It asks to be called with vrrp_fsm_timer() at vrrp_fsm_deadline_ns().
 *
 * Beyond the RFC:
 * - Preempt delay: a lower-priority master is left in place until this node has been well for
 *   that long.
 * - Resigning: a master that is asked to go sends priority 0 and goes on holding the addresses
 *   until it hears its successor, so that at no time nobody answers for them.
 * - Lease: holding is bounded by a time ('hold_until_ns'), renewed with each advert. A master that
 *   was stopped for longer and then hears another master has lost the election and follows. */
#ifndef CONTROLPLANE_VRRP_FSM_H
#define CONTROLPLANE_VRRP_FSM_H

#include "common/addr.h"

#include <stdbool.h>
#include <stdint.h>

/* The numbers are those of the metric weir_vrrp_state. */
enum vrrp_state {
	VRRP_INIT = 0,
	VRRP_BACKUP = 1,
	VRRP_MASTER = 2
};

/* "init", "backup", "master" */
const char *vrrp_state_name(enum vrrp_state state);

#endif /* CONTROLPLANE_VRRP_FSM_H */
