/* SPDX-License-Identifier: BSD-3-Clause */
/* VRRPv3 state machine; see vrrp_fsm.h. Section numbers are those of RFC 9568. */
#include "controlplane/vrrp_fsm.h"

#include "common/clock.h"
#include "controlplane/vrrp_packet.h"
#include "controlplane/vrrp_timers.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NEVER UINT64_MAX

/* A resigning master waits for its successor this many intervals. The successor needs at most one
 * (the skew) after an advert that it hears; the rest is for adverts that are lost and for a busy
 * machine. Waiting costs nothing: the addresses are held meanwhile. */
#define RESIGN_INTERVALS 10

/* Other members take over after three intervals at the soonest: a stop that was shorter has had no
 * consequences, also if the lease ran out meanwhile. */
#define PATIENCE_INTERVALS 3

/* A lower-ranked router that hears the answer to its advert sends at most one more, and so do those
 * that were on their way. Whoever sends so many in a row is deaf to this one. */
#define IGNORED_MAX 5

/* For so long a router that is not heard leaves the other one alone. */
#define UNHEARD_NS (60 * NS_PER_S)

static const char *const state_names[] = {
	[VRRP_INIT] = "init",
	[VRRP_BACKUP] = "backup",
	[VRRP_MASTER] = "master",
};

__attribute__((format(printf, 2, 3))) static void
say(struct vrrp_actions *actions, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(actions->why, sizeof(actions->why), format, args);
	va_end(args);
}

static void
move_to(struct vrrp_fsm *fsm, enum vrrp_state state, struct vrrp_actions *actions)
{
	actions->changed = true;
	actions->from = fsm->state;
	actions->to = state;
	actions->release = fsm->state == VRRP_MASTER;
	fsm->state = state;
	fsm->resigning = false;
	fsm->ending = false;
	fsm->waits = false;
	fsm->n_ignored = 0;
}

static void
send_advert(struct vrrp_fsm *fsm, uint8_t priority, uint64_t now_ns, struct vrrp_actions *actions)
{
	actions->send = true;
	actions->send_priority = priority;
	actions->hold = true;
	fsm->sent_ns = now_ns;
	fsm->hold_until_ns = now_ns + vrrp_fsm_hold_ns(fsm);
}

static void
become_master(struct vrrp_fsm *fsm, uint64_t now_ns, struct vrrp_actions *actions)
{
	move_to(fsm, VRRP_MASTER, actions);
	send_advert(fsm, fsm->config.priority, now_ns, actions);
	fsm->deadline_ns = now_ns + advert_ns(fsm);
	fsm->yielding = false;
	fsm->master = fsm->config.source;
	fsm->master_priority = fsm->config.priority;
}

static void
become_backup(struct vrrp_fsm *fsm, uint64_t now_ns, struct vrrp_actions *actions)
{
	move_to(fsm, VRRP_BACKUP, actions);
	fsm->deadline_ns = now_ns + master_down_ns(fsm);
	fsm->preempt_ns = now_ns + fsm->config.preempt_delay_ns;
	fsm->preempting = false;
}

static void
become_init(struct vrrp_fsm *fsm, struct vrrp_actions *actions)
{
	move_to(fsm, VRRP_INIT, actions);
	fsm->deadline_ns = NEVER;
	fsm->yielding = false;
	fsm->master = (struct addr){.family = ADDR_NONE};
	fsm->master_priority = 0;
}

static bool
is_stall(const struct vrrp_fsm *fsm, uint64_t since_ns, uint64_t now_ns)
{
	return now_ns - since_ns >= PATIENCE_INTERVALS * advert_ns(fsm);
}

/* Somebody may be master meanwhile, who would be heard within one interval. */
static void
listen_first(struct vrrp_fsm *fsm, uint64_t now_ns, struct vrrp_actions *actions)
{
	become_backup(fsm, now_ns, actions);
	fsm->deadline_ns = now_ns + advert_ns(fsm) * 3 / 2 + skew_ns(fsm);
	fsm->master = (struct addr){.family = ADDR_NONE};
	fsm->master_priority = 0;
}

