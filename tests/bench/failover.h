/* SPDX-License-Identifier: BSD-3-Clause */
/* What client and server of the failover benchmark say to each other over TCP.
 *
 * The first byte that a client sends is what it wants. To a request the server answers
 * FAILOVER_ANSWER bytes and closes. An idle connection echoes each byte, the first included. A
 * stream gets FAILOVER_CHUNK bytes every FAILOVER_CHUNK_MS without an end; byte n of it is
 * failover_byte(n). */
#ifndef TESTS_BENCH_FAILOVER_H
#define TESTS_BENCH_FAILOVER_H

#include <stdint.h>

#define FAILOVER_REQUEST 'R'
#define FAILOVER_IDLE 'I'
#define FAILOVER_STREAM 'S'

#define FAILOVER_ANSWER 64
#define FAILOVER_CHUNK 1200
#define FAILOVER_CHUNK_MS 100

#define FAILOVER_FILES_MAX 65536 /* Open sockets of either. */

/* 251 divides no segment's size, so a segment that is missing or doubled shows. */
static inline uint8_t
failover_byte(uint64_t n)
{
	return (uint8_t)(n % 251);
}

#endif /* TESTS_BENCH_FAILOVER_H */
