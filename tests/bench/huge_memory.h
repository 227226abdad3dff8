/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory for tables as the dataplane has it with huge pages, without EAL: reserved huge pages if
 * there are some, else transparent ones. */
#ifndef TESTS_BENCH_HUGE_MEMORY_H
#define TESTS_BENCH_HUGE_MEMORY_H

#include "dataplane/memory.h"

struct memory huge_memory(void);

#endif /* TESTS_BENCH_HUGE_MEMORY_H */