static void
note_master(struct vrrp_fsm *fsm, const struct vrrp_event *event)
{
	fsm->master = event->source;
	fsm->master_priority = event->priority;
}

/* Becomes the backup of the router that 'event' comes from. */
static void
follow(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	fsm->master_cs = event->interval_cs;
	become_backup(fsm, now_ns, actions);
	note_master(fsm, event);
}

/* --- INIT (6.4.1) --- */

static void
init_startup(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	(void)event;
	fsm->master_cs = fsm->config.advert_cs;
	if (fsm->config.priority == VRRP_PRIORITY_OWNER) {
		say(actions, "ready, and owner of the addresses");
		become_master(fsm, now_ns, actions);
	} else {
		say(actions, "ready");
		become_backup(fsm, now_ns, actions);
	}
}

static void
any_priority(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	(void)now_ns;
	say(actions, "priority %u -> %u: %s", fsm->config.priority, event->priority, event->why);
	fsm->config.priority = event->priority;
}

/* --- BACKUP (6.4.2) --- */

static void
backup_down(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	(void)now_ns;
	say(actions, "%s", event->kind == VRRP_EVENT_FAULT ? event->why : "shutdown");
	become_init(fsm, actions);
}

static void
backup_take(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	char master[ADDR_TEXT_SIZE];

	(void)event;
	if (fsm->master.family == ADDR_NONE)
		say(actions, "no master heard");
	else if (fsm->master_priority == VRRP_PRIORITY_RESIGN)
		say(actions, "master %s has resigned",
			addr_format(&fsm->master, master, sizeof(master)));
	else if (fsm->preempting)
		say(actions, "priority %u is higher than %u of %s", fsm->config.priority,
			fsm->master_priority, addr_format(&fsm->master, master, sizeof(master)));
	else
		say(actions, "master %s is silent",
			addr_format(&fsm->master, master, sizeof(master)));
	become_master(fsm, now_ns, actions);
}

static void
backup_timer(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	if (now_ns < fsm->deadline_ns)
		return;
	if (fsm->config.grouped) {
		fsm->waits = true;
		fsm->deadline_ns = NEVER;
	} else {
		backup_take(fsm, event, now_ns, actions);
	}
}

static void
backup_advert(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	/* An owner always preempts (6.1, Preempt_Mode). */
	bool may_preempt = fsm->config.preempt || fsm->config.priority == VRRP_PRIORITY_OWNER;
	bool preempts = may_preempt && !fsm->yielding && now_ns >= fsm->preempt_ns;

	(void)actions;
	note_master(fsm, event);
	fsm->preempting = preempts && event->priority < fsm->config.priority;
	if (event->priority == VRRP_PRIORITY_RESIGN) {
		fsm->waits = false;
		fsm->deadline_ns = now_ns + skew_ns(fsm);
	} else if (!fsm->preempting) {
		fsm->waits = false;
		fsm->master_cs = event->interval_cs;
		fsm->deadline_ns = now_ns + master_down_ns(fsm);
	}
}

/* --- MASTER (6.4.3) --- */

static void
master_resign(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	fsm->ending = fsm->ending || event->kind == VRRP_EVENT_SHUTDOWN;
	if (fsm->resigning)
		return;
	fsm->resigning = true;
	fsm->resign_until_ns = now_ns + RESIGN_INTERVALS * advert_ns(fsm);
	fsm->deadline_ns = now_ns + advert_ns(fsm);
	send_advert(fsm, VRRP_PRIORITY_RESIGN, now_ns, actions);
}

/* Priority 0 lets another member take over without waiting for the silence, if it can be sent. */
static void
master_fault(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	(void)now_ns;
	actions->send = true;
	actions->send_priority = VRRP_PRIORITY_RESIGN;
	say(actions, "%s", event->why);
	become_init(fsm, actions);
}

