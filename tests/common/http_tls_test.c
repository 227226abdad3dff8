/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS beneath the HTTP server, with OpenSSL as the client. */
#include "common/clock.h"
#include "tests/common/http_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cmocka.h>

#define FILE_BYTES 3000001
#define UPLOAD_BYTES 5000000
#define REQUEST "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
#define LAST_REQUEST "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

static struct fixture fixture;
static struct tls_context *context;
static struct http_shared *file;
static char folder[] = "/tmp/weir-tls-XXXXXX";
static char certificate[64];
static char private_key[64];
static char other_key[64];
static struct tls_files files = {certificate, private_key, NULL};
static struct tls_settings settings = {.files = &files, .n_files = 1};

static void
write_key(EVP_PKEY *key, const char *path)
{
	FILE *out = fopen(path, "we");

	assert_non_null(out);
	assert_int_equal(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(out);
}

/* Makes a self-signed certificate for 'name' with a new key. */
static void
make_certificate(const char *name)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x509 = X509_new();
	FILE *out = fopen(certificate, "we");

	assert_non_null(key);
	assert_non_null(x509);
	assert_non_null(out);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
	X509_gmtime_adj(X509_getm_notBefore(x509), -60);
	X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
	X509_set_pubkey(x509, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x509, X509_get_subject_name(x509));
	assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509(out, x509), 1);
	fclose(out);
	write_key(key, private_key);
	X509_free(x509);
	EVP_PKEY_free(key);
}

static void
hello(struct http_request *req, void *ctx)
{
	(void)ctx;
	http_respond_text(req, 200, "text/plain", http_request_is_tls(req) ? "hello" : "plain");
}

static void
send_file(struct http_request *req, void *ctx)
{
	(void)ctx;
	http_respond_shared(req, file);
}

static void
count_body(struct http_request *req, void *ctx)
{
	char text[32];
	size_t size;

	(void)ctx;
	http_request_body(req, &size);
	snprintf(text, sizeof(text), "%zu", size);
	http_respond_text(req, 200, "text/plain", text);
}

static void
hold(struct http_request *req, void *ctx)
{
	(void)req;
	(void)ctx;
}

static const struct http_route routes[] = {
	{"GET", "/hello", HTTP_BODY_NONE, 0, hello, ""},
	{"GET", "/file", HTTP_BODY_NONE, 0, send_file, ""},
	{"POST", "/count", HTTP_BODY_BUFFERED, 2 * UPLOAD_BYTES, count_body, ""},
	{"GET", "/hold", HTTP_BODY_NONE, 0, hold, ""},
	{0},
};

static void
configure(struct http_server_config *config)
{
	fixture.listener.tls = context;
	config->header_timeout_ms = 1500;
}

static char
pattern(size_t i)
{
	return (char)('a' + i % 23);
}

static void
make_file(void)
{
	char path[64];
	char *data = malloc(FILE_BYTES);
	int fd;

	assert_non_null(data);
	for (size_t i = 0; i < FILE_BYTES; i++)
		data[i] = pattern(i);
	snprintf(path, sizeof(path), "%s/file", folder);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, FILE_BYTES), FILE_BYTES);
	unlink(path);
	free(data);
	file = http_shared_file(200, NULL, 0, fd, 0, FILE_BYTES);
	assert_non_null(file);
}

static int
setup(void **state)
{
	struct err err = {""};
	EVP_PKEY *key;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(certificate, sizeof(certificate), "%s/crt", folder);
	snprintf(private_key, sizeof(private_key), "%s/key", folder);
	snprintf(other_key, sizeof(other_key), "%s/other", folder);
	make_certificate("one");
	key = EVP_EC_gen("P-256");
	write_key(key, other_key);
	EVP_PKEY_free(key);
	make_file();
	if (tls_context_new(&context, &settings, &err) < 0)
		fail_msg("%s", err.text);
	fixture_start(&fixture, routes, NULL, configure);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fixture_stop(&fixture);
	tls_context_free(context);
	http_shared_unref(file);
	unlink(certificate);
	unlink(private_key);
	unlink(other_key);
	rmdir(folder);
	return 0;
}

struct client {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};

