/* SPDX-License-Identifier: BSD-3-Clause */
/* VRRP's sockets on a loop; see vrrp_io.h. */
#include "controlplane/vrrp_io.h"

#include "common/log.h"
#include "controlplane/timer.h"
#include "controlplane/vrrp_socket.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

LOG_MODULE("vrrp");

/* Messages taken in one go, so that a flood leaves time for the timers. */
#define RECEIVE_MAX 64

/* A socket that could not be opened on an interface that looks well is tried again. */
#define REOPEN_MS 200

/* An IPv4 header, and the longest message of either family. */
#define BUFFER_SIZE (60 + VRRP_PACKET_MAX)

struct vrrp_io {
	uv_loop_t *loop;
	enum addr_family family;
	struct vrrp_io_handler handler;
	struct host_interface *host;
	uv_timer_t reopen_timer;
	uv_poll_t *poll; /* NULL while the socket is closed. */
	struct vrrp_socket sock;
	struct vrrp_io_stats stats;
	char why[128]; /* Why it is not up. */
};

static const struct addr *
wanted_source(const struct vrrp_io *io)
{
	const struct host_interface_state *state = host_interface_state(io->host);

	return io->family == ADDR_V4 ? &state->v4 : &state->v6;
}

/* What keeps the interface from carrying adverts, or NULL. */
static const char *
find_obstacle(const struct vrrp_io *io)
{
	const struct host_interface_state *state = host_interface_state(io->host);

	if (state->index == 0)
		return "does not exist";
	if (!state->up)
		return "is down or has no link";
	if (wanted_source(io)->family == ADDR_NONE)
		return io->family == ADDR_V4 ? "has no IPv4 address"
					     : "has no usable IPv6 link-local address";
	return NULL;
}

static void
on_poll_closed(uv_handle_t *handle)
{
	free(handle);
}

static void
close_socket(struct vrrp_io *io)
{
	if (!io->poll)
		return;
	uv_poll_stop(io->poll);
	uv_close((uv_handle_t *)io->poll, on_poll_closed);
	io->poll = NULL;
	vrrp_socket_close(&io->sock);
}

/* An error that the socket reports for good (its interface has gone) ends libuv's watch of it. */
static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct vrrp_io *io = poll->data;

	(void)events;
	vrrp_io_receive(io);
	if (status >= 0 || io->poll != poll)
		return;
	close_socket(io);
	snprintf(io->why, sizeof(io->why), "VRRP socket on %s: %s", host_interface_name(io->host),
		uv_strerror(status));
	timer_set(&io->reopen_timer, REOPEN_MS);
	io->handler.on_change(io->handler.ctx);
}

static int
open_socket(struct vrrp_io *io)
{
	const struct host_interface_state *state = host_interface_state(io->host);
	uv_poll_t *poll = calloc(1, sizeof(*poll));
	int rc;

	if (!poll)
		return -ENOMEM;
	rc = vrrp_socket_open(&io->sock, io->family, host_interface_name(io->host), state->index,
		wanted_source(io));
	if (rc < 0) {
		free(poll);
		return rc;
	}
	rc = uv_poll_init(io->loop, poll, io->sock.fd);
	if (rc < 0) {
		vrrp_socket_close(&io->sock);
		free(poll);
		return rc;
	}
	poll->data = io;
	uv_poll_start(poll, UV_READABLE, on_readable);
	io->poll = poll;
	return 0;
}

/* Brings the socket in line with the interface. Returns 0, or why it could not be opened. */
static int
update(struct vrrp_io *io)
{
	const struct host_interface_state *state = host_interface_state(io->host);
	const char *name = host_interface_name(io->host);
	const char *obstacle = find_obstacle(io);
	int rc = 0;

	if (io->poll && !obstacle && io->sock.index == state->index &&
		addr_equal(&io->sock.source, wanted_source(io)))
		return 0;
	close_socket(io);
	uv_timer_stop(&io->reopen_timer);
	io->why[0] = '\0';
	if (obstacle) {
		snprintf(io->why, sizeof(io->why), "interface %s %s", name, obstacle);
		return 0;
	}
	rc = open_socket(io);
	if (rc < 0)
		snprintf(io->why, sizeof(io->why), "no VRRP socket on %s: %s", name, strerror(-rc));
	return rc;
}

static void
update_and_tell(struct vrrp_io *io)
{
	struct addr old_source = *vrrp_io_source(io);
	char old_why[sizeof(io->why)];

	memcpy(old_why, io->why, sizeof(old_why));
	if (update(io) < 0)
		timer_set(&io->reopen_timer, REOPEN_MS);
	if (!addr_equal(&old_source, vrrp_io_source(io)) || strcmp(old_why, io->why) != 0)
		io->handler.on_change(io->handler.ctx);
}

static void
on_reopen(uv_timer_t *timer)
{
	update_and_tell(timer->data);
}

/* Also where the socket stays as it is: a router may wait for another address. */
static void
on_host_change(void *ctx, const struct host_interface_state *state)
{
	struct vrrp_io *io = ctx;

	(void)state;
	if (update(io) < 0)
		timer_set(&io->reopen_timer, REOPEN_MS);
	io->handler.on_change(io->handler.ctx);
}

