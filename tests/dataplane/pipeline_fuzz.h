/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz entry of the packet path; see pipeline_fuzz.c. */
#ifndef TESTS_DATAPLANE_PIPELINE_FUZZ_H
#define TESTS_DATAPLANE_PIPELINE_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The name is libFuzzer's. Aborts on a violation, otherwise returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* TESTS_DATAPLANE_PIPELINE_FUZZ_H */
