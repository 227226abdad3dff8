/* SPDX-License-Identifier: BSD-3-Clause */
/* The codes of short links: letters and digits, random so that they cannot be guessed in turn; or
 * what an owner has chosen. */
#ifndef APPTIER_SHORTENER_LINK_CODE_H
#define APPTIER_SHORTENER_LINK_CODE_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

#define LINK_CODE_LENGTH 7 /* 62^7 = 3.5e12: a collision is rare and noticed by the database. */
#define LINK_CODE_MAX 32   /* The longest code that is looked up. */
#define LINK_CODE_MIN 3    /* The shortest that may be chosen. */
#define LINK_CODE_SIZE (LINK_CODE_MAX + 1)

/* Writes a new code of LINK_CODE_LENGTH characters. Returns 0, or a negative errno if the kernel
 * has no random bytes. */
int link_code_generate(char code[static LINK_CODE_SIZE]);

/* As link_code_generate() from given random bytes; returns how many it used, or 0 if they did not
 * suffice (bytes that would make some letters likelier are skipped). */
size_t link_code_from_bytes(
	const unsigned char *bytes, size_t n_bytes, char code[static LINK_CODE_SIZE]);

/* True if 'code' could be one: 1 to LINK_CODE_MAX letters, digits, '-' and '_', of which the latter
 * neither begin nor end it. */
bool link_code_is_valid(const char *code);

/* Checks a code that somebody has chosen. Returns 0, or -EINVAL with 'err' set to a sentence for
 * the person who sent it. */
int link_code_check_custom(const char *code, struct err *err);

#endif /* APPTIER_SHORTENER_LINK_CODE_H */
