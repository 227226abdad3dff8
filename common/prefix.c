/* SPDX-License-Identifier: BSD-3-Clause */
/* Networks and lists of them; see prefix.h. */
#include "common/prefix.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a list's file: room for PREFIX_LIST_MAX lines of 64 bytes, so comments are welcome. */
#define FILE_SIZE_MAX (64u << 20)

/* Zeroes what is behind the prefix. */
static void
cut(struct prefix *prefix)
{
	for (unsigned int i = prefix->bits / 8; i < addr_size(&prefix->addr); i++) {
		unsigned int kept = i == prefix->bits / 8 ? prefix->bits % 8 : 0;

		prefix->addr.bytes[i] &= (uint8_t)(0xff00u >> kept);
	}
}

static int
parse_bits(const char *digits, unsigned int max, uint8_t *out)
{
	unsigned int bits = 0;

	if (!*digits || strlen(digits) > 3)
		return -EINVAL;
	for (; *digits; digits++) {
		if (!isdigit((unsigned char)*digits))
			return -EINVAL;
		bits = 10 * bits + (unsigned int)(*digits - '0');
	}
	if (bits > max)
		return -EINVAL;
	*out = (uint8_t)bits;
	return 0;
}

int
prefix_parse(const char *text, struct prefix *out, struct err *err)
{
	size_t size = strcspn(text, "/");
	char address[ADDR_TEXT_SIZE], meant[PREFIX_TEXT_SIZE];
	struct prefix prefix, whole;
	unsigned int max;

	if (size >= sizeof(address))
		return err_set(err, -EINVAL, "'%.64s' is not an address or prefix", text);
	memcpy(address, text, size);
	address[size] = '\0';
	if (addr_parse(address, &prefix.addr, NULL) < 0)
		return err_set(err, -EINVAL,
			"'%.64s' is not an address or prefix, such as 192.0.2.0/24 or "
			"2001:db8::/32",
			text);
	max = 8 * (unsigned int)addr_size(&prefix.addr);
	prefix.bits = (uint8_t)max;
	if (text[size] == '/' && parse_bits(text + size + 1, max, &prefix.bits) < 0)
		return err_set(
			err, -EINVAL, "'%.64s': the prefix length must be from 0 to %u", text, max);
	whole = prefix;
	cut(&prefix);
	if (!addr_equal(&prefix.addr, &whole.addr))
		return err_set(err, -EINVAL,
			"'%.64s' has bits set behind the prefix: did you mean %s?", text,
			prefix_format(&prefix, meant, sizeof(meant)));
	*out = prefix;
	return 0;
}

const char *
prefix_format(const struct prefix *prefix, char *buf, size_t size)
{
	size_t used;

	addr_format(&prefix->addr, buf, size);
	used = strlen(buf);
	if (prefix->bits < 8 * addr_size(&prefix->addr))
		snprintf(buf + used, size - used, "/%u", prefix->bits);
	return buf;
}

bool
prefix_covers(const struct prefix *prefix, const struct addr *addr)
{
	struct prefix of = {*addr, prefix->bits};

	if (addr->family != prefix->addr.family)
		return false;
	cut(&of);
	return addr_equal(&of.addr, &prefix->addr);
}

/* --- Lists --- */

static int
add(struct prefix_list *list, size_t *capacity, const struct prefix *prefix)
{
	if (list->n == *capacity) {
		size_t grown = *capacity ? 2 * *capacity : 256;
		struct prefix *prefixes = realloc(list->prefixes, grown * sizeof(*prefixes));

		if (!prefixes)
			return -ENOMEM;
		list->prefixes = prefixes;
		*capacity = grown;
	}
	list->prefixes[list->n++] = *prefix;
	return 0;
}

/* Reads the line from 'line' to 'end'. Returns 1 and the prefix, 0 for a line without one, or
 * -EINVAL. */
