/* SPDX-License-Identifier: BSD-3-Clause */
/* The methods of the control socket (common/control.h), each given the 'struct dataplane'. */
#ifndef DATAPLANE_CONTROL_H
#define DATAPLANE_CONTROL_H

#include "common/rpc.h"

/* Ends with a NULL name. */
const struct rpc_method *control_methods(void);

#endif /* DATAPLANE_CONTROL_H */
