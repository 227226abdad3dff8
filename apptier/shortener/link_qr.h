/* SPDX-License-Identifier: BSD-3-Clause */
/* GET /api/links/CODE/qr.svg and qr.png: the short URL as a QR code. */
#ifndef APPTIER_SHORTENER_LINK_QR_H
#define APPTIER_SHORTENER_LINK_QR_H

#include "apptier/shortener/link_request.h"
#include "apptier/shortener/qr_image.h"

struct link_qr_format {
	const char *content_type;
	qr_image_fn make;
};

extern const struct link_qr_format link_qr_svg;
extern const struct link_qr_format link_qr_png;

/* Answers with the picture for 'link->code'. */
void link_qr_show(struct link_request *link, const struct link_qr_format *format);

#endif /* APPTIER_SHORTENER_LINK_QR_H */
