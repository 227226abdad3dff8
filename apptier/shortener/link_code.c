/* SPDX-License-Identifier: BSD-3-Clause */
/* The codes of short links; see link_code.h. */
#include "apptier/shortener/link_code.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define N_LETTERS 62
#define FAIR_LIMIT                                                                     \
	(256 / N_LETTERS * N_LETTERS) /* Bytes from here on would favour some letters. \
				       */

size_t
link_code_from_bytes(const unsigned char *bytes, size_t n_bytes, char code[static LINK_CODE_SIZE])
{
	static const char letters[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	size_t length = 0;

	for (size_t i = 0; i < n_bytes; i++) {
		if (bytes[i] >= FAIR_LIMIT)
			continue;
		code[length++] = letters[bytes[i] % N_LETTERS];
		if (length == LINK_CODE_LENGTH) {
			code[length] = '\0';
			return i + 1;
		}
	}
	return 0;
}

int
link_code_generate(char code[static LINK_CODE_SIZE])
{
	unsigned char bytes[32];

	/* Up to 256 bytes are never cut short nor interrupted (getrandom(2)). */
	do {
		if (getrandom(bytes, sizeof(bytes), 0) < 0)
			return -errno;
	} while (link_code_from_bytes(bytes, sizeof(bytes), code) == 0);
	return 0;
}

/* Letters and digits are ASCII's, whatever the locale. */
static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool
link_code_is_valid(const char *code)
{
	size_t length = 0;

	for (; code[length]; length++) {
		if (length == LINK_CODE_MAX)
			return false;
		if (!is_alnum(code[length]) &&
			(length == 0 || (code[length] != '-' && code[length] != '_')))
			return false;
	}
	return length > 0 && is_alnum(code[length - 1]);
}

int
link_code_check_custom(const char *code, struct err *err)
{
	if (strlen(code) < LINK_CODE_MIN || !link_code_is_valid(code))
		return err_set(err, -EINVAL,
			"\"code\" must have %d to %d letters of a to z and A to Z, digits, '-' and "
			"'_', and begin and end with a letter or digit",
			LINK_CODE_MIN, LINK_CODE_MAX);
	return 0;
}
