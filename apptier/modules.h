/* SPDX-License-Identifier: BSD-3-Clause */
/* The modules that this program is built with. */
#ifndef APPTIER_MODULES_H
#define APPTIER_MODULES_H

#include "apptier/module.h"

#define APP_MODULES_MAX 8

/* Ends with NULL; at most APP_MODULES_MAX. */
extern const struct app_module *const app_modules[];

#endif /* APPTIER_MODULES_H */
