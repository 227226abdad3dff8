/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket's method "trace": a question read, and the answer written; see show.h. */
#include "common/clock.h"
#include "common/control.h"
#include "common/json_field.h"
#include "dataplane/dataplane.h"
#include "dataplane/show.h"
#include "dataplane/trace.h"
#include "dataplane/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WORD_SIZE 16

static const struct {
	const char *name;
	uint8_t flags;
} tcp_flags[] = {
	{"syn", TCP_FLAG_SYN},
	{"ack", TCP_FLAG_ACK},
	{"fin", TCP_FLAG_FIN | TCP_FLAG_ACK},
	{"rst", TCP_FLAG_RST},
};

/* Words for numbers; the index is the number. */
static const char *const error_words[] = {
	[TRACE_UNREACHABLE] = "unreachable",
	[TRACE_TOO_BIG] = "too-big",
	[TRACE_TIME_EXCEEDED] = "time-exceeded",
	NULL,
};
static const char *const fragment_words[] = {
	[TRACE_FIRST] = "first",
	[TRACE_LATER] = "later",
	[TRACE_LOST] = "lost",
	NULL,
};

static const char *const choices[] = {
	[TRACE_FLOW] = "flow",
	[TRACE_MOVED] = "moved",
	[TRACE_SCHEDULER] = "scheduler",
};

static int
read_protocol(json_t *params, struct trace_question *question, struct err *err)
{
	char word[WORD_SIZE];
	enum protocol protocol;
	int rc = json_field_text(params, "protocol", word, sizeof(word), err);

	if (rc < 0)
		return rc;
	if (strcmp(word, "icmp") == 0) {
		question->protocol = IPPROTO_ICMP;
		return 0;
	}
	if (protocol_parse(word, &protocol, NULL) < 0)
		return err_set(err, -EINVAL, "protocol: '%s' is not tcp, udp or icmp", word);
	question->protocol = (uint8_t)protocol;
	return 0;
}

static int
read_flags(json_t *params, struct trace_question *question, struct err *err)
{
	char word[WORD_SIZE] = "syn";
	int rc = 0;

	if (json_object_get(params, "flags")) {
		if (question->protocol != IPPROTO_TCP)
			return err_set(err, -EINVAL, "flags: only tcp has them");
		rc = json_field_text(params, "flags", word, sizeof(word), err);
	}
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < sizeof(tcp_flags) / sizeof(tcp_flags[0]); i++) {
		if (strcmp(tcp_flags[i].name, word) == 0) {
			question->tcp_flags = tcp_flags[i].flags;
			return 0;
		}
	}
	return err_set(err, -EINVAL, "flags: '%s' is not syn, ack, fin or rst", word);
}

/* One of 'words', from 1 on; 0 where the member is missing. */
static int
read_word(json_t *params, const char *key, const char *const *words, unsigned int *out,
	struct err *err)
{
	char word[WORD_SIZE];
	char known[64] = "";
	int rc;

	*out = 0;
	if (!json_object_get(params, key))
		return 0;
	rc = json_field_text(params, key, word, sizeof(word), err);
	if (rc < 0)
		return rc;
	for (unsigned int i = 1; words[i]; i++) {
		size_t used = strlen(known);

		if (strcmp(words[i], word) == 0) {
			*out = i;
			return 0;
		}
		snprintf(known + used, sizeof(known) - used, "%s%s", i > 1 ? ", " : "", words[i]);
	}
	return err_set(err, -EINVAL, "%s: '%s' is none of %s", key, word, known);
}

/* What else the packet is than whole and of TCP or UDP. */
static int
read_kind(json_t *params, struct trace_question *question, struct err *err)
{
	unsigned int error, fragment;
	int rc = read_word(params, "icmp", error_words, &error, err);

	if (rc == 0)
		rc = read_word(params, "fragment", fragment_words, &fragment, err);
	if (rc < 0)
		return rc;
	if ((error || fragment) && question->protocol == IPPROTO_ICMP)
		return err_set(err, -EINVAL,
			"%s: give the tcp or udp flow that it is about, not icmp as protocol",
			error ? "icmp" : "fragment");
	if (error && fragment)
		return err_set(err, -EINVAL, "fragment: ICMP errors are not fragmented");
	if (error && json_object_get(params, "flags"))
		return err_set(err, -EINVAL, "flags: an ICMP error has none");
	question->error = (enum trace_error)error;
	question->fragment = (enum trace_fragment)fragment;
	return 0;
}

/* An address, with a port unless the protocol has none. */
static int
read_end(json_t *params, const char *key, uint8_t protocol, struct endpoint *out, struct err *err)
{
	char text[ENDPOINT_TEXT_SIZE];
	int rc;

	if (protocol == IPPROTO_ICMP)
		return json_field_addr(params, key, &out->addr, err);
	rc = json_field_text(params, key, text, sizeof(text), err);
	if (rc == 0) {
		rc = endpoint_parse(text, out, err);
		if (rc < 0)
			err_prefix(err, "%s", key);
	}
	return rc;
}

