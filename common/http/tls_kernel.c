/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS in the kernel; see tls_kernel.h. */
#include "common/http/tls_kernel.h"

#include "common/http/shim.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>

static bool
attach(int fd)
{
	return shim_setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) == 0;
}

#ifndef OPENSSL_NO_KTLS

/* The kernel takes only a socket that is connected. */
static bool
try_with(int listener, int client)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	return bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0 &&
	       getsockname(listener, (struct sockaddr *)&address, &size) == 0 &&
	       connect(client, (struct sockaddr *)&address, size) == 0 && attach(client);
}

bool
tls_kernel_is_there(void)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_there = listener >= 0 && client >= 0 && try_with(listener, client);

	if (listener >= 0)
		shim_close(listener);
	if (client >= 0)
		shim_close(client);
	return is_there;
}

bool
tls_kernel_sends(SSL *ssl)
{
	return BIO_get_ktls_send(SSL_get_wbio(ssl));
}

#else

bool
tls_kernel_is_there(void)
{
	return false;
}

bool
tls_kernel_sends(SSL *ssl)
{
	(void)ssl;
	return false;
}

#endif

/* The session writes by OpenSSL's own kind of socket, which takes the keys over. It goes on reading
 * by ours (tls_socket.c), which does not. */
bool
tls_kernel_offer(SSL *ssl, int fd)
{
	BIO *bio;

	if (!attach(fd))
		return true;
	bio = BIO_new_socket(fd, BIO_NOCLOSE);
	if (!bio)
		return false;
	SSL_set0_wbio(ssl, bio);
	SSL_set_options(ssl, SSL_OP_ENABLE_KTLS);
	return true;
}
