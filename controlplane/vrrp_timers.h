/* SPDX-License-Identifier: BSD-3-Clause */
/* VRRP's times (RFC 9568 6.1), for vrrp_fsm.c. */
#ifndef CONTROLPLANE_VRRP_TIMERS_H
#define CONTROLPLANE_VRRP_TIMERS_H

#include "common/clock.h"
#include "controlplane/vrrp_fsm.h"

#define NS_PER_CS (10 * NS_PER_MS)

static inline uint64_t
advert_ns(const struct vrrp_fsm *fsm)
{
	return fsm->config.advert_cs * NS_PER_CS;
}

/* Skew_Time (6.1): the lower the priority, the longer a backup waits. */
static inline uint64_t
skew_ns(const struct vrrp_fsm *fsm)
{
	return (256u - fsm->config.priority) * (fsm->master_cs * NS_PER_CS) / 256;
}

/* Active_Down_Interval (6.1) */
static inline uint64_t
master_down_ns(const struct vrrp_fsm *fsm)
{
	return 3 * (fsm->master_cs * NS_PER_CS) + skew_ns(fsm);
}

#endif /* CONTROLPLANE_VRRP_TIMERS_H */
