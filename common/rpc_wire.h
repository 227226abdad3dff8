/* SPDX-License-Identifier: BSD-3-Clause */
/* What both ends of rpc.h share: lines cut out of a byte stream, and JSON written as a line.
 *
 * Internal to common/rpc_*.c. A line of at most RPC_LINE_MAX bytes is kept until it is whole. */
#ifndef COMMON_RPC_WIRE_H
#define COMMON_RPC_WIRE_H

#include "common/rpc.h"

#include <stddef.h>

struct rpc_wire {
	char *data;
	size_t capacity;
	size_t start;   /* First byte not yet handed out. */
	size_t scanned; /* No newline before this. */
	size_t end;     /* Behind the last byte received. */
};

/* A zeroed wire is empty. */
void rpc_wire_fini(struct rpc_wire *wire);

/* Room for more bytes: sets '*space' and returns how many fit there; 0 when memory is short. */
size_t rpc_wire_reserve(struct rpc_wire *wire, char **space);

/* 'size' bytes were written to the reserved space. */
void rpc_wire_received(struct rpc_wire *wire, size_t size);

/* Returns 1 and the next whole line without its newline (valid until the next reserve), 0 if there
 * is none yet, or -EMSGSIZE if it has more than RPC_LINE_MAX bytes. */
int rpc_wire_next(struct rpc_wire *wire, const char **line, size_t *size);

/* Parses a line. Returns a new object, or NULL with 'err' saying what is wrong with it. */
json_t *rpc_wire_parse(const char *line, size_t size, struct err *err);

/* Returns 'message' as a line with its newline (free() it), or NULL when memory is short. */
char *rpc_wire_encode(json_t *message, size_t *size);

/* Writes 'message' (taken over) to the stream. Returns 0 or a negative errno; -EMSGSIZE when it is
 * longer than a line may be. */
int rpc_wire_send(uv_stream_t *stream, json_t *message);

/* Checks that 'path' fits into a socket address. Returns 0, or -ENAMETOOLONG with 'err' set. */
int rpc_wire_check_path(const char *path, struct err *err);

#endif /* COMMON_RPC_WIRE_H */
