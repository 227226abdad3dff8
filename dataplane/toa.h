/* SPDX-License-Identifier: BSD-3-Clause */
/* The TCP option that tells a backend's kernel the client's address ("TOA"), as the field's kernel
 * modules read it: kind 254, size, the client's port, its address. */
#ifndef DATAPLANE_TOA_H
#define DATAPLANE_TOA_H

#include "common/addr.h"
#include "common/be.h"

#include <stdbool.h>
#include <stddef.h>

#define TOA_SIZE_V4 8
#define TOA_SIZE_V6 20
#define TOA_SIZE_MAX TOA_SIZE_V6

static inline uint32_t
toa_size(uint8_t family)
{
	return family == ADDR_V4 ? TOA_SIZE_V4 : TOA_SIZE_V6;
}

/* Writes the option, toa_size(family) bytes. 'client' is an address as in struct addr. */
void toa_write(uint8_t *out, uint8_t family, const uint8_t *client, be16 port);

/* Makes NOPs of all options among 'size' bytes that such a module would take for the address.
 * Returns whether there were any. */
bool toa_strip(uint8_t *options, size_t size);

#endif /* DATAPLANE_TOA_H */
