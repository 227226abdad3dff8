/* SPDX-License-Identifier: BSD-3-Clause */
/* What other threads see of noted SYNs; see syn_notes.h. */
#include "dataplane/syn_notes.h"

bool
syn_notes_peek(struct syn_notes *notes, const struct flow_table *table, const struct flow_key *key,
	uint64_t now_ns, struct flow_copy *out)
{
	uint64_t hash = flow_hash(table, key);
	const uint64_t *set = syn_notes_set(notes, hash);
	uint16_t tick = flow_tick(now_ns);

	for (unsigned int i = 0; i < SYN_NOTES_WAYS; i++) {
		uint64_t note = __atomic_load_n(&set[i], __ATOMIC_RELAXED);

		if (note >> 32 != syn_note_make(hash, 0, 0) >> 32)
			continue;
		if (syn_note_is_old(table, note, tick))
			return false;
		*out = (struct flow_copy){
			.entry = {.key = *key, .backend = syn_note_backend(note)},
			.seen = (uint16_t)(tick - syn_note_age(note, tick)),
			.state = FLOW_TCP_EMBRYONIC,
		};
		return true;
	}
	return false;
}

void
syn_notes_count(const struct syn_notes *notes, const struct flow_table *table, uint64_t now_ns,
	uint32_t *counts)
{
	uint16_t tick = flow_tick(now_ns);

	for (size_t i = 0; i < SYN_NOTES; i++) {
		uint64_t note = __atomic_load_n(&notes->words[i], __ATOMIC_RELAXED);

		if (note && !syn_note_is_old(table, note, tick))
			counts[syn_note_backend(note)]++;
	}
}
