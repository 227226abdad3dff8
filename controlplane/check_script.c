/* SPDX-License-Identifier: BSD-3-Clause */
/* Script check: a program, told where the backend is, ends with status 0; see check.h. It is killed
 * with its whole process group when its time is over. */
#include "controlplane/check.h"

#include "controlplane/command.h"

#include <stdlib.h>
#include <string.h>

#define SETTING_SIZE 80

struct script_probe {
	struct command *command;
	check_done_fn done;
	void *ctx;
};

static void
on_done(void *ctx, bool ok, const char *why)
{
	struct script_probe *probe = ctx;
	check_done_fn done = probe->done;
	void *done_ctx = probe->ctx;

	free(probe);
	done(done_ctx, ok, why);
}

static void *
start(void *engine, const struct check_target *target, check_done_fn done, void *ctx,
	struct err *err)
{
	struct script_probe *probe = calloc(1, sizeof(*probe));
	char address[SETTING_SIZE], port[SETTING_SIZE], check[SETTING_SIZE], backend[SETTING_SIZE];
	char text[ADDR_TEXT_SIZE];
	const char *const settings[] = {address, port, check, backend, NULL};
	int rc = -ENOMEM;

	(void)engine;
	addr_format(&target->endpoint.addr, text, sizeof(text));
	snprintf(address, sizeof(address), "WEIR_ADDRESS=%s", text);
	snprintf(port, sizeof(port), "WEIR_PORT=%u", target->endpoint.port);
	snprintf(check, sizeof(check), "WEIR_CHECK=%s", target->check->name);
	snprintf(backend, sizeof(backend), "WEIR_BACKEND=%s", target->backend);
	if (probe) {
		probe->done = done;
		probe->ctx = ctx;
		rc = command_start(&probe->command, target->loop, target->check->command, settings,
			on_done, probe);
	}
	if (rc < 0) {
		err_set(err, rc, "%s", strerror(-rc));
		free(probe);
		return NULL;
	}
	return probe;
}

static const char *
cancel(void *ctx)
{
	struct script_probe *probe = ctx;

	command_kill(probe->command);
	free(probe);
	return "end of the script";
}

const struct check_kind check_script = {
	.needs_no_port = true,
	.start = start,
	.cancel = cancel,
};
