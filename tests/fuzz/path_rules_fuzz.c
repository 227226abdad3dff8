/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths that clients ask for. The input: size of the buffer, then the path up to a zero byte, then
 * a request target for the proxy. Requires what the rules promise, checked another way. */
#include "fuzz.h"
#include "webtier/path_rules.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "/api/"

/* Whether a file name could lead out of the root or to something hidden. */
static void
check_file(const char *file)
{
	const char *segment = file;

	fuzz_require(file[0] != '/', "a file name is relative");
	fuzz_require(strstr(file, "//") == NULL, "a file has one name");
	for (; segment; segment = strchr(segment, '/')) {
		segment += segment != file; /* The slash. */
		if (segment[0] == '.')
			fuzz_require(segment == file && strcspn(file, "/") == 11 &&
					     memcmp(file, ".well-known", 11) == 0,
				"no part of a file name is hidden or leads up");
	}
}

/* Whether there are bytes that the proxy passes on in no spelling. */
static bool
has_odd_bytes(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f || *text == '\\' || *text == '#')
			return true;
	return false;
}

static void
check_to_file(const char *path, size_t size)
{
	char *out = malloc(size ? size : 1); /* As large as promised, for the sanitizer. */
	char encoded[3 * PATH_FILE_MAX + 2];
	enum path_verdict verdict;

	fuzz_require(out != NULL, "memory for the test");
	verdict = path_to_file(path, out, size);
	if (verdict == PATH_OK) {
		fuzz_require(strlen(out) < size, "a file name fits");
		check_file(out);
		if (path_encode(out, encoded, sizeof(encoded)))
			fuzz_require(encoded[0] == '/' &&
					     (path_may_pass(encoded, "/") || has_odd_bytes(out)),
				"an encoded path is a valid target");
	}
	fuzz_require((verdict == PATH_INVALID) == (path[0] != '/'), "a path begins with a slash");
	free(out);
}

/* Decodes the path of an accepted target as an app node may do it. */
static void
decode(const char *target, char *out)
{
	while (*target && *target != '?') {
		if (*target == '%') {
			char digits[3] = {target[1], target[2], '\0'};

			*out++ = (char)strtol(digits, NULL, 16);
			target += 3;
		} else {
			*out++ = *target++;
		}
	}
	*out = '\0';
}

static void
check_target(const char *target)
{
	char *decoded;
	char *at;

	if (!path_may_pass(target, PREFIX))
		return;
	fuzz_require(strncmp(target, PREFIX, strlen(PREFIX)) == 0, "the prefix is there");
	fuzz_require(!strpbrk(target, " \t\r\n"), "a target has no blanks");
	decoded = malloc(strlen(target) + 1);
	fuzz_require(decoded != NULL, "memory for the test");
	decode(target, decoded);
	fuzz_require(!strpbrk(decoded, "\\\r\n"), "no backslash and no line end are hidden in it");
	for (at = strchr(decoded, '/'); at; at = strchr(at + 1, '/')) {
		size_t n = strcspn(at + 1, "/");

		fuzz_require(!(n == 1 && at[1] == '.') && !(n == 2 && at[1] == '.' && at[2] == '.'),
			"a decoded target does not lead up");
	}
	free(decoded);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	size_t room = (size_t)fuzz_byte(&input) * (PATH_FILE_MAX / 255);
	char *path = fuzz_text(&input);
	char *target = fuzz_text(&input);

	check_to_file(path, room);
	check_target(target);
	free(path);
	free(target);
	return 0;
}
