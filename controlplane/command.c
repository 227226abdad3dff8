/* SPDX-License-Identifier: BSD-3-Clause */
/* Running a program; see command.h.
 *
 * uv_spawn() waits until the child has executed its program, which a file system that hangs makes
 * for ever. So this forks by itself, and learns of the end by a pidfd. */
#include "controlplane/command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT_RUN 127 /* As a shell says it. */

struct command {
	pid_t pid;
	int fd; /* Readable when it has ended. */
	uv_poll_t poll;
	command_done_fn on_done;
	void *ctx;
};

/* In the child, where only what is safe in a signal handler may be called. */
static _Noreturn void
become(const char *const *words, char *const *environment)
{
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(null, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	close_range(STDERR_FILENO + 1, UINT_MAX, 0);
	/* execve() does not write to them. */
	execve(words[0], (char *const *)(uintptr_t)words, environment);
	_exit(CANNOT_RUN);
}

/* The own environment and 'settings', ended by NULL; free() it. */
static char **
make_environment(const char *const *settings)
{
	size_t n_own = 0, n = 0;
	char **all;

	while (environ[n_own])
		n_own++;
	while (settings && settings[n])
		n++;
	all = calloc(n_own + n + 1, sizeof(*all));
	if (!all)
		return NULL;
	memcpy(all, environ, n_own * sizeof(*all));
	if (n > 0)
		memcpy(all + n_own, settings, n * sizeof(*all));
	return all;
}

static void
on_closed(uv_handle_t *handle)
{
	struct command *command = handle->data;

	close(command->fd);
	free(command);
}

static void
on_end(uv_poll_t *poll, int status, int events)
{
	struct command *command = poll->data;
	siginfo_t info = {.si_pid = 0};
	char why[COMMAND_WHY_SIZE];

	(void)status;
	(void)events;
	if (waitid(P_PIDFD, (id_t)command->fd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
		return;
	if (info.si_code != CLD_EXITED)
		snprintf(why, sizeof(why), "ended by signal %d (%s)", info.si_status,
			strsignal(info.si_status));
	else if (info.si_status == CANNOT_RUN)
		snprintf(why, sizeof(why), "cannot be run (exit status %d)", CANNOT_RUN);
	else
		snprintf(why, sizeof(why), "exit status %d", info.si_status);
	uv_close((uv_handle_t *)poll, on_closed);
	if (command->on_done)
		command->on_done(
			command->ctx, info.si_code == CLD_EXITED && info.si_status == 0, why);
}

/* Watches the child 'pid', or ends it. Returns 0 or a negative errno. */
static int
watch(struct command *command, uv_loop_t *loop, pid_t pid)
{
	int rc;

	command->pid = pid;
	command->fd = (int)syscall(SYS_pidfd_open, pid, 0);
	rc = command->fd < 0 ? -errno : uv_poll_init(loop, &command->poll, command->fd);
	if (rc < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (command->fd >= 0)
			close(command->fd);
		return rc;
	}
	command->poll.data = command;
	uv_poll_start(&command->poll, UV_READABLE, on_end);
	return 0;
}

int
command_start(struct command **out, uv_loop_t *loop, const char *const *words,
	const char *const *settings, command_done_fn on_done, void *ctx)
{
	struct command *command = calloc(1, sizeof(*command));
	char **environment = make_environment(settings);
	pid_t pid = -1;
	int rc = -ENOMEM;

	if (command && environment) {
		pid = fork();
		if (pid == 0)
			become(words, environment);
		rc = pid < 0 ? -errno : 0;
	}
	free(environment);
	if (rc == 0) {
		/* Also here, so that it has a group before anybody kills that. */
		setpgid(pid, pid);
		command->on_done = on_done;
		command->ctx = ctx;
		rc = watch(command, loop, pid);
	}
	if (rc < 0) {
		free(command);
		return rc;
	}
	*out = command;
	return 0;
}

void
command_kill(struct command *command)
{
	command->on_done = NULL;
	kill(-command->pid, SIGKILL);
}

void
command_leave(struct command *command)
{
	uv_close((uv_handle_t *)&command->poll, on_closed);
}
