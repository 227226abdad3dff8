/* SPDX-License-Identifier: BSD-3-Clause */
/* The files of a model's source lists. config_load() does not read them: they need only be where
 * somebody uses them, on load balancers. */
#ifndef COMMON_SOURCE_LISTS_H
#define COMMON_SOURCE_LISTS_H

#include "common/err.h"
#include "common/model.h"

/* Reads the file of each list, to see whether it can be used, and notes its
 * stamp. Returns 0, or a negative errno with 'err' naming the file, mostly with the line. Also
 * refuses allow lists that leave a service without clients. Before anybody else has the model. */
int source_lists_read(struct model *model, struct err *err);

#endif /* COMMON_SOURCE_LISTS_H */
