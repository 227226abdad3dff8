/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading from and writing to a client, plain or by TLS, as libmicrohttpd's socket calls expect.
 *
 * Two habits of the library shape this file. It takes a read or write that is shorter than asked
 * as "the socket would block now" and waits for the next edge, so a TLS transfer goes on until
 * everything is done or the socket really would block. And on an unexpected error of sendfile() it
 * falls back to a reader that changes the response object, which may be shared between threads; so
 * every such error is reported as EBADF, which makes it close the connection. */
#include "common/clock.h"
#include "common/http/connection.h"
#include "common/http/core.h"
#include "common/http/linger.h"
#include "common/http/mhd_pool.h"
#include "common/http/shim.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define RECORD_BYTES 16384         /* The most one TLS record carries. */
#define FILE_TURN_BYTES (1u << 20) /* Of a file, before other connections get their turn. */

static void
received(struct connection *connection, const char *data, size_t size)
{
	connection->check_end = true;
	connection->rests = false;
	mhd_pool_fill(connection->pool);
	guard_feed(&connection->guard, data, size);
	if (connection->phase == CONNECTION_BODY)
		connection->patience_ms -=
			size < connection->patience_ms ? (uint32_t)size : connection->patience_ms;
	if (connection->phase != CONNECTION_IDLE || connection->header_begun ||
		guard_is_between(&connection->guard))
		return;
	connection->header_begun = true;
	if (connection->n_requests > 0)
		connection->since_ns = uv_now(connection->server->loop) * NS_PER_MS;
}

static ssize_t
sent(struct connection *connection, ssize_t size)
{
	if (size > 0) {
		uint64_t bytes = (uint64_t)size;

		connection->sent_bytes += bytes;
		connection->patience_ms -=
			bytes < connection->patience_ms ? (uint32_t)bytes : connection->patience_ms;
	}
	return size;
}

/* What a failed TLS call means, as errno; 0 for the orderly end. After a failure of the protocol
 * nothing more may be asked of it, not even to say goodbye. */
