/* SPDX-License-Identifier: BSD-3-Clause */
/* 'weirctl capture'; see weirctl_capture.h.
 *
 * The dataplane keeps frames in rings and hands them out as pieces of the file when it is asked;
 * so a slow disk costs frames, which are counted, and never holds up a packet. */
#include "controlplane/weirctl_capture.h"

#include "common/clock.h"
#include "controlplane/weirctl_cells.h"
#include "controlplane/weirctl_request.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

/* Between two reads, when the last one brought nothing: the rings have room for much more. */
#define PAUSE_NS (50 * (long)NS_PER_MS)

/* At the end what is still in the rings is read; more than that would be without end. */
#define LAST_READS_MAX 64

const struct parameter capture_parameters[] = {
	{"-w", "file", "FILE", "the pcapng file to write; -: standard output", false, true},
	{"--service", "service", "SERVICE", "only packets of this service", false, false},
	{"--client", "client", "ADDRESS", "only packets of this address or prefix", false, false},
	{"--protocol", "protocol", "PROTOCOL", "only packets of tcp, udp or icmp", false, false},
	{"--backend", "backend", "BACKEND", "only packets to and from backends of this name", false,
		false},
	{"--port", "port", "PORT", "only what comes in or leaves by this port of the dataplane",
		false, false},
	{"--before", "before", NULL, "only frames as they came in", false, false},
	{"--after", "after", NULL, "only frames as they leave", false, false},
	{"--both", "both", NULL, "of each packet both frames, which is usual", false, false},
	{"--snap", "snap", "BYTES", "of each frame only so many bytes", true, false},
	{"--count", "count", "N", "end after so many frames", true, false},
	{"--seconds", "seconds", "S", "end after so many seconds", true, false},
	{NULL, NULL, NULL, NULL, false, false},
};

struct capture {
	char *socket;
	const char *path;
	int fd;
	sigset_t signals; /* That end it; blocked, and waited for. */
	uint64_t end_ns;  /* 0: no end. */
	json_int_t id;
	json_int_t n_frames, n_lost;
	bool done; /* The dataplane says so. */
};

