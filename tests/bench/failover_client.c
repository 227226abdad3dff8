/* SPDX-License-Identifier: BSD-3-Clause */
/* bench-failover-client: requests and long-lived connections to some targets, NAME=IPV4:PORT each,
 * while whoever runs it kills what is in between. Commands come as lines on standard input, each
 * is answered by a line of JSON:
 *
 *   fill              all connections are there, and requests succeed
 *   renew             the same, by new connections
 *   begin             counts begin anew
 *   killed T1 T2      requests succeed again; the gap is from T1 to the end of the first success
 *                     that began after T2, both in nanoseconds of CLOCK_MONOTONIC
 *   end               connections were asked whether they live, requests have ended: the results */
#include "failover.h"
#include "failover_target.h"
#include "parameters.h"

#include "common/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define TARGETS_MAX 8
#define EVENTS 256
#define LINE_MAX_SIZE 128
#define FILL_NS (60 * NS_PER_S)
#define RECOVERY_NS (20 * NS_PER_S)
#define AUDIT_NS (3 * NS_PER_S) /* Room for three retransmissions. */

struct job {
	uint32_t interval_us;
	uint32_t patience_ms;
	uint32_t n_idle;
	uint32_t n_streams;
};

struct client;

/* A command: what it does, and when it is done; without the latter it is at once. */
struct command {
	const char *name;
	void (*run)(struct client *client, const char *words);
	bool (*is_done)(struct client *client);
	uint64_t patience_ns;
	bool tells; /* The results are its answer, as they are of any that is not done. */
};

struct client {
	int epoll;
	struct target *targets[TARGETS_MAX];
	const char *names[TARGETS_MAX];
	size_t n_targets;
	uint64_t now_ns;
	const struct command *pending; /* NULL: the next one may come. */
	uint64_t pending_since_ns;
	char line[LINE_MAX_SIZE];
	size_t line_size;
	bool ended; /* Standard input. */
};

#define JOB_AT(field) offsetof(struct job, field)

static const struct parameter parameters[] = {
	{"interval-us", "from one request to a target to the next", JOB_AT(interval_us), 100,
		1000000, NULL},
	{"patience-ms", "after which a request has failed", JOB_AT(patience_ms), 10, 60000, NULL},
	{"idle", "idle connections to each target", JOB_AT(n_idle), 0, 20000, NULL},
	{"streams", "streams from each target", JOB_AT(n_streams), 0, 2000, NULL},
};

static void
die(const char *what)
{
	fprintf(stderr, "bench-failover-client: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* --- Commands --- */

static void
run_for_each(struct client *client, void (*function)(struct target *target))
{
	for (size_t i = 0; i < client->n_targets; i++)
		function(client->targets[i]);
}

static bool
is_each(const struct client *client, bool (*condition)(const struct target *target))
{
	for (size_t i = 0; i < client->n_targets; i++) {
		if (!condition(client->targets[i]))
			return false;
	}
	return true;
}

static void
run_fill(struct client *client, const char *words)
{
	(void)words;
	run_for_each(client, target_fill);
}

static void
run_renew(struct client *client, const char *words)
{
	(void)words;
	run_for_each(client, target_renew);
}

static void
run_begin(struct client *client, const char *words)
{
	(void)words;
	run_for_each(client, target_begin);
}

static void
run_killed(struct client *client, const char *words)
{
	uint64_t killed_ns = 0, dead_ns = 0;

	if (sscanf(words, "%" SCNu64 " %" SCNu64, &killed_ns, &dead_ns) != 2)
		die("killed T1 T2");
	for (size_t i = 0; i < client->n_targets; i++)
		target_fail(client->targets[i], killed_ns, dead_ns);
}

static void
run_end(struct client *client, const char *words)
{
	(void)words;
	for (size_t i = 0; i < client->n_targets; i++)
		target_audit(client->targets[i], client->now_ns);
}

/* What is lost meanwhile is opened again. */
static bool
is_whole(struct client *client)
{
	run_for_each(client, target_fill);
	return is_each(client, target_is_whole);
}

static bool
has_recovered(struct client *client)
{
	return is_each(client, target_has_recovered);
}

static bool
has_ended(struct client *client)
{
	for (size_t i = 0; i < client->n_targets; i++) {
		if (!target_has_ended(client->targets[i], client->pending_since_ns))
			return false;
	}
	return is_each(client, target_is_audited);
}

static const struct command commands[] = {
	{"fill", run_fill, is_whole, FILL_NS, false},
	{"renew", run_renew, is_whole, FILL_NS, false},
	{"begin", run_begin, NULL, 0, false},
	{"killed", run_killed, has_recovered, RECOVERY_NS, false},
	{"end", run_end, has_ended, AUDIT_NS, true},
};

static void
answer(struct client *client, bool done)
{
	json_t *targets = json_object();
	json_t *message = json_pack("{s:b, s:o}", "done", done, "targets", targets);

	if (!message)
		die("out of memory");
	if (client->pending->tells)
		run_for_each(client, target_end_audit);
	if (client->pending->tells || !done) {
		for (size_t i = 0; i < client->n_targets; i++)
			json_object_set_new(
				targets, client->names[i], target_result(client->targets[i]));
	}
	json_dumpf(message, stdout, 0);
	printf("\n");
	fflush(stdout);
	json_decref(message);
	client->pending = NULL;
}

static void
check_pending(struct client *client)
{
	const struct command *command = client->pending;

	if (!command)
		return;
	if (!command->is_done || command->is_done(client))
		answer(client, true);
	else if (client->now_ns - client->pending_since_ns > command->patience_ns)
		answer(client, false);
}

static void
take_line(struct client *client, char *line)
{
	char *words = strchr(line, ' ');

	if (words)
		*words++ = '\0';
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, line) != 0)
			continue;
		client->pending = &commands[i];
		client->pending_since_ns = client->now_ns;
		commands[i].run(client, words ? words : "");
		return;
	}
	fprintf(stderr, "bench-failover-client: there is no command '%s'\n", line);
	exit(EXIT_FAILURE);
}

