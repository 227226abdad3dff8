/* SPDX-License-Identifier: BSD-3-Clause */
/* The key 'flow_sync', the files of its keys, and its way through a control message. */
#include "common/config.h"
#include "common/control.h"
#include "common/flow_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef"

#define NODE(name, metrics, more)                                                   \
	"  - name: " name "\n    role: lb\n    metrics: \"" metrics "\"\n    lb:\n" \
	"      control_socket: " name "c\n      admin_socket: " name "a\n"          \
	"      ports:\n        - {name: front, device: x, host_interface: weir0}\n" more

#define CLUSTER(first, second, more) "cluster: a\nnodes:\n" first second more

#define LB1 NODE("lb1", "192.0.2.1:9100", "")
#define LB2 NODE("lb2", "192.0.2.2:9100", "")
#define KEY "flow_sync: {keys: [{id: 1, file: sync.key}]}\n"

static struct model *
load(const char *text)
{
	struct model *model = NULL;
	struct err err = {""};

	if (config_parse(text, strlen(text), "weir.yaml", &model, &err) < 0)
		fail_msg("%s", err.text);
	return model;
}

static void
assert_refused(const char *text, const char *why)
{
	struct model *model = NULL;
	struct err err = {""};

	assert_int_equal(config_parse(text, strlen(text), "weir.yaml", &model, &err), -EINVAL);
	if (!strstr(err.text, why))
		fail_msg("'%s' is not in: %s", why, err.text);
}

static void
it_is_off_unless_it_is_asked_for(void **state)
{
	struct model *model = load(CLUSTER(LB1, LB2, ""));
	struct flow_sync sync = {.n_peers = 9};

	(void)state;
	assert_int_equal(flow_sync_read(&sync, model, model_node(model, "lb1"), NULL), 0);
	assert_int_equal(sync.listen.addr.family, ADDR_NONE);
	assert_int_equal(sync.n_peers, 0);
	model_free(model);
}

static void
addresses_are_those_of_metrics_or_given(void **state)
{
	struct model *model =
		load(CLUSTER(LB1, NODE("lb2", "192.0.2.2:9100", "      sync_address: 192.0.2.9\n"),
			"flow_sync: {port: 99, keys: [{id: 7, file: a}, {id: 3, file: b}]}\n"));
	char text[ADDR_TEXT_SIZE];

	(void)state;
	assert_int_equal(model->flow_sync.port, 99);
	assert_int_equal(model->flow_sync.n_keys, 2);
	assert_int_equal(model->flow_sync.keys[0].id, 7);
	assert_string_equal(
		addr_format(&model_node(model, "lb1")->lb.sync_address, text, sizeof(text)),
		"192.0.2.1");
	assert_string_equal(
		addr_format(&model_node(model, "lb2")->lb.sync_address, text, sizeof(text)),
		"192.0.2.9");
	model_free(model);
}

static void
what_cannot_work_is_refused(void **state)
{
	(void)state;
	assert_refused(CLUSTER(LB1, "", KEY), "1 nodes have role lb");
	assert_refused(CLUSTER(LB1, NODE("lb2", "192.0.2.1:9101", ""), KEY), "both sync flows at");
	assert_refused(
		CLUSTER(LB1, NODE("lb2", "[2001:db8::2]:9100", ""), KEY), "different versions");
	assert_refused(CLUSTER(LB1, NODE("lb2", "0.0.0.0:9100", ""), KEY), "cannot send to");
	assert_refused(
		CLUSTER(LB1, NODE("lb2", "192.0.2.2:9100", "      sync_address: 192.0.2.9\n"), ""),
		"without the key 'flow_sync'");
	assert_refused(CLUSTER(LB1, LB2, "flow_sync: {port: 9}\n"), "give from 1 to 4");
	assert_refused(CLUSTER(LB1, LB2, "flow_sync: {keys: [{id: 256, file: a}]}\n"), "256");
	assert_refused(CLUSTER(LB1, LB2, "flow_sync: {keys: [{id: 1}]}\n"), "'file' is missing");
	assert_refused(
		CLUSTER(LB1, LB2, "flow_sync: {keys: [{id: 1, file: a}, {id: 1, file: b}]}\n"),
		"used twice");
}

/* Writes a file with the secret 'text' and reads it as that of a cluster's key. */
static int
read_secret(const char *text, mode_t mode, struct flow_sync *out, struct err *err)
{
	char path[] = "/tmp/weir-sync-XXXXXX", yaml[2048];
	int fd = mkstemp(path), rc;
	struct model *model;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	snprintf(yaml, sizeof(yaml), CLUSTER(LB1, LB2, "flow_sync: {keys: [{id: 5, file: %s}]}\n"),
		path);
	model = load(yaml);
	rc = flow_sync_read(out, model, model_node(model, "lb2"), err);
	model_free(model);
	unlink(path);
	return rc;
}

static void
secrets_come_from_files_that_others_may_not_read(void **state)
{
	struct flow_sync sync = {.n_keys = 0};
	struct err err = {""};
	char long_text[FLOW_SYNC_SECRET_MAX + 2];

	(void)state;
	assert_int_equal(read_secret(SECRET "\n", 0600, &sync, &err), 0);
	assert_int_equal(sync.n_peers, 1);
	assert_int_equal(sync.peers[0].port, FLOW_SYNC_PORT);
	assert_int_equal(sync.keys[0].id, 5);
	assert_int_equal(sync.keys[0].size, strlen(SECRET));
	assert_memory_equal(sync.keys[0].secret, SECRET, strlen(SECRET));
	assert_int_equal(read_secret(SECRET, 0640, &sync, &err), 0);
	assert_int_equal(read_secret(SECRET, 0604, &sync, &err), -EPERM);
	assert_non_null(strstr(err.text, "chmod 600"));
	assert_int_equal(read_secret(SECRET, 0660, &sync, &err), -EPERM);
	assert_int_equal(read_secret("0123456789abcde\n", 0600, &sync, &err), -EINVAL);
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_int_equal(read_secret(long_text, 0600, &sync, &err), -EINVAL);
}

static void
a_state_carries_it(void **state)
{
	struct control_state sent = {.generation = 1}, *received = NULL;
	struct err err = {""};
	json_t *json;

	(void)state;
	assert_int_equal(read_secret(SECRET, 0600, &sent.sync, &err), 0);
	json = control_state_encode(&sent);
	assert_int_equal(control_state_decode(json, &received, &err), 0);
	assert_memory_equal(&received->sync, &sent.sync, sizeof(sent.sync));
	control_state_free(received);
	json_object_set_new(
		json_array_get(json_object_get(json_object_get(json, "sync"), "keys"), 0), "secret",
		json_string("abcd"));
	assert_int_equal(control_state_decode(json, &received, &err), -EINVAL);
	assert_non_null(strstr(err.text, "sync: keys[0]: secret"));
	assert_null(strstr(err.text, "abcd"));
	json_decref(json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_off_unless_it_is_asked_for),
		cmocka_unit_test(addresses_are_those_of_metrics_or_given),
		cmocka_unit_test(what_cannot_work_is_refused),
		cmocka_unit_test(secrets_come_from_files_that_others_may_not_read),
		cmocka_unit_test(a_state_carries_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
