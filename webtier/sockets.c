/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening sockets; see sockets.h. */
#include "webtier/sockets.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

LOG_MODULE("sockets");

#define OWN_MAX 4 /* Two ports, two families. */

struct given {
	int fd; /* -1 once it is taken over. */
	enum socket_use use;
	struct endpoint endpoint; /* Where it is bound. */
};

struct sockets {
	const struct model *model;
	const struct node *node;
	struct tls_context *tls;
	struct given *given;
	size_t n_given;
	int ready_fd; /* To tell the process before this one; -1: there is none. */
	struct http_listener *listeners; /* Of the worker that was asked for last. */
	size_t n_listeners;
	bool has_ipv6;
};

static const char *const use_names[N_SOCKET_USES] = {
	[SOCKET_HTTP] = "http",
	[SOCKET_HTTPS] = "https",
	[SOCKET_METRICS] = "metrics",
};

const char *
socket_use_name(enum socket_use use)
{
	return use_names[use];
}

uint16_t
sockets_port(const struct model *model, const struct node *node, enum socket_use use)
{
	const uint16_t ports[N_SOCKET_USES] = {
		[SOCKET_HTTP] = model->web.http_port,
		[SOCKET_HTTPS] = model->web.https_port,
		[SOCKET_METRICS] = node->metrics.port,
	};

	return ports[use];
}

/* --- What is given --- */

static int
find_use(const char *name, size_t size)
{
	for (int use = 0; use < N_SOCKET_USES; use++) {
		if (strlen(use_names[use]) == size && memcmp(use_names[use], name, size) == 0)
			return use;
	}
	return -1;
}

static bool
is_listening(int fd, struct endpoint *endpoint)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	int listens = 0;
	socklen_t listens_size = sizeof(listens);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) == 0 && listens &&
	       getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
	       endpoint_from_sockaddr((struct sockaddr *)&address, endpoint) == 0;
}

static int
add_given(struct sockets *sockets, int fd, int use, struct err *err)
{
	struct given given = {.fd = fd};
	struct given *more;

	if (!is_listening(fd, &given.endpoint))
		return err_set(err, -ENOTSOCK,
			"descriptor %d, which was handed to this process, is no listening TCP "
			"socket: pass sockets made by ListenStream= alone",
			fd);
	for (int i = 0; use < 0 && i < N_SOCKET_USES; i++) {
		if (sockets_port(sockets->model, sockets->node, (enum socket_use)i) ==
			given.endpoint.port)
			use = i;
	}
	if (use < 0)
		return err_set(err, -EINVAL,
			"descriptor %d, which was handed to this process, has port %u, which the "
			"cluster file does not name: set FileDescriptorName= to http, https or "
			"metrics, or mend the port",
			fd, given.endpoint.port);
	more = reallocarray(sockets->given, sockets->n_given + 1, sizeof(*more));
	if (!more)
		return err_set(err, -ENOMEM, "out of memory");
	given.use = (enum socket_use)use;
	sockets->given = more;
	sockets->given[sockets->n_given++] = given;
	return 0;
}

static int
take_from_systemd(struct sockets *sockets, struct err *err)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);
	int rc = n < 0 ? err_set(err, n, "cannot take systemd's sockets: %s", strerror(-n)) : 0;

	for (int i = 0; rc == 0 && i < n; i++)
		rc = add_given(sockets, SD_LISTEN_FDS_START + i,
			find_use(names[i], strlen(names[i])), err);
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	if (rc == 0 && n > 0)
		LOG_INFORM("serves on %d socket(s) of systemd", n);
	return rc;
}

/* One "USE=PORT". A socket whose port the cluster file has given up since is closed: the new one is
 * opened instead. */
static int
take_item(struct sockets *sockets, const char *item, int fd, struct err *err)
{
	size_t size = strcspn(item, "=");
	int use = find_use(item, size);
	unsigned long port = item[size] == '=' ? strtoul(item + size + 1, NULL, 10) : 0;

	if (use < 0)
		return err_set(err, -EINVAL, "%s names '%s', which is no use of a socket",
			SOCKETS_VARIABLE, item);
	if (port != sockets_port(sockets->model, sockets->node, (enum socket_use)use)) {
		close(fd);
		return 0;
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_set(err, -errno,
			"descriptor %d, which the process before this one is "
			"said to have handed over, is not open",
			fd);
	return add_given(sockets, fd, use, err);
}

static int
take_from_predecessor(struct sockets *sockets, const char *told, struct err *err)
{
	char *text = strdup(told);
	char *rest = text;
	char *item;
	int fd = SOCKETS_FIRST_FD;
	int rc = text ? 0 : err_set(err, -ENOMEM, "out of memory");

	unsetenv(SOCKETS_VARIABLE);
	while (rc == 0 && (item = strsep(&rest, ",")) != NULL)
		rc = take_item(sockets, item, fd++, err);
	free(text);
	if (rc < 0)
		return rc;
	sockets->ready_fd = fd;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	LOG_INFORM("took over %zu socket(s) of the process before", sockets->n_given);
	return 0;
}

static bool
has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int
sockets_new(struct sockets **out, const struct model *model, const struct node *node,
	struct tls_context *tls, struct err *err)
{
	struct sockets *sockets = calloc(1, sizeof(*sockets));
	const char *told = getenv(SOCKETS_VARIABLE);
	int rc;

	if (!sockets)
		return err_set(err, -ENOMEM, "out of memory");
	sockets->model = model;
	sockets->node = node;
	sockets->tls = tls;
	sockets->ready_fd = -1;
	rc = told ? take_from_predecessor(sockets, told, err) : take_from_systemd(sockets, err);
	if (rc == 0) {
		sockets->listeners =
			calloc(sockets->n_given + OWN_MAX, sizeof(*sockets->listeners));
		if (!sockets->listeners)
			rc = err_set(err, -ENOMEM, "out of memory");
	}
	if (rc < 0) {
		sockets_free(sockets);
		return rc;
	}
	sockets->has_ipv6 = has_ipv6();
	if (!sockets->has_ipv6)
		LOG_WARNING("this machine has no IPv6: listening on IPv4 alone");
	*out = sockets;
	return 0;
}

void
sockets_dealt(struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->n_given; i++) {
		if (sockets->given[i].fd >= 0)
			close(sockets->given[i].fd);
		sockets->given[i].fd = -1;
	}
}

