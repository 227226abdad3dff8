/* SPDX-License-Identifier: BSD-3-Clause */
/* When one backend is probed, and what the results mean: the rise/fall machine of one check.
 *
 * It knows no socket and no clock. The caller asks at 'deadline_ns' what to do, starts or gives up
 * probes as told, and reports results. The first result decides the state, unless one is given to
 * start with; later 'rise' successes or 'fall' failures in a row change it.
 *
 * A sign of trouble hurries it: the next probe is due at once, and while probes fail and the state
 * is still up, they follow each other at a tenth of the interval, a second at most. So trouble is
 * found in a moment where it is, and where it is not, one probe was too many; once in an interval
 * at most. */
#ifndef CONTROLPLANE_HEALTH_FSM_H
#define CONTROLPLANE_HEALTH_FSM_H

#include <stdbool.h>
#include <stdint.h>

/* What the checks say of a backend. */
enum health_state {
	HEALTH_UNKNOWN,
	HEALTH_UP,
	HEALTH_DOWN
};

enum health_action {
	HEALTH_WAIT,    /* Nothing before 'deadline_ns'. */
	HEALTH_PROBE,   /* Start a probe. */
	HEALTH_GIVE_UP, /* The probe has used up its time: end it and report a failure. */
};

struct health_fsm_config {
	uint64_t interval_ns; /* From the start of one probe to the start of the next. */
	uint64_t timeout_ns;
	uint64_t jitter_ns; /* Of the interval, half of it before and half after. */
	enum health_state start;
	uint32_t rise; /* At least 1, as 'fall'. */
	uint32_t fall;
};

struct health_fsm {
	struct health_fsm_config config;
	enum health_state state;
	uint32_t streak;      /* Results in a row that speak against 'state'. */
	bool probing;         /* A probe is under way. */
	uint64_t started_ns;  /* When it began, or the last one did. */
	uint64_t deadline_ns; /* When health_fsm_run() has something to say. */
	bool hurried;         /* Until a probe succeeds or the state changes. */
	bool outdated;        /* The probe under way began before the sign. */
	uint64_t hurry_ns;    /* When it was hurried last; 0: never. */
};

/* The first probe is due within one interval, at most a second, from
 * 'now_ns', at a time chosen by 'random' (any 32 bits). */
void health_fsm_init(struct health_fsm *fsm, const struct health_fsm_config *config,
	uint64_t now_ns, uint32_t random);

/* What to do at 'now_ns'. After HEALTH_PROBE and HEALTH_GIVE_UP the caller must follow. */
enum health_action health_fsm_run(struct health_fsm *fsm, uint64_t now_ns);

/* The probe that was started has ended. 'random' spreads the next one by the jitter. Returns
 * true if the state has changed. */
bool health_fsm_result(struct health_fsm *fsm, bool ok, uint64_t now_ns, uint32_t random);

/* Something else than a probe has shown trouble. Returns true if that is heeded: 'deadline_ns' has
 * changed, or will with the end of the probe under way. */
bool health_fsm_hurry(struct health_fsm *fsm, uint64_t now_ns);

/* "unknown", "up", "down" */
const char *health_state_name(enum health_state state);

#endif /* CONTROLPLANE_HEALTH_FSM_H */
