/* SPDX-License-Identifier: BSD-3-Clause */
/* POST /api/links: makes a short link.
 *
 * Without an Idempotency-Key, and for nobody, it is one INSERT. Else it is a transaction of up to
 * three steps: the key, which a repeated request finds and gets the answer of the first, and at
 * which two at the same time wait for each other; what the owner may still do; the link. So with a
 * key a lost connection can be repeated by us as well as by the client, and a repeated request
 * costs its owner nothing. */
#include "apptier/shortener/link_create.h"

#include "apptier/reply.h"
#include "apptier/shortener/link_owner.h"
#include "apptier/shortener/link_sql.h"
#include "common/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

LOG_MODULE("links");

#define TRIES_MAX 5

static const struct db_statement insert_link = {LINK_SQL_INSERT, 3};
static const struct db_statement insert_owned_link = {
	"INSERT INTO links (code, url, created_at, owner_id, title, permanent, expires_at) "
	"VALUES (?, ?, ?, ?, ?, ?, ?)",
	7};
static const struct db_statement insert_key = {
	"INSERT INTO idempotency_keys (idempotency_key, request_hash, code, created_at) "
	"VALUES (?, ?, ?, ?)",
	4};
static const struct db_statement select_key = {
	"SELECT k.request_hash, k.code, k.created_at, @@gtid_binlog_pos "
	"FROM idempotency_keys AS k WHERE k.idempotency_key = ?",
	1};