static void
client_open(struct client *client, int version, SSL_SESSION *session)
{
	client->fd = client_connect_small(&fixture);
	client->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(client->ctx, version);
	SSL_CTX_set_max_proto_version(client->ctx, version);
	if (version < TLS1_2_VERSION)
		SSL_CTX_set_security_level(client->ctx, 0);
	client->ssl = SSL_new(client->ctx);
	SSL_set_fd(client->ssl, client->fd);
	SSL_set_alpn_protos(client->ssl, (const unsigned char *)"\x02h2\x08http/1.1", 12);
	if (session)
		SSL_set_session(client->ssl, session);
}

static void
client_close(struct client *client)
{
	SSL_free(client->ssl);
	SSL_CTX_free(client->ctx);
	close(client->fd);
}

static void
ssl_send(struct client *client, const char *text)
{
	assert_int_equal(SSL_write(client->ssl, text, (int)strlen(text)), strlen(text));
}

/* Reads until the orderly end, which must come. */
static char *
ssl_read_all(struct client *client, size_t *size)
{
	size_t capacity = 8u << 20;
	char *text = malloc(capacity);
	size_t total = 0;
	int n;

	assert_non_null(text);
	while ((n = SSL_read(client->ssl, text + total, (int)(capacity - total - 1))) > 0)
		total += (size_t)n;
	assert_int_equal(SSL_get_error(client->ssl, n), SSL_ERROR_ZERO_RETURN);
	text[total] = '\0';
	if (size)
		*size = total;
	return text;
}

/* Reads what comes next, at least one byte. */
static void
ssl_expect(struct client *client, const char *end)
{
	char text[4096];
	size_t total = 0;

	while (total < sizeof(text) - 1) {
		int n = SSL_read(client->ssl, text + total, (int)(sizeof(text) - 1 - total));

		if (n <= 0)
			break;
		total += (size_t)n;
		text[total] = '\0';
		if (total >= strlen(end) && strcmp(text + total - strlen(end), end) == 0)
			return;
	}
	text[total] = '\0';
	fail_msg("'%s' did not come, but '%s'", end, text);
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void
both_versions_are_served(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct client client;
		const unsigned char *protocol;
		unsigned int size;
		char *text;

		client_open(&client, versions[i], NULL);
		assert_int_equal(SSL_connect(client.ssl), 1);
		SSL_get0_alpn_selected(client.ssl, &protocol, &size);
		assert_int_equal(size, 8);
		assert_memory_equal(protocol, "http/1.1", 8);
		ssl_send(&client, REQUEST);
		ssl_expect(&client, "\r\n\r\nhello");
		ssl_send(&client, REQUEST REQUEST);
		ssl_expect(&client, "\r\n\r\nhello");
		ssl_send(&client, LAST_REQUEST);
		text = ssl_read_all(&client, NULL);
		assert_string_equal(text + strlen(text) - 5, "hello");
		free(text);
		client_close(&client);
	}
}

static void
old_versions_are_refused(void **state)
{
	struct http_server_stats before;
	struct http_server_stats after;
	struct client client;

	(void)state;
	fixture_stats(&fixture, &before);
	client_open(&client, TLS1_1_VERSION, NULL);
	assert_int_not_equal(SSL_connect(client.ssl), 1);
	client_close(&client);
	fixture_await_idle(&fixture);
	fixture_stats(&fixture, &after);
	assert_int_equal(after.n_tls_failed - before.n_tls_failed, 1);
}

