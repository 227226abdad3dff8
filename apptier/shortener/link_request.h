/* SPDX-License-Identifier: BSD-3-Clause */
/* What the shortener's handlers share: the instance of one worker, and a request under way. Only
 * the files of this folder include it. */
#ifndef APPTIER_SHORTENER_LINK_REQUEST_H
#define APPTIER_SHORTENER_LINK_REQUEST_H

#include "apptier/db_tx.h"
#include "apptier/module.h"
#include "apptier/shortener/count_writer.h"
#include "apptier/shortener/link_code.h"
#include "apptier/shortener/link_url.h"
#include "common/model.h"

#include <jansson.h>

/* The instance of one worker. */
struct shortener {
	struct app *app;
	struct count_writer *counts;
	uv_timer_t housekeeping;
	uint64_t n_created;
	uint64_t n_replayed; /* Answers to a repeated Idempotency-Key. */
	uint64_t n_redirects;
	uint64_t n_not_found;
};

#define LINK_TIME_SIZE 32
#define LINK_KEY_MAX 128 /* Characters of an Idempotency-Key. */
#define LINK_HASH_SIZE 65

/* A request that waits for the database. Freed when the request ends, whatever is under way. */
struct link_request {
	struct http_request *req;
	struct shortener *shortener;
	struct gtid session; /* The client's last write. */
	uint64_t deadline_ns;
	struct db_job *job; /* Under way, or NULL. */
	struct db_tx *tx;   /* Open, or NULL. */
	struct count_wait wait;
	bool from_primary; /* The read under way goes to the primary. */
	unsigned int n_tries;
	void (*attempt)(struct link_request *link); /* Of a create: what is tried again. */
	int64_t limit;                              /* Of a list. */
	char code[LINK_CODE_SIZE];
	char created_at[LINK_TIME_SIZE]; /* As SQL writes it, UTC. */
	char key[LINK_KEY_MAX + 1];      /* Idempotency-Key; "" if there is none. */
	char hash[LINK_HASH_SIZE];       /* Of the request, in hexadecimal. */
	struct db_value values[4];
	struct db_call call;
	char url[LINK_URL_MAX + 1];
};

/* Makes the request's state, or answers 500 and returns NULL. */
struct link_request *link_request_new(struct http_request *req, struct app *app);

/* Runs a SELECT with the first values of 'link', fresh enough for the client. */
void link_request_read(
	struct link_request *link, const struct db_statement *statement, db_result_fn fn);

/* {"code", "url", "short_url", "count", "created"}; 'created_at' as SQL writes it. NULL if memory
 * is short. */
json_t *link_to_json(const struct shortener *shortener, const char *code, const char *url,
	int64_t count, const char *created_at);

/* The handlers. 'ctx' is the struct app. */
void link_handle_create(struct http_request *req, void *ctx);
void link_handle_get(struct http_request *req, void *ctx);
void link_handle_list(struct http_request *req, void *ctx);
void link_handle_redirect(struct http_request *req, void *ctx);

#define LINK_API_PATH "/api/links"
#define LINK_REDIRECT_PREFIX "/l/"

#endif /* APPTIER_SHORTENER_LINK_REQUEST_H */
