/* SPDX-License-Identifier: BSD-3-Clause */
/* Scripts: lines of words; '#' begins a comment. Times are milliseconds of true time.
 *
 * Settings, before the first "at":
 *   nodes N, routers N           how many there are (n0, n1, ...; r0, r1, ...)
 *   advert MS                    interval of adverts
 *   group                        all routers are one sync group
 *   sync                         nodes share flows
 *   stay, delay MS               no preemption; preemption after this delay
 *   priority NODE ROUTER P       else 200, 150, 100, 50
 *   drift NODE PPM               its clock is so much fast (or slow, if negative)
 *   latency MIN_US MAX_US        of the network: the spread reorders messages
 *   duplicate PERMILLE           messages that arrive twice
 * Things that happen: "at MS" and one of
 *   kill|start|freeze|thaw NODE control|dataplane|both
 *   shutdown|resign|fault|well NODE
 *   priority NODE ROUTER P
 *   cut FROM TO                  what FROM sends does not reach TO
 *   join FROM TO                 and does again
 *   loss PERMILLE
 *   weigh NODE|all W             backends are weighed otherwise (stage.c)
 *   strike ROUTER                whoever holds it dies
 *   open N                       the client opens so many connections, round all services
 *   ask                          each of them sends a packet, which must go where it did
 *   heal                         the network is whole; all is started, thawed and well
 * and what must be so:
 *   holds NODE ROUTER yes|no     answers for it now
 *   client ROUTER NODE           the client believes so
 *   settled                      see check_settled() */
#include "world.h"

#include "connections.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 8

struct reader {
	struct world *world;
	bool begun;
	unsigned int line;
	char *words[WORDS_MAX];
	size_t n_words;
};

static void
refuse(struct reader *script, const char *what)
{
	check_fail(script->world, "line %u: %s: '%s'", script->line, what,
		script->n_words > 0 ? script->words[0] : "");
}

static const char *
word(struct reader *script, size_t i)
{
	if (i < script->n_words)
		return script->words[i];
	refuse(script, "a word is missing");
	return "0";
}

static long
number(struct reader *script, size_t i)
{
	const char *text = word(script, i);
	char *end;
	long value = strtol(text, &end, 10);

	if (*end != '\0' || end == text)
		refuse(script, "not a number");
	return value;
}

/* "n1" or "r1" */
static size_t
index_of(struct reader *script, size_t i, char letter, size_t n)
{
	const char *text = word(script, i);
	size_t value = (size_t)(text[0] == letter ? text[1] - '0' : 99);

	if (value < n)
		return value;
	refuse(script, letter == 'n' ? "no such node" : "no such router");
	return 0;
}

static size_t
node_of(struct reader *script, size_t i)
{
	return index_of(script, i, 'n', script->world->n_nodes);
}

static size_t
router_of(struct reader *script, size_t i)
{
	return index_of(script, i, 'r', script->world->n_routers);
}

static unsigned int
processes_of(struct reader *script, size_t i)
{
	const char *text = word(script, i);

	if (strcmp(text, "control") == 0)
		return PROCESS_CONTROL;
	if (strcmp(text, "dataplane") == 0)
		return PROCESS_DATAPLANE;
	if (strcmp(text, "both") != 0)
		refuse(script, "no such process");
	return PROCESS_BOTH;
}

/* --- Settings --- */

static size_t
count_of(struct reader *script, size_t max)
{
	long n = number(script, 1);

	if (n >= 1 && (size_t)n <= max)
		return (size_t)n;
	refuse(script, "out of range");
	return 1;
}

static void
set_nodes(struct reader *script)
{
	script->world->n_nodes = count_of(script, NODES_MAX);
}

static void
set_routers(struct reader *script)
{
	script->world->n_routers = count_of(script, ROUTERS_MAX);
}

static void
set_advert(struct reader *script)
{
	script->world->advert_cs = (uint16_t)(number(script, 1) / 10);
}

static void
set_group(struct reader *script)
{
	script->world->grouped = true;
}

