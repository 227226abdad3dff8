/* SPDX-License-Identifier: BSD-3-Clause */
/* The order in which weighted round robin goes through a pool.
 *
 * Smooth: after any number of turns each backend has had its share to within one (weights 5, 1, 1
 * make a b a a c a a). In turn t of a round of T turns, a backend of weight w may take its turn k
 * (0, 1, ...) if k T / w <= t; of those that may, the one whose (k + 1) T / w is smallest goes, in
 * the order of the seeds among equals. The order depends on backends and weights alone.
 *
 * A round has as many turns as the weights add up to, after division by what they have in common.
 * Above ROTA_SIZE_MAX they are scaled down, to no less than one turn each. */
#ifndef DATAPLANE_ROTA_H
#define DATAPLANE_ROTA_H

#include "dataplane/maglev.h"

#include <stdint.h>

#define ROTA_SIZE_MAX 65536u

struct rota {
	uint32_t size;
	uint32_t n_users;   /* Control thread only. */
	uint16_t entries[]; /* Ids of members. */
};

/* Returns 0 and an order with one user, or -ENOMEM, or -EINVAL for no members. */
int rota_new(struct rota **out, const struct maglev_member *members, uint32_t n_members);
struct rota *rota_ref(struct rota *rota);

/* One user less; frees the order with the last one. NULL is allowed. */
void rota_unref(struct rota *rota);

#endif /* DATAPLANE_ROTA_H */
