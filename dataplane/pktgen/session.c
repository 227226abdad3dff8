/* SPDX-License-Identifier: BSD-3-Clause */
/* The generator around its threads; see session.h. */
#include "dataplane/pktgen/session.h"

#include "common/clock.h"
#include "dataplane/pktgen/report.h"
#include "dataplane/pktgen/resolve_fsm.h"
#include "dataplane/pktgen/worker.h"
#include "dataplane/pool.h"
#include "dataplane/stats.h"
#include "dataplane/vlan.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

/* Buffers beside those in queues: bursts in hand, and those in the threads' caches. */
#define BUFFERS_SPARE 1024
#define BUFFERS_CACHED 256

#define LINK_WAIT_NS (UINT64_C(10) * NS_PER_S)
#define QUESTIONS 20 /* For the next hop: 10 s, so that either side may be started first. */
#define IDLE_MS 1
#define RUN_MS 20

struct session {
	const struct settings *settings;
	struct worker worker;
	struct eal *eal;
	struct node node; /* What EAL and ports are told; see below. */
	struct lb_port eal_ports[WORKER_PORTS_MAX];
	char name[32];
	int signal_fd;
	bool interrupted;
	uint16_t n_started;
};

/* Waits for 'ms', or less when a signal comes. */
static void
wait_ms(struct session *session, int ms)
{
	struct pollfd fd = {.fd = session->signal_fd, .events = POLLIN};

	if (poll(&fd, 1, ms) > 0)
		session->interrupted = true;
}

static int
catch_signals(struct session *session)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* Before EAL makes threads, which inherit it. */
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return -EINVAL;
	session->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	return session->signal_fd < 0 ? -errno : 0;
}

/* EAL and ports are started as a dataplane's are, from a node's description. EAL counts a thread
 * for each worker of the ports, so the first one is said to have as many as there are threads. */
static int
start_eal(struct session *session, struct err *err)
{
	const struct settings *settings = session->settings;
	struct lb_node *lb = &session->node.lb;

	snprintf(session->name, sizeof(session->name), "%d", (int)getpid());
	session->node.name = session->name;
	session->node.role = ROLE_LB;
	session->eal_ports[0] = (struct lb_port){
		.name = "tx", .device = settings->port, .n_workers = settings->n_threads};
	session->eal_ports[1] =
		(struct lb_port){.name = "rx", .device = settings->rx_port, .n_workers = 1};
	lb->ports = session->eal_ports;
	lb->n_ports = settings->rx_port ? 2 : 1;
	lb->memory_mb = settings->memory_mb;
	lb->hugepages = settings->hugepages;
	lb->cores = settings->cores;
	return eal_new(&session->eal, "pktgen", &session->node, err);
}

/* The port must take the largest frame; where its MTU is too small it is raised. */
static int
fit_mtu(const struct settings *settings, struct port *port, struct err *err)
{
	uint16_t needed =
		(uint16_t)(sizes_most(&settings->sizes) - SIZES_FCS - sizeof(struct wire_ethernet) -
			   (settings->vlan ? VLAN_TAG_SIZE : 0));
	int rc;

	if (needed <= port->mtu)
		return 0;
	rc = rte_eth_dev_set_mtu(port->id, needed);
	if (rc < 0)
		return err_set(err, rc,
			"port %s: frames of %u bytes need an MTU of %u, and the port's is %u and "
			"cannot be changed here (%s): raise it (ip link set ... mtu %u), or lower "
			"--size",
			port->name, sizes_most(&settings->sizes), needed, port->mtu, strerror(-rc),
			needed);
	port->mtu = needed;
	return 0;
}