static int
parse_line(const char *line, const char *end, struct prefix *out, struct err *err)
{
	const char *comment = memchr(line, '#', (size_t)(end - line));
	char word[128]; /* Longer than any prefix, to show what is there instead. */
	size_t size;

	if (comment)
		end = comment;
	while (line < end && isspace((unsigned char)*line))
		line++;
	while (end > line && isspace((unsigned char)end[-1]))
		end--;
	size = (size_t)(end - line);
	if (size == 0)
		return 0;
	if (memchr(line, '\0', size))
		return err_set(err, -EINVAL, "is not text: there is a NUL byte in it");
	snprintf(
		word, sizeof(word), "%.*s", (int)(size < sizeof(word) ? size : sizeof(word)), line);
	return prefix_parse(word, out, err) < 0 ? -EINVAL : 1;
}

int
prefix_list_parse(
	struct prefix_list *out, const char *text, size_t size, const char *file, struct err *err)
{
	const char *end = text + size;
	struct prefix_list list = {.n = 0};
	size_t capacity = 0, n_lines = 0;
	int rc = 0;

	while (text < end && rc >= 0) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = newline ? newline : end;
		struct prefix prefix;

		n_lines++;
		rc = parse_line(text, line_end, &prefix, err);
		if (rc < 0)
			err_prefix(err, "%s:%zu", file, n_lines);
		else if (rc > 0 && list.n == PREFIX_LIST_MAX)
			rc = err_set(err, -E2BIG, "%s:%zu: more than %d prefixes", file, n_lines,
				PREFIX_LIST_MAX);
		else if (rc > 0 && add(&list, &capacity, &prefix) < 0)
			rc = err_set(err, -ENOMEM, "%s: out of memory", file);
		text = newline ? newline + 1 : end;
	}
	if (rc < 0) {
		prefix_list_fini(&list);
		return rc;
	}
	*out = list;
	return 0;
}

void
prefix_list_fini(struct prefix_list *list)
{
	free(list->prefixes);
	*list = (struct prefix_list){.n = 0};
}

/* --- Files --- */

/* Reads up to the end, 'size' being what to expect. */
static int
read_all(int fd, size_t size, char **out, size_t *out_size)
{
	size_t capacity = size + 1; /* One more, to meet the end without growing. */
	char *text = malloc(capacity);
	size_t used = 0;
	ssize_t n = 1;

	while (text && n > 0) {
		if (used == capacity) {
			char *grown = capacity < FILE_SIZE_MAX ? realloc(text, 2 * capacity) : NULL;

			if (!grown)
				break;
			text = grown;
			capacity *= 2;
		}
		n = read(fd, text + used, capacity - used);
		if (n > 0)
			used += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	if (n != 0) {
		int rc = n < 0 ? -errno : text ? -EFBIG : -ENOMEM;

		free(text);
		return rc;
	}
	*out = text;
	*out_size = used;
	return 0;
}

static int
read_file(const char *path, struct stat *status, char **out, size_t *out_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* Not to wait at a FIFO. */
	int rc;

	if (fd < 0)
		return -errno;
	rc = fstat(fd, status) < 0 ? -errno : 0;
	if (rc == 0 && S_ISDIR(status->st_mode))
		rc = -EISDIR;
	else if (rc == 0 && !S_ISREG(status->st_mode))
		rc = -EINVAL;
	else if (rc == 0 && status->st_size > FILE_SIZE_MAX)
		rc = -EFBIG;
	if (rc == 0)
		rc = read_all(fd, (size_t)status->st_size, out, out_size);
	close(fd);
	return rc;
}

int
prefix_list_read(
	struct prefix_list *out, const char *path, char stamp[PREFIX_STAMP_SIZE], struct err *err)
{
	struct stat status;
	char *text = NULL;
	size_t size = 0;
	int rc = read_file(path, &status, &text, &size);

	if (rc == -EFBIG)
		return err_set(err, rc, "%s: larger than %u MB", path, FILE_SIZE_MAX >> 20);
	if (rc < 0)
		return err_set(err, rc, "%s: cannot be read: %s", path,
			rc == -EINVAL ? "not a regular file" : strerror(-rc));
	rc = prefix_list_parse(out, text, size, path, err);
	free(text);
	if (rc == 0 && stamp)
		snprintf(stamp, PREFIX_STAMP_SIZE, "%" PRIx64 "-%" PRIx64 "-%" PRIx64 ".%09ld",
			(uint64_t)status.st_ino, (uint64_t)status.st_size,
			(uint64_t)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
	return rc;
}
