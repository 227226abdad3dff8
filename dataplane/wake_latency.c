/* SPDX-License-Identifier: BSD-3-Clause */
/* A request to the kernel's power management; see wake_latency.h. */
#include "dataplane/wake_latency.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define QOS_FILE "/dev/cpu_dma_latency"

int
wake_latency_hold(uint32_t limit_us, struct err *err)
{
	const int32_t request = (int32_t)limit_us; /* As the file takes it, in host order. */
	int fd = open(QOS_FILE, O_WRONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0 || write(fd, &request, sizeof(request)) != (ssize_t)sizeof(request))
		rc = -errno;
	if (rc == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return err_set(err, rc,
		"wake_latency_us: the kernel takes no limit by %s (%s): start as root on a kernel "
		"with CONFIG_CPU_IDLE, or leave the key out",
		QOS_FILE, strerror(-rc));
}