static int
tls_errno(struct connection *connection)
{
	switch (SSL_get_error(connection->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		connection->dead = true;
		return ECONNRESET;
	}
}

static ssize_t
tls_recv(struct connection *connection, char *buf, size_t size)
{
	size_t total = 0;
	size_t n;

	ERR_clear_error();
	while (total < size && SSL_read_ex(connection->ssl, buf + total, size - total, &n))
		total += n;
	if (total == size)
		return (ssize_t)total;
	errno = tls_errno(connection);
	if (errno == 0)
		connection->ended = true;
	if (total > 0 || errno == 0)
		return (ssize_t)total;
	return -1;
}

static ssize_t
tls_send(struct connection *connection, const char *buf, size_t size)
{
	size_t total = 0;
	size_t n;

	ERR_clear_error();
	while (total < size && SSL_write_ex(connection->ssl, buf + total, size - total, &n))
		total += n;
	if (total > 0)
		return (ssize_t)total;
	errno = tls_errno(connection);
	if (errno == 0)
		errno = EPIPE;
	return -1;
}

/* Puts small pieces together, so that header and body share a record. Returns the bytes from
 * 'skip' on: in 'scratch', or in place where a piece fills a record by itself. */
static const char *
gather(const struct iovec *iov, size_t n_iov, size_t skip, char *scratch, size_t *size)
{
	size_t filled = 0;

	for (size_t i = 0; i < n_iov; i++) {
		const char *piece = iov[i].iov_base;
		size_t left = iov[i].iov_len;
		size_t part;

		if (skip >= left) {
			skip -= left;
			continue;
		}
		piece += skip;
		left -= skip;
		skip = 0;
		if (filled == 0 && left >= RECORD_BYTES) {
			*size = left;
			return piece;
		}
		part = left < RECORD_BYTES - filled ? left : RECORD_BYTES - filled;
		memcpy(scratch + filled, piece, part);
		filled += part;
		if (filled == RECORD_BYTES)
			break;
	}
	*size = filled;
	return scratch;
}

static ssize_t
tls_sendv(struct connection *connection, const struct iovec *iov, size_t n_iov)
{
	char scratch[RECORD_BYTES];
	ssize_t total = 0;

	for (;;) {
		size_t size;
		const char *data = gather(iov, n_iov, (size_t)total, scratch, &size);
		ssize_t n;

		if (size == 0)
			return total;
		n = tls_send(connection, data, size);
		if (n < 0)
			return total > 0 ? total : n;
		total += n;
		if ((size_t)n < size)
			return total;
	}
}

static ssize_t
raw_sendv(struct connection *connection, const struct iovec *iov, size_t n_iov, int flags)
{
	struct msghdr msg = {.msg_iovlen = n_iov};

	if (connection->ssl)
		return tls_sendv(connection, iov, n_iov);
	memcpy(&msg.msg_iov, &iov, sizeof(void *)); /* sendmsg() does not write to it. */
	return shim_sendmsg(connection->fd, &msg, flags);
}

/* Sends the header of a 304 without the "Content-Length: 0" that the library puts last: it would
 * tell caches that the representation is empty (RFC 9110 8.6). Reports it as sent. */
static ssize_t
send_304(struct connection *connection, const char *header, size_t size, int flags)
{
	static const char tail[] = "Content-Length: 0\r\n\r\n";
	static char end[] = "\r\n";
	size_t tail_size = sizeof(tail) - 1;
	size_t kept = size - tail_size;
	struct iovec iov[2] = {{.iov_len = kept}, {.iov_base = end, .iov_len = 2}};
	ssize_t n;

	if (size < tail_size || memcmp(header + kept, tail, tail_size) != 0) {
		kept = size;
		iov[0].iov_len = size;
		iov[1].iov_len = 0;
	}
	memcpy(&iov[0].iov_base, &header, sizeof(void *));
	n = raw_sendv(connection, iov, 2, flags);
	if (n == (ssize_t)(kept + iov[1].iov_len))
		return (ssize_t)size;
	if (n > (ssize_t)kept) { /* Half of the end: cannot be told in the library's bytes. */
		connection_cut(connection, false);
		errno = EPIPE;
		return -1;
	}
	return n;
}

/* libmicrohttpd 0.9.75 writes the header of an error page of its own (for a Content-Length that is
 * no number, say) twice, one behind the other. */
static bool
is_twin(const struct iovec *header)
{
	size_t half = header->iov_len / 2;
	const char *text = header->iov_base;

	return header->iov_len % 2 == 0 && half > 4 && memcmp(text, "HTTP", 4) == 0 &&
	       memcmp(text, text + half, half) == 0;
}

/* Sends such a page with one header, and reports both as sent. */
static ssize_t
send_twin(struct connection *connection, const struct iovec *header, const struct iovec *body,
	int flags)
{
	struct iovec iov[2] = {*header, *body};
	ssize_t n;

	iov[0].iov_len /= 2;
	n = raw_sendv(connection, iov, 2, flags);
	if (n == (ssize_t)(iov[0].iov_len + iov[1].iov_len))
		return n + (ssize_t)iov[0].iov_len;
	if (n >= 0) { /* A part: cannot be told in the library's bytes. */
		connection_cut(connection, false);
		errno = EPIPE;
		return -1;
	}
	return n;
}

static ssize_t
plain_recv(struct connection *connection, void *buf, size_t size, int flags)
{
	ssize_t n;

	if (connection->readiness.drained) {
		errno = EAGAIN;
		return -1;
	}
	n = shim_recv(connection->fd, buf, size, flags);
	readiness_has_read(&connection->readiness, n, size);
	return n;
}

ssize_t
connection_recv(struct connection *connection, void *buf, size_t size, int flags)
{
	ssize_t n;

	if (connection->dead)
		return 0;
	if (connection->ssl)
		n = tls_recv(connection, buf, size);
	else
		n = plain_recv(connection, buf, size, flags);
	if (n > 0 && !connection->h2 && connection->phase != CONNECTION_UPGRADED)
		received(connection, buf, (size_t)n);
	else if (n == 0)
		connection->ended = true;
	return n;
}

ssize_t
connection_send(struct connection *connection, const void *buf, size_t size, int flags)
{
	if (connection->dead) {
		errno = EPIPE;
		return -1;
	}
	if (connection->bare_304)
		return sent(connection, send_304(connection, buf, size, flags));
	if (connection->ssl)
		return sent(connection, tls_send(connection, buf, size));
	if (connection->file_left > 0)
		flags |= MSG_MORE; /* A header: the file fills up its packet. */
	return sent(connection, shim_send(connection->fd, buf, size, flags));
}

ssize_t
connection_sendv(struct connection *connection, const struct iovec *iov, size_t n_iov, int flags)
{
	if (connection->dead) {
		errno = EPIPE;
		return -1;
	}
	if (n_iov == 2 && is_twin(&iov[0]))
		return sent(connection, send_twin(connection, &iov[0], &iov[1], flags));
	return sent(connection, raw_sendv(connection, iov, n_iov, flags));
}

/* Sends a piece of a file: directly if it can be, else through memory. Returns as sendfile(): 0 at
 * the file's end. */
static ssize_t
send_piece(struct connection *connection, int file, off_t offset, size_t size)
{
	char scratch[RECORD_BYTES];
	ssize_t here;

	if (!connection->ssl) {
		off_t position = offset;
		ssize_t n = shim_sendfile(connection->fd, file, &position, size);

		if (n >= 0 || (errno != EINVAL && errno != ENOSYS && errno != EOVERFLOW))
			return n;
	}
	here = pread(file, scratch, size < sizeof(scratch) ? size : sizeof(scratch), offset);
	if (here <= 0)
		return here;
	if (connection->ssl)
		return tls_send(connection, scratch, (size_t)here);
	return shim_send(connection->fd, scratch, (size_t)here, MSG_NOSIGNAL);
}

/* The library asks for 128 KiB at a time. It is given more if the socket takes more: it adds up
 * what it is told and looks for nothing but the end of the file. */
static size_t
file_turn(const struct connection *connection, size_t size)
{
	uint64_t turn =
		connection->file_left < FILE_TURN_BYTES ? connection->file_left : FILE_TURN_BYTES;

	return turn > size ? (size_t)turn : size;
}

ssize_t
connection_sendfile(struct connection *connection, int file, off_t *offset, size_t asked)
{
	size_t size = file_turn(connection, asked);
	size_t total = 0;
	ssize_t n = 0;

	if (connection->readiness.full && !connection->dead) {
		errno = EAGAIN;
		return -1;
	}
	while (!connection->dead && total < size) {
		n = send_piece(connection, file, *offset, size - total);
		if (!connection->ssl)
			readiness_has_written(&connection->readiness, n, size - total);
		if (n <= 0)
			break;
		*offset += n;
		total += (size_t)n;
		if (connection->readiness.full)
			break;
	}
	connection->file_left -= total < connection->file_left ? total : connection->file_left;
	if (total == size || connection->readiness.full)
		return total > 0 ? sent(connection, (ssize_t)total) : -1;
	if (!connection->dead && n < 0 && (errno == EAGAIN || errno == EINTR))
		return total > 0 ? sent(connection, (ssize_t)total) : -1;
	/* The client has gone, or the file is shorter than it was. */
	connection_cut(connection, false);
	errno = EBADF;
	return -1;
}

/* The library corks and uncorks around a response, for packets that are full. Nagle's algorithm is
 * off from the start (listener.c), what belongs together is sent together, and a header says that
 * its file follows; so there is nothing to hold back, and a cork would only delay the end. */
int
connection_setsockopt(
	struct connection *connection, int level, int name, const void *value, socklen_t size)
{
	if (level == IPPROTO_TCP)
		return 0;
	return shim_setsockopt(connection->fd, level, name, value, size);
}

int
connection_shutdown(struct connection *connection, int how)
{
	if (connection->dead || connection->reset)
		return 0;
	connection_say_goodbye(connection);
	return shim_shutdown(connection->fd, how);
}

/* Whether what has come unread is the client's goodbye: it has all that it was sent. */
static bool
has_said_goodbye(struct connection *connection)
{
	char byte;
	size_t n;

	if (!connection->ssl)
		return false;
	ERR_clear_error();
	connection->readiness.drained = false;
	return !SSL_read_ex(connection->ssl, &byte, 1, &n) && tls_errno(connection) == 0;
}

/* Closing a socket with unread data resets the connection, and the client may lose an answer that
 * it has not read yet; so what it still sends is read and thrown away for a while. */
static bool
must_linger(struct connection *connection)
{
	int unread = 0;

	if (connection->dead || connection->reset || connection->ended ||
		connection->server->closing)
		return false;
	if (!guard_is_between(&connection->guard))
		return true;
	return ioctl(connection->fd, FIONREAD, &unread) == 0 && unread > 0 &&
	       !has_said_goodbye(connection);
}

int
connection_close(struct connection *connection)
{
	if (!must_linger(connection) || linger_start(connection) < 0)
		connection_free(connection);
	return 0;
}
