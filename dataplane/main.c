/* SPDX-License-Identifier: BSD-3-Clause */
/* weir-dataplane: the packet forwarding process of a load balancer. */
#include "common/config.h"
#include "common/log.h"
#include "common/options.h"
#include "dataplane/dataplane.h"

#include <stdlib.h>

LOG_MODULE("dataplane");

int
main(int argc, char **argv)
{
	static struct dataplane dataplane;
	struct options options;
	struct err err = {""};
	int status = EXIT_SUCCESS;

	options_parse(&options, argc, argv, "weir-dataplane",
		"forwards packets for the virtual addresses of a load balancer", ROLE_LB);
	if (dataplane_start(&dataplane, &options, &err) == 0) {
		LOG_INFORM("%s is ready: %u ports, %u workers, control socket %s",
			options.node->name, dataplane.n_ports, dataplane.n_workers,
			options.node->lb.control_socket);
		dataplane_run(&dataplane);
	} else {
		LOG_ERR("%s", err.text);
		status = EXIT_FAILURE;
	}
	dataplane_stop(&dataplane);
	model_free(options.model);
	return status;
}
