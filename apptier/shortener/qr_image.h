/* SPDX-License-Identifier: BSD-3-Clause */
/* QR codes (ISO/IEC 18004) as pictures, by libqrencode and libpng. Pure functions. */
#ifndef APPTIER_SHORTENER_QR_IMAGE_H
#define APPTIER_SHORTENER_QR_IMAGE_H

#include <stddef.h>

/* Makes a picture of 'text' as '*out', of malloc()'s, with '*size' bytes. Returns 0, or a negative
 * errno: -ENOMEM, or -EMSGSIZE if 'text' is too long for a code. */
typedef int (*qr_image_fn)(const char *text, char **out, size_t *size);

int qr_image_svg(const char *text, char **out, size_t *size);
int qr_image_png(const char *text, char **out, size_t *size);

#endif /* APPTIER_SHORTENER_QR_IMAGE_H */
