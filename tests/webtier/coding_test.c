/* SPDX-License-Identifier: BSD-3-Clause */
#include "webtier/coding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#define BOTH (CODING_BIT(CODING_GZIP) | CODING_BIT(CODING_BR))
#define GZIP_ONLY CODING_BIT(CODING_GZIP)

static void
the_client_chooses_by_weight_and_we_by_density(void **state)
{
	static const struct {
		const char *accept;
		unsigned int had;
		enum coding coding;
	} cases[] = {
		{NULL, BOTH, CODING_IDENTITY},
		{"", BOTH, CODING_IDENTITY},
		{"gzip", 0, CODING_IDENTITY},
		{"gzip, br", BOTH, CODING_BR},
		{"gzip, br", GZIP_ONLY, CODING_GZIP},
		{"x-gzip", BOTH, CODING_IDENTITY},
		{"gzipx, xgzip", BOTH, CODING_IDENTITY},
		{"*", BOTH, CODING_BR},
		{"*;q=0.1, br;q=0", BOTH, CODING_GZIP},
		{"gzip;q=0.9, br;q=0.89", BOTH, CODING_GZIP},
		{"gzip;q=0.899, br;q=0.89", BOTH, CODING_GZIP},
		{"gzip;q=0", BOTH, CODING_IDENTITY},
		{"gzip;q=0.000", BOTH, CODING_IDENTITY},
		{"gzip;q=1.001", BOTH, CODING_IDENTITY},
		{"gzip;q=2", BOTH, CODING_IDENTITY},
		{"gzip;q=", BOTH, CODING_IDENTITY},
		{"gzip;q=0.1234", BOTH, CODING_IDENTITY},
		{"gzip;level=9", BOTH, CODING_IDENTITY},
		{" ,, gzip\t;\tq=0.5 ,", BOTH, CODING_GZIP},
		{"GZip;Q=1", BOTH, CODING_GZIP},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum coding coding = coding_choose(cases[i].accept, cases[i].had);

		if (coding != cases[i].coding)
			fail_msg("'%s' gives %d", cases[i].accept ? cases[i].accept : "(none)",
				coding);
	}
}

static void
what_is_compressed_can_be_unpacked(void **state)
{
	char text[5000];
	char back[sizeof(text)];
	size_t size = 0;
	z_stream stream = {0};
	char *packed;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 7);
	packed = coding_gzip(text, sizeof(text), &size);
	assert_non_null(packed);
	assert_true(size < sizeof(text) / 10);
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	stream.next_in = (Bytef *)packed;
	stream.avail_in = (uInt)size;
	stream.next_out = (Bytef *)back;
	stream.avail_out = sizeof(back);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.total_out, sizeof(text));
	assert_memory_equal(back, text, sizeof(text));
	inflateEnd(&stream);
	free(packed);
}

static void
what_would_grow_is_left_alone(void **state)
{
	size_t size;

	(void)state;
	assert_null(coding_gzip("abc", 3, &size));
	assert_null(coding_gzip("", 0, &size));
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(the_client_chooses_by_weight_and_we_by_density),
		cmocka_unit_test(what_is_compressed_can_be_unpacked),
		cmocka_unit_test(what_would_grow_is_left_alone),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
