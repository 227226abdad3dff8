/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks a DNS server for the addresses of a name (A and AAAA), with the resolver of the C library.
 * Blocks for up to the timeout: call it in a thread of its own. */
#ifndef MONITOR_RESOLVE_H
#define MONITOR_RESOLVE_H

#include "common/addr.h"

/* Asks 'server' (ADDR_NONE: those of /etc/resolv.conf; else IPv4) and puts up to 'max' addresses
 * into 'addrs'. Returns how many, or a negative errno with 'err' saying why there are none. */
int resolve_name(const char *name, const struct endpoint *server, uint32_t timeout_ms,
	struct addr *addrs, size_t max, struct err *err);

#endif /* MONITOR_RESOLVE_H */
