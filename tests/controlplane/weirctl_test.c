/* SPDX-License-Identifier: BSD-3-Clause */
/* The real weirctl against a real admin socket. */
#include "tests/controlplane/admin_fixture.h"

#include "common/clock.h"

#include <stdlib.h>
#include <string.h>

/* A run of weirctl. */
struct run {
	uv_process_t process;
	uv_pipe_t pipes[2]; /* Its standard output and error. */
	char text[2][16384];
	size_t size[2];
	int n_open;
	bool done;
	int64_t status;
};

static void
on_closed(uv_handle_t *handle)
{
	struct run *run = handle->data;

	if (--run->n_open == 0)
		run->done = true;
}

static void
on_end(uv_process_t *process, int64_t status, int signal)
{
	struct run *run = process->data;

	assert_int_equal(signal, 0);
	run->status = status;
	uv_close((uv_handle_t *)process, on_closed);
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct run *run = handle->data;
	size_t i = handle == (uv_handle_t *)&run->pipes[1];

	(void)suggested;
	buf->base = run->text[i] + run->size[i];
	buf->len = sizeof(run->text[i]) - 1 - run->size[i];
}

static void
on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
	struct run *run = stream->data;

	(void)buf;
	if (size < 0)
		uv_close((uv_handle_t *)stream, on_closed);
	else
		run->size[stream == (uv_stream_t *)&run->pipes[1]] += (size_t)size;
}

/* Runs weirctl with the words of 'line' (parted by blanks) in the fixture's folder, and checks its
 * exit status. */
static void
weirctl(struct fixture *fixture, struct run *run, const char *line, int status)
{
	const char *program = getenv("WEIRCTL");
	char words[256];
	char *args[16];
	uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE}};
	uv_process_options_t options = {.stdio = stdio, .stdio_count = 3, .exit_cb = on_end};
	size_t n = 1;
	char *rest = words;

	assert_non_null(program);
	memset(run, 0, sizeof(*run));
	options.file = program;
	options.cwd = fixture->folder;
	options.args = args;
	snprintf(words, sizeof(words), "%s", line);
	args[0] = words + strlen(words); /* The program does not read its own name. */
	for (char *word; (word = strsep(&rest, " ")) != NULL;) {
		if (*word)
			args[n++] = word;
	}
	args[n] = NULL;
	for (size_t i = 0; i < 2; i++) {
		uv_pipe_init(&fixture->loop, &run->pipes[i], 0);
		run->pipes[i].data = run;
		stdio[i + 1].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
		stdio[i + 1].data.stream = (uv_stream_t *)&run->pipes[i];
	}
	run->process.data = run;
	run->n_open = 3;
	assert_int_equal(uv_spawn(&fixture->loop, &run->process, &options), 0);
	for (size_t i = 0; i < 2; i++)
		uv_read_start((uv_stream_t *)&run->pipes[i], on_alloc, on_read);
	run_until(fixture, &run->done);
	if (run->status != status)
		fail_msg("%s: exit status %d: %s%s", line, (int)run->status, run->text[0],
			run->text[1]);
}

static void
expect_part(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' does not say '%s'", text, part);
}

#define LB1 "--config weir.yaml --node lb1 "

