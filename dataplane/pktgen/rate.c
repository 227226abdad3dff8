/* SPDX-License-Identifier: BSD-3-Clause */
/* Rates; see rate.h. */
#include "dataplane/pktgen/rate.h"

#include "dataplane/pktgen/pace.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERCENT_PARTS 10000 /* Parts of a million in one. */

static const struct {
	char letter;
	double factor;
} prefixes[] = {{'k', 1e3}, {'K', 1e3}, {'M', 1e6}, {'G', 1e9}};

#define N_PREFIXES (sizeof(prefixes) / sizeof(prefixes[0]))

static const struct {
	const char *word;
	enum rate_unit unit;
	double factor;
} units[] = {
	{"", RATE_PACKETS, 1},
	{"pps", RATE_PACKETS, 1},
	{"bps", RATE_BITS, 1},
	{"bit/s", RATE_BITS, 1},
	{"%", RATE_LINE, PERCENT_PARTS},
};

#define N_UNITS (sizeof(units) / sizeof(units[0]))

static int
parse_number(const char *text, struct rate *out, struct err *err)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || !isfinite(value))
		return err_set(err, -EINVAL,
			"'%s' is not a rate: write it like 1Mpps, 2.5Gbps, 75%%, line or max",
			text);
	for (size_t i = 0; i < N_PREFIXES; i++) {
		if (*end == prefixes[i].letter) {
			value *= prefixes[i].factor;
			end++;
			break;
		}
	}
	for (size_t i = 0; i < N_UNITS; i++) {
		if (strcmp(end, units[i].word) != 0)
			continue;
		value = round(value * units[i].factor);
		if (value < 1 || value > (double)PACE_RATE_MAX ||
			(units[i].unit == RATE_LINE && value > 100 * PERCENT_PARTS))
			return err_set(err, -EINVAL, "rate '%s' is out of range", text);
		*out = (struct rate){units[i].unit, (uint64_t)value};
		return 0;
	}
	return err_set(err, -EINVAL,
		"'%s': '%s' is no unit of a rate: use pps, bps or %%, with k, M or G", text, end);
}

int
rate_parse(const char *text, struct rate *out, struct err *err)
{
	if (strcmp(text, "max") == 0) {
		*out = (struct rate){.unit = RATE_MAX};
		return 0;
	}
	return parse_number(strcmp(text, "line") == 0 ? "100%" : text, out, err);
}

int
rate_resolve(const struct rate *rate, uint64_t line_bps, struct pacing *out, struct err *err)
{
	switch (rate->unit) {
	case RATE_MAX:
		*out = (struct pacing){0};
		return 0;
	case RATE_PACKETS:
		*out = (struct pacing){.rate = rate->value};
		return 0;
	case RATE_BITS:
		*out = (struct pacing){.rate = rate->value, .in_bits = true};
		return 0;
	case RATE_LINE:
		break;
	}
	if (line_bps == 0 || line_bps > PACE_RATE_MAX)
		return err_set(err, -EINVAL,
			"rate: the port's driver does not tell its speed, so there is no line "
			"rate: "
			"give the rate in bps or pps");
	*out = (struct pacing){.rate = line_bps / 1000000 * rate->value, .in_bits = true};
	return 0;
}

const char *
rate_format(double value, char *buf, size_t size)
{
	static const char *const letters[] = {"", "k", "M", "G", "T"};
	size_t i = 0;

	while (value >= 999.5 && i + 1 < sizeof(letters) / sizeof(letters[0])) {
		value /= 1000;
		i++;
	}
	snprintf(buf, size, "%.*f %s", i == 0 ? 0 : 2, value, letters[i]);
	return buf;
}
