/* SPDX-License-Identifier: BSD-3-Clause */
/* Captures; see control_capture.h.
 *
 * Each side of each port is an interface of the file (capture_side()). */
#include "dataplane/control_capture.h"

#include "common/clock.h"
#include "common/json_field.h"
#include "common/log.h"
#include "dataplane/capture.h"
#include "dataplane/dataplane.h"
#include "dataplane/pcapng.h"
#include "dataplane/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <rte_rcu_qsbr.h>

LOG_MODULE("capture");

#define READ_MAX_BYTES (256u << 10) /* Of one answer, more or less. */
#define SILENCE_MS 10000u           /* Without a read: nobody is interested any more. */
#define FRAMES_MAX INT32_MAX
#define SNAP_MIN 14u

struct capture {
	struct dataplane *dataplane;
	uv_timer_t silence;
	struct capture_tap *taps[DATAPLANE_WORKERS_MAX];
	struct capture_filter filter;
	uint64_t id;
	int64_t wall_offset_ns; /* From CLOCK_MONOTONIC to the time of day. */
	uint64_t n_frames_max;  /* 0: any number. */
	uint64_t n_frames;
	uint64_t n_kept[CAPTURE_SIDES];
	bool failed; /* Memory was short. */
};

static int64_t
wall_offset_ns(void)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	return wall.tv_sec * (int64_t)NS_PER_S + wall.tv_nsec - (int64_t)clock_now_ns();
}

/* --- Beginning and ending --- */

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static uint64_t
count_lost(const struct capture *capture, unsigned int side)
{
	uint64_t n = 0;

	for (unsigned int w = 0; w < capture->dataplane->n_workers; w++)
		n += capture_n_lost(capture->taps[w], side);
	return n;
}

static uint64_t
count_all_lost(const struct capture *capture)
{
	uint64_t n = 0;

	for (unsigned int side = 0; side < CAPTURE_SIDES; side++)
		n += count_lost(capture, side);
	return n;
}

void
capture_end(struct dataplane *dataplane)
{
	struct capture *capture = dataplane->capture;

	if (!capture)
		return;
	dataplane->capture = NULL;
	for (unsigned int w = 0; w < dataplane->n_workers; w++)
		pipeline_tap(worker_pipeline(dataplane->workers[w]), NULL);
	rte_rcu_qsbr_synchronize(dataplane->rcu, RTE_QSBR_THRID_INVALID);
	for (unsigned int w = 0; w < dataplane->n_workers; w++)
		capture_tap_free(capture->taps[w]);
	uv_close((uv_handle_t *)&capture->silence, on_closed);
}

static void
on_silence(uv_timer_t *timer)
{
	struct capture *capture = timer->data;

	LOG_INFORM("capture ended: nobody has read from it for %u s", SILENCE_MS / 1000);
	capture_end(capture->dataplane);
}

static int
begin(struct dataplane *dataplane, const struct capture_filter *filter, struct capture **out)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	int rc = capture ? 0 : -ENOMEM;

	if (rc < 0)
		return rc;
	capture->dataplane = dataplane;
	capture->filter = *filter;
	capture->id = clock_now_ns();
	capture->wall_offset_ns = wall_offset_ns();
	for (unsigned int w = 0; rc == 0 && w < dataplane->n_workers; w++)
		rc = capture_tap_new(&capture->taps[w], filter, CAPTURE_RING_BYTES);
	if (rc < 0) {
		for (unsigned int w = 0; w < dataplane->n_workers; w++)
			capture_tap_free(capture->taps[w]);
		free(capture);
		return rc;
	}
	uv_timer_init(&dataplane->loop, &capture->silence);
	capture->silence.data = capture;
	uv_timer_start(&capture->silence, on_silence, SILENCE_MS, 0);
	dataplane->capture = capture;
	for (unsigned int w = 0; w < dataplane->n_workers; w++)
		pipeline_tap(worker_pipeline(dataplane->workers[w]), capture->taps[w]);
	*out = capture;
	return 0;
}

/* --- Questions --- */

static int
read_port(const struct dataplane *dataplane, json_t *params, uint16_t *out, struct err *err)
{
	char name[CONTROL_NAME_SIZE];
	int rc = json_field_name(params, "port", name, err);

	for (uint16_t i = 0; rc == 0 && i < dataplane->n_ports; i++) {
		if (strcmp(dataplane->ports[i].name, name) == 0) {
			*out = i;
			return 0;
		}
	}
	return rc < 0 ? rc
		      : err_set(err, -ENOENT,
				"there is no port called '%s': 'weirctl stats' lists them", name);
}

