/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys of the checks by UDP, DNS, MariaDB and script; see config_probes.h. */
#include "common/config_probes.h"

#include "common/hex.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DNS_NAME_MAX 253
#define DNS_LABEL_MAX 63
#define LAG_S_MAX 86400

/* --- udp --- */

/* Two digits a byte, spaces anywhere between bytes. */
static bool
parse_hex(const char *text, uint8_t *out, size_t *size)
{
	for (*size = 0;; text += 2) {
		text += strspn(text, " ");
		if (*text == '\0')
			return *size > 0;
		if (*size == MODEL_CHECK_BYTES_MAX || hex_value(text[0]) < 0 ||
			hex_value(text[1]) < 0)
			return false;
		out[(*size)++] = (uint8_t)(hex_value(text[0]) << 4 | hex_value(text[1]));
	}
}

/* The value of 'key' as text, or of 'key'_hex as digits. */
static struct check_bytes
read_bytes(struct config_reader *reader, const char *path, const char *key, const char *text,
	const char *hex)
{
	struct config_path hex_key = config_path("%s_hex", key);
	struct check_bytes bytes = {NULL, 0};
	uint8_t *data = config_array(reader, MODEL_CHECK_BYTES_MAX, 1);

	if (text && hex)
		config_fail(reader, path, hex_key.text, "give one of '%s' and '%s_hex'", key, key);
	if (!data || (!text && !hex))
		return bytes;
	bytes.data = data;
	if (hex) {
		if (!parse_hex(hex, data, &bytes.size))
			config_fail(reader, path, hex_key.text,
				"'%s' is not 1 to %d bytes of two hexadecimal digits each", hex,
				MODEL_CHECK_BYTES_MAX);
		return bytes;
	}
	bytes.size = strlen(text);
	if (bytes.size == 0 || bytes.size > MODEL_CHECK_BYTES_MAX) {
		config_fail(reader, path, key, "%zu bytes: give 1 to %d", bytes.size,
			MODEL_CHECK_BYTES_MAX);
		bytes.size = 0;
	}
	memcpy(data, text, bytes.size);
	return bytes;
}

void
config_build_udp(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check *check)
{
	check->udp.send = read_bytes(reader, path, "send", raw->send, raw->send_hex);
	check->udp.expect = read_bytes(reader, path, "expect", raw->expect, raw->expect_hex);
	if (!raw->send && !raw->send_hex)
		config_fail(reader, path, NULL,
			"the key 'send' or 'send_hex' is missing: a server of UDP answers only "
			"what it is asked");
}

/* --- dns --- */

