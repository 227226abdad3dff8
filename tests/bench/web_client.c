/* SPDX-License-Identifier: BSD-3-Clause */
/* bench-web-client: connections that carry one request each, to a web server on this machine, for
 * so many milliseconds. Prints one line of JSON: how many there were, and how long they took from
 * connect() to the server's end of the connection.
 *
 * `--tls new` does a whole handshake for each; with `--tls resumed` each thread hands in the
 * ticket that it got on its last connection. Threads block: what is measured is the server, by
 * its processor time, and the client has a processor of its own. Each thread does at least one,
 * however late a busy machine lets it begin. */
#include "histogram.h"
#include "parameters.h"

#include "common/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#define THREADS_MAX 256
#define ANSWER_BYTES 65536
#define PATIENCE_S 50

enum tls {
	TLS_NONE,
	TLS_NEW,
	TLS_RESUMED,
};

struct job {
	uint32_t port;
	uint32_t tls;
	uint32_t n_threads;
	uint32_t duration_ms;
	uint32_t kib; /* Which file is asked for. */
};

struct client {
	const struct job *job;
	SSL_CTX *ctx;
	SSL_SESSION *session; /* The newest ticket; NULL: none. */
	uint64_t end_ns;
	uint64_t n_resumed;
	uint64_t n_failed;
	struct histogram times_us;
	pthread_t thread;
};

static const char *const tls_words[] = {"none", "new", "resumed", NULL};

#define JOB_AT(field) offsetof(struct job, field)

static const struct parameter parameters[] = {
	{"port", "where the server listens on 127.0.0.1", JOB_AT(port), 1, 65535, NULL},
	{"tls", "handshakes", JOB_AT(tls), 0, 0, tls_words},
	{"threads", "connections at a time", JOB_AT(n_threads), 1, THREADS_MAX, NULL},
	{"duration-ms", "how long", JOB_AT(duration_ms), 1, 600000, NULL},
	{"kib", "the size of the file asked for: /KIBk", JOB_AT(kib), 1, 1048576, NULL},
};

static int
open_connection(const struct job *job)
{
	const struct sockaddr_in server = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)job->port),
		.sin_addr = {htonl(INADDR_LOOPBACK)},
	};
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&server, sizeof(server)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Whether 'size' bytes are an answer with its whole body. */
static bool
is_whole(const struct job *job, const char *answer, size_t size)
{
	const char *body = memmem(answer, size, "\r\n\r\n", 4);

	return size > 12 && memcmp(answer, "HTTP/1.1 200", 12) == 0 && body &&
	       size - (size_t)(body + 4 - answer) == (size_t)job->kib * 1024;
}

static size_t
write_request(const struct job *job, char *out, size_t size)
{
	return (size_t)snprintf(out, size,
		"GET /%uk HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", job->kib);
}

static bool
ask_plain(const struct job *job, int fd, char *answer, size_t room)
{
	size_t size = write_request(job, answer, room);
	ssize_t n = send(fd, answer, size, MSG_NOSIGNAL);

	if (n != (ssize_t)size)
		return false;
	size = 0;
	while (size < room && (n = recv(fd, answer + size, room - size, 0)) > 0)
		size += (size_t)n;
	return n == 0 && is_whole(job, answer, size);
}

/* Keeps the ticket that 'ssl' has got, for the next connection. */
static int
take_session(SSL *ssl, SSL_SESSION *session)
{
	struct client *client = SSL_get_app_data(ssl);

	SSL_SESSION_free(client->session);
	client->session = session;
	return 1;
}

static bool
ask_tls(struct client *client, int fd, char *answer, size_t room)
{
	const struct job *job = client->job;
	size_t size = write_request(job, answer, room);
	SSL *ssl = SSL_new(client->ctx);
	size_t n;
	bool good = ssl && SSL_set_fd(ssl, fd) == 1 && SSL_set_app_data(ssl, client) == 1;

	if (good && job->tls == TLS_RESUMED && client->session)
		SSL_set_session(ssl, client->session);
	good = good && SSL_connect(ssl) == 1 && SSL_write_ex(ssl, answer, size, &n) == 1;
	if (good) {
		client->n_resumed += SSL_session_reused(ssl) == 1;
		size = 0;
		while (size < room && SSL_read_ex(ssl, answer + size, room - size, &n) == 1)
			size += n;
		good = is_whole(job, answer, size);
		SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	return good;
}

static void *
run(void *arg)
{
	struct client *client = arg;
	const struct job *job = client->job;
	size_t room = ANSWER_BYTES + (size_t)job->kib * 1024;
	char *answer = malloc(room);
	bool is_done = !answer;

	while (!is_done) {
		uint64_t begin_ns = clock_now_ns();
		int fd = open_connection(job);
		bool good = fd >= 0 && (job->tls == TLS_NONE ? ask_plain(job, fd, answer, room)
							     : ask_tls(client, fd, answer, room));

		if (fd >= 0)
			close(fd);
		if (good)
			histogram_add(&client->times_us, (clock_now_ns() - begin_ns) / NS_PER_US);
		else
			client->n_failed++;
		is_done = clock_now_ns() >= client->end_ns;
	}
	free(answer);
	SSL_SESSION_free(client->session);
	return NULL;
}

static SSL_CTX *
make_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx)
		return NULL;
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(
		ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(ctx, take_session);
	return ctx;
}

static void
add_times(struct histogram *sum, const struct histogram *times)
{
	sum->n += times->n;
	if (times->max > sum->max)
		sum->max = times->max;
	for (size_t i = 0; i < HISTOGRAM_BINS; i++)
		sum->bins[i] += times->bins[i];
}

static void
tell(const struct client *clients, size_t n)
{
	static struct histogram times;
	uint64_t n_resumed = 0;
	uint64_t n_failed = 0;

	for (size_t i = 0; i < n; i++) {
		add_times(&times, &clients[i].times_us);
		n_resumed += clients[i].n_resumed;
		n_failed += clients[i].n_failed;
	}
	printf("{\"requests\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"resumed\": %" PRIu64
	       ", \"p50_us\": %" PRIu64 ", \"p99_us\": %" PRIu64 "}\n",
		times.n, n_failed, n_resumed, histogram_percentile(&times, 0.5),
		histogram_percentile(&times, 0.99));
}

int
main(int argc, char **argv)
{
	static struct client clients[THREADS_MAX];
	struct job job = {.port = 443, .n_threads = 16, .duration_ms = 1000, .kib = 1};
	uint64_t end_ns;
	size_t n = 0;
	SSL_CTX *ctx;

	parameters_parse(parameters, sizeof(parameters) / sizeof(parameters[0]), &job, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	ctx = make_ctx();
	end_ns = clock_now_ns() + job.duration_ms * NS_PER_MS;
	for (; ctx && n < job.n_threads; n++) {
		clients[n] = (struct client){.job = &job, .ctx = ctx, .end_ns = end_ns};
		if (pthread_create(&clients[n].thread, NULL, run, &clients[n]) != 0)
			break;
	}
	for (size_t i = 0; i < n; i++)
		pthread_join(clients[i].thread, NULL);
	SSL_CTX_free(ctx);
	if (n < job.n_threads) {
		fprintf(stderr, "bench-web-client: cannot start\n");
		return EXIT_FAILURE;
	}
	tell(clients, n);
	return EXIT_SUCCESS;
}
