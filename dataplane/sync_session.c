/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow sync with one peer; see sync_session.h.
 *
 * What is sent waits in a queue (sync_queue.h) until it is acknowledged; what comes ahead of its
 * turn is kept here until the gap is filled.
 *
 * Apart from sequence numbers, every datagram has a number of its own, also one that is sent once
 * more: a datagram counts once, and nobody can make a dead peer look alive with old ones. */
#include "dataplane/sync_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* After an overflow, a whole account begins when no more messages than these wait. */
#define RESYNC_QUEUED (SYNC_QUEUE / 4)

/* A message of the peer's that came ahead of its turn. */
struct incoming {
	uint8_t body[SYNC_BODY_MAX];
	uint16_t size; /* 0: none. */
};

struct sync_session {
	struct sync_session_config config;
	char node[SYNC_NAME_SIZE];
	char peer[SYNC_NAME_SIZE];
	struct sync_session_counters counters;

	bool up;
	uint64_t mine, theirs; /* Session numbers of this life. */
	uint64_t offer;        /* Ours of the next life. */
	uint64_t candidate; /* The peer's of the next life, to which 'offer' was shown; 0: none. */
	uint64_t heard_ns;
	uint64_t down_ns;  /* When the last life ended. */
	uint64_t hello_ns; /* When the next HELLO is due. */
	uint64_t alive_ns; /* When something has to be sent. */
	bool began;        /* The peer's account has begun ... */
	bool told;         /* ... and ended. */

	uint64_t number;            /* Datagrams sent in this life. */
	uint64_t seen, seen_before; /* Highest received, and a bit for each of the 64 up to it. */

	struct sync_queue queue;
	bool overflowed;

	uint64_t received; /* All messages up to this one have come. */
	bool ack_due;
	unsigned int n_early;    /* Messages that wait in the window. */
	struct incoming *window; /* SYNC_WINDOW, by sequence number. */
};

static struct incoming *
waiting(const struct sync_session *session, uint64_t sequence)
{
	return &session->window[sequence % SYNC_WINDOW];
}

/* A new session number; it is never the last one, nor 0. */
static uint64_t
draw(struct sync_session *session)
{
	uint64_t number;

	do
		number = session->config.draw(session->config.ctx);
	while (number == 0 || number == session->offer);
	return number;
}

static uint64_t
min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* --- Sending --- */

static uint64_t
later_bits(const struct sync_session *session)
{
	uint64_t bits = 0;

	if (session->n_early == 0)
		return 0;
	for (uint64_t i = 1; i < SYNC_WINDOW; i++)
		if (waiting(session, session->received + 1 + i)->size > 0)
			bits |= UINT64_C(1) << i;
	return bits;
}

static void
send_message(
	struct sync_session *session, struct sync_header *header, const uint8_t *body, size_t size)
{
	uint8_t message[SYNC_MESSAGE_MAX];

	sync_header_write(header, size, message);
	if (size > 0)
		memcpy(message + SYNC_HEADER_SIZE, body, size);
	session->config.send(session->config.ctx, message, SYNC_HEADER_SIZE + size);
}

static void
send_hello(struct sync_session *session, uint64_t receiver)
{
	struct sync_header header = {
		.type = SYNC_HELLO, .sender = session->offer, .receiver = receiver};
	uint8_t body[SYNC_NAME_SIZE];

	send_message(session, &header, body, sync_name_write(session->node, body, sizeof(body)));
}

/* Sends DATA with a message of the queue, or ALIVE if there is none. Both acknowledge. */
static void
send_in_life(struct sync_session *session, const struct sync_outgoing *message, uint64_t sequence,
	uint64_t now_ns)
{
	struct sync_header header = {
		.type = message ? SYNC_DATA : SYNC_ALIVE,
		.sender = session->mine,
		.receiver = session->theirs,
		.number = ++session->number,
		.sequence = sequence,
		.ack = session->received,
		.ack_later = later_bits(session),
	};

	send_message(session, &header, message ? message->body : NULL, message ? message->size : 0);
	session->ack_due = false;
	session->alive_ns = now_ns + SYNC_ALIVE_NS;
}

