/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of flow sync; see sync_message.h. */
#include "dataplane/sync_message.h"

#include "dataplane/flow.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#define MAGIC 0x7773 /* "ws" */
#define RECORD_HEAD_SIZE 3
#define TAKER_SIZE 10

/* Bits of a flow's first byte. */
#define FLAG_V6 0x01u
#define FLAG_PAIRED 0x02u
#define FLAG_LOCAL 0x04u
#define FLAG_LOCAL_V6 0x08u
#define FLAG_SEQUENCE 0x10u
#define FLAG_HOP 0x20u
#define FLAG_IDLE 0x40u
#define FLAGS_KNOWN 0x7fu

static_assert(FLOW_TCP_EMBRYONIC == 1 && FLOW_TCP_ESTABLISHED == 2 && FLOW_TCP_FIN == 3 &&
		      FLOW_TCP_CLOSED == 4 && FLOW_UDP_NEW == 5 && FLOW_UDP_STREAM == 6,
	"states are numbers on the wire");
static_assert(
	RECORD_HEAD_SIZE + 7 + MODEL_NAME_MAX + SYNC_PART_TAKERS * TAKER_SIZE <= SYNC_BODY_MAX,
	"any record fits an empty body");

/* Bytes being written, or read: once there is no room, or no more, it stays so. */
struct writer {
	uint8_t *data;
	size_t used, size;
	bool failed;
};

struct reader {
	const uint8_t *data;
	size_t used, size;
	bool failed;
};

static void
put(struct writer *writer, const void *bytes, size_t size)
{
	if (writer->failed || writer->size - writer->used < size) {
		writer->failed = true;
		return;
	}
	memcpy(writer->data + writer->used, bytes, size);
	writer->used += size;
}

static void
put_number(struct writer *writer, uint64_t value, size_t size)
{
	uint64_t big = htobe64(value);

	put(writer, (const uint8_t *)&big + 8 - size, size);
}

static void
get(struct reader *reader, void *out, size_t size)
{
	if (reader->failed || reader->size - reader->used < size) {
		reader->failed = true;
		memset(out, 0, size);
		return;
	}
	memcpy(out, reader->data + reader->used, size);
	reader->used += size;
}

static uint64_t
get_number(struct reader *reader, size_t size)
{
	uint64_t big = 0;

	get(reader, (uint8_t *)&big + 8 - size, size);
	return be64toh(big);
}

static void
put_addr(struct writer *writer, const struct addr *addr)
{
	put(writer, addr->bytes, addr_size(addr));
}

static struct addr
get_addr(struct reader *reader, bool v6)
{
	struct addr addr = {.family = v6 ? ADDR_V6 : ADDR_V4};

	get(reader, addr.bytes, addr_size(&addr));
	return addr;
}

static void
put_name(struct writer *writer, const char *name)
{
	size_t size = strnlen(name, MODEL_NAME_MAX);

	put_number(writer, size, 1);
	put(writer, name, size);
}

static bool
is_name_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static void
get_name(struct reader *reader, char out[static SYNC_NAME_SIZE])
{
	size_t size = (size_t)get_number(reader, 1);

	memset(out, 0, SYNC_NAME_SIZE);
	if (size == 0 || size > MODEL_NAME_MAX) {
		reader->failed = true;
		return;
	}
	get(reader, out, size);
	for (size_t i = 0; i < size; i++)
		if (!is_name_letter(out[i]))
			reader->failed = true;
}

/* --- Flows --- */

static void
put_flow_key(struct writer *writer, const struct sync_flow *flow)
{
	put_number(writer, flow->protocol, 1);
	put_number(writer, flow->client_port, 2);
	put_number(writer, flow->vip_port, 2);
	put_addr(writer, &flow->client);
	put_addr(writer, &flow->vip);
}

