/* SPDX-License-Identifier: BSD-3-Clause */
/* A virtual service of IPVS that is being collected; see import_service.h. import_pool.c writes it.
 */
#include "controlplane/import/import_service.h"

#include <stdlib.h>
#include <string.h>

void
import_service_init(
	struct import_service *service, struct import *import, const struct statement *from)
{
	*service = (struct import_service){
		.from = from, .protocol = "tcp", .mode = MODE_NAT, .least = 1};
	service->notes = document_loose(import->document);
}

void
import_service_fini(struct import_service *service)
{
	free(service->backends);
	free(service->targets);
	service->backends = NULL;
	service->targets = NULL;
}

/* Makes room for one more in '*array' of 'n' elements; returns false without memory. */
static bool
make_room(struct import *import, void *array, size_t n, size_t *capacity, size_t size)
{
	size_t more = *capacity ? *capacity * 2 : 16;
	void *old, *grown;

	if (n < *capacity)
		return true;
	memcpy(&old, array, sizeof(old));
	grown = reallocarray(old, more, size);
	if (!grown) {
		import->no_memory = true;
		return false;
	}
	memcpy(array, &grown, sizeof(grown));
	*capacity = more;
	return true;
}

static const struct {
	const char *word;
	enum forward_mode mode;
} modes[] = {
	{"DR", MODE_DR},
	{"NAT", MODE_NAT},
	{"TUN", MODE_TUNNEL},
	{"FNAT", MODE_FULLNAT},
	{"FULLNAT", MODE_FULLNAT},
};
#define N_MODES (sizeof(modes) / sizeof(modes[0]))

/* "TUN type gue port 6080 nocsum" */
static void
read_tunnel(
	struct import *import, struct import_service *service, const struct statement *statement)
{
	for (size_t i = 2; i < statement->n_words; i++) {
		const char *word = statement->words[i];

		if (strcmp(word, "gue") == 0)
			service->gue = true;
		else if (strcmp(word, "gre") == 0)
			import_note(import, service->notes, statement,
				"weir has no GRE: backends must take IP in IP, or GUE with 'type: "
				"gue'");
		else if (strcmp(word, "port") == 0)
			import_number(statement_word(statement, ++i), 1, 65535, &service->gue_port);
		else if (strcmp(word, "csum") == 0 || strcmp(word, "remcsum") == 0)
			import_note(import, service->notes, statement,
				"weir's GUE has no checksum of its own: what is inside has one");
	}
}

void
import_service_mode(
	struct import *import, struct import_service *service, const struct statement *statement)
{
	const char *word = statement_word(statement, 1);

	for (size_t i = 0; word && i < N_MODES; i++) {
		if (strcasecmp(word, modes[i].word) != 0)
			continue;
		service->mode = modes[i].mode;
		if (service->mode == MODE_TUNNEL)
			read_tunnel(import, service, statement);
		return;
	}
	import_note(import, service->notes, statement,
		"not a method that is known (DR, NAT, TUN): it is %s",
		forward_mode_name(service->mode));
}

void
import_service_add_backend(
	struct import *import, struct import_service *service, const struct import_backend *backend)
{
	const struct import_backend *first = service->backends;

	if (service->n_backends == IMPORT_BACKENDS_MAX) {
		import_note(import, service->notes, backend->from,
			"left out: a pool has %d backends at most", IMPORT_BACKENDS_MAX);
		return;
	}
	if (service->n_backends > 0 && first->addr.family != backend->addr.family) {
		import_note(import, service->notes, backend->from,
			"left out: a pool's backends are of one family");
		return;
	}
	for (size_t i = 0; i < service->n_backends; i++) {
		if (!addr_equal(&service->backends[i].addr, &backend->addr))
			continue;
		import_note(import, service->notes, backend->from,
			"left out: a pool has each address once; give the server another address "
			"for its second port");
		return;
	}
	if (make_room(import, &service->backends, service->n_backends, &service->backends_capacity,
		    sizeof(*backend)))
		service->backends[service->n_backends++] = *backend;
}

void
import_service_add_target(
	struct import *import, struct import_service *service, const struct import_target *target)
{
	if (service->n_targets == IMPORT_SERVICES_MAX)
		import_note(import, service->notes, target->from,
			"left out: weir has %d services at most", IMPORT_SERVICES_MAX);
	else if (make_room(import, &service->targets, service->n_targets,
			 &service->targets_capacity, sizeof(*target)))
		service->targets[service->n_targets++] = *target;
}

bool
import_service_has_any_port(const struct import_service *service)
{
	for (size_t i = 0; i < service->n_targets; i++) {
		if (service->targets[i].port == 0)
			return true;
	}
	return false;
}
