/* SPDX-License-Identifier: BSD-3-Clause */
/* One address that the failover benchmark's client uses: a request every few milliseconds, each by
 * a connection of its own, and connections that live long: idle ones and streams. It takes the time
 * from its caller. One thread. */
#ifndef TESTS_BENCH_FAILOVER_TARGET_H
#define TESTS_BENCH_FAILOVER_TARGET_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct target;
struct wire; /* One of its connections: what an epoll event of it points to. */

struct target_config {
	const char *name; /* Kept. */
	struct sockaddr_in at;
	int epoll;
	uint64_t interval_ns; /* Of requests. */
	uint64_t patience_ns; /* After which a request has failed. */
	size_t n_idle;
	size_t n_streams;
};

/* Returns NULL without memory. */
struct target *target_new(const struct target_config *config, uint64_t now_ns);

void target_free(struct target *target);

/* What is due: requests begin or fail, connections that are wanted are opened. */
void target_tick(struct target *target, uint64_t now_ns);

/* When there is something to do next. */
uint64_t target_deadline_ns(const struct target *target);

void target_event(struct wire *wire, uint32_t events, uint64_t now_ns);

/* Forgets the counts; requests under way count from here on. */
void target_begin(struct target *target);

/* Opens those connections that are missing. */
void target_fill(struct target *target);

/* Ends all connections that live long, to open others. */
void target_renew(struct target *target);

/* Whether all connections are there and served, and requests succeed. */
bool target_is_whole(const struct target *target);

/* Its server's way died between the two times: looks for the first success of a request that began
 * after the second one. */
void target_fail(struct target *target, uint64_t killed_ns, uint64_t dead_ns);

/* Asks each connection whether it lives; to be called when there was a success again. */
void target_audit(struct target *target, uint64_t now_ns);

/* Whether requests succeed again since target_fail(), ... */
bool target_has_recovered(const struct target *target);

/* ... every connection has answered target_audit() or died, ... */
bool target_is_audited(const struct target *target);

/* ... and every request has ended that began before 'before_ns'. */
bool target_has_ended(const struct target *target, uint64_t before_ns);

/* Connections that have not answered are dead. */
void target_end_audit(struct target *target);

/* What has been found since target_begin(), as a new JSON object; NULL without memory. */
json_t *target_result(const struct target *target);

#endif /* TESTS_BENCH_FAILOVER_TARGET_H */
