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

extern char *strcpy(char *, const char *) BAN("snprintf() or memcpy()");
extern char *strcat(char *, const char *) BAN("snprintf()");
extern char *strtok(char *, const char *) BAN("strsep()");
extern int sprintf(char *, const char *, ...) BAN("snprintf()");
extern int vsprintf(char *, const char *, va_list) BAN("vsnprintf()");
extern int atoi(const char *) BAN("strtol() and its error checks");
extern long atol(const char *) BAN("strtol() and its error checks");

#undef BAN

#endif /* __ASSEMBLER__ */

#endif /* COMMON_BAN_H */
