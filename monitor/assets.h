/* SPDX-License-Identifier: BSD-3-Clause */
/* The files of the monitor's page (monitor/page/), compiled into the program. */
#ifndef MONITOR_ASSETS_H
#define MONITOR_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

struct asset {
	const char *content_type;
	const char *data;
	size_t size;
};

/* Finds the asset for 'path' and fills 'out'. Returns whether there is one. */
bool asset_find(const char *path, struct asset *out);

#endif /* MONITOR_ASSETS_H */
