/* SPDX-License-Identifier: BSD-3-Clause */
/* A translation that is under way; for import_*.c.
 *
 * Sections of the document are filled as the statements come, but for nodes and virtual routers:
 * these are drafts until the end, as services add to them what they need. */
#ifndef CONTROLPLANE_IMPORT_IMPORT_DATA_H
#define CONTROLPLANE_IMPORT_IMPORT_DATA_H

#include "common/addr.h"
#include "common/arena.h"
#include "common/model.h"
#include "controlplane/import/document.h"
#include "controlplane/import/import.h"
#include "controlplane/import/keepalived_tree.h"

#include <stdbool.h>
#include <stdint.h>

#define IMPORT_NODES_MAX 16
#define IMPORT_SERVICES_MAX 10000

/* The configuration as one node reads it. */
struct import_view {
	struct keepalived_lines lines;
	struct keepalived_tree tree;
	const char *id; /* That conditional lines go by; "" if there are none. */
};

struct import_node {
	const char *name;
	bool named;                     /* By the file; else a person has to. */
	const struct import_view *view; /* NULL: its configuration is not there. */
	struct addr address;            /* Its own, if the file says one. */
};

/* A port of all nodes. */
struct import_port {
	const char *name;
	const char *interface; /* As the file calls it, without a VLAN's number; NULL: not said. */
	unsigned int vlan;     /* 0: none. */
	bool tracked_only;     /* No virtual router is on it. */
};

struct import_member {
	unsigned int priority;
	struct addr address; /* ADDR_NONE: multicast. */
	bool guessed;        /* The priority is to be filled in. */
	bool invented;       /* So is the address. */
};

/* A vrrp_script, or vrrp_track_process, that became a script. */
struct import_script {
	const char *raw; /* What the file calls it. */
	const char *name;
	bool process;
	long long weight;
	bool reverse;
};

struct import_track {
	const char *port, *script; /* One of them. */
	unsigned int weight;       /* 0: a fault. */
};

struct import_router {
	const char *name;
	struct document_node *notes;  /* Comments for it. */
	const struct statement *from; /* The instance; NULL: invented for addresses without one. */
	uint8_t family;
	unsigned int vrid;
	const char *port;
	struct addr addresses[MODEL_VIPS_MAX];
	size_t n_addresses;
	unsigned int advert_ms, delay_ms;
	bool no_preempt, virtual_mac, no_accept;
	unsigned int min_ttl; /* 0: as it is without. */
	const char *group;    /* NULL: none. */
	struct import_track tracks[MODEL_TRACKS_MAX];
	size_t n_tracks;
	struct import_member members[IMPORT_NODES_MAX];
	const char *notify; /* What a shell is to run; NULL: nothing. */
	struct addr locals[MODEL_LOCALS_MAX];
	size_t n_locals;
	bool invented_locals;
};

struct import {
	struct document *document;
	struct document_node *nodes_at, *routers_at, *scripts, *checks, *pools, *services;
	struct arena arena;
	struct import_view views[IMPORT_NODES_MAX];
	size_t n_views;
	struct import_view rules; /* Of ipvsadm. */
	struct import_node nodes[IMPORT_NODES_MAX];
	size_t n_nodes;
	struct import_port ports[MODEL_PORTS_MAX];
	size_t n_ports;
	struct import_router *routers; /* MODEL_ROUTERS_MAX. */
	size_t n_routers;
	struct import_script known[MODEL_SCRIPTS_MAX];
	size_t n_known;
	size_t n_names;             /* That had to be made unique. */
	uint8_t v4_octet, v6_octet; /* Of networks that the files do not speak of. */
	unsigned int n_tunnels;
	bool strict, no_memory;
	unsigned int version; /* Of VRRP, as the file says; 2 if it does not. */
};

/* --- Keywords: import_words.c --- */

/* A statement that may stand in a block. Without 'take' it has no counterpart, because of 'reason';
 * "" is a reason to pass it over in silence. */
struct import_keyword {
	const char *word; /* NULL ends the table. */
	void (*take)(struct import *import, void *ctx, const struct statement *statement);
	const char *reason;
};

/* Goes through the block of 'parent'. Comments go to 'at'. */
void import_block(struct import *import, const struct statement *parent,
	const struct import_keyword *keywords, struct document_node *at, void *ctx);

