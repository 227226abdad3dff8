/* SPDX-License-Identifier: BSD-3-Clause */
/* Owners of links; see link_owner.h. */
#include "apptier/shortener/link_owner.h"

#include "apptier/reply.h"
#include "common/hex.h"
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>

LOG_MODULE("owners");

#define TOKEN_BYTES 32
#define TOKEN_LENGTH 64 /* In hexadecimal. */
#define SCHEME "Bearer"
#define US_PER_MINUTE 60000000
#define US_PER_S 1000000

static_assert(TOKEN_LENGTH == 2 * TOKEN_BYTES, "two digits a byte");
static_assert(TOKEN_LENGTH <= LINK_KEY_MAX, "a new token is kept where keys are");

static const struct db_statement select_owner = {"SELECT id FROM owners WHERE token_hash = ?", 1};
static const struct db_statement insert_owner = {
	"INSERT INTO owners (token_hash, created_at, busy_until) VALUES (?, ?, UTC_TIMESTAMP(6))",
	2};

/* Each write costs a step of time, and at most a burst of them may be owed (GCRA). The clock is the
 * database's: those of the app nodes may differ. */
static const struct db_statement charge_owner = {
	"UPDATE owners SET busy_until = GREATEST(busy_until, UTC_TIMESTAMP(6)) "
	"+ INTERVAL ? MICROSECOND "
	"WHERE id = ? AND busy_until <= UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND",
	3};

static const struct links_config *
config_of(const struct link_request *link)
{
	return &app_model(link->shortener->app)->app.links;
}

static int64_t
step_us(const struct link_request *link)
{
	return US_PER_MINUTE / config_of(link)->owner_writes_per_minute;
}

/* An error with one more header field. */
static void
reply_with(struct http_request *req, unsigned int status, const struct http_header *more,
	const char *message)
{
	const struct http_header headers[] = {
		{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}, *more};
	json_t *body = json_pack("{s:s}", "error", message);
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	json_decref(body);
	if (text)
		http_respond_given(req, status, headers, 3, text, strlen(text));
	else
		reply_error(req, 500, "the server is out of memory");
}

void
link_owner_reply_unknown(struct http_request *req, const char *why)
{
	/* RFC 6750 3. */
	const struct http_header challenge = {"WWW-Authenticate", SCHEME};

	reply_with(req, 401, &challenge, why);
}

void
link_owner_reply_limited(struct link_request *link)
{
	char message[160], seconds[24];
	const struct http_header retry = {"Retry-After", seconds};

	link->shortener->n_limited++;
	snprintf(seconds, sizeof(seconds), "%" PRId64, (step_us(link) + US_PER_S - 1) / US_PER_S);
	snprintf(message, sizeof(message),
		"an owner may make or change %" PRIu32
		" links a minute; nothing was changed, come back after %s s",
		config_of(link)->owner_writes_per_minute, seconds);
	reply_with(link->req, 429, &retry, message);
}

/* The token of the request (RFC 6750 2.1), or NULL if it has none that could be one of ours. */
static const char *
find_token(const struct http_request *req)
{
	const char *value = http_request_header(req, "Authorization");
	size_t length = 0;

	if (!value || strncasecmp(value, SCHEME " ", sizeof(SCHEME)) != 0)
		return NULL;
	value += sizeof(SCHEME);
	value += strspn(value, " ");
	while (hex_value(value[length]) >= 0)
		length++;
	return length == TOKEN_LENGTH && !value[length] ? value : NULL;
}

static void
on_owner(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	link->job = NULL;
	if (result->status == DB_OK && result->n_rows > 0) {
		link->owner = db_result_value(result, 0, 0)->integer;
		link->from_primary = false;
		link->owner_known(link);
		return;
	}
	/* Who has just become an owner is not known to every replica yet. */
	if (result->status == DB_OK && !link->from_primary &&
		db_is_writable(app_db(link->shortener->app))) {
		link->from_primary = true;
		link_request_read(link, &select_owner, on_owner);
		return;
	}
	/* The replica has answered; that the primary cannot confirm it changes nothing. */
	if (result->status == DB_OK || (link->from_primary && result->status == DB_UNAVAILABLE))
		link_owner_reply_unknown(link->req, "nobody has this token");
	else
		reply_db_failure(link->req, result->status);
}

bool
link_owner_is_told(const struct http_request *req)
{
	return http_request_header(req, "Authorization");
}

void
link_owner_find(struct link_request *link, void (*then)(struct link_request *link))
{
	const char *token;

	if (!link_owner_is_told(link->req)) {
		then(link);
		return;
	}
	token = find_token(link->req);
	if (!token) {
		link_owner_reply_unknown(link->req,
			"Authorization must be 'Bearer' and a token from POST /api/owners");
		return;
	}
	if (!link_request_hash(token, TOKEN_LENGTH, link->hash)) {
		reply_error(link->req, 500, "the server is out of memory");
		return;
	}
	link->owner_known = then;
	link->from_primary = false;
	link->values[0] = db_text(link->hash);
	link_request_read(link, &select_owner, on_owner);
}

const struct db_call *
link_owner_charge(struct link_request *link)
{
	link->values[0] = db_integer(step_us(link));
	link->values[1] = db_integer(link->owner);
	link->values[2] = db_integer(step_us(link) * (config_of(link)->owner_burst - 1));
	link->call = (struct db_call){&charge_owner, link->values};
	return &link->call;
}

static void
on_inserted(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;
	char created[LINK_TIME_SIZE];

	link->job = NULL;
	if (result->status != DB_OK) {
		reply_db_failure(link->req, result->status);
		return;
	}
	link->shortener->n_owners++;
	link_time_format(link_request_now(link), created);
	/* The one time that anybody but its holder sees it. */
	reply_json(link->shortener->app, link->req, 201,
		json_pack("{s:s, s:s}", "token", link->key, "created", created), &result->gtid);
}

void
link_owner_handle_create(struct http_request *req, void *ctx)
{
	struct link_request *link = link_request_new(req, ctx);
	unsigned char bytes[TOKEN_BYTES];

	if (!link)
		return;
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
		LOG_LIMITED(LOG_ERROR, "the kernel gave no random bytes: %s", strerror(errno));
		reply_error(req, 500, "the server has no random numbers");
		return;
	}
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(link->key + 2 * i, 3, "%02x", bytes[i]);
	if (!link_request_hash(link->key, TOKEN_LENGTH, link->hash)) {
		reply_error(req, 500, "the server is out of memory");
		return;
	}
	link->values[0] = db_text(link->hash);
	link->values[1] = db_text(link_request_now(link));
	link->call = (struct db_call){&insert_owner, link->values};
	link->job = db_write(
		app_db(link->shortener->app), &link->call, link->deadline_ns, on_inserted, link);
	if (!link->job)
		reply_error(req, 500, "the server is out of memory");
}
