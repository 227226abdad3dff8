/* SPDX-License-Identifier: BSD-3-Clause */
/* vrrp_script and vrrp_track_process, which both become scripts; see import_data.h. */
#include "controlplane/import/import_data.h"

#include <stdlib.h>
#include <string.h>

#define WEIGHT_MAX 254
#define SCRIPT_MS_MIN 10
#define SCRIPT_MS_MAX 3600000
#define TIMES_MAX 100
#define COMM_MAX 15 /* What the kernel keeps of a process's name. */

/* A script that is being read. */
struct reading {
	struct document_node *map;
	struct import_script *script;
	const struct statement *timeout;
	unsigned int interval_ms;
};

/* All words behind the first as one text. */
static const char *
join(struct import *import, const struct statement *statement)
{
	const char *text = "";

	for (size_t i = 1; i < statement->n_words && i <= MODEL_COMMAND_MAX; i++)
		text = import_text(import, "%s%s%s", text, i > 1 ? " " : "", statement->words[i]);
	return text;
}

static void
take_script(struct import *import, void *ctx, const struct statement *statement)
{
	struct reading *reading = ctx;

	if (document_find(reading->map, "command")) {
		import_note(import, reading->map, statement, "a script has one command");
		return;
	}
	import_command(import, document_list(import->document, reading->map, "command", true),
		reading->map, statement, join(import, statement));
}

static void
take_process(struct import *import, void *ctx, const struct statement *statement)
{
	struct reading *reading = ctx;
	const char *name = statement_word(statement, 1);
	struct document_node *list;

	if (!name || !*name || document_find(reading->map, "command"))
		return;
	if (statement->n_words > 2)
		import_note(import, reading->map, statement,
			"only the program's name is looked for, not its parameters: see pgrep(1)");
	list = document_list(import->document, reading->map, "command", true);
	document_text(import->document, list, NULL, "/usr/bin/pgrep");
	document_text(import->document, list, NULL, "-x");
	document_text(import->document, list, NULL, "%.*s", COMM_MAX, name);
}

static void
take_interval(struct import *import, void *ctx, const struct statement *statement)
{
	struct reading *reading = ctx;

	if (!import_ms(statement_word(statement, 1), SCRIPT_MS_MIN, SCRIPT_MS_MAX,
		    &reading->interval_ms))
		import_note(import, reading->map, statement,
			"not a time from 0.01 to 3600 seconds: it is 1");
}

static void
take_timeout(struct import *import, void *ctx, const struct statement *statement)
{
	(void)import;
	((struct reading *)ctx)->timeout = statement;
}

static void
take_times(struct import *import, void *ctx, const struct statement *statement)
{
	struct reading *reading = ctx;
	long long times;

	if (import_number(statement_word(statement, 1), 1, TIMES_MAX, &times))
		document_set(import->document, reading->map, statement->words[0], "%lld", times);
	else
		import_note(import, reading->map, statement, "not a number from 1 to %d: it is 1",
			TIMES_MAX);
}

static void
take_weight(struct import *import, void *ctx, const struct statement *statement)
{
	struct reading *reading = ctx;

	if (!import_number(statement_word(statement, 1), -WEIGHT_MAX, WEIGHT_MAX,
		    &reading->script->weight))
		import_note(import, reading->map, statement, "not a weight from -253 to 253");
	reading->script->reverse =
		statement->n_words > 2 && strcmp(statement->words[2], "reverse") == 0;
}

static const char no_user[] = "weir runs programs as the user that weir-controlplane runs as";
static const char by_pgrep[] = "pgrep looks for one process of the name: see pgrep(1) for more";

static const struct import_keyword script_keywords[] = {
	{"script", take_script, NULL},
	{"interval", take_interval, NULL},
	{"timeout", take_timeout, NULL},
	{"weight", take_weight, NULL},
	{"rise", take_times, NULL},
	{"fall", take_times, NULL},
	{"user", NULL, no_user},
	{"init_fail", NULL,
		"the first result decides at once, and before it nothing that tracks the script is "
		"held"},
	{NULL, NULL, NULL},
};

static const struct import_keyword process_keywords[] = {
	{"process", take_process, NULL},
	{"weight", take_weight, NULL},
	{"param_match", NULL, by_pgrep},
	{"quorum", NULL, by_pgrep},
	{"quorum_max", NULL, by_pgrep},
	{"fork_delay", NULL, "use rise and fall"},
	{"terminate_delay", NULL, "use rise and fall"},
	{"delay", NULL, "use rise and fall"},
	{"full_command", NULL, by_pgrep},
	{NULL, NULL, NULL},
};

static void
read_script(struct import *import, const struct statement *statement, bool process)
{
	const char *raw = statement_word(statement, 1);
	struct reading reading = {.interval_ms = 1000};
	unsigned int timeout_ms;

	if (!raw || import->n_known == MODEL_SCRIPTS_MAX) {
		import_note(import, import->scripts, statement,
			"left out: it has no name, or there are more than %d", MODEL_SCRIPTS_MAX);
		return;
	}
	reading.script = &import->known[import->n_known++];
	*reading.script = (struct import_script){.raw = raw, .process = process};
	reading.script->weight = process;
	reading.script->name = import_name(import, import->scripts, raw);
	reading.map = document_map(import->document, import->scripts, NULL, false);
	document_text(import->document, reading.map, "name", "%s", reading.script->name);
	import_block(import, statement, process ? process_keywords : script_keywords, reading.map,
		&reading);
	if (!document_find(reading.map, "command")) {
		document_fill(import->document, reading.map,
			"%s: it says no command: give one, or take it out", reading.script->name);
		document_text(import->document,
			document_list(import->document, reading.map, "command", true), NULL,
			"/bin/true");
	}
	document_set(import->document, reading.map, "interval_ms", "%u", reading.interval_ms);
	/* keepalived kills a script when its next run is due. */
	timeout_ms = reading.interval_ms;
	if (reading.timeout && !import_ms(statement_word(reading.timeout, 1), SCRIPT_MS_MIN,
				       SCRIPT_MS_MAX, &timeout_ms))
		import_note(import, reading.map, reading.timeout,
			"not a time from 0.01 to 3600 seconds: it is the interval");
	document_set(import->document, reading.map, "timeout_ms", "%u", timeout_ms);
}

void
import_scripts(struct import *import)
{
	const struct statement *statement;

	if (import->n_views == 0)
		return;
	for (statement = import->views[0].tree.root.first; statement; statement = statement->next) {
		if (strcmp(statement->words[0], "vrrp_script") == 0)
			read_script(import, statement, false);
		else if (strcmp(statement->words[0], "vrrp_track_process") == 0)
			read_script(import, statement, true);
	}
}
