/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 and IPv6 addresses as values: compared, hashed, parsed and printed the same way
 * everywhere. An IPv4 address occupies the first four bytes and the rest is zero, so two equal
 * addresses are equal bytes. Nothing here allocates. */
#ifndef COMMON_ADDR_H
#define COMMON_ADDR_H

#include "common/be.h"
#include "common/err.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

enum addr_family {
	ADDR_NONE = 0, /* Not set: the value of a zeroed struct. */
	ADDR_V4 = 4,
	ADDR_V6 = 6,
};

struct addr {
	union {
		uint8_t bytes[16]; /* Network order; IPv4 in the first 4, the rest zero. */
		be32 v4;
	};
	uint8_t family; /* enum addr_family */
	uint8_t pad[3]; /* Always zero, so that values compare by bytes. */
};

static_assert(sizeof(struct addr) == 20, "addr is compared and hashed as bytes");

/* An address with a port in host order. */
struct endpoint {
	struct addr addr;
	uint16_t port;
};

/* Room for any address, and for "[address]:port", with the NUL. */
#define ADDR_TEXT_SIZE 46
#define ENDPOINT_TEXT_SIZE 54

static inline bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline struct addr
addr_from_v4(be32 v4)
{
	struct addr addr = {.v4 = v4, .family = ADDR_V4};

	return addr;
}

/* 'bytes' has 16 bytes in network order. */
struct addr addr_from_v6(const uint8_t bytes[static 16]);

/* Bytes of the address itself: 4, 16, or 0 for ADDR_NONE. */
size_t addr_size(const struct addr *addr);

bool addr_is_link_local(const struct addr *addr);
bool addr_is_multicast(const struct addr *addr);

/* Parses "192.0.2.1" or "2001:db8::1" (without brackets or prefix length).
 * Returns 0, or -EINVAL with the offending word in 'err'; '*out' is untouched on failure. */
int addr_parse(const char *text, struct addr *out, struct err *err);

/* Writes the usual text form; returns 'buf'. 'size' should be ADDR_TEXT_SIZE. */
const char *addr_format(const struct addr *addr, char *buf, size_t size);

/* Parses "192.0.2.1:80" or "[2001:db8::1]:80". Port 1 to 65535. As addr_parse(). */
int endpoint_parse(const char *text, struct endpoint *out, struct err *err);

/* Writes "192.0.2.1:80" or "[2001:db8::1]:80"; returns 'buf'. */
const char *endpoint_format(const struct endpoint *endpoint, char *buf, size_t size);

/* Fills 'ss' for bind() and connect(); returns its size in bytes. */
socklen_t endpoint_to_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *ss);

/* Reads an AF_INET or AF_INET6 address; IPv4-mapped IPv6 becomes IPv4. Returns 0, or
 * -EAFNOSUPPORT for another family. */
int endpoint_from_sockaddr(const struct sockaddr *sa, struct endpoint *out);

#endif /* COMMON_ADDR_H */
