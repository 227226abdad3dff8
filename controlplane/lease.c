/* SPDX-License-Identifier: BSD-3-Clause */
/* Leases; see lease.h. */
#include "controlplane/lease.h"

#include "common/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
lease_init(struct lease *lease)
{
	memset(lease, 0, sizeof(*lease));
}

void
lease_hold(struct lease *lease, size_t router, uint64_t until_ns)
{
	assert(router < MODEL_ROUTERS_MAX);
	lease->until_ns[router] = until_ns;
	lease->changed = true;
}

void
lease_let_go(struct lease *lease, size_t router)
{
	assert(router < MODEL_ROUTERS_MAX);
	if (lease->until_ns[router] == 0)
		return;
	lease->until_ns[router] = 0;
	lease->changed = true;
}

void
lease_announce(struct lease *lease, size_t router)
{
	assert(router < MODEL_ROUTERS_MAX);
	lease->announce[router] = true;
	lease->changed = true;
}

/* What is left of less than a millisecond is not worth a message. */
bool
lease_is_held(const struct lease *lease, size_t router, uint64_t now_ns)
{
	return lease->until_ns[router] >= now_ns + NS_PER_MS;
}

void
lease_forget(struct lease *lease)
{
	lease->changed = true;
}

int
lease_message(struct lease *lease, const char *const *names, size_t n_names, uint64_t now_ns,
	struct control_lease *out)
{
	/* With nothing held the time means nothing, but it has to be one. */
	struct control_lease message = {.until_ns = now_ns,
		.held = calloc(n_names + 1, CONTROL_NAME_SIZE),
		.announce = calloc(n_names + 1, CONTROL_NAME_SIZE)};
	uint64_t until_ns = UINT64_MAX;

	if (!message.held || !message.announce) {
		control_lease_fini(&message);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n_names; i++) {
		if (!lease_is_held(lease, i, now_ns))
			continue;
		snprintf(message.held[message.n_held++], CONTROL_NAME_SIZE, "%s", names[i]);
		if (lease->announce[i])
			snprintf(message.announce[message.n_announce++], CONTROL_NAME_SIZE, "%s",
				names[i]);
		if (lease->until_ns[i] < until_ns)
			until_ns = lease->until_ns[i];
	}
	memset(lease->announce, 0, sizeof(lease->announce));
	if (message.n_held > 0)
		message.until_ns = until_ns;
	lease->changed = false;
	*out = message;
	return 0;
}
