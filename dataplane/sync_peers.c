/* SPDX-License-Identifier: BSD-3-Clause */
/* The other load balancers of flow sync; see sync_peers.h. */
#include "dataplane/sync_peers.h"

#include "common/clock.h"
#include "common/log.h"
#include "dataplane/sync_auth.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

LOG_MODULE("sync");

/* Messages of room that a record may need: one that is full, and its own. */
#define ROOM_MIN 2
/* A whole window of each peer, and some. */
#define SOCKET_BYTES (1 << 20)

struct peer {
	struct sync_peers *peers;
	struct endpoint endpoint;
	struct sync_session *session;
};

/* The socket lives on until its close callback, whatever becomes of the rest. */
struct sync_socket {
	uv_udp_t udp;
	struct sync_peers *peers;
	uint8_t room[UINT16_MAX + 1];
};

struct sync_peers {
	struct sync_peers_config config;
	char node[SYNC_NAME_SIZE];
	uv_loop_t *loop;
	struct flow_sync sync;
	struct sync_auth *auth;     /* NULL: no flow sync. */
	struct sync_socket *socket; /* The same. */
	struct peer peers[FLOW_SYNC_PEERS_MAX];
	size_t n_peers;
	struct sync_strays strays;
};

/* --- What sessions ask for --- */

static void
send_message(void *ctx, const uint8_t *message, size_t size)
{
	const struct peer *peer = ctx;
	uint8_t datagram[SYNC_DATAGRAM_MAX];
	struct sockaddr_storage to;
	uv_buf_t buf;

	memcpy(datagram, message, size);
	size = sync_auth_sign(peer->peers->auth, datagram, size);
	endpoint_to_sockaddr(&peer->endpoint, &to);
	buf = uv_buf_init((char *)datagram, (unsigned int)size);
	/* What cannot be sent now is as good as lost on the way. */
	if (size > 0)
		uv_udp_try_send(&peer->peers->socket->udp, &buf, 1, (const struct sockaddr *)&to);
}

static unsigned int
index_of(const struct peer *peer)
{
	return (unsigned int)(peer - peer->peers->peers);
}

static void
take_record(void *ctx, const struct sync_record *record)
{
	const struct peer *peer = ctx;

	peer->peers->config.take(peer->peers->config.ctx, index_of(peer), record);
}

static bool
is_any_up(const struct sync_peers *peers)
{
	for (size_t i = 0; i < peers->n_peers; i++)
		if (sync_session_is_up(peers->peers[i].session))
			return true;
	return false;
}

static void
take_event(void *ctx, enum sync_session_event event)
{
	const struct peer *peer = ctx;
	struct sync_peers *peers = peer->peers;
	char text[ENDPOINT_TEXT_SIZE];

	endpoint_format(&peer->endpoint, text, sizeof(text));
	switch (event) {
	case SYNC_EVENT_UP:
		LOG_INFORM("%s (%s): down -> up", sync_session_peer(peer->session), text);
		peers->config.meet(peers->config.ctx, index_of(peer));
		peers->config.want_all(peers->config.ctx);
		break;
	case SYNC_EVENT_RESYNC:
		LOG_LIMITED(LOG_WARN, "%s: was too slow and is told all again", text);
		peers->config.want_all(peers->config.ctx);
		break;
	case SYNC_EVENT_DOWN:
		LOG_INFORM("%s (%s): up -> down", sync_session_peer(peer->session), text);
		if (!is_any_up(peers))
			peers->config.gone(peers->config.ctx);
		break;
	}
}

static uint64_t
draw_number(void *ctx)
{
	uint64_t number = 0;

	(void)ctx;
	/* Of so few bytes it gives all or, before the kernel has any, fails: then 0 is drawn again.
	 */
	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return 0;
	return number;
}

/* --- The socket --- */

static void
on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct sync_socket *socket = (struct sync_socket *)handle;

	(void)suggested;
	*buf = uv_buf_init((char *)socket->room, sizeof(socket->room));
}

static struct peer *
find_peer(struct sync_peers *peers, const struct sockaddr *from)
{
	struct endpoint endpoint;

	if (endpoint_from_sockaddr(from, &endpoint) < 0)
		return NULL;
	for (size_t i = 0; i < peers->n_peers; i++)
		if (addr_equal(&peers->peers[i].endpoint.addr, &endpoint.addr) &&
			peers->peers[i].endpoint.port == endpoint.port)
			return &peers->peers[i];
	return NULL;
}

