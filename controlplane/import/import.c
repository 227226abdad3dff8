/* SPDX-License-Identifier: BSD-3-Clause */
/* A translation from beginning to end; see import.h. */
#include "controlplane/import/import.h"

#include "controlplane/import/import_data.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OCTET_FIRST 100 /* Of networks that placeholders may come from. */

/* --- Views --- */

static int
add_view(struct import *import, const struct source *source, const char *id, struct err *err)
{
	struct import_view *view = &import->views[import->n_views];
	int rc;

	if (import->n_views == IMPORT_NODES_MAX)
		return 0;
	view->id = id;
	rc = keepalived_lines_init(&view->lines, source, id, err);
	if (rc < 0)
		return rc;
	rc = keepalived_tree_init(&view->tree, &view->lines, err);
	if (rc < 0)
		keepalived_lines_fini(&view->lines);
	else
		import->n_views++;
	return rc;
}

/* A file with conditional lines is for several nodes: it is read as each of them does. */
static int
add_views(struct import *import, const struct source *source, struct err *err)
{
	struct keepalived_lines lines;
	int rc = keepalived_lines_init(&lines, source, "", err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < lines.n_ids && rc == 0; i++)
		rc = add_view(import, source, import_text(import, "%s", lines.ids[i]), err);
	if (rc == 0 && lines.n_ids == 0)
		rc = add_view(import, source, "", err);
	keepalived_lines_fini(&lines);
	return rc;
}

/* The rules of ipvsadm are parted into words as keepalived's lines are. */
static int
read_rules(struct import *import, const struct source *source, struct err *err)
{
	int rc = keepalived_lines_init(&import->rules.lines, source, "", err);

	return rc < 0 ? rc : keepalived_tree_init(&import->rules.tree, &import->rules.lines, err);
}

/* --- Placeholders --- */

/* Remembers that the files speak of a network that placeholders would come from. */
static void
mark_used(const char *word, bool used4[static 256], bool used6[static 256])
{
	char text[ADDR_TEXT_SIZE];
	const char *begin = word + (*word == '[');
	/* Before a range's end, a prefix, a bracket, and of IPv4 a port. */
	size_t size = strcspn(begin, strchr(begin, '.') ? "/-]:" : "/-]");
	struct addr addr;

	if (size >= sizeof(text))
		return;
	memcpy(text, begin, size);
	text[size] = '\0';
	if (addr_parse(text, &addr, NULL) < 0)
		return;
	if (addr.family == ADDR_V4 && addr.bytes[0] == 198 && addr.bytes[1] == 18)
		used4[addr.bytes[2]] = true;
	if (addr.family == ADDR_V6 && addr.bytes[0] == 0x20 && addr.bytes[1] == 1)
		used6[addr.bytes[7]] = true;
}

static void
mark_tree(const struct statement *root, bool used4[static 256], bool used6[static 256])
{
	const struct statement *statement = root->first;

	/* Down into blocks, along, and up again. */
	while (statement && statement != root) {
		for (size_t i = 0; i < statement->n_words; i++)
			mark_used(statement->words[i], used4, used6);
		if (statement->first) {
			statement = statement->first;
			continue;
		}
		while (statement != root && !statement->next)
			statement = statement->parent;
		if (statement != root)
			statement = statement->next;
	}
}

static void
choose_placeholders(struct import *import)
{
	bool used4[256] = {false}, used6[256] = {false};

	for (size_t i = 0; i < import->n_views; i++)
		mark_tree(&import->views[i].tree.root, used4, used6);
	mark_tree(&import->rules.tree.root, used4, used6);
	import->v4_octet = import->v6_octet = OCTET_FIRST;
	while (used4[import->v4_octet] && import->v4_octet < 255)
		import->v4_octet++;
	while (used6[import->v6_octet] && import->v6_octet < 255)
		import->v6_octet++;
}

/* --- The document --- */

