/* SPDX-License-Identifier: BSD-3-Clause */
/* Sequence numbers in SACK options; see sequence.h. */
#include "dataplane/sequence.h"

#include "common/be.h"
#include "dataplane/tcp_option.h"

#define EDGE_SIZE 4
#define BLOCK_SIZE (2 * EDGE_SIZE)
#define OPTION_HEADER_SIZE 2

static uint32_t
read_edge(const uint8_t *at)
{
	be32 edge;

	memcpy(&edge, at, sizeof(edge));
	return be32_to(edge);
}

static void
write_edge(uint8_t *at, uint32_t value)
{
	be32 edge = be32_from(value);

	memcpy(at, &edge, sizeof(edge));
}

bool
sequence_sacks_back(
	const struct sequence *sequence, uint8_t *options, size_t size, uint32_t header_size)
{
	uint8_t *option = tcp_option_find(options, size, TCP_OPTION_SACK);
	uint8_t *to;
	size_t n;

	if (!option)
		return false;
	to = option + OPTION_HEADER_SIZE;
	n = (size_t)(option[1] - OPTION_HEADER_SIZE) / BLOCK_SIZE;
	for (const uint8_t *from = to; n > 0; n--, from += BLOCK_SIZE) {
		uint32_t left = sequence_back(sequence, read_edge(from), header_size);
		uint32_t right = sequence_back(sequence, read_edge(from + EDGE_SIZE), header_size);

		if (left == right)
			continue;
		write_edge(to, left);
		write_edge(to + EDGE_SIZE, right);
		to += BLOCK_SIZE;
	}
	n = option[1];
	option[1] = (uint8_t)(to - option);
	if (option[1] == OPTION_HEADER_SIZE) /* No block is left: no option. */
		to = option;
	memset(to, TCP_OPTION_NOP, n - (size_t)(to - option));
	return true;
}

bool
sequence_sacks_shift(uint8_t *options, size_t size, uint32_t shift)
{
	uint8_t *option = tcp_option_find(options, size, TCP_OPTION_SACK);
	size_t n;

	if (!option)
		return false;
	n = (size_t)(option[1] - OPTION_HEADER_SIZE) / EDGE_SIZE;
	for (uint8_t *at = option + OPTION_HEADER_SIZE; n > 0; n--, at += EDGE_SIZE)
		write_edge(at, read_edge(at) + shift);
	return true;
}