static void
a_client_that_speaks_no_tls_is_refused(void **state)
{
	char *response = client_exchange(&fixture, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");

	(void)state;
	assert_null(strstr(response, "HTTP/1.1"));
	free(response);
	fixture_await_idle(&fixture);
}

static void
a_client_without_a_common_protocol_is_refused(void **state)
{
	struct client client;

	(void)state;
	client_open(&client, TLS1_3_VERSION, NULL);
	SSL_set_alpn_protos(client.ssl, (const unsigned char *)"\x02h2", 3);
	assert_int_not_equal(SSL_connect(client.ssl), 1);
	client_close(&client);
	fixture_await_idle(&fixture);
}

static void
a_silent_client_is_cut_off_in_the_handshake(void **state)
{
	uint64_t start_ns = clock_now_ns();
	int fd = client_connect(&fixture);
	size_t size;

	(void)state;
	client_send(fd, "\x16\x03\x01"); /* The beginning of a ClientHello. */
	free(client_read_all(fd, &size));
	assert_int_equal(size, 0);
	assert_true(clock_now_ns() - start_ns < 8 * NS_PER_S);
	close(fd);
}

static void
sessions_are_resumed(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct http_server_stats before;
		struct http_server_stats after;
		struct client client;
		SSL_SESSION *session;

		client_open(&client, versions[i], NULL);
		assert_int_equal(SSL_connect(client.ssl), 1);
		ssl_send(&client, REQUEST);
		ssl_expect(&client, "hello"); /* TLS 1.3 sends tickets after the handshake. */
		session = SSL_get1_session(client.ssl);
		SSL_shutdown(client.ssl);
		client_close(&client);

		fixture_stats(&fixture, &before);
		client_open(&client, versions[i], session);
		assert_int_equal(SSL_connect(client.ssl), 1);
		assert_int_equal(SSL_session_reused(client.ssl), 1);
		ssl_send(&client, REQUEST);
		ssl_expect(&client, "hello");
		client_close(&client);
		SSL_SESSION_free(session);
		fixture_stats(&fixture, &after);
		assert_int_equal(after.n_tls_resumed - before.n_tls_resumed, 1);
	}
}

/* Moves what the client has to say to the socket in one piece. */
static void
flush(SSL *ssl, int fd)
{
	char data[16384];
	int n = BIO_read(SSL_get_wbio(ssl), data, sizeof(data));

	if (n > 0)
		assert_int_equal(send(fd, data, (size_t)n, MSG_NOSIGNAL), n);
}

static void
fill(SSL *ssl, int fd)
{
	char data[16384];
	ssize_t n = recv(fd, data, sizeof(data), 0);

	assert_true(n > 0);
	BIO_write(SSL_get_rbio(ssl), data, (int)n);
}

static void
a_request_in_one_packet_with_the_handshakes_end_is_seen(void **state)
{
	(void)state;
	for (int i = 0; i < 40; i++) {
		struct client client;
		char text[2048];
		int n;

		client_open(&client, versions[i % 2], NULL);
		SSL_set_bio(client.ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
		SSL_set_connect_state(client.ssl);
		while (SSL_do_handshake(client.ssl) != 1) {
			flush(client.ssl, client.fd);
			fill(client.ssl, client.fd);
		}
		SSL_write(client.ssl, REQUEST, sizeof(REQUEST) - 1);
		flush(client.ssl, client.fd);
		while ((n = SSL_read(client.ssl, text, sizeof(text) - 1)) <= 0)
			fill(client.ssl, client.fd);
		text[n] = '\0';
		assert_non_null(strstr(text, "\r\n\r\nhello"));
		client_close(&client);
	}
}

static void
a_request_in_single_records_is_seen(void **state)
{
	struct client client;

	(void)state;
	client_open(&client, TLS1_3_VERSION, NULL);
	assert_int_equal(SSL_connect(client.ssl), 1);
	for (const char *at = REQUEST; *at; at++)
		assert_int_equal(SSL_write(client.ssl, at, 1), 1);
	ssl_expect(&client, "\r\n\r\nhello");
	client_close(&client);
}

static void
assert_file(const char *response, size_t size)
{
	const char *body = strstr(response, "\r\n\r\n") + 4;

	assert_int_equal(size - (size_t)(body - response), FILE_BYTES);
	for (size_t i = 0; i < FILE_BYTES; i++) {
		if (body[i] != pattern(i))
			fail_msg("byte %zu is wrong", i);
	}
}

static void
a_large_file_arrives_whole(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct client client;
		size_t size;
		char *text;

		client_open(&client, versions[i], NULL);
		assert_int_equal(SSL_connect(client.ssl), 1);
		ssl_send(&client, "GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
		text = ssl_read_all(&client, &size);
		assert_file(text, size);
		free(text);
		client_close(&client);
	}
}

static void
a_large_body_arrives_whole(void **state)
{
	struct client client;
	char block[10000] = {0};

	(void)state;
	client_open(&client, TLS1_3_VERSION, NULL);
	assert_int_equal(SSL_connect(client.ssl), 1);
	ssl_send(&client, "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n");
	for (int i = 0; i < UPLOAD_BYTES / (int)sizeof(block); i++)
		assert_int_equal(SSL_write(client.ssl, block, sizeof(block)), sizeof(block));
	ssl_expect(&client, "\r\n\r\n5000000");
	client_close(&client);
}

static void
clients_that_leave_early_leave_nothing_behind(void **state)
{
	static const char *const starts[] = {
		"GET /he",
		"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /file HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\nabc",
	};
	unsigned int n_fds;

	(void)state;
	fixture_await_idle(&fixture);
	n_fds = count_fds();
	for (int i = 0; i < 100; i++) {
		struct client client;

		client_open(&client, versions[i % 2], NULL);
		assert_int_equal(SSL_connect(client.ssl), 1);
		ssl_send(&client, starts[i / 2 % 4]);
		if (i % 3 == 0)
			SSL_shutdown(client.ssl);
		client_close(&client);
	}
	fixture_await_idle(&fixture);
	assert_int_equal(count_fds(), n_fds);
}

static void
assert_served_name(const char *name)
{
	struct client client;
	char text[64] = "";
	X509 *x509;

	client_open(&client, TLS1_3_VERSION, NULL);
	assert_int_equal(SSL_connect(client.ssl), 1);
	x509 = SSL_get1_peer_certificate(client.ssl);
	assert_non_null(x509);
	X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, text, sizeof(text));
	assert_string_equal(text, name);
	X509_free(x509);
	client_close(&client);
}

