/* SPDX-License-Identifier: BSD-3-Clause */
/* 'weirctl top'; see weirctl_top.h. This file owns the terminal; what is on it is made in
 * weirctl_top_view.c. */
#include "controlplane/weirctl_top.h"

#include "common/clock.h"
#include "common/json_field.h"
#include "controlplane/weirctl_cells.h"
#include "controlplane/weirctl_rates.h"
#include "controlplane/weirctl_request.h"
#include "controlplane/weirctl_top_view.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ncurses has macros of these names, which are words here. */
#define NCURSES_NOMACROS
#include <curses.h>

#define INTERVAL_S 2
#define INTERVAL_MAX_S 60

const struct parameter top_parameters[] = {
	{"--interval", "interval", "SECONDS", "look every so many seconds (2)", true, false},
	{NULL, NULL, NULL, NULL, false, false},
};

enum question {
	STATUS,
	SERVICES,
	BACKENDS,
	STATS,
	N_QUESTIONS
};

static const char *const methods[N_QUESTIONS] = {"status", "services", "backends", "stats"};

struct top {
	char *socket;
	struct top_view view;
	json_t *answers[N_QUESTIONS]; /* As they came; NULL: none yet. */
	json_t *rated[N_QUESTIONS];   /* With rates. */
	uint64_t looked_ns;
	struct err problem; /* Why the last look failed; "": it did not. */
	sigset_t ending;    /* Signals that end it. */
};

/* --- Looking --- */

static void
forget(json_t **answers)
{
	for (size_t i = 0; i < N_QUESTIONS; i++) {
		json_decref(answers[i]);
		answers[i] = NULL;
	}
}

/* Asks everything once. What was known stays where the node does not answer. */
static int
look(struct top *top)
{
	json_t *answers[N_QUESTIONS] = {NULL};
	uint64_t now_ns;
	double seconds;

	for (size_t i = 0; i < N_QUESTIONS; i++) {
		answers[i] = request_send(top->socket, methods[i], NULL, &top->problem);
		/* Without its dataplane a node has no statistics, and is worth a look. */
		if (!answers[i] && i != STATS) {
			forget(answers);
			return -EIO;
		}
	}
	now_ns = clock_now_ns();
	seconds = (double)(now_ns - top->looked_ns) / (double)NS_PER_S;
	if (answers[STATS])
		top->problem.text[0] = '\0';
	forget(top->rated);
	for (size_t i = 0; i < N_QUESTIONS; i++) {
		top->rated[i] = json_deep_copy(answers[i]);
		if (top->answers[i] && top->rated[i])
			rates_add(top->rated[i], top->answers[i], seconds);
		json_decref(top->answers[i]);
		top->answers[i] = answers[i];
	}
	top->looked_ns = now_ns;
	return 0;
}

/* --- The terminal --- */

static attr_t
attributes_of(enum top_style style)
{
	static const attr_t attributes[] = {
		[TOP_PLAIN] = A_NORMAL,
		[TOP_HEAD] = A_BOLD,
		[TOP_TITLE] = A_REVERSE,
		[TOP_BAD] = A_BOLD,
		[TOP_DIM] = A_DIM,
		[TOP_HELP] = A_REVERSE,
	};

	return attributes[style] | (style == TOP_BAD && has_colors() ? COLOR_PAIR(1) : 0);
}

static void
draw(struct top *top)
{
	time_t now = time(NULL);
	char at[16];
	struct tm tm;
	struct top_data data = {.status = top->rated[STATUS],
		.services = top->rated[SERVICES],
		.backends = top->rated[BACKENDS],
		.stats = top->rated[STATS],
		.problem = top->problem.text[0] ? top->problem.text : NULL,
		.time = at};
	struct top_lines lines;

	localtime_r(&now, &tm);
	strftime(at, sizeof(at), "%H:%M:%S", &tm);
	top_view_draw(&top->view, &data, (size_t)COLS, (size_t)LINES, &lines);
	erase();
	for (size_t i = 0; i < lines.n; i++) {
		const struct top_line *line = &lines.lines[i];
		bool wide = line->style == TOP_TITLE || line->style == TOP_HELP;

		attrset((int)attributes_of(line->style));
		if (wide)
			mvhline((int)i, 0, ' ', COLS);
		mvaddstr((int)i, 0, line->text);
	}
	attrset((int)A_NORMAL);
	refresh();
	top_lines_fini(&lines);
}

