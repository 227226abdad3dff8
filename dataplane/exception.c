/* SPDX-License-Identifier: BSD-3-Clause */
/* The exception path; see exception.h. */
#include "dataplane/exception.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <rte_mbuf.h>

LOG_MODULE("exception");

#define TUN_DEVICE "/dev/net/tun"

/* Frames read before other events get their turn. */
#define READS_MAX 64
#define QUEUE_MAX 1024

struct exception {
	char name[IFNAMSIZ];
	unsigned int ifindex;
	int fd;
	struct rte_mempool *pool;
	struct worker *worker;
	uv_poll_t poll;
	bool polling;
	bool (*pass)(void *ctx, uint16_t port, uint8_t *frame, size_t size);
	void *ctx;
	uint16_t port; /* For 'pass'. */
	bool (*divert)(void *ctx, uint16_t port, struct rte_mbuf *mbuf);
	void *divert_ctx;
	uint16_t divert_port;
	struct exception_stats stats;
};

static void
set_name(struct ifreq *ifr, const struct exception *exception)
{
	memset(ifr, 0, sizeof(*ifr));
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", exception->name);
}

static int
explain_attach(const struct exception *exception, int rc, struct err *err)
{
	if (rc == -EBUSY)
		return err_set(err, rc,
			"host interface %s: another process has it open: stop that one (is there "
			"another dataplane?) or choose another host_interface",
			exception->name);
	if (rc == -EPERM)
		return err_set(err, rc,
			"host interface %s: making a TAP interface is not allowed: run as root",
			exception->name);
	if (rc == -EINVAL)
		return err_set(err, rc,
			"host interface %s: it exists and is no plain TAP interface: remove it (ip "
			"link del %s) or choose another host_interface",
			exception->name, exception->name);
	return err_set(err, rc, "host interface %s: cannot make or open the TAP interface: %s",
		exception->name, strerror(-rc));
}

/* Attaches to the interface; one that is made here goes away again if the start fails. */
static int
attach(struct exception *exception, struct err *err)
{
	struct ifreq ifr;

	exception->fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (exception->fd < 0)
		return err_set(err, -errno,
			"host interface %s: no TAP support: %s: %s: load the kernel's tun module "
			"(modprobe tun) and, in a container, pass the device in",
			exception->name, TUN_DEVICE, strerror(errno));
	set_name(&ifr, exception);
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI;
	if (ioctl(exception->fd, TUNSETIFF, &ifr) < 0)
		return explain_attach(exception, -errno, err);
	/* Whole frames of the MTU's size with finished checksums, whoever had it before. */
	if (ioctl(exception->fd, TUNSETOFFLOAD, 0) < 0)
		return explain_attach(exception, -errno, err);
	exception->ifindex = if_nametoindex(exception->name);
	return 0;
}

static int
set_address(struct exception *exception, int fd, const struct port *port)
{
	struct ifreq ifr;

	set_name(&ifr, exception);
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		return -errno;
	if (memcmp(ifr.ifr_hwaddr.sa_data, port->mac, sizeof(port->mac)) == 0)
		return 0;
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, port->mac, sizeof(port->mac));
	return ioctl(fd, SIOCSIFHWADDR, &ifr) < 0 ? -errno : 0;
}

