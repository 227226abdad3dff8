/* SPDX-License-Identifier: BSD-3-Clause */
/* The journal; see journal.h. Apart from others because syslog(3) and common/log.h have names in
 * common. */
#include "webtier/journal.h"

#include <syslog.h>
#include <systemd/sd-journal.h>

int
journal_open(const char *identifier)
{
	return sd_journal_stream_fd(identifier, LOG_INFO, 0);
}