/* A comment on 'statement' at 'at': where it stands, its words, and why. */
void import_note(struct import *import, struct document_node *at, const struct statement *statement,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A text in the arena; "" with 'no_memory' set if there is none. */
const char *import_text(struct import *import, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A name that no entry of 'list' has, as near to 'wanted' as names may be. */
const char *import_name(
	struct import *import, const struct document_node *list, const char *wanted);
/* 'wanted' with nothing in it that a name may not have. */
const char *import_clean_name(struct import *import, const char *wanted);

/* The entry of 'list' whose 'name' is this one; NULL if there is none. */
struct document_node *import_find_named(const struct document_node *list, const char *name);

/* --- Values: import_values.c --- */

/* A whole number in the range. */
bool import_number(const char *text, long long min, long long max, long long *out);
/* Seconds, maybe with a fraction, as milliseconds; false if it is no number or not in the range. */
bool import_ms(const char *text, unsigned int min_ms, unsigned int max_ms, unsigned int *out);
/* yes/no and the like; a missing word means yes. */
bool import_bool(const char *text);
/* A unicast address, maybe with "/PREFIX" behind it. */
bool import_addr(const char *text, struct addr *out);
const char *import_addr_text(struct import *import, const struct addr *addr);

/* Splits what keepalived would run into words, as it does; adds them to 'list' of the document. If
 * it needs a shell, it gets one. */
void import_command(struct import *import, struct document_node *list, struct document_node *at,
	const struct statement *statement, const char *command);
/* 'text' as one word of a shell. */
const char *import_quote(struct import *import, const char *text);
/* The words of 'command' for a shell, with the program's path. */
const char *import_shell_command(struct import *import, struct document_node *at,
	const struct statement *statement, const char *command);

/* --- Places --- */

/* The port of this interface, "eth0" or "eth0.100" (VLAN 100); NULL for "the first one". Returns
 * NULL if there are as many as a node may have. import_nodes.c */
const char *import_port(struct import *import, const char *interface, bool tracked_only);

/* Makes nodes of views and what is said of peers; the first thing of all. import_nodes.c */
void import_find_nodes(struct import *import);
void import_write_nodes(struct import *import);

/* An address that the files do not speak of, to be filled in. 'host' is its last byte. */
struct addr import_placeholder(const struct import *import, uint8_t family, uint8_t host);

/* Instances, groups and scripts of the first view. import_vrrp.c, import_group.c, import_scripts.c
 */
void import_vrrp(struct import *import);
void import_scripts(struct import *import);
void import_sync_groups(struct import *import);
/* A new draft in the list; NULL if there are too many. import_routers.c */
struct import_router *import_add_router(struct import *import, const char *wanted, uint8_t family);
void import_write_routers(struct import *import);

/* What the block of an instance or of a group tracks, added to 'routers'; those behind the first
 * have its fate. import_track.c */
struct import_fate {
	struct import_router *routers[MODEL_ROUTERS_MAX];
	size_t n;
	bool faults_only; /* Weights do not count. */
};

void import_track(
	struct import *import, const struct import_fate *fate, const struct statement *block);

/* The sync group that has the instance of this name; NULL if there is none. import_group.c */
const struct statement *import_find_group(const struct import *import, const char *instance);
/* A name for a group that no router's has; 'wanted' may be NULL. */
const char *import_group_name(struct import *import, const char *wanted);

/* What is run with transitions of an instance or group. import_notify.c */
const char *import_notify(struct import *import, struct document_node *at,
	const struct statement *block, const char *kind, const char *name, unsigned int priority);

/* The router that has 'addr', made if there is none; NULL if there cannot be one. */
struct import_router *import_holder(struct import *import, const struct addr *addr);

/* Bits of "255.255.255.0" or of "64"; 0 for what is no mask. import_targets.c */
int import_mask_bits(const char *text);

/* Virtual servers of the first view. import_servers.c */
void import_servers(struct import *import);

/* Global definitions and what stands beside them. import_global.c */
void import_globals(struct import *import);

/* 'rules', from the file at 'path'. Returns 0 or a negative errno with 'err' set. ipvsadm.c */
int import_ipvsadm(struct import *import, const char *path, struct err *err);

#endif /* CONTROLPLANE_IMPORT_IMPORT_DATA_H */
