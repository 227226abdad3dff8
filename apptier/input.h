/* SPDX-License-Identifier: BSD-3-Clause */
/* What a client sent, read within bounds.
 *
 * Each function returns true, or false after having answered with what is wrong and what is
 * allowed: 400 for what cannot be read (query arguments, broken JSON), 415 for another type, 422
 * for JSON that does not mean what it should. Texts are valid UTF-8 without NUL and live as long as
 * the request. In the worker's thread. */
#ifndef APPTIER_INPUT_H
#define APPTIER_INPUT_H

#include "apptier/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if the request says that its body is of 'type', with or without parameters. Answers nothing
 * itself. */
bool app_body_is(const struct http_request *req, const char *type);

struct app_range {
	int64_t min, max; /* Both are allowed. */
};

/* The query argument 'name' as a number; '*out' stays as it is if there is none. */
bool app_query_integer(
	struct app_request *request, const char *name, struct app_range range, int64_t *out);

/* The query argument 'name' with so many characters; '*out' stays as it is if there is none. */
bool app_query_text(
	struct app_request *request, const char *name, struct app_range length, const char **out);

/* Reads the body of a route with HTTP_BODY_BUFFERED as a JSON object that has no other members than
 * those of 'names' (ended by NULL). Before the functions below. */
bool app_json_object(struct app_request *request, const char *const *names);

/* True if the member is there and not null. */
bool app_json_has(const struct app_request *request, const char *name);

/* A member that must be there. */
bool app_json_text(
	struct app_request *request, const char *name, struct app_range length, const char **out);
bool app_json_integer(
	struct app_request *request, const char *name, struct app_range range, int64_t *out);
bool app_json_boolean(struct app_request *request, const char *name, bool *out);

#endif /* APPTIER_INPUT_H */
