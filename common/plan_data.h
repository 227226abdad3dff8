/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables behind plan.h: classes of objects in the file, and their keys. For plan*.c and the
 * test that compares the tables with the schema. */
#ifndef COMMON_PLAN_DATA_H
#define COMMON_PLAN_DATA_H

#include "common/plan.h"

#include <stdint.h>
#include <stdio.h>

/* Writes the value at 'field', a member of 'object'; nothing where it is not given. */
typedef void (*plan_format_fn)(FILE *out, const void *field, const void *object);

/* What becomes of a change. */
struct plan_treatment {
	unsigned int reload;
	unsigned int restart;
	const char *effect;
	bool here; /* 'restart' means the processes of the node to which the object belongs. */
};

struct plan_key {
	/* As in the file, below the object: "weight", "limits.packets_per_s". Several keys that
	 * make one value are separated by '|'; the first stands for all. NULL ends the list. */
	const char *names;
	size_t offset; /* In the object. */
	plan_format_fn format;
	const struct plan_treatment *treatment;
	/* Where it hangs on the object; NULL: it does not. */
	const struct plan_treatment *(*treat)(const void *object);
};

#define PLAN_KEY(type, member, names, format, treatment)                         \
	{                                                                        \
		names, offsetof(struct type, member), format, &(treatment), NULL \
	}
#define PLAN_KEYS_END                     \
	{                                 \
		NULL, 0, NULL, NULL, NULL \
	}

struct plan_class {
	const char *name;    /* The key that holds them: "pools". */
	const char *id_name; /* The key that tells them apart; NULL: there is one. */
	/* The objects of 'parent'; '*n' becomes their number. */
	const void *(*find)(const void *parent, size_t *n);
	size_t size; /* Of an object. */
	/* Writes what tells an object from its siblings. */
	plan_format_fn identify;
	const struct plan_key *keys;
	const struct plan_class *const *parts; /* Ended by NULL; NULL: none. */
	const struct plan_treatment *added, *removed;
	/* Where these hang on the object; NULL: they do not. */
	const struct plan_treatment *(*treat)(enum plan_action action, const void *object);
};

/* Keys of an HTTP server's limits, of which each tier has some. */
#define PLAN_LIMIT_KEYS(type, treatment)                                                          \
	PLAN_KEY(type, limits.n_threads, "limits.threads", plan_format_u32, treatment),           \
		PLAN_KEY(type, limits.max_connections, "limits.max_connections", plan_format_u32, \
			treatment),                                                               \
		PLAN_KEY(type, limits.max_body_bytes, "limits.max_body_bytes", plan_format_u64,   \
			treatment),                                                               \
		PLAN_KEY(type, limits.max_header_bytes, "limits.max_header_bytes",                \
			plan_format_u32, treatment),                                              \
		PLAN_KEY(type, limits.header_timeout_ms, "limits.header_timeout_ms",              \
			plan_format_u32, treatment),                                              \
		PLAN_KEY(type, limits.idle_timeout_ms, "limits.idle_timeout_ms", plan_format_u32, \
			treatment),                                                               \
		PLAN_KEY(type, limits.drain_timeout_ms, "limits.drain_timeout_ms",                \
			plan_format_u32, treatment)

/* The whole file: the one object is the model. */
extern const struct plan_class plan_file;

/* Its sections, in several files. */
extern const struct plan_class plan_nodes, plan_routers, plan_checks, plan_pools, plan_scripts,
	plan_lists, plan_services, plan_flow_timeouts, plan_flow_sync, plan_web,
	plan_upstream_check, plan_app, plan_database, plan_monitor;
extern const struct plan_key plan_check_keys[], plan_script_keys[];

/* --- Values --- */

void plan_format_nothing(FILE *out, const void *field, const void *object);
void plan_format_text(FILE *out, const void *field, const void *object);
void plan_format_u8(FILE *out, const void *field, const void *object);
void plan_format_u16(FILE *out, const void *field, const void *object);
void plan_format_u32(FILE *out, const void *field, const void *object);
void plan_format_u64(FILE *out, const void *field, const void *object);
void plan_format_some16(FILE *out, const void *field, const void *object); /* 0: not given. */
void plan_format_some32(FILE *out, const void *field, const void *object);
void plan_format_port(FILE *out, const void *field, const void *object); /* 0: any */
void plan_format_bool(FILE *out, const void *field, const void *object);
void plan_format_tenths(FILE *out, const void *field, const void *object);  /* cs as ms */
void plan_format_seconds(FILE *out, const void *field, const void *object); /* ms as s */
void plan_format_addr(FILE *out, const void *field, const void *object);
void plan_format_endpoint(FILE *out, const void *field, const void *object);
void plan_format_words(FILE *out, const void *field, const void *object); /* NULL-terminated */
void plan_format_bytes(FILE *out, const void *field, const void *object);
void plan_format_addrs(FILE *out, const struct addr *addrs, size_t n);
/* A pointer to something that begins with its name. */
void plan_format_reference(FILE *out, const void *field, const void *object);
void plan_format_name(FILE *out, const void *field, const void *object); /* ... and it itself. */

#endif /* COMMON_PLAN_DATA_H */