static void
get_flow_key(struct reader *reader, unsigned int flags, struct sync_flow *flow)
{
	flow->protocol = (uint8_t)get_number(reader, 1);
	flow->client_port = (uint16_t)get_number(reader, 2);
	flow->vip_port = (uint16_t)get_number(reader, 2);
	flow->client = get_addr(reader, flags & FLAG_V6);
	flow->vip = get_addr(reader, flags & FLAG_V6);
	if (flow->protocol != PROTOCOL_TCP && flow->protocol != PROTOCOL_UDP)
		reader->failed = true;
}

static unsigned int
flow_flags(const struct sync_flow *flow)
{
	static const struct sequence no_sequence;
	static const uint8_t no_hop[SYNC_HOP_SIZE];
	unsigned int flags = flow->client.family == ADDR_V6 ? FLAG_V6 : 0;

	if (flow->paired)
		flags |= FLAG_PAIRED;
	if (flow->local.family != ADDR_NONE)
		flags |= FLAG_LOCAL;
	if (flow->local.family == ADDR_V6)
		flags |= FLAG_LOCAL_V6;
	if (memcmp(&flow->sequence, &no_sequence, sizeof(no_sequence)) != 0)
		flags |= FLAG_SEQUENCE;
	if (memcmp(flow->hop, no_hop, sizeof(no_hop)) != 0)
		flags |= FLAG_HOP;
	if (flow->idle_s > 0)
		flags |= FLAG_IDLE;
	return flags;
}

static void
put_flow(struct writer *writer, const struct sync_flow *flow)
{
	unsigned int flags = flow_flags(flow);

	put_number(writer, flags, 1);
	put_flow_key(writer, flow);
	put_number(writer, flow->state, 1);
	put_number(writer, flow->backend, 8);
	if (flags & FLAG_LOCAL) {
		put_number(writer, flow->local_port, 2);
		put_addr(writer, &flow->local);
	}
	if (flags & FLAG_SEQUENCE) {
		put_number(writer, flow->sequence.first, 4);
		put_number(writer, flow->sequence.ahead, 4);
		put_number(writer, flow->sequence.stamp, 4);
		put_number(writer, flow->sequence.room, 2);
		put_number(writer, flow->sequence.bits, 2);
	}
	if (flags & FLAG_HOP)
		put(writer, flow->hop, SYNC_HOP_SIZE);
	if (flags & FLAG_IDLE)
		put_number(writer, flow->idle_s, 2);
}

static void
get_flow(struct reader *reader, struct sync_flow *flow)
{
	unsigned int flags = (unsigned int)get_number(reader, 1);

	if (flags & ~FLAGS_KNOWN || ((flags & FLAG_LOCAL_V6) && !(flags & FLAG_LOCAL)))
		reader->failed = true;
	get_flow_key(reader, flags, flow);
	flow->state = (uint8_t)get_number(reader, 1);
	flow->backend = get_number(reader, 8);
	flow->paired = flags & FLAG_PAIRED;
	if (flags & FLAG_LOCAL) {
		flow->local_port = (uint16_t)get_number(reader, 2);
		flow->local = get_addr(reader, flags & FLAG_LOCAL_V6);
	}
	if (flags & FLAG_SEQUENCE) {
		flow->sequence.first = (uint32_t)get_number(reader, 4);
		flow->sequence.ahead = (uint32_t)get_number(reader, 4);
		flow->sequence.stamp = (uint32_t)get_number(reader, 4);
		flow->sequence.room = (uint16_t)get_number(reader, 2);
		flow->sequence.bits = (uint16_t)get_number(reader, 2);
	}
	if (flags & FLAG_HOP)
		get(reader, flow->hop, SYNC_HOP_SIZE);
	if (flags & FLAG_IDLE)
		flow->idle_s = (uint16_t)get_number(reader, 2);
	if (flow->state == FLOW_FREE || flow->state >= N_FLOW_STATES)
		reader->failed = true;
}

static void
put_key(struct writer *writer, const struct sync_flow *flow)
{
	put_number(writer, flow->client.family == ADDR_V6 ? FLAG_V6 : 0, 1);
	put_flow_key(writer, flow);
}

