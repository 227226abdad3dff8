/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading JSON that another process sent: every member is checked before it is used.
 *
 * Each function reads the member 'key' of 'object', which must be there, and returns 0 with '*out'
 * set, or -EINVAL with 'err' naming the member, what it held and what is allowed; '*out' is
 * untouched on failure. Callers put the place in front by err_prefix(). Any thread. */
#ifndef COMMON_JSON_FIELD_H
#define COMMON_JSON_FIELD_H

#include "common/addr.h"
#include "common/err.h"
#include "common/prefix.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A string of 1 to 'size' - 1 bytes, copied to 'out'. */
int json_field_text(json_t *object, const char *key, char *out, size_t size, struct err *err);

/* A name as weir.yaml allows (MODEL_NAME_MAX), copied to 'out' of MODEL_NAME_MAX + 1 bytes. */
int json_field_name(json_t *object, const char *key, char *out, struct err *err);
int json_name_check(json_t *value, char *out, struct err *err);

/* An integer from 'min' to 'max'. */
int json_field_integer(json_t *object, const char *key, uint64_t min, uint64_t max, uint64_t *out,
	struct err *err);

/* A number up to 'max'; a missing one is 0: no limit. */
int json_field_limit(json_t *object, const char *key, uint64_t max, uint32_t *out, struct err *err);

int json_field_bool(json_t *object, const char *key, bool *out, struct err *err);
int json_field_addr(json_t *object, const char *key, struct addr *out, struct err *err);
int json_field_prefix(json_t *object, const char *key, struct prefix *out, struct err *err);

/* An array of at most 'max' elements, borrowed. */
int json_field_array(
	json_t *object, const char *key, size_t max, json_t **out, size_t *n_out, struct err *err);

/* Checks that 'json' is an object with no other members than 'keys' (ends with NULL). */
int json_fields_known(json_t *json, const char *const *keys, struct err *err);

/* Returns the address as a new string (the caller's), or NULL when memory is short. */
json_t *json_addr(const struct addr *addr);

#endif /* COMMON_JSON_FIELD_H */