static int
read_protocol(json_t *params, uint8_t *out, struct err *err)
{
	char text[16];
	enum protocol protocol;
	int rc = json_field_text(params, "protocol", text, sizeof(text), err);

	if (rc == 0 && strcmp(text, "icmp") == 0) {
		*out = IPPROTO_ICMP;
		return 0;
	}
	if (rc == 0 && protocol_parse(text, &protocol, NULL) < 0)
		rc = err_set(err, -EINVAL, "protocol: '%s' is none of tcp, udp, icmp", text);
	if (rc == 0)
		*out = (uint8_t)protocol;
	return rc;
}

/* Without either, both are wanted. */
static int
read_sides(json_t *params, struct capture_filter *filter, struct err *err)
{
	int rc = 0;

	if (json_object_get(params, "before"))
		rc = json_field_bool(params, "before", &filter->before, err);
	if (rc == 0 && json_object_get(params, "after"))
		rc = json_field_bool(params, "after", &filter->after, err);
	if (!filter->before && !filter->after)
		filter->before = filter->after = true;
	return rc;
}

static int
read_filter(const struct dataplane *dataplane, json_t *params, struct capture_filter *out,
	struct err *err)
{
	uint64_t snap = CAPTURE_SNAP_MAX;
	int rc = read_sides(params, out, err);

	if (rc == 0 && json_object_get(params, "service"))
		rc = json_field_name(params, "service", out->service, err);
	if (rc == 0 && json_object_get(params, "backend"))
		rc = json_field_name(params, "backend", out->backend, err);
	if (rc == 0 && json_object_get(params, "client"))
		rc = json_field_prefix(params, "client", &out->client, err);
	if (rc == 0 && json_object_get(params, "protocol"))
		rc = read_protocol(params, &out->protocol, err);
	if (rc == 0 && json_object_get(params, "port"))
		rc = read_port(dataplane, params, &out->port, err);
	if (rc == 0 && json_object_get(params, "snap"))
		rc = json_field_integer(params, "snap", SNAP_MIN, CAPTURE_SNAP_MAX, &snap, err);
	out->snap = (uint32_t)snap;
	return rc;
}

/* --- Answers --- */

/* {id, pcapng: the blocks in base64, frames, lost, done}; empties 'pcapng'. */
static json_t *
answer(struct capture *capture, struct pcapng *pcapng)
{
	bool done = capture->failed || pcapng->short_of_memory ||
		    (capture->n_frames_max > 0 && capture->n_frames == capture->n_frames_max);
	size_t size = (pcapng->size + 2) / 3 * 4;
	char *text = malloc(size + 1);
	json_t *json = NULL;

	capture->failed = capture->failed || pcapng->short_of_memory || !text;
	if (text) {
		EVP_EncodeBlock((unsigned char *)text, pcapng->bytes, (int)pcapng->size);
		json = json_pack("{s:I, s:s%, s:I, s:I, s:b}", "id", (json_int_t)capture->id,
			"pcapng", text, size, "frames", (json_int_t)capture->n_frames, "lost",
			(json_int_t)count_all_lost(capture), "done", (int)done);
	}
	free(text);
	pcapng_fini(pcapng);
	return json;
}

static void
write_head(const struct dataplane *dataplane, const struct capture *capture, struct pcapng *pcapng)
{
	char text[128];

	snprintf(text, sizeof(text), "node %s", dataplane->node->name);
	pcapng_section(pcapng, "weir-dataplane " WEIR_VERSION, text);
	for (uint16_t i = 0; i < dataplane->n_ports; i++) {
		const char *port = dataplane->ports[i].name;
		char name[CONTROL_NAME_SIZE + 4];

		snprintf(name, sizeof(name), "%s-in", port);
		snprintf(text, sizeof(text), "what comes in by port %s, as it came", port);
		pcapng_interface(pcapng, name, text, capture->filter.snap);
		snprintf(name, sizeof(name), "%s-out", port);
		snprintf(text, sizeof(text), "what leaves by port %s, as it was made", port);
		pcapng_interface(pcapng, name, text, capture->filter.snap);
	}
}

/* What became of a packet, in words. */
static void
describe(const struct dataplane *dataplane, const struct capture_record *record, char *buf,
	size_t size)
{
	enum verdict verdict = (enum verdict)record->verdict;
	const struct snapshot *snapshot = dataplane->shared.snapshot;
	const struct snapshot_backend *backend =
		snapshot && record->backend ? snapshot_backend_by_id(snapshot, record->backend)
					    : NULL;

	if (record->made)
		snprintf(buf, size, "made by the dataplane");
	else if (backend)
		snprintf(buf, size, "%s: %s, backend %s of pool %s", verdict_name(verdict),
			verdict_help(verdict), backend->name, backend->pool);
	else
		snprintf(buf, size, "%s: %s", verdict_name(verdict), verdict_help(verdict));
}