void
sockets_free(struct sockets *sockets)
{
	if (!sockets)
		return;
	sockets_dealt(sockets);
	if (sockets->ready_fd >= 0)
		close(sockets->ready_fd);
	free(sockets->given);
	free(sockets->listeners);
	free(sockets);
}

/* --- Who listens on what --- */

static void
add_listener(struct sockets *sockets, enum socket_use use, enum addr_family family, int fd)
{
	struct http_listener *listener = &sockets->listeners[sockets->n_listeners++];

	*listener =
		(struct http_listener){.tls = use == SOCKET_HTTPS ? sockets->tls : NULL, .fd = fd};
	listener->endpoint.addr.family = (uint8_t)family;
	listener->endpoint.port = sockets_port(sockets->model, sockets->node, use);
}

/* How many sockets of the same use and address there are, and how many of them before this. */
static size_t
count_alike(const struct sockets *sockets, const struct given *given, size_t *n_before)
{
	size_t n = 0;

	for (size_t i = 0; i < sockets->n_given; i++) {
		const struct given *other = &sockets->given[i];

		if (other == given)
			*n_before = n;
		n += other->use == given->use && other->endpoint.port == given->endpoint.port &&
		     addr_equal(&other->endpoint.addr, &given->endpoint.addr);
	}
	return n;
}

/* Gives the worker its share. Sockets of one address are dealt out one by one, as connections wait
 * in each of them; where there are fewer than workers, some workers share one. */
static int
deal(struct sockets *sockets, enum socket_use use, size_t worker, size_t n_workers)
{
	size_t n_before_all = sockets->n_listeners;

	for (size_t i = 0; i < sockets->n_given; i++) {
		struct given *given = &sockets->given[i];
		size_t rank = 0;
		size_t n = given->use == use ? count_alike(sockets, given, &rank) : 0;
		int fd;

		if (n == 0 || (worker >= n ? worker % n != rank : rank % n_workers != worker))
			continue;
		/* Kept until all workers have theirs: it may be one for several. */
		fd = fcntl(given->fd, F_DUPFD_CLOEXEC, SOCKETS_FIRST_FD);
		if (fd < 0)
			return -errno;
		add_listener(sockets, use, ADDR_NONE, fd);
	}
	return (int)(sockets->n_listeners - n_before_all);
}

int
sockets_of_worker(struct sockets *sockets, size_t i, size_t n, const struct http_listener **out)
{
	sockets->n_listeners = 0;
	for (enum socket_use use = SOCKET_HTTP; use <= SOCKET_HTTPS; use++) {
		int n_given = deal(sockets, use, i, n);

		if (n_given < 0)
			return n_given;
		if (n_given == 0) {
			add_listener(sockets, use, ADDR_V4, -1);
			if (sockets->has_ipv6)
				add_listener(sockets, use, ADDR_V6, -1);
		}
	}
	*out = sockets->listeners;
	return (int)sockets->n_listeners;
}

struct http_listener
sockets_of_metrics(struct sockets *sockets)
{
	struct http_listener listener = {.endpoint = sockets->node->metrics, .fd = -1};

	for (size_t i = 0; i < sockets->n_given && listener.fd < 0; i++) {
		if (sockets->given[i].use != SOCKET_METRICS)
			continue;
		listener.fd = sockets->given[i].fd;
		sockets->given[i].fd = -1;
	}
	return listener;
}

void
sockets_say_ready(struct sockets *sockets)
{
	if (sockets->ready_fd >= 0) {
		if (write(sockets->ready_fd, "1", 1) != 1)
			LOG_WARNING("cannot tell the process before this one that it may go");
		close(sockets->ready_fd);
		sockets->ready_fd = -1;
	}
	/* The main process of the service may be another from now on. */
	sd_notifyf(0, "READY=1\nMAINPID=%lu", (unsigned long)getpid());
}
