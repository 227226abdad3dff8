/* SPDX-License-Identifier: BSD-3-Clause */
/* Scripts out of seeds: a cluster of two to four nodes, a few faults of all kinds in a time of some
 * tens of adverts, and then a quiet time in which all has to settle. */
#include "world.h"

#include <stdarg.h>
#include <string.h>

struct writer {
	struct world random; /* For world_random() alone. */
	char *buf;
	size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void
put(struct writer *writer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	writer->used += (size_t)vsnprintf(
		writer->buf + writer->used, writer->size - writer->used, format, args);
	va_end(args);
}

static uint32_t
pick(struct writer *writer, uint32_t n)
{
	return world_random(&writer->random, n);
}

static bool
chance(struct writer *writer, uint32_t percent)
{
	return pick(writer, 100) < percent;
}

static void
put_priorities(struct writer *writer, uint32_t n_nodes, uint32_t n_routers, bool grouped)
{
	bool equal = chance(writer, 10);

	for (uint32_t n = 0; n < n_nodes; n++) {
		for (uint32_t r = 0; r < n_routers; r++) {
			/* Active-active: the order of every other router is turned round. */
			uint32_t rank = r % 2 == 1 && !grouped ? n_nodes - 1 - n : n;

			put(writer, "priority n%u r%u %u\n", n, r, equal ? 100 : 200 - 40 * rank);
		}
	}
}

static uint32_t
put_settings(struct writer *writer, uint32_t n_nodes)
{
	/* Long ones take long. */
	static const uint32_t adverts[] = {10, 10, 10, 20, 20, 50, 50, 50, 50, 100, 100, 100, 100,
		100, 100, 100, 200, 200, 200, 1000};
	uint32_t advert_ms = adverts[pick(writer, sizeof(adverts) / sizeof(adverts[0]))];
	uint32_t n_routers = 1 + pick(writer, 3);
	bool grouped = n_routers > 1 && chance(writer, 30);
	/* At most a quarter of an interval, and with a spread that reorders. */
	uint32_t latency_us = 100 + pick(writer, advert_ms * 250 < 20000 ? advert_ms * 250 : 20000);

	put(writer, "nodes %u\nrouters %u\nadvert %u\n", n_nodes, n_routers, advert_ms);
	if (grouped)
		put(writer, "group\n");
	if (chance(writer, 50))
		put(writer, "sync\n");
	if (chance(writer, 20))
		put(writer, "stay\n");
	if (chance(writer, 50))
		put(writer, "delay %u\n", pick(writer, 10) * advert_ms);
	put(writer, "latency %u %u\n", 50 + pick(writer, 50), latency_us);
	if (chance(writer, 30))
		put(writer, "duplicate %u\n", pick(writer, 300));
	for (uint32_t n = 0; n < n_nodes; n++)
		if (chance(writer, 50))
			put(writer, "drift n%u %d\n", n, (int)pick(writer, 80000) - 40000);
	put_priorities(writer, n_nodes, n_routers, grouped);
	return advert_ms;
}

static const char *
process(struct writer *writer)
{
	static const char *const processes[] = {"control", "dataplane", "both"};

	return processes[pick(writer, 3)];
}

/* One fault, and as a rule its end. */
static void
put_fault(struct writer *writer, uint32_t n_nodes, uint32_t at_ms, uint32_t advert_ms)
{
	uint32_t node = pick(writer, n_nodes),
		 other = (node + 1 + pick(writer, n_nodes - 1)) % n_nodes;
	const char *which = process(writer);

	switch (pick(writer, 10)) {
	case 0:
		put(writer, "at %u kill n%u %s\n", at_ms, node, which);
		break;
	case 1:
		put(writer, "at %u start n%u both\n", at_ms, node);
		break;
	case 2:
		put(writer, "at %u freeze n%u %s\n", at_ms, node, which);
		break;
	case 3:
		put(writer, "at %u thaw n%u both\n", at_ms, node);
		break;
	case 4:
		put(writer, "at %u cut n%u n%u\n", at_ms, node, other);
		if (chance(writer, 50))
			put(writer, "at %u cut n%u n%u\n", at_ms, other, node);
		break;
	case 5:
		put(writer, "at %u join n%u n%u\nat %u join n%u n%u\n", at_ms, node, other, at_ms,
			other, node);
		break;
	case 6:
		put(writer, "at %u loss %u\n", at_ms, chance(writer, 50) ? 0 : pick(writer, 600));
		break;
	case 7:
		put(writer, "at %u %s n%u\n", at_ms, chance(writer, 50) ? "resign" : "shutdown",
			node);
		break;
	case 8:
		put(writer, "at %u %s n%u\n", at_ms, chance(writer, 50) ? "fault" : "well", node);
		break;
	default:
		put(writer, "at %u freeze n%u %s\nat %u thaw n%u both\n", at_ms, node, which,
			at_ms + pick(writer, 6 * advert_ms), node);
		break;
	}
}

/* What the client does, and how backends are weighed, between faults. */
static void
put_traffic(struct writer *writer, uint32_t n_nodes, uint32_t at_ms)
{
	if (chance(writer, 20))
		put(writer, "at %u weigh n%u %u\n", at_ms, pick(writer, n_nodes),
			pick(writer, STAGE_WEIGHINGS));
	else if (chance(writer, 20))
		put(writer, "at %u weigh all %u\n", at_ms, pick(writer, STAGE_WEIGHINGS));
	if (chance(writer, 50))
		put(writer, "at %u open %u\n", at_ms, 1 + pick(writer, 4));
	if (chance(writer, 70))
		put(writer, "at %u ask\n", at_ms);
}

/* When all is well: whoever holds dies, and all that is known goes on. */
static void
put_last_takeover(struct writer *writer, uint32_t n_nodes, uint32_t at_ms, uint32_t advert_ms)
{
	put(writer, "at %u weigh all %u\n", at_ms, pick(writer, STAGE_WEIGHINGS));
	put(writer, "at %u open 8\n", at_ms);
	put(writer, "at %u ask\n", at_ms);
	at_ms += 400 + pick(writer, 200);
	for (; n_nodes > 1; n_nodes--) {
		put(writer, "at %u strike r0\n", at_ms);
		at_ms += 5 * advert_ms + 50;
		put(writer, "at %u ask\n", at_ms);
		at_ms += 400;
	}
}

void
generate(uint64_t seed, char *buf, size_t size)
{
	struct writer writer = {.buf = buf, .size = size};
	uint32_t n_nodes, advert_ms, at_ms, n_faults;

	writer.random.random = seed;
	n_nodes = chance(&writer, 75) ? 2 : chance(&writer, 60) ? 3 : 4;
	put(&writer, "# seed %llu\n", (unsigned long long)seed);
	advert_ms = put_settings(&writer, n_nodes);
	n_faults = 1 + pick(&writer, 8);
	/* Often when all runs, sometimes while it begins. */
	at_ms = chance(&writer, 80) ? 1000 + 5 * advert_ms : 0;
	for (uint32_t i = 0; i < n_faults; i++) {
		at_ms += pick(&writer, 12 * advert_ms);
		put_traffic(&writer, n_nodes, at_ms);
		put_fault(&writer, n_nodes, at_ms, advert_ms);
		at_ms += 6 * advert_ms;
	}
	put(&writer, "at %u heal\n", at_ms);
	/* Announcements are repeated at doubling distances, so that a client which has missed those
	 * before hears one in as much time again. */
	/* Of more than two nodes each may have to be told views again. */
	at_ms += at_ms + 20 * advert_ms + (n_nodes > 2 ? 6500 : 3500);
	put(&writer, "at %u settled\n", at_ms);
	put_last_takeover(&writer, n_nodes, at_ms, advert_ms);
}
