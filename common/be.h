/* SPDX-License-Identifier: BSD-3-Clause */
/* Network-order integers as types of their own.
 *
 * Under sparse (-Wbitwise) they are bitwise types, so comparing a port in network order with
 * the number 80 is a diagnostic. For compilers they are plain integers. */
#ifndef COMMON_BE_H
#define COMMON_BE_H

#include <arpa/inet.h>
#include <stdint.h>

#ifdef __CHECKER__
#define BE_BITWISE __attribute__((bitwise))
#define BE_FORCE __attribute__((force))
#else
#define BE_BITWISE
#define BE_FORCE
#endif

typedef uint16_t BE_BITWISE be16;
typedef uint32_t BE_BITWISE be32;

static inline be16
be16_from(uint16_t host)
{
	return (BE_FORCE be16)htons(host);
}

static inline uint16_t
be16_to(be16 net)
{
	return ntohs((BE_FORCE uint16_t)net);
}

static inline be32
be32_from(uint32_t host)
{
	return (BE_FORCE be32)htonl(host);
}

static inline uint32_t
be32_to(be32 net)
{
	return ntohl((BE_FORCE uint32_t)net);
}

#endif /* COMMON_BE_H */
