/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses; see addr.h. */
#include "common/addr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct addr
addr_from_v6(const uint8_t bytes[static 16])
{
	struct addr addr = {.family = ADDR_V6};

	memcpy(addr.bytes, bytes, 16);
	return addr;
}

size_t
addr_size(const struct addr *addr)
{
	switch ((enum addr_family)addr->family) {
	case ADDR_V4:
		return 4;
	case ADDR_V6:
		return 16;
	case ADDR_NONE:
		break;
	}
	return 0;
}

bool
addr_is_link_local(const struct addr *addr)
{
	if (addr->family == ADDR_V4)
		return addr->bytes[0] == 169 && addr->bytes[1] == 254;
	return addr->family == ADDR_V6 && addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

bool
addr_is_multicast(const struct addr *addr)
{
	if (addr->family == ADDR_V4)
		return (addr->bytes[0] & 0xf0) == 0xe0;
	return addr->family == ADDR_V6 && addr->bytes[0] == 0xff;
}

int
addr_parse(const char *text, struct addr *out, struct err *err)
{
	uint8_t bytes[16] = {0};

	if (inet_pton(AF_INET, text, bytes) == 1) {
		struct addr addr = {.family = ADDR_V4};

		memcpy(addr.bytes, bytes, 4);
		*out = addr;
		return 0;
	}
	if (inet_pton(AF_INET6, text, bytes) == 1) {
		*out = addr_from_v6(bytes);
		return 0;
	}
	return err_set(err, -EINVAL,
		"'%s' is not an IP address: write it like 192.0.2.1 or 2001:db8::1", text);
}

/* For every request: inet_ntop() goes by way of sprintf(). */
static void
format_v4(const uint8_t *bytes, char *out)
{
	for (size_t i = 0; i < 4; i++) {
		unsigned int byte = bytes[i];

		if (i > 0)
			*out++ = '.';
		if (byte >= 100)
			*out++ = (char)('0' + byte / 100);
		if (byte >= 10)
			*out++ = (char)('0' + byte / 10 % 10);
		*out++ = (char)('0' + byte % 10);
	}
	*out = '\0';
}

const char *
addr_format(const struct addr *addr, char *buf, size_t size)
{
	if (addr->family == ADDR_V4 && size >= INET_ADDRSTRLEN)
		format_v4(addr->bytes, buf);
	else if (addr->family != ADDR_V6 || !inet_ntop(AF_INET6, addr->bytes, buf, (socklen_t)size))
		snprintf(buf, size, "-");
	return buf;
}

int
endpoint_parse(const char *text, struct endpoint *out, struct err *err)
{
	char host[ADDR_TEXT_SIZE];
	struct endpoint endpoint = {.port = 0};
	const char *start = text, *end, *port;
	char *rest;
	unsigned long number;

	if (*text == '[') {
		start = text + 1;
		end = strchr(start, ']');
		port = end && end[1] == ':' ? end + 2 : NULL;
	} else {
		end = strrchr(text, ':');
		port = end ? end + 1 : NULL;
	}
	if (!port || (size_t)(end - start) >= sizeof(host))
		return err_set(err, -EINVAL,
			"'%s' is not an address with a port: write it like 192.0.2.1:80 or "
			"[2001:db8::1]:80",
			text);
	snprintf(host, sizeof(host), "%.*s", (int)(end - start), start);
	if (addr_parse(host, &endpoint.addr, err) < 0)
		return -EINVAL;
	if (endpoint.addr.family == ADDR_V6 && *text != '[')
		return err_set(
			err, -EINVAL, "'%s': put an IPv6 address in brackets, like [::1]:80", text);
	errno = 0;
	number = strtoul(port, &rest, 10);
	if (*port < '0' || *port > '9' || *rest || errno || number < 1 || number > UINT16_MAX)
		return err_set(err, -EINVAL, "'%s': the port must be from 1 to 65535", text);
	endpoint.port = (uint16_t)number;
	*out = endpoint;
	return 0;
}

const char *
endpoint_format(const struct endpoint *endpoint, char *buf, size_t size)
{
	char host[ADDR_TEXT_SIZE];

	addr_format(&endpoint->addr, host, sizeof(host));
	if (endpoint->addr.family == ADDR_V6)
		snprintf(buf, size, "[%s]:%u", host, endpoint->port);
	else
		snprintf(buf, size, "%s:%u", host, endpoint->port);
	return buf;
}

socklen_t
endpoint_to_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	if (endpoint->addr.family == ADDR_V4) {
		struct sockaddr_in *sin = (struct sockaddr_in *)ss;

		sin->sin_family = AF_INET;
		sin->sin_port = htons(endpoint->port);
		memcpy(&sin->sin_addr, endpoint->addr.bytes, 4);
		return sizeof(*sin);
	}
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;

	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(endpoint->port);
	memcpy(&sin6->sin6_addr, endpoint->addr.bytes, 16);
	return sizeof(*sin6);
}

int
endpoint_from_sockaddr(const struct sockaddr *sa, struct endpoint *out)
{
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *sin = (const struct sockaddr_in *)(const void *)sa;

		out->addr = addr_from_v4((BE_FORCE be32)sin->sin_addr.s_addr);
		out->port = ntohs(sin->sin_port);
		return 0;
	}
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)(const void *)sa;

		if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
			be32 v4;

			memcpy(&v4, sin6->sin6_addr.s6_addr + 12, sizeof(v4));
			out->addr = addr_from_v4(v4);
		} else {
			out->addr = addr_from_v6(sin6->sin6_addr.s6_addr);
		}
		out->port = ntohs(sin6->sin6_port);
		return 0;
	}
	return -EAFNOSUPPORT;
}