static void
get_key(struct reader *reader, struct sync_flow *flow)
{
	unsigned int flags = (unsigned int)get_number(reader, 1);

	if (flags & ~FLAG_V6)
		reader->failed = true;
	get_flow_key(reader, flags, flow);
}

/* --- Views --- */

static void
put_view(struct writer *writer, const struct sync_view *view)
{
	put_number(writer, view->generation, 8);
	put_number(writer, view->n_routers, 2);
	put_number(writer, view->n_pools, 2);
}

static void
get_view(struct reader *reader, struct sync_view *view)
{
	view->generation = get_number(reader, 8);
	view->n_routers = (uint16_t)get_number(reader, 2);
	view->n_pools = (uint16_t)get_number(reader, 2);
}

static void
put_pool(struct writer *writer, const struct sync_pool *pool)
{
	assert(pool->n <= SYNC_PART_TAKERS);
	put_name(writer, pool->name);
	put_number(writer, pool->n_total, 2);
	put_number(writer, pool->first, 2);
	put_number(writer, pool->n, 2);
	for (uint16_t i = 0; i < pool->n; i++) {
		put_number(writer, pool->takers[i].seed, 8);
		put_number(writer, pool->takers[i].weight, 2);
	}
}

static void
get_pool(struct reader *reader, struct sync_pool *pool)
{
	get_name(reader, pool->name);
	pool->n_total = (uint16_t)get_number(reader, 2);
	pool->first = (uint16_t)get_number(reader, 2);
	pool->n = (uint16_t)get_number(reader, 2);
	if (pool->n > SYNC_PART_TAKERS || pool->first + pool->n > pool->n_total ||
		(pool->n == 0) != (pool->n_total == 0)) {
		reader->failed = true;
		pool->n = 0;
	}
	for (uint16_t i = 0; i < pool->n; i++) {
		pool->takers[i].seed = get_number(reader, 8);
		pool->takers[i].weight = (uint16_t)get_number(reader, 2);
		if (pool->takers[i].weight == 0)
			reader->failed = true;
	}
}

/* --- Records --- */

static void
put_content(struct writer *writer, const struct sync_record *record)
{
	switch (record->op) {
	case SYNC_FLOW_PUT:
		put_flow(writer, &record->flow);
		break;
	case SYNC_FLOW_DEL:
		put_key(writer, &record->flow);
		break;
	case SYNC_VIEW:
		put_view(writer, &record->view);
		break;
	case SYNC_VIEW_ROUTER:
		put_name(writer, record->router);
		break;
	case SYNC_VIEW_POOL:
		put_pool(writer, &record->pool);
		break;
	case SYNC_BULK_BEGIN:
	case SYNC_BULK_END:
		break;
	}
}

/* Returns false for an op that is not known. */
static bool
get_content(struct reader *reader, unsigned int op, struct sync_record *record)
{
	switch (op) {
	case SYNC_FLOW_PUT:
		get_flow(reader, &record->flow);
		return true;
	case SYNC_FLOW_DEL:
		get_key(reader, &record->flow);
		return true;
	case SYNC_VIEW:
		get_view(reader, &record->view);
		return true;
	case SYNC_VIEW_ROUTER:
		get_name(reader, record->router);
		return true;
	case SYNC_VIEW_POOL:
		get_pool(reader, &record->pool);
		return true;
	case SYNC_BULK_BEGIN:
	case SYNC_BULK_END:
		return true;
	default:
		return false;
	}
}

size_t
sync_record_write(const struct sync_record *record, uint8_t *body, size_t used, size_t size)
{
	struct writer head = {.data = body, .used = used, .size = size};
	struct writer content = {.data = body, .used = used + RECORD_HEAD_SIZE, .size = size};

	if (size < RECORD_HEAD_SIZE || used > size - RECORD_HEAD_SIZE)
		return 0;
	put_content(&content, record);
	if (content.failed)
		return 0;
	put_number(&head, record->op, 1);
	put_number(&head, content.used - used - RECORD_HEAD_SIZE, 2);
	return content.used;
}

