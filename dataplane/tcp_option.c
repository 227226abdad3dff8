/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of TCP headers; see tcp_option.h. */
#include "dataplane/tcp_option.h"

uint8_t *
tcp_option_find(uint8_t *options, size_t size, uint8_t kind)
{
	size_t at = 0;

	while (at < size && options[at] != TCP_OPTION_END) {
		if (options[at] == TCP_OPTION_NOP) {
			at++;
			continue;
		}
		if (at + 1 >= size || options[at + 1] < 2 || options[at + 1] > size - at)
			return NULL;
		if (options[at] == kind)
			return options + at;
		at += options[at + 1];
	}
	return NULL;
}
