/* SPDX-License-Identifier: BSD-3-Clause */
/* A target's connections; see failover_target.h. */
#include "failover_target.h"
#include "failover.h"

#include "common/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPENING_MAX 64            /* Long-lived connections that are begun but not served yet. */
#define OPENING_NS (3 * NS_PER_S) /* After that long another one is tried. */
#define SUCCESSES 4096            /* The last ones, for a target_fail() that comes after them. */
#define SLOW_NS (500 * NS_PER_MS)
#define STREAM_NS NS_PER_S /* A stream lives when it has data so long after it was asked. */
#define WHOLE_SUCCESSES 20 /* So many requests in a row succeed before a target is whole. */

enum wire_state {
	WIRE_CLOSED, /* Not there, and not wanted before target_fill(). */
	WIRE_WANTED,
	WIRE_OPENING,
	WIRE_SERVED,
};

struct wire {
	struct target *target;
	int fd;
	uint8_t kind;
	enum wire_state state;
	uint64_t asked_ns; /* target_audit() waits for its answer since then; 0: it does not. */
	uint64_t begin_ns; /* When it was opened. */
	uint64_t heard_ns; /* When something came last. */
	uint64_t pause_ns; /* The longest time without data since target_begin(). */
	uint64_t n_received;
	TAILQ_ENTRY(wire) entry; /* Of requests, in the order of their beginning. */
};

TAILQ_HEAD(wires, wire);

struct success {
	uint64_t begin_ns;
	uint64_t end_ns;
};

struct target {
	struct target_config config;
	struct wires requests;
	struct wire *lasting; /* Idle ones first. */
	size_t n_lasting;
	size_t n_opening;
	uint64_t due_ns; /* Of the next request. */
	struct success successes[SUCCESSES];
	uint64_t n_successes;
	uint64_t in_a_row; /* Successes. */
	uint64_t killed_ns;
	uint64_t dead_ns;
	uint64_t gap_ns; /* 0: none found yet. */
	/* Since target_begin(): */
	uint64_t n_requests;
	uint64_t n_failed;
	uint64_t n_slow;
	size_t n_before[2]; /* Long-lived connections that were served, idle ones and streams. */
};

/* --- Connections --- */

static void
hang_up(struct wire *wire)
{
	if (wire->fd >= 0)
		close(wire->fd);
	wire->fd = -1;
}

/* Returns whether it has begun; the answer is an event. */
static bool
dial(struct wire *wire, uint64_t now_ns)
{
	const struct target_config *config = &wire->target->config;
	struct epoll_event event = {.events = EPOLLOUT, .data.ptr = wire};

	wire->begin_ns = wire->heard_ns = now_ns;
	wire->n_received = 0;
	wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (wire->fd < 0)
		return false;
	if ((connect(wire->fd, (const struct sockaddr *)&config->at, sizeof(config->at)) < 0 &&
		    errno != EINPROGRESS) ||
		epoll_ctl(config->epoll, EPOLL_CTL_ADD, wire->fd, &event) < 0) {
		hang_up(wire);
		return false;
	}
	return true;
}

/* The connection stands, or not: then what it wants is said. Returns whether that could be. */
static bool
speak(struct wire *wire)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = wire};

	return send(wire->fd, &wire->kind, 1, MSG_NOSIGNAL) == 1 &&
	       epoll_ctl(wire->target->config.epoll, EPOLL_CTL_MOD, wire->fd, &event) == 0;
}

/* --- Requests --- */

static void
note_success(struct target *target, const struct success *success)
{
	if (target->killed_ns == 0 || target->gap_ns > 0 || success->begin_ns < target->dead_ns)
		return;
	target->gap_ns = success->end_ns - target->killed_ns;
}

static void
end_request(struct wire *wire, bool succeeded, uint64_t now_ns)
{
	struct target *target = wire->target;
	struct success *success = &target->successes[target->n_successes % SUCCESSES];

	target->n_requests++;
	if (succeeded) {
		*success = (struct success){wire->begin_ns, now_ns};
		target->n_successes++;
		target->in_a_row++;
		target->n_slow += now_ns - wire->begin_ns > SLOW_NS;
		note_success(target, success);
	} else {
		target->n_failed++;
		target->in_a_row = 0;
	}
	TAILQ_REMOVE(&target->requests, wire, entry);
	hang_up(wire);
	free(wire);
}

static void
begin_request(struct target *target, uint64_t now_ns)
{
	struct wire *wire = calloc(1, sizeof(*wire));

	if (!wire)
		return;
	wire->target = target;
	wire->kind = FAILOVER_REQUEST;
	wire->fd = -1;
	TAILQ_INSERT_TAIL(&target->requests, wire, entry);
	if (!dial(wire, now_ns))
		end_request(wire, false, now_ns);
}

