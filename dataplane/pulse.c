/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking after links, claims and the own pulse; see pulse.h. */
#include "dataplane/pulse.h"

#include "common/clock.h"
#include "common/log.h"
#include "dataplane/virtual_mac.h"

#include <errno.h>
#include <stdlib.h>

LOG_MODULE("pulse");

#define PULSE_MS 100

/* A beat that is so late was not only waited for by a busy loop. */
#define LATE_NS (300 * NS_PER_MS)

struct pulse {
	struct dataplane *dataplane;
	uv_timer_t timer;
	uint64_t last_ns;
	bool up[MODEL_PORTS_MAX];
};

static void
look_at_links(struct pulse *pulse)
{
	struct dataplane *dataplane = pulse->dataplane;

	for (uint16_t i = 0; i < dataplane->n_ports; i++) {
		bool up = port_is_up(&dataplane->ports[i]);

		if (up == pulse->up[i])
			continue;
		pulse->up[i] = up;
		LOG_INFORM("port %s: link %s", dataplane->ports[i].name,
			up ? "down -> up" : "up -> down");
		exception_set_carrier(dataplane->exceptions[i], up);
	}
}

static bool
is_late(const struct pulse *pulse)
{
	return clock_now_ns() - pulse->last_ns > LATE_NS;
}

/* What waited while the process stood still is read before the beat is counted. */
static void
on_timer(uv_timer_t *timer)
{
	struct pulse *pulse = timer->data;
	struct dataplane *dataplane = pulse->dataplane;

	for (uint16_t i = 0; is_late(pulse) && i < dataplane->n_ports; i++)
		exception_read(dataplane->exceptions[i]);
	look_at_links(pulse);
	holder_look(pulse->dataplane->holder, clock_now_ns());
	pulse->last_ns = clock_now_ns();
}

/* Looks at a frame that the host sends. */
static bool
pass(void *ctx, uint16_t port, uint8_t *frame, size_t size)
{
	struct pulse *pulse = ctx;
	const struct snapshot *snapshot = pulse->dataplane->shared.snapshot;
	const struct virtual_macs *macs = snapshot ? snapshot_virtual_macs(snapshot) : NULL;
	struct virtual_advert advert;

	if (!virtual_mac_is_advert(frame, size, &advert))
		return true;
	if (is_late(pulse)) {
		LOG_LIMITED(LOG_WARN,
			"stood still for %llu ms: an advert that waited meanwhile is not sent",
			(unsigned long long)((clock_now_ns() - pulse->last_ns) / NS_PER_MS));
		return false;
	}
	if (macs)
		virtual_mac_send(macs, port, &advert, frame);
	return true;
}

int
pulse_new(struct pulse **out, struct dataplane *dataplane)
{
	struct pulse *pulse = calloc(1, sizeof(*pulse));

	if (!pulse)
		return -ENOMEM;
	pulse->dataplane = dataplane;
	pulse->last_ns = clock_now_ns();
	for (uint16_t i = 0; i < dataplane->n_ports; i++) {
		pulse->up[i] = port_is_up(&dataplane->ports[i]);
		exception_set_carrier(dataplane->exceptions[i], pulse->up[i]);
		exception_set_guard(dataplane->exceptions[i], pass, pulse, i);
	}
	uv_timer_init(&dataplane->loop, &pulse->timer);
	pulse->timer.data = pulse;
	uv_timer_start(&pulse->timer, on_timer, PULSE_MS, PULSE_MS);
	*out = pulse;
	return 0;
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void
pulse_free(struct pulse *pulse)
{
	if (pulse)
		uv_close((uv_handle_t *)&pulse->timer, on_closed);
}
