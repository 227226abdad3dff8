/* SPDX-License-Identifier: BSD-3-Clause */
/* Watching an interface; see host_interface.h.
 *
 * Any rtnetlink message about links or addresses only says "look again": the state is then read
 * whole, so that lost messages (ENOBUFS) and their order do not matter. */
#include "controlplane/host_interface.h"

#include "common/log.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

LOG_MODULE("interface");

struct host_interface {
	char name[IF_NAMESIZE];
	struct mnl_socket *watch;
	uv_poll_t poll;
	struct host_interface_state state;
	host_interface_fn on_change;
	void *ctx;
};

static bool
state_equal(const struct host_interface_state *a, const struct host_interface_state *b)
{
	return a->index == b->index && a->up == b->up && addr_equal(&a->v4, &b->v4) &&
	       addr_equal(&a->v6, &b->v6) && a->addresses == b->addresses;
}

static int
on_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	struct host_interface_state *state = data;
	unsigned int wanted = IFF_UP | IFF_RUNNING; /* Running: it has carrier. */

	if (message->nlmsg_type == RTM_NEWLINK && (unsigned int)link->ifi_index == state->index)
		state->up = (link->ifi_flags & wanted) == wanted;
	return MNL_CB_OK;
}

static int
on_attribute(const struct nlattr *attribute, void *data)
{
	const struct nlattr **table = data;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type <= IFA_MAX)
		table[type] = attribute;
	return MNL_CB_OK;
}

/* A sum, so that the order in which the kernel lists them does not matter. */
static void
note_address(struct host_interface_state *state, const struct addr *addr)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < sizeof(addr->bytes); i++)
		hash = (hash ^ addr->bytes[i]) * UINT64_C(0x100000001b3);
	state->addresses += hash;
}

static int
on_address(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *table[IFA_MAX + 1] = {NULL};
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	struct host_interface_state *state = data;
	const struct nlattr *attribute;
	uint32_t flags;
	struct addr addr;

	if (message->nlmsg_type != RTM_NEWADDR || info->ifa_index != state->index)
		return MNL_CB_OK;
	mnl_attr_parse(message, sizeof(*info), on_attribute, table);
	flags = table[IFA_FLAGS] ? mnl_attr_get_u32(table[IFA_FLAGS]) : info->ifa_flags;
	/* Where both are given, IFA_ADDRESS of a point-to-point link is the other end. */
	attribute = table[IFA_LOCAL] ? table[IFA_LOCAL] : table[IFA_ADDRESS];
	if (!attribute || (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)))
		return MNL_CB_OK;
	if (info->ifa_family == AF_INET && mnl_attr_get_payload_len(attribute) == 4) {
		be32 v4;

		memcpy(&v4, mnl_attr_get_payload(attribute), 4);
		addr = addr_from_v4(v4);
		note_address(state, &addr);
		if (state->v4.family == ADDR_NONE && !(flags & IFA_F_SECONDARY))
			state->v4 = addr;
	} else if (info->ifa_family == AF_INET6 && mnl_attr_get_payload_len(attribute) == 16) {
		addr = addr_from_v6(mnl_attr_get_payload(attribute));
		note_address(state, &addr);
		if (state->v6.family == ADDR_NONE && addr_is_link_local(&addr))
			state->v6 = addr;
	}
	return MNL_CB_OK;
}

/* Asks for all links or addresses and hands each to 'each'. The kernel answers at once. */
static int
dump(uint16_t type, size_t header_size, mnl_cb_t each, struct host_interface_state *state)
{
	char buf[16384];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	unsigned int port;
	ssize_t size;
	int rc = -errno;

	if (!socket)
		return rc;
	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = 1;
	mnl_nlmsg_put_extra_header(request, header_size); /* Zeroed: family AF_UNSPEC. */
	rc = 1;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		rc = -errno;
	port = mnl_socket_get_portid(socket);
	while (rc > 0) {
		size = mnl_socket_recvfrom(socket, buf, sizeof(buf));
		rc = size < 0 ? -errno : mnl_cb_run(buf, (size_t)size, 1, port, each, state);
		if (size >= 0 && rc < 0)
			rc = -errno;
	}
	mnl_socket_close(socket);
	return rc;
}

static int
read_state(const char *name, struct host_interface_state *state)
{
	int rc;

	memset(state, 0, sizeof(*state));
	state->index = if_nametoindex(name);
	if (state->index == 0)
		return 0;
	rc = dump(RTM_GETLINK, sizeof(struct ifinfomsg), on_link, state);
	if (rc == 0)
		rc = dump(RTM_GETADDR, sizeof(struct ifaddrmsg), on_address, state);
	return rc;
}

/* A dump that was disturbed by changes (EINTR) is followed by the message about them. */
static void
look_again(struct host_interface *host)
{
	struct host_interface_state state;
	int rc = read_state(host->name, &state);

	if (rc < 0 && rc != -EINTR) {
		LOG_LIMITED(LOG_WARN, "%s: cannot read its state: %s", host->name, strerror(-rc));
		return;
	}
	if (state_equal(&state, &host->state))
		return;
	host->state = state;
	host->on_change(host->ctx, &host->state);
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct host_interface *host = poll->data;
	char buf[16384];

	(void)events;
	while (recv(mnl_socket_get_fd(host->watch), buf, sizeof(buf), MSG_DONTWAIT) >= 0 ||
		errno == ENOBUFS || errno == EINTR)
		continue;
	/* Lost messages (ENOBUFS) show as an error of the socket, which ends libuv's watch of it.
	 */
	if (status < 0)
		uv_poll_start(poll, UV_READABLE, on_readable);
	look_again(host);
}

int
host_interface_new(struct host_interface **out, uv_loop_t *loop, const char *name,
	host_interface_fn on_change, void *ctx, struct err *err)
{
	struct host_interface *host;
	int rc = -ENOMEM;

	if (strlen(name) >= IF_NAMESIZE)
		return err_set(err, -EINVAL, "'%s' is not an interface name: at most %d letters",
			name, IF_NAMESIZE - 1);
	host = calloc(1, sizeof(*host));
	if (!host)
		return err_set(err, -ENOMEM, "%s: out of memory", name);
	snprintf(host->name, sizeof(host->name), "%s", name);
	host->on_change = on_change;
	host->ctx = ctx;
	host->watch = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!host->watch ||
		mnl_socket_bind(host->watch, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
			MNL_SOCKET_AUTOPID) < 0) {
		rc = -errno;
		goto fail;
	}
	rc = read_state(host->name, &host->state);
	if (rc < 0 && rc != -EINTR)
		goto fail;
	rc = uv_poll_init(loop, &host->poll, mnl_socket_get_fd(host->watch));
	if (rc < 0)
		goto fail;
	host->poll.data = host;
	uv_poll_start(&host->poll, UV_READABLE, on_readable);
	*out = host;
	return 0;
fail:
	if (host->watch)
		mnl_socket_close(host->watch);
	free(host);
	return err_set(
		err, rc, "cannot watch the interface '%s' by rtnetlink: %s", name, strerror(-rc));
}

static void
on_closed(uv_handle_t *handle)
{
	struct host_interface *host = handle->data;

	mnl_socket_close(host->watch);
	free(host);
}

void
host_interface_free(struct host_interface *host)
{
	if (host && !uv_is_closing((uv_handle_t *)&host->poll))
		uv_close((uv_handle_t *)&host->poll, on_closed);
}

const char *
host_interface_name(const struct host_interface *host)
{
	return host->name;
}

const struct host_interface_state *
host_interface_state(const struct host_interface *host)
{
	return &host->state;
}
