/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the proxy: passages and the cache of responses (cache.h).
 *
 * A request that could be answered from the cache but is not there fetches the response for all
 * that come meanwhile: they wait until it is stored, or until it is known that it will not be. A
 * response beyond its time is given out while one request fetches it anew, after its own client
 * has been answered; or where that fails; as far as the response itself allows. */
#ifndef WEBTIER_PASSAGE_CACHE_H
#define WEBTIER_PASSAGE_CACHE_H

#include "webtier/passage.h"

struct passage_fetches;

/* Returns 0 or -ENOMEM. */
int passage_fetches_new(struct passage_fetches **out);
void passage_fetches_free(struct passage_fetches *fetches);

/* Returns true if the request has been answered or waits; false if it is to go to a node, which
 * it may though it has been answered. */
bool passage_cache_begin(struct passage *passage);

/* More of the node's response has come; the first time: its header. */
void passage_cache_take(struct passage *passage);

/* The response is complete, or never will be. */
void passage_cache_end(struct passage *passage, bool is_whole);

/* The client has gone or been served. */
void passage_cache_leave(struct passage *passage);

/* The node, or the lack of one, would make the answer 'status': answers by what is stored, if it
 * may be used then. */
bool passage_cache_answer_stale(struct passage *passage, unsigned int status);

/* Adds what is to be said of the cache to a response from a node. Returns the number of headers. */
size_t passage_cache_mark(struct passage *passage, struct http_header *headers, size_t n_headers);

/* The passage is over. */
void passage_cache_fini(struct passage *passage);

#endif /* WEBTIER_PASSAGE_CACHE_H */
