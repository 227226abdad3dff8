/* SPDX-License-Identifier: BSD-3-Clause */
/* The key 'database.replication': what scripts/database and scripts/promote go by; see
 * config_build.h. No process uses it, but a mistake in it is told as early as any other. */
#include "common/config_build.h"

#define PLACE "database.replication"
#define TIMEOUT_MAX_MS 3600000
#define TIMEOUT_MS 1000

/* A user and the file of its password, both or a mistake. */
static const char *
build_account(struct config_reader *reader, const char *user_key, const char *user,
	const char *file_key, const char *file, const char **file_out)
{
	config_required(reader, PLACE, file_key, file);
	*file_out = config_file(reader, PLACE, file_key, file);
	return config_required(reader, PLACE, user_key, user);
}

void
config_build_replication(struct config_reader *reader, const struct raw_replication *raw,
	struct replication_config *replication)
{
	if (!raw)
		return;
	replication->user = build_account(reader, "user", raw->user, "password_file",
		raw->password_file, &replication->password_file);
	replication->admin_user = build_account(reader, "admin_user", raw->admin_user,
		"admin_password_file", raw->admin_password_file, &replication->admin_password_file);
	replication->semi_sync = config_bool(reader, PLACE, "semi_sync", raw->semi_sync, false);
	replication->semi_sync_timeout_ms = (uint32_t)config_number(reader, PLACE,
		"semi_sync_timeout_ms", raw->semi_sync_timeout_ms,
		(struct config_range){0, TIMEOUT_MAX_MS, TIMEOUT_MS});
	if (raw->fence_count > 0)
		replication->fence =
			config_command(reader, PLACE, "fence", raw->fence, raw->fence_count);
}
