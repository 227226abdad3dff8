/* SPDX-License-Identifier: BSD-3-Clause */
/* Several ranges; see multipart.h. The body is a list of pieces, texts and parts of the file in
 * turn, that is read as the client takes it. */
#include "webtier/multipart.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>

#define BOUNDARY_BYTES                                                             \
	12 /* Random, so that no content has it but by intent of whoever wrote it. \
	    */
#define HEADERS_MAX 8

/* The head of a part and what of the file follows it. */
struct piece {
	char *text;
	size_t text_size;
	struct range part; /* Of size 0 behind the last text. */
};

struct multipart {
	int fd;
	size_t n_pieces;
	size_t at;     /* The piece that is being read, ... */
	uint64_t done; /* ... and how much of it, text first. */
	struct piece pieces[RANGES_MAX + 1];
};

static void
release(void *ctx)
{
	struct multipart *multipart = ctx;

	for (size_t i = 0; i < multipart->n_pieces; i++)
		free(multipart->pieces[i].text);
	close(multipart->fd);
	free(multipart);
}

static ssize_t
read_piece(struct multipart *multipart, const struct piece *piece, char *buf, size_t size)
{
	uint64_t into;
	ssize_t n;

	if (multipart->done < piece->text_size) {
		size_t left = piece->text_size - (size_t)multipart->done;

		n = (ssize_t)(left < size ? left : size);
		memcpy(buf, piece->text + multipart->done, (size_t)n);
		return n;
	}
	into = multipart->done - piece->text_size;
	if (size > piece->part.size - into)
		size = (size_t)(piece->part.size - into);
	do
		n = pread(multipart->fd, buf, size, (off_t)(piece->part.offset + into));
	while (n < 0 && errno == EINTR);
	return n > 0 ? n : HTTP_SOURCE_ERROR; /* The file is shorter than it was. */
}

static ssize_t
read_body(void *ctx, char *buf, size_t size)
{
	struct multipart *multipart = ctx;
	size_t total = 0;

	while (total < size && multipart->at < multipart->n_pieces) {
		const struct piece *piece = &multipart->pieces[multipart->at];
		ssize_t n;

		if (multipart->done == piece->text_size + piece->part.size) {
			multipart->at++;
			multipart->done = 0;
			continue;
		}
		n = read_piece(multipart, piece, buf + total, size - total);
		if (n < 0)
			return n;
		multipart->done += (uint64_t)n;
		total += (size_t)n;
	}
	return total > 0 ? (ssize_t)total : HTTP_SOURCE_END;
}

static const struct http_source body_source = {.read = read_body, .release = release};

static bool
add_piece(struct multipart *multipart, const char *text, const struct range *part)
{
	struct piece *piece = &multipart->pieces[multipart->n_pieces];

	piece->text = strdup(text);
	if (!piece->text)
		return false;
	piece->text_size = strlen(text);
	if (part)
		piece->part = *part;
	multipart->n_pieces++;
	return true;
}

static bool
make_boundary(char out[static 2 * BOUNDARY_BYTES + 1])
{
	unsigned char bytes[BOUNDARY_BYTES];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

static bool
fill(struct multipart *multipart, const struct multipart_file *file, const struct ranges *ranges,
	const char *boundary)
{
	char text[512];

	for (size_t i = 0; i < ranges->n; i++) {
		const struct range *part = &ranges->parts[i];

		snprintf(text, sizeof(text),
			"%s--%s\r\nContent-Type: %s\r\n"
			"Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n\r\n",
			i ? "\r\n" : "", boundary, file->type, part->offset,
			part->offset + part->size - 1, file->size);
		if (!add_piece(multipart, text, part))
			return false;
	}
	snprintf(text, sizeof(text), "\r\n--%s--\r\n", boundary);
	return add_piece(multipart, text, NULL);
}

static int64_t
size_of(const struct multipart *multipart)
{
	int64_t size = 0;

	for (size_t i = 0; i < multipart->n_pieces; i++)
		size += (int64_t)(multipart->pieces[i].text_size + multipart->pieces[i].part.size);
	return size;
}

int
multipart_respond(struct http_request *req, const struct multipart_file *file,
	const struct ranges *ranges, const struct http_header *headers, size_t n_headers)
{
	struct multipart *multipart = calloc(1, sizeof(*multipart));
	char boundary[2 * BOUNDARY_BYTES + 1];
	char type[sizeof(boundary) + 40];
	struct http_header all[HEADERS_MAX] = {{"Content-Type", type}};

	if (!multipart || n_headers >= HEADERS_MAX) {
		free(multipart);
		return -ENOMEM;
	}
	multipart->fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 3);
	if (multipart->fd < 0 || !make_boundary(boundary) ||
		!fill(multipart, file, ranges, boundary)) {
		release(multipart);
		return -ENOMEM;
	}
	snprintf(type, sizeof(type), "multipart/byteranges; boundary=%s", boundary);
	memcpy(all + 1, headers, n_headers * sizeof(all[0]));
	http_respond_source(
		req, 206, all, n_headers + 1, size_of(multipart), &body_source, multipart);
	return 0;
}
