/* SPDX-License-Identifier: BSD-3-Clause */
/* A module of the app tier: notes that visitors leave. docs/apptier.md says how to build it. */
#include <apptier/module.h>

static const struct db_statement insert_note = {"INSERT INTO notes (text) VALUES (?)", 1};
static const struct db_statement select_notes = {
	"SELECT id, text FROM notes ORDER BY id DESC LIMIT ?", 1};

static void
on_stored(struct app_request *request, const struct db_result *result)
{
	app_reply_json(request, 201, json_pack("{s:I}", "id", (json_int_t)result->insert_id));
}

static void
handle_create(struct http_request *req, void *ctx)
{
	static const char *const members[] = {"text", NULL};
	struct app_request *request = app_request_new(req, ctx, 0);
	const char *text;

	if (!request || !app_json_object(request, members) ||
		!app_json_text(request, "text", (struct app_range){1, 200}, &text))
		return;
	const struct db_value value = db_text(text);
	app_write(request, &(struct db_call){&insert_note, &value}, 1, on_stored);
}

static void
on_notes(struct app_request *request, const struct db_result *result)
{
	json_t *notes = json_array();

	for (size_t row = 0; row < result->n_rows; row++)
		json_array_append_new(
			notes, json_pack("{s:I, s:s}", "id",
				       (json_int_t)db_result_value(result, row, 0)->integer, "text",
				       db_result_value(result, row, 1)->text));
	app_reply_json(request, 200, json_pack("{s:o}", "notes", notes));
}

static void
handle_list(struct http_request *req, void *ctx)
{
	struct app_request *request = app_request_new(req, ctx, 0);
	int64_t limit = 20;

	if (!request || !app_query_integer(request, "limit", (struct app_range){1, 100}, &limit))
		return;
	const struct db_value value = db_integer(limit);
	app_read_own(request, &(struct db_call){&select_notes, &value}, on_notes);
}

static const struct http_route routes[] = {
	{"POST", "/api/notes", HTTP_BODY_BUFFERED, 4096, handle_create, "leaves a note"},
	{"GET", "/api/notes", HTTP_BODY_NONE, 0, handle_list, "lists notes"},
	{0},
};
static const struct app_module notes = {.name = "notes", .routes = routes};
APP_MODULE_EXPORT(notes);
