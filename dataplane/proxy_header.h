/* SPDX-License-Identifier: BSD-3-Clause */
/* The binary header of the PROXY protocol, version 2 (haproxy.org, proxy-protocol.txt, 2.2): who
 * speaks to whom, in front of what is said. */
#ifndef DATAPLANE_PROXY_HEADER_H
#define DATAPLANE_PROXY_HEADER_H

#include "common/addr.h"
#include "common/be.h"

#define PROXY_HEADER_SIZE_V4 28
#define PROXY_HEADER_SIZE_V6 52
#define PROXY_HEADER_SIZE_MAX PROXY_HEADER_SIZE_V6

/* From the client to the service. Addresses as in struct addr. */
struct proxy_header {
	uint8_t family;   /* ADDR_V4 or ADDR_V6 */
	uint8_t protocol; /* IANA number of TCP or UDP. */
	const uint8_t *client;
	const uint8_t *service;
	be16 client_port;
	be16 service_port;
};

static inline uint32_t
proxy_header_size(uint8_t family)
{
	return family == ADDR_V4 ? PROXY_HEADER_SIZE_V4 : PROXY_HEADER_SIZE_V6;
}

/* Writes it to 'out' of PROXY_HEADER_SIZE_MAX; returns its size. */
uint32_t proxy_header_write(uint8_t *out, const struct proxy_header *header);

#endif /* DATAPLANE_PROXY_HEADER_H */
