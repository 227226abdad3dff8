/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers from the cache; see passage_stored.h. */
#include "webtier/passage_stored.h"

#include "common/clock.h"
#include "webtier/conditional.h"
#include "webtier/passage_answer.h"
#include "webtier/passage_spares.h"
#include "webtier/proxy_headers.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COPIED_MAX 16384u /* Longer bodies are sent from where they are. */

static const char *
find_header(const struct cache_entry *entry, const char *name)
{
	for (size_t i = 0; i < entry->n_headers; i++)
		if (strcasecmp(entry->headers[i].name, name) == 0)
			return entry->headers[i].value;
	return NULL;
}

/* If-None-Match compares weakly (RFC 9110, section 13.1.2), so that a weak tag will do. */
static bool
is_with_client(const struct http_request *req, const struct cache_entry *entry)
{
	const struct conditions conditions = {
		.if_none_match = http_request_header(req, "If-None-Match"),
		.if_modified_since = http_request_header(req, "If-Modified-Since"),
	};
	const char *etag = find_header(entry, "ETag");
	const char *modified = find_header(entry, "Last-Modified");
	struct validators validators = {.etag = etag ? etag : ""};

	if (entry->status != 200)
		return false;
	if (conditions.if_none_match && !etag)
		return false;
	if (!conditions.if_none_match &&
		(!modified || !http_date_parse(modified, &validators.last_modified)))
		return false;
	if (etag && strncmp(etag, "W/", 2) == 0)
		validators.etag = etag + 2;
	return conditional_evaluate(&conditions, &validators) == CONDITIONAL_NOT_MODIFIED;
}

static ssize_t
read_stored(void *ctx, char *buf, size_t size)
{
	struct passage *passage = ctx;
	const struct cache_entry *entry = passage->served;
	size_t left = entry->size - passage->n_served;

	if (left == 0)
		return HTTP_SOURCE_END;
	if (size > left)
		size = left;
	memcpy(buf, entry->body + passage->n_served, size);
	passage->n_served += size;
	return (ssize_t)size;
}

static const struct http_source stored_source = {.read = read_stored};

void
passage_stored_answer(struct passage *passage, struct cache_entry *entry, const char *forward)
{
	struct cache_stats *stats = cache_stats(passage->proxy->cache);
	uint32_t age_s = cache_entry_age_s(entry, clock_now_ns());
	int64_t ttl_s = (int64_t)entry->lifetime.fresh_s - age_s;
	struct http_header headers[RESPONSE_FIELDS_MAX + 2];
	size_t n = entry->n_headers;
	char age[16];

	assert(!passage->is_answered);
	passage->is_answered = true;
	stats->n_hits++;
	stats->n_stale += ttl_s <= 0;
	memcpy(headers, entry->headers, n * sizeof(headers[0]));
	snprintf(age, sizeof(age), "%u", age_s);
	if (!forward && passage->has_waited)
		forward = "uri-miss; collapsed";
	snprintf(passage->cache_status, sizeof(passage->cache_status), "weir; %s%s; ttl=%lld",
		forward ? "fwd=" : "hit", forward ? forward : "", (long long)ttl_s);
	headers[n++] = (struct http_header){"Age", age};
	headers[n++] = (struct http_header){"Cache-Status", passage->cache_status};
	if (is_with_client(passage->req, entry)) {
		http_respond(passage->req, 304, headers, n, NULL, 0);
	} else if (entry->size <= COPIED_MAX) {
		http_respond(passage->req, entry->status, headers, n, entry->body, entry->size);
	} else {
		passage->served = cache_ref(entry);
		http_respond_source(passage->req, entry->status, headers, n, (int64_t)entry->size,
			&stored_source, passage);
	}
}

void
passage_stored_refuse(struct passage *passage)
{
	passage_answer_error(passage, 504, "this is not in the cache");
}

struct value {
	struct byte_queue text;
	const char *name;
	bool is_good;
};

static void
collect_value(void *ctx, const char *name, const char *text)
{
	struct value *value = ctx;

	if (strcasecmp(name, value->name) != 0)
		return;
	if (byte_queue_size(&value->text) > 0)
		value->is_good &= byte_queue_append_text(&value->text, ", ");
	value->is_good &= byte_queue_append_text(&value->text, text);
}

char *
passage_stored_value(const void *request, const char *name)
{
	const struct http_request *req = request;
	struct value value = {.name = name, .is_good = true};

	byte_queue_init(&value.text);
	if (request_field_passes(name, http_request_header(req, "Connection")))
		http_request_each_header(req, collect_value, &value);
	if (value.is_good && byte_queue_append(&value.text, "", 1))
		return byte_queue_take(&value.text);
	byte_queue_fini(&value.text);
	return NULL;
}
