/* SPDX-License-Identifier: BSD-3-Clause */
/* PROXY protocol headers; see proxy_header.h.
 *
 *   0               12   13   14    16         (v4: 4, v6: 16 each)
 *   +----------------+----+----+-----+---------+---------+------+------+
 *   | signature      | 21 | fp | size| client  | service | port | port |
 *   +----------------+----+----+-----+---------+---------+------+------+ */
#include "dataplane/proxy_header.h"

#include <netinet/in.h>
#include <string.h>

#define VERSION_2_PROXY 0x21

enum {
	FAMILY_V4 = 0x10,
	FAMILY_V6 = 0x20,
	TRANSPORT_STREAM = 0x01,
	TRANSPORT_DATAGRAM = 0x02,
};

static const uint8_t signature[12] = {
	'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

static uint8_t *
put(uint8_t *at, const void *data, size_t size)
{
	memcpy(at, data, size);
	return at + size;
}

uint32_t
proxy_header_write(uint8_t *out, const struct proxy_header *header)
{
	size_t n_address = header->family == ADDR_V4 ? 4 : 16;
	be16 size = be16_from((uint16_t)(2 * n_address + 2 * sizeof(be16)));
	uint8_t *at = put(out, signature, sizeof(signature));

	*at++ = VERSION_2_PROXY;
	*at++ = (uint8_t)((header->family == ADDR_V4 ? FAMILY_V4 : FAMILY_V6) |
			  (header->protocol == IPPROTO_TCP ? TRANSPORT_STREAM
							   : TRANSPORT_DATAGRAM));
	at = put(at, &size, sizeof(size));
	at = put(at, header->client, n_address);
	at = put(at, header->service, n_address);
	at = put(at, &header->client_port, sizeof(header->client_port));
	at = put(at, &header->service_port, sizeof(header->service_port));
	return (uint32_t)(at - out);
}
