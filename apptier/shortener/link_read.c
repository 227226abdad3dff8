/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading one link; see link_read.h.
 *
 * A link that a replica does not know may just have been made by somebody else, so "not found" is
 * said only after the primary has been asked, if there is one. What has an owner is shown to it
 * alone; where it leads, and the QR code of that, to everybody. */
#include "apptier/shortener/link_read.h"

#include "apptier/reply.h"
#include "apptier/shortener/link_days.h"
#include "apptier/shortener/link_owner.h"
#include "apptier/shortener/link_qr.h"
#include "apptier/shortener/link_sql.h"

#include <stdio.h>

static const struct db_statement select_target = {
	"SELECT url, permanent, expires_at, deleted_at IS NOT NULL FROM links WHERE code = ?", 1};
static const struct db_statement select_link = {LINK_SQL_SELECT, 1};

enum { /* Columns of select_link, behind those of a link_view. */
	COLUMN_OWNER = LINK_VIEW_N_COLUMNS,
	COLUMN_DELETED
};

static void
reply_not_found(struct link_request *link)
{
	link->shortener->n_not_found++;
	reply_error(link->req, 404, "there is no link with this code");
}

static void
reply_gone(struct link_request *link, const char *why)
{
	link->shortener->n_gone++;
	reply_error(link->req, 410, "%s", why);
}

/* Deals with all that is not "here is the row". Returns true if there is a row to show. */
static bool
found(struct link_request *link, const struct db_result *result,
	const struct db_statement *statement, db_result_fn fn)
{
	link->job = NULL;
	if (result->status != DB_OK) {
		/* The replica has answered; that the primary cannot confirm it changes nothing. */
		if (link->from_primary && result->status == DB_UNAVAILABLE)
			reply_error(link->req, 404, "there is no link with this code");
		else
			reply_db_failure(link->req, result->status);
		return false;
	}
	if (result->n_rows > 0)
		return true;
	if (!link->from_primary && db_is_writable(app_db(link->shortener->app))) {
		link->from_primary = true;
		link_request_read(link, statement, fn);
		return false;
	}
	reply_not_found(link);
	return false;
}

/* True if the link in the row is there and is the sender's, or nobody's where 'shared' says that
 * this is enough. Returns false after having answered. */
static bool
is_owners(struct link_request *link, const struct db_result *result, bool shared)
{
	int64_t owner = db_result_value(result, 0, COLUMN_OWNER)->integer;

	if (db_result_value(result, 0, COLUMN_DELETED)->integer) {
		reply_gone(link, "this link was deleted");
		return false;
	}
	if (owner == LINK_OWNER_NONE && shared)
		return true;
	if (owner == link->owner && owner != LINK_OWNER_NONE)
		return true;
	if (link->owner == LINK_OWNER_NONE)
		link_owner_reply_unknown(
			link->req, "this is for the owner of the link; send the owner's token");
	else
		reply_error(link->req, 403, "this link is not yours");
	return false;
}

static void
on_link(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	if (found(link, result, &select_link, on_link))
		link->link_found(link, result);
}

static void
read_link(struct link_request *link)
{
	link->values[0] = db_text(link->code);
	link_request_read(link, &select_link, on_link);
}

static void
show_link(struct link_request *link, const struct db_result *result)
{
	struct app *app = link->shortener->app;
	struct link_view view;

	if (!is_owners(link, result, true))
		return;
	link_view_of_row(&view, db_result_value(result, 0, 0));
	reply_json(app, link->req, 200, link_view_to_json(&view, app_model(app)->app.public_url),
		NULL);
}

static void
show_days(struct link_request *link, const struct db_result *result)
{
	if (is_owners(link, result, true))
		link_days_show(link);
}

static void
show_qr(struct link_request *link, const struct db_result *result, const struct link_qr_format *as)
{
	if (db_result_value(result, 0, COLUMN_DELETED)->integer)
		reply_gone(link, "this link was deleted");
	else
		link_qr_show(link, as);
}

static void
show_svg(struct link_request *link, const struct db_result *result)
{
	show_qr(link, result, &link_qr_svg);
}

static void
show_png(struct link_request *link, const struct db_result *result)
{
	show_qr(link, result, &link_qr_png);
}

/* What there is below /api/links/CODE. */
static const struct part {
	const char *suffix;
	void (*show)(struct link_request *link, const struct db_result *result);
	bool (*prepare)(struct link_request *link); /* Returns false after having answered. */
	bool of_owner;                              /* Only with the owner known. */
} parts[] = {
	{"", show_link, NULL, true},
	{"/days", show_days, link_days_prepare, true},
	{"/qr.svg", show_svg, NULL, false},
	{"/qr.png", show_png, NULL, false},
};

