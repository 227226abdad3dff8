/* SPDX-License-Identifier: BSD-3-Clause */
/* Frame sizes; see sizes.h. */
#include "dataplane/pktgen/sizes.h"

#include "dataplane/pktgen/pace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The "simple IMIX" in common use: what many published figures mean by the word. */
#define IMIX "64x7,594x4,1518x1"

/* Reads one "SIZE" or "SIZExWEIGHT" and leaves 'text' behind it. */
static int
read_size(const char **text, uint16_t *size, unsigned int *weight, struct err *err)
{
	char *end;
	unsigned long bytes = strtoul(*text, &end, 10), times = 1;

	if (end != *text && *end == 'x')
		times = strtoul(end + 1, &end, 10);
	if (end == *text || (*end && *end != ',') || strcmp(end, ",") == 0)
		return err_set(err, -EINVAL,
			"'%s' is not a frame size: write 64, 64,512,1518, 64x7,594x4 or imix",
			*text);
	if (bytes < SIZES_LEAST || bytes > SIZES_MOST)
		return err_set(err, -EINVAL, "frame size %lu is not between %d and %d", bytes,
			SIZES_LEAST, SIZES_MOST);
	if (times < 1 || times > SIZES_WEIGHT_MAX)
		return err_set(err, -EINVAL, "weight %lu of frame size %lu is not between 1 and %d",
			times, bytes, SIZES_WEIGHT_MAX);
	*size = (uint16_t)bytes;
	*weight = (unsigned int)times;
	*text = *end ? end + 1 : end;
	return 0;
}

/* Each turn goes to the size that is furthest behind its share. */
static void
make_order(struct sizes *sizes, const unsigned int *weights, unsigned int sum)
{
	int behind[SIZES_MAX] = {0};

	for (unsigned int turn = 0; turn < sum; turn++) {
		unsigned int next = 0;

		for (unsigned int i = 0; i < sizes->n; i++) {
			behind[i] += (int)weights[i];
			if (behind[i] > behind[next])
				next = i;
		}
		behind[next] -= (int)sum;
		sizes->order[turn] = (uint8_t)next;
	}
	sizes->n_order = (uint16_t)sum;
}

int
sizes_parse(const char *text, struct sizes *out, struct err *err)
{
	unsigned int weights[SIZES_MAX] = {0}, sum = 0;
	struct sizes sizes = {0};
	const char *at = strcmp(text, "imix") == 0 ? IMIX : text;

	do {
		int rc;

		if (sizes.n == SIZES_MAX)
			return err_set(err, -EINVAL, "there are more than %d frame sizes in '%s'",
				SIZES_MAX, text);
		rc = read_size(&at, &sizes.bytes[sizes.n], &weights[sizes.n], err);
		if (rc < 0)
			return rc;
		sum += weights[sizes.n++];
	} while (*at);
	if (sum > SIZES_WEIGHT_MAX)
		return err_set(err, -EINVAL, "the weights of '%s' add up to more than %d", text,
			SIZES_WEIGHT_MAX);
	make_order(&sizes, weights, sum);
	*out = sizes;
	return 0;
}

uint16_t
sizes_least(const struct sizes *sizes)
{
	uint16_t least = sizes->bytes[0];

	for (uint16_t i = 1; i < sizes->n; i++)
		least = sizes->bytes[i] < least ? sizes->bytes[i] : least;
	return least;
}

uint16_t
sizes_most(const struct sizes *sizes)
{
	uint16_t most = 0;

	for (uint16_t i = 0; i < sizes->n; i++)
		most = sizes->bytes[i] > most ? sizes->bytes[i] : most;
	return most;
}

uint64_t
sizes_round_bits(const struct sizes *sizes)
{
	uint64_t bits = 0;

	for (uint16_t i = 0; i < sizes->n_order; i++)
		bits += UINT64_C(8) * (sizes->bytes[sizes->order[i]] + PACE_WIRE_EXTRA);
	return bits;
}
