/* SPDX-License-Identifier: BSD-3-Clause */
/* The words for modes, schedulers and protocols; see control.h. */
#include "common/control.h"

#include <errno.h>
#include <string.h>

struct word {
	const char *name;
	int value;
};

static const struct word forward_modes[] = {{"dr", MODE_DR}, {"tunnel", MODE_TUNNEL},
	{"nat", MODE_NAT}, {"fullnat", MODE_FULLNAT}, {NULL, 0}};
static const struct word schedulers[] = {{"maglev", SCHEDULER_MAGLEV},
	{"round-robin", SCHEDULER_ROUND_ROBIN}, {"least-connections", SCHEDULER_LEAST_CONNECTIONS},
	{"source-hash", SCHEDULER_SOURCE_HASH}, {NULL, 0}};
static const struct word protocols[] = {{"tcp", PROTOCOL_TCP}, {"udp", PROTOCOL_UDP}, {NULL, 0}};
static const struct word client_addresses[] = {{"none", CLIENT_ADDRESS_NONE},
	{"toa", CLIENT_ADDRESS_TOA}, {"proxy2", CLIENT_ADDRESS_PROXY2}, {NULL, 0}};

static const char *
word_name(const struct word *words, int value)
{
	for (; words->name; words++) {
		if (words->value == value)
			return words->name;
	}
	return "unknown";
}

/* 'what' is what the words are, for the message. */
static int
word_parse(const struct word *words, const char *text, const char *what, int *out, struct err *err)
{
	char allowed[128] = "";
	size_t size = 0;

	for (const struct word *word = words; word->name; word++) {
		if (strcmp(text, word->name) == 0) {
			*out = word->value;
			return 0;
		}
		if (size < sizeof(allowed))
			size += (size_t)snprintf(allowed + size, sizeof(allowed) - size, "%s%s",
				size > 0 ? ", " : "", word->name);
	}
	return err_set(err, -EINVAL, "'%s' is not a %s: choose %s", text, what, allowed);
}

const char *
forward_mode_name(enum forward_mode mode)
{
	return word_name(forward_modes, (int)mode);
}

const char *
scheduler_name(enum scheduler_kind scheduler)
{
	return word_name(schedulers, (int)scheduler);
}

const char *
protocol_name(enum protocol protocol)
{
	return word_name(protocols, (int)protocol);
}

const char *
client_address_name(enum client_address client_address)
{
	return word_name(client_addresses, (int)client_address);
}

int
forward_mode_parse(const char *text, enum forward_mode *out, struct err *err)
{
	int value;
	int rc = word_parse(forward_modes, text, "forwarding mode", &value, err);

	if (rc == 0)
		*out = (enum forward_mode)value;
	return rc;
}

int
scheduler_parse(const char *text, enum scheduler_kind *out, struct err *err)
{
	int value;
	int rc = word_parse(schedulers, text, "scheduler", &value, err);

	if (rc == 0)
		*out = (enum scheduler_kind)value;
	return rc;
}

int
protocol_parse(const char *text, enum protocol *out, struct err *err)
{
	int value;
	int rc = word_parse(protocols, text, "protocol", &value, err);

	if (rc == 0)
		*out = (enum protocol)value;
	return rc;
}

int
client_address_parse(const char *text, enum client_address *out, struct err *err)
{
	int value;
	int rc =
		word_parse(client_addresses, text, "way to tell the client's address", &value, err);

	if (rc == 0)
		*out = (enum client_address)value;
	return rc;
}
