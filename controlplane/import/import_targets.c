/* SPDX-License-Identifier: BSD-3-Clause */
/* What virtual servers are reached by: addresses, ranges of them, groups; see import_servers.h. */
#include "controlplane/import/import_servers.h"

#include <stdio.h>
#include <string.h>

#define RANGE_MAX 1024 /* Addresses of one range. */

/* --- Ranges --- */

static void
increment(struct addr *addr)
{
	for (size_t i = addr_size(addr); i > 0; i--) {
		if (++addr->bytes[i - 1] != 0)
			return;
	}
}

/* "10.0.0.1-9", "10.0.0.1-10.0.0.9", "10.0.0.8/29", "2001:db8::1-f" or an address; returns false
 * for what is none of them. */
static bool
read_range(const char *text, struct addr *first, struct addr *last)
{
	char begin[ADDR_TEXT_SIZE + 8];
	const char *dash = strchr(text, '-'), *slash = strchr(text, '/');
	const char *stop = dash ? dash : slash ? slash : text + strlen(text);
	char end[ADDR_TEXT_SIZE];
	long long bits;
	size_t head;

	if ((size_t)(stop - text) >= sizeof(begin))
		return false;
	snprintf(begin, sizeof(begin), "%.*s", (int)(stop - text), text);
	if (!import_addr(begin, first))
		return false;
	*last = *first;
	if (dash) {
		if (import_addr(dash + 1, last))
			return last->family == first->family;
		head = strlen(begin);
		while (head > 0 && begin[head - 1] != '.' && begin[head - 1] != ':')
			head--;
		snprintf(end, sizeof(end), "%.*s%s", (int)head, begin, dash + 1);
		return import_addr(end, last);
	}
	if (!slash)
		return true;
	if (!import_number(slash + 1, 0, 8 * (long long)addr_size(first), &bits))
		return false;
	for (size_t bit = (size_t)bits; bit < 8 * addr_size(first); bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		first->bytes[bit / 8] &= (uint8_t)~mask;
		last->bytes[bit / 8] |= mask;
	}
	return true;
}

/* Adds the addresses from 'first' to 'last'; returns false if they are too many or none. */
static bool
add_range(struct import *import, struct import_service *service, const struct import_target *first,
	const struct addr *last)
{
	struct import_target target = *first;
	size_t n = 0;

	if (memcmp(first->addr.bytes, last->bytes, sizeof(last->bytes)) > 0)
		return false;
	while (!addr_equal(&target.addr, last) && n < RANGE_MAX) {
		increment(&target.addr);
		n++;
	}
	if (n == RANGE_MAX)
		return false;
	for (target = *first;; increment(&target.addr)) {
		if (!addr_is_multicast(&target.addr))
			import_service_add_target(import, service, &target);
		if (addr_equal(&target.addr, last))
			return true;
	}
}

/* An address or a range, and a port that may be missing. */
static void
add_targets(struct import *import, struct import_service *service,
	const struct statement *statement, size_t at)
{
	struct import_target target = {.from = statement};
	const char *address = statement_word(statement, at);
	const char *port = statement_word(statement, at + 1);
	long long number = 0;
	struct addr last;

	if (!address || !read_range(address, &target.addr, &last) ||
		(port && !import_number(port, 0, 65535, &number))) {
		import_note(import, service->notes, statement,
			"left out: not an address, or range of addresses, with a port");
		return;
	}
	target.port = (unsigned int)number;
	if (!add_range(import, service, &target, &last))
		import_note(import, service->notes, statement,
			"left out: not a range of 1 to %d addresses", RANGE_MAX);
}

/* --- Firewall marks and groups --- */

static void
note_mark(struct import *import, struct import_service *service, const struct statement *statement)
{
	const char *mark = statement_word(statement, statement->parent->parent ? 1 : 2);

	document_fill(import->document, service->notes,
		"%s:%u: fwmark %.12s: weir knows services by address and port, not by marks. See "
		"which packets get the mark (iptables-save -t mangle, nft list ruleset), and give "
		"a service for each address and port with this pool; 'port: any' is all ports of "
		"one",
		statement->file, statement->line, mark ? mark : "");
}

static void
add_group(struct import *import, struct import_service *service, const struct statement *server)
{
	const struct statement *root = server->parent;
	const struct statement *group = statement_find(root, "virtual_server_group");
	const char *name = statement_word(server, 2);

	while (group && !(name && group->n_words > 1 && strcmp(group->words[1], name) == 0))
		group = statement_find_next(group);
	if (!group) {
		import_note(import, service->notes, server, "there is no group of this name");
		return;
	}
	service->wanted_name = name;
	for (const struct statement *item = group->first; item; item = item->next) {
		if (strcmp(item->words[0], "fwmark") == 0)
			note_mark(import, service, item);
		else
			add_targets(import, service, item, 0);
	}
}

void
import_find_targets(struct import *import, struct import_service *service,
	const struct statement *virtual_server)
{
	const char *word = statement_word(virtual_server, 1);

	if (word && strcmp(word, "fwmark") == 0) {
		service->wanted_name = import_text(import, "fwmark-%s",
			virtual_server->n_words > 2 ? virtual_server->words[2] : "");
		note_mark(import, service, virtual_server);
	} else if (word && strcmp(word, "group") == 0) {
		add_group(import, service, virtual_server);
	} else {
		add_targets(import, service, virtual_server, 1);
	}
}

/* --- Local addresses, masks --- */

void
import_find_locals(
	struct import *import, struct import_service *service, const struct statement *statement)
{
	const struct statement *group =
		statement_find(service->from->parent, "local_address_group");
	const char *name = statement_word(statement, 1);

	while (group && !(name && group->n_words > 1 && strcmp(group->words[1], name) == 0))
		group = statement_find_next(group);
	if (!group) {
		import_note(import, service->notes, statement, "there is no group of this name");
		return;
	}
	for (const struct statement *item = group->first; item; item = item->next) {
		struct addr addr, last;
		size_t n = 0;

		if (!read_range(item->words[0], &addr, &last)) {
			import_note(import, service->notes, item, "not an address");
			continue;
		}
		while (service->n_locals < MODEL_LOCALS_MAX && n++ < MODEL_LOCALS_MAX) {
			service->locals[service->n_locals++] = addr;
			if (addr_equal(&addr, &last))
				break;
			increment(&addr);
		}
	}
}

int
import_mask_bits(const char *text)
{
	struct addr mask;
	long long number;
	int bits = 0;

	if (import_number(text, 1, 128, &number))
		return (int)number;
	if (!text || addr_parse(text, &mask, NULL) < 0)
		return 0;
	while (bits < 8 * (int)addr_size(&mask) && (mask.bytes[bits / 8] & (0x80 >> bits % 8)))
		bits++;
	for (int i = bits; i < 8 * (int)addr_size(&mask); i++) {
		if (mask.bytes[i / 8] & (0x80 >> i % 8))
			return 0;
	}
	return bits;
}
