/* SPDX-License-Identifier: BSD-3-Clause */
/* rtnetlink messages; see rtnl.h. */
#include "dataplane/rtnl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <time.h>

#define BUFFER_SIZE 16384

/* So many neighbour events may wait when all backends change at once. */
#define EVENTS_BYTES (1 << 20)

/* Reads before other events of the loop get their turn. */
#define READS_MAX 64

static int
open_socket(struct mnl_socket **out)
{
	*out = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!*out || mnl_socket_bind(*out, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return 0;
}

static int
watch(struct rtnl *rtnl)
{
	static const int groups[] = {RTNLGRP_NEIGH, RTNLGRP_LINK, RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR};
	int fd = mnl_socket_get_fd(rtnl->events);
	int size = EVENTS_BYTES;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(
			    rtnl->events, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
			return -errno;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ? -errno : 0;
}

int
rtnl_init(struct rtnl *rtnl, struct err *err)
{
	int rc;

	*rtnl = (struct rtnl){.sequence = (uint32_t)time(NULL)};
	rc = open_socket(&rtnl->requests);
	if (rc == 0)
		rc = open_socket(&rtnl->events);
	if (rc == 0)
		rc = watch(rtnl);
	if (rc < 0) {
		rtnl_fini(rtnl);
		return err_set(
			err, rc, "cannot ask the kernel for routes (rtnetlink): %s", strerror(-rc));
	}
	rtnl->port_id = mnl_socket_get_portid(rtnl->requests);
	return 0;
}

void
rtnl_fini(struct rtnl *rtnl)
{
	if (rtnl->requests)
		mnl_socket_close(rtnl->requests);
	if (rtnl->events)
		mnl_socket_close(rtnl->events);
	*rtnl = (struct rtnl){0};
}

static int
family_of(const struct addr *addr)
{
	return addr->family == ADDR_V4 ? AF_INET : AF_INET6;
}

static bool
get_addr(const struct nlattr *attr, int family, struct addr *out)
{
	size_t size = mnl_attr_get_payload_len(attr);
	be32 v4;

	if (family == AF_INET && size == 4) {
		memcpy(&v4, mnl_attr_get_payload(attr), sizeof(v4));
		*out = addr_from_v4(v4);
		return true;
	}
	if (family == AF_INET6 && size == 16) {
		*out = addr_from_v6(mnl_attr_get_payload(attr));
		return true;
	}
	return false;
}

/* Sends the request in 'header' and gives the answers to 'on_answer', which may be NULL. */
static int
ask(struct rtnl *rtnl, struct nlmsghdr *header, mnl_cb_t on_answer, void *ctx)
{
	char buffer[BUFFER_SIZE];
	int rc = MNL_CB_OK;

	header->nlmsg_seq = ++rtnl->sequence;
	if (mnl_socket_sendto(rtnl->requests, header, header->nlmsg_len) < 0)
		return -errno;
	while (rc == MNL_CB_OK) {
		ssize_t size = mnl_socket_recvfrom(rtnl->requests, buffer, sizeof(buffer));

		if (size < 0)
			return -errno;
		rc = mnl_cb_run(
			buffer, (size_t)size, header->nlmsg_seq, rtnl->port_id, on_answer, ctx);
	}
	return rc < 0 ? -errno : 0;
}

static int
on_route(const struct nlmsghdr *header, void *ctx)
{
	const struct rtmsg *message = mnl_nlmsg_get_payload(header);
	struct rtnl_route *route = ctx;
	const struct nlattr *attr;

	if (header->nlmsg_type != RTM_NEWROUTE || message->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, header, sizeof(*message))
	{
		uint16_t type = mnl_attr_get_type(attr);

		if (type == RTA_OIF) {
			route->ifindex = mnl_attr_get_u32(attr);
		} else if (type == RTA_GATEWAY) {
			get_addr(attr, message->rtm_family, &route->neighbour);
		} else if (type == RTA_VIA) {
			const struct rtvia *via = mnl_attr_get_payload(attr);

			if (mnl_attr_get_payload_len(attr) == sizeof(*via) + 16 &&
				via->rtvia_family == AF_INET6)
				route->neighbour = addr_from_v6(via->rtvia_addr);
		}
	}
	return MNL_CB_OK;
}

int
rtnl_get_route(struct rtnl *rtnl, const struct addr *addr, struct rtnl_route *out)
{
	char buffer[256];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct rtmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	struct rtnl_route route = {.neighbour = *addr};
	int rc;

	header->nlmsg_type = RTM_GETROUTE;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	message->rtm_family = (unsigned char)family_of(addr);
	message->rtm_dst_len = (unsigned char)(addr_size(addr) * 8);
	mnl_attr_put(header, RTA_DST, addr_size(addr), addr->bytes);
	rc = ask(rtnl, header, on_route, &route);
	if (rc == 0 && route.ifindex == 0)
		rc = -EHOSTUNREACH; /* Local, blackhole, ...: nothing leads out. */
	if (rc == 0)
		*out = route;
	return rc;
}

/* Reads a neighbour message; false if it is not about an IP neighbour. */
static bool
read_neighbour(const struct nlmsghdr *header, struct rtnl_neighbour *out)
{
	const struct ndmsg *message = mnl_nlmsg_get_payload(header);
	const uint16_t resolved =
		NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
	bool has_mac = false;
	const struct nlattr *attr;

	*out = (struct rtnl_neighbour){.ifindex = (unsigned int)message->ndm_ifindex};
	mnl_attr_for_each(attr, header, sizeof(*message))
	{
		uint16_t type = mnl_attr_get_type(attr);

		if (type == NDA_DST) {
			get_addr(attr, message->ndm_family, &out->addr);
		} else if (type == NDA_LLADDR &&
			   mnl_attr_get_payload_len(attr) == sizeof(out->mac)) {
			memcpy(out->mac, mnl_attr_get_payload(attr), sizeof(out->mac));
			has_mac = true;
		} else if (type == NDA_FLAGS_EXT) {
			out->managed = mnl_attr_get_u32(attr) & NTF_EXT_MANAGED;
		}
	}
	out->usable = has_mac && (message->ndm_state & resolved);
	out->pinned = message->ndm_state & (NUD_PERMANENT | NUD_NOARP);
	return out->addr.family != ADDR_NONE;
}

static int
on_neighbour(const struct nlmsghdr *header, void *ctx)
{
	if (header->nlmsg_type == RTM_NEWNEIGH)
		read_neighbour(header, ctx);
	return MNL_CB_OK;
}

int
rtnl_get_neighbour(struct rtnl *rtnl, unsigned int ifindex, const struct addr *addr,
	struct rtnl_neighbour *out)
{
	char buffer[256];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ndmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	struct rtnl_neighbour neighbour = {0};
	int rc;

	header->nlmsg_type = RTM_GETNEIGH;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	message->ndm_family = (unsigned char)family_of(addr);
	message->ndm_ifindex = (int)ifindex;
	mnl_attr_put(header, NDA_DST, addr_size(addr), addr->bytes);
	rc = ask(rtnl, header, on_neighbour, &neighbour);
	if (rc == 0)
		*out = neighbour;
	return rc;
}

int
rtnl_manage_neighbour(
	struct rtnl *rtnl, unsigned int ifindex, const struct addr *addr, bool managed)
{
	char buffer[256];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ndmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));

	header->nlmsg_type = RTM_NEWNEIGH;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
	message->ndm_family = (unsigned char)family_of(addr);
	message->ndm_ifindex = (int)ifindex;
	message->ndm_state = NUD_NONE;
	/* Also for kernels that do not know the extended flag: they would set the state above. */
	message->ndm_flags = NTF_USE;
	mnl_attr_put(header, NDA_DST, addr_size(addr), addr->bytes);
	if (managed)
		mnl_attr_put_u32(header, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
	return ask(rtnl, header, NULL, NULL);
}

int
rtnl_events_fd(const struct rtnl *rtnl)
{
	return mnl_socket_get_fd(rtnl->events);
}

static int
on_event(const struct nlmsghdr *header, void *ctx)
{
	const struct rtnl_handler *handler = ctx;
	struct rtnl_neighbour neighbour;

	if (header->nlmsg_type != RTM_NEWNEIGH && header->nlmsg_type != RTM_DELNEIGH)
		handler->on_change(handler->ctx);
	else if (read_neighbour(header, &neighbour))
		handler->on_neighbour(handler->ctx, &neighbour, header->nlmsg_type == RTM_DELNEIGH);
	return MNL_CB_OK;
}

void
rtnl_read_events(struct rtnl *rtnl, const struct rtnl_handler *handler)
{
	char buffer[BUFFER_SIZE];

	for (int i = 0; i < READS_MAX; i++) {
		ssize_t size = mnl_socket_recvfrom(rtnl->events, buffer, sizeof(buffer));

		if (size < 0) {
			/* ENOBUFS: events were lost, so everything may have changed. */
			if (errno != EAGAIN && errno != EINTR)
				handler->on_change(handler->ctx);
			return;
		}
		mnl_cb_run(buffer, (size_t)size, 0, 0, on_event, (void *)(uintptr_t)handler);
	}
}
