/* SPDX-License-Identifier: BSD-3-Clause */
/* The process after this one; see successor.h. */
#include "webtier/successor.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_SIZE 96

struct successor {
	uv_process_t process;
	uv_pipe_t pipe; /* Its word comes here. */
	void (*on_ready)(void *ctx);
	void (*on_failed)(void *ctx, const char *why);
	void *ctx;
	bool has_process;
	bool is_spawned; /* There is a handle to close. */
	char word[1];
	bool is_decided; /* One of the two has been called. */
	unsigned int n_handles;
};

static void
fail(struct successor *successor, const char *why)
{
	if (successor->is_decided)
		return;
	successor->is_decided = true;
	successor->on_failed(successor->ctx, why);
}

static void
on_exit_of_process(uv_process_t *process, int64_t status, int signal_number)
{
	char why[WHY_SIZE];

	if (signal_number)
		snprintf(why, sizeof(why), "it was ended by signal %d", signal_number);
	else
		snprintf(why, sizeof(why), "it ended with status %" PRId64, status);
	fail(process->data, why);
}

static void
give_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *out)
{
	struct successor *successor = handle->data;

	(void)wanted;
	*out = uv_buf_init(successor->word, sizeof(successor->word));
}

/* The end of the pipe says nothing: the process has ended, which is told on its own. */
static void
on_word(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct successor *successor = stream->data;

	(void)buf;
	if (n < 0)
		uv_read_stop(stream);
	if (n <= 0 || successor->is_decided)
		return;
	successor->is_decided = true;
	successor->on_ready(successor->ctx);
}

/* "WEIR_HANDOVER=http=80,https=443"; to be freed. */
static char *
tell_sockets(const struct successor_config *config)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "%s=", SOCKETS_VARIABLE);
	for (size_t i = 0; i < config->n_sockets; i++)
		fprintf(out, "%s%s=%u", i > 0 ? "," : "", socket_use_name(config->sockets[i].use),
			config->sockets[i].port);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* This process's environment with one more variable; the list is to be freed. */
static char **
make_environment(char *more)
{
	size_t n = 0;
	char **list;

	while (environ[n])
		n++;
	list = calloc(n + 2, sizeof(*list));
	if (!list)
		return NULL;
	memcpy(list, environ, n * sizeof(*list));
	list[n] = more;
	return list;
}

static int
spawn(struct successor *successor, uv_loop_t *loop, const struct successor_config *config)
{
	size_t n = SOCKETS_FIRST_FD + config->n_sockets + 1;
	uv_stdio_container_t *fds = calloc(n, sizeof(*fds));
	char *told = tell_sockets(config);
	char **environment = told ? make_environment(told) : NULL;
	uv_process_options_t options = {
		.exit_cb = on_exit_of_process,
		.file = config->argv[0],
		.args = config->argv,
		.env = environment,
		.stdio = fds,
		.stdio_count = (int)n,
	};
	int rc = -ENOMEM;

	if (fds && environment) {
		for (size_t i = 0; i + 1 < n; i++) {
			fds[i].flags = UV_INHERIT_FD;
			fds[i].data.fd = i < SOCKETS_FIRST_FD
						 ? (int)i
						 : config->sockets[i - SOCKETS_FIRST_FD].fd;
		}
		fds[n - 1].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
		fds[n - 1].data.stream = (uv_stream_t *)&successor->pipe;
		rc = uv_spawn(loop, &successor->process, &options);
		successor->is_spawned = true; /* Even if it failed. */
	}
	free(environment);
	free(told);
	free(fds);
	return rc;
}

int
successor_start(struct successor **out, uv_loop_t *loop, const struct successor_config *config,
	struct err *err)
{
	struct successor *successor = calloc(1, sizeof(*successor));
	int rc;

	if (!successor)
		return err_set(err, -ENOMEM, "out of memory");
	successor->on_ready = config->on_ready;
	successor->on_failed = config->on_failed;
	successor->ctx = config->ctx;
	uv_pipe_init(loop, &successor->pipe, 0);
	successor->pipe.data = successor;
	successor->process.data = successor;
	rc = spawn(successor, loop, config);
	successor->has_process = rc == 0;
	if (rc == 0)
		rc = uv_read_start((uv_stream_t *)&successor->pipe, give_buffer, on_word);
	if (rc < 0) {
		successor_free(successor);
		return err_set(err, rc, "cannot start %s: %s", config->argv[0], uv_strerror(rc));
	}
	*out = successor;
	return 0;
}

int
successor_pid(const struct successor *successor)
{
	return successor->process.pid;
}

static void
on_closed(uv_handle_t *handle)
{
	struct successor *successor = handle->data;

	if (--successor->n_handles == 0)
		free(successor);
}

void
successor_free(struct successor *successor)
{
	if (!successor)
		return;
	if (successor->has_process && !successor->is_decided)
		uv_process_kill(&successor->process, SIGTERM);
	successor->is_decided = true;
	successor->n_handles = successor->is_spawned ? 2 : 1;
	uv_close((uv_handle_t *)&successor->pipe, on_closed);
	if (successor->is_spawned)
		uv_close((uv_handle_t *)&successor->process, on_closed);
}
