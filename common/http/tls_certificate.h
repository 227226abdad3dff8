/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of TLS: one certificate, its key and its OCSP response, loaded and ready for handshakes.
 */
#ifndef COMMON_HTTP_TLS_CERTIFICATE_H
#define COMMON_HTTP_TLS_CERTIFICATE_H

#include "common/http/tls.h"

#include <openssl/types.h>

struct tls_certificate {
	SSL_CTX *ctx;            /* Sessions hold references of their own. */
	unsigned char *response; /* The OCSP response; NULL: none. */
	size_t response_size;
	int64_t response_until; /* Unix time; 0: it does not say. */
};

/* Loads 'files' with the policy of 'settings'. Returns 0, or a negative errno with 'err' set and
 * nothing in '*out' to free. */
int tls_certificate_load(struct tls_certificate *out, const struct tls_files *files,
	const struct tls_settings *settings, struct err *err);
void tls_certificate_fini(struct tls_certificate *certificate);

/* Whether it is made out to the host 'name', by a wildcard too (RFC 6125). */
bool tls_certificate_is_for(const struct tls_certificate *certificate, const char *name);

/* Whether there is an OCSP response that still holds at 'now' (Unix time). */
bool tls_certificate_has_response(const struct tls_certificate *certificate, int64_t now);

/* Sets 'err' from what OpenSSL says of its last failure with the file 'path'. Returns -EINVAL. */
int tls_fail(struct err *err, const char *path, const char *what);

#endif /* COMMON_HTTP_TLS_CERTIFICATE_H */
