/* SPDX-License-Identifier: BSD-3-Clause */
/* The lines of a keepalived configuration, as keepalived goes by them: without comments, with
 * included files in their places, with conditional lines ("@ID ...") that are for another machine
 * left out, and with parameters ("$NAME"), sequences ("~SEQ") and lists ("~LST") replaced by what
 * they stand for. See keepalived.conf(5), "Advanced configuration". */
#ifndef CONTROLPLANE_IMPORT_KEEPALIVED_LINES_H
#define CONTROLPLANE_IMPORT_KEEPALIVED_LINES_H

#include "common/arena.h"
#include "common/err.h"
#include "controlplane/import/source.h"

#include <stddef.h>

#define KEEPALIVED_IDS_MAX 8

struct keepalived_line {
	const char *text;
	const char *file;
	unsigned int number;
};

struct keepalived_lines {
	struct arena arena; /* Has them all. */
	struct keepalived_line *lines;
	size_t n, capacity;
	/* Machines that conditional lines are about. */
	const char *ids[KEEPALIVED_IDS_MAX];
	size_t n_ids;
	/* Files to include that there are none of, each "FILE:LINE: pattern". */
	const char **missing;
	size_t n_missing;
};

/* Reads 'source' as the machine called 'id' would; "" is one that no conditional line is for.
 * Returns 0, and the caller calls keepalived_lines_fini(); or a negative errno with 'err' set to
 * "FILE:LINE: what is wrong". */
int keepalived_lines_init(struct keepalived_lines *lines, const struct source *source,
	const char *id, struct err *err);
void keepalived_lines_fini(struct keepalived_lines *lines);

#endif /* CONTROLPLANE_IMPORT_KEEPALIVED_LINES_H */
