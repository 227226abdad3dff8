/* SPDX-License-Identifier: BSD-3-Clause */
/* weirctl: the operator's command line. Each command is a line in the table; most are a request to
 * the control plane's admin socket (admin.h) and a way to show the answer. */
#include "common/config.h"
#include "common/source_lists.h"
#include "controlplane/weirctl_args.h"
#include "controlplane/weirctl_capture.h"
#include "controlplane/weirctl_completion.h"
#include "controlplane/weirctl_drain.h"
#include "controlplane/weirctl_import.h"
#include "controlplane/weirctl_manual.h"
#include "controlplane/weirctl_print.h"
#include "controlplane/weirctl_request.h"
#include "controlplane/weirctl_top.h"
#include "controlplane/weirctl_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Prints 'answer' (taken over) as the operator wants it; returns the exit status. */
static int
show(const struct arguments *arguments, json_t *answer)
{
	bool failed;

	if (arguments->json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		fputs("\n", stdout);
	} else {
		arguments->command->print(answer, stdout);
	}
	json_decref(answer);
	failed = fflush(stdout) != 0 || ferror(stdout);
	if (failed)
		fprintf(stderr, "weirctl: cannot write the answer: %s\n", strerror(errno));
	return failed ? EXIT_FAILED : 0;
}

static int
run_request(const struct arguments *arguments)
{
	struct err err = {""};
	char *socket = request_socket(arguments, &err);
	json_t *answer = NULL;
	int status;

	if (socket && arguments->watch_s > 0) {
		status = watch_run(arguments, socket);
		free(socket);
		return status;
	}
	if (socket)
		answer = request_send(
			socket, arguments->command->name, json_incref(arguments->params), &err);
	free(socket);
	return answer ? show(arguments, answer) : complain(&err, EXIT_FAILED);
}

static int
run_drain(const struct arguments *arguments)
{
	struct err err = {""};
	char *socket = request_socket(arguments, &err);
	json_t *answer = socket ? drain_send(arguments, socket, &err) : NULL;
	int status, shown;

	free(socket);
	if (!answer)
		return complain(&err, EXIT_FAILED);
	status = drain_status(answer);
	shown = show(arguments, answer);
	return shown == EXIT_DONE ? status : shown;
}

/* --- check --- */

static void
print_checked(json_t *answer, FILE *file)
{
	static const struct {
		const char *member;
		const char *name;
	} counted[] = {
		{"nodes", "nodes"},
		{"virtual_routers", "virtual routers"},
		{"checks", "checks"},
		{"pools", "pools"},
		{"services", "services"},
	};

	fprintf(file, "%s: fine: cluster %s", json_string_value(json_object_get(answer, "file")),
		json_string_value(json_object_get(answer, "cluster")));
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		json_int_t n = json_integer_value(json_object_get(answer, counted[i].member));

		fprintf(file, ", %" JSON_INTEGER_FORMAT " %.*s", n,
			(int)strlen(counted[i].name) - (n == 1), counted[i].name);
	}
	fputs("\n", file);
}

static int
run_check(const struct arguments *arguments)
{
	const char *path = json_string_value(json_object_get(arguments->params, "file"));
	struct err err = {""};
	struct model *model;
	json_t *answer;

	if (config_load(path, &model, &err) < 0)
		return complain(&err, EXIT_FAILED);
	if (source_lists_read(model, &err) < 0) {
		model_free(model);
		return complain(&err, EXIT_FAILED);
	}
	answer = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "file", path, "cluster",
		model->cluster, "nodes", (json_int_t)model->n_nodes, "virtual_routers",
		(json_int_t)model->n_routers, "checks", (json_int_t)model->n_checks, "pools",
		(json_int_t)model->n_pools, "services", (json_int_t)model->n_services);
	model_free(model);
	return show(arguments, answer);
}

/* --- import --- */

static int
run_import(const struct arguments *arguments)
{
	struct err err = {""};
	int rc = weirctl_import(arguments, &err);

	return rc < 0 ? complain(&err, EXIT_FAILED) : 0;
}

/* --- The table --- */

static const struct parameter services_parameters[] = {
	{NULL, "service", "SERVICE", "only this one", false, false},
	{NULL, NULL, NULL, NULL, false, false},
};

static const struct parameter backends_parameters[] = {
	{NULL, "backend", "BACKEND", "only backends of this name", false, false},
	{"--pool", "pool", "POOL", "only backends of this pool", false, false},
	{NULL, NULL, NULL, NULL, false, false},
};

static const struct parameter flows_parameters[] = {
	{"--service", "service", "SERVICE", "only flows of this service", false, false},
	{"--client", "client", "ADDRESS", "only flows from this address or prefix", false, false},
	{"--protocol", "protocol", "PROTOCOL", "only flows of tcp, or udp", false, false},
	{"--state", "state", "STATE", "only embryonic, established, fin, closed, udp_new or udp",
		false, false},
	{"--backend", "backend", "BACKEND", "only flows to backends of this name", false, false},
	{"--limit", "limit", "N", "at most so many (100)", true, false},
	{NULL, NULL, NULL, NULL, false, false},
};

