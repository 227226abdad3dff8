/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of HTTP/2: the answer to a stream's request. */
#ifndef COMMON_HTTP_H2_ANSWER_H
#define COMMON_HTTP_H2_ANSWER_H

#include "common/http/h2_stream.h"

/* Hands the answer to nghttp2, which sends it as the client's windows allow. */
void h2_answer(struct h2_stream *stream, const struct answer *answer);

/* Lets go of what the answer is made of. */
void h2_answer_fini(struct h2_stream *stream);

/* Writes a DATA frame of memory or a file to the session. nghttp2 calls it. */
int h2_answer_send(nghttp2_session *nghttp2, nghttp2_frame *frame, const uint8_t *head, size_t size,
	nghttp2_data_source *source, void *ctx);

/* Fields to follow the body, which is of unknown size. */
void h2_answer_trailers(struct h2_stream *stream, const struct http_header *trailers, size_t n);

#endif /* COMMON_HTTP_H2_ANSWER_H */
