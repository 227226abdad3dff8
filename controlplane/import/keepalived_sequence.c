/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of a keepalived configuration that stand for many: "~SEQ(VAR, start, step, end) REST" and
 * "~LST(VAR, value, ...) REST"; see keepalived_expand.h. */
#include "controlplane/import/keepalived_expand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 256 /* Between the parentheses. */
#define VARIABLES_MAX 16

/* A part of the line. */
struct piece {
	const char *text;
	size_t size;
};

static struct piece
trim(const char *begin, const char *end)
{
	while (begin < end && strchr(" \t", *begin))
		begin++;
	while (end > begin && strchr(" \t", end[-1]))
		end--;
	return (struct piece){begin, (size_t)(end - begin)};
}

/* Parts 'text' at its commas; those inside braces stay. Returns how many, or WORDS_MAX + 1. */
static size_t
part(struct piece text, struct piece words[static WORDS_MAX])
{
	const char *end = text.text + text.size;
	const char *begin = text.text;
	size_t n = 0;
	int depth = 0;

	for (const char *c = begin; c <= end; c++) {
		if (c < end && *c == '{')
			depth++;
		if (c < end && *c == '}')
			depth--;
		if (c < end && (*c != ',' || depth > 0))
			continue;
		if (n == WORDS_MAX)
			return WORDS_MAX + 1;
		words[n++] = trim(begin, c);
		begin = c + 1;
	}
	return n;
}

static bool
is_name(struct piece word)
{
	return word.size > 0 && expand_name_size(word.text) == word.size;
}

/* What is made of the rest of the line, again and again. */
struct series {
	struct expander *expander;
	const char *rest;
	char *text;
	size_t size;
	FILE *out;
};

/* Appends lines that set the variables, ended by an empty one, and the rest behind them: so it is
 * replaced in what the rest stands for as well. */
static void
append(const struct series *series, const struct piece *names, const struct piece *values)
{
	for (; names->size > 0; names++, values++)
		fprintf(series->out, "$%.*s=%.*s\n", (int)names->size, names->text,
			(int)values->size, values->text);
	fprintf(series->out, "%s\n", series->rest);
}

static bool
within_budget(const struct series *series)
{
	fflush(series->out);
	return series->size <= EXPAND_SIZE_MAX && series->size < series->expander->budget;
}

static int
too_much(struct err *err)
{
	return err_set(err, -E2BIG, "stands for more than %u MB of lines", EXPAND_SIZE_MAX >> 20);
}

static bool
read_number(struct piece piece, long long *out)
{
	char text[32], *end;

	if (piece.size == 0 || piece.size >= sizeof(text))
		return false;
	memcpy(text, piece.text, piece.size);
	text[piece.size] = '\0';
	*out = strtoll(text, &end, 0);
	return *end == '\0' && llabs(*out) <= 1000000000;
}

static int
write_numbers(const struct series *series, bool hexadecimal, const struct piece *words, size_t n,
	struct err *err)
{
	struct piece names[2] = {words[0], {NULL, 0}};
	long long first = 1, step = 0, last = 0;
	bool good = n >= 2 && n <= 4 && is_name(words[0]);

	good = good && read_number(words[n - 1], &last);
	if (good && n == 2)
		first = last > 0 ? 1 : -1;
	if (good && n > 2)
		good = read_number(words[1], &first);
	if (good && n == 4)
		good = read_number(words[2], &step) && step != 0;
	if (!good)
		return err_set(
			err, -EINVAL, "~SEQ wants (VARIABLE, start, step, end) with whole numbers");
	if (step == 0)
		step = last >= first ? 1 : -1;
	for (long long i = first; step > 0 ? i <= last : i >= last; i += step) {
		char number[32];
		struct piece values[2] = {{number, 0}, {NULL, 0}};

		values[0].size =
			(size_t)snprintf(number, sizeof(number), hexadecimal ? "%llx" : "%lld", i);
		append(series, names, values);
		if (!within_budget(series))
			return too_much(err);
	}
	return 0;
}

/* A word alone, or several in braces. */
static size_t
open_braces(struct piece word, struct piece parts[static WORDS_MAX])
{
	if (word.size >= 2 && word.text[0] == '{' && word.text[word.size - 1] == '}')
		return part((struct piece){word.text + 1, word.size - 2}, parts);
	parts[0] = word;
	return 1;
}

static int
write_list(const struct series *series, const struct piece *words, size_t n, struct err *err)
{
	struct piece names[WORDS_MAX] = {{NULL, 0}}, values[WORDS_MAX] = {{NULL, 0}};
	size_t n_names = n > 0 ? open_braces(words[0], names) : 0;

	if (n < 2 || n_names == 0 || n_names > VARIABLES_MAX)
		return err_set(err, -EINVAL, "~LST wants (VARIABLE, value, ...)");
	names[n_names].size = 0;
	for (size_t i = 0; i < n_names; i++) {
		if (!is_name(names[i]))
			return err_set(err, -EINVAL, "~LST: '%.*s' is no name of a variable",
				(int)names[i].size, names[i].text);
	}
	for (size_t i = 1; i < n; i++) {
		size_t n_values = open_braces(words[i], values);

		if (n_values < n_names)
			return err_set(err, -EINVAL,
				"~LST has %zu variables, but '%.*s' are not as many values",
				n_names, (int)words[i].size, words[i].text);
		append(series, names, values);
		if (!within_budget(series))
			return too_much(err);
	}
	return 0;
}

/* Where the parenthesis behind 'open' is closed; NULL if it is not. */
static const char *
find_end(const char *open)
{
	int depth = 0;

	for (const char *c = open; *c; c++) {
		depth += *c == '(';
		depth -= *c == ')';
		if (depth == 0)
			return c;
	}
	return NULL;
}

int
expand_sequence(struct expander *expander, const char *line, const char **out, struct err *err)
{
	bool numbers = strncmp(line, "~SEQ", 4) == 0;
	const char *open = line + 4;
	bool hexadecimal = numbers && *open == 'x';
	struct series series = {.expander = expander};
	struct piece words[WORDS_MAX];
	const char *end;
	size_t n;
	int rc;

	if (!numbers && strncmp(line, "~LST", 4) != 0)
		return 0;
	open += hexadecimal;
	end = *open == '(' ? find_end(open) : NULL;
	if (!end)
		return err_set(err, -EINVAL, "'%.5s' wants its values in parentheses", line);
	n = part(trim(open + 1, end), words);
	if (n > WORDS_MAX)
		return err_set(err, -E2BIG, "more than %d values", WORDS_MAX);
	series.rest = end + 1;
	series.rest += strspn(series.rest, " \t");
	series.out = open_memstream(&series.text, &series.size);
	if (!series.out)
		return err_set(err, -ENOMEM, "out of memory");
	rc = numbers ? write_numbers(&series, hexadecimal, words, n, err)
		     : write_list(&series, words, n, err);
	fclose(series.out);
	if (rc == 0) {
		expander->budget -= series.size;
		*out = arena_strdup(expander->arena, series.text);
		rc = *out ? 1 : err_set(err, -ENOMEM, "out of memory");
	}
	free(series.text);
	return rc;
}
