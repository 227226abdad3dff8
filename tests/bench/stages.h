/* SPDX-License-Identifier: BSD-3-Clause */
/* The stages of the packet core that are measured one by one, each on a burst of a stand. */
#ifndef TESTS_BENCH_STAGES_H
#define TESTS_BENCH_STAGES_H

#include "stand.h"

struct stage {
	const char *name;
	uint32_t n_units; /* Of work in one run: packets of a burst, or 1. */
	/* Not measured; NULL: nothing to do. */
	void (*prepare)(struct stand *stand);
	void (*run)(struct stand *stand);
	void (*undo)(struct stand *stand);
};

#define N_STAGES 14

extern const struct stage stages[N_STAGES];
extern const char *const stage_names[N_STAGES + 1]; /* The last one is NULL. */

#endif /* TESTS_BENCH_STAGES_H */
