/* SPDX-License-Identifier: BSD-3-Clause */
/* Header values that the web tier reads: Range, dates and conditions. The input: size of the
 * representation, then texts that end with a zero byte. */
#include "fuzz.h"
#include "webtier/coding.h"
#include "webtier/conditional.h"
#include "webtier/proxy_headers.h"
#include "webtier/range.h"

#include <stdlib.h>
#include <string.h>

#define N_TEXTS 3

static void
check_range(const char *text, uint64_t total)
{
	struct ranges ranges = {0};
	enum range_verdict verdict = range_parse(text, total, &ranges);

	fuzz_require((verdict == RANGE_PARTS) == (ranges.n > 0), "only parts are told");
	for (size_t i = 0; i < ranges.n; i++)
		fuzz_require(ranges.parts[i].size >= 1 && ranges.parts[i].offset < total &&
				     ranges.parts[i].size <= total - ranges.parts[i].offset,
			"a part lies within the whole");
}

static void
check_coding(const char *text)
{
	unsigned int had = CODING_BIT(CODING_GZIP);
	enum coding coding = coding_choose(text, had);

	fuzz_require(coding == CODING_IDENTITY || (had & CODING_BIT(coding)),
		"no coding is chosen that there is not");
}

static void
check_date(const char *text)
{
	char formatted[HTTP_DATE_SIZE];
	time_t time, again;

	if (!http_date_parse(text, &time))
		return;
	http_date_format(time, formatted);
	fuzz_require(http_date_parse(formatted, &again) && again == time,
		"a date survives being written in the usual form");
}

static void
check_conditions(char *const texts[N_TEXTS])
{
	static const struct validators validators = {"\"tag\"", 784111777};
	const struct conditions conditions = {.if_match = texts[0],
		.if_none_match = texts[1],
		.if_modified_since = texts[2],
		.if_range = texts[0]};
	const struct conditions none = {.if_match = NULL};

	fuzz_require(conditional_evaluate(&none, &validators) == CONDITIONAL_GO_ON,
		"without conditions all goes on");
	fuzz_require(
		(unsigned int)conditional_evaluate(&conditions, &validators) <= CONDITIONAL_FAILED,
		"the verdict is one of those that there are");
	if (conditional_range_applies(&conditions, &validators))
		fuzz_require(texts[0][0] != '\0', "an empty If-Range fits nothing");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	uint64_t total = (uint64_t)fuzz_u16(&input) << (fuzz_byte(&input) & 47);
	char *texts[N_TEXTS];

	for (int i = 0; i < N_TEXTS; i++)
		texts[i] = fuzz_text(&input);
	for (int i = 0; i < N_TEXTS; i++) {
		check_range(texts[i], total);
		check_date(texts[i]);
		check_coding(texts[i]);
		fuzz_require(proxy_target_path(texts[i]) != NULL, "a target has a path");
	}
	check_conditions(texts);
	(void)header_list_has(texts[0], texts[1]);
	(void)request_field_passes(texts[0], texts[1]);
	(void)response_field_passes(texts[0], texts[1]);
	for (int i = 0; i < N_TEXTS; i++)
		free(texts[i]);
	return 0;
}
