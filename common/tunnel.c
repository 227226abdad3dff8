/* SPDX-License-Identifier: BSD-3-Clause */
/* Tunnels; see tunnel.h. */
#include "common/tunnel.h"

#include "common/json_field.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PREFIX_MIN_V4 8
#define PREFIX_MIN_V6 32

#define HEADER_V4 20
#define HEADER_V6 40
#define HEADER_GUE (8 + 4) /* UDP and GUE. */

static const char *const type_names[] = {[TUNNEL_IPIP] = "ipip", [TUNNEL_GUE] = "gue"};
static const char *const source_keys[] = {"source4", "source6"};

uint16_t
tunnel_overhead(enum tunnel_type type, uint8_t family)
{
	return (uint16_t)((family == ADDR_V6 ? HEADER_V6 : HEADER_V4) +
			  (type == TUNNEL_GUE ? HEADER_GUE : 0));
}

uint16_t
tunnel_mtu_min(enum tunnel_type type, uint8_t vip_family, uint8_t family)
{
	uint16_t inner = vip_family == ADDR_V6 ? TUNNEL_MTU_MIN_V6 : TUNNEL_MTU_MIN_V4;
	uint16_t outer = family == ADDR_V6 ? TUNNEL_MTU_MIN_V6 : TUNNEL_MTU_MIN_V4;
	uint16_t wrapped = (uint16_t)(inner + tunnel_overhead(type, family));

	return wrapped > outer ? wrapped : outer;
}

/* Whether 'a' and 'b' agree in the bits from 'from' up to 'to'. */
static bool
bits_equal(const uint8_t *a, const uint8_t *b, unsigned int from, unsigned int to)
{
	for (unsigned int bit = from; bit < to; bit++) {
		if (((a[bit / 8] ^ b[bit / 8]) & (0x80u >> bit % 8)) != 0)
			return false;
	}
	return true;
}

bool
tunnel_source_covers(const struct tunnel_source *source, const struct addr *addr)
{
	return source->addr.family != ADDR_NONE && source->addr.family == addr->family &&
	       bits_equal(source->addr.bytes, addr->bytes, 0, source->prefix);
}

/* Addresses that no packet may come from, or that would not be routed. */
static int
check_address(const struct addr *addr, const char *text, struct err *err)
{
	static const struct addr none = {.family = ADDR_NONE};
	static const uint8_t loopback[16] = {[15] = 1};
	bool v6 = addr->family == ADDR_V6;

	if (addr_is_multicast(addr) || (!v6 && addr->bytes[0] >= 224))
		return err_set(
			err, -EINVAL, "'%s' is a multicast address: give a unicast one", text);
	if (memcmp(addr->bytes, none.bytes, sizeof(none.bytes)) == 0 ||
		(v6 ? memcmp(addr->bytes, loopback, sizeof(loopback)) == 0
		    : addr->bytes[0] == 0 || addr->bytes[0] == 127))
		return err_set(err, -EINVAL, "'%s' cannot be the source of a packet", text);
	if (addr_is_link_local(addr))
		return err_set(err, -EINVAL,
			"'%s' is link-local: routers on the way would drop its packets", text);
	return 0;
}

static int
parse_prefix(const char *digits, const char *text, struct tunnel_source *source, struct err *err)
{
	static const struct addr zero;
	bool v6 = source->addr.family == ADDR_V6;
	unsigned int bits = v6 ? 128 : 32;
	unsigned int min = v6 ? PREFIX_MIN_V6 : PREFIX_MIN_V4;
	unsigned long prefix;
	char *end;

	prefix = strtoul(digits, &end, 10);
	if (!isdigit((unsigned char)*digits) || *end || prefix < min || prefix > bits ||
		prefix == bits - 1)
		return err_set(err, -EINVAL,
			"'%s': the prefix length must be from %u to %u, or %u for one address",
			text, min, bits - 2, bits);
	source->prefix = (uint8_t)prefix;
	if (!bits_equal(source->addr.bytes, zero.bytes, source->prefix, bits))
		return err_set(err, -EINVAL, "'%s' has bits set behind the prefix", text);
	return 0;
}