static void
begin(struct import *import)
{
	struct document *document = import->document;
	struct document_node *root = document_root(document);

	document_text(document, root, "cluster", "imported");
	import->nodes_at = document_list(document, root, "nodes", false);
	import->routers_at = document_list(document, root, "virtual_routers", false);
	import->scripts = document_list(document, root, "scripts", false);
	import->checks = document_list(document, root, "checks", false);
	import->pools = document_list(document, root, "pools", false);
	import->services = document_list(document, root, "services", false);
}

static void
write_head(struct import *import, const struct import_sources *sources)
{
	struct document_node *head = document_head(import->document);
	const struct source *of = sources->keepalived ? sources->keepalived : sources->ipvsadm;

	assert(of);
	document_comment(import->document, head,
		"Made by weirctl import from %s. Comments name the lines that have no counterpart, "
		"or another meaning, and why.",
		of->path);
	document_comment(import->document, head,
		"What only a person knows is marked FILL IN; in its place is something valid, so "
		"that weirctl check can tell what else is wrong. docs/migrate.md goes on from "
		"here.");
	for (size_t i = 0; i < import->n_views; i++) {
		const struct keepalived_lines *lines = &import->views[i].lines;

		for (size_t j = 0; i == 0 && j < lines->n_missing; j++)
			document_fill(import->document, head, "%s: there is no such file",
				lines->missing[j]);
	}
}

static int
translate(struct import *import, const struct import_sources *sources, struct err *err)
{
	int rc = 0;

	if (sources->keepalived)
		rc = add_views(import, sources->keepalived, err);
	if (rc == 0 && sources->peer)
		rc = add_views(import, sources->peer, err);
	if (rc == 0 && sources->ipvsadm)
		rc = read_rules(import, sources->ipvsadm, err);
	if (rc < 0)
		return rc;
	import->version = 2;
	begin(import);
	write_head(import, sources);
	import_find_nodes(import);
	choose_placeholders(import);
	import_globals(import);
	import_scripts(import);
	import_vrrp(import);
	import_sync_groups(import);
	import_servers(import);
	if (sources->ipvsadm)
		rc = import_ipvsadm(import, sources->ipvsadm->path, err);
	import_write_routers(import);
	import_write_nodes(import);
	if (rc == 0 && import->no_memory)
		rc = err_set(err, -ENOMEM, "out of memory");
	return rc;
}

int
import_translate(
	const struct import_sources *sources, struct import_result *result, struct err *err)
{
	struct import_result made = {.text = NULL};
	struct import *import = calloc(1, sizeof(*import));
	int rc = -ENOMEM;

	if (import) {
		import->document = document_new();
		import->routers = calloc(MODEL_ROUTERS_MAX, sizeof(*import->routers));
	}
	if (!import || !import->document || !import->routers)
		err_set(err, rc, "out of memory");
	else
		rc = translate(import, sources, err);
	if (rc == 0)
		rc = document_write(import->document, &made.text, &made.size, err);
	if (rc == 0) {
		made.n_fills = document_each_fill(import->document, sources->fill, sources->ctx);
		made.n_comments = document_n_comments(import->document);
		*result = made;
	}
	if (!import)
		return rc;
	for (size_t i = 0; i < import->n_views; i++) {
		keepalived_tree_fini(&import->views[i].tree);
		keepalived_lines_fini(&import->views[i].lines);
	}
	keepalived_tree_fini(&import->rules.tree);
	keepalived_lines_fini(&import->rules.lines);
	document_free(import->document);
	arena_fini(&import->arena);
	free(import->routers);
	free(import);
	return rc;
}

bool
import_is_ipvsadm(const struct source *source)
{
	const char *c = source->text;

	while (*c) {
		c += strspn(c, " \t\r\n");
		if (*c != '#' && *c != '\0')
			break;
		c += strcspn(c, "\n");
	}
	if (strncmp(c, "ipvsadm ", 8) == 0)
		c += 8;
	return strncmp(c, "-A ", 3) == 0 || strncmp(c, "-a ", 3) == 0 ||
	       strncmp(c, "--add-service", 13) == 0;
}