int
vrrp_io_new(struct vrrp_io **out, uv_loop_t *loop, const char *interface, enum addr_family family,
	const struct vrrp_io_handler *handler, struct err *err)
{
	struct vrrp_io *io = calloc(1, sizeof(*io));
	int rc;

	if (!io)
		return err_set(err, -ENOMEM, "%s: out of memory", interface);
	io->loop = loop;
	io->family = family;
	io->handler = *handler;
	io->sock.fd = -1;
	rc = host_interface_new(&io->host, loop, interface, on_host_change, io, err);
	if (rc < 0) {
		free(io);
		return rc;
	}
	timer_init(loop, &io->reopen_timer, on_reopen, io);
	rc = update(io);
	if (rc == -EPERM || rc == -EACCES) {
		vrrp_io_free(io);
		return err_set(err, rc,
			"cannot open a raw socket for VRRP on %s: %s; run as root or with "
			"CAP_NET_RAW",
			interface, strerror(-rc));
	}
	if (rc < 0)
		timer_set(&io->reopen_timer, REOPEN_MS);
	*out = io;
	return 0;
}

static void
on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void
vrrp_io_free(struct vrrp_io *io)
{
	if (!io)
		return;
	close_socket(io);
	host_interface_free(io->host);
	uv_close((uv_handle_t *)&io->reopen_timer, on_timer_closed);
}

bool
vrrp_io_is_up(const struct vrrp_io *io, const char **why)
{
	if (why)
		*why = io->why;
	return io->poll != NULL;
}

const struct addr *
vrrp_io_source(const struct vrrp_io *io)
{
	static const struct addr none;

	return io->poll ? &io->sock.source : &none;
}

const struct vrrp_io_stats *
vrrp_io_stats(const struct vrrp_io *io)
{
	return &io->stats;
}

/* The checksum is over the destination as well, so each peer's message is its own. */
static int
send_to(struct vrrp_io *io, const struct addr *source, const struct addr *destination,
	const struct vrrp_advert *advert, const struct addr *addresses)
{
	uint8_t buf[VRRP_PACKET_MAX];
	size_t size = vrrp_packet_build(advert, addresses, source, destination, buf, sizeof(buf));
	int rc;

	assert(size > 0);
	rc = vrrp_socket_send(&io->sock, source, destination, buf, size);
	if (rc < 0)
		io->stats.n_send_failed++;
	else
		io->stats.n_sent++;
	return rc;
}

int
vrrp_io_send(struct vrrp_io *io, const struct vrrp_route *route, const struct vrrp_advert *advert,
	const struct addr *addresses)
{
	const struct addr *source =
		route->source.family == ADDR_NONE ? &io->sock.source : &route->source;
	struct addr group = vrrp_group(io->family);
	int result = -ENETDOWN;

	if (!io->poll)
		return result;
	if (route->n_peers == 0)
		return send_to(io, source, &group, advert, addresses);
	for (size_t i = 0; i < route->n_peers; i++) {
		int rc = send_to(io, source, &route->peers[i], advert, addresses);

		if (result < 0)
			result = rc;
	}
	return result;
}

bool
vrrp_io_has(const struct vrrp_io *io, const struct addr *addr)
{
	struct endpoint endpoint = {.addr = *addr};
	struct sockaddr_storage ss;
	socklen_t size = endpoint_to_sockaddr(&endpoint, &ss);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool has;

	if (fd < 0)
		return true;
	if (addr->family == ADDR_V6)
		((struct sockaddr_in6 *)&ss)->sin6_scope_id = host_interface_state(io->host)->index;
	has = bind(fd, (struct sockaddr *)&ss, size) == 0;
	close(fd);
	return has;
}

static void
handle(struct vrrp_io *io, const struct vrrp_datagram *datagram)
{
	struct vrrp_advert advert;
	enum vrrp_result result;
	char source[ADDR_TEXT_SIZE];

	/* What this node sent itself (a bridge that reflects). */
	if (addr_equal(&datagram->source, &io->sock.source))
		return;
	result = vrrp_packet_parse(datagram, &advert);
	io->stats.n_received[result]++;
	if (result == VRRP_OK)
		io->handler.on_advert(io->handler.ctx, &advert, datagram);
	else
		LOG_LIMITED(LOG_WARN, "%s: advert from %s dropped: %s",
			host_interface_name(io->host),
			addr_format(&datagram->source, source, sizeof(source)),
			vrrp_result_text(result));
}

void
vrrp_io_receive(struct vrrp_io *io)
{
	uint8_t buf[BUFFER_SIZE];
	struct vrrp_datagram datagram;

	/* A handler may close the socket. */
	for (int i = 0; i < RECEIVE_MAX && io->poll; i++) {
		int rc = vrrp_socket_receive(&io->sock, buf, sizeof(buf), &datagram);

		if (rc == 0)
			handle(io, &datagram);
		else if (rc == -EBADMSG)
			io->stats.n_received[VRRP_TRUNCATED]++;
		else if (rc != -EINTR)
			break;
	}
}