static void
a_new_certificate_is_used_after_a_reload(void **state)
{
	struct err err = {""};
	struct client client;

	(void)state;
	client_open(&client, TLS1_3_VERSION, NULL);
	assert_int_equal(SSL_connect(client.ssl), 1);
	assert_served_name("one");
	make_certificate("two");
	assert_served_name("one");
	assert_int_equal(tls_context_reload(context, &err), 0);
	assert_served_name("two");
	ssl_send(&client, REQUEST); /* From before the reload. */
	ssl_expect(&client, "hello");
	client_close(&client);
	assert_int_equal(truncate(certificate, 10), 0);
	assert_int_equal(tls_context_reload(context, &err), -EINVAL);
	assert_non_null(strstr(err.text, certificate));
	assert_served_name("two");
}

static void
wrong_files_are_named(void **state)
{
	struct tls_files wrong = files;
	const struct tls_settings broken = {.files = &wrong, .n_files = 1};
	struct tls_context *none = NULL;
	struct err err = {""};

	(void)state;
	make_certificate("three");
	wrong.certificate = "/none/crt";
	assert_int_equal(tls_context_new(&none, &broken, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/none/crt: "));
	assert_non_null(strstr(err.text, "No such file"));
	wrong = (struct tls_files){certificate, "/none/key", NULL};
	assert_int_equal(tls_context_new(&none, &broken, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/none/key: "));
	assert_non_null(strstr(err.text, "No such file"));
	wrong.private_key = other_key;
	assert_int_equal(tls_context_new(&none, &broken, &err), -EINVAL);
	assert_non_null(strstr(err.text, "does not belong to the certificate"));
	assert_null(none);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(both_versions_are_served),
		cmocka_unit_test(old_versions_are_refused),
		cmocka_unit_test(a_client_that_speaks_no_tls_is_refused),
		cmocka_unit_test(a_client_without_a_common_protocol_is_refused),
		cmocka_unit_test(a_silent_client_is_cut_off_in_the_handshake),
		cmocka_unit_test(sessions_are_resumed),
		cmocka_unit_test(a_request_in_one_packet_with_the_handshakes_end_is_seen),
		cmocka_unit_test(a_request_in_single_records_is_seen),
		cmocka_unit_test(a_large_file_arrives_whole),
		cmocka_unit_test(a_large_body_arrives_whole),
		cmocka_unit_test(clients_that_leave_early_leave_nothing_behind),
		cmocka_unit_test(a_new_certificate_is_used_after_a_reload),
		cmocka_unit_test(wrong_files_are_named),
	};

	return cmocka_run_group_tests(cases, setup, teardown);
}
