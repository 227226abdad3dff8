/* SPDX-License-Identifier: BSD-3-Clause */
/* What must hold of a packet that leaves, by the mode of its service. */
#ifndef TESTS_FUZZ_PIPELINE_MODES_H
#define TESTS_FUZZ_PIPELINE_MODES_H

#include "pipeline_check.h"

/* Of V_FORWARD: the packet is what its service's mode makes of it, and goes to a usable backend. */
void check_forwarded(const struct fuzz_world *world, const struct packet *packet);

/* Of V_RETURN: it comes from a service, is for a client of it and else as it was. */
void check_returned(const struct fuzz_world *world, const struct packet *packet);

/* Of V_REPLY_TOO_BIG. */
void check_too_big(const struct fuzz_world *world, const struct packet *packet);

#endif /* TESTS_FUZZ_PIPELINE_MODES_H */
