/* SPDX-License-Identifier: BSD-3-Clause */
/* From keepalived's and ipvsadm's configuration to a weir.yaml.
 *
 * What has a counterpart is translated; what has none stands as a comment at its place, with the
 * line it comes from and the reason; what only a person knows is marked "FILL IN", with a value in
 * its place that is valid. So what comes out is a file that config_parse() takes, whatever goes
 * in, and nothing of what went in is lost without a word. */
#ifndef CONTROLPLANE_IMPORT_IMPORT_H
#define CONTROLPLANE_IMPORT_IMPORT_H

#include "common/err.h"
#include "controlplane/import/source.h"

#include <stdbool.h>
#include <stddef.h>

struct import_result {
	char *text; /* The cluster file. */
	size_t size;
	size_t n_comments; /* On what has no counterpart, or another meaning. */
	size_t n_fills;    /* To be filled in by a person. */
};

struct import_sources {
	const struct source *keepalived; /* keepalived.conf of a node; NULL: none. */
	const struct source *peer;       /* That of the node beside it; NULL: none. */
	const struct source *ipvsadm;    /* What "ipvsadm -S -n" writes; NULL: none. */
	/* Is told of each thing to fill in, with its line of the result. NULL: nobody. */
	void (*fill)(void *ctx, unsigned int line, const char *what);
	void *ctx;
};

/* Translates. Returns 0, and the caller frees 'result->text'; or a negative errno with 'err' set to
 * "FILE:LINE: what is wrong and what to do", and '*result' untouched. */
int import_translate(
	const struct import_sources *sources, struct import_result *result, struct err *err);

/* Whether it looks like what "ipvsadm -S" writes. */
bool import_is_ipvsadm(const struct source *source);

#endif /* CONTROLPLANE_IMPORT_IMPORT_H */