static void
resigning_timer(struct vrrp_fsm *fsm, uint64_t now_ns, struct vrrp_actions *actions)
{
	if (now_ns < fsm->resign_until_ns) {
		send_advert(fsm, VRRP_PRIORITY_RESIGN, now_ns, actions);
		fsm->deadline_ns = now_ns + advert_ns(fsm);
	} else if (fsm->ending) {
		say(actions, "shutdown; nobody has taken over");
		become_init(fsm, actions);
	} else {
		say(actions, "nobody has taken over: stays master");
		fsm->resigning = false;
		send_advert(fsm, fsm->config.priority, now_ns, actions);
		fsm->deadline_ns = now_ns + advert_ns(fsm);
	}
}

/* Lets go for 'event', in the way that a resignation under way asks for. */
static void
let_go(struct vrrp_fsm *fsm, uint64_t now_ns, struct vrrp_actions *actions)
{
	bool resigned = fsm->resigning;

	if (fsm->ending) {
		become_init(fsm, actions);
		return;
	}
	listen_first(fsm, now_ns, actions);
	fsm->yielding = resigned;
}

static void
master_stall(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	if (!is_stall(fsm, event->since_ns, now_ns))
		return;
	say(actions, "was stopped for %llu ms: listens first",
		(unsigned long long)((now_ns - event->since_ns) / NS_PER_MS));
	let_go(fsm, now_ns, actions);
}

static void
master_yield(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	say(actions, "%s", event->why);
	let_go(fsm, now_ns, actions);
	if (fsm->state == VRRP_BACKUP)
		fsm->deadline_ns = now_ns + master_down_ns(fsm);
}

/* The others need not wait for the next advert to hear of it. */
static void
master_priority(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	any_priority(fsm, event, now_ns, actions);
	fsm->master_priority = fsm->config.priority;
	if (fsm->resigning || now_ns >= fsm->hold_until_ns)
		return;
	send_advert(fsm, fsm->config.priority, now_ns, actions);
	fsm->deadline_ns = now_ns + advert_ns(fsm);
}

static void
master_timer(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	(void)event;
	if (now_ns < fsm->deadline_ns)
		return;
	if (is_stall(fsm, fsm->sent_ns, now_ns)) {
		master_stall(fsm, &(struct vrrp_event){.since_ns = fsm->sent_ns}, now_ns, actions);
		return;
	}
	if (fsm->resigning) {
		resigning_timer(fsm, now_ns, actions);
		return;
	}
	send_advert(fsm, fsm->config.priority, now_ns, actions);
	/* Keeps the pace unless more than a whole interval has been missed. */
	fsm->deadline_ns += advert_ns(fsm);
	if (fsm->deadline_ns <= now_ns)
		fsm->deadline_ns = now_ns + advert_ns(fsm);
}

static void
resigning_advert(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	char source[ADDR_TEXT_SIZE];

	if (event->priority == VRRP_PRIORITY_RESIGN)
		return;
	addr_format(&event->source, source, sizeof(source));
	if (fsm->ending) {
		say(actions, "shutdown; %s has taken over", source);
		become_init(fsm, actions);
	} else {
		say(actions, "resigned; %s has taken over", source);
		follow(fsm, event, now_ns, actions);
		fsm->yielding = true;
	}
}

/* Counts an advert of a router that should not be master. Returns true if it must be deaf. */
static bool
is_ignored(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns)
{
	uint64_t forget_ns = PATIENCE_INTERVALS * event->interval_cs * NS_PER_CS;

	if (event->priority == VRRP_PRIORITY_RESIGN)
		return false;
	if (now_ns - fsm->ignored_ns > forget_ns)
		fsm->n_ignored = 0;
	fsm->ignored_ns = now_ns;
	return ++fsm->n_ignored > IGNORED_MAX;
}

/* Asserts itself at once, so that the other yields, or those who waited for one that resigned, and
 * that bridges learn (6.4.3). */
static void
assert_itself(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	send_advert(fsm, fsm->config.priority, now_ns, actions);
	fsm->deadline_ns = now_ns + advert_ns(fsm);
	actions->announce = event->priority != VRRP_PRIORITY_RESIGN;
}

