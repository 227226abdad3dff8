/* SPDX-License-Identifier: BSD-3-Clause */
/* Which URLs may be shortened; see link_url.h. */
#include "apptier/shortener/link_url.h"

#include "apptier/shortener/link_text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <idn2.h>

#define HOST_MAX (LINK_HOST_SIZE - 1)
#define LABEL_MAX 63

/* Beside what misleads in any text, what is not seen: it makes a URL look like another. */
static bool
is_invisible(const unsigned char *at, size_t length)
{
	if (link_text_misleads(at, length))
		return true;
	return length == 3 && at[0] == 0xe2 &&
	       ((at[1] == 0x80 && at[2] >= 0x8b && at[2] <= 0x8f) ||
		       (at[1] == 0x81 && at[2] >= 0xa0 && at[2] <= 0xaf));
}

static int
check_characters(const char *url, size_t size, struct err *err)
{
	const unsigned char *bytes = (const unsigned char *)url;

	for (size_t i = 0; i < size;) {
		size_t length = link_text_length(bytes + i, size - i);

		if (length == 0)
			return err_set(err, -EINVAL, "url is not valid UTF-8 at byte %zu", i + 1);
		if (is_invisible(bytes + i, length))
			return err_set(err, -EINVAL,
				"url has a control or invisible character at byte %zu; none are "
				"allowed",
				i + 1);
		if (length == 1 && strchr(" \"<>\\^`{|}", bytes[i]))
			return err_set(err, -EINVAL,
				"url has '%c' at byte %zu; write it percent-encoded (%%%02X)",
				bytes[i], i + 1, (unsigned int)bytes[i]);
		if (bytes[i] == '%' &&
			(size - i < 3 || !isxdigit(bytes[i + 1]) || !isxdigit(bytes[i + 2])))
			return err_set(err, -EINVAL,
				"url has a '%%' at byte %zu that two hexadecimal digits do not "
				"follow",
				i + 1);
		i += length;
	}
	return 0;
}

static int
check_port(const char *port, size_t size, struct err *err)
{
	uint32_t value = 0;

	for (size_t i = 0; i < size; i++) {
		if (!isdigit((unsigned char)port[i]) || value > UINT16_MAX)
			return err_set(err, -EINVAL, "url's port is not a number from 1 to 65535");
		value = value * 10 + (uint32_t)(port[i] - '0');
	}
	if (size == 0 || value == 0 || value > UINT16_MAX)
		return err_set(err, -EINVAL, "url's port is not a number from 1 to 65535");
	return 0;
}

/* The ASCII form of an international name (RFC 5891), in lower case. 'host' has 'size' bytes.
 * Returns 0, or -EINVAL with 'err' set. */
static int
to_ascii(const char *host, size_t size, char out[static LINK_HOST_SIZE], struct err *err)
{
	char name[LINK_URL_MAX + 1];
	char *ascii = NULL;
	int rc;

	snprintf(name, sizeof(name), "%.*s", (int)size, host);
	rc = idn2_to_ascii_8z(name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc != IDN2_OK) {
		err_set(err, -EINVAL,
			"url's host is no valid international name: %s; check how it is written",
			idn2_strerror(rc));
		return -EINVAL;
	}
	if (strlen(ascii) >= LINK_HOST_SIZE) {
		err_set(err, -EINVAL, "url's host is longer than %d characters", HOST_MAX);
		idn2_free(ascii);
		return -EINVAL;
	}
	snprintf(out, LINK_HOST_SIZE, "%s", ascii);
	idn2_free(ascii);
	return 0;
}

static bool
has_beyond_ascii(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)text[i] >= 0x80)
			return true;
	}
	return false;
}

/* A name of letters, digits and the like (RFC 3986 leaves more open; DNS does not). */
static int
check_ascii_name(const char *host, size_t size, struct err *err)
{
	size_t label = 0;

	if (size > 0 && host[size - 1] == '.')
		size--; /* A fully qualified name may say so. */
	if (size == 0)
		return err_set(err, -EINVAL, "url has no host: write https://HOST/...");
	if (size > HOST_MAX)
		return err_set(err, -EINVAL, "url's host is longer than %d characters", HOST_MAX);
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)host[i];

		if (!isalnum(c) && c != '-' && c != '_' && c != '.')
			return err_set(err, -EINVAL,
				"url's host has '%c'; letters, digits, '-', '_' and '.' are "
				"allowed",
				c);
		label = c == '.' ? 0 : label + 1;
		if (label > LABEL_MAX || (c == '.' && (i == 0 || host[i - 1] == '.')))
			return err_set(err, -EINVAL,
				"url's host has an empty part or one longer than %d characters",
				LABEL_MAX);
	}
	return 0;
}

static int
check_name(const char *host, size_t size, struct err *err)
{
	char ascii[LINK_HOST_SIZE];

	if (!has_beyond_ascii(host, size))
		return check_ascii_name(host, size, err);
	int rc = to_ascii(host, size, ascii, err);

	return rc < 0 ? rc : check_ascii_name(ascii, strlen(ascii), err);
}

