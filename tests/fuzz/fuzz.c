/* SPDX-License-Identifier: BSD-3-Clause */
/* Helpers of the fuzz targets; see fuzz.h. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
fuzz_require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

const uint8_t *
fuzz_bytes(struct fuzz_input *input, size_t size, size_t *taken)
{
	const uint8_t *bytes = input->data;

	*taken = size < input->size ? size : input->size;
	input->data += *taken;
	input->size -= *taken;
	return bytes;
}

uint8_t
fuzz_byte(struct fuzz_input *input)
{
	size_t taken;
	const uint8_t *byte = fuzz_bytes(input, 1, &taken);

	return taken ? *byte : 0;
}

uint16_t
fuzz_u16(struct fuzz_input *input)
{
	uint16_t high = fuzz_byte(input);

	return (uint16_t)(high << 8 | fuzz_byte(input));
}

char *
fuzz_text(struct fuzz_input *input)
{
	size_t size = strnlen((const char *)input->data, input->size);
	size_t taken;
	char *text = strndup((const char *)input->data, size);

	fuzz_require(text != NULL, "memory for the test");
	fuzz_bytes(input, size + 1, &taken);
	return text;
}
