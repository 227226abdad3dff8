/* SPDX-License-Identifier: BSD-3-Clause */
/* GET /api/links/CODE/days: the visits of a link by day (UTC). */
#ifndef APPTIER_SHORTENER_LINK_DAYS_H
#define APPTIER_SHORTENER_LINK_DAYS_H

#include "apptier/shortener/link_request.h"

#define LINK_DAYS_DEFAULT 30 /* Up to today. */
#define LINK_DAYS_MAX 366

/* Reads the range out of the query arguments 'from' and 'to'. Returns false after having answered
 * 400. */
bool link_days_prepare(struct link_request *link);

/* Answers with every day of the range, those without visits as well. */
void link_days_show(struct link_request *link);

#endif /* APPTIER_SHORTENER_LINK_DAYS_H */