/* Whoever runs this waits for each answer, so there is never more than one line. */
static void
read_command(struct client *client)
{
	ssize_t n = read(STDIN_FILENO, client->line + client->line_size,
		sizeof(client->line) - 1 - client->line_size);
	char *end;

	if (n <= 0) {
		client->ended = true;
		return;
	}
	client->line_size += (size_t)n;
	client->line[client->line_size] = '\0';
	end = strchr(client->line, '\n');
	if (!end)
		return;
	*end = '\0';
	client->line_size = 0;
	take_line(client, client->line);
}

/* --- The loop --- */

static void
tick(struct client *client)
{
	client->now_ns = clock_now_ns();
	for (size_t i = 0; i < client->n_targets; i++)
		target_tick(client->targets[i], client->now_ns);
	check_pending(client);
}

static struct timespec
time_left(const struct client *client)
{
	uint64_t now_ns = clock_now_ns(), left_ns = 10 * NS_PER_MS;

	for (size_t i = 0; i < client->n_targets; i++) {
		uint64_t due_ns = target_deadline_ns(client->targets[i]);

		if (due_ns <= now_ns)
			left_ns = 0;
		else if (due_ns - now_ns < left_ns)
			left_ns = due_ns - now_ns;
	}
	return (struct timespec){.tv_nsec = (long)left_ns};
}

static void
run(struct client *client)
{
	struct epoll_event events[EVENTS];

	while (!client->ended) {
		const struct timespec left = time_left(client);
		int n = epoll_pwait2(client->epoll, events, EVENTS, &left, NULL);

		client->now_ns = clock_now_ns();
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				target_event(events[i].data.ptr, events[i].events, client->now_ns);
			else
				read_command(client);
		}
		tick(client);
	}
}

/* --- Start --- */

/* Splits "NAME=ADDRESS:PORT". */
static bool
parse_target(char *word, struct target_config *config)
{
	char *address = strchr(word, '=');
	char *port = address ? strchr(address, ':') : NULL;

	if (!port)
		return false;
	*address++ = '\0';
	*port++ = '\0';
	config->name = word;
	config->at.sin_family = AF_INET;
	config->at.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	return inet_pton(AF_INET, address, &config->at.sin_addr) == 1;
}

static void
add_target(struct client *client, char *word, const struct job *job)
{
	struct target_config config = {
		.epoll = client->epoll,
		.interval_ns = job->interval_us * NS_PER_US,
		.patience_ns = job->patience_ms * NS_PER_MS,
		.n_idle = job->n_idle,
		.n_streams = job->n_streams,
	};

	if (client->n_targets == TARGETS_MAX || !parse_target(word, &config)) {
		fprintf(stderr, "bench-failover-client: no target: '%s'\n", word);
		exit(EXIT_FAILURE);
	}
	client->names[client->n_targets] = config.name;
	client->targets[client->n_targets] = target_new(&config, clock_now_ns());
	if (!client->targets[client->n_targets++])
		die("memory");
}

int
main(int argc, char **argv)
{
	static struct client client;
	const struct rlimit files = {FAILOVER_FILES_MAX, FAILOVER_FILES_MAX};
	struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
	struct job job = {.interval_us = 4000, .patience_ms = 3000, .n_idle = 100, .n_streams = 10};
	int n_words = 1;

	while (n_words < argc && argv[n_words][0] != '-')
		n_words++;
	parameters_parse(parameters, sizeof(parameters) / sizeof(parameters[0]), &job,
		argc - n_words + 1, argv + n_words - 1);
	setrlimit(RLIMIT_NOFILE, &files);
	client.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (client.epoll < 0 || epoll_ctl(client.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) < 0)
		die("epoll");
	for (int i = 1; i < n_words; i++)
		add_target(&client, argv[i], &job);
	run(&client);
	for (size_t i = 0; i < client.n_targets; i++)
		target_free(client.targets[i]);
	close(client.epoll);
	return EXIT_SUCCESS;
}