int
tunnel_source_parse(const char *text, struct tunnel_source *out, struct err *err)
{
	struct tunnel_source source;
	char address[ADDR_TEXT_SIZE];
	const char *slash = strchr(text, '/');
	size_t size = slash ? (size_t)(slash - text) : strlen(text);
	int rc;

	snprintf(
		address, sizeof(address), "%.*s", (int)(size < INT32_MAX ? size : INT32_MAX), text);
	rc = addr_parse(size < sizeof(address) ? address : text, &source.addr, err);
	if (rc < 0)
		return rc;
	source.prefix = source.addr.family == ADDR_V6 ? 128 : 32;
	rc = check_address(&source.addr, text, err);
	if (rc == 0 && slash)
		rc = parse_prefix(slash + 1, text, &source, err);
	if (rc == 0)
		*out = source;
	return rc;
}

const char *
tunnel_source_format(const struct tunnel_source *source, char *buf, size_t size)
{
	char address[ADDR_TEXT_SIZE];

	addr_format(&source->addr, address, sizeof(address));
	if (source->prefix == 8 * addr_size(&source->addr))
		snprintf(buf, size, "%s", address);
	else
		snprintf(buf, size, "%s/%u", address, source->prefix);
	return buf;
}

const char *
tunnel_type_name(enum tunnel_type type)
{
	return type_names[type];
}

json_t *
tunnel_encode(const struct tunnel *tunnel)
{
	json_t *json = json_pack("{s:s}", "type", tunnel_type_name(tunnel->type));
	char text[TUNNEL_SOURCE_TEXT_SIZE];
	int rc = json ? 0 : -1;

	for (int i = 0; i < 2 && rc == 0; i++) {
		const struct tunnel_source *source = &tunnel->sources[i];

		if (source->addr.family != ADDR_NONE)
			rc = json_object_set_new(json, source_keys[i],
				json_string(tunnel_source_format(source, text, sizeof(text))));
	}
	if (rc == 0 && tunnel->type == TUNNEL_GUE)
		rc = json_object_set_new(json, "gue_port", json_integer(tunnel->gue_port));
	if (rc == 0 && tunnel->mtu)
		rc = json_object_set_new(json, "mtu", json_integer(tunnel->mtu));
	if (rc == 0)
		return json;
	json_decref(json);
	return NULL;
}

static int
decode_source(json_t *json, int i, struct tunnel *out, struct err *err)
{
	char text[TUNNEL_SOURCE_TEXT_SIZE];
	struct tunnel_source *source = &out->sources[i];
	uint8_t family = i == 0 ? ADDR_V4 : ADDR_V6;
	int rc;

	if (!json_object_get(json, source_keys[i]))
		return 0;
	rc = json_field_text(json, source_keys[i], text, sizeof(text), err);
	if (rc < 0)
		return rc;
	rc = tunnel_source_parse(text, source, err);
	if (rc == 0 && source->addr.family != family)
		rc = err_set(err, -EINVAL, "'%s' is of the other family", text);
	if (rc < 0)
		err_prefix(err, "%s", source_keys[i]);
	return rc;
}

int
tunnel_decode(json_t *json, struct tunnel *out, struct err *err)
{
	static const char *const keys[] = {"type", "source4", "source6", "gue_port", "mtu", NULL};
	struct tunnel tunnel = {.type = TUNNEL_IPIP};
	char type[8];
	uint64_t number;
	int rc;

	if ((rc = json_fields_known(json, keys, err)) < 0 ||
		(rc = json_field_text(json, "type", type, sizeof(type), err)) < 0 ||
		(rc = decode_source(json, 0, &tunnel, err)) < 0 ||
		(rc = decode_source(json, 1, &tunnel, err)) < 0)
		return rc;
	if (strcmp(type, type_names[TUNNEL_GUE]) == 0)
		tunnel.type = TUNNEL_GUE;
	else if (strcmp(type, type_names[TUNNEL_IPIP]) != 0)
		return err_set(err, -EINVAL, "type: '%s' is not a tunnel: choose ipip, gue", type);
	if (tunnel.type == TUNNEL_GUE) {
		rc = json_field_integer(json, "gue_port", 1, UINT16_MAX, &number, err);
		if (rc < 0)
			return rc;
		tunnel.gue_port = (uint16_t)number;
	}
	if (json_object_get(json, "mtu")) {
		rc = json_field_integer(json, "mtu", TUNNEL_MTU_MIN_V4, UINT16_MAX, &number, err);
		if (rc < 0)
			return rc;
		tunnel.mtu = (uint16_t)number;
	}
	*out = tunnel;
	return 0;
}