static int
write_all(struct capture *capture, const uint8_t *bytes, size_t size, struct err *err)
{
	while (size > 0) {
		ssize_t n = write(capture->fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(
				err, -errno, "cannot write %s: %s", capture->path, strerror(errno));
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Writes a piece of the file that came in base64. */
static int
write_piece(struct capture *capture, const char *text, size_t size, struct err *err)
{
	unsigned char *bytes = malloc(size / 4 * 3 + 1);
	int n = bytes ? EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)size) : -1;
	int rc;

	/* It counts what stands for padding as bytes. */
	for (size_t i = size; n > 0 && i > 0 && text[i - 1] == '='; i--)
		n--;
	rc = n < 0 ? err_set(err, -EPROTO, "the dataplane's answer is no piece of a file")
		   : write_all(capture, bytes, (size_t)n, err);
	free(bytes);
	return rc;
}

/* Asks for 'method', and writes what comes. Returns how many frames that were, or a negative
 * errno with 'err' set. */
static int
ask(struct capture *capture, const char *method, json_t *params, struct err *err)
{
	json_t *answer = request_send(capture->socket, method, params, err);
	json_t *piece = json_object_get(answer, "pcapng");
	json_int_t before = capture->n_frames;
	int rc = -EIO;

	if (!answer)
		return rc;
	capture->id = integer_of(answer, "id");
	capture->n_frames = integer_of(answer, "frames");
	capture->n_lost = integer_of(answer, "lost");
	capture->done = json_is_true(json_object_get(answer, "done"));
	rc = write_piece(capture, json_string_value(piece), json_string_length(piece), err);
	json_decref(answer);
	return rc < 0 ? rc : (int)(capture->n_frames - before);
}

static json_t *
about(const struct capture *capture)
{
	return json_pack("{s:I}", "id", capture->id);
}

/* What the dataplane is to know of the command's parameters. */
static json_t *
filter_of(const struct arguments *arguments)
{
	static const char *const own[] = {"file", "seconds", "both"};
	json_t *filter = json_copy(arguments->params);

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		json_object_del(filter, own[i]);
	if (json_object_get(arguments->params, "both")) {
		json_object_del(filter, "before");
		json_object_del(filter, "after");
	}
	return filter;
}

/* Whether it is to end now; waits a moment for a signal if there was nothing to do. */
static bool
is_over(const struct capture *capture, bool idle)
{
	const struct timespec pause = {.tv_nsec = idle ? PAUSE_NS : 0};

	return capture->done || (capture->end_ns > 0 && clock_now_ns() >= capture->end_ns) ||
	       sigtimedwait(&capture->signals, NULL, &pause) > 0;
}

/* Reads until it is over, then what is left, and ends the capture. */
static int
read_all(struct capture *capture, struct err *err)
{
	int n;

	do
		n = ask(capture, "capture_read", about(capture), err);
	while (n >= 0 && !is_over(capture, n == 0));
	n = n < 0 ? n : 1;
	for (int i = 0; i < LAST_READS_MAX && n > 0 && !capture->done; i++)
		n = ask(capture, "capture_read", about(capture), err);
	return n < 0 ? n : ask(capture, "capture_stop", about(capture), err);
}

static int
open_file(struct capture *capture, struct err *err)
{
	if (strcmp(capture->path, "-") == 0) {
		capture->fd = STDOUT_FILENO;
		return 0;
	}
	/* What people said to each other is nobody else's business. */
	capture->fd = open(capture->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return capture->fd >= 0 ? 0
				: err_set(err, -errno, "cannot write %s: %s", capture->path,
					  strerror(errno));
}

void
capture_print(json_t *answer, FILE *file)
{
	json_int_t n_lost = integer_of(answer, "lost");

	fprintf(file, "%s: %" JSON_INTEGER_FORMAT " frames", text_of(answer, "file"),
		integer_of(answer, "frames"));
	if (n_lost > 0)
		fprintf(file,
			", %" JSON_INTEGER_FORMAT
			" more were lost: a filter or --snap makes it fewer",
			n_lost);
	fputs("\n", file);
}

static void
tell(const struct arguments *arguments, const struct capture *capture)
{
	FILE *file = capture->fd == STDOUT_FILENO ? stderr : stdout;
	json_t *answer = json_pack("{s:s, s:I, s:I}", "file", capture->path, "frames",
		capture->n_frames, "lost", capture->n_lost);

	if (arguments->json) {
		json_dumpf(answer, file, JSON_INDENT(2));
		fputs("\n", file);
	} else {
		capture_print(answer, file);
	}
	json_decref(answer);
}

static void
wait_for_signals(struct capture *capture)
{
	sigemptyset(&capture->signals);
	sigaddset(&capture->signals, SIGINT);
	sigaddset(&capture->signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &capture->signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int
capture_run(const struct arguments *arguments)
{
	struct err err = {""};
	struct capture capture = {.socket = request_socket(arguments, &err),
		.path = text_of(arguments->params, "file"),
		.fd = -1};
	json_int_t seconds = integer_of(arguments->params, "seconds");
	int rc = capture.socket ? open_file(&capture, &err) : -EIO;

	if (rc == 0) {
		wait_for_signals(&capture);
		rc = ask(&capture, "capture_start", filter_of(arguments), &err);
	}
	if (rc >= 0) {
		capture.end_ns = seconds > 0 ? clock_now_ns() + (uint64_t)seconds * NS_PER_S : 0;
		rc = read_all(&capture, &err);
		tell(arguments, &capture);
	}
	if (capture.fd > STDOUT_FILENO && close(capture.fd) < 0 && rc >= 0)
		rc = err_set(&err, -errno, "cannot write %s: %s", capture.path, strerror(errno));
	free(capture.socket);
	return rc < 0 ? complain(&err, EXIT_FAILED) : EXIT_DONE;
}
