/* SPDX-License-Identifier: BSD-3-Clause */
/* What a client says of a link when it makes or changes it: read from JSON and checked. No I/O. */
#ifndef APPTIER_SHORTENER_LINK_FIELDS_H
#define APPTIER_SHORTENER_LINK_FIELDS_H

#include "apptier/shortener/link_code.h"
#include "apptier/shortener/link_text.h"
#include "apptier/shortener/link_time.h"
#include "apptier/shortener/link_url.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

enum link_field {
	LINK_FIELD_URL = 1 << 0,
	LINK_FIELD_TITLE = 1 << 1,
	LINK_FIELD_CODE = 1 << 2,
	LINK_FIELD_PERMANENT = 1 << 3,
	LINK_FIELD_EXPIRES = 1 << 4,
};

struct link_fields {
	unsigned int given; /* Bits of enum link_field; what is not given is empty. */
	bool permanent;
	char code[LINK_CODE_SIZE];
	char expires_at[LINK_TIME_SIZE]; /* As SQL writes it; "": never. */
	char title[LINK_TITLE_SIZE];
	char url[LINK_URL_MAX + 1];
};

/* Reads the 'size' bytes of a body into 'out', which is zeroed. 'allowed' are the members it may
 * have; 'now' is a time as SQL writes it, after which links must expire. Returns 0, or the status
 * to answer, 400 or 422, with 'err' set to a sentence for the client. */
unsigned int link_fields_parse(struct link_fields *out, const char *text, size_t size,
	unsigned int allowed, const char *now, struct err *err);

#endif /* APPTIER_SHORTENER_LINK_FIELDS_H */
