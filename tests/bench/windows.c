/* SPDX-License-Identifier: BSD-3-Clause */
/* Costs in many windows; see windows.h. */
#include "windows.h"

#include <stdlib.h>

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

void
windows_add(struct windows *windows, double ns)
{
	if (windows->n < WINDOWS_MAX)
		windows->ns[windows->n++] = ns;
}

void
windows_sort(struct windows *windows)
{
	qsort(windows->ns, windows->n, sizeof(windows->ns[0]), compare);
}

double
windows_best(const struct windows *windows)
{
	return windows->n > 0 ? windows->ns[0] : 0;
}

double
windows_median(const struct windows *windows)
{
	return windows->n > 0 ? windows->ns[windows->n / 2] : 0;
}