static int
open_ports(struct session *session, struct err *err)
{
	struct worker *worker = &session->worker;

	for (size_t i = 0; i < session->node.lb.n_ports; i++) {
		struct lb_port config = session->eal_ports[i];
		int rc;

		config.n_queues = 1;
		config.vlan = session->settings->vlan;
		rc = port_open(&worker->ports[i], &config, session->settings->n_threads,
			session->eal, err);
		if (rc < 0)
			return rc;
		worker->n_ports++;
		/* One queue, which a receiver's rare answers share with the sender: a memif's peer
		 * must have as many as this side. */
		worker->ports[i].n_tx_queues = 1;
		rc = fit_mtu(session->settings, &worker->ports[i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
start_ports(struct session *session, struct err *err)
{
	struct worker *worker = &session->worker;
	uint32_t n = BUFFERS_SPARE + 4 * BUFFERS_CACHED;
	uint16_t mtu = 0;
	int rc;

	for (uint16_t i = 0; i < worker->n_ports; i++) {
		uint32_t n_rx, n_tx;

		port_n_buffers(&worker->ports[i], &n_rx, &n_tx);
		n += n_rx + n_tx;
		mtu = RTE_MAX(mtu, worker->ports[i].mtu);
	}
	rc = pool_new(&worker->pool, SOCKET_ID_ANY, n, BUFFERS_CACHED, mtu);
	if (rc < 0)
		return err_set(err, rc,
			"--memory-mb: %u MB are not enough for %u packet buffers of %u MB together "
			"(%s): raise it",
			session->settings->memory_mb, n, (uint32_t)(pool_size(n, mtu) >> 20),
			strerror(-rc));
	for (uint16_t i = 0; i < worker->n_ports && rc == 0; i++) {
		worker->ports[i].pool = worker->pool;
		rc = port_start(&worker->ports[i], session->eal, err);
	}
	return rc;
}

static void
make_station(struct session *session)
{
	struct station *station = &session->worker.station;
	const struct settings *settings = session->settings;

	for (size_t i = 0; i < settings->n_addresses; i++)
		station->ranges[station->n_ranges++] = settings->addresses[i];
	station->ranges[station->n_ranges++] = settings->clients;
}

static int
make_tables(struct session *session, struct err *err)
{
	const struct settings *settings = session->settings;
	struct worker *worker = &session->worker;
	uint64_t space = settings_space(settings);
	struct flows_config flows = {
		.n = settings->n_flows,
		.space = space < FLOWS_SPACE_MAX ? (uint32_t)space : FLOWS_SPACE_MAX,
		.new_share = settings->new_share,
		.closes = settings->protocol == IPPROTO_TCP && settings->life == TCP_LIFE,
	};
	struct probe_config probe = {
		.client = settings->clients.first,
		.target = settings->target,
		.protocol = settings->protocol,
		.vlan = settings->vlan,
	};
	int rc = flows_new(&worker->flows, &flows);

	memcpy(probe.source_mac, worker->ports[0].mac, sizeof(probe.source_mac));
	for (uint16_t i = 0; i < settings->sizes.n && rc == 0; i++)
		rc = probe_new(&worker->probes[i], &probe, settings->sizes.bytes[i]);
	if (rc == 0)
		rc = flight_new(&worker->flight);
	if (rc < 0)
		return err_set(err, rc, "out of memory");
	if (getrandom(&worker->key, sizeof(worker->key), 0) < 0)
		return err_set(err, -errno, "no random numbers from the kernel");
	make_station(session);
	return 0;
}

/* Some drivers have a link only when their peer has come. */
static int
wait_for_links(struct session *session, struct err *err)
{
	uint64_t until_ns = clock_now_ns() + LINK_WAIT_NS;

	for (uint16_t i = 0; i < session->worker.n_ports; i++) {
		const struct port *port = &session->worker.ports[i];

		while (!port_is_up(port)) {
			if (session->interrupted)
				return -EINTR;
			if (clock_now_ns() >= until_ns)
				return err_set(err, -ENETDOWN,
					"port %s: device '%s' has no link for %u s: see to the "
					"cable, "
					"and that the other side is up",
					port->name, port->device,
					(unsigned int)(LINK_WAIT_NS / NS_PER_S));
			wait_ms(session, IDLE_MS);
		}
	}
	return 0;
}

static int
find_next_hop(struct session *session, struct err *err)
{
	struct worker *worker = &session->worker;
	char text[ADDR_TEXT_SIZE];
	struct resolve resolve;

	if (session->settings->has_to_mac)
		memcpy(&worker->next_hop, session->settings->to_mac, 6);
	resolve_init(&resolve, QUESTIONS, clock_now_ns());
	while (__atomic_load_n(&worker->next_hop, __ATOMIC_RELAXED) == 0) {
		uint64_t now_ns = clock_now_ns();
		enum resolve_action action = resolve_tick(&resolve, now_ns);

		if (session->interrupted)
			return -EINTR;
		if (action == RESOLVE_FAIL)
			return err_set(err, -EHOSTUNREACH,
				"nobody answers for the next hop %s on port %s: is it there, is it "
				"in the same network (VLAN) and in the subnet of --address, and is "
				"the virtual address held (weirctl status)? --gateway names "
				"another "
				"next hop, --to-mac needs no answer",
				addr_format(
					settings_next_hop(session->settings), text, sizeof(text)),
				worker->ports[0].name);
		if (action == RESOLVE_ASK)
			worker_ask(worker);
		if (worker_receive(worker, now_ns) == 0)
			wait_ms(session, IDLE_MS);
	}
	return 0;
}

/* eal.c speaks of the dataplane's configuration. */
static int
explain_keys(struct err *err, int rc)
{
	char text[ERR_TEXT_SIZE];

	if (rc == -EINTR)
		return rc;
	memcpy(text, err->text, sizeof(text));
	return err_set(err, rc, "%s (here memory_mb, hugepages and cores are options)", text);
}

int
session_new(struct session **out, const struct settings *settings, struct err *err)
{
	struct session *session = calloc(1, sizeof(*session));
	int rc;

	if (!session)
		return err_set(err, -ENOMEM, "out of memory");
	session->settings = settings;
	session->worker.settings = settings;
	session->signal_fd = -1;
	rc = catch_signals(session);
	if (rc < 0)
		err_set(err, rc, "cannot wait for signals: %s", strerror(-rc));
	else if ((rc = start_eal(session, err)) < 0)
		explain_keys(err, rc);
	if (rc == 0)
		rc = open_ports(session, err);
	if (rc == 0)
		rc = start_ports(session, err);
	if (rc == 0)
		rc = make_tables(session, err);
	if (rc == 0)
		rc = wait_for_links(session, err);
	if (rc == 0)
		rc = find_next_hop(session, err);
	if (rc < 0) {
		session_free(session);
		return rc;
	}
	*out = session;
	return 0;
}

void
session_free(struct session *session)
{
	struct worker *worker = &session->worker;

	if (!session)
		return;
	for (uint16_t i = 0; i < worker->n_ports; i++)
		port_close(&worker->ports[i]);
	for (uint16_t i = 0; i < SIZES_MAX; i++)
		probe_free(worker->probes[i]);
	flows_free(worker->flows);
	flight_free(worker->flight);
	rte_mempool_free(worker->pool);
	eal_free(session->eal);
	if (session->signal_fd >= 0)
		close(session->signal_fd);
	free(session);
}

int
session_pacing(
	const struct session *session, const struct rate *rate, struct pacing *out, struct err *err)
{
	struct rte_eth_link link = {0};
	uint64_t line_bps = 0;

	if (rte_eth_link_get_nowait(session->worker.ports[0].id, &link) == 0 &&
		link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		line_bps = (uint64_t)link.link_speed * 1000000;
	return rate_resolve(rate, line_bps, out, err);
}

/* Says how it goes, once a second. */
static void
show_second(const struct worker *worker, struct report_second *last, uint64_t now_ns)
{
	uint64_t sent = stats_read(&worker->sender.sent);
	uint64_t bits = stats_read(&worker->sender.sent_bits);
	uint64_t received = stats_read(&worker->flight->counts.received);
	struct report_second second = {
		.elapsed_ns = now_ns - worker->order.start_ns,
		.sent = sent - last->sent,
		.received = received - last->received,
		.sent_bits = bits - last->sent_bits,
		.missing = sent > received ? sent - received : 0,
		.p99_ns = histogram_quantile(&worker->flight->latency_ns, 990),
		.most_ns = stats_read(&worker->flight->latency_ns.most),
	};

	if (second.elapsed_ns < last->elapsed_ns + NS_PER_S)
		return;
	report_second(stderr, &second);
	*last = (struct report_second){.elapsed_ns = last->elapsed_ns + NS_PER_S,
		.sent = sent,
		.received = received,
		.sent_bits = bits};
}

static void
take_result(const struct worker *worker, struct result *out)
{
	const struct histogram *latency = &worker->flight->latency_ns;

	*out = (struct result){
		.wanted = worker->order.pacing,
		.duration_ns = RTE_MIN(
			worker->sender.end_ns - worker->order.start_ns, worker->order.duration_ns),
		.sent = worker->sender.sent,
		.sent_bits = worker->sender.sent_bits,
		.counts = worker->flight->counts,
		.strangers = worker->strangers,
		.refused = worker->sender.refused,
		.least_ns = latency->n ? latency->least : 0,
		.p50_ns = histogram_quantile(latency, 500),
		.p99_ns = histogram_quantile(latency, 990),
		.p999_ns = histogram_quantile(latency, 999),
		.most_ns = latency->most,
	};
}

int
session_trial(struct session *session, const struct pacing *pacing, uint64_t duration_ns,
	struct result *out, struct err *err)
{
	struct worker *worker = &session->worker;
	struct report_second last = {0};
	struct worker_order order = {
		.pacing = *pacing,
		.start_ns = clock_now_ns(),
		.duration_ns = duration_ns,
		.ramp_ns = session->settings->ramp_ns,
		.catch_up_ns = session->settings->catch_up_ns,
		.drain_ns = session->settings->drain_ns,
	};
	int rc = worker_start(worker, &order);

	while (rc == 0 && worker_runs(worker)) {
		wait_ms(session, RUN_MS);
		if (session->interrupted)
			__atomic_store_n(&worker->stop, true, __ATOMIC_RELAXED);
		if (!session->settings->quiet)
			show_second(worker, &last, clock_now_ns());
	}
	if (rc < 0)
		__atomic_store_n(&worker->stop, true, __ATOMIC_RELAXED);
	worker_join(worker);
	if (rc < 0)
		return err_set(err, rc, "the threads do not start: %s", strerror(-rc));
	take_result(worker, out);
	return 0;
}

bool
session_interrupted(const struct session *session)
{
	return session->interrupted;
}
