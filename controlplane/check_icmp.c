/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP check: an echo request is answered (RFC 792, RFC 4443 4); see check.h. A raw socket gets all
 * that its peer sends by ICMP, so an answer is known by its identifier and a random word. */
#include "controlplane/check_socket.h"
#include "controlplane/datagram.h"

#include "common/checksum.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>

/* Both versions have the same form. */
struct echo {
	uint8_t type;
	uint8_t code;
	be16 checksum;
	uint16_t id;
	uint16_t sequence;
	uint32_t random[2];
};

/* Where the message begins: a raw socket of IPv4 gives its header as well. Returns NULL if it is
 * too short. */
static const uint8_t *
find_echo(enum addr_family family, const uint8_t *bytes, size_t size)
{
	size_t skip = 0;

	if (family == ADDR_V4 && size > 0)
		skip = (size_t)(bytes[0] & 0x0f) * 4;
	return size >= skip + sizeof(struct echo) ? bytes + skip : NULL;
}

static enum datagram_verdict
judge(const struct check *check, const struct datagram_question *question, const uint8_t *bytes,
	size_t size, char *why, size_t why_size)
{
	uint8_t reply = question->family == ADDR_V4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
	const uint8_t *found = find_echo(question->family, bytes, size);
	struct echo echo, asked;

	(void)check;
	if (!found)
		return DATAGRAM_IGNORE;
	memcpy(&echo, found, sizeof(echo));
	memcpy(&asked, question->bytes, sizeof(asked));
	if (echo.type != reply || echo.id != asked.id || echo.sequence != asked.sequence ||
		memcmp(echo.random, asked.random, sizeof(echo.random)) != 0)
		return DATAGRAM_IGNORE;
	snprintf(why, why_size, "echo reply");
	return DATAGRAM_GOOD;
}

/* Only echo replies, of the messages of ICMPv6. */
static int
set_filter(int fd)
{
	struct icmp6_filter filter;

	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
	return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
}

static void *
start(void *engine, const struct check_target *target, check_done_fn done, void *ctx,
	struct err *err)
{
	enum addr_family family = target->endpoint.addr.family;
	struct check_target portless = {.endpoint = {.addr = target->endpoint.addr}};
	struct datagram_question question = {.size = sizeof(struct echo), .family = family};
	struct echo echo = {
		.type = family == ADDR_V4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST,
		.id = (uint16_t)arc4random(),
		.sequence = htons(1),
		.random = {arc4random(), arc4random()},
	};
	int fd = check_socket_connect(
		&portless, SOCK_RAW, family == ADDR_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);

	(void)engine;
	if (fd < 0) {
		err_set(err, fd, "%s%s", strerror(-fd),
			fd == -EPERM ? ": an echo request needs CAP_NET_RAW" : "");
		return NULL;
	}
	/* That of ICMPv6 is the kernel's business (RFC 3542 3.1). */
	if (family == ADDR_V4)
		echo.checksum = checksum_finish(checksum_add(0, &echo, sizeof(echo)));
	else
		set_filter(fd);
	memcpy(question.bytes, &echo, sizeof(echo));
	return datagram_start(target, fd, &question, judge, done, ctx, err);
}

const struct check_kind check_icmp = {
	.needs_no_port = true,
	.start = start,
	.cancel = datagram_cancel,
};
