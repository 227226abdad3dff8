/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters of one worker. The worker alone writes them; the control thread reads them at any time
 * and adds the workers up. All are 64-bit words written and read whole (relaxed atomics; vectors
 * of two are aligned, so that each word of them is whole as well). */
#ifndef DATAPLANE_STATS_H
#define DATAPLANE_STATS_H

#include "dataplane/memory.h"
#include "dataplane/verdict.h"

#include <emmintrin.h>
#include <stdint.h>

#define STATS_SERVICES_MAX 32768 /* Ids of services, see snapshot.h. */
#define STATS_BACKENDS_MAX 65536 /* Ids of backends. */

struct service_stats {
	_Alignas(64) uint64_t n_packets; /* Forwarded. */
	uint64_t n_bytes;                /* Of whole frames. */
	uint64_t n_new_flows;
	uint64_t n_drops;          /* No usable backend or next hop, TTL used up, too big, ... */
	uint64_t n_return_packets; /* From backends to clients, in modes that see them. */
	uint64_t n_return_bytes;
	uint64_t reserved[2]; /* One cache line. */
};

struct backend_stats {
	_Alignas(32) uint64_t n_packets;
	uint64_t n_bytes;
	uint64_t n_new_flows;
	uint64_t n_active; /* Flows now in the worker's table; stays with the id, never reset. */
};

/* Signs of trouble with a backend (signs.h). Apart from its other counters, for these are written
 * with every packet. */
struct backend_signs {
	uint64_t n_resets;
	uint64_t n_unreachables;
};

/* FLOW_EVENT(identifier, "name", "what it means") */
#define FLOW_EVENTS                                                                                \
	FLOW_EVENT(CREATED, "created", "flows entered into the table")                             \
	FLOW_EVENT(EXPIRED, "expired", "flows removed after their timeout")                        \
	FLOW_EVENT(EVICTED, "evicted", "flows removed to make room for new ones")                  \
	FLOW_EVENT(UNTRACKED, "untracked", "packets forwarded without a flow: no room")            \
	FLOW_EVENT(RESCHEDULED, "rescheduled", "flows moved because their backend is gone")        \
	FLOW_EVENT(PERSISTED, "persisted", "new flows that followed earlier ones of their client") \
	FLOW_EVENT(PERSISTENCE_EVICTED, "persistence_evicted", "clients forgotten to make room")

enum flow_event {
#define FLOW_EVENT(id, name, help) FLOW_##id,
	FLOW_EVENTS
#undef FLOW_EVENT
		N_FLOW_EVENTS
};

/* PATH_EVENT(identifier, "name", "what it means"): of packets that are on their way to a verdict.
 */
#define PATH_EVENTS                                                                                \
	PATH_EVENT(FRAGMENTS_FIRST, "fragments_first", "first fragments that others follow")       \
	PATH_EVENT(FRAGMENTS_FOLLOWED, "fragments_followed", "later fragments that followed")      \
	PATH_EVENT(FRAGMENTS_HELD, "fragments_held", "fragments that had to wait for their first") \
	PATH_EVENT(FRAGMENTS_FORGOTTEN, "fragments_forgotten",                                     \
		"incomplete packets forgotten: no room")                                           \
	PATH_EVENT(ICMP_UNREACHABLE, "icmp_unreachable", "destination unreachable about a flow")   \
	PATH_EVENT(ICMP_TOO_BIG, "icmp_too_big",                                                   \
		"fragmentation needed or packet too big about a flow")                             \
	PATH_EVENT(ICMP_TIME_EXCEEDED, "icmp_time_exceeded", "time exceeded about a flow")         \
	PATH_EVENT(ICMP_PARAMETER, "icmp_parameter", "parameter problem about a flow")             \
	PATH_EVENT(PROXY_HEADERS, "proxy_headers", "PROXY headers put in front of clients' data")  \
	PATH_EVENT(TOA_ADDED, "toa_added", "packets that the TOA option was put into")             \
	PATH_EVENT(                                                                                \
		TOA_OMITTED, "toa_omitted", "packets that went without the TOA option: no room")   \
	PATH_EVENT(SYN_COOKIES_GOOD, "syn_cookies_good", "flows opened by the cookie of a SYN")    \
	PATH_EVENT(SYN_PROXY_ASKED, "syn_proxy_asked", "SYNs sent to backends for such flows")     \
	PATH_EVENT(TOA_FORGED, "toa_forged", "packets that clients had put a TOA option into")     \
	PATH_EVENT(RETURNS_HOME, "returns_home",                                                   \
		"backends' packets that the port gave to their flow's worker")                     \
	PATH_EVENT(STEERED_OUT, "steered_out", "packets for another worker's flow")                \
	PATH_EVENT(STEERED_IN, "steered_in", "packets taken over from another worker")             \
	PATH_EVENT(BACKEND_RESETS, "backend_resets", "connections that backends have reset")       \
	PATH_EVENT(BACKEND_UNREACHABLES, "backend_unreachables",                                   \
		"destination unreachable about packets to backends")                               \
	PATH_EVENT(SYNC_TOLD, "sync_told", "news of flows for the other node")                     \
	PATH_EVENT(SYNC_SUPPRESSED, "sync_suppressed",                                             \
		"news not told, for the other node can compute them")                              \
	PATH_EVENT(SYNC_LOST, "sync_lost", "news that found no room: all flows are told again")    \
	PATH_EVENT(SYNC_ADOPTED, "sync_adopted", "flows of the other node taken over")             \
	PATH_EVENT(SYNC_FORMER, "sync_former", "packets scheduled by the other node's view")

enum path_event {
#define PATH_EVENT(id, name, help) PATH_##id,
	PATH_EVENTS
#undef PATH_EVENT
		N_PATH_EVENTS
};

struct stats {
	uint64_t verdicts[N_VERDICTS_ALL]; /* Packets; those from N_VERDICTS on are not shown. */
	uint64_t flow_events[N_FLOW_EVENTS];
	uint64_t path_events[N_PATH_EVENTS];
	uint64_t n_packets; /* Received. */
	uint64_t n_bytes;
	uint64_t n_bursts;
	struct service_stats *services; /* By service id. */
	struct backend_stats *backends; /* By backend id. */
	struct backend_signs *signs;    /* By backend id. */
	struct memory memory;
};

int stats_new(struct stats **out, const struct memory *memory);
void stats_free(struct stats *stats);

const char *flow_event_name(enum flow_event event);
const char *flow_event_help(enum flow_event event);
const char *path_event_name(enum path_event event);
const char *path_event_help(enum path_event event);

/* Writer's side. */
static inline void
stats_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* The same of a counter of packets and one of bytes behind it, both at once: one frame more. */
static inline void
stats_add_frame(uint64_t *counters, uint32_t size)
{
	__m128i *both = (__m128i *)(void *)counters;

	_mm_store_si128(both, _mm_add_epi64(_mm_load_si128(both), _mm_set_epi64x(size, 1)));
}

/* Reader's side. */
static inline uint64_t
stats_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif /* DATAPLANE_STATS_H */
