/* SPDX-License-Identifier: BSD-3-Clause */
/* UTF-8 that people wrote; see link_text.h. */
#include "apptier/shortener/link_text.h"

#include <errno.h>

size_t
link_text_length(const unsigned char *at, size_t left)
{
	size_t length = at[0] < 0x80   ? 1
			: at[0] < 0xc2 ? 0
			: at[0] < 0xe0 ? 2
			: at[0] < 0xf0 ? 3
			: at[0] < 0xf5 ? 4
				       : 0;

	if (length > left)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
		(at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}

bool
link_text_misleads(const unsigned char *at, size_t length)
{
	if (length == 1)
		return at[0] < 0x20 || at[0] == 0x7f;
	if (length == 2)
		return at[0] == 0xc2 && at[1] < 0xa0; /* C1 controls. */
	if (length != 3 || at[0] != 0xe2)
		return false;
	/* U+2028 and U+2029 end lines; U+202A to U+202E and U+2066 to U+2069 turn the direction. */
	return (at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) ||
	       (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
}

int
link_title_check(const char *title, size_t size, struct err *err)
{
	const unsigned char *bytes = (const unsigned char *)title;
	size_t n_characters = 0;

	for (size_t i = 0; i < size; n_characters++) {
		size_t length = link_text_length(bytes + i, size - i);

		if (length == 0)
			return err_set(err, -EINVAL, "title is not valid UTF-8 at byte %zu", i + 1);
		if (link_text_misleads(bytes + i, length))
			return err_set(err, -EINVAL,
				"title has a control character, or one that turns the direction of "
				"text, at byte %zu; none are allowed",
				i + 1);
		i += length;
	}
	if (n_characters > LINK_TITLE_MAX)
		return err_set(err, -EINVAL, "title has %zu characters; at most %d are allowed",
			n_characters, LINK_TITLE_MAX);
	return 0;
}
