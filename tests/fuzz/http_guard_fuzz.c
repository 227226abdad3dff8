/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP requests from clients, as the guard in front of the HTTP server sees them. The first byte
 * says into which pieces the rest is cut: the guard must judge it as if it came whole. */
#include "common/http/guard.h"
#include "fuzz.h"

#include <string.h>

#define HEADER_MAX 512 /* Small, so that the limit is met as well. */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	size_t step = (size_t)fuzz_byte(&input) + 1;
	const char *text = (const char *)input.data;
	struct guard whole, cut;

	guard_init(&whole, HEADER_MAX);
	guard_init(&cut, HEADER_MAX);
	guard_feed(&whole, text, input.size);
	for (size_t at = 0; at < input.size; at += step)
		guard_feed(&cut, text + at, input.size - at < step ? input.size - at : step);
	fuzz_require(whole.state == cut.state && whole.n_requests == cut.n_requests,
		"pieces do not change the verdict");
	if (whole.state != GUARD_BAD)
		return 0;
	fuzz_require(whole.status == 400 || whole.status == 431, "the answer to it is known");
	fuzz_require(whole.reason && cut.reason, "a refusal is explained");
	/* Too long as well as malformed: which is told depends on which is seen first. */
	if (whole.status != 431 && cut.status != 431)
		fuzz_require(
			strcmp(whole.reason, cut.reason) == 0, "pieces do not change the reason");
	guard_feed(&whole, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
	fuzz_require(whole.state == GUARD_BAD && whole.n_requests == cut.n_requests,
		"nothing is accepted behind what was refused");
	return 0;
}