static const struct parameter trace_parameters[] = {
	{"--protocol", "protocol", "PROTOCOL", "tcp, udp or icmp (an echo request)", false, true},
	{"--from", "from", "FROM", "ADDRESS:PORT of the client, of icmp without port", false, true},
	{"--to", "to", "TO", "ADDRESS:PORT that it sends to, of icmp without port", false, true},
	{"--flags", "flags", "FLAG", "of tcp: syn (default), ack, fin or rst", false, false},
	{"--size", "size", "BYTES", "size of the IP packet; else no payload", true, false},
	{"--icmp", "icmp", "ERROR",
		"an ICMP error about the flow: unreachable, too-big or time-exceeded", false,
		false},
	{"--fragment", "fragment", "PART",
		"of the packet: first, later, or lost (its first never comes)", false, false},
	{NULL, NULL, NULL, NULL, false, false},
};

static const struct parameter undrain_parameters[] = {
	{NULL, "backend", "BACKEND", "a name from 'weirctl backends'", false, true},
	{"--pool", "pool", "POOL", "only in this pool; else in all", false, false},
	{NULL, NULL, NULL, NULL, false, false},
};

static const struct parameter drain_parameters[] = {
	{NULL, "backend", "BACKEND", "a name from 'weirctl backends'", false, true},
	{"--pool", "pool", "POOL", "only in this pool; else in all", false, false},
	{"--wait", "wait", NULL, "return when its flows have gone", false, false},
	{"--until-flows", "until_flows", "N", "with --wait: or when so few are left (0)", true,
		false},
	{"--timeout", "timeout", "S", "with --wait: or after so many seconds", true, false},
	{NULL, NULL, NULL, NULL, false, false},
};

static const struct parameter weight_parameters[] = {
	{NULL, "backend", "BACKEND", "a name from 'weirctl backends'", false, true},
	{NULL, "weight", "WEIGHT", "0 to 1000; 0 takes no new flows", true, false},
	{"--pool", "pool", "POOL", "only in this pool; else in all", false, false},
	{"--reset", "reset", NULL, "the configured weight again", false, false},
	{NULL, NULL, NULL, NULL, false, false},
};

static const struct parameter failover_parameters[] = {
	{NULL, "router", "ROUTER", "only this virtual router; else all that the node holds", false,
		false},
	{NULL, NULL, NULL, NULL, false, false},
};

static const struct parameter history_parameters[] = {
	{NULL, "router", "ROUTER", "only of this virtual router", false, false},
	{"--limit", "limit", "N", "at most so many, the latest (40)", true, false},
	{NULL, NULL, NULL, NULL, false, false},
};

static const struct parameter check_parameters[] = {
	{NULL, "file", "FILE", "a cluster file", false, true},
	{NULL, NULL, NULL, NULL, false, false},
};

static const struct command commands[] = {
	{"status", "show the node, its dataplane and its virtual routers", NULL, run_request,
		print_status},
	{"services", "list services and what was sent to them", services_parameters, run_request,
		print_services},
	{"backends", "list backends, their health and what was sent to them", backends_parameters,
		run_request, print_backends},
	{"flows", "list flows that the dataplane knows", flows_parameters, run_request,
		print_flows},
	{"stats", "show counters of ports and of what became of packets", NULL, run_request,
		print_stats},
	{"top", "show services and backends on the whole terminal, with rates", top_parameters,
		top_run, NULL},
	{"sync", "show what other nodes are told of flows, and tell", NULL, run_request,
		print_sync},
	{"trace", "tell what would become of a packet, and why", trace_parameters, run_request,
		print_trace},
	{"capture", "write packets as they come in and as they leave to a file", capture_parameters,
		capture_run, capture_print},
	{"drain", "send no new flows from this node to a backend, and keep its old ones",
		drain_parameters, run_drain, print_drained},
	{"undrain", "send new flows to a drained backend again", undrain_parameters, run_request,
		print_undrained},
	{"weight", "give a backend another weight on this node, until the control plane restarts",
		weight_parameters, run_request, print_weights},
	{"failover", "hand virtual routers over to another node", failover_parameters, run_request,
		print_failover},
	{"history", "list the last transitions of virtual routers, and why", history_parameters,
		run_request, print_history},
	{"check", "check a cluster file without starting anything", check_parameters, run_check,
		print_checked},
	{"completion", "print what makes a shell complete weirctl's words", completion_parameters,
		completion_run, NULL},
	{"import", "make a cluster file of a keepalived.conf, or of IPVS's rules",
		weirctl_import_parameters, run_import, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

int
main(int argc, char **argv)
{
	struct arguments arguments;
	struct err err = {""};
	int status = 0;

	if (argc > 1 && strcmp(argv[1], COMPLETION_WORD) == 0) {
		completion_print(commands, argv + 2, (size_t)argc - 2, stdout);
		return EXIT_DONE;
	}
	if (argc > 1 && strcmp(argv[1], MANUAL_WORD) == 0) {
		manual_print(commands, stdout);
		return EXIT_DONE;
	}
	if (arguments_parse(&arguments, argc, argv, commands, &err) < 0)
		return complain(&err, EXIT_USAGE);
	if (arguments.help)
		arguments_explain(commands, arguments.command, stdout);
	else if (arguments.version)
		printf("weirctl %s\n", WEIR_VERSION);
	else
		status = arguments.command->run(&arguments);
	arguments_fini(&arguments);
	return status;
}
