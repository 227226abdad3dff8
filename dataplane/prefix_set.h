/* SPDX-License-Identifier: BSD-3-Clause */
/* A set of addresses given by prefixes: built once, asked by the packet path.
 *
 * Which of several prefixes an address is in does not matter, so they are not kept as such: they
 * are flattened to sorted ranges that neither overlap nor touch. An address is looked up in the
 * range that begins at or before it, found by an index and a binary search:
 *
 *   index     0 | 3 | 3 | 7 | ... | n      the span from the first range's begin to the last one's
 *               |       `-----.            end is cut into at most 65536 equal pieces: how many
 *               v             v            ranges begin before each
 *   ranges   [a,b] [c,d] ... [x,y] ...     8 bytes each (IPv4), or 32 (IPv6)
 *
 * The span, and not the whole address space, because IPv6 lists lie close together in 2000::/3. The
 * pieces are about as many as the ranges, so there is about one in each, and where they are
 * crowded the search halves them. Memory: 8 bytes (IPv4) or 32 (IPv6) for each prefix at most, and
 * an index of 4 to 8 bytes for each, at most 256 KB for each family.
 *
 * rte_fib and rte_lpm would need EAL for their memory, 16 or 64 MB for a table of IPv4 whatever
 * is in it, and find next hops, which nobody asks for here. */
#ifndef DATAPLANE_PREFIX_SET_H
#define DATAPLANE_PREFIX_SET_H

#include "common/prefix.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prefix_set;

/* Returns 0 and a set with one reference, or -ENOMEM. */
int prefix_set_new(struct prefix_set **out, const struct prefix *prefixes, size_t n);

/* References are counted without atomics: control thread only. NULL is allowed. */
struct prefix_set *prefix_set_ref(struct prefix_set *set);
void prefix_set_unref(struct prefix_set *set);

/* Whether the address (as in struct addr) is in the set. Any thread. */
bool prefix_set_has(const struct prefix_set *set, const uint8_t address[16], uint8_t family);

/* What there is of it, for statistics. */
struct prefix_set_size {
	uint32_t n_ranges4;
	uint32_t n_ranges6;
	size_t n_bytes;
};
struct prefix_set_size prefix_set_size(const struct prefix_set *set);

#endif /* DATAPLANE_PREFIX_SET_H */
