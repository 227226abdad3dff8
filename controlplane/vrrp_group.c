/* SPDX-License-Identifier: BSD-3-Clause */
/* Sync groups; see vrrp_group.h. */
#include "controlplane/vrrp_group.h"

enum vrrp_event_kind
vrrp_group_step(const struct vrrp_fsm *const *fsms, size_t n, size_t *culprit)
{
	size_t n_masters = 0, n_waiting = 0;

	for (size_t i = 0; i < n; i++) {
		n_masters += fsms[i]->state == VRRP_MASTER;
		n_waiting += fsms[i]->state == VRRP_BACKUP && fsms[i]->waits;
		if (fsms[i]->state != VRRP_MASTER)
			*culprit = i;
	}
	if (n > 0 && n_waiting == n)
		return VRRP_EVENT_TAKE;
	return n_masters > 0 && n_masters < n ? VRRP_EVENT_YIELD : N_VRRP_EVENTS;
}