/* A request has succeeded when the whole answer and the connection's end have come. */
static void
request_event(struct wire *wire, uint32_t events, uint64_t now_ns)
{
	uint8_t bytes[2 * FAILOVER_ANSWER];
	ssize_t n;

	if (events & EPOLLOUT) {
		if (!speak(wire))
			end_request(wire, false, now_ns);
		return;
	}
	while ((n = recv(wire->fd, bytes, sizeof(bytes), 0)) > 0)
		wire->n_received += (uint64_t)n;
	if (n < 0 && errno == EAGAIN)
		return;
	end_request(wire, n == 0 && wire->n_received == FAILOVER_ANSWER, now_ns);
}

/* --- Connections that live long --- */

static void
lose(struct wire *wire, bool wanted)
{
	struct target *target = wire->target;

	if (wire->state == WIRE_OPENING)
		target->n_opening--;
	hang_up(wire);
	wire->asked_ns = 0;
	wire->state = wanted ? WIRE_WANTED : WIRE_CLOSED;
}

static bool
is_intact(const struct wire *wire, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; wire->kind == FAILOVER_STREAM && i < size; i++) {
		if (bytes[i] != failover_byte(wire->n_received + i))
			return false;
	}
	return true;
}

static void
hear(struct wire *wire, size_t size, uint64_t now_ns)
{
	if (now_ns - wire->heard_ns > wire->pause_ns)
		wire->pause_ns = now_ns - wire->heard_ns;
	wire->heard_ns = now_ns;
	wire->n_received += size;
	if (wire->kind == FAILOVER_IDLE || now_ns - wire->asked_ns >= STREAM_NS)
		wire->asked_ns = 0;
	if (wire->state == WIRE_OPENING) {
		wire->state = WIRE_SERVED;
		wire->target->n_opening--;
	}
}

static void
lasting_event(struct wire *wire, uint32_t events, uint64_t now_ns)
{
	bool wanted = wire->state == WIRE_OPENING; /* One that was never served is tried again. */
	uint8_t bytes[4096];
	ssize_t n;

	if (events & EPOLLOUT) {
		if (!speak(wire))
			lose(wire, wanted);
		return;
	}
	while ((n = recv(wire->fd, bytes, sizeof(bytes), 0)) > 0) {
		if (!is_intact(wire, bytes, (size_t)n)) {
			lose(wire, false);
			return;
		}
		hear(wire, (size_t)n, now_ns);
	}
	if (n == 0 || errno != EAGAIN)
		lose(wire, wanted);
}

static void
open_wanted(struct target *target, uint64_t now_ns)
{
	for (size_t i = 0; i < target->n_lasting; i++) {
		struct wire *wire = &target->lasting[i];

		if (wire->state == WIRE_OPENING && now_ns - wire->begin_ns > OPENING_NS)
			lose(wire, true);
		if (wire->state != WIRE_WANTED || target->n_opening >= OPENING_MAX)
			continue;
		if (!dial(wire, now_ns))
			continue;
		wire->state = WIRE_OPENING;
		target->n_opening++;
	}
}

void
target_event(struct wire *wire, uint32_t events, uint64_t now_ns)
{
	if (wire->kind == FAILOVER_REQUEST)
		request_event(wire, events, now_ns);
	else if (wire->fd >= 0)
		lasting_event(wire, events, now_ns);
}

/* --- Time --- */

void
target_tick(struct target *target, uint64_t now_ns)
{
	struct wire *oldest;

	while ((oldest = TAILQ_FIRST(&target->requests)) != NULL &&
		now_ns - oldest->begin_ns >= target->config.patience_ns)
		end_request(oldest, false, now_ns);
	if (now_ns < target->due_ns)
		return;
	begin_request(target, now_ns);
	target->due_ns += target->config.interval_ns;
	if (target->due_ns < now_ns)
		target->due_ns = now_ns; /* A machine that is late does not have to catch up. */
	open_wanted(target, now_ns);
}

uint64_t
target_deadline_ns(const struct target *target)
{
	return target->due_ns;
}

/* --- Rounds --- */

void
target_begin(struct target *target)
{
	target->n_requests = target->n_failed = target->n_slow = 0;
	target->killed_ns = target->dead_ns = target->gap_ns = 0;
	target->n_before[0] = target->n_before[1] = 0;
	for (size_t i = 0; i < target->n_lasting; i++) {
		target->lasting[i].pause_ns = 0;
		if (target->lasting[i].state == WIRE_SERVED)
			target->n_before[i >= target->config.n_idle]++;
	}
}

void
target_fill(struct target *target)
{
	for (size_t i = 0; i < target->n_lasting; i++) {
		if (target->lasting[i].state == WIRE_CLOSED)
			target->lasting[i].state = WIRE_WANTED;
	}
}

void
target_renew(struct target *target)
{
	for (size_t i = 0; i < target->n_lasting; i++)
		lose(&target->lasting[i], true);
}

