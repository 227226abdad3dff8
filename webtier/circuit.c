/* SPDX-License-Identifier: BSD-3-Clause */
/* Circuit breaker; see circuit.h. */
#include "webtier/circuit.h"

#include <stddef.h>

uint64_t
circuit_closed_for_ns(const struct circuit *circuit, uint64_t now_ns)
{
	uint64_t until_ns = atomic_load_explicit(&circuit->open_until_ns, memory_order_relaxed);

	if (until_ns > now_ns)
		return until_ns - now_ns;
	/* Half open: others wait for the one that tries; nobody knows for how long. */
	return until_ns > 0 && atomic_load_explicit(&circuit->is_tried, memory_order_relaxed);
}

enum circuit_ticket
circuit_enter(struct circuit *circuit, uint64_t now_ns)
{
	uint64_t until_ns = atomic_load_explicit(&circuit->open_until_ns, memory_order_relaxed);
	bool no = false;

	if (until_ns == 0)
		return CIRCUIT_PASS;
	if (until_ns > now_ns || !atomic_compare_exchange_strong(&circuit->is_tried, &no, true))
		return CIRCUIT_REFUSED;
	return CIRCUIT_TRIAL;
}

bool
circuit_succeed(struct circuit *circuit)
{
	bool was_open;

	if (atomic_load_explicit(&circuit->n_failed, memory_order_relaxed) == 0)
		return false;
	atomic_store(&circuit->n_failed, 0);
	was_open = atomic_exchange(&circuit->open_until_ns, 0) != 0;
	atomic_store(&circuit->is_tried, false);
	return was_open;
}

bool
circuit_fail(struct circuit *circuit, enum circuit_ticket ticket,
	const struct circuit_settings *settings, uint64_t now_ns)
{
	uint32_t n_failed = atomic_fetch_add(&circuit->n_failed, 1) + 1;
	uint64_t closed = 0;

	if (settings->n_failures == 0)
		return false;
	if (ticket == CIRCUIT_TRIAL) {
		atomic_store(&circuit->open_until_ns, now_ns + settings->open_ns);
		atomic_store(&circuit->is_tried, false);
	} else if (n_failed < settings->n_failures ||
		   !atomic_compare_exchange_strong(
			   &circuit->open_until_ns, &closed, now_ns + settings->open_ns)) {
		return false;
	}
	atomic_fetch_add(&circuit->n_opened, 1);
	return true;
}

void
circuit_forget(struct circuit *circuit, enum circuit_ticket ticket)
{
	if (ticket == CIRCUIT_TRIAL)
		atomic_store(&circuit->is_tried, false);
}
