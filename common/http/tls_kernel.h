/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: records of TLS made by the kernel (Documentation/networking/tls.rst).
 *
 * Where the kernel has TLS and the suite is one that it knows, OpenSSL leaves the keys for sending
 * to it after the handshake. From then on what is written to the socket by any system call,
 * sendfile() included, is encrypted on its way. Receiving stays with OpenSSL, which (3.0) gives it
 * away with TLS 1.2 alone. */
#ifndef COMMON_HTTP_TLS_KERNEL_H
#define COMMON_HTTP_TLS_KERNEL_H

#include <openssl/types.h>
#include <stdbool.h>

/* Whether this kernel and this OpenSSL can do that: tries it with a connection to itself. */
bool tls_kernel_is_there(void);

/* Prepares a session whose socket is connected and set (tls_socket.h) for it. Returns false when
 * memory is short; a socket that the kernel does not take is none of its faults. */
bool tls_kernel_offer(SSL *ssl, int fd);

/* Whether the kernel makes the records of a session whose handshake is over. */
bool tls_kernel_sends(SSL *ssl);

#endif /* COMMON_HTTP_TLS_KERNEL_H */
