/* SPDX-License-Identifier: BSD-3-Clause */
/* The option TOA; see toa.h. */
#include "dataplane/toa.h"

#include "dataplane/tcp_option.h"

void
toa_write(uint8_t *out, uint8_t family, const uint8_t *client, be16 port)
{
	out[0] = TCP_OPTION_TOA;
	out[1] = (uint8_t)toa_size(family);
	memcpy(out + 2, &port, sizeof(port));
	memcpy(out + 4, client, family == ADDR_V4 ? 4 : 16);
}

bool
toa_strip(uint8_t *options, size_t size)
{
	uint8_t *end = options + size;
	bool found = false;
	uint8_t *option;

	while ((option = tcp_option_find(options, (size_t)(end - options), TCP_OPTION_TOA))) {
		uint8_t n = option[1];

		options = option + n;
		if (n != TOA_SIZE_V4 && n != TOA_SIZE_V6)
			continue;
		memset(option, TCP_OPTION_NOP, n);
		found = true;
	}
	return found;
}
