/* SPDX-License-Identifier: BSD-3-Clause */
/* Internet checksum; see checksum.h. */
#include "common/checksum.h"

static uint32_t
fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)sum;
}

uint32_t
checksum_add(uint32_t sum, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint64_t wide = sum;
	uint32_t words;
	uint16_t word;

	/* Two words at once: 2^16 is 1 in such sums. No packet is so large that 'wide' overflows.
	 */
	for (; size >= 4; bytes += 4, size -= 4) {
		memcpy(&words, bytes, 4);
		wide += words;
	}
	for (; size >= 2; bytes += 2, size -= 2) {
		memcpy(&word, bytes, 2);
		wide += word;
	}
	if (size) {
		word = 0;
		memcpy(&word, bytes, 1);
		wide += word;
	}
	return fold(wide);
}

uint32_t
checksum_add_pseudo(uint32_t sum, const struct addr *source, const struct addr *destination,
	uint8_t protocol, size_t size)
{
	be32 words[2] = {be32_from((uint32_t)size), be32_from(protocol)};

	sum = checksum_add(sum, source->bytes, addr_size(source));
	sum = checksum_add(sum, destination->bytes, addr_size(destination));
	return checksum_add(sum, words, sizeof(words));
}

be16
checksum_finish(uint32_t sum)
{
	return (BE_FORCE be16)(uint16_t)~fold(sum);
}