static void
set_sync(struct reader *script)
{
	script->world->sync = true;
}

static void
set_stay(struct reader *script)
{
	script->world->preempt = false;
}

static void
set_delay(struct reader *script)
{
	script->world->preempt_delay_ns = (uint64_t)number(script, 1) * NS_PER_MS;
}

static void
set_drift(struct reader *script)
{
	script->world->nodes[node_of(script, 1)].rate = 1 + (double)number(script, 2) / 1e6;
}

static void
set_latency(struct reader *script)
{
	script->world->network.min_ns = (uint64_t)number(script, 1) * 1000;
	script->world->network.max_ns = (uint64_t)number(script, 2) * 1000;
}

static void
set_duplicate(struct reader *script)
{
	script->world->network.duplicate_permille = (unsigned int)number(script, 1);
}

static void
set_priority(struct reader *script)
{
	size_t node = node_of(script, 1), router = router_of(script, 2);
	uint8_t priority = (uint8_t)number(script, 3);

	if (script->begun)
		world_set_priority(script->world, node, router, priority);
	else
		script->world->nodes[node].priorities[router] = priority;
}

/* --- What happens --- */

static void
do_kill(struct reader *script)
{
	world_kill(script->world, node_of(script, 1), processes_of(script, 2));
}

static void
do_start(struct reader *script)
{
	world_start(script->world, node_of(script, 1), processes_of(script, 2));
}

static void
do_freeze(struct reader *script)
{
	world_freeze(script->world, node_of(script, 1), processes_of(script, 2));
}

static void
do_thaw(struct reader *script)
{
	world_thaw(script->world, node_of(script, 1), processes_of(script, 2));
}

static void
do_shutdown(struct reader *script)
{
	world_shut_down(script->world, node_of(script, 1));
}

static void
do_resign(struct reader *script)
{
	world_resign(script->world, node_of(script, 1));
}

static void
do_fault(struct reader *script)
{
	world_set_fault(script->world, node_of(script, 1), strcmp(script->words[0], "fault") == 0);
}

static void
do_cut(struct reader *script)
{
	size_t from = node_of(script, 1), to = node_of(script, 2);

	check_disturbed(script->world);
	script->world->network.cut[from][to] = strcmp(script->words[0], "cut") == 0;
	world_say(script->world, "%s n%zu -> n%zu", script->words[0], from, to);
}

static void
do_loss(struct reader *script)
{
	check_disturbed(script->world);
	script->world->network.loss_permille = (unsigned int)number(script, 1);
	world_say(script->world, "loss of %u in a thousand", script->world->network.loss_permille);
}

static void
do_weigh(struct reader *script)
{
	bool all = strcmp(word(script, 1), "all") == 0;
	size_t first = all ? 0 : node_of(script, 1);
	size_t end = all ? script->world->n_nodes : first + 1;
	long weighing = number(script, 2);

	if (weighing < 0 || weighing >= STAGE_WEIGHINGS)
		refuse(script, "no such weighing");
	for (size_t n = first; n < end && weighing >= 0 && weighing < STAGE_WEIGHINGS; n++)
		world_reweigh(script->world, n, (unsigned int)weighing);
}

static void
do_strike(struct reader *script)
{
	size_t router = router_of(script, 1);

	for (size_t n = 0; n < script->world->n_nodes; n++)
		if (world_answers(script->world, n, router))
			world_kill(script->world, n, PROCESS_BOTH);
}

static void
do_open(struct reader *script)
{
	connections_open(script->world, (size_t)number(script, 1));
}

static void
do_ask(struct reader *script)
{
	connections_ask(script->world);
}

static void
do_heal(struct reader *script)
{
	struct world *world = script->world;

	check_disturbed(world);
	world->network.loss_permille = 0;
	memset(world->network.cut, 0, sizeof(world->network.cut));
	world_say(world, "heal");
	for (size_t n = 0; n < world->n_nodes; n++) {
		world_thaw(world, n, PROCESS_BOTH);
		world_set_fault(world, n, false);
		if (world->nodes[n].control.ending)
			world_kill(world, n, PROCESS_CONTROL);
		world_start(world, n, PROCESS_BOTH);
	}
}

