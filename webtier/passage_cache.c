/* SPDX-License-Identifier: BSD-3-Clause */
/* Passages and the cache; see passage_cache.h. What clients get from it is in passage_stored.c. */
#include "webtier/passage_cache.h"

#include "common/clock.h"
#include "webtier/passage_spares.h"
#include "webtier/passage_stored.h"
#include "webtier/proxy_headers.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#define BUCKETS 256u
#define HOST_SIZE 272
#define NAME_SIZE 1024

TAILQ_HEAD(waiters, passage);

/* A response that is on its way, and who waits for it. */
struct passage_fetch {
	LIST_ENTRY(passage_fetch) in_bucket;
	struct waiters waiters;
	char key[];
};

struct passage_fetches {
	LIST_HEAD(, passage_fetch) buckets[BUCKETS];
};

int
passage_fetches_new(struct passage_fetches **out)
{
	*out = calloc(1, sizeof(**out)); /* Lists that are zeros are empty. */
	return *out ? 0 : -ENOMEM;
}

void
passage_fetches_free(struct passage_fetches *fetches)
{
	free(fetches);
}

/* --- Keys --- */

/* "https://host/path?query" as the app node sees it. Returns false if there is none. */
static bool
make_key(struct passage *passage)
{
	const char *site = passage->proxy->model->site;
	const struct http_request *req = passage->req;
	char host[HOST_SIZE];

	free(passage->key);
	passage->key = NULL;
	if (!proxy_find_host(req, site ? site : "localhost", host, sizeof(host)))
		return false;
	for (char *at = host; *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
	if (asprintf(&passage->key, "%s://%s%s", http_request_is_tls(req) ? "https" : "http", host,
		    proxy_target_path(http_request_target(req))) < 0)
		passage->key = NULL;
	return passage->key != NULL;
}

static unsigned int
bucket_of(const char *key)
{
	unsigned int hash = 0;

	for (; *key != '\0'; key++)
		hash = hash * 31 + (unsigned char)*key;
	return hash % BUCKETS;
}

static struct passage_fetch *
find_fetch(const struct passage_fetches *fetches, const char *key)
{
	struct passage_fetch *fetch;

	LIST_FOREACH(fetch, &fetches->buckets[bucket_of(key)], in_bucket)
	if (strcmp(fetch->key, key) == 0)
		return fetch;
	return NULL;
}

/* Makes the passage the one that others wait for; without memory nobody does. */
static void
lead(struct passage *passage)
{
	struct passage_fetches *fetches = passage->proxy->fetches;
	size_t size = strlen(passage->key) + 1;
	struct passage_fetch *fetch = malloc(sizeof(*fetch) + size);

	if (!fetch)
		return;
	memcpy(fetch->key, passage->key, size);
	TAILQ_INIT(&fetch->waiters);
	LIST_INSERT_HEAD(&fetches->buckets[bucket_of(fetch->key)], fetch, in_bucket);
	passage->fetch = fetch;
}

/* Those who have waited look again, and if what they want is not there ask for it themselves. */
static void
release(struct passage *passage)
{
	struct passage_fetch *fetch = passage->fetch;
	struct passage *waiter;

	if (!fetch)
		return;
	passage->fetch = NULL;
	LIST_REMOVE(fetch, in_bucket);
	while ((waiter = TAILQ_FIRST(&fetch->waiters)) != NULL) {
		TAILQ_REMOVE(&fetch->waiters, waiter, in_fetch);
		waiter->awaited = NULL;
		passage_start(waiter);
	}
	free(fetch);
}

/* The client of who fetches has gone: the next one fetches. */
static void
hand_over(struct passage *passage)
{
	struct passage_fetch *fetch = passage->fetch;
	struct passage *next = TAILQ_FIRST(&fetch->waiters);

	if (!next) {
		release(passage);
		return;
	}
	TAILQ_REMOVE(&fetch->waiters, next, in_fetch);
	passage->fetch = NULL;
	next->awaited = NULL;
	next->fetch = fetch;
	next->is_for_cache = next->is_unconditional = true;
	passage_start(next);
}

/* --- Beginning --- */

static void
collect_control(void *ctx, const char *name, const char *value)
{
	if (strcasecmp(name, "Cache-Control") == 0)
		cache_control_add(ctx, value);
}

static bool
says_who_asks(const struct http_request *req)
{
	char name[NAME_SIZE];

	return http_request_header(req, "Authorization") ||
	       http_request_client_name(req, name, sizeof(name));
}

/* Requests for a part, or that depend on what the origin has now, are the origin's. */
static bool
is_for_origin(const struct http_request *req)
{
	static const char *const fields[] = {
		"Range", "If-Range", "If-Match", "If-Unmodified-Since", "Upgrade"};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (http_request_header(req, fields[i]))
			return true;
	return http_request_body_size(req) != 0;
}

static bool
bypass(struct passage *passage, const char *why)
{
	passage->forward = why;
	passage->is_for_cache = false;
	cache_stats(passage->proxy->cache)->n_bypassed++;
	return false;
}

/* The response is to be had from a node. Returns true if the passage has been answered or waits. */
static bool
miss(struct passage *passage, const struct cache_control *control, const char *why)
{
	struct cache_stats *stats = cache_stats(passage->proxy->cache);
	struct passage_fetch *fetch = find_fetch(passage->proxy->fetches, passage->key);
	bool is_head = http_request_method(passage->req) == HTTP_METHOD_HEAD;

	if (control->only_if_cached) {
		passage->forward = NULL;
		passage_stored_refuse(passage);
		return true;
	}
	if (control->no_store)
		return bypass(passage, "request");
	passage->forward = why;
	if (!is_head && fetch && !control->no_cache && !passage->has_waited) {
		stats->n_collapsed++;
		passage->has_waited = true;
		passage->awaited = fetch;
		TAILQ_INSERT_TAIL(&fetch->waiters, passage, in_fetch);
		return true;
	}
	stats->n_misses++;
	passage->is_for_cache = passage->is_unconditional = !is_head;
	if (!is_head && !fetch)
		lead(passage);
	return false;
}

/* Beyond its time. Returns true if there is nothing more to do. */
static bool
use_stale(struct passage *passage, struct cache_entry *entry, const struct cache_control *control,
	uint32_t over_s)
{
	if (over_s >= entry->lifetime.while_revalidate_s || control->no_cache) {
		cache_unref(passage->stale);
		passage->stale = entry;
		return miss(passage, control, "stale");
	}
	passage_stored_answer(passage, entry, NULL);
	if (entry->is_refreshing || http_request_method(passage->req) != HTTP_METHOD_GET) {
		cache_unref(entry);
		return true;
	}
	entry->is_refreshing = true;
	passage->refreshed = entry;
	passage->is_for_cache = passage->is_unconditional = true;
	return false;
}

static bool
use(struct passage *passage, struct cache_entry *entry, const struct cache_control *control)
{
	const struct cache_lifetime *lifetime = &entry->lifetime;
	uint32_t age_s = cache_entry_age_s(entry, clock_now_ns());
	bool is_too_old = control->max_age_s >= 0 && age_s > (uint32_t)control->max_age_s;

	if (entry->is_pass && age_s < lifetime->fresh_s) {
		cache_unref(entry);
		bypass(passage, "uri-miss");
		passage->is_for_cache = !control->no_store; /* It may be another now. */
		return false;
	}
	if (entry->is_pass || is_too_old) {
		cache_unref(entry);
		return miss(passage, control, is_too_old ? "request" : "uri-miss");
	}
	if (passage->is_authorized && !lifetime->is_for_authorized) {
		cache_unref(entry);
		return bypass(passage, "bypass");
	}
	if (age_s >= lifetime->fresh_s)
		return use_stale(passage, entry, control, age_s - lifetime->fresh_s);
	passage_stored_answer(passage, entry, NULL);
	cache_unref(entry);
	return true;
}

bool
passage_cache_begin(struct passage *passage)
{
	struct cache *cache = passage->proxy->cache;
	const struct http_request *req = passage->req;
	enum http_method method = http_request_method(req);
	const char *pragma = http_request_header(req, "Pragma");
	struct cache_control control;
	struct cache_entry *entry = NULL;
	bool has_key = false;

	if (method != HTTP_METHOD_GET && method != HTTP_METHOD_HEAD)
		return bypass(passage, "method");
	if (is_for_origin(req) || !make_key(passage))
		return bypass(passage, "bypass");
	cache_control_init(&control);
	http_request_each_header(req, collect_control, &control);
	if (pragma && header_list_has(pragma, "no-cache"))
		control.no_cache = true;
	passage->is_authorized = says_who_asks(req);
	passage->change = cache_change(cache, passage->key);
	if (!control.no_cache)
		entry = cache_find(cache, passage->key, passage_stored_value, req, &has_key);
	if (entry)
		return use(passage, entry, &control);
	return miss(passage, &control,
		control.no_cache ? "request"
		: has_key        ? "vary-miss"
				 : "uri-miss");
}

/* --- Storing --- */

static void
stop_storing(struct passage *passage)
{
	cache_unref(passage->storing);
	passage->storing = NULL;
	byte_queue_clear(&passage->stored);
}

/* The response will not be kept: nobody need wait for it. */
static void
give_up(struct passage *passage, bool is_remembered)
{
	stop_storing(passage);
	passage->is_for_cache = false;
	if (is_remembered)
		cache_put_pass(passage->proxy->cache, passage->key, clock_now_ns());
	release(passage);
}

/* Fields of requests that app nodes do not get as clients send them cannot tell variants apart. */
static bool
may_vary_by(const char *vary)
{
	while (*(vary += strspn(vary, " \t,")) != '\0') {
		size_t size = strcspn(vary, " \t,");
		char name[64];

		if (size >= sizeof(name))
			return false;
		memcpy(name, vary, size);
		name[size] = '\0';
		if (!request_field_passes(name, NULL))
			return false;
		vary += size;
	}
	return true;
}

static bool
set_variant(struct passage *passage, struct cache_entry *entry)
{
	const struct cache_entry *former = passage->refreshed;
	const char *vary = entry->lifetime.vary;

	entry->lifetime.vary = NULL; /* The head will not live as long. */
	if (!vary)
		return true;
	if (!may_vary_by(vary))
		return false;
	if (passage->req)
		return cache_entry_vary(entry, vary, passage_stored_value, passage->req);
	/* The client has gone, but what is refreshed was for the same request. */
	return former->vary && strcmp(former->vary, vary) == 0 &&
	       (entry->vary = strdup(vary)) != NULL &&
	       (entry->variant = strdup(former->variant)) != NULL;
}

static struct cache_entry *
make_entry(struct passage *passage, const struct response_head *head)
{
	uint64_t delay_ns = clock_now_ns() - passage->asked_ns;
	struct http_header headers[RESPONSE_FIELDS_MAX];
	struct cache_lifetime lifetime;
	struct cache_entry *entry;

	if (!cache_may_store(head, passage->is_authorized, time(NULL),
		    (uint32_t)(delay_ns / NS_PER_S), &lifetime) ||
		head->body_size > (int64_t)cache_max_object(passage->proxy->cache))
		return NULL;
	entry = cache_entry_new(
		passage->key, head->status, headers, proxy_filter_response(head, headers));
	if (!entry)
		return NULL;
	entry->lifetime = lifetime;
	entry->change = passage->change;
	if (set_variant(passage, entry))
		return entry;
	cache_unref(entry);
	return NULL;
}

static bool
is_trouble(unsigned int status)
{
	return status == 500 || (status >= 502 && status <= 504); /* RFC 5861, section 4 */
}

static bool
is_safe(enum http_method method)
{
	return method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD ||
	       method == HTTP_METHOD_OPTIONS; /* RFC 9110, section 9.2.1 */
}

static void
take_head(struct passage *passage, const struct response_head *head)
{
	passage->has_head = true;
	if (passage->is_for_cache) {
		passage->storing = make_entry(passage, head);
		if (!passage->storing)
			give_up(passage, !is_trouble(head->status));
		return;
	}
	/* RFC 9111, section 4.4: what changes a resource ends what is known of it. */
	if (head->status < 400 && passage->req && !is_safe(http_request_method(passage->req)) &&
		make_key(passage))
		cache_forget(passage->proxy->cache, passage->key);
}

void
passage_cache_take(struct passage *passage)
{
	const struct response_head *head =
		response_parser_head(upstream_conn_response(passage->conn));
	size_t n_come = passage->n_given + byte_queue_size(&passage->in);
	size_t n_new = n_come - passage->n_taken;
	const char *end = byte_queue_data(&passage->in) + byte_queue_size(&passage->in);

	if (!head)
		return;
	if (!passage->has_head)
		take_head(passage, head);
	if (!passage->storing || n_new == 0)
		return;
	passage->n_taken = n_come;
	if (byte_queue_size(&passage->stored) + n_new > cache_max_object(passage->proxy->cache) ||
		!byte_queue_append(&passage->stored, end - n_new, n_new))
		give_up(passage, true);
}

void
passage_cache_end(struct passage *passage, bool is_whole)
{
	struct cache_entry *entry = passage->storing;

	passage->storing = NULL;
	if (entry && is_whole)
		cache_put(passage->proxy->cache, entry, &passage->stored, clock_now_ns());
	else
		cache_unref(entry);
	byte_queue_clear(&passage->stored);
	if (passage->refreshed) {
		passage->refreshed->is_refreshing = false;
		cache_unref(passage->refreshed);
		passage->refreshed = NULL;
	}
	release(passage);
}

void
passage_cache_leave(struct passage *passage)
{
	if (passage->awaited)
		TAILQ_REMOVE(&passage->awaited->waiters, passage, in_fetch);
	passage->awaited = NULL;
	if (passage->fetch) {
		stop_storing(passage);
		hand_over(passage);
	}
	cache_unref(passage->stale);
	cache_unref(passage->served);
	passage->stale = NULL;
	passage->served = NULL;
}

bool
passage_cache_answer_stale(struct passage *passage, unsigned int status)
{
	struct cache_entry *entry = passage->stale;
	uint32_t over_s;

	if (!entry || !is_trouble(status))
		return false;
	over_s = cache_entry_age_s(entry, clock_now_ns()) - entry->lifetime.fresh_s;
	if (over_s >= entry->lifetime.if_error_s)
		return false;
	passage_stored_answer(passage, entry, "stale");
	return true;
}

size_t
passage_cache_mark(struct passage *passage, struct http_header *headers, size_t n_headers)
{
	if (!passage->proxy->cache || !passage->forward)
		return n_headers;
	snprintf(passage->cache_status, sizeof(passage->cache_status), "weir; fwd=%s%s",
		passage->forward, passage->storing ? "; stored" : "");
	headers[n_headers] = (struct http_header){"Cache-Status", passage->cache_status};
	return n_headers + 1;
}

void
passage_cache_fini(struct passage *passage)
{
	passage_cache_leave(passage);
	passage_cache_end(passage, false);
	free(passage->key);
	passage->key = NULL;
}
