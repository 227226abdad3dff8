/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the proxy: what clients get from the cache. */
#ifndef WEBTIER_PASSAGE_STORED_H
#define WEBTIER_PASSAGE_STORED_H

#include "webtier/cache.h"
#include "webtier/passage.h"

/* Answers by an entry; 304 if that is what the client has. 'forward': why a node was asked in vain,
 * or NULL. */
void passage_stored_answer(struct passage *passage, struct cache_entry *entry, const char *forward);

/* The client wants what is stored or nothing (RFC 9111, section 5.2.1.7). */
void passage_stored_refuse(struct passage *passage);

/* A cache_value_of of requests. */
char *passage_stored_value(const void *request, const char *name);

#endif /* WEBTIER_PASSAGE_STORED_H */
