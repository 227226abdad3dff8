/* SPDX-License-Identifier: BSD-3-Clause */
/* What may stand between an IP header and the upper layer: the options of IPv4 and the extension
 * headers of IPv6. Read in bounds, never changed. */
#ifndef DATAPLANE_IPEXT_H
#define DATAPLANE_IPEXT_H

#include "dataplane/verdict.h"

#include <stdbool.h>
#include <stdint.h>

#include <netinet/in.h>

/* Extension headers of one IPv6 packet that are walked through at most. */
#define IPEXT_HEADERS_MAX 8

/* Looks at 'size' bytes of IPv4 options. Returns V_FORWARD, V_DROP_BAD_OPTION, or
 * V_DROP_SOURCE_ROUTE. */
enum verdict ipext_check_options(const uint8_t *options, uint32_t size);

/* Whether an IPv6 next header value names an extension header that can be walked through. */
static inline bool
ipext_is_header(uint8_t protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_AH ||
	       protocol == IPPROTO_FRAGMENT;
}

/* A walk along IPv6 extension headers. */
struct ipext {
	uint32_t end;      /* Where the bytes of the packet stop. */
	uint32_t offset;   /* Of the next header; at last, of the upper layer's. */
	uint32_t fragment; /* Of the header that says so if this is a fragment; else 0. */
	uint8_t protocol;  /* What is at 'offset'. */
	bool later;        /* A fragment that is not the first: what follows is no header. */
};

/* Walks from the first header, which the caller has set, to the upper layer's. Returns V_FORWARD,
 * V_DROP_TRUNCATED, V_DROP_EXTENSIONS or V_DROP_SOURCE_ROUTE. */
enum verdict ipext_walk(const uint8_t *data, struct ipext *walk);

#endif /* DATAPLANE_IPEXT_H */
