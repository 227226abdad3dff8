/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow sync with one peer: records go in here and come out there, in order, none lost and none
 * twice, over a network that loses, delays, doubles and reorders datagrams, or plays old ones.
 *
 * It does no I/O and knows no clock. Datagrams come in by sync_session_receive() and go out by the
 * caller's send(), without the tags of sync_auth.h, which are the caller's. It asks for
 * sync_session_run() at sync_session_deadline(); until then nothing leaves, so that many records
 * share a datagram and many datagrams an acknowledgement.
 *
 * A life of the connection begins when both sides have proved that they live now: each has drawn a
 * random number and heard the other repeat it. Every later message has both, so none of an earlier
 * life counts. It ends when nothing was heard for SYNC_DEAD_NS. Then what waits is forgotten: with
 * the next life a whole account is due (SYNC_EVENT_UP). It is also due when more was to be sent
 * than there is room to keep (SYNC_EVENT_RESYNC): then records were lost, and nothing has blocked.
 *
 *          HELLO(a, 0)                   either side, as long as it knows no other
 *   A ------------------------> B
 *          HELLO(b, a)                   "I am b and have heard a"
 *   A <------------------------ B
 *          DATA or ALIVE(a, b)           A is up, and with this message B as well
 *   A ------------------------> B
 */
#ifndef DATAPLANE_SYNC_SESSION_H
#define DATAPLANE_SYNC_SESSION_H

#include "dataplane/sync_message.h"
#include "dataplane/sync_queue.h"
#include "dataplane/sync_record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYNC_HELLO_NS UINT64_C(100000000)  /* Between HELLOs. */
#define SYNC_ALIVE_NS UINT64_C(100000000)  /* Something is sent at least so often. */
#define SYNC_DEAD_NS UINT64_C(1000000000)  /* Without a word: the peer is gone. */
#define SYNC_ALONE_NS UINT64_C(2000000000) /* Gone for so long: there is nothing to learn. */

enum sync_session_event {
	SYNC_EVENT_UP,     /* A life has begun: the peer wants view and flows in whole. */
	SYNC_EVENT_DOWN,   /* It has ended. */
	SYNC_EVENT_RESYNC, /* Records were lost, and there is room again: all in whole once more. */
};

struct sync_session_config {
	const char *node; /* This node's name, for the peer to show. */
	/* Sends a message of at most SYNC_MESSAGE_MAX bytes. It may be lost. */
	void (*send)(void *ctx, const uint8_t *message, size_t size);
	/* Takes the peer's next record. */
	void (*take)(void *ctx, const struct sync_record *record);
	void (*event)(void *ctx, enum sync_session_event event);
	/* Random bits that nobody can foretell. */
	uint64_t (*draw)(void *ctx);
	void *ctx;
};

/* SYNC_SESSION_COUNTER(member, "name", "what it means") */
#define SYNC_SESSION_COUNTERS                                                                     \
	SYNC_SESSION_COUNTER(sent, "messages_sent", "messages with records sent")                 \
	SYNC_SESSION_COUNTER(retransmitted, "retransmitted", "messages sent once more")           \
	SYNC_SESSION_COUNTER(received, "messages_received", "messages with records received")     \
	SYNC_SESSION_COUNTER(duplicates, "duplicates", "messages that had come before")           \
	SYNC_SESSION_COUNTER(early, "early", "messages that came before an earlier one")          \
	SYNC_SESSION_COUNTER(records_sent, "records_sent", "records given to the peer")           \
	SYNC_SESSION_COUNTER(records_received, "records_received", "records taken from the peer") \
	SYNC_SESSION_COUNTER(lost, "lost", "records dropped as the peer is too slow")             \
	SYNC_SESSION_COUNTER(replayed, "replayed", "datagrams that had come before, or are old")  \
	SYNC_SESSION_COUNTER(stale, "stale", "datagrams of another life of either node")          \
	SYNC_SESSION_COUNTER(malformed, "malformed", "datagrams or records that cannot be read")  \
	SYNC_SESSION_COUNTER(version, "version", "datagrams of another version of the protocol")  \
	SYNC_SESSION_COUNTER(sessions, "sessions", "how often the peer has come")

struct sync_session_counters {
#define SYNC_SESSION_COUNTER(member, name, help) uint64_t member;
	SYNC_SESSION_COUNTERS
#undef SYNC_SESSION_COUNTER
};

struct sync_session;

/* Returns 0 and a session that begins to look for its peer, or -ENOMEM. */
int sync_session_new(
	struct sync_session **out, const struct sync_session_config *config, uint64_t now_ns);
/* NULL is allowed. */
void sync_session_free(struct sync_session *session);

/* Queues a record. It is dropped when there is no peer (one that comes is told all), and counted as
 * lost when there is no room. */
void sync_session_put(struct sync_session *session, const struct sync_record *record);

/* How many records of any kind can be put and none is lost. Without a peer any number can. */
size_t sync_session_room(const struct sync_session *session);

/* Takes an authentic message of the peer. */
void sync_session_receive(
	struct sync_session *session, const uint8_t *message, size_t size, uint64_t now_ns);

/* Sends what is due. */
void sync_session_run(struct sync_session *session, uint64_t now_ns);

/* When sync_session_run() is to be called; may be in the past. */
uint64_t sync_session_deadline(const struct sync_session *session);

bool sync_session_is_up(const struct sync_session *session);

/* Whether this node knows what the peer knows: it has had a whole account in this life, or there
 * is nobody to learn from. */
bool sync_session_is_synced(const struct sync_session *session, uint64_t now_ns);

/* The peer's name; "" if it was never heard. */
const char *sync_session_peer(const struct sync_session *session);

const struct sync_session_counters *sync_session_counters(const struct sync_session *session);

#endif /* DATAPLANE_SYNC_SESSION_H */
