/* SPDX-License-Identifier: BSD-3-Clause */
/* Which URLs may be shortened; see link_url.h. */
#include "apptier/shortener/link_url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 253 /* RFC 1035 2.3.4, without the trailing dot. */
#define LABEL_MAX 63

/* Bytes of the UTF-8 sequence at 'at' (RFC 3629: no overlong forms, no surrogates), or 0. */
static size_t
utf8_length(const unsigned char *at, size_t left)
{
	size_t length = at[0] < 0x80   ? 1
			: at[0] < 0xc2 ? 0
			: at[0] < 0xe0 ? 2
			: at[0] < 0xf0 ? 3
			: at[0] < 0xf5 ? 4
				       : 0;

	if (length > left)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
		(at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}

/* C1 controls, and the marks that reorder text on a screen: they make a URL look like another. */
static bool
is_invisible(const unsigned char *at, size_t length)
{
	if (length == 1)
		return at[0] < 0x20 || at[0] == 0x7f;
	if (length == 2)
		return at[0] == 0xc2 && at[1] < 0xa0;
	if (length != 3 || at[0] != 0xe2)
		return false;
	return (at[1] == 0x80 &&
		       ((at[2] >= 0x8b && at[2] <= 0x8f) || (at[2] >= 0xa8 && at[2] <= 0xae))) ||
	       (at[1] == 0x81 && at[2] >= 0xa0 && at[2] <= 0xaf);
}

static int
check_characters(const char *url, size_t size, struct err *err)
{
	const unsigned char *bytes = (const unsigned char *)url;

	for (size_t i = 0; i < size;) {
		size_t length = utf8_length(bytes + i, size - i);

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

static int
check_name(const char *host, size_t size, struct err *err)
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

		if (c >= 0x80)
			return err_set(err, -EINVAL,
				"url's host has letters beyond ASCII; write it in its ASCII form "
				"(xn--...)");
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

int
link_url_check(const char *url, size_t size, struct err *err)
{
	size_t scheme_length = 0;
	int rc;

	if (size == 0)
		return err_set(err, -EINVAL, "url is empty");
	if (size > LINK_URL_MAX)
		return err_set(err, -EINVAL, "url has %zu bytes; at most %d are allowed", size,
			LINK_URL_MAX);
	rc = check_characters(url, size, err);
	if (rc < 0)
		return rc;
	if (size >= 7 && strncasecmp(url, "http://", 7) == 0)
		scheme_length = 7;
	else if (size >= 8 && strncasecmp(url, "https://", 8) == 0)
		scheme_length = 8;
	else
		return err_set(err, -EINVAL, "url must begin with http:// or https://");

	url += scheme_length;
	size -= scheme_length;
	for (scheme_length = 0; scheme_length < size && !strchr("/?#", url[scheme_length]);)
		scheme_length++;
	return check_authority(url, scheme_length, err);
}

const char *
link_url_location(const char *url, char *buf, size_t size)
{
	static const char allowed[] = "-._~:/?#[]@!$&'()*+,;=%";
	static const char hex[] = "0123456789ABCDEF";
	size_t used = 0;

	for (; *url; url++) {
		unsigned char c = (unsigned char)*url;
		bool literal = c < 0x80 && (isalnum(c) || strchr(allowed, c));

		if (used + (literal ? 1 : 3) >= size)
			return NULL;
		if (literal) {
			buf[used++] = (char)c;
			continue;
		}
		buf[used++] = '%';
		buf[used++] = hex[c >> 4];
		buf[used++] = hex[c & 15];
	}
	if (used >= size)
		return NULL;
	buf[used] = '\0';
	return buf;
}
