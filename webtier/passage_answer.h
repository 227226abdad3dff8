/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the proxy: what the client of a passage is told. */
#ifndef WEBTIER_PASSAGE_ANSWER_H
#define WEBTIER_PASSAGE_ANSWER_H

#include "webtier/passage.h"

/* An error of the proxy's own. 'retry_ns': when to come again, if the status is 503. */
void passage_answer_refusal(
	struct passage *passage, unsigned int status, const char *text, uint64_t retry_ns);
void passage_answer_error(struct passage *passage, unsigned int status, const char *text);

/* The node's response: whole if all of it is here, else as a source. */
void passage_answer(struct passage *passage);

/* The response has ended: gives the client what follows its body. */
void passage_answer_end(struct passage *passage);

/* The node has changed to the other protocol: from here on bytes pass as they are. */
void passage_answer_websocket(struct passage *passage);

/* There is more of the response, or never will be. */
void passage_wake_source(struct passage *passage);

#endif /* WEBTIER_PASSAGE_ANSWER_H */
