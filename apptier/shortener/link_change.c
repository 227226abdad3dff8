/* SPDX-License-Identifier: BSD-3-Clause */
/* Changing and deleting links; see link_change.h.
 *
 *   owner → the link, at the primary → (change: what the owner may do, the link, in one
 * transaction) → the link as it is now
 *
 * Both may be repeated: what a repeated request sets is set already. */
#include "apptier/shortener/link_change.h"

#include "apptier/reply.h"
#include "apptier/shortener/link_create.h"
#include "apptier/shortener/link_owner.h"
#include "apptier/shortener/link_read.h"

#include <stdio.h>

/* Each member by a statement of its own kind would be many statements; this one leaves alone what
 * is not given, whoever changes it meanwhile. */
static const struct db_statement update_link = {
	"UPDATE links SET url = IF(?, ?, url), title = IF(?, ?, title), "
	"permanent = IF(?, ?, permanent), expires_at = IF(?, ?, expires_at), updated_at = ? "
	"WHERE code = ? AND owner_id = ? AND deleted_at IS NULL",
	11};
static const struct db_statement select_link = {
	"SELECT " LINK_VIEW_COLUMNS " FROM links WHERE code = ? AND deleted_at IS NULL", 1};

/* What it led to is nobody's business any more; the row keeps the code from others. */
static const struct db_statement delete_link = {
	"UPDATE links SET deleted_at = ?, url = '', title = '' "
	"WHERE code = ? AND owner_id = ? AND deleted_at IS NULL",
	3};

static_assert(LINK_VALUES_MAX >= 11, "the parameters of update_link");

static void
on_changed_link(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;
	struct app *app = link->shortener->app;
	struct link_view view;

	link->job = NULL;
	if (result->status != DB_OK) {
		reply_db_failure(link->req, result->status);
		return;
	}
	if (result->n_rows == 0) {
		reply_error(link->req, 410, "this link was deleted");
		return;
	}
	link->shortener->n_changed++;
	link_view_of_row(&view, db_result_value(result, 0, 0));
	reply_json(app, link->req, 200, link_view_to_json(&view, app_model(app)->app.public_url),
		&link->session);
}

static void
on_committed(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	if (result->status != DB_OK) {
		reply_db_failure(link->req, result->status);
		return;
	}
	link->tx = NULL;
	link->session = gtid_latest(&link->session, &result->gtid);
	link->values[0] = db_text(link->code);
	link_request_read(link, &select_link, on_changed_link);
}

static void
on_updated(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	if (result->status == DB_OK)
		db_tx_commit(link->tx, on_committed, link);
	else
		reply_db_failure(link->req, result->status);
}

static const struct db_call *
update_call(struct link_request *link)
{
	const struct link_fields *fields = &link->fields;
	struct db_value *values = link->values;

	values[0] = db_integer((fields->given & LINK_FIELD_URL) != 0);
	values[1] = db_text(fields->url);
	values[2] = db_integer((fields->given & LINK_FIELD_TITLE) != 0);
	values[3] = db_text(fields->title);
	values[4] = db_integer((fields->given & LINK_FIELD_PERMANENT) != 0);
	values[5] = db_integer(fields->permanent);
	values[6] = db_integer((fields->given & LINK_FIELD_EXPIRES) != 0);
	values[7] = fields->expires_at[0] ? db_text(fields->expires_at)
					  : (struct db_value){.kind = DB_NULL};
	values[8] = db_text(link_request_now(link));
	values[9] = db_text(link->code);
	values[10] = db_integer(link->owner);
	link->call = (struct db_call){&update_link, values};
	return &link->call;
}

static void
on_charged(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	if (result->status != DB_OK)
		reply_db_failure(link->req, result->status);
	else if (result->n_affected == 0)
		link_owner_reply_limited(link); /* The request's end rolls back. */
	else
		db_tx_execute(link->tx, update_call(link), on_updated, link);
}

static void
on_begun(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	if (result->status == DB_OK)
		db_tx_execute(link->tx, link_owner_charge(link), on_charged, link);
	else
		reply_db_failure(link->req, result->status);
}

static void
change(struct link_request *link)
{
	link->tx = db_begin(app_db(link->shortener->app), link->deadline_ns, on_begun, link);
	if (!link->tx)
		reply_error(link->req, 500, "the server is out of memory");
}

static void
on_deleted(void *ctx, const struct db_result *result)
{
	struct link_request *link = ctx;

	link->job = NULL;
	if (result->status != DB_OK) {
		reply_db_failure(link->req, result->status);
		return;
	}
	link->shortener->n_deleted++;
	reply_empty(link->shortener->app, link->req, 204, &result->gtid);
}

static void delete (struct link_request *link)
{
	link->values[0] = db_text(link_request_now(link));
	link->values[1] = db_text(link->code);
	link->values[2] = db_integer(link->owner);
	link->call = (struct db_call){&delete_link, link->values};
	link->job = db_write(
		app_db(link->shortener->app), &link->call, link->deadline_ns, on_deleted, link);
	if (!link->job)
		reply_error(link->req, 500, "the server is out of memory");
}

static void
read_for_change(struct link_request *link)
{
	link_read_for_change(link, change);
}

static void
read_for_delete(struct link_request *link)
{
	link_read_for_change(link, delete);
}

/* The request's state with its code, for those who say whose they are; NULL after having answered.
 */
static struct link_request *
begin(struct http_request *req, struct app *app)
{
	const char *code = http_request_path(req) + sizeof(LINK_API_PATH "/") - 1;
	struct link_request *link;

	if (!link_code_is_valid(code)) {
		reply_error(req, 404, "there is no link with this code");
		return NULL;
	}
	if (!link_owner_is_told(req)) {
		link_owner_reply_unknown(
			req, "only the owner of a link may change it; send the owner's token");
		return NULL;
	}
	link = link_request_new(req, app);
	if (link)
		snprintf(link->code, sizeof(link->code), "%s", code);
	return link;
}

void
link_handle_change(struct http_request *req, void *ctx)
{
	struct link_request *link = begin(req, ctx);
	const unsigned int allowed =
		LINK_FIELD_URL | LINK_FIELD_TITLE | LINK_FIELD_PERMANENT | LINK_FIELD_EXPIRES;

	if (!link || !link_request_read_fields(link, allowed))
		return;
	if (link->fields.given == 0)
		reply_error(req, 422, "nothing is to be changed: the body has no member");
	else if (!(link->fields.given & LINK_FIELD_URL) ||
		 link_create_may_lead_to(link, link->fields.url))
		link_owner_find(link, read_for_change);
}

void
link_handle_delete(struct http_request *req, void *ctx)
{
	struct link_request *link = begin(req, ctx);

	if (link)
		link_owner_find(link, read_for_delete);
}
