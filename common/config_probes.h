/* SPDX-License-Identifier: BSD-3-Clause */
/* The keys of a check that only its type knows; parts of config_build_checks(). */
#ifndef COMMON_CONFIG_PROBES_H
#define COMMON_CONFIG_PROBES_H

#include "common/config_build.h"

void config_build_udp(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check *check);
void config_build_dns(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check *check);
void config_build_mariadb(struct config_reader *reader, const char *path,
	const struct raw_check *raw, struct check *check);
void config_build_script_check(struct config_reader *reader, const char *path,
	const struct raw_check *raw, struct check *check);

#endif /* COMMON_CONFIG_PROBES_H */
