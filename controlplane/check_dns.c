/* SPDX-License-Identifier: BSD-3-Clause */
/* DNS check: one question by UDP is answered with the expected rcode and data; see check.h.
 * Messages are read by the C library's resolver. */
#include "controlplane/check_socket.h"
#include "controlplane/datagram.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define MX_PREFERENCE_SIZE 2

/* True if the data of 'record', an address, is the one that 'text' says. */
static bool
is_address(const ns_rr *record, const char *text)
{
	struct addr wanted;

	if (addr_parse(text, &wanted, NULL) < 0 || ns_rr_rdlen(*record) != addr_size(&wanted))
		return false;
	return memcmp(ns_rr_rdata(*record), wanted.bytes, addr_size(&wanted)) == 0;
}

/* The same for a name that stands 'offset' bytes behind the beginning of the data. Case does not
 * matter (RFC 4343), nor does a dot at the end. */
static bool
is_name(ns_msg *message, const ns_rr *record, size_t offset, const char *text)
{
	size_t size = strlen(text);
	char name[NS_MAXDNAME];

	if (size > 1 && text[size - 1] == '.')
		size--;
	if (ns_rr_rdlen(*record) <= offset ||
		ns_name_uncompress(ns_msg_base(*message), ns_msg_end(*message),
			ns_rr_rdata(*record) + offset, name, sizeof(name)) < 0)
		return false;
	return strlen(name) == size && strncasecmp(name, text, size) == 0;
}

/* The same for a text, which comes in pieces with a length each (RFC 1035 3.3.14). */
static bool
is_text(const ns_rr *record, const char *text)
{
	const uint8_t *data = ns_rr_rdata(*record), *end = data + ns_rr_rdlen(*record);
	size_t left = strlen(text);

	while (data < end) {
		size_t size = *data++;

		if (size > (size_t)(end - data) || size > left || memcmp(data, text, size) != 0)
			return false;
		data += size;
		text += size;
		left -= size;
	}
	return left == 0;
}

static bool
is_wanted(ns_msg *message, const ns_rr *record, const struct check_dns *dns)
{
	if (ns_rr_type(*record) != dns->type)
		return false;
	switch (dns->type) {
	case ns_t_a:
	case ns_t_aaaa:
		return is_address(record, dns->answer);
	case ns_t_mx:
		return is_name(message, record, MX_PREFERENCE_SIZE, dns->answer);
	case ns_t_txt:
		return is_text(record, dns->answer);
	default:
		return is_name(message, record, 0, dns->answer);
	}
}

static bool
has_answer(ns_msg *message, const struct check_dns *dns)
{
	for (int i = 0; i < ns_msg_count(*message, ns_s_an); i++) {
		ns_rr record;

		if (ns_parserr(message, ns_s_an, i, &record) < 0)
			return false;
		if (is_wanted(message, &record, dns))
			return true;
	}
	return false;
}

static const char *
rcode_name(unsigned int rcode)
{
	static const char *const names[] = {
		"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};

	return rcode < sizeof(names) / sizeof(names[0]) ? names[rcode] : "another rcode";
}

static enum datagram_verdict
judge(const struct check *check, const struct datagram_question *question, const uint8_t *bytes,
	size_t size, char *why, size_t why_size)
{
	const struct check_dns *dns = &check->dns;
	unsigned int rcode;
	ns_msg message;

	if (ns_initparse(bytes, (int)size, &message) < 0 || ns_msg_id(message) != question->id ||
		!ns_msg_getflag(message, ns_f_qr))
		return DATAGRAM_IGNORE;
	rcode = (unsigned int)ns_msg_getflag(message, ns_f_rcode);
	if (rcode != dns->rcode) {
		snprintf(why, why_size, "%s, expected %s", rcode_name(rcode),
			rcode_name(dns->rcode));
		return DATAGRAM_BAD;
	}
	if (dns->answer && !has_answer(&message, dns)) {
		snprintf(why, why_size, "%s, but '%s' is not among the %d records of the answer",
			rcode_name(rcode), dns->answer, ns_msg_count(message, ns_s_an));
		return DATAGRAM_BAD;
	}
	snprintf(why, why_size, "%s", rcode_name(rcode));
	return DATAGRAM_GOOD;
}

/* A header with recursion wanted, and one question (RFC 1035 4.1). */
static bool
write_question(const struct check_dns *dns, struct datagram_question *question)
{
	HEADER header = {.rd = 1, .qdcount = htons(1)};
	uint8_t *at = question->bytes + sizeof(header);
	int name;

	question->id = (uint16_t)arc4random();
	header.id = htons(question->id);
	memcpy(question->bytes, &header, sizeof(header));
	name = ns_name_compress(dns->name, at, NS_MAXCDNAME, NULL, NULL);
	if (name < 0)
		return false;
	at += name;
	NS_PUT16(dns->type, at);
	NS_PUT16(ns_c_in, at);
	question->size = (size_t)(at - question->bytes);
	return true;
}

static void *
start(void *engine, const struct check_target *target, check_done_fn done, void *ctx,
	struct err *err)
{
	struct datagram_question question = {.size = 0};
	int fd;

	(void)engine;
	if (!write_question(&target->check->dns, &question)) {
		err_set(err, -EINVAL, "'%s' cannot be asked for", target->check->dns.name);
		return NULL;
	}
	fd = check_socket_connect(target, SOCK_DGRAM, 0);
	if (fd < 0) {
		err_set(err, fd, "%s", strerror(-fd));
		return NULL;
	}
	return datagram_start(target, fd, &question, judge, done, ctx, err);
}

const struct check_kind check_dns = {
	.start = start,
	.cancel = datagram_cancel,
};
