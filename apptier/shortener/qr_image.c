/* SPDX-License-Identifier: BSD-3-Clause */
/* QR codes as pictures; see qr_image.h. */
#include "apptier/shortener/qr_image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>
#include <qrencode.h>

#define QUIET 4     /* Modules of the quiet zone around the code (ISO/IEC 18004 6.3.8). */
#define PNG_SCALE 8 /* Pixels of a module: a code of 25 modules is 264 pixels wide. */

static int
encode(const char *text, QRcode **out)
{
	/* Level M bears a scratch of 15 %; version 0: the smallest code that holds the text. */
	QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);

	if (!code)
		return errno == ERANGE ? -EMSGSIZE : -ENOMEM;
	*out = code;
	return 0;
}

static int
is_dark(const QRcode *code, int x, int y)
{
	return code->data[y * code->width + x] & 1;
}

/* One rectangle for each run of dark modules in a row. */
static void
write_path(FILE *file, const QRcode *code)
{
	for (int y = 0; y < code->width; y++) {
		for (int x = 0; x < code->width; x++) {
			int begin = x;

			while (x < code->width && is_dark(code, x, y))
				x++;
			if (x > begin)
				fprintf(file, "M%d %dh%dv1h-%dz", begin + QUIET, y + QUIET,
					x - begin, x - begin);
		}
	}
}

int
qr_image_svg(const char *text, char **out, size_t *size)
{
	char *svg = NULL;
	QRcode *code;
	FILE *file;
	int failed, rc = encode(text, &code);

	if (rc < 0)
		return rc;
	file = open_memstream(&svg, size);
	if (!file) {
		QRcode_free(code);
		return -ENOMEM;
	}
	fprintf(file,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
		"shape-rendering=\"crispEdges\"><title>QR code</title>"
		"<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path d=\"",
		code->width + 2 * QUIET, code->width + 2 * QUIET, code->width + 2 * QUIET,
		code->width + 2 * QUIET);
	write_path(file, code);
	fputs("\"/></svg>\n", file);
	failed = ferror(file);
	failed = fclose(file) || failed;
	QRcode_free(code);
	if (failed) {
		free(svg);
		return -ENOMEM;
	}
	*out = svg;
	return 0;
}

/* The picture of the code, a byte a pixel. */
static unsigned char *
draw(const QRcode *code, size_t width)
{
	unsigned char *pixels = malloc(width * width);

	if (!pixels)
		return NULL;
	const size_t margin = (size_t)QUIET * PNG_SCALE;

	memset(pixels, 0xff, width * width);
	for (size_t y = 0; y < (size_t)code->width * PNG_SCALE; y++) {
		unsigned char *row = pixels + (y + margin) * width + margin;

		for (size_t x = 0; x < (size_t)code->width * PNG_SCALE; x++)
			row[x] = is_dark(code, (int)(x / PNG_SCALE), (int)(y / PNG_SCALE)) ? 0
											   : 0xff;
	}
	return pixels;
}

int
qr_image_png(const char *text, char **out, size_t *size)
{
	png_image image = {.version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_GRAY};
	png_alloc_size_t png_size = 0;
	unsigned char *pixels;
	char *png = NULL;
	QRcode *code;
	int rc = encode(text, &code);

	if (rc < 0)
		return rc;
	image.width = image.height = (png_uint_32)(code->width + 2 * QUIET) * PNG_SCALE;
	pixels = draw(code, image.width);
	QRcode_free(code);
	/* Asked for its size first. */
	if (pixels && png_image_write_to_memory(&image, NULL, &png_size, 0, pixels, 0, NULL))
		png = malloc(png_size);
	if (png && !png_image_write_to_memory(&image, png, &png_size, 0, pixels, 0, NULL)) {
		free(png);
		png = NULL;
	}
	free(pixels);
	png_image_free(&image);
	if (!png)
		return -ENOMEM;
	*out = png;
	*size = png_size;
	return 0;
}
