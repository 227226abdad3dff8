/* SPDX-License-Identifier: BSD-3-Clause */
/* Which URLs may be shortened, and how they are written in a Location header. Pure functions. */
#ifndef APPTIER_SHORTENER_LINK_URL_H
#define APPTIER_SHORTENER_LINK_URL_H

#include "common/err.h"

#include <stddef.h>

#define LINK_URL_MAX 2048 /* Bytes of UTF-8. */

#define LINK_HOST_SIZE \
	254 /* 253 characters (RFC 1035 2.3.4, without the dot at the end) and NUL. */

/* Room for link_url_location()'s result: each byte may become three. */
#define LINK_URL_LOCATION_SIZE (3 * LINK_URL_MAX + 1)

/* Checks that the 'size' bytes at 'url' are an absolute http or https URL (RFC 3986) that a browser
 * will read as we do: UTF-8, a host (international names as well), no user name, no blanks or
 * control characters, no backslash. Returns 0, or -EINVAL with 'err' set to a sentence for the
 * person who sent it. */
int link_url_check(const char *url, size_t size, struct err *err);

/* The host of a URL that link_url_check() has accepted, as DNS knows it: ASCII, in lower case,
 * without a dot at its end. */
void link_url_host(const char *url, char out[static LINK_HOST_SIZE]);

/* Writes the URL for a header: the host in its ASCII form, and what RFC 3986 does not allow
 * literally percent-encoded, so that the result is printable ASCII. Returns 'buf', or NULL if
 * 'size' is too small. */
const char *link_url_location(const char *url, char *buf, size_t size);

#endif /* APPTIER_SHORTENER_LINK_URL_H */
