/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines on the control socket: cut out of the stream in pieces whose size the first byte says,
 * parsed, and their params decoded as a state and as a lease. A state that is accepted must come
 * out of encoding and decoding as it was. */
#include "common/control.h"
#include "common/rpc_wire.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void
check_state(json_t *params)
{
	struct control_state *state = NULL, *again = NULL;
	struct err err = {""};
	json_t *first, *second;

	if (control_state_decode(params, &state, &err) < 0) {
		fuzz_require(state == NULL, "a refused state leaves nothing");
		fuzz_require(err.text[0] != '\0', "a refused state is explained");
		return;
	}
	for (size_t i = 0; i < state->n_services; i++)
		fuzz_require(state->services[i].pool < state->n_pools, "a service's pool is there");
	first = control_state_encode(state);
	fuzz_require(first != NULL, "a state can be encoded");
	fuzz_require(
		control_state_decode(first, &again, &err) == 0, "what was encoded can be decoded");
	second = control_state_encode(again);
	fuzz_require(json_equal(first, second), "a state survives encoding and decoding");
	json_decref(first);
	json_decref(second);
	control_state_free(state);
	control_state_free(again);
}

static void
check_lease(json_t *params)
{
	struct control_lease lease = {.n_held = 0};
	struct err err = {""};
	json_t *json;

	if (control_lease_decode(params, &lease, &err) < 0) {
		fuzz_require(err.text[0] != '\0', "a refused lease is explained");
		return;
	}
	json = control_lease_encode(&lease);
	control_lease_fini(&lease);
	fuzz_require(control_lease_decode(json, &lease, &err) == 0,
		"a lease survives encoding and decoding");
	control_lease_fini(&lease);
	json_decref(json);
}

static void
check_line(const char *line, size_t size)
{
	struct err err = {""};
	json_t *message = rpc_wire_parse(line, size, &err);
	json_t *params;
	char *text;

	if (!message) {
		fuzz_require(err.text[0] != '\0', "a refused line is explained");
		return;
	}
	fuzz_require(json_is_object(message), "an accepted line is an object");
	text = rpc_wire_encode(message, &size);
	fuzz_require(text && size > 0 && memchr(text, '\n', size) == text + size - 1,
		"an encoded message is one line");
	free(text);
	params = json_object_get(message, "params");
	if (json_is_object(params)) {
		check_state(params);
		check_lease(params);
	}
	json_decref(message);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct rpc_wire wire = {NULL, 0, 0, 0, 0};
	size_t piece = fuzz_byte(&input);
	int rc = 0;

	if (piece == 0)
		piece = SIZE_MAX;
	while (input.size > 0 && rc >= 0) {
		const char *line;
		char *space;
		size_t line_size;
		size_t room = rpc_wire_reserve(&wire, &space);
		const uint8_t *bytes = fuzz_bytes(&input, piece < room ? piece : room, &room);

		memcpy(space, bytes, room);
		rpc_wire_received(&wire, room);
		while ((rc = rpc_wire_next(&wire, &line, &line_size)) > 0) {
			fuzz_require(memchr(line, '\n', line_size) == NULL,
				"a line has no newline in it");
			check_line(line, line_size);
		}
	}
	rpc_wire_fini(&wire);
	return 0;
}
