/* SPDX-License-Identifier: BSD-3-Clause */
/* Content codings; see coding.h. */
#include "webtier/coding.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <zlib.h>

#define GZIP_LEVEL 6
#define GZIP_WINDOW (15 + 16) /* zlib's way to ask for a gzip header. */
#define GZIP_MEMORY 8
#define QUALITY_MAX 1000

static const struct {
	const char *name;
	const char *suffix;
} codings[N_CODINGS] = {
	[CODING_IDENTITY] = {NULL, ""},
	[CODING_GZIP] = {"gzip", ".gz"},
	[CODING_BR] = {"br", ".br"},
};

const char *
coding_name(enum coding coding)
{
	return codings[coding].name;
}

const char *
coding_suffix(enum coding coding)
{
	return codings[coding].suffix;
}

/* "0.5" in thousandths (section 12.4.2); what is no weight counts as 0. */
static int
read_weight(const char *text, size_t size)
{
	int weight = 0;
	int unit = QUALITY_MAX;

	if (size == 0 || (text[0] != '0' && text[0] != '1') || (size > 1 && text[1] != '.') ||
		size > 5)
		return 0;
	for (size_t i = 0; i < size; i++) {
		if (i == 1)
			continue;
		if (text[i] < '0' || text[i] > '9')
			return 0;
		weight += (text[i] - '0') * unit;
		unit /= 10;
	}
	return weight <= QUALITY_MAX ? weight : 0;
}

/* The weight that one element of the list, "gzip;q=0.5", gives. */
static int
weight_of(const char *element, size_t size)
{
	const char *end = element + size;
	const char *at = memchr(element, ';', size);

	if (!at)
		return QUALITY_MAX;
	at++;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (end - at < 2 || (at[0] | 0x20) != 'q' || at[1] != '=')
		return 0;
	at += 2;
	return read_weight(at, strcspn(at, " \t,;"));
}

/* What 'accept' says of a coding, by its name or else by "*". */
static int
quality_of(const char *accept, const char *name)
{
	size_t name_size = strlen(name);
	int any = 0;

	while (*accept != '\0') {
		size_t size;
		size_t token;

		accept += strspn(accept, " \t,");
		size = strcspn(accept, ",");
		token = strcspn(accept, " \t,;");
		if (token == name_size && strncasecmp(accept, name, token) == 0)
			return weight_of(accept, size);
		if (token == 1 && *accept == '*')
			any = weight_of(accept, size);
		accept += size;
	}
	return any;
}

enum coding
coding_choose(const char *accept, unsigned int had)
{
	enum coding best = CODING_IDENTITY;
	int best_quality = 0;

	if (!accept)
		return best;
	for (enum coding coding = N_CODINGS - 1; coding > CODING_IDENTITY; coding--) {
		int quality;

		if (!(had & CODING_BIT(coding)))
			continue;
		quality = quality_of(accept, codings[coding].name);
		if (quality > best_quality) {
			best = coding;
			best_quality = quality;
		}
	}
	return best;
}

char *
coding_gzip(const char *data, size_t size, size_t *out_size)
{
	z_stream stream = {.avail_in = (uInt)size, .avail_out = (uInt)size};
	char *out = malloc(size ? size : 1);
	int result;

	if (!out || deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
			    Z_DEFAULT_STRATEGY) != Z_OK) {
		free(out);
		return NULL;
	}
	memcpy(&stream.next_in, &data, sizeof(void *)); /* zlib does not write to it. */
	stream.next_out = (Bytef *)out;
	result = deflate(&stream, Z_FINISH);
	*out_size = stream.total_out;
	deflateEnd(&stream);
	if (result == Z_STREAM_END)
		return out;
	free(out); /* It does not fit into the room of the original. */
	return NULL;
}
