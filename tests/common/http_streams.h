/* SPDX-License-Identifier: BSD-3-Clause */
/* Handlers that stream bodies, for the tests of streaming and of clients that leave:
 *   POST /upload    takes blocks slowly, answers with the size      (HTTP_BODY_STREAMED)
 *   *    /stall     takes nothing until streams_release()           (HTTP_BODY_STREAMED)
 *   POST /refused   answers 403 from within the body                (HTTP_BODY_STREAMED)
 *   GET  /download  ?size= bytes, ?known: with a length, ?fail=: fails from that byte on
 *   GET  /hold      never answers by itself */
#ifndef TESTS_COMMON_HTTP_STREAMS_H
#define TESTS_COMMON_HTTP_STREAMS_H

#include "tests/common/http_fixture.h"

#include <stdatomic.h>

#define BIG_BYTES (UINT64_C(48) << 20)
#define SOCKET_BYTES (UINT64_C(16) << 20) /* More than the kernel holds of one connection. */

struct stream;

struct streams {
	struct fixture fixture;
	struct stream *held; /* Server thread: the request of /hold or /stall. */
	atomic_ullong moved; /* Bytes taken or given by all streams. */
	atomic_uint n_handled;
	atomic_uint n_done;
	atomic_uint last_status; /* As told to the access log. */
	atomic_ullong last_sent;
};

extern struct streams streams;

/* For cmocka's group. */
int streams_start(void **state);
int streams_stop(void **state);

/* What the one who holds a request does with it. */
void streams_release(void);
void streams_answer(const char *text);
void streams_abort(void);

/* Wait for a condition; fail after 10 s. */
void streams_await_done(void);
void streams_await_held(void);

#endif /* TESTS_COMMON_HTTP_STREAMS_H */
