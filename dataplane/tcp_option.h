/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of TCP headers (RFC 9293 3.2). */
#ifndef DATAPLANE_TCP_OPTION_H
#define DATAPLANE_TCP_OPTION_H

#include "dataplane/wire.h"

#include <stddef.h>

enum {
	TCP_OPTION_END = 0,
	TCP_OPTION_NOP = 1,
	TCP_OPTION_MSS = 2,
	TCP_OPTION_SCALE = 3,          /* RFC 7323 2.2 */
	TCP_OPTION_SACK_PERMITTED = 4, /* RFC 2018 2 */
	TCP_OPTION_SACK = 5,           /* RFC 2018 3 */
	TCP_OPTION_STAMP = 8,          /* RFC 7323 3.2 */
	TCP_OPTION_TOA = 254,          /* For experiments (RFC 4727); see toa.h. */
};

#define TCP_OPTION_MSS_SIZE 4
#define TCP_OPTION_SCALE_SIZE 3
#define TCP_OPTION_STAMP_SIZE 10
#define TCP_OPTIONS_MAX 40

/* Bytes of options; the header is known to be whole. */
static inline size_t
tcp_options_size(const struct wire_tcp *tcp)
{
	return (size_t)(tcp->offset >> 4) * 4 - sizeof(*tcp);
}

/* The first option of 'kind' (neither end nor NOP) in 'size' bytes of options, or NULL. Its size,
 * at least 2, is its second byte, and all of it is there. Nothing is found behind what cannot be
 * read. */
uint8_t *tcp_option_find(uint8_t *options, size_t size, uint8_t kind);

#endif /* DATAPLANE_TCP_OPTION_H */
