/* SPDX-License-Identifier: BSD-3-Clause */
/* The Internet checksum (RFC 1071), for packets that weir itself builds or verifies. */
#ifndef COMMON_CHECKSUM_H
#define COMMON_CHECKSUM_H

#include "common/addr.h"
#include "common/be.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Adds 'size' bytes to the running sum 'sum' (start with 0). An odd size is padded with a zero
 * byte, so only the last piece may be odd. */
uint32_t checksum_add(uint32_t sum, const void *data, size_t size);

/* Adds the pseudo-header of RFC 793 (IPv4) or RFC 8200 8.1 (IPv6). 'size' is the upper layer's
 * length in bytes, 'protocol' its number. */
uint32_t checksum_add_pseudo(uint32_t sum, const struct addr *source,
	const struct addr *destination, uint8_t protocol, size_t size);

/* Folds the sum and returns the checksum to store, or to compare with 0 after summing data that
 * holds its checksum. */
be16 checksum_finish(uint32_t sum);

/* The same of an IPv4 header of 20 bytes: the checksum to store while its field is 0, and 0 if the
 * header holds the right one. The sum is the same in either byte order and by words of any size
 * (RFC 1071 2.B). */
static inline be16
checksum_ipv4(const void *header)
{
	uint32_t words[5];
	uint64_t sum;
	uint32_t folded;

	memcpy(words, header, sizeof(words));
	sum = (uint64_t)words[0] + words[1] + words[2] + words[3] + words[4];
	folded = (uint32_t)(sum & 0xffff) + (uint32_t)(sum >> 16 & 0xffff) + (uint32_t)(sum >> 32);
	return (BE_FORCE be16)(uint16_t) ~((folded & 0xffff) + (folded >> 16));
}

/* Whether such a header holds the right checksum: checksum_ipv4() without a memory of its own. Each
 * half of a word added to the other half, in the upper one of the sum, is added with its carry. */
static inline bool
checksum_ipv4_is_good(const void *header)
{
	uint64_t words[2], sum, rest;
	uint32_t last, folded;

	memcpy(words, header, sizeof(words));
	memcpy(&last, (const uint8_t *)header + sizeof(words), sizeof(last));
	sum = words[0] + words[1];
	rest = (uint64_t)last + (sum < words[0]);
	sum += rest;
	sum += sum < rest;
	folded = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);
	folded += folded << 16 | folded >> 16;
	return folded >> 16 == 0xffff;
}

#endif /* COMMON_CHECKSUM_H */
