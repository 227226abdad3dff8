/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets of addresses; see prefix_set.h. */
#include "dataplane/prefix_set.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_BITS_MAX 16

/* An address as a number; of IPv4 in the lowest 32 bits. */
__extension__ typedef unsigned __int128 wide;

/* All from 'first' to 'last'. */
struct range {
	wide first, last;
};

struct range4 {
	uint32_t first, last;
};

/* One family. 'index[i]' is how many ranges begin before base + (i << shift). */
struct ranges {
	wide base, last;
	unsigned int shift;
	uint32_t n;
	uint32_t *index;
	struct range4 *of4; /* One of these two. */
	struct range *of6;
	size_t n_index;
};

struct prefix_set {
	struct ranges v4, v6;
	unsigned int n_refs;
};

static inline wide
load(const uint8_t *bytes, bool v6)
{
	uint64_t halves[2];
	uint32_t v4;

	if (v6) {
		memcpy(halves, bytes, sizeof(halves));
		return (wide)be64toh(halves[0]) << 64 | be64toh(halves[1]);
	}
	memcpy(&v4, bytes, sizeof(v4));
	return be32toh(v4);
}

static struct range
range_of(const struct prefix *prefix)
{
	bool v6 = prefix->addr.family == ADDR_V6;
	unsigned int behind = (v6 ? 128u : 32u) - prefix->bits;
	wide first = load(prefix->addr.bytes, v6);

	/* A shift by all 128 bits is none in C. */
	return (struct range){first, behind == 128 ? ~(wide)0 : first | (((wide)1 << behind) - 1)};
}

static int
compare(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Sorts the ranges and joins those that overlap or touch; returns how many are left. */
static uint32_t
flatten(struct range *ranges, size_t n)
{
	size_t kept = 0;

	qsort(ranges, n, sizeof(*ranges), compare);
	for (size_t i = 1; i < n; i++) {
		struct range *previous = &ranges[kept];

		/* Not last + 1, which of the last address is 0. */
		if (ranges[i].first > previous->last && ranges[i].first - previous->last > 1)
			ranges[++kept] = ranges[i];
		else if (ranges[i].last > previous->last)
			previous->last = ranges[i].last;
	}
	return n > 0 ? (uint32_t)(kept + 1) : 0;
}

/* The shift that leaves at most 'n_bits' of 'value'. */
static unsigned int
shift_for(wide value, unsigned int n_bits)
{
	unsigned int shift = 0;

	while (value >> shift >> n_bits)
		shift++;
	return shift;
}

static int
make_index(struct ranges *to, const struct range *ranges)
{
	unsigned int n_bits = 1; /* None would mean shifts by a whole word. */
	uint32_t n_before = 0;

	while (n_bits < INDEX_BITS_MAX && (to->n >> n_bits) > 1)
		n_bits++;
	to->base = ranges[0].first;
	to->last = ranges[to->n - 1].last;
	to->shift = shift_for(to->last - to->base, n_bits);
	to->n_index = (size_t)((to->last - to->base) >> to->shift) + 2;
	to->index = calloc(to->n_index, sizeof(*to->index));
	if (!to->index)
		return -ENOMEM;
	for (size_t i = 0; i + 1 < to->n_index; i++) {
		wide begin = (wide)i << to->shift;

		while (n_before < to->n && ranges[n_before].first - to->base < begin)
			n_before++;
		to->index[i] = n_before;
	}
	to->index[to->n_index - 1] = to->n;
	return 0;
}

/* Takes over the flat 'ranges', which the caller may only free if this fails. */
static int
take_ranges(struct ranges *to, struct range *ranges, uint32_t n, uint8_t family)
{
	struct range *shrunk;

	to->n = n;
	if (make_index(to, ranges) < 0)
		return -ENOMEM;
	if (family == ADDR_V6) {
		shrunk = realloc(ranges, n * sizeof(*ranges));
		to->of6 = shrunk ? shrunk : ranges;
		return 0;
	}
	to->of4 = calloc(n, sizeof(*to->of4));
	if (!to->of4)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		to->of4[i] = (struct range4){(uint32_t)ranges[i].first, (uint32_t)ranges[i].last};
	free(ranges);
	return 0;
}

static int
build(struct ranges *to, const struct prefix *prefixes, size_t n_prefixes, uint8_t family)
{
	struct range *ranges;
	size_t n = 0;

	for (size_t i = 0; i < n_prefixes; i++)
		n += prefixes[i].addr.family == family;
	if (n == 0)
		return 0;
	ranges = calloc(n, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < n_prefixes; i++)
		if (prefixes[i].addr.family == family)
			ranges[n++] = range_of(&prefixes[i]);
	if (take_ranges(to, ranges, flatten(ranges, n), family) == 0)
		return 0;
	free(ranges);
	return -ENOMEM;
}

static void
free_ranges(struct ranges *ranges)
{
	free(ranges->index);
	free(ranges->of4);
	free(ranges->of6);
}

int
prefix_set_new(struct prefix_set **out, const struct prefix *prefixes, size_t n)
{
	struct prefix_set *set = calloc(1, sizeof(*set));

	if (!set)
		return -ENOMEM;
	set->n_refs = 1;
	if (build(&set->v4, prefixes, n, ADDR_V4) < 0 ||
		build(&set->v6, prefixes, n, ADDR_V6) < 0) {
		prefix_set_unref(set);
		return -ENOMEM;
	}
	*out = set;
	return 0;
}

struct prefix_set *
prefix_set_ref(struct prefix_set *set)
{
	if (set)
		set->n_refs++;
	return set;
}

void
prefix_set_unref(struct prefix_set *set)
{
	if (!set || --set->n_refs > 0)
		return;
	free_ranges(&set->v4);
	free_ranges(&set->v6);
	free(set);
}

static inline wide
first_of(const struct ranges *ranges, uint32_t i, bool v6)
{
	return v6 ? ranges->of6[i].first : ranges->of4[i].first;
}

/* 'v6' is known when this is compiled. */
static inline bool __attribute__((always_inline))
has(const struct ranges *ranges, wide address, bool v6)
{
	uint32_t from, to;
	size_t piece;

	if (ranges->n == 0 || address < ranges->base || address > ranges->last)
		return false;
	piece = (size_t)((address - ranges->base) >> ranges->shift);
	from = ranges->index[piece];
	to = ranges->index[piece + 1];
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (first_of(ranges, middle, v6) <= address)
			from = middle + 1;
		else
			to = middle;
	}
	/* At least one begins before, since the first one is where the span begins. */
	return address <= (v6 ? ranges->of6[from - 1].last : ranges->of4[from - 1].last);
}

bool
prefix_set_has(const struct prefix_set *set, const uint8_t address[16], uint8_t family)
{
	if (family == ADDR_V6)
		return has(&set->v6, load(address, true), true);
	return has(&set->v4, load(address, false), false);
}

static size_t
n_bytes(const struct ranges *ranges)
{
	return ranges->n_index * sizeof(*ranges->index) +
	       ranges->n * (ranges->of6 ? sizeof(*ranges->of6) : sizeof(*ranges->of4));
}

struct prefix_set_size
prefix_set_size(const struct prefix_set *set)
{
	return (struct prefix_set_size){
		set->v4.n, set->v6.n, sizeof(*set) + n_bytes(&set->v4) + n_bytes(&set->v6)};
}
