/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 options and IPv6 extension headers; see ipext.h. */
#include "dataplane/ipext.h"

#include "dataplane/wire.h"

#define FINE V_FORWARD

/* RFC 791 3.1 */
enum {
	OPTION_END = 0,
	OPTION_NOTHING = 1,
	OPTION_LOOSE_ROUTE = 131,
	OPTION_STRICT_ROUTE = 137,
};

/* Bits of the fragment header's offset field: all but the two reserved ones. */
#define FRAGMENT_BITS 0xfff9
#define FRAGMENT_OFFSET 0xfff8

enum verdict
ipext_check_options(const uint8_t *options, uint32_t size)
{
	for (uint32_t at = 0; at < size;) {
		switch (options[at]) {
		case OPTION_END:
			return FINE;
		case OPTION_NOTHING:
			at++;
			continue;
		case OPTION_LOOSE_ROUTE:
		case OPTION_STRICT_ROUTE:
			/* The sender's choice of the way could lead past every filter (RFC 7126
			 * 4.3 and 4.4). */
			return V_DROP_SOURCE_ROUTE;
		default:
			break;
		}
		if (at + 2 > size || options[at + 1] < 2 || at + options[at + 1] > size)
			return V_DROP_BAD_OPTION;
		at += options[at + 1];
	}
	return FINE;
}

/* Bytes of the header at walk->offset, whose first 8 or more are there; 0: it is none that is
 * walked through. */
static uint32_t
size_of(const uint8_t *data, const struct ipext *walk)
{
	const struct wire_extension *extension =
		(const struct wire_extension *)(data + walk->offset);

	switch (walk->protocol) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return (extension->size + 1u) * 8;
	case IPPROTO_AH:
		return (extension->size + 2u) * 4;
	default:
		return sizeof(struct wire_fragment);
	}
}

static enum verdict
look_at_fragment(const uint8_t *data, struct ipext *walk)
{
	const struct wire_fragment *fragment = (const struct wire_fragment *)(data + walk->offset);
	uint16_t offset = be16_to(fragment->offset);

	if (walk->fragment)
		return V_DROP_EXTENSIONS;
	/* A fragment that is the whole packet is none (RFC 6946 4). */
	if (offset & FRAGMENT_BITS)
		walk->fragment = walk->offset;
	walk->later = (offset & FRAGMENT_OFFSET) != 0;
	return FINE;
}

enum verdict
ipext_walk(const uint8_t *data, struct ipext *walk)
{
	for (unsigned int n = 0; ipext_is_header(walk->protocol); n++) {
		const struct wire_extension *extension =
			(const struct wire_extension *)(data + walk->offset);
		enum verdict problem = FINE;
		uint32_t size;

		/* Hop-by-hop options come first or not at all (RFC 8200 4.1). */
		if (n == IPEXT_HEADERS_MAX || (walk->protocol == IPPROTO_HOPOPTS && n > 0))
			return V_DROP_EXTENSIONS;
		/* None is shorter. */
		if (walk->offset + sizeof(struct wire_fragment) > walk->end)
			return V_DROP_TRUNCATED;
		size = size_of(data, walk);
		if (walk->offset + size > walk->end)
			return V_DROP_TRUNCATED;
		/* The address is not the last one of the route; type 0 is what RFC 5095 forbids. */
		if (walk->protocol == IPPROTO_ROUTING && data[walk->offset + 3] != 0)
			problem = V_DROP_SOURCE_ROUTE;
		if (walk->protocol == IPPROTO_FRAGMENT)
			problem = look_at_fragment(data, walk);
		if (problem != FINE)
			return problem;
		walk->protocol = extension->next_header;
		walk->offset += size;
		if (walk->later)
			break;
	}
	return FINE;
}
