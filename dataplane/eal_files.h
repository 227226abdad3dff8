/* SPDX-License-Identifier: BSD-3-Clause */
/* EAL's files: huge pages are files in a hugetlbfs, and what EAL knows of them is in its runtime
 * folder. EAL removes neither when it stops, and pages belong to their files until these are gone.
 * So they are removed here: a node's own at its end, and before its start those of an earlier run
 * that had no chance to. Main thread. */
#ifndef DATAPLANE_EAL_FILES_H
#define DATAPLANE_EAL_FILES_H

#include "common/err.h"

#include <stdint.h>

/* Removes the pages of an EAL with 'prefix' that does not run any more. Those in use stay. */
void eal_files_remove_stale(const char *prefix);

/* Removes those of the EAL that runs in this process, and what it keeps in 'folder'. What it has
 * mapped stays valid until it ends. */
void eal_files_remove_own(const char *prefix, const char *folder);

/* Checks that 'memory_mb' of huge pages can be had. Returns 0, or a negative errno with 'err' set.
 */
int eal_files_check_pages(uint32_t memory_mb, struct err *err);

#endif /* DATAPLANE_EAL_FILES_H */
