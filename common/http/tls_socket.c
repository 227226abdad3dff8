/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets of TLS sessions; see tls_socket.h. */
#include "common/http/tls_socket.h"

#include "common/http/connection.h"
#include "common/http/shim.h"

#include <errno.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>

static int
read_socket(BIO *bio, char *out, int size)
{
	int fd = (int)BIO_get_fd(bio, NULL);
	struct connection *connection = shim_get(fd);
	ssize_t n = -1;

	BIO_clear_retry_flags(bio);
	if (connection && connection->readiness.drained)
		errno = EAGAIN;
	else
		n = shim_recv(fd, out, (size_t)size, 0);
	if (connection)
		readiness_has_read(&connection->readiness, n, (size_t)size);
	if (n < 0 && BIO_sock_should_retry((int)n))
		BIO_set_retry_read(bio);
	else if (n == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	return (int)n;
}

/* The goodbye shares a packet with the end of the connection. (Tickets must not wait for the answer
 * in this way: they acknowledge the end of the handshake, without which many a client sends no
 * request.)
 */
static int
write_socket(BIO *bio, const char *data, int size)
{
	int fd = (int)BIO_get_fd(bio, NULL);
	const struct connection *connection = shim_get(fd);
	ssize_t n;

	if (!connection || !connection->is_leaving)
		return BIO_meth_get_write(BIO_s_socket())(bio, data, size);
	BIO_clear_retry_flags(bio);
	n = shim_send(fd, data, (size_t)size, MSG_MORE | MSG_NOSIGNAL);
	if (n < 0 && BIO_sock_should_retry((int)n))
		BIO_set_retry_write(bio);
	return (int)n;
}

/* All else is as OpenSSL's sockets do it. */
BIO_METHOD *
tls_socket_method(void)
{
	const BIO_METHOD *usual = BIO_s_socket();
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOCKET, "client's socket");

	if (method && BIO_meth_set_read(method, read_socket) == 1 &&
		BIO_meth_set_write(method, write_socket) == 1 &&
		BIO_meth_set_puts(method, BIO_meth_get_puts(usual)) == 1 &&
		BIO_meth_set_ctrl(method, BIO_meth_get_ctrl(usual)) == 1 &&
		BIO_meth_set_create(method, BIO_meth_get_create(usual)) == 1 &&
		BIO_meth_set_destroy(method, BIO_meth_get_destroy(usual)) == 1)
		return method;
	BIO_meth_free(method);
	return NULL;
}

bool
tls_socket_set(SSL *ssl, const BIO_METHOD *method, int fd)
{
	BIO *bio = BIO_new(method);

	if (!bio)
		return false;
	BIO_set_fd(bio, fd, BIO_NOCLOSE);
	SSL_set_bio(ssl, bio, bio);
	return true;
}
