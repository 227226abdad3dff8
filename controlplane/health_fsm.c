/* SPDX-License-Identifier: BSD-3-Clause */
/* Rise and fall; see health_fsm.h. */
#include "controlplane/health_fsm.h"

#include "common/clock.h"

#include <assert.h>

/* Between the probes of one that is hurried: a part of the interval, and no more than so much. */
#define HURRY_PART 10
#define HURRY_NS_MAX NS_PER_S

/* The share of 'whole' that 'random' stands for: 0 for 0, almost all for the greatest. */
static uint64_t
share(uint64_t whole, uint32_t random)
{
	return (whole >> 32) * random + (((whole & UINT32_MAX) * random) >> 32);
}

void
health_fsm_init(struct health_fsm *fsm, const struct health_fsm_config *config, uint64_t now_ns,
	uint32_t random)
{
	uint64_t spread_ns = config->interval_ns < NS_PER_S ? config->interval_ns : NS_PER_S;

	assert(config->rise > 0 && config->fall > 0);
	*fsm = (struct health_fsm){
		.config = *config,
		.state = config->start,
		.deadline_ns = now_ns + share(spread_ns, random),
	};
}

enum health_action
health_fsm_run(struct health_fsm *fsm, uint64_t now_ns)
{
	if (now_ns < fsm->deadline_ns)
		return HEALTH_WAIT;
	if (fsm->probing)
		return HEALTH_GIVE_UP;
	fsm->probing = true;
	fsm->started_ns = now_ns;
	fsm->deadline_ns = now_ns + fsm->config.timeout_ns;
	return HEALTH_PROBE;
}

static enum health_state
next_state(struct health_fsm *fsm, bool ok)
{
	enum health_state seen = ok ? HEALTH_UP : HEALTH_DOWN;

	if (fsm->state == HEALTH_UNKNOWN)
		return seen;
	if (fsm->state == seen) {
		fsm->streak = 0;
		return seen;
	}
	fsm->streak++;
	return fsm->streak >= (ok ? fsm->config.rise : fsm->config.fall) ? seen : fsm->state;
}

/* When the next probe is due after one that ended at 'now_ns'. */
static uint64_t
next_deadline_ns(struct health_fsm *fsm, bool ok, uint64_t now_ns, uint32_t random)
{
	uint64_t jitter_ns = fsm->config.jitter_ns;
	uint64_t hurry_ns = fsm->config.interval_ns / HURRY_PART;

	if (fsm->outdated) {
		fsm->outdated = false;
		return now_ns;
	}
	fsm->hurried = fsm->hurried && !ok && fsm->state == HEALTH_UP;
	if (fsm->hurried)
		return fsm->started_ns + (hurry_ns < HURRY_NS_MAX ? hurry_ns : HURRY_NS_MAX);
	return fsm->started_ns + fsm->config.interval_ns - jitter_ns / 2 + share(jitter_ns, random);
}

bool
health_fsm_result(struct health_fsm *fsm, bool ok, uint64_t now_ns, uint32_t random)
{
	enum health_state before = fsm->state;

	assert(fsm->probing);
	fsm->probing = false;
	fsm->state = next_state(fsm, ok);
	fsm->deadline_ns = next_deadline_ns(fsm, ok, now_ns, random);
	if (fsm->deadline_ns < now_ns)
		fsm->deadline_ns = now_ns;
	if (fsm->state == before)
		return false;
	fsm->streak = 0;
	return true;
}

bool
health_fsm_hurry(struct health_fsm *fsm, uint64_t now_ns)
{
	if (fsm->state != HEALTH_UP ||
		(fsm->hurry_ns != 0 && now_ns < fsm->hurry_ns + fsm->config.interval_ns))
		return false;
	fsm->hurry_ns = now_ns;
	fsm->hurried = true;
	fsm->outdated = fsm->probing;
	if (!fsm->probing)
		fsm->deadline_ns = now_ns;
	return true;
}

const char *
health_state_name(enum health_state state)
{
	static const char *const names[] = {
		[HEALTH_UNKNOWN] = "unknown",
		[HEALTH_UP] = "up",
		[HEALTH_DOWN] = "down",
	};

	return names[state];
}
