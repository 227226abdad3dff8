/* SPDX-License-Identifier: BSD-3-Clause */
/* DNS questions; see resolve.h. */
#include "monitor/resolve.h"

#include <errno.h>
#include <netdb.h>

#include <arpa/nameser.h>
#include <resolv.h>

#define ANSWER_SIZE 4096

/* Takes the addresses of one answer; returns how many there are now. */
static size_t
take_answer(const unsigned char *answer, int size, struct addr *addrs, size_t n, size_t max)
{
	ns_msg message;
	ns_rr record;

	if (ns_initparse(answer, size, &message) < 0)
		return n;
	for (int i = 0; i < ns_msg_count(message, ns_s_an) && n < max; i++) {
		if (ns_parserr(&message, ns_s_an, i, &record) < 0)
			break;
		if (ns_rr_type(record) == ns_t_a && ns_rr_rdlen(record) == 4) {
			be32 v4;

			memcpy(&v4, ns_rr_rdata(record), sizeof(v4));
			addrs[n++] = addr_from_v4(v4);
		} else if (ns_rr_type(record) == ns_t_aaaa && ns_rr_rdlen(record) == 16) {
			addrs[n++] = addr_from_v6(ns_rr_rdata(record));
		}
	}
	return n;
}

static const char *
error_text(int h_error)
{
	switch (h_error) {
	case HOST_NOT_FOUND:
		return "DNS says that the name does not exist";
	case NO_DATA:
		return "DNS knows the name but no address of it";
	case TRY_AGAIN:
		return "DNS does not answer";
	default:
		return "DNS gives an error";
	}
}

int
resolve_name(const char *name, const struct endpoint *server, uint32_t timeout_ms,
	struct addr *addrs, size_t max, struct err *err)
{
	static const int types[] = {ns_t_a, ns_t_aaaa};
	struct __res_state state = {.options = 0};
	unsigned char answer[ANSWER_SIZE];
	const char *why = error_text(NO_DATA);
	size_t n = 0;

	if (res_ninit(&state) < 0)
		return err_set(err, -EIO, "the resolver cannot be started");
	state.retry = 1;
	state.retrans = timeout_ms >= 1000 ? (int)(timeout_ms / 1000) : 1;
	if (server->addr.family == ADDR_V4) {
		struct sockaddr_storage ss;

		endpoint_to_sockaddr(server, &ss);
		memcpy(&state.nsaddr_list[0], &ss, sizeof(state.nsaddr_list[0]));
		state.nscount = 1;
	}
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		int size = res_nquery(&state, name, ns_c_in, types[i], answer, sizeof(answer));

		if (size >= 0)
			n = take_answer(answer, size, addrs, n, max);
		else if (state.res_h_errno != NO_DATA)
			why = error_text(state.res_h_errno);
	}
	res_nclose(&state);
	if (n == 0)
		return err_set(err, -ENOENT, "%s (%s)", why, name);
	return (int)n;
}
