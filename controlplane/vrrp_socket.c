/* SPDX-License-Identifier: BSD-3-Clause */
/* Raw VRRP sockets; see vrrp_socket.h. */
#include "controlplane/vrrp_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Network control: adverts go before everything else where something queues. */
#define TOS_NETWORK_CONTROL 0xc0
#define PRIORITY_CONTROL 7

struct option {
	int level;
	int name;
	const void *value;
	socklen_t size;
};

static int
set_options(int fd, const struct option *options, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (setsockopt(fd, options[i].level, options[i].name, options[i].value,
			    options[i].size) < 0)
			return -errno;
	}
	return 0;
}

static int
prepare_v4(const struct vrrp_socket *sock)
{
	struct addr group = vrrp_group(ADDR_V4);
	struct ip_mreqn membership = {.imr_ifindex = (int)sock->index};
	const int on = 1, off = 0, ttl = VRRP_TTL, tos = TOS_NETWORK_CONTROL;
	const struct option options[] = {
		{IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof(membership)},
		{IPPROTO_IP, IP_MULTICAST_IF, &membership, sizeof(membership)},
		{IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl)},
		{IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof(off)},
		{IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof(off)},
		{IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)},
		{IPPROTO_IP, IP_TOS, &tos, sizeof(tos)},
		{IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)},
	};

	memcpy(&membership.imr_multiaddr, group.bytes, 4);
	memcpy(&membership.imr_address, sock->source.bytes, 4);
	return set_options(sock->fd, options, sizeof(options) / sizeof(options[0]));
}

static int
prepare_v6(const struct vrrp_socket *sock)
{
	struct addr group = vrrp_group(ADDR_V6);
	struct ipv6_mreq membership = {.ipv6mr_interface = sock->index};
	const int on = 1, off = 0, ttl = VRRP_TTL, tos = TOS_NETWORK_CONTROL;
	const int index = (int)sock->index;
	const struct option options[] = {
		{IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &membership, sizeof(membership)},
		{IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index)},
		{IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &ttl, sizeof(ttl)},
		{IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &off, sizeof(off)},
		{IPPROTO_IPV6, IPV6_MULTICAST_ALL, &off, sizeof(off)},
		{IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof(ttl)},
		{IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos)},
		{IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)},
		{IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof(on)},
	};

	memcpy(&membership.ipv6mr_multiaddr, group.bytes, 16);
	return set_options(sock->fd, options, sizeof(options) / sizeof(options[0]));
}

int
vrrp_socket_open(struct vrrp_socket *sock, enum addr_family family, const char *name,
	unsigned int index, const struct addr *source)
{
	int domain = family == ADDR_V4 ? AF_INET : AF_INET6;
	const int priority = PRIORITY_CONTROL;
	struct vrrp_socket opened = {.family = family, .index = index, .source = *source};
	int rc = 0;

	opened.fd = socket(domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, VRRP_PROTOCOL);
	if (opened.fd < 0)
		return -errno;
	if (setsockopt(opened.fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) < 0 ||
		setsockopt(opened.fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)) < 0)
		rc = -errno;
	if (rc == 0)
		rc = family == ADDR_V4 ? prepare_v4(&opened) : prepare_v6(&opened);
	if (rc < 0) {
		close(opened.fd);
		return rc;
	}
	*sock = opened;
	return 0;
}

void
vrrp_socket_close(struct vrrp_socket *sock)
{
	if (sock->fd >= 0)
		close(sock->fd);
	sock->fd = -1;
}

/* The source is given with each message, because the checksum is over it. */
int
vrrp_socket_send(const struct vrrp_socket *sock, const struct addr *source,
	const struct addr *destination, const uint8_t *data, size_t size)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = {.bytes = {0}};
	struct in_pktinfo v4 = {.ipi_ifindex = (int)sock->index};
	struct in6_pktinfo v6 = {.ipi6_ifindex = sock->index};
	struct endpoint remote = {.addr = *destination};
	struct sockaddr_storage to;
	struct iovec iov;
	struct msghdr message = {
		.msg_name = &to,
		.msg_namelen = endpoint_to_sockaddr(&remote, &to),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
	};
	bool is_v4 = sock->family == ADDR_V4;
	struct cmsghdr *header;

	/* sendmsg() does not write to it. */
	iov = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	message.msg_controllen = is_v4 ? CMSG_SPACE(sizeof(v4)) : CMSG_SPACE(sizeof(v6));
	header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6;
	header->cmsg_type = is_v4 ? IP_PKTINFO : IPV6_PKTINFO;
	header->cmsg_len = is_v4 ? CMSG_LEN(sizeof(v4)) : CMSG_LEN(sizeof(v6));
	memcpy(&v4.ipi_spec_dst, source->bytes, 4);
	memcpy(&v6.ipi6_addr, source->bytes, 16);
	memcpy(CMSG_DATA(header), is_v4 ? (void *)&v4 : (void *)&v6,
		is_v4 ? sizeof(v4) : sizeof(v6));
	return sendmsg(sock->fd, &message, 0) < 0 ? -errno : 0;
}

/* A raw IPv4 socket delivers the IP header too. */
static int
strip_v4(uint8_t *buf, size_t size, struct vrrp_datagram *out)
{
	struct iphdr ip;
	size_t header_size;

	if (size < sizeof(ip))
		return -EBADMSG;
	memcpy(&ip, buf, sizeof(ip));
	header_size = (size_t)ip.ihl * 4;
	if (header_size < sizeof(ip) || header_size > size)
		return -EBADMSG;
	*out = (struct vrrp_datagram){
		.data = buf + header_size,
		.size = size - header_size,
		.source = addr_from_v4((BE_FORCE be32)ip.saddr),
		.destination = addr_from_v4((BE_FORCE be32)ip.daddr),
		.ttl = ip.ttl,
	};
	return 0;
}

static int
describe_v6(struct msghdr *message, const uint8_t *buf, size_t size, struct vrrp_datagram *out)
{
	const struct sockaddr_in6 *from = message->msg_name;
	struct in6_pktinfo info;
	int hop_limit = 0;

	*out = (struct vrrp_datagram){
		.data = buf,
		.size = size,
		.source = addr_from_v6(from->sin6_addr.s6_addr),
	};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != IPPROTO_IPV6)
			continue;
		if (c->cmsg_type == IPV6_HOPLIMIT) {
			memcpy(&hop_limit, CMSG_DATA(c), sizeof(hop_limit));
			out->ttl = (uint8_t)hop_limit;
		} else if (c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			out->destination = addr_from_v6(info.ipi6_addr.s6_addr);
		}
	}
	return out->destination.family == ADDR_V6 ? 0 : -EBADMSG;
}

int
vrrp_socket_receive(
	const struct vrrp_socket *sock, uint8_t *buf, size_t size, struct vrrp_datagram *out)
{
	union {
		struct cmsghdr align;
		char bytes[256];
	} control;
	struct sockaddr_storage from;
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr message = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t received = recvmsg(sock->fd, &message, 0);

	if (received < 0)
		return -errno;
	if (message.msg_flags & MSG_TRUNC)
		return -EBADMSG;
	if (sock->family == ADDR_V4)
		return strip_v4(buf, (size_t)received, out);
	return describe_v6(&message, buf, (size_t)received, out);
}
