/* SPDX-License-Identifier: BSD-3-Clause */
/* Certificates; see tls_certificate.h. */
#include "common/http/tls_certificate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define N_TICKETS 2
#define RESPONSE_BYTES_MAX 65536

/* Forward secrecy and AEAD only, ECDSA first (its signatures cost half of RSA's). */
static const char ciphers_1_2[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
				  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:"
				  "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305";
static const char ciphers_1_3[] =
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384";

/* Protocols in order of preference, each with its length before it (RFC 7301). */
static const unsigned char protocols[] = "\x02h2\x08http/1.1\x08http/1.0";
#define H2_BYTES 3u /* Of the first of them. */

int
tls_fail(struct err *err, const char *path, const char *what)
{
	unsigned long code = ERR_peek_error();
	const char *reason = ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code))
						    : ERR_reason_error_string(code);

	if (!reason)
		reason = "unknown reason";
	return err_set(err, -EINVAL, "%s: %s: %s", path, what, reason);
}

static int
select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
	const unsigned char *offered, unsigned int offered_size, void *ctx)
{
	const struct tls_settings *settings = ctx;
	unsigned int skipped = settings->http2 ? 0 : H2_BYTES;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, out_size, protocols + skipped,
		    (unsigned int)sizeof(protocols) - 1 - skipped, offered,
		    offered_size) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 3.2: no_application_protocol. */
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool
set_policy(SSL_CTX *ctx, const struct tls_settings *settings)
{
	void *arg;

	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* The chain is in the file as it is to be sent: building one costs every handshake a
	 * search. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* Not written to. */
	memcpy(&arg, &settings, sizeof(void *));
	SSL_CTX_set_alpn_select_cb(ctx, select_protocol, arg);
	return SSL_CTX_set_min_proto_version(
		       ctx, settings->only_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, ciphers_1_2) == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, ciphers_1_3) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, groups) == 1 &&
	       SSL_CTX_set_num_tickets(ctx, N_TICKETS) == 1;
}

/* The context that a resumed session must have been made in (it says that the client was asked for
 * a certificate of these authorities, if it was): a hash of what is asked. */
static bool
set_session_context(SSL_CTX *ctx, const struct tls_settings *settings)
{
	STACK_OF(X509_NAME) *names = SSL_CTX_get_client_CA_list(ctx);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool good = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
		    EVP_DigestUpdate(md, settings->client_required ? "weir!" : "weir", 5) == 1;

	for (int i = 0; good && i < sk_X509_NAME_num(names); i++) {
		unsigned char *der = NULL;
		int n = i2d_X509_NAME(sk_X509_NAME_value(names, i), &der);

		good = n > 0 && EVP_DigestUpdate(md, der, (size_t)n) == 1;
		OPENSSL_free(der);
	}
	good = good && EVP_DigestFinal_ex(md, digest, &size) == 1 &&
	       SSL_CTX_set_session_id_context(ctx, digest,
		       size < SSL_MAX_SID_CTX_LENGTH ? size : SSL_MAX_SID_CTX_LENGTH) == 1;
	EVP_MD_CTX_free(md);
	return good;
}

static int
load_authorities(SSL_CTX *ctx, const struct tls_settings *settings, struct err *err)
{
	STACK_OF(X509_NAME) * names;
	int mode = SSL_VERIFY_PEER;

	if (!settings->client_ca)
		return 0;
	names = SSL_load_client_CA_file(settings->client_ca);
	if (!names || SSL_CTX_load_verify_file(ctx, settings->client_ca) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return tls_fail(err, settings->client_ca,
			"cannot load the authorities of clients' certificates (PEM)");
	}
	SSL_CTX_set_client_CA_list(ctx, names);
	if (settings->client_required)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx, mode, NULL);
	return 0;
}

static int
load_certificate(SSL_CTX *ctx, const struct tls_files *files, struct err *err)
{
	if (SSL_CTX_use_certificate_chain_file(ctx, files->certificate) != 1)
		return tls_fail(err, files->certificate, "cannot load the certificate chain (PEM)");
	if (SSL_CTX_use_PrivateKey_file(ctx, files->private_key, SSL_FILETYPE_PEM) != 1 &&
		ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH)
		return tls_fail(err, files->private_key, "cannot load the private key (PEM)");
	if (SSL_CTX_check_private_key(ctx) != 1)
		return err_set(err, -EINVAL,
			"%s: the private key does not belong to the "
			"certificate in %s",
			files->private_key, files->certificate);
	return 0;
}