/* "host", "host:port", "[v6]" or "[v6]:port" (RFC 3986 3.2). */
static int
check_authority(const char *authority, size_t size, struct err *err)
{
	const char *colon, *end = authority + size;

	if (memchr(authority, '@', size))
		return err_set(err, -EINVAL,
			"url has a user name before its host; leave out everything up to the '@'");
	if (size > 0 && authority[0] == '[') {
		const char *close = memchr(authority, ']', size);
		char text[INET6_ADDRSTRLEN];
		struct in6_addr v6;
		size_t length = close ? (size_t)(close - authority) - 1 : sizeof(text);

		if (length < sizeof(text)) {
			memcpy(text, authority + 1, length);
			text[length] = '\0';
		}
		if (length >= sizeof(text) || inet_pton(AF_INET6, text, &v6) != 1)
			return err_set(err, -EINVAL, "url's host in [] is not an IPv6 address");
		colon = close + 1;
		if (colon < end && *colon != ':')
			return err_set(err, -EINVAL, "url has text between ']' and its port");
	} else {
		int rc;

		colon = memchr(authority, ':', size);
		if (!colon)
			colon = end;
		rc = check_name(authority, (size_t)(colon - authority), err);
		if (rc < 0)
			return rc;
	}
	return colon < end ? check_port(colon + 1, (size_t)(end - colon) - 1, err) : 0;
}

/* Bytes of "http://" or "https://" at 'url', or 0. */
static size_t
scheme_length(const char *url, size_t size)
{
	if (size >= 7 && strncasecmp(url, "http://", 7) == 0)
		return 7;
	return size >= 8 && strncasecmp(url, "https://", 8) == 0 ? 8 : 0;
}

/* The host of a URL that link_url_check() has accepted: where it begins, and its size. Brackets of
 * an IPv6 address are part of it. */
static const char *
find_host(const char *url, size_t *size)
{
	const char *host = url + scheme_length(url, strlen(url));
	size_t n = strcspn(host, "/?#");

	*size = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	if (*size > n)
		*size = n;
	return host;
}

int
link_url_check(const char *url, size_t size, struct err *err)
{
	size_t scheme, authority = 0;
	int rc;

	if (size == 0)
		return err_set(err, -EINVAL, "url is empty");
	if (size > LINK_URL_MAX)
		return err_set(err, -EINVAL, "url has %zu bytes; at most %d are allowed", size,
			LINK_URL_MAX);
	rc = check_characters(url, size, err);
	if (rc < 0)
		return rc;
	scheme = scheme_length(url, size);
	if (scheme == 0)
		return err_set(err, -EINVAL, "url must begin with http:// or https://");
	url += scheme;
	size -= scheme;
	while (authority < size && !strchr("/?#", url[authority]))
		authority++;
	return check_authority(url, authority, err);
}

void
link_url_host(const char *url, char out[static LINK_HOST_SIZE])
{
	size_t size;
	const char *host = find_host(url, &size);
	struct err err;

	if (!has_beyond_ascii(host, size) || to_ascii(host, size, out, &err) < 0)
		snprintf(out, LINK_HOST_SIZE, "%.*s", (int)size, host);
	size = strlen(out);
	if (size > 1 && out[size - 1] == '.')
		out[size - 1] = '\0';
	for (; *out; out++)
		*out = (char)tolower((unsigned char)*out);
}

/* Writes 'size' bytes of 'text' at 'buf' + '*used', of which 'room' are free in all,
 * percent-encoding what RFC 3986 does not allow literally. Returns false if there is no room for it
 * and a NUL. */
static bool
encode(const char *text, size_t size, char *buf, size_t room, size_t *used)
{
	static const char allowed[] = "-._~:/?#[]@!$&'()*+,;=%";
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];
		bool literal = c < 0x80 && (isalnum(c) || strchr(allowed, c));

		if (*used + (literal ? 1 : 3) >= room)
			return false;
		if (literal) {
			buf[(*used)++] = (char)c;
			continue;
		}
		buf[(*used)++] = '%';
		buf[(*used)++] = hex[c >> 4];
		buf[(*used)++] = hex[c & 15];
	}
	return true;
}

const char *
link_url_location(const char *url, char *buf, size_t size)
{
	size_t used = 0, host_size;
	const char *host = find_host(url, &host_size);
	const char *rest = host + host_size;
	char ascii[LINK_HOST_SIZE];
	struct err err;

	/* A header has no room for letters beyond ASCII, and a host none for percent signs. */
	if (has_beyond_ascii(host, host_size) && to_ascii(host, host_size, ascii, &err) == 0) {
		if (!encode(url, (size_t)(host - url), buf, size, &used))
			return NULL;
		if (!encode(ascii, strlen(ascii), buf, size, &used))
			return NULL;
		url = rest;
	}
	if (!encode(url, strlen(url), buf, size, &used) || used >= size)
		return NULL;
	buf[used] = '\0';
	return buf;
}
