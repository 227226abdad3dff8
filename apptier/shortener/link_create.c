/* SPDX-License-Identifier: BSD-3-Clause */
/* POST /api/links: makes a short link.
 *
 * Without an Idempotency-Key it is one INSERT. With one, the key and the link are stored in one
 * transaction: a repeated request finds the key and gets the answer of the first, and two at the
 * same time wait for each other on the key's row. So with a key a lost connection can be repeated
 * by us as well as by the client. */
#include "apptier/reply.h"
#include "apptier/shortener/link_request.h"
#include "common/log.h"

#include <stdio.h>
#include <strings.h>
#include <time.h>

#include <openssl/evp.h>

LOG_MODULE("links");

#define TRIES_MAX 5

static const struct db_statement insert_link = {
	"INSERT INTO links (code, url, created_at) VALUES (?, ?, ?)", 3};
static const struct db_statement insert_key = {
	"INSERT INTO idempotency_keys (idempotency_key, request_hash, code, created_at) "
	"VALUES (?, ?, ?, ?)",
	4};
static const struct db_statement select_key = {
	"SELECT k.request_hash, k.code, k.created_at, @@gtid_binlog_pos "
	"FROM idempotency_keys AS k WHERE k.idempotency_key = ?",
	1};

static void
reply_created(struct link_request *link, const struct gtid *gtid)
{
	struct shortener *shortener = link->shortener;

	reply_json(shortener->app, link->req, 201,
		link_to_json(shortener, link->code, link->url, 0, link->created_at), gtid);
}

static void
on_key_found(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;
	const struct db_value *position;
	struct gtid gtid = {0};

	link->job = NULL;
	if (result->status != DB_OK) {
		reply_db_failure(link->req, result->status);
		return;
	}
	if (result->n_rows == 0) {
		/* The transaction that we collided with is gone again, or the key was too old. */
		reply_db_failure(link->req, DB_CONFLICT);
		return;
	}
	if (strcmp(db_result_value(result, 0, 0)->text, link->hash) != 0) {
		reply_error(link->req, 422,
			"this Idempotency-Key was used for another request; use a new key for each "
			"link");
		return;
	}
	snprintf(link->code, sizeof(link->code), "%s", db_result_value(result, 0, 1)->text);
	snprintf(link->created_at, sizeof(link->created_at), "%s",
		db_result_value(result, 0, 2)->text);
	/* The first answer may have been lost with its cookie, so this one has to carry it. */
	position = db_result_value(result, 0, 3);
	if (position->kind == DB_TEXT)
		gtid_parse(position->text, position->size, &gtid);
	link->shortener->n_replayed++;
	reply_created(link, &gtid);
}

static void
end_transaction(struct link_request *link)
{
	db_tx_rollback(link->tx);
	link->tx = NULL;
}

/* The key is there: answers what was answered then. */
static void
replay(struct link_request *link)
{
	end_transaction(link);
	link->from_primary = true; /* A replica may not have it yet. */
	link->values[0] = db_text(link->key);
	link_request_read(link, &select_key, on_key_found);
}

/* Values of 'insert_link'. */
static const struct db_call *
link_call(struct link_request *link)
{
	link->values[0] = db_text(link->code);
	link->values[1] = db_text(link->url);
	link->values[2] = db_text(link->created_at);
	link->call = (struct db_call){&insert_link, link->values};
	return &link->call;
}

static const struct db_call *
key_call(struct link_request *link)
{
	link->values[0] = db_text(link->key);
	link->values[1] = db_text(link->hash);
	link->values[2] = db_text(link->code);
	link->values[3] = db_text(link->created_at);
	link->call = (struct db_call){&insert_key, link->values};
	return &link->call;
}

static bool
may_try_again(const struct link_request *link, enum db_status status)
{
	if (link->n_tries >= TRIES_MAX)
		return false;
	/* Lost while it was stored: only the key can tell whether it was. */
	return status == DB_DUPLICATE || status == DB_CONFLICT ||
	       (status == DB_UNKNOWN && link->key[0]);
}

/* Tries again with another code where that is safe and of use, else answers. */
static void
fail(struct link_request *link, enum db_status status)
{
	end_transaction(link);
	if (may_try_again(link, status))
		link->attempt(link);
	else
		reply_db_failure(link->req, status);
}

static void
finish(struct link_request *link, const struct gtid *gtid)
{
	link->shortener->n_created++;
	reply_created(link, gtid);
}

static void
on_committed(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	if (result->status != DB_OK) {
		fail(link, result->status);
		return;
	}
	link->tx = NULL;
	finish(link, &result->gtid);
}

static void
on_link_inserted(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	if (result->status == DB_OK)
		db_tx_commit(link->tx, on_committed, link);
	else
		fail(link, result->status);
}

