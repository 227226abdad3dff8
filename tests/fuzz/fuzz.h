/* SPDX-License-Identifier: BSD-3-Clause */
/* What all fuzz targets share. A target is one file with LLVMFuzzerTestOneInput(): it feeds the
 * input to a part of weir that reads bytes of others, and requires what must hold whatever they
 * are. Built with libFuzzer (-Dfuzz=true) it is a fuzzer, otherwise replay.c runs its corpus. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The name is libFuzzer's. Returns 0, or aborts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts with 'what' if the condition does not hold. */
void fuzz_require(bool condition, const char *what);

/* An input that is being taken apart from the front; at its end everything is zero. */
struct fuzz_input {
	const uint8_t *data;
	size_t size;
};

uint8_t fuzz_byte(struct fuzz_input *input);
uint16_t fuzz_u16(struct fuzz_input *input);

/* Takes 'size' bytes, or as many as there are; '*taken' tells. */
const uint8_t *fuzz_bytes(struct fuzz_input *input, size_t size, size_t *taken);

/* Takes bytes up to a zero byte or the end as a new text (free() it); never NULL. */
char *fuzz_text(struct fuzz_input *input);

#endif /* TESTS_FUZZ_FUZZ_H */
