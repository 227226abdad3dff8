/* SPDX-License-Identifier: BSD-3-Clause */
/* What instances and groups track. keepalived adds a positive weight while all is well, weir only
 * takes away: so the priority begins higher by what is positive; see import_data.h. */
#include "controlplane/import/import_data.h"

#include <stdlib.h>
#include <string.h>

#define WEIGHT_MAX 253
#define PRIORITY_OWNER 255

static bool
has_owner(const struct import *import, const struct import_fate *fate)
{
	for (size_t i = 0; i < fate->n; i++) {
		for (size_t j = 0; j < import->n_nodes; j++) {
			if (fate->routers[i]->members[j].priority == PRIORITY_OWNER)
				return true;
		}
	}
	return false;
}

static void
raise_priority(struct import *import, const struct import_fate *fate, unsigned int weight)
{
	for (size_t i = 0; i < fate->n; i++) {
		for (size_t j = 0; j < import->n_nodes; j++) {
			unsigned int *priority = &fate->routers[i]->members[j].priority;

			*priority = *priority + weight < PRIORITY_OWNER ? *priority + weight
									: PRIORITY_OWNER - 1;
		}
	}
}

/* What stands behind the name: "weight 10 reverse". */
struct weight {
	long long value;
	bool reverse;
};

static struct weight
read_weight(const struct statement *item, struct weight otherwise)
{
	struct weight weight = otherwise;

	for (size_t i = 1; i < item->n_words; i++) {
		if (strcmp(item->words[i], "weight") == 0)
			import_number(statement_word(item, i + 1), -WEIGHT_MAX - 1, WEIGHT_MAX + 1,
				&weight.value);
		if (strcmp(item->words[i], "reverse") == 0)
			weight.reverse = true;
	}
	return weight;
}

static bool
is_tracked(const struct import_router *router, const struct import_track *track)
{
	for (size_t i = 0; i < router->n_tracks; i++) {
		const struct import_track *other = &router->tracks[i];

		if (track->port && other->port && strcmp(track->port, other->port) == 0)
			return true;
		if (track->script && other->script && strcmp(track->script, other->script) == 0)
			return true;
	}
	return false;
}

/* Adds 'track' with this weight to the first router of the fate. */
static void
add(struct import *import, const struct import_fate *fate, const struct statement *item,
	struct import_track track, struct weight weight)
{
	struct import_router *router = fate->routers[0];
	struct document_node *notes = router->notes;

	if (weight.reverse) {
		import_note(import, notes, item,
			"weir cannot track the reverse: write a script that fails when it is "
			"there");
		return;
	}
	if (router->n_tracks == MODEL_TRACKS_MAX || is_tracked(router, &track)) {
		import_note(import, notes, item,
			"is tracked already, or there is no room: %d are tracked at most",
			MODEL_TRACKS_MAX);
		return;
	}
	if (weight.value != 0 && has_owner(import, fate)) {
		import_note(import, notes, item,
			"left out, as keepalived does: nothing changes the priority of an owner");
		return;
	}
	if (weight.value != 0 && fate->faults_only) {
		import_note(import, notes, item,
			"in a sync group the weight does not count, for keepalived neither: it is "
			"a "
			"fault");
		weight.value = 0;
	}
	track.weight = (unsigned int)llabs(weight.value);
	if (track.weight > WEIGHT_MAX)
		track.weight = WEIGHT_MAX;
	if (weight.value > 0) {
		raise_priority(import, fate, track.weight);
		import_note(import, notes, item,
			"weir takes the weight away while it fails, keepalived adds it while it "
			"does not: so the priorities of all members are higher by %u",
			track.weight);
	}
	router->tracks[router->n_tracks++] = track;
}

static void
track_interfaces(
	struct import *import, const struct import_fate *fate, const struct statement *block)
{
	const struct statement *item = block->first;

	for (; item; item = item->next) {
		struct import_track track = {.port = import_port(import, item->words[0], true)};
		struct document_node *notes = fate->routers[0]->notes;
		bool own = false;

		for (size_t i = 0; i < fate->n && track.port; i++)
			own = own || strcmp(fate->routers[i]->port, track.port) == 0;
		if (!track.port)
			import_note(import, notes, item, "more than %d ports", MODEL_PORTS_MAX);
		else if (own)
			import_note(import, notes, item,
				"the link of the router's own port is always tracked, as a fault");
		else
			add(import, fate, item, track,
				read_weight(item, (struct weight){0, false}));
	}
}

static void
track_scripts(struct import *import, const struct import_fate *fate, const struct statement *block,
	bool process)
{
	const struct statement *item = block->first;

	for (; item; item = item->next) {
		const struct import_script *script = NULL;

		for (size_t i = 0; i < import->n_known && !script; i++) {
			const struct import_script *known = &import->known[i];

			if (known->process == process && strcmp(known->raw, item->words[0]) == 0)
				script = known;
		}
		if (!script) {
			import_note(import, fate->routers[0]->notes, item,
				"no script of this name was translated");
			continue;
		}
		add(import, fate, item, (struct import_track){.script = script->name},
			read_weight(item, (struct weight){script->weight, script->reverse}));
	}
}

void
import_track(struct import *import, const struct import_fate *fate, const struct statement *block)
{
	const struct statement *part = block->first;

	for (; part; part = part->next) {
		if (strcmp(part->words[0], "track_interface") == 0)
			track_interfaces(import, fate, part);
		else if (strcmp(part->words[0], "track_script") == 0)
			track_scripts(import, fate, part, false);
		else if (strcmp(part->words[0], "track_process") == 0)
			track_scripts(import, fate, part, true);
	}
}