static void
on_key_inserted(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	if (result->status == DB_OK)
		db_tx_execute(link->tx, link_call(link), on_link_inserted, link);
	else if (result->status == DB_DUPLICATE)
		replay(link);
	else
		fail(link, result->status);
}

static void
on_begun(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	if (result->status == DB_OK)
		db_tx_execute(link->tx, key_call(link), on_key_inserted, link);
	else
		fail(link, result->status);
}

/* The answer to the INSERT of a request without a key. */
static void
on_inserted(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	link->job = NULL;
	if (result->status == DB_OK)
		finish(link, &result->gtid);
	else
		fail(link, result->status);
}

static void
attempt(struct link_request *link)
{
	struct db *db = app_db(link->shortener->app);
	int rc = link_code_generate(link->code);

	link->n_tries++;
	if (rc < 0) {
		LOG_LIMITED(LOG_ERROR, "the kernel gave no random bytes: %s", strerror(-rc));
		reply_error(link->req, 500, "the server has no random numbers");
		return;
	}
	if (link->key[0])
		link->tx = db_begin(db, link->deadline_ns, on_begun, link);
	else
		link->job = db_write(db, link_call(link), link->deadline_ns, on_inserted, link);
	if (!link->tx && !link->job)
		reply_error(link->req, 500, "the server is out of memory");
}

static bool
is_json(const char *content_type)
{
	static const char json[] = "application/json";
	const size_t length = sizeof(json) - 1;

	return content_type && strncasecmp(content_type, json, length) == 0 &&
	       (content_type[length] == '\0' || content_type[length] == ';' ||
		       content_type[length] == ' ');
}

/* Takes the URL out of the body. Returns 0, or the status to answer with 'err' set. */
static unsigned int
parse_body(struct link_request *link, struct err *err)
{
	const char *key, *url = NULL;
	json_error_t where;
	json_t *body, *value;
	size_t size, url_size = 0;
	const char *text = http_request_body(link->req, &size);

	body = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
	if (!body) {
		err_set(err, 0, "the body is not JSON: line %d, column %d: %s", where.line,
			where.column, where.text);
		return 400;
	}
	err->text[0] = '\0';
	json_object_foreach(body, key, value)
	{
		if (strcmp(key, "url") != 0)
			err_set(err, 0, "only the member \"url\" is known");
	}
	value = json_object_get(body, "url");
	if (!json_is_object(body))
		err_set(err, 0,
			"the body must be an object like {\"url\": \"https://example.org/\"}");
	else if (!value)
		err_set(err, 0, "the member \"url\" is missing");
	else if (!json_is_string(value))
		err_set(err, 0, "\"url\" must be a string");
	else if (!err->text[0]) {
		url = json_string_value(value);
		url_size = json_string_length(value);
		if (link_url_check(url, url_size, err) == 0)
			memcpy(link->url, url, url_size + 1);
	}
	json_decref(body);
	return err->text[0] ? 422 : 0;
}

/* The header's value, 1 to LINK_KEY_MAX visible characters. As parse_body(). */
static unsigned int
parse_key(struct link_request *link, struct err *err)
{
	const char *key = http_request_header(link->req, "Idempotency-Key");
	size_t length = key ? strlen(key) : 0;

	for (size_t i = 0; i < length; i++) {
		if (key[i] < 0x21 || key[i] > 0x7e)
			length = LINK_KEY_MAX + 1;
	}
	if (key && (length == 0 || length > LINK_KEY_MAX)) {
		err_set(err, 0, "Idempotency-Key must have 1 to %d visible ASCII characters",
			LINK_KEY_MAX);
		return 400;
	}
	if (key)
		memcpy(link->key, key, length + 1);
	return 0;
}

static void
set_time(struct link_request *link)
{
	struct timespec now;
	struct tm tm;
	size_t length;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	length = strftime(link->created_at, sizeof(link->created_at), "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(link->created_at + length, sizeof(link->created_at) - length, ".%03ld",
		now.tv_nsec / 1000000);
}

static bool
set_hash(struct link_request *link)
{
	unsigned char digest[32];

	if (!EVP_Digest(link->url, strlen(link->url), digest, NULL, EVP_sha256(), NULL))
		return false;
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(link->hash + 2 * i, 3, "%02x", digest[i]);
	return true;
}

void
link_handle_create(struct http_request *req, void *ctx)
{
	struct link_request *link = link_request_new(req, ctx);
	unsigned int status;
	struct err err = {""};

	if (!link)
		return;
	if (!is_json(http_request_header(req, "Content-Type"))) {
		reply_error(req, 415, "Content-Type must be application/json");
		return;
	}
	status = parse_key(link, &err);
	if (status == 0)
		status = parse_body(link, &err);
	if (status != 0) {
		reply_error(req, status, "%s", err.text);
		return;
	}
	if (link->key[0] && !set_hash(link)) {
		reply_error(req, 500, "the server is out of memory");
		return;
	}
	set_time(link);
	link->attempt = attempt;
	attempt(link);
}
