/* SPDX-License-Identifier: BSD-3-Clause */
/* One error message, for errors a person caused and can mend.
 *
 * Functions that check input (a configuration, a message, an option) take a 'struct err *',
 * return a negative errno and leave here what was wrong, why, and what to do. Libraries never
 * print; the caller decides where the text goes. Belongs to one thread. */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

#include <stdarg.h>

#define ERR_TEXT_SIZE 512

struct err {
	char text[ERR_TEXT_SIZE]; /* Always NUL-terminated; "" means no error. */
};

/* Sets 'err' to the formatted text (truncated when too long) and returns 'code', so that a
 * function can end with "return err_set(err, -EINVAL, ...)". 'err' may be NULL. */
int err_set(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts the formatted text and ": " before what 'err' says already. 'err' may be NULL. */
void err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif /* COMMON_ERR_H */