int
sync_record_read(const uint8_t *body, size_t size, size_t *offset, struct sync_record *out)
{
	struct reader head = {.data = body, .used = *offset, .size = size};
	struct reader content;
	unsigned int op;
	size_t content_size;

	if (*offset >= size)
		return 0;
	op = (unsigned int)get_number(&head, 1);
	content_size = (size_t)get_number(&head, 2);
	if (head.failed || size - head.used < content_size) {
		*offset = size;
		return -EBADMSG;
	}
	content =
		(struct reader){.data = body, .used = head.used, .size = head.used + content_size};
	*offset = content.size;
	memset(out, 0, sizeof(*out));
	if (!get_content(&content, op, out))
		return 2;
	out->op = (enum sync_op)op;
	return content.failed || content.used != content.size ? -EBADMSG : 1;
}

/* --- Headers --- */

void
sync_header_write(
	const struct sync_header *header, size_t body_size, uint8_t out[static SYNC_HEADER_SIZE])
{
	struct writer writer = {.data = out, .size = SYNC_HEADER_SIZE};

	put_number(&writer, MAGIC, 2);
	put_number(&writer, SYNC_VERSION, 1);
	put_number(&writer, 0, 1);
	put_number(&writer, header->type, 1);
	put_number(&writer, 0, 1);
	put_number(&writer, body_size, 2);
	put_number(&writer, header->sender, 8);
	put_number(&writer, header->receiver, 8);
	put_number(&writer, header->number, 8);
	put_number(&writer, header->sequence, 8);
	put_number(&writer, header->ack, 8);
	put_number(&writer, header->ack_later, 8);
	assert(!writer.failed && writer.used == SYNC_HEADER_SIZE);
}

int
sync_header_read(const uint8_t *message, size_t size, struct sync_header *out)
{
	struct reader reader = {.data = message, .size = size};
	struct sync_header header;
	uint64_t magic = get_number(&reader, 2), version = get_number(&reader, 1);
	uint64_t reserved;
	size_t body_size;

	get_number(&reader, 1);
	header.type = (uint8_t)get_number(&reader, 1);
	reserved = get_number(&reader, 1);
	body_size = (size_t)get_number(&reader, 2);
	header.sender = get_number(&reader, 8);
	header.receiver = get_number(&reader, 8);
	header.number = get_number(&reader, 8);
	header.sequence = get_number(&reader, 8);
	header.ack = get_number(&reader, 8);
	header.ack_later = get_number(&reader, 8);
	if (reader.failed || magic != MAGIC)
		return -EBADMSG;
	if (version != SYNC_VERSION)
		return -EPROTONOSUPPORT;
	if (header.type < SYNC_HELLO || header.type > SYNC_DATA || reserved != 0 ||
		body_size != size - SYNC_HEADER_SIZE || header.sender == 0)
		return -EBADMSG;
	if (header.type != SYNC_HELLO && header.receiver == 0)
		return -EBADMSG;
	if ((header.type == SYNC_DATA) != (header.sequence != 0) ||
		(header.type == SYNC_ALIVE) != (body_size == 0))
		return -EBADMSG;
	*out = header;
	return 0;
}

size_t
sync_name_write(const char *name, uint8_t *body, size_t size)
{
	struct writer writer = {.data = body, .size = size};

	put_name(&writer, name);
	return writer.failed ? 0 : writer.used;
}

int
sync_name_read(const uint8_t *body, size_t size, char out[static SYNC_NAME_SIZE])
{
	struct reader reader = {.data = body, .size = size};
	char name[SYNC_NAME_SIZE];

	get_name(&reader, name);
	if (reader.failed || reader.used != size)
		return -EBADMSG;
	memcpy(out, name, sizeof(name));
	return 0;
}
