/* SPDX-License-Identifier: BSD-3-Clause */
/* Hosts that links may not lead to: the table 'refused_hosts', which people fill, kept in memory
 * and read again every REFUSED_HOSTS_REFRESH_MS. Belongs to one worker. */
#ifndef APPTIER_SHORTENER_REFUSED_HOSTS_H
#define APPTIER_SHORTENER_REFUSED_HOSTS_H

#include "apptier/module.h"

#include <stdbool.h>

#define REFUSED_HOSTS_REFRESH_MS 5000

struct refused_hosts;

/* Reads the table as soon as there is a database. Returns 0, or a negative errno with 'err' set. */
int refused_hosts_new(struct refused_hosts **out, struct app *app, struct err *err);
void refused_hosts_free(struct refused_hosts *hosts);

/* The entry that refuses 'url', one that link_url_check() has accepted; NULL if there is none, or
 * if the table has not been read yet, in the moment after the start. */
const char *refused_hosts_find(const struct refused_hosts *hosts, const char *url);

#endif /* APPTIER_SHORTENER_REFUSED_HOSTS_H */
