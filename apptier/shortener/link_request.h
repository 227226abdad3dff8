/* SPDX-License-Identifier: BSD-3-Clause */
/* What the shortener's handlers share: the instance of one worker, and a request under way. Only
 * the files of this folder include it. */
#ifndef APPTIER_SHORTENER_LINK_REQUEST_H
#define APPTIER_SHORTENER_LINK_REQUEST_H

#include "apptier/db_tx.h"
#include "apptier/module.h"
#include "apptier/shortener/count_writer.h"
#include "apptier/shortener/csv.h"
#include "apptier/shortener/link_fields.h"
#include "apptier/shortener/link_view.h"
#include "apptier/shortener/refused_hosts.h"
#include "apptier/shortener/shortener.h"
#include "common/model.h"

/* The instance of one worker. */
struct shortener {
	struct app *app;
	struct count_writer *counts;
	struct refused_hosts *refused;
	uv_timer_t housekeeping;
	uint64_t n_created;
	uint64_t n_changed;
	uint64_t n_deleted;
	uint64_t n_owners;
	uint64_t n_replayed; /* Answers to a repeated Idempotency-Key. */
	uint64_t n_limited;  /* Writes over their owner's limit. */
	uint64_t n_refused;  /* Links and visits that a refused host had. */
	uint64_t n_redirects;
	uint64_t n_gone;
	uint64_t n_not_found;
};

#define LINK_KEY_MAX 128 /* Characters of an Idempotency-Key. */
#define LINK_HASH_SIZE 65
#define LINK_VALUES_MAX 11

#define LINK_SEARCH_MAX 100 /* Bytes. */
#define LINK_PATTERN_SIZE (2 * LINK_SEARCH_MAX + 3)

#define LINK_OWNER_NONE 0

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
	void (*attempt)(struct link_request *link);     /* Of a create: what is tried again. */
	void (*owner_known)(struct link_request *link); /* What comes then; link_owner.h. */
	void (*link_found)(struct link_request *link,   /* What comes then; link_read.h. */
		const struct db_result *result);
	int64_t owner;                   /* Who sent it; LINK_OWNER_NONE: nobody. */
	int64_t limit;                   /* Of a list. */
	int64_t cursor;                  /* Links before this one, by their numbers. */
	char code[LINK_CODE_SIZE];       /* The link that it is about. */
	char now[LINK_TIME_SIZE];        /* Of link_request_now(). */
	char key[LINK_KEY_MAX + 1];      /* Idempotency-Key; "" if there is none. */
	char hash[LINK_HASH_SIZE];       /* Of the request or the token, in hexadecimal. */
	char pattern[LINK_PATTERN_SIZE]; /* Of a search, for LIKE. */
	char days[2][LINK_DAY_SIZE];     /* First and last of a range. */
	struct csv csv;                  /* Of an export: what is to be sent, ... */
	size_t csv_sent;                 /* ... how much of it has been, ... */
	bool csv_complete;               /* ... there is no more, ... */
	bool csv_failed;                 /* ... or there is, but it cannot be read. */
	struct db_value values[LINK_VALUES_MAX];
	struct db_call call;
	struct link_fields fields;
};

/* Makes the request's state, or answers 500 and returns NULL. */
struct link_request *link_request_new(struct http_request *req, struct app *app);

/* The time of the request as SQL writes it, the same whenever it is asked for. */
const char *link_request_now(struct link_request *link);

/* Runs a SELECT with the first values of 'link', fresh enough for the client. */
void link_request_read(
	struct link_request *link, const struct db_statement *statement, db_result_fn fn);

/* Writes the SHA-256 of 'size' bytes in hexadecimal. Returns false if memory is short. */
bool link_request_hash(const void *bytes, size_t size, char out[static LINK_HASH_SIZE]);

/* Reads the body and what it says into 'link->fields'; 'allowed' as in link_fields_parse(). Returns
 * false after having answered. */
bool link_request_read_fields(struct link_request *link, unsigned int allowed);

#endif /* APPTIER_SHORTENER_LINK_REQUEST_H */
