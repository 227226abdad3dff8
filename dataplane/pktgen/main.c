/* SPDX-License-Identifier: BSD-3-Clause */
/* weir-pktgen: the traffic generator. */
#include "common/log.h"
#include "dataplane/pktgen/campaign.h"
#include "dataplane/pktgen/report.h"
#include "dataplane/pktgen/session.h"
#include "dataplane/pktgen/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("pktgen");

/* The table goes where the JSON does not. */
static FILE *
table_file(const struct settings *settings)
{
	return settings->json && strcmp(settings->json, "-") == 0 ? stderr : stdout;
}

static int
run(const struct settings *settings, struct session *session, struct err *err)
{
	FILE *table = table_file(settings);
	struct report report;
	int rc = campaign_run(&report, settings, session, table, err);

	if (rc == 0 && settings->search)
		report_search(table, &report);
	if (rc == 0 && settings->json)
		rc = report_json(&report, settings->json, err);
	return rc;
}

int
main(int argc, char **argv)
{
	struct settings settings;
	struct session *session = NULL;
	struct err err = {""};
	int rc;

	settings_parse(&settings, argc, argv);
	rc = session_new(&session, &settings, &err);
	if (rc == 0)
		rc = run(&settings, session, &err);
	if (rc < 0 && rc != -EINTR)
		LOG_ERR("%s", err.text);
	session_free(session);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
