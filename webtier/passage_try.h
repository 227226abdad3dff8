/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the proxy: a passage's try with a node, how it ends and what that says of the node. */
#ifndef WEBTIER_PASSAGE_TRY_H
#define WEBTIER_PASSAGE_TRY_H

#include "webtier/passage.h"
#include "webtier/upstream_conn.h"

/* What came of a try. */
enum outcome {
	OUTCOME_WHOLE,   /* A whole, valid response. */
	OUTCOME_FAILED,  /* None. */
	OUTCOME_UNKNOWN, /* The client went first: no fault of the node. */
};

/* Accounts for the end of a try. */
void passage_end_try(struct passage *passage, enum outcome outcome);

/* Ends the use of the node, if it is used; 'success': its response was whole. */
void passage_let_go(struct passage *passage, bool success);

/* A node to which no connection can be made is not preferred for a while. 'why' is for the log. */
void passage_note_failure(struct passage *passage, enum upstream_failure failure, const char *why);

#endif /* WEBTIER_PASSAGE_TRY_H */