static void
send_due(struct sync_session *session, uint64_t now_ns)
{
	const struct sync_outgoing *message;
	uint64_t sequence = 0;

	while ((message = sync_queue_send(&session->queue, &sequence, now_ns)) != NULL) {
		if (message->n_sent == 1)
			session->counters.sent++;
		else
			session->counters.retransmitted++;
		send_in_life(session, message, sequence, now_ns);
	}
}

/* --- Lives --- */

static void
end_life(struct sync_session *session, uint64_t now_ns)
{
	session->up = false;
	session->theirs = 0;
	session->mine = 0;
	session->down_ns = now_ns;
	session->hello_ns = now_ns;
	sync_queue_reset(&session->queue);
	session->config.event(session->config.ctx, SYNC_EVENT_DOWN);
}

static void
begin_life(struct sync_session *session, uint64_t theirs, uint64_t now_ns)
{
	if (session->up)
		end_life(session, now_ns);
	session->up = true;
	session->mine = session->offer;
	session->theirs = theirs;
	session->offer = draw(session);
	session->candidate = 0;
	session->heard_ns = now_ns;
	session->alive_ns = now_ns;
	session->began = session->told = false;
	session->number = 0;
	session->seen = session->seen_before = 0;
	sync_queue_reset(&session->queue);
	session->overflowed = false;
	session->received = 0;
	session->n_early = 0;
	session->ack_due = true;
	for (unsigned int i = 0; i < SYNC_WINDOW; i++)
		session->window[i].size = 0;
	session->counters.sessions++;
	session->config.event(session->config.ctx, SYNC_EVENT_UP);
}

/* --- Receiving --- */

static void
take_body(struct sync_session *session, const uint8_t *body, size_t size)
{
	struct sync_record record;
	size_t offset = 0;
	int rc;

	while ((rc = sync_record_read(body, size, &offset, &record)) != 0) {
		if (rc < 0)
			session->counters.malformed++;
		if (rc != 1)
			continue;
		session->counters.records_received++;
		if (record.op == SYNC_BULK_BEGIN)
			session->began = true;
		session->config.take(session->config.ctx, &record);
		if (record.op == SYNC_BULK_END && session->began)
			session->told = true;
	}
}

static void
take_data(struct sync_session *session, uint64_t sequence, const uint8_t *body, size_t size)
{
	struct incoming *message = waiting(session, sequence);

	session->ack_due = true;
	if (sequence <= session->received) {
		session->counters.duplicates++;
		return;
	}
	/* No honest peer is so far ahead, but one that has just been resumed may be heard late. */
	if (sequence > session->received + SYNC_WINDOW)
		return;
	if (message->size > 0) {
		session->counters.duplicates++;
		return;
	}
	session->counters.received++;
	if (sequence > session->received + 1)
		session->counters.early++;
	memcpy(message->body, body, size);
	message->size = (uint16_t)size;
	session->n_early++;
	while ((message = waiting(session, session->received + 1))->size > 0) {
		size = message->size;
		message->size = 0;
		session->n_early--;
		session->received++;
		take_body(session, message->body, size);
	}
}

/* Whether a datagram of this life has not come before; then it has now. */
static bool
is_new(struct sync_session *session, uint64_t number)
{
	uint64_t behind;

	if (number > session->seen) {
		uint64_t ahead = number - session->seen;

		session->seen_before = ahead < 64 ? session->seen_before << ahead | 1 : 1;
		session->seen = number;
		return true;
	}
	behind = session->seen - number;
	if (number == 0 || behind >= 64 || (session->seen_before >> behind & 1))
		return false;
	session->seen_before |= UINT64_C(1) << behind;
	return true;
}

static void
take_hello(struct sync_session *session, const struct sync_header *header, uint64_t now_ns)
{
	if (session->up && header->sender == session->theirs && header->receiver == session->mine)
		return;
	if (header->receiver == session->offer) {
		begin_life(session, header->sender, now_ns);
	} else if (header->receiver == 0) {
		/* It may be old, so what we have stays until an answer proves that it is not. */
		if (session->candidate != 0 && session->candidate != header->sender)
			session->offer = draw(session);
		session->candidate = header->sender;
		send_hello(session, header->sender);
	} else {
		session->counters.stale++;
	}
}