/* Address, MTU and up. */
static int
set_up(struct exception *exception, const struct port *port, struct err *err)
{
	struct ifreq ifr;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = fd < 0 ? -errno : set_address(exception, fd, port);

	set_name(&ifr, exception);
	ifr.ifr_mtu = port->mtu;
	if (rc == 0 && ioctl(fd, SIOCSIFMTU, &ifr) < 0)
		rc = -errno;
	set_name(&ifr, exception);
	if (rc == 0 && ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		rc = -errno;
	ifr.ifr_flags |= IFF_UP;
	if (rc == 0 && ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	if (rc < 0)
		return err_set(err, rc,
			"host interface %s: cannot set address, MTU and up as port %s has them: %s",
			exception->name, port->name, strerror(-rc));
	return 0;
}

int
exception_new(struct exception **out, const char *name, const struct port *port,
	struct rte_mempool *pool, struct err *err)
{
	struct exception *exception = calloc(1, sizeof(*exception));
	int rc;

	if (!exception)
		return err_set(err, -ENOMEM, "out of memory");
	snprintf(exception->name, sizeof(exception->name), "%s", name);
	exception->pool = pool;
	rc = attach(exception, err);
	if (rc == 0)
		rc = set_up(exception, port, err);
	if (rc < 0) {
		exception_free(exception);
		return rc;
	}
	*out = exception;
	return 0;
}

/* Reads one frame into a buffer. Returns NULL when there is none now. */
static struct rte_mbuf *
read_frame(struct exception *exception)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(exception->pool);
	uint8_t lost[1];
	ssize_t size;

	if (!mbuf) {
		/* Takes the frame away, or the descriptor stays readable for ever. */
		if (read(exception->fd, lost, sizeof(lost)) >= 0)
			exception->stats.n_drops++;
		return NULL;
	}
	size = read(exception->fd, rte_pktmbuf_mtod(mbuf, void *), rte_pktmbuf_tailroom(mbuf));
	if (size <= 0) {
		rte_pktmbuf_free(mbuf);
		return NULL;
	}
	mbuf->data_len = (uint16_t)size;
	mbuf->pkt_len = (uint32_t)size;
	return mbuf;
}

/* Hands frames from the host on, at most 'n' of them. Returns false when there are no more. */
static bool
read_frames(struct exception *exception, int n)
{
	struct rte_mbuf *mbuf = NULL;

	for (int i = 0; i < n && (mbuf = read_frame(exception)) != NULL; i++) {
		bool passes = !exception->pass ||
			      exception->pass(exception->ctx, exception->port,
				      rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->data_len);

		if (passes && exception->divert &&
			exception->divert(exception->divert_ctx, exception->divert_port, mbuf)) {
			exception->stats.n_from_host++;
		} else if (!passes || worker_inject(exception->worker, mbuf) < 0) {
			exception->stats.n_drops++;
			rte_pktmbuf_free(mbuf);
		} else {
			exception->stats.n_from_host++;
		}
	}
	return mbuf != NULL;
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	(void)events;
	if (status >= 0)
		read_frames(poll->data, READS_MAX);
}

/* The kernel keeps so many at most, unless somebody has made its queue longer. */
void
exception_read(struct exception *exception)
{
	for (int i = 0; i < QUEUE_MAX / READS_MAX && read_frames(exception, READS_MAX); i++)
		continue;
}

int
exception_start(struct exception *exception, uv_loop_t *loop, struct worker *worker)
{
	int rc = uv_poll_init(loop, &exception->poll, exception->fd);

	if (rc < 0)
		return rc;
	exception->polling = true;
	exception->poll.data = exception;
	exception->worker = worker;
	if (ioctl(exception->fd, TUNSETPERSIST, 1) < 0)
		return -errno;
	return uv_poll_start(&exception->poll, UV_READABLE, on_readable);
}

void
exception_set_guard(struct exception *exception,
	bool (*pass)(void *ctx, uint16_t port, uint8_t *frame, size_t size), void *ctx,
	uint16_t port)
{
	exception->pass = pass;
	exception->ctx = ctx;
	exception->port = port;
}

void
exception_set_diversion(struct exception *exception,
	bool (*divert)(void *ctx, uint16_t port, struct rte_mbuf *mbuf), void *ctx, uint16_t port)
{
	exception->divert = divert;
	exception->divert_ctx = ctx;
	exception->divert_port = port;
}

void
exception_set_carrier(struct exception *exception, bool carrier)
{
	int value = carrier;

	if (ioctl(exception->fd, TUNSETCARRIER, &value) < 0)
		LOG_LIMITED(LOG_WARN, "host interface %s: cannot pass the port's link on to it: %s",
			exception->name, strerror(errno));
}

static void
on_closed(uv_handle_t *handle)
{
	struct exception *exception = handle->data;

	close(exception->fd);
	free(exception);
}

void
exception_free(struct exception *exception)
{
	if (!exception)
		return;
	if (exception->polling) {
		uv_close((uv_handle_t *)&exception->poll, on_closed);
		return;
	}
	if (exception->fd >= 0)
		close(exception->fd);
	free(exception);
}

void
exception_write(struct exception *exception, struct rte_mbuf *mbuf)
{
	ssize_t size =
		write(exception->fd, rte_pktmbuf_mtod(mbuf, void *), rte_pktmbuf_data_len(mbuf));

	if (size < 0)
		exception->stats.n_drops++;
	else
		exception->stats.n_to_host++;
	if (size < 0 && errno != EIO && errno != EAGAIN)
		LOG_LIMITED(LOG_WARN, "host interface %s: cannot hand a frame over: %s",
			exception->name, strerror(errno));
	rte_pktmbuf_free(mbuf);
}

unsigned int
exception_ifindex(const struct exception *exception)
{
	return exception->ifindex;
}

void
exception_stats(const struct exception *exception, struct exception_stats *out)
{
	*out = exception->stats;
}