static void
master_advert(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	int order = memcmp(event->source.bytes, fsm->config.source.bytes, 16);
	bool outranked = event->priority > fsm->config.priority ||
			 (event->priority == fsm->config.priority && order > 0);
	char source[ADDR_TEXT_SIZE];

	addr_format(&event->source, source, sizeof(source));
	if (fsm->resigning) {
		resigning_advert(fsm, event, now_ns, actions);
	} else if (event->priority != VRRP_PRIORITY_RESIGN && now_ns >= fsm->hold_until_ns) {
		say(actions, "was stopped; %s has taken over", source);
		follow(fsm, event, now_ns, actions);
	} else if (outranked) {
		say(actions, "%s has %s %u", source,
			event->priority > fsm->config.priority ? "higher priority"
							       : "the higher address at priority",
			event->priority);
		follow(fsm, event, now_ns, actions);
	} else if (is_ignored(fsm, event, now_ns)) {
		say(actions, "%s does not hear this node", source);
		follow(fsm, event, now_ns, actions);
		if (fsm->preempt_ns < now_ns + UNHEARD_NS)
			fsm->preempt_ns = now_ns + UNHEARD_NS;
	} else {
		assert_itself(fsm, event, now_ns, actions);
	}
}

/* What is not here is ignored: a machine in INIT hears and does nothing, and a fault of a machine
 * in INIT is no news. */
typedef void (*handler_fn)(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions);

static const handler_fn handlers[N_VRRP_STATES][N_VRRP_EVENTS] = {
	[VRRP_INIT] =
		{
			[VRRP_EVENT_STARTUP] = init_startup,
			[VRRP_EVENT_PRIORITY] = any_priority,
		},
	[VRRP_BACKUP] =
		{
			[VRRP_EVENT_SHUTDOWN] = backup_down,
			[VRRP_EVENT_FAULT] = backup_down,
			[VRRP_EVENT_TIMER] = backup_timer,
			[VRRP_EVENT_ADVERT] = backup_advert,
			[VRRP_EVENT_PRIORITY] = any_priority,
			[VRRP_EVENT_TAKE] = backup_take,
		},
	[VRRP_MASTER] =
		{
			[VRRP_EVENT_SHUTDOWN] = master_resign,
			[VRRP_EVENT_RESIGN] = master_resign,
			[VRRP_EVENT_FAULT] = master_fault,
			[VRRP_EVENT_TIMER] = master_timer,
			[VRRP_EVENT_ADVERT] = master_advert,
			[VRRP_EVENT_PRIORITY] = master_priority,
			[VRRP_EVENT_STALL] = master_stall,
			[VRRP_EVENT_YIELD] = master_yield,
		},
};

const char *
vrrp_state_name(enum vrrp_state state)
{
	assert(state < N_VRRP_STATES);
	return state_names[state];
}

void
vrrp_fsm_init(struct vrrp_fsm *fsm, const struct vrrp_fsm_config *config)
{
	assert(config->priority > 0);
	assert(config->advert_cs > 0);

	*fsm = (struct vrrp_fsm){
		.config = *config,
		.state = VRRP_INIT,
		.deadline_ns = NEVER,
		.master_cs = config->advert_cs,
	};
}

void
vrrp_fsm_set_source(struct vrrp_fsm *fsm, const struct addr *source)
{
	fsm->config.source = *source;
}

void
vrrp_fsm_reconfigure(struct vrrp_fsm *fsm, const struct vrrp_fsm_config *config)
{
	fsm->config.advert_cs = config->advert_cs;
	fsm->config.preempt = config->preempt;
	fsm->config.preempt_delay_ns = config->preempt_delay_ns;
	fsm->config.grouped = config->grouped;
}

void
vrrp_fsm_run(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions)
{
	handler_fn handle = handlers[fsm->state][event->kind];

	memset(actions, 0, sizeof(*actions));
	if (handle)
		handle(fsm, event, now_ns, actions);
}

uint64_t
vrrp_fsm_hold_ns(const struct vrrp_fsm *fsm)
{
	return advert_ns(fsm) * 5 / 2;
}
