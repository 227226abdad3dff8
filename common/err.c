/* SPDX-License-Identifier: BSD-3-Clause */
/* Error text; see err.h. */
#include "common/err.h"

#include <stdio.h>
#include <string.h>

int
err_set(struct err *err, int code, const char *format, ...)
{
	if (err) {
		va_list args;

		va_start(args, format);
		vsnprintf(err->text, sizeof(err->text), format, args);
		va_end(args);
	}
	return code;
}

void
err_prefix(struct err *err, const char *format, ...)
{
	struct err old;
	va_list args;
	size_t size;

	if (!err)
		return;
	old = *err;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	size = strlen(err->text);
	snprintf(err->text + size, sizeof(err->text) - size, ": %s", old.text);
}
