/* SPDX-License-Identifier: BSD-3-Clause */
/* /metrics pages of any origin: samples are whole, bounded and of the page, and each line is at
 * most one of them. */
#include "fuzz.h"
#include "monitor/exposition.h"

#include <stdlib.h>
#include <string.h>

struct count {
	const char *text; /* The page. */
	size_t n_samples;
};

static bool
is_name(const char *name)
{
	return name[0] != '\0' && !(name[0] >= '0' && name[0] <= '9') &&
	       !strpbrk(name, " \t\r\n{}");
}

static void
check_sample(void *ctx, const struct exposition_sample *sample)
{
	struct count *count = ctx;

	count->n_samples++;
	fuzz_require(is_name(sample->name), "a sample has a name");
	fuzz_require(strstr(count->text, sample->name) != NULL, "the name is in the text");
	fuzz_require(sample->n_labels <= EXPOSITION_LABELS_MAX, "labels are bounded");
	for (size_t i = 0; i < sample->n_labels; i++) {
		fuzz_require(is_name(sample->labels[i].name), "a label has a name");
		fuzz_require(exposition_label(sample, sample->labels[i].name) != NULL,
			"a label is found by its name");
	}
	fuzz_require(exposition_label(sample, "") == NULL, "nothing is found without a name");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	char *text = fuzz_text(&input);
	struct count count = {.text = text};
	size_t n_lines = 1;
	int rc = exposition_read(text, check_sample, &count);

	for (const char *at = text; (at = strchr(at, '\n')); at++)
		n_lines++;
	fuzz_require(rc >= 0, "there is memory");
	fuzz_require((size_t)rc + count.n_samples <= n_lines, "a line is one sample or one error");
	free(text);
	return 0;
}
