/* SPDX-License-Identifier: BSD-3-Clause */
/* IP fragments: which ports a later fragment belongs to, which is only written in the first one.
 *
 * One table of each worker, of fixed size, by (source, destination, identification, protocol). A
 * first fragment leaves its ports there; a later one finds them and from then on is a packet of
 * that flow like any other. A later one that overtook its first is kept for FRAGMENT_HOLD_NS at
 * most: the packet's verdict is V_HOLD, its buffer is the table's, and fragment_release() gives it
 * back, whether or not the first has come. Nothing is reassembled, but account is kept of which
 * bytes came, so that no fragment passes that overlaps another (RFC 1858, 3128, 5722).
 *
 * Sizes: FRAGMENT_PACKETS packets in flight at once, each of FRAGMENT_PIECES_MAX fragments (a
 * packet of 64 KB at IPv4's usual minimum of 576 bytes has 119), 576 bytes each: 576 KB a worker.
 * A place is free again when its packet is complete, or FRAGMENT_LIFE_NS after its last fragment;
 * in a full set the one longest idle is forgotten. So 512 packets a second may never get complete
 * before others begin to suffer. */
#ifndef DATAPLANE_FRAGMENT_H
#define DATAPLANE_FRAGMENT_H

#include "common/clock.h"
#include "dataplane/memory.h"
#include "dataplane/packet.h"
#include "dataplane/parse.h"

#include <stdint.h>

#define FRAGMENT_PACKETS 1024
#define FRAGMENT_PIECES_MAX 120
#define FRAGMENT_HELD_MAX 64 /* Fragments kept at once; the edge has buffers to spare for them. */
#define FRAGMENT_HOLD_NS (100 * NS_PER_MS)
#define FRAGMENT_LIFE_NS (2 * NS_PER_S)

struct fragment_table;

/* 'events' has N_PATH_EVENTS counters and outlives the table. Returns 0 or -ENOMEM. */
int fragment_table_new(
	struct fragment_table **out, uint64_t seed, const struct memory *memory, uint64_t *events);
void fragment_table_free(struct fragment_table *table);

/* Packets are given every 'n'-th identification from 'first' (below 'n') on, which keeps tables
 * apart whose packets leave from the same addresses. A new table gives all. */
void fragment_set_ids(struct fragment_table *table, uint16_t first, uint16_t n);

/* Tells a fragment (PARSED_FRAGMENT). 'parsed' becomes a packet of a flow (PARSED_FLOW), or it
 * becomes PARSED_BAD with V_HOLD, or with the reason of its drop. */
void fragment_follow(struct fragment_table *table, const struct packet *packet,
	struct parsed *parsed, uint64_t now_ns);

/* Gives back at most 'n_max' packets that were held and need be no longer, to be parsed and told
 * once more: they will not be held again. Returns how many. */
unsigned int fragment_release(
	struct fragment_table *table, struct packet *packets, unsigned int n_max, uint64_t now_ns);

/* Takes away one packet, held or not due: returns its buffer, or NULL when none is left. */
void *fragment_abandon(struct fragment_table *table);

#endif /* DATAPLANE_FRAGMENT_H */
