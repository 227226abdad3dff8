/* SPDX-License-Identifier: BSD-3-Clause */
/* QR codes of short URLs; see link_qr.h. */
#include "apptier/shortener/link_qr.h"

#include "apptier/reply.h"

#include <stdio.h>

#define SHORT_URL_SIZE 4096

const struct link_qr_format link_qr_svg = {"image/svg+xml", qr_image_svg};
const struct link_qr_format link_qr_png = {"image/png", qr_image_png};

void
link_qr_show(struct link_request *link, const struct link_qr_format *format)
{
	/* The picture depends on the code alone. */
	const struct http_header headers[] = {{"Content-Type", format->content_type},
		{"Cache-Control", "public, max-age=3600"}, {"X-Content-Type-Options", "nosniff"}};
	char url[SHORT_URL_SIZE];
	char *picture;
	size_t size;
	int rc;

	snprintf(url, sizeof(url), "%s" LINK_REDIRECT_PREFIX "%s",
		app_model(link->shortener->app)->app.public_url, link->code);
	rc = format->make(url, &picture, &size);
	if (rc == 0)
		http_respond_given(link->req, 200, headers, sizeof(headers) / sizeof(headers[0]),
			picture, size);
	else
		reply_error(link->req, 500, "the picture cannot be made: %s", strerror(-rc));
}