#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

/* Takes the code, 'length' characters, into the request's state. Returns NULL after having
 * answered.
 */
static struct link_request *
begin(struct http_request *req, struct app *app, const char *code, size_t length)
{
	char copy[LINK_CODE_SIZE] = "";
	struct link_request *link;

	if (length < sizeof(copy))
		memcpy(copy, code, length);
	if (!link_code_is_valid(copy)) {
		reply_error(req, 404, "there is no link with this code");
		return NULL;
	}
	link = link_request_new(req, app);
	if (link)
		memcpy(link->code, copy, sizeof(copy));
	return link;
}

void
link_handle_get(struct http_request *req, void *ctx)
{
	const char *code = http_request_path(req) + sizeof(LINK_API_PATH "/") - 1;
	size_t length = strcspn(code, "/");
	const struct part *part = NULL;
	struct link_request *link;

	for (size_t i = 0; i < N_PARTS; i++) {
		if (strcmp(parts[i].suffix, code + length) == 0)
			part = &parts[i];
	}
	if (!part) {
		reply_error(req, 404, "there is nothing here; %s/CODE has days, qr.svg and qr.png",
			LINK_API_PATH);
		return;
	}
	link = begin(req, ctx, code, length);
	if (!link || (part->prepare && !part->prepare(link)))
		return;
	link->link_found = part->show;
	if (part->of_owner)
		link_owner_find(link, read_link);
	else
		read_link(link);
}

/* --- The redirect --- */

static void
redirect(struct link_request *link, const struct gtid *counted)
{
	char location[LINK_URL_LOCATION_SIZE];
	unsigned int status = link->fields.permanent ? 301 : 302;

	link->shortener->n_redirects++;
	if (link_url_location(link->fields.url, location, sizeof(location)))
		reply_redirect(link->shortener->app, link->req, status, location, counted);
	else
		reply_error(link->req, 500, "the stored URL is too long");
}

static void
on_counted(void *ctx, const struct gtid *gtid)
{
	redirect(ctx, gtid);
}

/* True if the link may be followed now. Returns false after having answered. */
static bool
may_follow(struct link_request *link, const struct db_result *result)
{
	const struct db_value *expires = db_result_value(result, 0, 2);

	if (db_result_value(result, 0, 3)->integer) {
		reply_gone(link, "this link was deleted");
		return false;
	}
	if (expires->kind == DB_TEXT && strcmp(expires->text, link_request_now(link)) <= 0) {
		reply_gone(link, "this link has expired");
		return false;
	}
	if (!refused_hosts_find(link->shortener->refused, link->fields.url))
		return true;
	link->shortener->n_refused++;
	reply_error(link->req, 403, "links to where this one leads are refused here");
	return false;
}

static void
on_target(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	if (!found(link, result, &select_target, on_target))
		return;
	snprintf(link->fields.url, sizeof(link->fields.url), "%s",
		db_result_value(result, 0, 0)->text);
	link->fields.permanent = db_result_value(result, 0, 1)->integer != 0;
	if (!may_follow(link, result))
		return;
	link->wait.done = on_counted;
	link->wait.ctx = link;
	/* A HEAD request asks where the link leads without going there. */
	if (http_request_method(link->req) == HTTP_METHOD_HEAD ||
		!count_writer_hit(link->shortener->counts, link->code, &link->wait))
		redirect(link, NULL);
}

void
link_handle_redirect(struct http_request *req, void *ctx)
{
	const char *code = http_request_path(req) + sizeof(LINK_REDIRECT_PREFIX) - 1;
	struct link_request *link = begin(req, ctx, code, strlen(code));

	if (!link)
		return;
	link->values[0] = db_text(link->code);
	link_request_read(link, &select_target, on_target);
}

/* --- For changes --- */

static void
on_link_for_change(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	link->job = NULL;
	if (result->status != DB_OK)
		reply_db_failure(link->req, result->status);
	else if (result->n_rows == 0)
		reply_not_found(link);
	else if (is_owners(link, result, false))
		link->owner_known(link);
}

void
link_read_for_change(struct link_request *link, void (*then)(struct link_request *link))
{
	link->owner_known = then;
	link->from_primary = true;
	link->values[0] = db_text(link->code);
	link_request_read(link, &select_link, on_link_for_change);
}
