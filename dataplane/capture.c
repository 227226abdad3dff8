/* SPDX-License-Identifier: BSD-3-Clause */
/* Taps; see capture.h. */
#include "dataplane/capture.h"

#include "dataplane/capture_ring.h"
#include "dataplane/parse.h"
#include "dataplane/pipeline_data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A frame as it was before the burst was decided about. */
struct noted {
	uint32_t size;
	uint32_t kept;
	uint8_t *bytes; /* Room for CAPTURE_SNAP_MAX. */
};

struct capture_tap {
	struct capture_filter filter;
	struct capture_ring ring;
	struct noted noted[PACKET_BURST_MAX];
	uint8_t *room; /* Of all that is noted. */
	uint64_t next_id;
	uint32_t n_lost_now;            /* Since the last record. */
	uint64_t n_lost[CAPTURE_SIDES]; /* worker: writes, control: reads; relaxed atomic. */
};

/* What the filter asks about a packet. */
struct subject {
	struct addr ends[2]; /* Who may be its client. */
	const struct snapshot_service *service;
	const struct snapshot_backend *backend;
	uint8_t protocol;
};

int
capture_tap_new(struct capture_tap **out, const struct capture_filter *filter, uint32_t ring_bytes)
{
	struct capture_tap *tap = calloc(1, sizeof(*tap));
	int rc;

	if (!tap)
		return -ENOMEM;
	tap->filter = *filter;
	tap->room = malloc((size_t)PACKET_BURST_MAX * CAPTURE_SNAP_MAX);
	rc = tap->room ? capture_ring_init(&tap->ring, ring_bytes) : -ENOMEM;
	if (rc < 0) {
		capture_tap_free(tap);
		return rc;
	}
	for (size_t i = 0; i < PACKET_BURST_MAX; i++)
		tap->noted[i].bytes = tap->room + i * CAPTURE_SNAP_MAX;
	*out = tap;
	return 0;
}

void
capture_tap_free(struct capture_tap *tap)
{
	if (!tap)
		return;
	capture_ring_fini(&tap->ring);
	free(tap->room);
	free(tap);
}

void
capture_before(struct capture_tap *tap, struct packet *packets, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct noted *noted = &tap->noted[i];

		packets[i].backend = 0; /* Not set for packets of no service. */
		noted->size = packets[i].size;
		/* Also with a smaller snap: the headers are looked at, wherever they end. */
		noted->kept = noted->size < CAPTURE_SNAP_MAX ? noted->size : CAPTURE_SNAP_MAX;
		memcpy(noted->bytes, packets[i].data, noted->kept);
	}
}

static struct addr
addr_of(const uint8_t bytes[16], uint8_t family)
{
	struct addr addr = {.family = family};

	memcpy(addr.bytes, bytes, sizeof(addr.bytes));
	return addr;
}

/* The backend at 'addr' that the service (NULL: any) has; called 'name', unless that is "". */
static const struct snapshot_backend *
find_backend(const struct snapshot *snapshot, const struct snapshot_service *service,
	const struct addr *addr, const char *name)
{
	for (size_t i = 0; i < snapshot->n_backends; i++) {
		const struct snapshot_backend *backend = &snapshot->backends[i];

		if (addr_equal(&backend->addr, addr) &&
			(!*name || strcmp(name, backend->name) == 0) &&
			(!service ||
				strcmp(backend->pool, snapshot->pools[service->pool].name) == 0))
			return backend;
	}
	return NULL;
}

static void
read_frame(const uint8_t *bytes, uint32_t size, struct parsed *out)
{
	const struct packet frame = {
		.data = (uint8_t *)(uintptr_t)bytes, .size = size, .flags = PACKET_CHECKSUM_GOOD};

	parse(&frame, out);
}

/* Of a packet that goes, or went, to a client: it comes from a service. */
static void
know_return(const struct capture_tap *tap, const struct snapshot *snapshot,
	const struct parsed *before, const struct parsed *after, struct subject *subject)
{
	struct addr from = addr_of(after->key.client, after->key.family);
	struct addr backend = addr_of(before->key.client, before->key.family);

	subject->ends[1] = addr_of(after->target.address, after->target.family);
	subject->service = snapshot_service_find(
		snapshot, &from, be16_to(after->key.client_port), after->key.protocol);
	subject->backend = find_backend(snapshot, subject->service, &backend, tap->filter.backend);
}

static void
know(const struct capture_tap *tap, const struct pipeline *pipeline,
	const struct snapshot *snapshot, const struct packet *packet, unsigned int i,
	struct subject *out)
{
	const struct service_slot *slot = pipeline->work[i].service;
	struct parsed before, after;

