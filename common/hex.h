/* SPDX-License-Identifier: BSD-3-Clause */
/* Hexadecimal digits, as in percent-encoding and chunk sizes: without the C library's locale. */
#ifndef COMMON_HEX_H
#define COMMON_HEX_H

/* The value of a digit in either case; -1 if 'c' is none. */
static inline int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

#endif /* COMMON_HEX_H */