static bool
is_dns_name(const char *name)
{
	size_t label = 0;

	if (strcmp(name, ".") == 0)
		return true;
	if (strlen(name) > DNS_NAME_MAX)
		return false;
	for (const char *c = name; *c; c++) {
		if (*c == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (isgraph((unsigned char)*c) && *c != '\\' && label < DNS_LABEL_MAX) {
			label++;
		} else {
			return false;
		}
	}
	return *name != '\0';
}

static bool
is_address(const char *text, enum addr_family family)
{
	struct addr addr;
	struct err err;

	return addr_parse(text, &addr, &err) == 0 && addr.family == family;
}

enum answer_kind {
	ANSWER_V4,
	ANSWER_V6,
	ANSWER_NAME,
	ANSWER_TEXT,
	ANSWER_NONE /* Of no form that could be compared. */
};

static void
check_answer(
	struct config_reader *reader, const char *path, enum answer_kind kind, const char *answer)
{
	static const char *const forms[] = {
		[ANSWER_V4] = "an IPv4 address",
		[ANSWER_V6] = "an IPv6 address",
		[ANSWER_NAME] = "a name",
	};
	bool good = true;

	switch (kind) {
	case ANSWER_V4:
		good = is_address(answer, ADDR_V4);
		break;
	case ANSWER_V6:
		good = is_address(answer, ADDR_V6);
		break;
	case ANSWER_NAME:
		good = is_dns_name(answer);
		break;
	case ANSWER_TEXT:
		break;
	case ANSWER_NONE:
		config_fail(reader, path, "expect_answer",
			"answers of this type cannot be compared: leave it out");
		return;
	}
	if (!good)
		config_fail(reader, path, "expect_answer",
			"'%s' is not %s, which this query_type asks for", answer, forms[kind]);
}

void
config_build_dns(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check *check)
{
	/* Numbers of RFC 1035 3.2.2 and RFC 3596 2.1. */
	static const char *const types[] = {
		"A", "AAAA", "NS", "CNAME", "PTR", "MX", "TXT", "SOA", NULL};
	static const struct {
		uint16_t number;
		enum answer_kind answer;
	} meaning[] = {{1, ANSWER_V4}, {28, ANSWER_V6}, {2, ANSWER_NAME}, {5, ANSWER_NAME},
		{12, ANSWER_NAME}, {15, ANSWER_NAME}, {16, ANSWER_TEXT}, {6, ANSWER_NONE}};
	/* In the order of their numbers: RFC 1035 4.1.1. */
	static const char *const rcodes[] = {
		"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", NULL};
	struct check_dns *dns = &check->dns;
	int type = config_word(reader, path, "query_type", raw->query_type, types, 0);

	dns->name = config_required(reader, path, "query", raw->query);
	if (raw->query && !is_dns_name(dns->name))
		config_fail(reader, path, "query", "'%s' is not a name that DNS could be asked for",
			dns->name);
	dns->type = meaning[type].number;
	dns->rcode =
		(uint8_t)config_word(reader, path, "expect_rcode", raw->expect_rcode, rcodes, 0);
	dns->answer = config_text(reader, path, "expect_answer", raw->expect_answer, NULL);
	if (!dns->answer)
		return;
	if (dns->rcode != 0)
		config_fail(reader, path, "expect_answer",
			"there is no answer with the rcode %s: leave one of them out",
			rcodes[dns->rcode]);
	check_answer(reader, path, meaning[type].answer, dns->answer);
}

/* --- mariadb --- */

void
config_build_mariadb(struct config_reader *reader, const char *path, const struct raw_check *raw,
	struct check *check)
{
	struct check_mariadb *mariadb = &check->mariadb;

	mariadb->user = config_required(reader, path, "user", raw->user);
	mariadb->password_file = config_file(reader, path, "password_file", raw->password_file);
	if (raw->read_only)
		mariadb->read_only = config_bool(reader, path, "read_only", raw->read_only, false)
					     ? CHECK_READ_ONLY_YES
					     : CHECK_READ_ONLY_NO;
	mariadb->replica = config_bool(reader, path, "replica", raw->replica, false);
	mariadb->max_lag_s = (uint32_t)config_number(
		reader, path, "max_lag_s", raw->max_lag_s, (struct config_range){0, LAG_S_MAX, 10});
	if (raw->max_lag_s && !mariadb->replica)
		config_fail(reader, path, "max_lag_s", "goes with 'replica: yes' alone");
}

/* --- script --- */

const char *const *
config_command(
	struct config_reader *reader, const char *path, const char *key, char **raw, unsigned int n)
{
	const char **words = config_array(reader, (size_t)n + 1, sizeof(*words));

	if (n > MODEL_COMMAND_MAX)
		config_fail(reader, path, key, "%u words: at most %d", n, MODEL_COMMAND_MAX);
	else if (n > 0 && !strchr(raw[0], '/'))
		config_fail(reader, path, key,
			"'%s' is no path: give that of a program, for instance /usr/bin/%s", raw[0],
			raw[0]);
	for (unsigned int i = 0; words && reader->code == 0 && i < n; i++)
		words[i] = i == 0 ? config_file(reader, path, key, raw[0])
				  : config_text(reader, path, key, raw[i], "");
	return words;
}

void
config_build_script_check(struct config_reader *reader, const char *path,
	const struct raw_check *raw, struct check *check)
{
	if (raw->command_count == 0)
		config_fail(reader, path, NULL, "the list 'command' is missing or empty");
	check->command = config_command(reader, path, "command", raw->command, raw->command_count);
}