	memset(out, 0, sizeof(*out));
	read_frame(tap->noted[i].bytes, tap->noted[i].kept, &before);
	out->ends[0] = addr_of(before.key.client, before.key.family);
	out->protocol = before.l4_protocol;
	if (!snapshot)
		return;
	if (packet->verdict == V_RETURN) {
		read_frame(packet->data, packet->size, &after);
		know_return(tap, snapshot, &before, &after, out);
	} else if (slot && !nat_is_return(slot)) {
		out->service = &snapshot->services[slot->service];
		if (packet->backend)
			out->backend = snapshot_backend_by_id(snapshot, packet->backend);
	}
}

static bool
is_wanted(const struct capture_filter *filter, const struct subject *subject)
{
	uint8_t is = subject->protocol;
	bool icmp = is == IPPROTO_ICMP || is == IPPROTO_ICMPV6;

	if (filter->protocol == IPPROTO_ICMP ? !icmp : filter->protocol && filter->protocol != is)
		return false;
	if (filter->client.addr.family != ADDR_NONE &&
		!prefix_covers(&filter->client, &subject->ends[0]) &&
		!prefix_covers(&filter->client, &subject->ends[1]))
		return false;
	if (*filter->service &&
		(!subject->service || strcmp(filter->service, subject->service->name) != 0))
		return false;
	return !*filter->backend ||
	       (subject->backend && strcmp(filter->backend, subject->backend->name) == 0);
}

/* Puts a frame into the ring, if it is by the right port. */
static void
keep(struct capture_tap *tap, struct capture_record *record, const uint8_t *bytes, uint32_t kept)
{
	if (tap->filter.port != CAPTURE_ANY_PORT && tap->filter.port != record->port)
		return;
	record->size = kept < tap->filter.snap ? kept : tap->filter.snap;
	record->n_lost = tap->n_lost_now;
	if (capture_ring_put(&tap->ring, record, bytes)) {
		tap->n_lost_now = 0;
		return;
	}
	tap->n_lost_now++;
	stats_add(&tap->n_lost[capture_side(record)], 1);
}

static void
keep_packet(struct capture_tap *tap, const struct packet *packet, const struct noted *noted,
	struct capture_record *record)
{
	record->id = tap->next_id++;
	record->verdict = (uint8_t)packet->verdict;
	record->port = packet->in_port;
	record->whole_size = noted->size;
	record->after = false;
	if (tap->filter.before)
		keep(tap, record, noted->bytes, noted->kept);
	if (!tap->filter.after || !verdict_leaves(packet->verdict))
		return;
	record->port = packet->out_port;
	record->whole_size = packet->size;
	record->after = true;
	keep(tap, record, packet->data, packet->size);
}

/* Frames that the packet core has made itself. They are of a service if they come from it. */
static void
keep_made(struct capture_tap *tap, const struct pipeline *pipeline, const struct snapshot *snapshot,
	uint64_t now_ns)
{
	for (unsigned int i = 0; i < pipeline->outbox.n; i++) {
		const struct outbox_frame *frame = &pipeline->outbox.frames[i];
		struct capture_record record = {.at_ns = now_ns,
			.id = tap->next_id++,
			.whole_size = frame->size,
			.port = frame->out_port,
			.verdict = V_REPLY,
			.after = true,
			.made = true};
		struct subject subject = {0};
		struct parsed parsed;

		read_frame(frame->bytes, frame->size, &parsed);
		know_return(tap, snapshot, &parsed, &parsed, &subject);
		subject.ends[0] = addr_of(parsed.key.client, parsed.key.family);
		subject.protocol = parsed.l4_protocol;
		if (!subject.backend)
			subject.backend =
				find_backend(snapshot, NULL, &subject.ends[1], tap->filter.backend);
		if (is_wanted(&tap->filter, &subject))
			keep(tap, &record, frame->bytes, frame->size);
	}
}

void
capture_after(struct capture_tap *tap, const struct pipeline *pipeline,
	const struct snapshot *snapshot, const struct packet *packets, unsigned int n,
	uint64_t now_ns)
{
	for (unsigned int i = 0; i < n; i++) {
		struct capture_record record = {.at_ns = now_ns};
		struct subject subject;

		/* Decided later, or by another worker. */
		if (packets[i].verdict == V_HOLD || packets[i].verdict == V_STEER)
			continue;
		know(tap, pipeline, snapshot, &packets[i], i, &subject);
		record.backend = subject.backend ? subject.backend->id : 0;
		if (is_wanted(&tap->filter, &subject))
			keep_packet(tap, &packets[i], &tap->noted[i], &record);
	}
	if (tap->filter.after && snapshot)
		keep_made(tap, pipeline, snapshot, now_ns);
}

const struct capture_record *
capture_peek(const struct capture_tap *tap)
{
	return capture_ring_peek(&tap->ring);
}

const uint8_t *
capture_bytes(const struct capture_record *record)
{
	return (const uint8_t *)(record + 1);
}

void
capture_drop(struct capture_tap *tap)
{
	capture_ring_drop(&tap->ring);
}

uint64_t
capture_n_lost(const struct capture_tap *tap, unsigned int side)
{
	return stats_read(&tap->n_lost[side]);
}
