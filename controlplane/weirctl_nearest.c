/* SPDX-License-Identifier: BSD-3-Clause */
/* Nearest words; see weirctl_nearest.h. */
#include "controlplane/weirctl_nearest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 24

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* How many letters must be put in, left out, changed or exchanged with the next one to make 'b' of
 * 'a' (optimal string alignment); SIZE_MAX if one is too long for a command. */
static size_t
distance_of(const char *a, const char *b)
{
	size_t rows[WORD_MAX + 1][WORD_MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > WORD_MAX || m > WORD_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i <= n; i++)
		rows[i][0] = i;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		for (size_t j = 1; j <= m; j++) {
			rows[i][j] = least(rows[i - 1][j] + 1, rows[i][j - 1] + 1,
				rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1, rows[i][j]);
		}
	}
	return rows[n][m];
}

void
nearest_init(struct nearest *nearest, const char *word)
{
	size_t size = strlen(word);

	/* A third of the letters may be wrong; what is further away was not meant. */
	*nearest = (struct nearest){.word = word, .distance = size < 3 ? 1 : (size + 2) / 3};
}

void
nearest_add(struct nearest *nearest, const char *candidate)
{
	size_t distance = distance_of(nearest->word, candidate);
	size_t used;

	/* The beginning of a command is as good as a letter wrong. */
	if (nearest->word[0] && strncmp(candidate, nearest->word, strlen(nearest->word)) == 0)
		distance = 1;
	if (distance > nearest->distance)
		return;
	if (distance < nearest->distance)
		nearest->text[0] = '\0';
	nearest->distance = distance;
	used = strlen(nearest->text);
	snprintf(nearest->text + used, sizeof(nearest->text) - used, "%s'%s'",
		used > 0 ? " or " : "", candidate);
}