static void
every_command_shows_a_table_and_json(void **state)
{
	static const struct {
		const char *line, *part;
	} cases[] = {
		{"status", "node lb1 of cluster lab: not ready"},
		{"services", "http4    tcp    10.77.1.100:80     yes"},
		{"services http6", "[fd77:1::100]:80"},
		{"backends", "web6  web2     fd77:1::22  unknown"},
		{"backends web1 --pool web4", "1.00k  1.50 KiB"},
		{"flows", "2 of 3456 flows"},
		{"flows --limit=7 --client 10.77.1.10 --service http4 --backend web1",
			"established"},
		{"trace --protocol tcp --from 10.77.1.10:4711 --to 10.77.1.100:80 --flags syn",
			"backend   web1 (10.77.1.21) of pool web4: chosen by the scheduler"},
		{"trace --protocol udp --from 10.77.1.10:4711 --to 10.77.1.100:53 --icmp too-big",
			"backend   web1 (10.77.1.21) of pool web4: chosen by the scheduler"},
		{"trace --protocol udp --from 10.77.1.10:4711 --to 10.77.1.100:53 --fragment first",
			"backend   web1 (10.77.1.21) of pool web4: chosen by the scheduler"},
		{"stats", "flows: 1.23k of at most 131k"},
		{"drain web1", "backend web1 of pool web6: takes no new flows"},
		{"undrain web1 --pool web6", "backend web1 of pool web6: takes new flows again"},
		{"drain web1 --pool web4 --wait --until-flows 17 --timeout 0",
			"done after 0.0 s: 17 flows left"},
		{"undrain web1", "backend web1 of pool web4: takes new flows again"},
		{"weight web2 7", "backend web2 of pool web4: weight is now 7, configured is 100"},
		{"backends web2", "unknown, weight set"},
		{"status", "backends: 0 of 4 up, 2 with another weight than configured"},
		{"weight web2 --reset --pool web4", "weight is now 100, configured is 100"},
		{"history", "front4  init  master"},
		{"history front6", "no virtual router has changed its state"},
		{"failover front4", "1 virtual router given up"},
		{"check weir.yaml", "weir.yaml: fine: cluster lab, 9 nodes, 2 virtual routers"},
	};
	struct fixture *fixture = *state;

	dataplane_start(fixture);
	cluster_router_set_state(fixture->cluster, 0, VRRP_MASTER, "", clock_now_ns());
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run run;
		char line[256];
		json_t *json;

		snprintf(line, sizeof(line), LB1 "%s", cases[i].line);
		weirctl(fixture, &run, line, 0);
		expect_part(run.text[0], cases[i].part);
		assert_string_equal(run.text[1], "");
		snprintf(line, sizeof(line), "%s --json " LB1, cases[i].line);
		weirctl(fixture, &run, line, 0);
		json = json_loads(run.text[0], 0, NULL);
		if (!json)
			fail_msg("%s: %s", line, run.text[0]);
		json_decref(json);
	}
}

static void
a_socket_can_be_named_directly(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	weirctl(fixture, &run, "--socket lb1/admin.sock status", 0);
	expect_part(run.text[0], "node lb1 of cluster lab");
}

static void
failures_say_what_to_do_and_exit_with_1(void **state)
{
	static const struct {
		const char *line, *part;
	} cases[] = {
		{LB1 "services none", "'weirctl services' lists them"},
		{LB1 "drain web9", "'weirctl backends' lists them"},
		{LB1 "drain web1 --timeout 5", "--until-flows and --timeout go with --wait"},
		{LB1 "drain web1 --wait --until-flows -1", "--until-flows must not be negative"},
		{LB1 "drain web1 --wait", "its flows cannot be counted"},
		{LB1 "weight web1", "give either a weight from 0 to 1000, or --reset"},
		{LB1 "weight web1 1001", "1001 is not from 0 to 1000"},
		{LB1 "flows", "the dataplane is not connected: start weir-dataplane"},
		{LB1 "flows --limit 0", "limit: 0 is not from 1 to 10000"},
		{LB1 "failover", "does not hold any virtual router"},
		{"--config weir.yaml --node lb2 status",
			"lb2/admin.sock: No such file or directory: "
			"start weir-controlplane"},
		{"--config weir.yaml --node web1 status", "no load balancer is called 'web1'"},
		{"--config weir.yaml --node lb3 status", "there is no node called 'lb3'"},
		{"--config none.yaml --node lb1 status", "none.yaml"},
		{"--socket none.sock status", "none.sock: No such file or directory"},
		{"check none.yaml", "none.yaml"},
		{"check lb1/admin.sock", "lb1/admin.sock"},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run run;

		weirctl(fixture, &run, cases[i].line, 1);
		expect_part(run.text[1], "weirctl: ");
		expect_part(run.text[1], cases[i].part);
		assert_string_equal(run.text[0], "");
	}
}

