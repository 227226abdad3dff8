/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows of the generator; see flows.h. */
#include "dataplane/pktgen/flows.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct flows {
	struct flows_config config;
	uint32_t n_open;
	uint32_t turn;   /* Whose turn it is. */
	uint32_t oldest; /* The one to be replaced next. */
	uint32_t next;   /* The flow to be opened next. */
	uint32_t due;    /* Share of a new flow that has been saved up. */
	bool replacing;  /* 'oldest' has had its ACT_CLOSE. */
	uint32_t open[]; /* Flows by place. */
};

int
flows_new(struct flows **out, const struct flows_config *config)
{
	struct flows *flows;

	assert(config->n > 0 && config->n <= config->space);
	flows = malloc(sizeof(*flows) + config->n * sizeof(flows->open[0]));
	if (!flows)
		return -ENOMEM;
	*flows = (struct flows){.config = *config};
	*out = flows;
	return 0;
}

void
flows_free(struct flows *flows)
{
	free(flows);
}

static struct flow_packet
open_flow(struct flows *flows, uint32_t place)
{
	struct flow_packet packet = {flows->next, ACT_OPEN};

	flows->open[place] = flows->next;
	if (++flows->next == flows->config.space)
		flows->next = 0;
	return packet;
}

static struct flow_packet
replace_oldest(struct flows *flows)
{
	uint32_t place = flows->oldest;

	if (flows->config.closes && !flows->replacing) {
		flows->replacing = true;
		return (struct flow_packet){flows->open[place], ACT_CLOSE};
	}
	flows->replacing = false;
	flows->due -= FLOWS_SHARE_ALL;
	if (++flows->oldest == flows->config.n)
		flows->oldest = 0;
	return open_flow(flows, place);
}

struct flow_packet
flows_next(struct flows *flows)
{
	uint32_t place;

	if (flows->n_open < flows->config.n)
		return open_flow(flows, flows->n_open++);
	flows->due += flows->config.new_share;
	if (flows->due >= FLOWS_SHARE_ALL)
		return replace_oldest(flows);
	place = flows->turn;
	if (++flows->turn == flows->config.n)
		flows->turn = 0;
	return (struct flow_packet){flows->open[place], ACT_DATA};
}

bool
flows_all_open(const struct flows *flows)
{
	return flows->n_open == flows->config.n;
}
