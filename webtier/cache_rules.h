/* SPDX-License-Identifier: BSD-3-Clause */
/* What a shared cache may keep and for how long (RFC 9111, RFC 5861): pure functions on header
 * values. They are never bolder than the origin: what has no lifetime in its own words, is
 * private, sets a cookie or is to be validated each time is not kept. */
#ifndef WEBTIER_CACHE_RULES_H
#define WEBTIER_CACHE_RULES_H

#include "webtier/response_parser.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define CACHE_AGE_MAX_S 31536000 /* A year; what is longer is as good as that. */

/* Cache-Control of a request or response; numbers are -1 where they are not given. */
struct cache_control {
	bool no_store;
	bool no_cache;
	bool is_private;
	bool is_public;
	bool must_revalidate; /* Or proxy-revalidate, which says the same to us. */
	bool only_if_cached;
	int32_t max_age_s;
	int32_t s_maxage_s;
	int32_t while_revalidate_s; /* stale-while-revalidate */
	int32_t if_error_s;         /* stale-if-error */
};

/* Says nothing. */
void cache_control_init(struct cache_control *control);

/* Takes in one field's value; of what is said twice the more careful counts. */
void cache_control_add(struct cache_control *control, const char *value);

/* How long a response may be used. */
struct cache_lifetime {
	uint32_t age_s;              /* That it had already. */
	uint32_t fresh_s;            /* From its making. */
	uint32_t while_revalidate_s; /* After that, while it is fetched anew. */
	uint32_t if_error_s;         /* After that, where that fails. */
	bool is_for_authorized;      /* Also for requests that say who asks. */
	const char *vary;            /* Value of the field, or NULL. Lives as long as the head. */
};

/* True if the response to a GET may be kept. 'is_authorized': the request says who asks. 'delay_s'
 * is how long the response took. */
bool cache_may_store(const struct response_head *head, bool is_authorized, time_t now,
	uint32_t delay_s, struct cache_lifetime *out);

#endif /* WEBTIER_CACHE_RULES_H */
