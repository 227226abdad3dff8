/* SPDX-License-Identifier: BSD-3-Clause */
/* Forced into every file by the build: a call that cannot be used safely does not compile. The
 * message says what to use. (Poisoning the names would also refuse system headers that merely
 * mention them.) */
#ifndef COMMON_BAN_H
#define COMMON_BAN_H

#ifndef __ASSEMBLER__

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BAN(instead) __attribute__((deprecated("banned: use " instead)))

extern char *strcpy(char *to, const char *from) BAN("snprintf() or memcpy()");
extern char *strcat(char *to, const char *from) BAN("snprintf()");
extern char *strtok(char *text, const char *delimiters) BAN("strsep()");
extern int sprintf(char *to, const char *format, ...) BAN("snprintf()");
extern int vsprintf(char *to, const char *format, va_list args) BAN("vsnprintf()");
extern int atoi(const char *text) BAN("strtol() and its error checks");
extern long atol(const char *text) BAN("strtol() and its error checks");

#undef BAN

#endif /* __ASSEMBLER__ */

#endif /* COMMON_BAN_H */
