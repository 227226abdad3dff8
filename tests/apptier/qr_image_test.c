/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/shortener/qr_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
a_picture_is_of_its_kind(void **state)
{
	char *picture;
	size_t size;

	(void)state;
	assert_int_equal(qr_image_svg("https://example.org/l/abc", &picture, &size), 0);
	assert_int_equal(strlen(picture), size);
	assert_non_null(strstr(picture, "viewBox=\"0 0 33 33\"")); /* 25 modules, and 4 around. */
	free(picture);
	assert_int_equal(qr_image_png("https://example.org/l/abc", &picture, &size), 0);
	assert_true(size > 8);
	assert_memory_equal(picture, "\x89PNG\r\n\x1a\n", 8);
	free(picture);
}

static void
what_no_code_can_hold_is_refused(void **state)
{
	char text[4000];
	char *picture;
	size_t size;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_true(qr_image_svg(text, &picture, &size) < 0);
	assert_true(qr_image_png(text, &picture, &size) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_picture_is_of_its_kind),
		cmocka_unit_test(what_no_code_can_hold_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
