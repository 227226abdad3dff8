/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may use the sockets of a load balancer: 'control_access' and 'admin_access'; see
 * config_build.h. Whether there are such users and groups is for the machine to say that the file
 * is for. */
#include "common/config_build.h"

#include <errno.h>
#include <stdlib.h>

#define MODE_MISSING 0600u
#define MODE_OWNER 0600u  /* Without these nobody could connect. */
#define MODE_ALL 0666u    /* More means nothing for a socket. */
#define MODE_OTHERS 0022u /* One of these lets in others than the owner. */

static uint16_t
read_mode(struct config_reader *reader, const char *path, const char *raw)
{
	unsigned long mode;
	char *end;

	if (!raw)
		return MODE_MISSING;
	errno = 0;
	mode = strtoul(raw, &end, 8);
	if (errno == 0 && end != raw && *end == '\0' && *raw != '-' && (mode & ~MODE_ALL) == 0 &&
		(mode & MODE_OWNER) == MODE_OWNER)
		return (uint16_t)mode;
	config_fail(reader, path, "mode",
		"'%s' is not a mode for a socket: octal digits from 0600 to 0666, without the bits "
		"0111",
		raw);
	return MODE_MISSING;
}

static const char *const *
read_names(
	struct config_reader *reader, const char *path, const char *key, char **raw, unsigned int n)
{
	const char **names;

	if (n == 0)
		return NULL;
	names = config_array(reader, n + 1, sizeof(*names));
	for (unsigned int i = 0; names && i < n; i++) {
		struct config_path item = config_path("%s.%s[%u]", path, key, i);

		names[i] = config_text(reader, item.text, NULL, raw[i], "");
		if (!names[i] || *names[i] == '\0')
			config_fail(reader, item.text, NULL, "the name is empty");
	}
	return names;
}

void
config_build_access(struct config_reader *reader, const char *path, const struct raw_access *raw,
	struct socket_access *access)
{
	access->mode = MODE_MISSING;
	if (!raw)
		return;
	access->owner = config_text(reader, path, "owner", raw->owner, NULL);
	access->group = config_text(reader, path, "group", raw->group, NULL);
	access->mode = read_mode(reader, path, raw->mode);
	access->write_users =
		read_names(reader, path, "write_users", raw->write_users, raw->write_users_count);
	access->write_groups = read_names(
		reader, path, "write_groups", raw->write_groups, raw->write_groups_count);
	if ((access->mode & MODE_OTHERS) != 0)
		return;
	if (access->write_users && !access->owner)
		config_fail(reader, path, "write_users",
			"mode %04o lets nobody but the owner in: give a 'mode' such as 0660, or an "
			"'owner'",
			access->mode);
	if (access->write_groups)
		config_fail(reader, path, "write_groups",
			"mode %04o lets nobody but the owner in: give a 'mode' such as 0660",
			access->mode);
}
