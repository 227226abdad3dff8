/* SPDX-License-Identifier: BSD-3-Clause */
/* bench-app-client: reads and writes links for so many milliseconds over so many connections, each
 * of which always has one request under way, from the app tier or straight from its database.
 * Prints one line of JSON: how many there were, and how long they took. One thread, so that little
 * of the processors is the client's. */
#include "app_client.h"
#include "histogram.h"
#include "parameters.h"

#include "common/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define EVENTS_MAX 64
#define PATIENCE_MS 20000
#define WRITES_OF_MIXED 10 /* One in so many. */

struct connection {
	struct app_target *target;
	uint64_t begin_ns;
	uint32_t wanted; /* What epoll waits for. */
	bool waiting;    /* A request is under way. */
};

struct client {
	struct app_job job;
	const struct app_way *way;
	struct connection connections[CONNECTIONS_MAX];
	int epoll_fd;
	uint64_t random;
	uint64_t end_ns;
	uint32_t n_waiting;
	uint64_t n_failed;
	uint64_t n_writes;
	struct histogram times_us;
};

#define JOB_AT(field) offsetof(struct app_job, field)

static const char *const ways[] = {"http", "database", NULL};
static const char *const loads[] = {"read", "write", "mixed", NULL};

static const struct parameter parameters[] = {
	{"from", "where the links are read and written", JOB_AT(straight), 0, 0, ways},
	{"load", "what is asked for; mixed: a write in ten", JOB_AT(load), 0, 0, loads},
	{"port", "where the server listens on 127.0.0.1", JOB_AT(port), 1, 65535, NULL},
	{"other-port", "of a second server, for every other connection", JOB_AT(other_port), 0,
		65535, NULL},
	{"connections", "how many", JOB_AT(n_connections), 1, CONNECTIONS_MAX, NULL},
	{"duration-ms", "how long", JOB_AT(duration_ms), 1, 600000, NULL},
	{"links", "how many there are to read", JOB_AT(n_links), 1, 9999999, NULL},
};

/* splitmix64: which links are read is the same in every run. */
static uint64_t
next_random(struct client *client)
{
	uint64_t z = client->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void
choose(struct client *client, struct app_request *out)
{
	uint64_t random = next_random(client);

	out->write = client->job.load == APP_WRITE ||
		     (client->job.load == APP_MIXED && random % WRITES_OF_MIXED == 0);
	snprintf(out->code, sizeof(out->code), "b%07" PRIu64,
		1 + (random >> 8) % client->job.n_links);
	client->n_writes += out->write;
}

static void
watch(struct client *client, struct connection *connection, uint32_t wanted)
{
	struct epoll_event event = {.events = wanted, .data = {.ptr = connection}};

	if (wanted == connection->wanted)
		return;
	if (epoll_ctl(client->epoll_fd, connection->wanted ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
		    client->way->fd(connection->target), &event) < 0) {
		perror("bench-app-client: epoll");
		exit(EXIT_FAILURE);
	}
	connection->wanted = wanted;
}

/* Notes what has come of a request and begins the next, until one has to wait or time is up. */
static void
handle(struct client *client, struct connection *connection, enum app_outcome outcome,
	uint32_t wanted)
{
	while (outcome != APP_WAITS) {
		struct app_request request;
		uint64_t now_ns = clock_now_ns();

		if (connection->waiting) {
			connection->waiting = false;
			client->n_waiting--;
			histogram_add(
				&client->times_us, (now_ns - connection->begin_ns) / NS_PER_US);
		}
		client->n_failed += outcome == APP_FAILED;
		if (now_ns >= client->end_ns || outcome == APP_FAILED)
			return; /* What failed once would fail again, and fast. */
		choose(client, &request);
		connection->begin_ns = now_ns;
		connection->waiting = true;
		client->n_waiting++;
		outcome = client->way->begin(connection->target, &request, &wanted);
	}
	watch(client, connection, wanted);
}

static int
open_all(struct client *client)
{
	client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < client->job.n_connections; i++) {
		client->connections[i].target = client->way->open(&client->job, i);
		if (!client->connections[i].target)
			return -ECONNREFUSED;
	}
	return client->epoll_fd < 0 ? -errno : 0;
}

static void
serve(struct client *client)
{
	struct epoll_event events[EVENTS_MAX];
	int n;

	for (uint32_t i = 0; i < client->job.n_connections; i++)
		handle(client, &client->connections[i], APP_DONE, 0);
	while (client->n_waiting > 0 &&
		(n = epoll_wait(client->epoll_fd, events, EVENTS_MAX, PATIENCE_MS)) != 0) {
		for (int i = 0; i < n; i++) {
			struct connection *connection = events[i].data.ptr;
			uint32_t wanted = connection->wanted;
			enum app_outcome outcome =
				client->way->go_on(connection->target, events[i].events, &wanted);

			handle(client, connection, outcome, wanted);
		}
	}
	client->n_failed += client->n_waiting;
}

static double
own_cpu_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int
main(int argc, char **argv)
{
	static struct client client = {
		.job = {.n_connections = 8, .duration_ms = 1000, .n_links = 1000}};
	uint64_t begin_ns;
	double begin_cpu_s;

	parameters_parse(
		parameters, sizeof(parameters) / sizeof(parameters[0]), &client.job, argc, argv);
	client.way = client.job.straight ? &app_way_db : &app_way_http;
	if (open_all(&client) < 0)
		return EXIT_FAILURE;
	begin_cpu_s = own_cpu_s();
	begin_ns = clock_now_ns();
	client.end_ns = begin_ns + client.job.duration_ms * NS_PER_MS;
	serve(&client);
	printf("{\"requests\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"writes\": %" PRIu64
	       ", \"seconds\": %.6f, \"client_cpu_s\": %.6f, \"p50_us\": %" PRIu64
	       ", \"p99_us\": %" PRIu64 "}\n",
		client.times_us.n - client.n_failed, client.n_failed, client.n_writes,
		(double)(clock_now_ns() - begin_ns) / 1e9, own_cpu_s() - begin_cpu_s,
		histogram_percentile(&client.times_us, 0.5),
		histogram_percentile(&client.times_us, 0.99));
	for (uint32_t i = 0; i < client.job.n_connections; i++)
		client.way->close(client.connections[i].target);
	close(client.epoll_fd);
	return EXIT_SUCCESS;
}
