/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers, ports, times and shares; see value.h. */
#include "dataplane/pktgen/value.h"

#include "common/clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX 86400.0

int
value_number(const char *text, unsigned long least, unsigned long most, unsigned long *out,
	struct err *err)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (end == text || *end || *text == '-' || errno || value < least || value > most)
		return err_set(err, -EINVAL, "'%s' is not a whole number from %lu to %lu", text,
			least, most);
	*out = value;
	return 0;
}

/* "80" or "80-90". */
int
value_ports(const char *text, uint16_t *first, uint16_t *n, struct err *err)
{
	unsigned long low = 0, high;
	char low_text[8];
	size_t size = strcspn(text, "-");
	int rc;

	snprintf(low_text, sizeof(low_text), "%.*s", (int)size, text);
	rc = value_number(low_text, 1, UINT16_MAX, &low, err);
	high = low;
	if (rc == 0 && text[size] == '-')
		rc = value_number(text + size + 1, low, UINT16_MAX, &high, err);
	if (rc < 0)
		return rc;
	*first = (uint16_t)low;
	*n = (uint16_t)(high - low + 1);
	return 0;
}

int
value_seconds(const char *text, uint64_t *out_ns, struct err *err)
{
	char *end;
	double value = strtod(text, &end);

	if (end != text && strcmp(end, "ms") == 0)
		value /= 1000;
	else if (end == text || (*end && strcmp(end, "s") != 0))
		value = -1;
	if (!(value >= 0 && value <= SECONDS_MAX))
		return err_set(err, -EINVAL, "'%s' is not a time: write 10, 10s or 500ms", text);
	*out_ns = (uint64_t)(value * (double)NS_PER_S);
	return 0;
}

int
value_share(const char *text, uint32_t whole, uint32_t *out, struct err *err)
{
	char *end;
	double percent = strtod(text, &end);

	end += strspn(end, " ");
	if (end == text || (*end && strcmp(end, "%") != 0) || !(percent >= 0 && percent <= 100))
		return err_set(
			err, -EINVAL, "'%s' is not a share: write 0 to 100, in percent", text);
	*out = (uint32_t)llround(percent / 100 * whole);
	return 0;
}