static void
write_frame(struct capture *capture, unsigned int worker, const struct capture_record *record,
	struct pcapng *pcapng)
{
	uint32_t interface = capture_side(record);
	char text[256];
	struct pcapng_packet packet = {
		.interface = interface,
		.direction = record->after ? PCAPNG_OUT : PCAPNG_IN,
		.at_ns = record->at_ns + (uint64_t)capture->wall_offset_ns,
		.bytes = capture_bytes(record),
		.size = record->size,
		.whole_size = record->whole_size,
		.id = (uint64_t)worker << 48 | record->id,
		.n_lost = record->n_lost,
		.comment = text,
	};

	describe(capture->dataplane, record, text, sizeof(text));
	pcapng_add(pcapng, &packet);
	capture->n_frames++;
	capture->n_kept[interface]++;
}

/* The worker whose oldest frame is the oldest of all; the number of workers if none has one. */
static unsigned int
choose_oldest(const struct capture *capture)
{
	unsigned int chosen = capture->dataplane->n_workers;
	uint64_t at_ns = UINT64_MAX;

	for (unsigned int w = 0; w < capture->dataplane->n_workers; w++) {
		const struct capture_record *record = capture_peek(capture->taps[w]);

		if (record && record->at_ns < at_ns) {
			at_ns = record->at_ns;
			chosen = w;
		}
	}
	return chosen;
}

static void
write_frames(struct capture *capture, struct pcapng *pcapng)
{
	unsigned int worker;

	while (pcapng->size < READ_MAX_BYTES && !pcapng->short_of_memory &&
		(capture->n_frames_max == 0 || capture->n_frames < capture->n_frames_max) &&
		(worker = choose_oldest(capture)) < capture->dataplane->n_workers) {
		write_frame(capture, worker, capture_peek(capture->taps[worker]), pcapng);
		capture_drop(capture->taps[worker]);
	}
}

/* --- Methods --- */

json_t *
capture_start(void *ctx, json_t *params, struct err *err)
{
	static const char *const keys[] = {"service", "client", "protocol", "backend", "port",
		"before", "after", "snap", "count", NULL};
	struct capture_filter filter = {.port = CAPTURE_ANY_PORT};
	struct dataplane *dataplane = ctx;
	struct capture *capture;
	struct pcapng pcapng;
	uint64_t count = 0;

	if (json_fields_known(params, keys, err) < 0 ||
		read_filter(dataplane, params, &filter, err) < 0 ||
		(json_object_get(params, "count") &&
			json_field_integer(params, "count", 1, FRAMES_MAX, &count, err) < 0))
		return NULL;
	if (dataplane->capture) {
		err_set(err, -EBUSY,
			"another capture runs on this node: stop it first (one that nobody reads "
			"from ends after %u s)",
			SILENCE_MS / 1000);
		return NULL;
	}
	if (begin(dataplane, &filter, &capture) < 0) {
		err_set(err, -ENOMEM, "no memory to capture in");
		return NULL;
	}
	capture->n_frames_max = count;
	LOG_INFORM("capture begins");
	pcapng_init(&pcapng);
	write_head(dataplane, capture, &pcapng);
	return answer(capture, &pcapng);
}

/* The capture that the request means; NULL with 'err' set if it is over. */
static struct capture *
find(const struct dataplane *dataplane, json_t *params, struct err *err)
{
	static const char *const keys[] = {"id", NULL};
	uint64_t id;

	if (json_fields_known(params, keys, err) < 0 ||
		json_field_integer(params, "id", 0, INT64_MAX, &id, err) < 0)
		return NULL;
	if (dataplane->capture && dataplane->capture->id == id)
		return dataplane->capture;
	err_set(err, -ENOENT,
		"the capture is over: nobody has read from it for %u s, or the "
		"dataplane was started again",
		SILENCE_MS / 1000);
	return NULL;
}

json_t *
capture_read(void *ctx, json_t *params, struct err *err)
{
	struct capture *capture = find(ctx, params, err);
	struct pcapng pcapng;

	if (!capture)
		return NULL;
	uv_timer_start(&capture->silence, on_silence, SILENCE_MS, 0);
	pcapng_init(&pcapng);
	write_frames(capture, &pcapng);
	return answer(capture, &pcapng);
}

/* What was not read is let go of. */
json_t *
capture_stop(void *ctx, json_t *params, struct err *err)
{
	struct dataplane *dataplane = ctx;
	struct capture *capture = find(dataplane, params, err);
	uint64_t at_ns = clock_now_ns();
	struct pcapng pcapng;
	json_t *json;

	if (!capture)
		return NULL;
	pcapng_init(&pcapng);
	at_ns += (uint64_t)capture->wall_offset_ns;
	for (uint32_t i = 0; i < 2u * dataplane->n_ports; i++)
		pcapng_statistics(&pcapng, i, at_ns, capture->n_kept[i], count_lost(capture, i));
	json = answer(capture, &pcapng);
	LOG_INFORM("capture ends: %llu frames", (unsigned long long)capture->n_frames);
	capture_end(dataplane);
	return json;
}
