/* SPDX-License-Identifier: BSD-3-Clause */
/* What is balanced and by whom, in the order in which the parts refer to each other; see
 * config_build.h. */
#include "common/config_build.h"

void
config_build_balancing(
	struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	config_build_routers(reader, raw, model);
	if (reader->code == 0)
		config_build_pools(reader, raw, model);
	if (reader->code == 0)
		config_build_tracking(reader, raw, model);
	config_check_locals(reader, model);
	if (reader->code == 0)
		config_build_services(reader, raw, model);
	if (reader->code == 0)
		config_build_probe_ports(reader, raw, model);
}
