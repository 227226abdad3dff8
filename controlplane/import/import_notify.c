/* SPDX-License-Identifier: BSD-3-Clause */
/* Programs that keepalived runs with transitions. weir has one command for all; so a shell runs
 * keepalived's, with the words that they are used to; see import_data.h. */
#include "controlplane/import/import_data.h"

#include <string.h>

/* What is run when the router gets into a state. */
static const struct {
	const char *keyword;
	const char *state;
} states[] = {
	{"notify_master", "master"},
	{"notify_backup", "backup"},
	{"notify_fault", "init"},
};
#define N_STATES (sizeof(states) / sizeof(states[0]))

/* The command of 'keyword' in the block as a shell runs it; NULL if there is none. */
static const char *
find_command(struct import *import, struct document_node *at, const struct statement *block,
	const char *keyword)
{
	const struct statement *statement = statement_find(block, keyword);

	if (!statement || statement->n_words < 2)
		return NULL;
	if (statement->n_words > 2)
		import_note(import, at, statement,
			"weir runs programs as the user that weir-controlplane runs as");
	return import_shell_command(import, at, statement, statement->words[1]);
}

static const char *
append(struct import *import, const char *text, const char *more)
{
	return *text ? import_text(import, "%s; %s", text, more) : more;
}

const char *
import_notify(struct import *import, struct document_node *at, const struct statement *block,
	const char *kind, const char *name, unsigned int priority)
{
	const char *cases = "", *all, *text = "";

	for (size_t i = 0; i < N_STATES; i++) {
		const char *command = find_command(import, at, block, states[i].keyword);

		if (command)
			cases = import_text(import, "%s%s) %s;; ", cases, states[i].state, command);
	}
	if (*cases)
		text = import_text(import, "case $WEIR_TO in %sesac", cases);
	all = find_command(import, at, block, "notify");
	if (all) {
		text = append(import, text,
			"case $WEIR_TO in master) S=MASTER;; backup) S=BACKUP;; *) S=FAULT;; esac");
		text = import_text(import, "%s; %s %s %s $S %u", text, all, kind,
			import_quote(import, name), priority);
	}
	if (*text && at)
		document_comment(import->document, at,
			"'notify' runs the programs of %s %s as keepalived did, by a shell. What "
			"weir tells by itself: docs/config.md, virtual_routers[].notify.",
			strcmp(kind, "GROUP") == 0 ? "vrrp_sync_group" : "vrrp_instance", name);
	return *text ? text : NULL;
}
