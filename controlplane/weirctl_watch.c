/* SPDX-License-Identifier: BSD-3-Clause */
/* '--watch'; see weirctl_watch.h. */
#include "controlplane/weirctl_watch.h"

#include "common/clock.h"
#include "controlplane/weirctl_rates.h"
#include "controlplane/weirctl_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* To the upper left corner; and, behind what is written then, clears the rest. Each line clears
 * its own, so that nothing flickers. ECMA-48 8.3.21, 8.3.39, 8.3.41. */
#define HOME "\033[H"
#define CLEAR_LINE "\033[K\n"
#define CLEAR_BELOW "\033[J"

struct watch {
	const struct arguments *arguments;
	const char *socket;
	bool on_terminal;
	json_t *before; /* The last answer as it came; NULL: none yet. */
	uint64_t before_ns;
};

/* Sends 'text' to the terminal, line by line over what is there, and no more of it than fits: what
 * wraps or scrolls would spoil the next view. */
static void
write_over(const char *text)
{
	struct winsize window = {0};
	size_t n_lines, width;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &window);
	n_lines = window.ws_row > 1 ? window.ws_row - 1u : SIZE_MAX;
	width = window.ws_col > 0 ? window.ws_col : SIZE_MAX;
	fputs(HOME, stdout);
	while (*text && n_lines-- > 0) {
		size_t size = strcspn(text, "\n");

		fwrite(text, 1, size < width ? size : width, stdout);
		fputs(CLEAR_LINE, stdout);
		text += size + (text[size] == '\n');
	}
	fputs(CLEAR_BELOW, stdout);
}

static void
print_head(const struct watch *watch, FILE *file)
{
	time_t now = time(NULL);
	char at[32];
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(at, sizeof(at), "%H:%M:%S", &tm);
	fprintf(file, "%s, every %g s: weirctl %s\n\n", at, watch->arguments->watch_s,
		watch->arguments->command->name);
}

/* One view: the answer, or why there is none. */
static void
show_view(const struct watch *watch, json_t *answer, const struct err *err)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file;

	if (watch->arguments->json && answer) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		putchar('\n');
		return;
	}
	file = watch->arguments->json ? NULL : open_memstream(&text, &size);
	if (!file) {
		complain(err, 0);
		return;
	}
	print_head(watch, file);
	if (answer)
		watch->arguments->command->print(answer, file);
	else
		fprintf(file, "%s\n", err->text);
	fclose(file);
	if (watch->on_terminal)
		write_over(text);
	else
		printf("%s\n", text);
	free(text);
}

/* Asks once and shows what comes. Returns whether an answer has come. */
static bool
look(struct watch *watch)
{
	const struct arguments *arguments = watch->arguments;
	struct err err = {""};
	json_t *answer = request_send(
		watch->socket, arguments->command->name, json_incref(arguments->params), &err);
	uint64_t now_ns = clock_now_ns();
	json_t *rated = NULL;

	if (!answer && !watch->before_ns) {
		complain(&err, 0);
		return false;
	}
	if (answer)
		rated = json_deep_copy(answer);
	if (rated && watch->before)
		rates_add(rated, watch->before,
			(double)(now_ns - watch->before_ns) / (double)NS_PER_S);
	show_view(watch, rated, &err);
	json_decref(rated);
	json_decref(watch->before);
	watch->before = answer;
	watch->before_ns = now_ns;
	return answer != NULL;
}

int
watch_run(const struct arguments *arguments, const char *socket)
{
	struct watch watch = {.arguments = arguments,
		.socket = socket,
		.on_terminal = !arguments->json && isatty(STDOUT_FILENO)};
	double seconds = arguments->watch_s;
	struct timespec pause = {.tv_sec = (time_t)seconds};
	int status = EXIT_FAILED;

	pause.tv_nsec = (long)((seconds - (double)pause.tv_sec) * (double)NS_PER_S);
	if (watch.on_terminal)
		fputs(HOME CLEAR_BELOW, stdout);
	while ((look(&watch) || watch.before_ns) && fflush(stdout) == 0 && !ferror(stdout)) {
		status = 0;
		nanosleep(&pause, NULL);
	}
	json_decref(watch.before);
	return status;
}
