/* SPDX-License-Identifier: BSD-3-Clause */
/* Members of a virtual router: what each node's file says of its priority and address, and what
 * others say of a node whose file is not there; see import_data.h. */
#include "controlplane/import/import_data.h"

#include <string.h>

#define PRIORITY_DEFAULT 100
#define PRIORITY_OWNER 255
#define PRIORITY_STEP 50

/* The instance of the same name, or else of the same number, as another node has it. */
static const struct statement *
find_there(const struct import_view *view, const struct statement *from)
{
	const struct statement *own = statement_find(from, "virtual_router_id");
	const struct statement *there = statement_find(&view->tree.root, "vrrp_instance");
	const struct statement *like = NULL;
	const char *name = statement_word(from, 1), *number = own ? statement_word(own, 1) : NULL;

	for (; there; there = statement_find_next(there)) {
		const struct statement *id = statement_find(there, "virtual_router_id");
		const char *other = id ? statement_word(id, 1) : NULL;

		if (name && there->n_words > 1 && strcmp(there->words[1], name) == 0)
			return there;
		if (!like && number && other && strcmp(number, other) == 0)
			like = there;
	}
	return like;
}

/* --- Members --- */

unsigned int
import_priority(const struct statement *instance)
{
	const struct statement *priority = statement_find(instance, "priority");
	long long number;

	if (priority && import_number(statement_word(priority, 1), 1, PRIORITY_OWNER, &number))
		return (unsigned int)number;
	return PRIORITY_DEFAULT;
}

/* The priority of a peer whose file is not there: less than that of a MASTER, more than that of a
 * BACKUP. */
static unsigned int
guess_priority(const struct statement *instance, size_t i)
{
	const struct statement *state = statement_find(instance, "state");
	unsigned int own = import_priority(instance);
	const char *word = state ? statement_word(state, 1) : NULL;
	unsigned int less = PRIORITY_STEP + 10 * (unsigned int)(i - 1);

	if (own < PRIORITY_OWNER && word && strcmp(word, "BACKUP") == 0 && i == 1)
		return own + PRIORITY_STEP < PRIORITY_OWNER ? own + PRIORITY_STEP
							    : PRIORITY_OWNER - 1;
	return own > less ? own - less : 1;
}

/* The address of peer 'i' (from 0) in the instance's list. */
static struct addr
read_peer(const struct statement *instance, size_t i)
{
	const struct statement *list = instance ? statement_find(instance, "unicast_peer") : NULL;
	const struct statement *peer = list ? list->first : NULL;
	struct addr addr = {.family = ADDR_NONE};

	for (; peer && i > 0; i--)
		peer = peer->next;
	if (peer)
		import_addr(peer->words[0], &addr);
	return addr;
}

/* Where node 'i' sends its adverts from: it says so itself, or its peers do. */
static struct addr
find_address(const struct import *import, const struct statement *from, size_t i)
{
	const struct import_node *node = &import->nodes[i];
	const struct statement *own = node->view ? find_there(node->view, from) : NULL;
	const struct statement *source = own ? statement_find(own, "unicast_src_ip") : NULL;
	struct addr addr = {.family = ADDR_NONE};

	if (own && !source)
		source = statement_find(own, "mcast_src_ip");
	if (source && import_addr(statement_word(source, 1), &addr))
		return addr;
	if (import->n_views == 1 && i > 0)
		return read_peer(from, i - 1);
	for (size_t j = 0; import->n_nodes == 2 && j < import->n_views; j++) {
		if (j != i)
			addr = read_peer(find_there(&import->views[j], from), 0);
	}
	return addr.family != ADDR_NONE ? addr : node->address;
}

static bool
is_usable(const struct import_router *router, size_t n_members, const struct addr *addr)
{
	if (addr->family != router->family)
		return false;
	for (size_t i = 0; i < router->n_addresses; i++) {
		if (addr_equal(&router->addresses[i], addr))
			return false;
	}
	for (size_t i = 0; i < n_members; i++) {
		if (addr_equal(&router->members[i].address, addr))
			return false;
	}
	return true;
}

void
import_find_members(struct import *import, const struct statement *from, bool unicast,
	struct import_router *router)
{
	bool owned = false;

	for (size_t i = 0; i < import->n_nodes; i++) {
		const struct import_view *view = import->nodes[i].view;
		const struct statement *there = view ? find_there(view, from) : NULL;
		struct import_member *member = &router->members[i];

		*member = (struct import_member){.guessed = !there};
		member->priority = there ? import_priority(there) : guess_priority(from, i);
		if (owned && member->priority == PRIORITY_OWNER) {
			import_note(import, router->notes, from,
				"more than one node has priority 255: one owns the addresses");
			member->priority--;
		}
		owned = owned || member->priority == PRIORITY_OWNER;
		if (!unicast)
			continue;
		member->address = find_address(import, from, i);
		if (is_usable(router, i, &member->address))
			continue;
		member->invented = true;
		member->address = import_placeholder(import, router->family, (uint8_t)(i + 1));
	}
}
