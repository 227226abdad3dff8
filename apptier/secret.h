/* SPDX-License-Identifier: BSD-3-Clause */
/* Passwords and keys from files; never from the command line and never logged. */
#ifndef APPTIER_SECRET_H
#define APPTIER_SECRET_H

#include "common/err.h"

#include <stddef.h>

#define SECRET_SIZE_MAX 4096

/* Reads the secret called 'what' ("database.password_file") from 'path', without the newline at its
 * end. Refuses a file that everybody may read, or its group may change. Returns 0 and the text,
 * which the caller frees with secret_free(); or a negative errno with 'err' saying what to do. */
int secret_read(const char *path, const char *what, char **out, struct err *err);

/* The same of the first line alone: a password. */
int secret_read_line(const char *path, const char *what, char **out, struct err *err);

/* Wipes and frees. NULL is allowed. */
void secret_free(char *secret);

#endif /* APPTIER_SECRET_H */
