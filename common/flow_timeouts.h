/* SPDX-License-Identifier: BSD-3-Clause */
/* How long a flow may be silent in each state before the flow table forgets it. */
#ifndef COMMON_FLOW_TIMEOUTS_H
#define COMMON_FLOW_TIMEOUTS_H

#include <stddef.h>
#include <stdint.h>

/* The least and the most that may be asked for. The flow table counts in steps of 268 ms. */
#define FLOW_TIMEOUT_MIN_MS 500u
#define FLOW_TIMEOUT_MAX_MS (3600u * 1000)

/* 0 means the default. */
struct flow_timeouts {
	uint32_t embryonic_ms;   /* TCP, and only the client's SYN has been seen. */
	uint32_t established_ms; /* TCP */
	uint32_t fin_ms;         /* TCP: a FIN has been seen. */
	uint32_t closed_ms;      /* TCP: an RST has been seen. */
	uint32_t udp_new_ms;     /* UDP: one packet has been seen. */
	uint32_t udp_ms;         /* UDP */
	uint32_t evict_idle_ms;  /* TCP: an established flow as idle as this may be evicted. */
};

/* The members with their names in weir.yaml and in messages. */
struct flow_timeout_field {
	const char *name;
	size_t offset;
	uint32_t default_ms;
};

#define N_FLOW_TIMEOUTS 7
extern const struct flow_timeout_field flow_timeout_fields[N_FLOW_TIMEOUTS];

/* Number 'i' of them as it was set, and with the default where it is 0. */
uint32_t flow_timeout_given(const struct flow_timeouts *timeouts, size_t i);
uint32_t flow_timeout_get(const struct flow_timeouts *timeouts, size_t i);
void flow_timeout_set(struct flow_timeouts *timeouts, size_t i, uint32_t ms);

#endif /* COMMON_FLOW_TIMEOUTS_H */
