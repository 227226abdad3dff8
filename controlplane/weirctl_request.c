/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests; see weirctl_request.h. */
#include "controlplane/weirctl_request.h"

#include "common/config.h"
#include "common/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/weir/weir.yaml"
#define TIMEOUT_MS 5000u

char *
request_socket(const struct arguments *arguments, struct err *err)
{
	const char *config = arguments->config ? arguments->config : DEFAULT_CONFIG;
	const char *name = arguments->node;
	const struct node *node;
	struct model *model;
	char host[256] = "";
	char *path = NULL;

	if (arguments->socket)
		return strdup(arguments->socket);
	if (config_load(config, &model, err) < 0) {
		if (!arguments->config)
			err_prefix(err, "give --socket PATH or --config FILE");
		return NULL;
	}
	if (!name) {
		gethostname(host, sizeof(host) - 1);
		name = host;
	}
	node = model_node(model, name);
	if (node && node->role == ROLE_LB)
		path = strdup(node->lb.admin_socket);
	else if (arguments->node)
		err_set(err, -ENOENT, "%s: %s '%s': give --node NAME of a load balancer", config,
			node ? "no load balancer is called" : "there is no node called", name);
	else
		err_set(err, -ENOENT,
			"%s: this host, '%s', is not a load balancer in it: give --node NAME",
			config, name);
	model_free(model);
	return path;
}

json_t *
request_send(const char *socket, const char *method, json_t *params, struct err *err)
{
	if (access(socket, F_OK) == 0)
		return rpc_call_once(socket, method, params, TIMEOUT_MS, err);
	err_set(err, -errno,
		"%s: %s: start weir-controlplane on this node, or give the right --socket", socket,
		strerror(errno));
	json_decref(params);
	return NULL;
}

int
complain(const struct err *err, int status)
{
	fprintf(stderr, "weirctl: %s\n", err->text);
	return status;
}
