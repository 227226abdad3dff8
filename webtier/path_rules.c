/* SPDX-License-Identifier: BSD-3-Clause */
/* Path rules; see path_rules.h. */
#include "webtier/path_rules.h"

#include "common/hex.h"

#include <string.h>

static const char hex_digits[] = "0123456789ABCDEF";

static bool
is_well_known(const char *segment, size_t size, bool at_root)
{
	static const char name[] = ".well-known";

	return at_root && size == sizeof(name) - 1 && memcmp(segment, name, size) == 0;
}

enum path_verdict
path_to_file(const char *path, char *out, size_t size)
{
	size_t used = 0;

	if (path[0] != '/')
		return PATH_INVALID;
	while (*path != '\0') {
		size_t n = strcspn(path, "/");

		if (n > 0 && path[0] == '.' && !is_well_known(path, n, used == 0))
			return PATH_FORBIDDEN;
		if (used + n + 2 > size)
			return PATH_TOO_LONG;
		memcpy(out + used, path, n);
		used += n;
		path += n;
		if (*path != '/')
			continue;
		path++;
		if (n > 0)
			out[used++] = '/';
	}
	out[used] = '\0';
	return PATH_OK;
}

static bool
is_unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("-._~/!$&'()*+,;=:@", c) != NULL;
}

bool
path_encode(const char *file, char *out, size_t size)
{
	size_t used = 0;

	if (size < 2)
		return false;
	out[used++] = '/';
	for (; *file != '\0'; file++) {
		unsigned char c = (unsigned char)*file;

		if (used + 4 > size)
			return false;
		if (is_unreserved(c)) {
			out[used++] = (char)c;
			continue;
		}
		out[used++] = '%';
		out[used++] = hex_digits[c >> 4];
		out[used++] = hex_digits[c & 15];
	}
	out[used] = '\0';
	return true;
}

/* Reads one character of a path, decoded; moves '*at' behind it. Returns -1 if what stands there
 * may not be in a target. */
static int
next_char(const char **at)
{
	const char *p = *at;
	int c = (unsigned char)*p;

	if (c == '%') {
		int high = hex_value(p[1]);
		int low = high < 0 ? -1 : hex_value(p[2]);

		if (low < 0)
			return -1;
		c = high * 16 + low;
		*at = p + 3;
	} else {
		if (c <= ' ' || c >= 0x7f)
			return -1;
		*at = p + 1;
	}
	return c < ' ' || c == 0x7f || c == '\\' ? -1 : c;
}

bool
path_may_pass(const char *target, const char *prefix)
{
	const char *at = target;
	size_t n_dots = 0;  /* Leading dots of the segment; only these count. */
	size_t n_other = 0; /* Its other characters. */

	if (strncmp(target, prefix, strlen(prefix)) != 0)
		return false;
	while (*at != '\0' && *at != '?') {
		int c = next_char(&at);

		if (c < 0 || c == '#')
			return false;
		if (c == '/') {
			if (n_other == 0 && (n_dots == 1 || n_dots == 2))
				return false;
			n_dots = 0;
			n_other = 0;
		} else if (c == '.' && n_other == 0) {
			n_dots++;
		} else {
			n_other++;
		}
	}
	if (n_other == 0 && (n_dots == 1 || n_dots == 2))
		return false;
	for (; *at != '\0'; at++) {
		unsigned char c = (unsigned char)*at;

		if (c <= ' ' || c >= 0x7f)
			return false;
	}
	return true;
}
