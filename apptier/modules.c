/* SPDX-License-Identifier: BSD-3-Clause */
/* The modules of this program; see modules.h. */
#include "apptier/modules.h"

#include "apptier/shortener/shortener.h"

const struct app_module *const app_modules[] = {
	&shortener_module,
	NULL,
};