static void
reply_created(struct link_request *link, const char *created_at, const struct gtid *gtid)
{
	struct app *app = link->shortener->app;
	const struct link_fields *fields = &link->fields;
	const struct link_view view = {
		.code = link->code,
		.url = fields->url,
		.title = fields->title,
		.permanent = fields->permanent,
		.created_at = created_at,
		.expires_at = fields->expires_at[0] ? fields->expires_at : NULL,
	};

	reply_json(app, link->req, 201, link_view_to_json(&view, app_model(app)->app.public_url),
		gtid);
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
	/* The first answer may have been lost with its cookie, so this one has to carry it. */
	position = db_result_value(result, 0, 3);
	if (position->kind == DB_TEXT)
		gtid_parse(position->text, position->size, &gtid);
	link->shortener->n_replayed++;
	reply_created(link, db_result_value(result, 0, 2)->text, &gtid);
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

static const struct db_call *
link_call(struct link_request *link)
{
	const struct link_fields *fields = &link->fields;
	/* What was always there, and what costs the database nothing more. */
	bool plain = link->owner == LINK_OWNER_NONE && fields->given == LINK_FIELD_URL;

	link->values[0] = db_text(link->code);
	link->values[1] = db_text(fields->url);
	link->values[2] = db_text(link_request_now(link));
	link->values[3] = db_integer(link->owner);
	link->values[4] = db_text(fields->title);
	link->values[5] = db_integer(fields->permanent);
	link->values[6] = fields->expires_at[0] ? db_text(fields->expires_at)
						: (struct db_value){.kind = DB_NULL};
	link->call = (struct db_call){plain ? &insert_link : &insert_owned_link, link->values};
	return &link->call;
}

static const struct db_call *
key_call(struct link_request *link)
{
	link->values[0] = db_text(link->key);
	link->values[1] = db_text(link->hash);
	link->values[2] = db_text(link->code);
	link->values[3] = db_text(link_request_now(link));
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

/* Tries again, with another code where it was ours, where that is safe and of use; else answers. */
static void
fail(struct link_request *link, enum db_status status)
{
	end_transaction(link);
	if (status == DB_DUPLICATE && link->fields.code[0])
		reply_error(link->req, 409, "the code %s is taken; choose another one",
			link->fields.code);
	else if (may_try_again(link, status))
		link->attempt(link);
	else
		reply_db_failure(link->req, status);
}

static void
finish(struct link_request *link, const struct gtid *gtid)
{
	link->shortener->n_created++;
	reply_created(link, link_request_now(link), gtid);
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
on_charged(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	if (result->status != DB_OK) {
		fail(link, result->status);
	} else if (result->n_affected == 0) {
		end_transaction(link);
		link_owner_reply_limited(link);
	} else {
		db_tx_execute(link->tx, link_call(link), on_link_inserted, link);
	}
}

/* The key is stored, or there is none. */
static void
charge(struct link_request *link)
{
	if (link->owner != LINK_OWNER_NONE)
		db_tx_execute(link->tx, link_owner_charge(link), on_charged, link);
	else
		db_tx_execute(link->tx, link_call(link), on_link_inserted, link);
}

static void
on_key_inserted(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	if (result->status == DB_OK)
		charge(link);
	else if (result->status == DB_DUPLICATE)
		replay(link);
	else
		fail(link, result->status);
}

static void
on_begun(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	if (result->status != DB_OK)
		fail(link, result->status);
	else if (link->key[0])
		db_tx_execute(link->tx, key_call(link), on_key_inserted, link);
	else
		charge(link);
}

/* The answer to an INSERT without a transaction. */
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
	int rc = 0;

	if (link->fields.code[0])
		snprintf(link->code, sizeof(link->code), "%s", link->fields.code);
	else
		rc = link_code_generate(link->code);
	link->n_tries++;
	if (rc < 0) {
		LOG_LIMITED(LOG_ERROR, "the kernel gave no random bytes: %s", strerror(-rc));
		reply_error(link->req, 500, "the server has no random numbers");
		return;
	}
	if (link->key[0] || link->owner != LINK_OWNER_NONE)
		link->tx = db_begin(db, link->deadline_ns, on_begun, link);
	else
		link->job = db_write(db, link_call(link), link->deadline_ns, on_inserted, link);
	if (!link->tx && !link->job)
		reply_error(link->req, 500, "the server is out of memory");
}

/* The header's value, 1 to LINK_KEY_MAX visible characters. Returns false after having answered. */
static bool
read_key(struct link_request *link)
{
	const char *key = http_request_header(link->req, "Idempotency-Key");
	size_t length = 0;

	if (!key)
		return true;
	while (key[length] >= 0x21 && key[length] <= 0x7e)
		length++;
	if (length == 0 || length > LINK_KEY_MAX || key[length]) {
		reply_error(link->req, 400,
			"Idempotency-Key must have 1 to %d visible ASCII characters", LINK_KEY_MAX);
		return false;
	}
	memcpy(link->key, key, length + 1);
	return true;
}

/* What two requests with one key must have in common. */
static bool
set_hash(struct link_request *link)
{
	const struct link_fields *fields = &link->fields;
	char *text = NULL;
	size_t size;
	FILE *file;
	bool done;

	/* As the version before does: a request may be repeated at a node that has another one. */
	if (link->owner == LINK_OWNER_NONE && fields->given == LINK_FIELD_URL)
		return link_request_hash(fields->url, strlen(fields->url), link->hash);
	file = open_memstream(&text, &size);
	if (!file)
		return false;
	/* None of them has a line's end in it. */
	fprintf(file, "%" PRId64 "\n%s\n%s\n%s\n%d\n%s\n", link->owner, fields->url, fields->title,
		fields->code, fields->permanent, fields->expires_at);
	done = fclose(file) == 0 && link_request_hash(text, size, link->hash);
	free(text);
	return done;
}

/* Those could lead round in a circle. */
static bool
is_short_url(const char *public_url, const char *url)
{
	char own[LINK_HOST_SIZE], host[LINK_HOST_SIZE];
	const char *path = strstr(url, "://") + 3;

	path += strcspn(path, "/?#");
	if (strncmp(path, LINK_REDIRECT_PREFIX, sizeof(LINK_REDIRECT_PREFIX) - 1) != 0)
		return false;
	link_url_host(public_url, own);
	link_url_host(url, host);
	return strcmp(own, host) == 0;
}

bool
link_create_may_lead_to(struct link_request *link, const char *url)
{
	const struct shortener *shortener = link->shortener;
	const char *entry;

	if (is_short_url(app_model(shortener->app)->app.public_url, url)) {
		reply_error(link->req, 422,
			"url is a short link itself; give the address that it leads to");
		return false;
	}
	entry = refused_hosts_find(shortener->refused, url);
	if (!entry)
		return true;
	link->shortener->n_refused++;
	reply_error(link->req, 422, "links to %s are refused here", entry);
	return false;
}

static void
on_owner_known(struct link_request *link)
{
	if (link->owner == LINK_OWNER_NONE) {
		const char *why = NULL;

		if (!app_model(link->shortener->app)->app.links.anonymous)
			why = "making links needs a token; POST /api/owners gives one";
		else if (link->fields.code[0])
			why = "choosing a code needs a token; POST /api/owners gives one";
		if (why) {
			link_owner_reply_unknown(link->req, why);
			return;
		}
	}
	if (link->key[0] && !set_hash(link)) {
		reply_error(link->req, 500, "the server is out of memory");
		return;
	}
	link->attempt = attempt;
	attempt(link);
}

void
link_handle_create(struct http_request *req, void *ctx)
{
	struct link_request *link = link_request_new(req, ctx);
	const unsigned int allowed = LINK_FIELD_URL | LINK_FIELD_TITLE | LINK_FIELD_CODE |
				     LINK_FIELD_PERMANENT | LINK_FIELD_EXPIRES;

	if (!link || !read_key(link) || !link_request_read_fields(link, allowed))
		return;
	if (!(link->fields.given & LINK_FIELD_URL)) {
		reply_error(req, 422, "the member \"url\" is missing");
		return;
	}
	if (link_create_may_lead_to(link, link->fields.url))
		link_owner_find(link, on_owner_known);
}