static void
on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
	unsigned int flags)
{
	struct sync_peers *peers = ((struct sync_socket *)udp)->peers;
	const uint8_t *datagram = (const uint8_t *)buf->base;
	struct peer *peer;
	size_t size;

	(void)flags;
	if (n <= 0 || !from || !peers)
		return;
	peer = find_peer(peers, from);
	if (!peer) {
		peers->strays.strangers++;
		return;
	}
	size = sync_auth_check(peers->auth, datagram, (size_t)n);
	if (size == 0) {
		peers->strays.forged++;
		LOG_LIMITED(LOG_WARN,
			"a datagram was not signed with a key of this node: do all nodes have the "
			"same keys?");
		return;
	}
	sync_session_receive(peer->session, datagram, size, clock_now_ns());
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void
close_socket(struct sync_socket *socket)
{
	if (!socket)
		return;
	socket->peers = NULL;
	uv_close((uv_handle_t *)&socket->udp, on_closed);
}

/* The address may come to the host's interface only later (IP_FREEBIND). */
static int
open_descriptor(const struct endpoint *listen, struct err *err)
{
	const int on = 1, bytes = SOCKET_BYTES;
	bool v6 = listen->addr.family == ADDR_V6;
	struct sockaddr_storage ss;
	socklen_t size = endpoint_to_sockaddr(listen, &ss);
	char text[ENDPOINT_TEXT_SIZE];
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd >= 0 &&
		setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND,
			&on, sizeof(on)) == 0 &&
		bind(fd, (const struct sockaddr *)&ss, size) == 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
		return fd;
	}
	rc = -errno;
	if (fd >= 0)
		close(fd);
	return err_set(err, rc, "sync: cannot listen on %s: %s",
		endpoint_format(listen, text, sizeof(text)), strerror(-rc));
}

static int
open_socket(struct sync_peers *peers, const struct endpoint *listen, struct sync_socket **out,
	struct err *err)
{
	int fd = open_descriptor(listen, err), rc;
	struct sync_socket *socket;

	if (fd < 0)
		return fd;
	socket = calloc(1, sizeof(*socket));
	if (!socket) {
		close(fd);
		return err_set(err, -ENOMEM, "sync: out of memory");
	}
	uv_udp_init(peers->loop, &socket->udp);
	socket->peers = peers;
	rc = uv_udp_open(&socket->udp, fd);
	if (rc < 0) {
		close(fd);
	} else {
		rc = uv_udp_recv_start(&socket->udp, on_room, on_datagram);
	}
	if (rc < 0) {
		close_socket(socket);
		return err_set(err, rc, "sync: %s", uv_strerror(rc));
	}
	*out = socket;
	return 0;
}

/* --- Configuration --- */

static bool
endpoint_is(const struct endpoint *a, const struct endpoint *b)
{
	return addr_equal(&a->addr, &b->addr) && a->port == b->port;
}

static bool
same_peers(const struct flow_sync *a, const struct flow_sync *b)
{
	if (!endpoint_is(&a->listen, &b->listen) || a->n_peers != b->n_peers)
		return false;
	for (size_t i = 0; i < a->n_peers; i++)
		if (!endpoint_is(&a->peers[i], &b->peers[i]))
			return false;
	return true;
}

static void
drop_all(struct sync_peers *peers)
{
	bool was_up = is_any_up(peers);

	for (size_t i = 0; i < peers->n_peers; i++)
		sync_session_free(peers->peers[i].session);
	peers->n_peers = 0;
	close_socket(peers->socket);
	peers->socket = NULL;
	if (was_up)
		peers->config.gone(peers->config.ctx);
}

static int
add_peer(struct sync_peers *peers, const struct endpoint *endpoint, struct err *err)
{
	struct peer *peer = &peers->peers[peers->n_peers];
	struct sync_session_config config = {
		.node = peers->node,
		.send = send_message,
		.take = take_record,
		.event = take_event,
		.draw = draw_number,
		.ctx = peer,
	};

	*peer = (struct peer){.peers = peers, .endpoint = *endpoint};
	if (sync_session_new(&peer->session, &config, clock_now_ns()) < 0)
		return err_set(err, -ENOMEM, "sync: out of memory");
	peers->n_peers++;
	return 0;
}