/* --- What must be so --- */

static void
expect_holds(struct reader *script)
{
	size_t node = node_of(script, 1), router = router_of(script, 2);
	bool wanted = strcmp(word(script, 3), "yes") == 0;

	if (world_answers(script->world, node, router) != wanted)
		check_fail(script->world, "line %u: n%zu %s for r%zu", script->line, node,
			wanted ? "does not answer" : "answers", router);
}

static void
expect_client(struct reader *script)
{
	size_t router = router_of(script, 1), node = node_of(script, 2);

	if (script->world->watch.client[router] != node)
		check_fail(script->world, "line %u: the client was told n%u of r%zu", script->line,
			script->world->watch.client[router], router);
}

static void
expect_settled(struct reader *script)
{
	check_settled(script->world);
}

struct verb {
	const char *word;
	void (*run)(struct reader *script);
};

static const struct verb settings[] = {
	{"nodes", set_nodes},
	{"routers", set_routers},
	{"advert", set_advert},
	{"group", set_group},
	{"sync", set_sync},
	{"stay", set_stay},
	{"delay", set_delay},
	{"priority", set_priority},
	{"drift", set_drift},
	{"latency", set_latency},
	{"duplicate", set_duplicate},
	{NULL, NULL},
};

static const struct verb happenings[] = {
	{"kill", do_kill},
	{"start", do_start},
	{"freeze", do_freeze},
	{"thaw", do_thaw},
	{"shutdown", do_shutdown},
	{"resign", do_resign},
	{"fault", do_fault},
	{"well", do_fault},
	{"priority", set_priority},
	{"cut", do_cut},
	{"join", do_cut},
	{"loss", do_loss},
	{"weigh", do_weigh},
	{"strike", do_strike},
	{"open", do_open},
	{"ask", do_ask},
	{"heal", do_heal},
	{"holds", expect_holds},
	{"client", expect_client},
	{"settled", expect_settled},
	{NULL, NULL},
};

static void
obey(struct reader *script, const struct verb *verbs)
{
	for (; verbs->word; verbs++) {
		if (strcmp(verbs->word, word(script, 0)) == 0) {
			verbs->run(script);
			return;
		}
	}
	refuse(script, "no such word here");
}

static void
run_line(struct reader *script, char *line)
{
	char *comment = strchr(line, '#'), *rest = line, *next;

	script->line++;
	script->n_words = 0;
	if (comment)
		*comment = '\0';
	while (script->n_words < WORDS_MAX && (next = strsep(&rest, " \t")) != NULL)
		if (*next)
			script->words[script->n_words++] = next;
	if (script->n_words == 0)
		return;
	if (strcmp(script->words[0], "at") != 0) {
		obey(script, settings);
		return;
	}
	if (!script->begun)
		world_begin(script->world);
	script->begun = true;
	world_run(script->world, (uint64_t)number(script, 1) * NS_PER_MS);
	memmove(script->words, script->words + 2, (WORDS_MAX - 2) * sizeof(script->words[0]));
	script->n_words -= script->n_words < 2 ? script->n_words : 2;
	obey(script, happenings);
}

bool
script_run(struct stage *stage, const char *text, uint64_t seed, FILE *timeline, struct watch *out,
	uint64_t *n_events)
{
	static struct world world;
	struct reader script = {.world = &world};
	char *copy = strdup(text), *rest = copy, *line;

	if (!copy)
		abort();
	world_init(&world, stage, seed);
	world.timeline = timeline;
	while (!world.watch.failure[0] && (line = strsep(&rest, "\n")) != NULL)
		run_line(&script, line);
	*out = world.watch;
	*n_events += world.n_events;
	world_fini(&world);
	free(copy);
	return !out->failure[0];
}
