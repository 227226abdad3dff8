/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets that a driver receives by, for workers to wait on.
 *
 * Drivers of kernel interfaces (AF_XDP, packet sockets) have no RX interrupts, but their sockets
 * are readable while frames wait. They keep them to themselves; theirs are those that a call of the
 * driver adds to those of the process. With several queues there is no telling which socket is
 * whose, so one descriptor stands for all: it may wake a worker for another's frames. Main thread.
 */
#ifndef DATAPLANE_PORT_SOCKETS_H
#define DATAPLANE_PORT_SOCKETS_H

#include <sys/select.h>

/* Lists the sockets that there are before the call. */
void port_sockets_list(fd_set *before);

/* Puts a descriptor into '*fd' that is readable while one of the sockets is that were added since.
 * It is the caller's to close, also the '*fd' that it replaces (-1: none). There must be 'n' of
 * them; if there are others, nothing changes. */
void port_sockets_join(int *fd, const fd_set *before, unsigned int n);

#endif /* DATAPLANE_PORT_SOCKETS_H */
