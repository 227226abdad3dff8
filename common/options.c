/* SPDX-License-Identifier: BSD-3-Clause */
/* Command line of the daemons; see options.h. */
#include "common/options.h"

#include "common/config.h"
#include "common/log.h"
#include "common/plan.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("config");

#define EXIT_USAGE 2

static const struct option_help {
	struct option option;
	const char *value;
	const char *help;
} options[] = {
	{{"config", required_argument, NULL, 'c'}, "FILE", "the cluster file, weir.yaml"},
	{{"node", required_argument, NULL, 'n'}, "NAME", "which of its nodes this process is"},
	{{"log-level", required_argument, NULL, 'l'}, "LEVEL",
		"error, warn, info (default) or debug"},
	{{"help", no_argument, NULL, 'h'}, "", "print this help"},
	{{"version", no_argument, NULL, 'V'}, "", "print the version"},
};

#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

static void
print_help(const char *program, const char *summary)
{
	printf("%s: %s\n\nUsage: %s --config FILE --node NAME [--log-level LEVEL]\n\n", program,
		summary, program);
	for (size_t i = 0; i < N_OPTIONS; i++)
		printf("  -%c, --%-9s %-6s %s\n", options[i].option.val, options[i].option.name,
			options[i].value, options[i].help);
}

__attribute__((noreturn)) static void
fail(const char *program, const char *what)
{
	fprintf(stderr, "%s: %s\n", program, what);
	exit(EXIT_USAGE);
}

static void
apply(struct options *chosen, int option, const char *value, const char *program,
	const char *summary)
{
	enum log_level level;
	struct err err;

	switch (option) {
	case 'c':
		chosen->config_path = value;
		break;
	case 'n':
		chosen->node_name = value;
		break;
	case 'l':
		if (log_level_parse(value, &level, &err) < 0)
			fail(program, err.text);
		log_set_level(level);
		break;
	case 'h':
		print_help(program, summary);
		exit(EXIT_SUCCESS);
	case 'V':
		printf("%s %s\n", program, WEIR_VERSION);
		exit(EXIT_SUCCESS);
	default: /* getopt_long() has printed what is wrong. */
		fprintf(stderr, "Try '%s --help'.\n", program);
		exit(EXIT_USAGE);
	}
}

static void
list_nodes(const struct model *model, enum node_role role, char *text, size_t size)
{
	const struct node *node = NULL;

	text[0] = '\0';
	while ((node = model_next_node(model, role, node)) != NULL) {
		size_t used = strlen(text);

		snprintf(text + used, size - used, "%s%s", used ? ", " : "", node->name);
	}
}

static void
find_node(struct options *chosen, const char *program, enum node_role role)
{
	char nodes[ERR_TEXT_SIZE / 2];
	struct err err;

	chosen->node = model_node(chosen->model, chosen->node_name);
	if (chosen->node && chosen->node->role == role)
		return;
	list_nodes(chosen->model, role, nodes, sizeof(nodes));
	err_set(&err, 0, "--node %s: %s has no node of that name with role %s; it has: %s",
		chosen->node_name, chosen->config_path, node_role_name(role),
		*nodes ? nodes : "none");
	fail(program, err.text);
}

void
options_parse(struct options *chosen, int argc, char **argv, const char *program,
	const char *summary, enum node_role role)
{
	struct option long_options[N_OPTIONS + 1] = {{NULL, 0, NULL, 0}};
	struct err err;
	int option;

	memset(chosen, 0, sizeof(*chosen));
	for (size_t i = 0; i < N_OPTIONS; i++)
		long_options[i] = options[i].option;
	while ((option = getopt_long(argc, argv, "c:n:l:hV", long_options, NULL)) != -1)
		apply(chosen, option, optarg, program, summary);
	if (optind < argc) {
		err_set(&err, 0, "'%s' is not an option; try '%s --help'", argv[optind], program);
		fail(program, err.text);
	}
	if (!chosen->config_path || !chosen->node_name) {
		err_set(&err, 0, "--config and --node are needed; try '%s --help'", program);
		fail(program, err.text);
	}
	if (config_load(chosen->config_path, &chosen->model, &err) < 0)
		fail(program, err.text);
	find_node(chosen, program, role);
}

int
options_reload(const struct options *chosen, struct model **model, const struct node **node,
	struct err *err)
{
	const struct node *own;
	int rc = config_load(chosen->config_path, model, err);

	if (rc < 0)
		return rc;
	own = model_node(*model, chosen->node_name);
	if (own && own->role == chosen->node->role) {
		*node = own;
		return 0;
	}
	model_free(*model);
	return err_set(err, -ENOENT,
		"%s: the node '%s' with role %s, which this process is, is not in it any more: "
		"stop the process instead",
		chosen->config_path, chosen->node_name, node_role_name(chosen->node->role));
}

void
options_explain_reload(const struct options *chosen)
{
	const struct node *node;
	struct model *model;
	struct plan *plan;
	struct err err = {""};

	if (options_reload(chosen, &model, &node, &err) < 0) {
		LOG_ERR("not reloaded: %s", err.text);
		return;
	}
	if (plan_new(&plan, chosen->model, model) == 0) {
		plan_log(plan, chosen->node);
		plan_free(plan);
	}
	model_free(model);
}
