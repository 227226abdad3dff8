/* SPDX-License-Identifier: BSD-3-Clause */
/* The trials of a run; see campaign.h. */
#include "dataplane/pktgen/campaign.h"

#include <errno.h>

/* A search does not go below this part of the highest rate. */
#define LEAST_PART 1000

struct campaign {
	const struct settings *settings;
	struct session *session;
	FILE *table;
	struct report *report;
};

/* Runs a trial; '*out' is its result. */
static int
run_trial(struct campaign *campaign, const struct pacing *pacing, const struct result **out,
	struct err *err)
{
	struct result *result = &campaign->report->results[campaign->report->n_results];
	int rc = session_trial(
		campaign->session, pacing, campaign->settings->duration_ns, result, err);

	if (rc < 0)
		return rc;
	campaign->report->n_results++;
	if (campaign->table)
		report_table_row(campaign->table, result);
	*out = result;
	return 0;
}

/* Opens flows, fills caches, and lets the far side find its own next hops; nothing is counted. */
static int
warm_up(struct campaign *campaign, struct err *err)
{
	struct result unused;
	struct pacing pacing;
	int rc;

	if (campaign->settings->warm_up_ns == 0)
		return 0;
	rc = session_pacing(campaign->session, &campaign->settings->rates[0], &pacing, err);
	if (rc == 0)
		rc = session_trial(
			campaign->session, &pacing, campaign->settings->warm_up_ns, &unused, err);
	return rc;
}

static int
run_rates(struct campaign *campaign, struct err *err)
{
	const struct result *result;
	int rc = 0;

	for (size_t i = 0; i < campaign->settings->n_rates && rc == 0; i++) {
		struct pacing pacing;

		if (session_interrupted(campaign->session))
			break;
		rc = session_pacing(campaign->session, &campaign->settings->rates[i], &pacing, err);
		if (rc == 0)
			rc = run_trial(campaign, &pacing, &result, err);
	}
	return rc;
}

static uint64_t
unit_rate(const struct pacing *pacing, const struct result *result)
{
	return (uint64_t)result_per_second(
		result, pacing->in_bits ? result->sent_bits : result->sent);
}

/* The highest rate to try; with "max" what the generator reaches in a trial. */
static int
find_most(struct campaign *campaign, struct pacing *most, struct err *err)
{
	const struct result *result;
	int rc = session_pacing(campaign->session, &campaign->settings->rates[0], most, err);

	if (rc < 0 || most->rate > 0)
		return rc;
	rc = run_trial(campaign, most, &result, err);
	if (rc < 0)
		return rc;
	most->rate = unit_rate(most, result);
	if (most->rate == 0)
		return err_set(
			err, -EIO, "the port takes no packets: see to the link and the other side");
	return 0;
}

static int
run_search(struct campaign *campaign, struct err *err)
{
	const struct settings *settings = campaign->settings;
	struct search_config config = {.tolerance = settings->tolerance};
	struct search search;
	struct pacing pacing;
	int rc = find_most(campaign, &pacing, err);

	if (rc < 0)
		return rc;
	config.most = pacing.rate;
	config.least = pacing.rate / LEAST_PART ? pacing.rate / LEAST_PART : 1;
	config.resolution = (uint64_t)((double)pacing.rate * settings->resolution / SEARCH_WHOLE);
	config.resolution = config.resolution ? config.resolution : 1;
	search_init(&search, &config);
	while (search.end == SEARCH_GOES_ON && campaign->report->n_results < REPORT_TRIALS_MAX &&
		!session_interrupted(campaign->session)) {
		const struct result *result;
		struct search_trial trial;

		pacing.rate = search.next;
		rc = run_trial(campaign, &pacing, &result, err);
		if (rc < 0)
			return rc;
		if (session_interrupted(campaign->session))
			break;
		trial = (struct search_trial){
			result->sent, result->counts.received, unit_rate(&pacing, result)};
		if (search_take(&search, &trial))
			campaign->report->chosen = result;
	}
	campaign->report->end = search.end;
	return 0;
}

int
campaign_run(struct report *out, const struct settings *settings, struct session *session,
	FILE *table, struct err *err)
{
	struct campaign campaign = {settings, session, table, out};
	int rc;

	*out = (struct report){.settings = settings};
	rc = warm_up(&campaign, err);
	if (table)
		report_table_head(table);
	if (rc == 0)
		rc = settings->search ? run_search(&campaign, err) : run_rates(&campaign, err);
	return rc;
}
