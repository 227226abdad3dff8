/* SPDX-License-Identifier: BSD-3-Clause */
/* UTF-8 that people wrote and others will read: which bytes are characters, and which characters a
 * title may have. Pure functions. */
#ifndef APPTIER_SHORTENER_LINK_TEXT_H
#define APPTIER_SHORTENER_LINK_TEXT_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

#define LINK_TITLE_MAX 200                       /* Characters. */
#define LINK_TITLE_SIZE (4 * LINK_TITLE_MAX + 1) /* Bytes, with a NUL. */

/* Bytes of the UTF-8 sequence at 'at' of 'left' bytes (RFC 3629: no overlong forms, no surrogates),
 * or 0. */
size_t link_text_length(const unsigned char *at, size_t left);

/* True for controls and for marks that turn the direction of text: what comes after them looks like
 * something else. 'length' as link_text_length() says. */
bool link_text_misleads(const unsigned char *at, size_t length);

/* Checks a title of 'size' bytes. Returns 0, or -EINVAL with 'err' set to a sentence for the person
 * who sent it. */
int link_title_check(const char *title, size_t size, struct err *err);

#endif /* APPTIER_SHORTENER_LINK_TEXT_H */