static void
wrong_usage_names_the_help_and_exits_with_2(void **state)
{
	static const struct {
		const char *line, *part;
	} cases[] = {
		{"", "a command is missing; try 'weirctl help'"},
		{"reboot", "there is no command 'reboot'; try 'weirctl help'"},
		{"drain", "drain needs BACKEND: a name from 'weirctl backends'; try 'weirctl help "
			  "drain'"},
		{"drain web1 web2", "'web2' is one argument too many"},
		{"status --pool web4", "there is no option '--pool' of status"},
		{"--pool web4 backends", "there is no option '--pool'"},
		{"flows --limit many", "'many' is not a whole number"},
		{"flows --limit 9999999999999999999", "is not a whole number"},
		{"flows --limit", "--limit needs a value"},
		{"status --socket", "--socket needs a value"},
		{"status --json=yes", "--json takes no value"},
		{"check", "check needs FILE"},
		{"servces", "there is no command 'servces', but there is 'services'; try"},
		{"hist", "but there is 'history'; try 'weirctl help'"},
		{"flows --clinet x", "of flows, but there is '--client'; try 'weirctl help flows'"},
		{"status --watch=0", "--watch: '0' is not a number of seconds from 0.1 to 3600"},
		{"status --watch 5x", "'5x' is not a number of seconds"},
		{"drain web1 --watch", "drain is no list to watch"},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run run;

		weirctl(fixture, &run, cases[i].line, 2);
		expect_part(run.text[1], cases[i].part);
	}
}

static void
a_drain_that_takes_too_long_exits_with_3(void **state)
{
	struct fixture *fixture = *state;
	struct run run;

	dataplane_start(fixture);
	weirctl(fixture, &run, LB1 "drain web1 --pool web4 --wait --timeout 1 --until-flows 16", 3);
	expect_part(run.text[0], "backend web1 of pool web4: takes no new flows");
	expect_part(run.text[0], "time over after ");
	expect_part(run.text[0], "17 flows left");
	assert_true(cluster_pool(fixture->cluster, 0)->backends[0].drained);
	weirctl(fixture, &run, "--json " LB1 "drain web1 --pool web4 --wait --timeout 0", 3);
	expect_part(run.text[0], "\"active_flows\": 17");
}

static void
help_tells_of_every_command(void **state)
{
	static const char *const names[] = {"status", "services", "backends", "flows", "stats",
		"drain", "undrain", "weight", "failover", "history", "check"};
	struct fixture *fixture = *state;
	struct run run;

	weirctl(fixture, &run, "--help", 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char part[64], line[64];
		struct run of_command;

		snprintf(part, sizeof(part), "\n  %s ", names[i]);
		expect_part(run.text[0], part);
		snprintf(line, sizeof(line), "help %s", names[i]);
		weirctl(fixture, &of_command, line, 0);
		snprintf(part, sizeof(part), "Usage: weirctl [OPTION...] %s", names[i]);
		expect_part(of_command.text[0], part);
	}
	expect_part(run.text[0], "\nExit status:\n  0                   done\n");
	weirctl(fixture, &run, "flows --help", 0);
	expect_part(run.text[0], "--client ADDRESS");
	weirctl(fixture, &run, "--version", 0);
	expect_part(run.text[0], "weirctl " WEIR_VERSION "\n");
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		CASE(every_command_shows_a_table_and_json),
		CASE(a_socket_can_be_named_directly),
		CASE(failures_say_what_to_do_and_exit_with_1),
		CASE(wrong_usage_names_the_help_and_exits_with_2),
		CASE(a_drain_that_takes_too_long_exits_with_3),
		CASE(help_tells_of_every_command),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