bool
target_is_whole(const struct target *target)
{
	for (size_t i = 0; i < target->n_lasting; i++) {
		if (target->lasting[i].state != WIRE_SERVED)
			return false;
	}
	return target->in_a_row >= WHOLE_SUCCESSES;
}

void
target_fail(struct target *target, uint64_t killed_ns, uint64_t dead_ns)
{
	uint64_t first = target->n_successes > SUCCESSES ? target->n_successes - SUCCESSES : 0;

	target->killed_ns = killed_ns;
	target->dead_ns = dead_ns;
	for (uint64_t i = first; i < target->n_successes; i++)
		note_success(target, &target->successes[i % SUCCESSES]);
}

bool
target_has_recovered(const struct target *target)
{
	return target->gap_ns > 0;
}

/* A stream answers by its data, but not by what its server could send without being heard. */
void
target_audit(struct target *target, uint64_t now_ns)
{
	for (size_t i = 0; i < target->n_lasting; i++) {
		struct wire *wire = &target->lasting[i];

		if (wire->state != WIRE_SERVED)
			continue;
		wire->asked_ns = now_ns;
		if (wire->kind != FAILOVER_IDLE)
			continue;
		wire->heard_ns = now_ns;
		if (send(wire->fd, &wire->kind, 1, MSG_NOSIGNAL) != 1)
			lose(wire, false);
	}
}

bool
target_is_audited(const struct target *target)
{
	for (size_t i = 0; i < target->n_lasting; i++) {
		if (target->lasting[i].asked_ns > 0)
			return false;
	}
	return true;
}

void
target_end_audit(struct target *target)
{
	for (size_t i = 0; i < target->n_lasting; i++) {
		if (target->lasting[i].asked_ns > 0)
			lose(&target->lasting[i], false);
	}
}

bool
target_has_ended(const struct target *target, uint64_t before_ns)
{
	const struct wire *oldest = TAILQ_FIRST(&target->requests);

	return !oldest || oldest->begin_ns >= before_ns;
}

/* --- Results --- */

static int
compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static json_t *
milliseconds(uint64_t ns)
{
	return ns > 0 ? json_real((double)ns / (double)NS_PER_MS) : json_null();
}

/* The median of the longest pauses of streams that live; what a person who watches one notices. */
static uint64_t
median_pause_ns(const struct target *target)
{
	size_t n = 0;
	uint64_t *pauses = calloc(target->n_lasting + 1, sizeof(*pauses));
	uint64_t median;

	if (!pauses)
		return 0;
	for (size_t i = target->config.n_idle; i < target->n_lasting; i++) {
		if (target->lasting[i].state == WIRE_SERVED)
			pauses[n++] = target->lasting[i].pause_ns;
	}
	qsort(pauses, n, sizeof(*pauses), compare);
	median = n > 0 ? pauses[n / 2] : 0;
	free(pauses);
	return median;
}

json_t *
target_result(const struct target *target)
{
	size_t n_served[2] = {0, 0};

	for (size_t i = 0; i < target->n_lasting; i++)
		n_served[i >= target->config.n_idle] += target->lasting[i].state == WIRE_SERVED;
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "gap_ms",
		milliseconds(target->gap_ns), "requests", (json_int_t)target->n_requests, "failed",
		(json_int_t)target->n_failed, "slow", (json_int_t)target->n_slow, "idle",
		(json_int_t)target->n_before[0], "idle_alive", (json_int_t)n_served[0], "streams",
		(json_int_t)target->n_before[1], "streams_alive", (json_int_t)n_served[1],
		"pause_ms", milliseconds(median_pause_ns(target)));
}

/* --- Making and freeing --- */

struct target *
target_new(const struct target_config *config, uint64_t now_ns)
{
	struct target *target = calloc(1, sizeof(*target));

	if (!target)
		return NULL;
	target->config = *config;
	target->due_ns = now_ns;
	target->n_lasting = config->n_idle + config->n_streams;
	target->lasting = calloc(target->n_lasting + 1, sizeof(*target->lasting));
	TAILQ_INIT(&target->requests);
	if (!target->lasting) {
		free(target);
		return NULL;
	}
	for (size_t i = 0; i < target->n_lasting; i++) {
		target->lasting[i] = (struct wire){.target = target, .fd = -1};
		target->lasting[i].kind = i < config->n_idle ? FAILOVER_IDLE : FAILOVER_STREAM;
	}
	return target;
}

void
target_free(struct target *target)
{
	struct wire *wire;

	if (!target)
		return;
	while ((wire = TAILQ_FIRST(&target->requests)) != NULL) {
		TAILQ_REMOVE(&target->requests, wire, entry);
		hang_up(wire);
		free(wire);
	}
	for (size_t i = 0; i < target->n_lasting; i++)
		hang_up(&target->lasting[i]);
	free(target->lasting);
	free(target);
}