static int
replace_peers(struct sync_peers *peers, const struct flow_sync *sync, struct err *err)
{
	struct sync_socket *socket = NULL;
	int rc = 0;

	if (!endpoint_is(&peers->sync.listen, &sync->listen) &&
		sync->listen.addr.family != ADDR_NONE) {
		rc = open_socket(peers, &sync->listen, &socket, err);
	} else {
		socket = peers->socket;
		peers->socket = NULL;
	}
	if (rc < 0)
		return rc;
	drop_all(peers);
	peers->socket = socket;
	for (size_t i = 0; i < sync->n_peers && rc == 0; i++)
		rc = add_peer(peers, &sync->peers[i], err);
	return rc;
}

int
sync_peers_configure(struct sync_peers *peers, const struct flow_sync *sync, struct err *err)
{
	struct sync_auth *auth = NULL;
	int rc = 0;

	if (sync->n_keys > 0)
		rc = sync_auth_new(&auth, sync->keys, sync->n_keys, err);
	if (rc == 0 && !same_peers(&peers->sync, sync))
		rc = replace_peers(peers, sync, err);
	if (rc < 0) {
		sync_auth_free(auth);
		return rc;
	}
	sync_auth_free(peers->auth);
	peers->auth = auth;
	flow_sync_fini(&peers->sync);
	peers->sync = *sync;
	/* The secrets are in 'auth'; here they have no use. */
	flow_sync_fini(&peers->sync);
	return 0;
}

int
sync_peers_new(struct sync_peers **out, uv_loop_t *loop, const struct sync_peers_config *config)
{
	struct sync_peers *peers = calloc(1, sizeof(*peers));

	if (!peers)
		return -ENOMEM;
	peers->config = *config;
	snprintf(peers->node, sizeof(peers->node), "%s", config->node);
	peers->loop = loop;
	*out = peers;
	return 0;
}

void
sync_peers_free(struct sync_peers *peers)
{
	if (!peers)
		return;
	drop_all(peers);
	sync_auth_free(peers->auth);
	free(peers);
}

/* --- Use --- */

bool
sync_peers_send(struct sync_peers *peers, const struct sync_record *record)
{
	for (size_t i = 0; i < peers->n_peers; i++)
		if (sync_session_room(peers->peers[i].session) < ROOM_MIN)
			return false;
	for (size_t i = 0; i < peers->n_peers; i++)
		sync_session_put(peers->peers[i].session, record);
	return true;
}

void
sync_peers_run(struct sync_peers *peers, uint64_t now_ns)
{
	for (size_t i = 0; i < peers->n_peers; i++)
		if (sync_session_deadline(peers->peers[i].session) <= now_ns)
			sync_session_run(peers->peers[i].session, now_ns);
}

uint64_t
sync_peers_deadline(const struct sync_peers *peers)
{
	uint64_t deadline = UINT64_MAX;

	for (size_t i = 0; i < peers->n_peers; i++) {
		uint64_t next = sync_session_deadline(peers->peers[i].session);

		if (next < deadline)
			deadline = next;
	}
	return deadline;
}

bool
sync_peers_are_synced(const struct sync_peers *peers, uint64_t now_ns)
{
	for (size_t i = 0; i < peers->n_peers; i++)
		if (!sync_session_is_synced(peers->peers[i].session, now_ns))
			return false;
	return true;
}

const struct flow_sync *
sync_peers_configured(const struct sync_peers *peers)
{
	return &peers->sync;
}

const struct sync_strays *
sync_peers_strays(const struct sync_peers *peers)
{
	return &peers->strays;
}

struct sync_peer_view
sync_peers_view(const struct sync_peers *peers, size_t i, uint64_t now_ns)
{
	const struct peer *peer = &peers->peers[i];

	return (struct sync_peer_view){
		.name = sync_session_peer(peer->session),
		.endpoint = peer->endpoint,
		.up = sync_session_is_up(peer->session),
		.synced = sync_session_is_synced(peer->session, now_ns),
		.counters = sync_session_counters(peer->session),
	};
}