/* Takes DATA or ALIVE. */
static void
take_in_life(struct sync_session *session, const struct sync_header *header, const uint8_t *body,
	size_t size, uint64_t now_ns)
{
	if (header->receiver == session->offer)
		begin_life(session, header->sender, now_ns);
	if (!session->up || header->sender != session->theirs ||
		header->receiver != session->mine) {
		session->counters.stale++;
		return;
	}
	if (!is_new(session, header->number)) {
		session->counters.replayed++;
		return;
	}
	if (!sync_queue_acknowledge(&session->queue, header->ack, header->ack_later)) {
		session->counters.malformed++;
		return;
	}
	session->heard_ns = now_ns;
	if (session->overflowed && sync_queue_length(&session->queue) <= RESYNC_QUEUED) {
		session->overflowed = false;
		session->config.event(session->config.ctx, SYNC_EVENT_RESYNC);
	}
	if (header->type == SYNC_DATA)
		take_data(session, header->sequence, body, size);
}

/* --- The session --- */

int
sync_session_new(
	struct sync_session **out, const struct sync_session_config *config, uint64_t now_ns)
{
	struct sync_session *session = calloc(1, sizeof(*session));

	if (!session)
		return -ENOMEM;
	session->window = calloc(SYNC_WINDOW, sizeof(*session->window));
	if (sync_queue_init(&session->queue) < 0 || !session->window) {
		sync_session_free(session);
		return -ENOMEM;
	}
	session->config = *config;
	snprintf(session->node, sizeof(session->node), "%s", config->node);
	session->config.node = session->node;
	session->offer = draw(session);
	session->down_ns = now_ns;
	session->hello_ns = now_ns;
	*out = session;
	return 0;
}

void
sync_session_free(struct sync_session *session)
{
	if (!session)
		return;
	sync_queue_fini(&session->queue);
	free(session->window);
	free(session);
}

void
sync_session_put(struct sync_session *session, const struct sync_record *record)
{
	if (!session->up)
		return;
	if (sync_queue_put(&session->queue, record)) {
		session->counters.records_sent++;
	} else {
		session->counters.lost++;
		session->overflowed = true;
	}
}

size_t
sync_session_room(const struct sync_session *session)
{
	return session->up ? SYNC_QUEUE - sync_queue_length(&session->queue) : SIZE_MAX;
}

void
sync_session_receive(
	struct sync_session *session, const uint8_t *message, size_t size, uint64_t now_ns)
{
	struct sync_header header;
	const uint8_t *body = message + SYNC_HEADER_SIZE;
	int rc = sync_header_read(message, size, &header);

	if (rc == -EPROTONOSUPPORT)
		session->counters.version++;
	else if (rc < 0 || size > SYNC_MESSAGE_MAX ||
		 (header.type == SYNC_HELLO &&
			 sync_name_read(body, size - SYNC_HEADER_SIZE, session->peer) < 0))
		session->counters.malformed++;
	else if (header.type == SYNC_HELLO)
		take_hello(session, &header, now_ns);
	else
		take_in_life(session, &header, body, size - SYNC_HEADER_SIZE, now_ns);
}

void
sync_session_run(struct sync_session *session, uint64_t now_ns)
{
	if (session->up && now_ns >= session->heard_ns + SYNC_DEAD_NS)
		end_life(session, now_ns);
	if (!session->up) {
		if (now_ns < session->hello_ns)
			return;
		send_hello(session, 0);
		session->hello_ns = now_ns + SYNC_HELLO_NS;
		return;
	}
	send_due(session, now_ns);
	if (session->ack_due || now_ns >= session->alive_ns)
		send_in_life(session, NULL, 0, now_ns);
}

uint64_t
sync_session_deadline(const struct sync_session *session)
{
	if (!session->up)
		return session->hello_ns;
	if (session->ack_due)
		return 0;
	return min_u64(sync_queue_deadline(&session->queue),
		min_u64(session->alive_ns, session->heard_ns + SYNC_DEAD_NS));
}

bool
sync_session_is_up(const struct sync_session *session)
{
	return session->up;
}

bool
sync_session_is_synced(const struct sync_session *session, uint64_t now_ns)
{
	return session->up ? session->told : now_ns >= session->down_ns + SYNC_ALONE_NS;
}

const char *
sync_session_peer(const struct sync_session *session)
{
	return session->peer;
}

const struct sync_session_counters *
sync_session_counters(const struct sync_session *session)
{
	return &session->counters;
}
