/* SPDX-License-Identifier: BSD-3-Clause */
/* The services of the pipeline fuzz target's world: plain ones of mode dr, and one for each thing
 * else that a service can be, all of those in both families at the "far" addresses. */
#ifndef TESTS_FUZZ_PIPELINE_SERVICES_H
#define TESTS_FUZZ_PIPELINE_SERVICES_H

#include "common/control.h"

#define WORLD_VIP4 "192.0.2.100"
#define WORLD_VIP4_ALONE "192.0.2.101" /* Of a service, but of no router. */
#define WORLD_VIP4_FAR "192.0.2.102"
#define WORLD_VIP6 "2001:db8::100"
#define WORLD_VIP6_FAR "2001:db8::102"

#define WORLD_PLAIN 8
#define WORLD_FAR 9 /* Of each family. */
#define WORLD_SERVICES (WORLD_PLAIN + 2 * WORLD_FAR)
#define WORLD_FAR_POOL 4 /* The first pool of far services; the next one is IPv6. */

#define WORLD_GUE_PORT 6080

/* Fills service 'i' as it is in a state where pools are 'swapped' or not. */
void world_fill_service(struct control_service *service, unsigned int i, bool swapped);

#endif /* TESTS_FUZZ_PIPELINE_SERVICES_H */
