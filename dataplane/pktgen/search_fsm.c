/* SPDX-License-Identifier: BSD-3-Clause */
/* Throughput search; see search_fsm.h. */
#include "dataplane/pktgen/search_fsm.h"

#include <assert.h>

/* A trial below this part of its rate has measured the generator. */
#define SHORT_PERCENT 98

void
search_init(struct search *search, const struct search_config *config)
{
	assert(config->least > 0 && config->least <= config->most && config->resolution > 0);
	*search = (struct search){.config = *config, .failed = config->most, .next = config->most};
}

static bool
has_passed(const struct search *search, const struct search_trial *trial)
{
	uint64_t lost = trial->sent > trial->received ? trial->sent - trial->received : 0;

	/* Without a packet nothing is proved. Doubles are exact enough: both sides are shares. */
	return trial->sent > 0 &&
	       (double)lost * SEARCH_WHOLE <= (double)trial->sent * search->config.tolerance;
}

static bool
is_short(const struct search *search, const struct search_trial *trial)
{
	return trial->rate < search->next - search->next / 100 * (100 - SHORT_PERCENT);
}

static void
take_pass(struct search *search, const struct search_trial *trial)
{
	if (is_short(search, trial)) {
		if (trial->rate > search->passed)
			search->passed = trial->rate;
		search->end = SEARCH_GENERATOR;
		return;
	}
	search->passed = search->next;
	if (search->next == search->config.most)
		search->end = SEARCH_AT_MOST;
}

static void
take_failure(struct search *search, const struct search_trial *trial)
{
	bool slower = is_short(search, trial) && trial->rate > search->passed;

	/* What was lost was lost at the rate that was really sent. */
	search->failed = slower ? trial->rate : search->next;
	if (search->next <= search->config.least)
		search->end = search->passed > 0 ? SEARCH_FOUND : SEARCH_NONE;
}

bool
search_take(struct search *search, const struct search_trial *trial)
{
	bool passed = has_passed(search, trial);

	assert(search->end == SEARCH_GOES_ON);
	if (passed)
		take_pass(search, trial);
	else
		take_failure(search, trial);
	if (search->end != SEARCH_GOES_ON)
		return passed;
	if (search->passed > 0 && search->failed - search->passed <= search->config.resolution) {
		search->end = SEARCH_FOUND;
		return passed;
	}
	search->next = search->passed + (search->failed - search->passed) / 2;
	/* Below the lowest rate there is nothing; it is tried itself before that is said. */
	if (search->next < search->config.least ||
		(search->passed == 0 &&
			search->failed - search->config.least <= search->config.resolution))
		search->next = search->config.least;
	return passed;
}

const char *
search_end_text(enum search_end end)
{
	static const char *const texts[] = {
		[SEARCH_GOES_ON] = "the search was interrupted",
		[SEARCH_FOUND] = "a higher rate loses packets",
		[SEARCH_AT_MOST] = "the highest rate of the search passed: there may be more",
		[SEARCH_GENERATOR] = "no loss, but the generator cannot send faster",
		[SEARCH_NONE] = "even the lowest rate of the search loses packets",
	};

	return texts[end];
}