/* The part of the response that is about the certificate with this serial number, or NULL. */
static OCSP_SINGLERESP *
find_single(OCSP_BASICRESP *basic, const ASN1_INTEGER *serial)
{
	for (int i = 0; i < OCSP_resp_count(basic); i++) {
		OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
		const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(single);
		ASN1_INTEGER *other;
		OCSP_CERTID *copy = OCSP_CERTID_dup(id);
		bool same = copy && OCSP_id_get0_info(NULL, NULL, NULL, &other, copy) == 1 &&
			    ASN1_INTEGER_cmp(other, serial) == 0;

		OCSP_CERTID_free(copy);
		if (same)
			return single;
	}
	return NULL;
}

static int64_t
unix_time(const ASN1_TIME *time)
{
	struct tm tm;

	return time && ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

/* Takes over what a response says for how long, if it says that the certificate is good. */
static int
check_response(struct tls_certificate *certificate, OCSP_RESPONSE *response, const char *path,
	struct err *err)
{
	const X509 *x509 = SSL_CTX_get0_certificate(certificate->ctx);
	OCSP_BASICRESP *basic = NULL;
	OCSP_SINGLERESP *single = NULL;
	ASN1_GENERALIZEDTIME *until = NULL;
	int rc = 0;

	if (OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
		basic = OCSP_response_get1_basic(response);
	if (basic)
		single = find_single(basic, X509_get0_serialNumber(x509));
	if (!single)
		rc = err_set(err, -EINVAL,
			"%s: is no OCSP response about the certificate that it is configured for",
			path);
	else if (OCSP_single_get0_status(single, NULL, NULL, NULL, &until) !=
		 V_OCSP_CERTSTATUS_GOOD)
		rc = err_set(err, -EINVAL, "%s: says that the certificate is not good", path);
	else
		certificate->response_until = unix_time(until);
	OCSP_BASICRESP_free(basic);
	return rc;
}

static int
load_response(struct tls_certificate *certificate, const char *path, struct err *err)
{
	const unsigned char *at;
	OCSP_RESPONSE *response;
	BIO *bio;
	int size;
	int rc;

	if (!path)
		return 0;
	bio = BIO_new_file(path, "r");
	if (!bio)
		return tls_fail(err, path, "cannot load the OCSP response");
	certificate->response = malloc(RESPONSE_BYTES_MAX);
	size = certificate->response ? BIO_read(bio, certificate->response, RESPONSE_BYTES_MAX) : 0;
	BIO_free(bio);
	at = certificate->response;
	response = size > 0 ? d2i_OCSP_RESPONSE(NULL, &at, size) : NULL;
	if (!response)
		return err_set(err, -EINVAL, "%s: is no OCSP response (DER)", path);
	certificate->response_size = (size_t)size;
	rc = check_response(certificate, response, path, err);
	OCSP_RESPONSE_free(response);
	return rc;
}

int
tls_certificate_load(struct tls_certificate *out, const struct tls_files *files,
	const struct tls_settings *settings, struct err *err)
{
	struct tls_certificate certificate = {.ctx = SSL_CTX_new(TLS_server_method())};
	int rc = 0;

	if (!certificate.ctx)
		return err_set(err, -ENOMEM, "out of memory");
	ERR_clear_error();
	if (!set_policy(certificate.ctx, settings))
		rc = tls_fail(err, "TLS", "OpenSSL does not take the settings");
	if (rc == 0)
		rc = load_certificate(certificate.ctx, files, err);
	if (rc == 0)
		rc = load_authorities(certificate.ctx, settings, err);
	if (rc == 0 && !set_session_context(certificate.ctx, settings))
		rc = tls_fail(err, "TLS", "OpenSSL does not take the settings");
	if (rc == 0)
		rc = load_response(&certificate, files->staple, err);
	ERR_clear_error();
	if (rc < 0) {
		tls_certificate_fini(&certificate);
		return rc;
	}
	*out = certificate;
	return 0;
}

void
tls_certificate_fini(struct tls_certificate *certificate)
{
	SSL_CTX_free(certificate->ctx);
	free(certificate->response);
	*certificate = (struct tls_certificate){0};
}

bool
tls_certificate_is_for(const struct tls_certificate *certificate, const char *name)
{
	X509 *x509 = SSL_CTX_get0_certificate(certificate->ctx);

	return X509_check_host(x509, name, 0, 0, NULL) == 1;
}

bool
tls_certificate_has_response(const struct tls_certificate *certificate, int64_t now)
{
	return certificate->response &&
	       (certificate->response_until == 0 || now < certificate->response_until);
}