static int
read_question(json_t *params, struct trace_question *question, struct err *err)
{
	static const char *const keys[] = {
		"protocol", "from", "to", "flags", "size", "icmp", "fragment", NULL};
	uint64_t size = 0;
	int rc;

	memset(question, 0, sizeof(*question));
	if ((rc = json_fields_known(params, keys, err)) < 0 ||
		(rc = read_protocol(params, question, err)) < 0 ||
		(rc = read_flags(params, question, err)) < 0 ||
		(rc = read_kind(params, question, err)) < 0 ||
		(rc = read_end(params, "from", question->protocol, &question->from, err)) < 0 ||
		(rc = read_end(params, "to", question->protocol, &question->to, err)) < 0)
		return rc;
	if (json_object_get(params, "size"))
		rc = json_field_integer(params, "size", 1, TRACE_SIZE_MAX, &size, err);
	question->size = (uint16_t)size;
	if (rc == 0 && question->from.addr.family != question->to.addr.family)
		return err_set(err, -EINVAL, "to: must be of the family of 'from'");
	return rc;
}

static json_t *
show_vip(const struct trace *trace)
{
	char text[ADDR_TEXT_SIZE];

	if (!trace->vip)
		return json_null();
	return json_pack("{s:s, s:s?, s:b}", "address",
		addr_format(&trace->vip->addr, text, sizeof(text)), "router",
		trace->router ? trace->router->name : NULL, "held", (int)trace->held);
}

static json_t *
show_service(const struct trace *trace)
{
	const struct snapshot_service *service = trace->service;

	if (!service)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:s}", "name", service->name, "mode",
		forward_mode_name((enum forward_mode)service->mode), "scheduler",
		scheduler_name((enum scheduler_kind)service->scheduler), "client_address",
		client_address_name((enum client_address)service->client_address));
}

static json_t *
show_flow(const struct trace *trace)
{
	if (!trace->has_flow)
		return json_null();
	return json_pack("{s:i, s:s, s:I}", "worker", (int)trace->worker, "state",
		flow_state_name(trace->flow.state), "idle_ms", (json_int_t)trace->flow.idle_ms);
}

static json_t *
show_backend(const struct trace *trace)
{
	char text[ADDR_TEXT_SIZE];

	if (!trace->backend)
		return json_null();
	return json_pack("{s:s, s:s, s:s}", "pool", trace->backend->pool, "name",
		trace->backend->name, "address",
		addr_format(&trace->backend->addr, text, sizeof(text)));
}

static json_t *
show_next_hop(const struct port_table *ports, const struct trace *trace)
{
	const uint8_t *m = trace->mac;
	char mac[18];

	if (!trace->leaves)
		return json_null();
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
		m[5]);
	return json_pack("{s:s, s:s}", "port", ports->ports[trace->out_port].name, "mac", mac);
}

/* The end of the packet that leaves: an address, with a port if it has one. */
static json_t *
show_end(uint8_t family, const uint8_t *address, be16 port)
{
	struct endpoint end = {.port = be16_to(port)};
	char text[ENDPOINT_TEXT_SIZE];

	end.addr.family = family;
	memcpy(end.addr.bytes, address, sizeof(end.addr.bytes));
	if (end.port == 0)
		return json_string(addr_format(&end.addr, text, sizeof(text)));
	return json_string(endpoint_format(&end, text, sizeof(text)));
}

static json_t *
show_about(const struct trace *trace)
{
	char from[ENDPOINT_TEXT_SIZE], to[ENDPOINT_TEXT_SIZE];

	if (!trace->is_error)
		return json_null();
	return json_pack("{s:s, s:s}", "from",
		endpoint_format(&trace->about_from, from, sizeof(from)), "to",
		endpoint_format(&trace->about_to, to, sizeof(to)));
}

static json_t *
show_sent(const struct trace *trace)
{
	const struct parsed *sent = &trace->sent;

	if (!trace->leaves)
		return json_null();
	return json_pack("{s:i, s:o, s:o, s:o, s:I, s:b}", "protocol", (int)sent->l4_protocol,
		"from", show_end(sent->target.family, sent->key.client, sent->key.client_port),
		"to", show_end(sent->target.family, sent->target.address, sent->target.port),
		"about", show_about(trace), "bytes", (json_int_t)trace->size, "client_address",
		(int)trace->tells_client);
}

json_t *
show_trace(void *ctx, json_t *params, struct err *err)
{
	const struct dataplane *dataplane = ctx;
	const struct pipeline *pipelines[DATAPLANE_WORKERS_MAX];
	struct trace_scene scene = {
		.ports = &dataplane->port_table,
		.leases = dataplane->leases,
		.snapshot = dataplane->shared.snapshot,
		.pipelines = pipelines,
		.n_pipelines = dataplane->n_workers,
		.now_ns = clock_now_ns(),
	};
	struct trace_question question;
	struct trace trace;

	if (read_question(params, &question, err) < 0)
		return NULL;
	if (!scene.snapshot) {
		err_set(err, -EAGAIN, "the dataplane has no configuration yet");
		return NULL;
	}
	for (unsigned int w = 0; w < dataplane->n_workers; w++)
		pipelines[w] = worker_pipeline(dataplane->workers[w]);
	if (trace_run(&scene, &question, &trace) < 0) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	return json_pack("{s:s, s:o, s:o, s:o, s:s?, s:o, s:o, s:o, s:s, s:s}", "in_port",
		dataplane->port_table.ports[trace.in_port].name, "vip", show_vip(&trace), "service",
		show_service(&trace), "flow", show_flow(&trace), "choice", choices[trace.choice],
		"backend", show_backend(&trace), "next_hop",
		show_next_hop(&dataplane->port_table, &trace), "sent", show_sent(&trace), "verdict",
		verdict_name(trace.verdict), "meaning", verdict_help(trace.verdict));
}
