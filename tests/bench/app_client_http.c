/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests to the app tier over a kept connection of HTTP/1.1; see app_client.h. */
#include "app_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <http_parser.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_SIZE 512
#define ANSWER_SIZE 16384

struct app_target {
	int fd;
	unsigned int status; /* That the request is to have. */
	bool complete;
	http_parser parser;
};

static int
on_complete(http_parser *parser)
{
	struct app_target *target = parser->data;

	target->complete = true;
	return 0;
}

static const http_parser_settings settings = {.on_message_complete = on_complete};

static struct app_target *
http_open(const struct app_job *job, unsigned int index)
{
	uint32_t port = job->other_port && index % 2 ? job->other_port : job->port;
	const struct sockaddr_in server = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct app_target *target = calloc(1, sizeof(*target));
	int on = 1;

	if (!target)
		return NULL;
	target->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (target->fd < 0 ||
		connect(target->fd, (const struct sockaddr *)&server, sizeof(server)) < 0) {
		fprintf(stderr, "bench-app-client: port %u: %s\n", port, strerror(errno));
		if (target->fd >= 0)
			close(target->fd);
		free(target);
		return NULL;
	}
	setsockopt(target->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	http_parser_init(&target->parser, HTTP_RESPONSE);
	target->parser.data = target;
	return target;
}

static int
http_fd(const struct app_target *target)
{
	return target->fd;
}

static enum app_outcome
http_begin(struct app_target *target, const struct app_request *request, uint32_t *wanted)
{
	static const char body[] = "{\"url\":\"" APP_CLIENT_URL "\"}";
	char text[REQUEST_SIZE];
	int size = request->write
			   ? snprintf(text, sizeof(text),
				     "POST /api/links HTTP/1.1\r\nHost: short.test\r\n"
				     "Content-Type: application/json\r\n"
				     "Content-Length: %zu\r\n\r\n%s",
				     sizeof(body) - 1, body)
			   : snprintf(text, sizeof(text),
				     "GET /api/links/%s HTTP/1.1\r\nHost: short.test\r\n\r\n",
				     request->code);

	*wanted = EPOLLIN;
	target->status = request->write ? 201 : 200;
	target->complete = false;
	/* A small request fits into the socket's buffer, as the one before has been answered. */
	return send(target->fd, text, (size_t)size, MSG_NOSIGNAL) == size ? APP_WAITS : APP_FAILED;
}

static enum app_outcome
http_go_on(struct app_target *target, uint32_t events, uint32_t *wanted)
{
	char answer[ANSWER_SIZE];
	ssize_t size = recv(target->fd, answer, sizeof(answer), MSG_DONTWAIT);

	(void)events;
	*wanted = EPOLLIN;
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return APP_WAITS;
	if (size <= 0 || http_parser_execute(&target->parser, &settings, answer, (size_t)size) !=
				 (size_t)size)
		return APP_FAILED;
	if (!target->complete)
		return APP_WAITS;
	return target->parser.status_code == target->status ? APP_DONE : APP_FAILED;
}

static void
http_close(struct app_target *target)
{
	close(target->fd);
	free(target);
}

const struct app_way app_way_http = {
	.open = http_open,
	.fd = http_fd,
	.begin = http_begin,
	.go_on = http_go_on,
	.close = http_close,
};