static int
key_of(int code)
{
	static const struct {
		int code, key;
	} keys[] = {
		{KEY_UP, TOP_KEY_UP},
		{KEY_DOWN, TOP_KEY_DOWN},
		{KEY_PPAGE, TOP_KEY_PAGE_UP},
		{KEY_NPAGE, TOP_KEY_PAGE_DOWN},
		{KEY_HOME, TOP_KEY_HOME},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].code == code)
			return keys[i].key;
	}
	return code < KEY_MIN ? code : 0;
}

/* Milliseconds until the next look. */
static int
time_left_ms(const struct top *top)
{
	uint64_t passed_ns = clock_now_ns() - top->looked_ns;
	double left_ms = top->view.interval_s * 1e3 - (double)passed_ns / 1e6;

	return left_ms > 0 ? (int)ceil(left_ms) : 0;
}

/* Whether a signal has come that ends the program. They are blocked, but while a key is waited
 * for, so that the terminal is always given back. */
static bool
is_signalled(const struct top *top)
{
	const struct timespec now = {0};

	return sigtimedwait(&top->ending, NULL, &now) > 0;
}

static bool
handle_key(struct top *top, int code)
{
	bool go_on = true;

	if (code != ERR)
		go_on = top_view_key(&top->view, key_of(code));
	return go_on && !is_signalled(top);
}

/* How long a key is waited for before signals are looked for. */
#define SIGNALS_MS 200

static void
run(struct top *top)
{
	bool go_on = true;

	while (go_on) {
		int left_ms = time_left_ms(top);

		if (left_ms == 0 && !top->view.paused) {
			look(top);
			if (top->problem.text[0])
				top->looked_ns = clock_now_ns();
			left_ms = time_left_ms(top);
		}
		draw(top);
		if (left_ms > SIGNALS_MS || top->view.paused)
			left_ms = SIGNALS_MS;
		timeout(left_ms);
		go_on = handle_key(top, getch());
	}
}

static void
block_signals(struct top *top)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

	sigemptyset(&top->ending);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&top->ending, numbers[i]);
	sigprocmask(SIG_BLOCK, &top->ending, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int
take_terminal(struct top *top, SCREEN **out, struct err *err)
{
	const char *name = getenv("TERM");

	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return err_set(err, -ENOTTY,
			"top needs a terminal; elsewhere try 'weirctl services --watch'");
	block_signals(top);
	*out = newterm(NULL, stdout, stdin);
	if (!*out)
		return err_set(err, -ENOTTY,
			"the terminal '%s' is not known here: set TERM to one that is, or try "
			"'weirctl services --watch'",
			name ? name : "");
	cbreak();
	noecho();
	keypad(stdscr, true);
	curs_set(0);
	if (has_colors()) {
		start_color();
		use_default_colors();
		init_pair(1, COLOR_RED, -1);
	}
	return 0;
}

int
top_run(const struct arguments *arguments)
{
	struct err err = {""};
	struct top top = {.socket = request_socket(arguments, &err)};
	uint64_t interval_s = INTERVAL_S;
	SCREEN *screen = NULL;
	int rc = top.socket ? 0 : -EIO;

	if (json_object_get(arguments->params, "interval") &&
		json_field_integer(
			arguments->params, "interval", 1, INTERVAL_MAX_S, &interval_s, &err) < 0) {
		free(top.socket);
		err_prefix(&err, "top");
		return complain(&err, EXIT_USAGE);
	}
	if (rc == 0 && (rc = look(&top)) < 0)
		err = top.problem;
	top_view_init(&top.view, (double)interval_s);
	if (rc == 0)
		rc = take_terminal(&top, &screen, &err);
	if (rc == 0) {
		run(&top);
		endwin();
		delscreen(screen);
	}
	forget(top.answers);
	forget(top.rated);
	free(top.socket);
	return rc < 0 ? complain(&err, EXIT_FAILED) : EXIT_DONE;
}
