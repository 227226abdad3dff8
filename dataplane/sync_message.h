/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of flow sync as bytes: built and read, nothing sent. docs/flow-sync.md has the format.
 *
 *   datagram   header | body of records, DATA and HELLO only | tag (sync_auth.h)
 *   record     op, 1 byte | size of what follows, 2 bytes | content
 *
 * All numbers are in network order. Reading is bounded: whatever the bytes are, it ends with a
 * record, with the end of the body or with -EBADMSG. */
#ifndef DATAPLANE_SYNC_MESSAGE_H
#define DATAPLANE_SYNC_MESSAGE_H

#include "dataplane/sync_record.h"

#include <stddef.h>
#include <stdint.h>

#define SYNC_VERSION 1
#define SYNC_HEADER_SIZE 56
#define SYNC_TAG_SIZE 16
/* With headers of IPv6 and UDP it fits the smallest MTU of IPv6: never fragmented. */
#define SYNC_DATAGRAM_MAX 1232
#define SYNC_MESSAGE_MAX (SYNC_DATAGRAM_MAX - SYNC_TAG_SIZE) /* Header and body. */
#define SYNC_BODY_MAX (SYNC_MESSAGE_MAX - SYNC_HEADER_SIZE)
#define SYNC_WINDOW 64 /* Messages under way; as many as an acknowledgement has bits. */

#define SYNC_KEY_OFFSET 3 /* Of the key's id in a datagram. */

enum sync_type {
	SYNC_HELLO = 1, /* Body: the sender's name. */
	SYNC_ALIVE = 2, /* No body. */
	SYNC_DATA = 3,  /* Body: records. */
};

/* What is in front of every message. */
struct sync_header {
	uint8_t type;       /* enum sync_type */
	uint64_t sender;    /* Session number of the sender ... */
	uint64_t receiver;  /* ... and of the receiver; 0: not known, HELLO only. */
	uint64_t number;    /* Of the datagram: no other of the session has it. */
	uint64_t sequence;  /* DATA: place in the stream of messages, from 1 on. */
	uint64_t ack;       /* All messages up to this one have come, */
	uint64_t ack_later; /* and those at ack + 1 + i for each bit i. */
};

/* Writes the header of a message whose body has 'body_size' bytes. The key's id stays 0. */
void sync_header_write(
	const struct sync_header *header, size_t body_size, uint8_t out[static SYNC_HEADER_SIZE]);

/* Reads the header of a whole message without its tag; its body is behind it. Returns 0, or
 * -EPROTONOSUPPORT for another version, or -EBADMSG; then '*out' is untouched. */
int sync_header_read(const uint8_t *message, size_t size, struct sync_header *out);

/* Appends 'record' at 'body + used'. Returns the new end, or 0 if it does not fit into 'size'
 * bytes. Any record fits into SYNC_BODY_MAX. */
size_t sync_record_write(const struct sync_record *record, uint8_t *body, size_t used, size_t size);

/* Reads the record at '*offset' of a body and moves '*offset' behind it. Returns 1 and the record;
 * 2 for one of an unknown op, which is skipped; 0 at the end; or -EBADMSG, then the rest of the
 * body cannot be read either if '*offset' is 'size'. */
int sync_record_read(const uint8_t *body, size_t size, size_t *offset, struct sync_record *out);

/* A name as weir.yaml allows (MODEL_NAME_MAX), for HELLO. Returns its size, or 0 / -EBADMSG. */
size_t sync_name_write(const char *name, uint8_t *body, size_t size);
int sync_name_read(const uint8_t *body, size_t size, char out[static SYNC_NAME_SIZE]);

#endif /* DATAPLANE_SYNC_MESSAGE_H */
