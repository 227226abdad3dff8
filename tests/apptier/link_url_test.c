/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/shortener/link_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
usual_urls_are_accepted(void **state)
{
	static const char *const urls[] = {"http://a", "https://example.org/",
		"HTTPS://EXAMPLE.ORG", "https://example.org:8443/a/b?c=d&e=%20#f",
		"https://sub_1.example-2.org./", "http://192.0.2.1:80/", "http://[2001:db8::1]/",
		"http://[2001:db8::1]:65535/x", "https://example.org?q", "https://example.org#f",
		"https://xn--bcher-kva.example/",
		"https://b\xc3\xbc"
		"cher.example:8443/",
		"https://\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88",
		"https://example.org/gr\xc3\xb6\xc3\x9f"
		"e/\xe6\x97\xa5",
		"https://example.org/@name", "https://example.org/\xf0\x9f\x8c\x8a"};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		err.text[0] = '\0';
		assert_int_equal(link_url_check(urls[i], strlen(urls[i]), &err), 0);
		assert_string_equal(err.text, "");
	}
}

static void
each_fault_is_named(void **state)
{
	static const struct {
		const char *url;
		const char *word;
	} cases[] = {
		{"", "empty"},
		{"example.org", "http://"},
		{"ftp://example.org/", "http://"},
		{"javascript:alert(1)", "http://"},
		{"https:/example.org", "http://"},
		{"https://", "no host"},
		{"https:///path", "no host"},
		{"https://:80/", "no host"},
		{"https://./", "no host"},
		{"https://a..b/", "empty part"},
		{"https://.a/", "empty part"},
		{"https://user@a/", "user name"},
		{"https://user:pw@a/", "user name"},
		{"https://a/ b", "%20"},
		{"https://a\\b", "%5C"},
		{"https://a/<b>", "%3C"},
		{"https://a/\"", "%22"},
		{"https://a/%", "hexadecimal"},
		{"https://a/%4", "hexadecimal"},
		{"https://a/%zz", "hexadecimal"},
		{"https://a/\n", "control"},
		{"https://a/\x7f", "control"},
		{"https://a/\xc2\x85", "control"},
		{"https://a/\xe2\x80\xae", "invisible"},
		{"https://a/\xe2\x80\x8b", "invisible"},
		{"https://a/\xff", "UTF-8"},
		{"https://a/\xc3", "UTF-8"},
		{"https://a/\xc0\xaf", "UTF-8"},
		{"https://a/\xed\xa0\x80", "UTF-8"},
		{"https://a/\xf4\x90\x80\x80", "UTF-8"},
		{"https://-b\xc3\xbc"
		 "cher.example/",
			"international name"},
		{"https://a\xef\xbc\x8f"
		 "b\xc3\xbc.example/",
			"host"}, /* A full-width slash. */
		{"https://a!b/", "'!'"},
		{"https://a:0/", "65535"},
		{"https://a:65536/", "65535"},
		{"https://a:/", "65535"},
		{"https://a:8x/", "65535"},
		{"https://a:99999999999999999999/", "65535"},
		{"https://[::1/", "IPv6"},
		{"https://[1.2.3.4]/", "IPv6"},
		{"https://[::1]x/", "']'"},
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(link_url_check(cases[i].url, strlen(cases[i].url), &err) < 0);
		if (!strstr(err.text, cases[i].word))
			fail_msg("%s: '%s' is not in: %s", cases[i].url, cases[i].word, err.text);
	}
}

static void
a_zero_byte_is_a_control_character(void **state)
{
	struct err err;

	(void)state;
	assert_true(link_url_check("https://a/\0b", 12, &err) < 0);
	assert_non_null(strstr(err.text, "byte 11"));
}

static void
the_length_is_limited(void **state)
{
	char url[LINK_URL_MAX + 2] = "https://example.org/";
	struct err err;

	(void)state;
	memset(url + strlen(url), 'x', sizeof(url) - strlen(url) - 1);
	url[sizeof(url) - 1] = '\0';
	assert_true(link_url_check(url, LINK_URL_MAX + 1, &err) < 0);
	assert_non_null(strstr(err.text, "2049"));
	assert_int_equal(link_url_check(url, LINK_URL_MAX, &err), 0);
}

static void
a_location_is_printable_ascii_and_keeps_what_is_encoded(void **state)
{
	char location[LINK_URL_LOCATION_SIZE];
	char small[16];

	(void)state;
	assert_string_equal(
		link_url_location("https://a/%20?b=c&d=(e)#\xc3\xa9", location, sizeof(location)),
		"https://a/%20?b=c&d=(e)#%C3%A9");
	assert_string_equal(link_url_location("a\r\nb", location, sizeof(location)), "a%0D%0Ab");
	assert_null(link_url_location("https://example.org/", small, sizeof(small)));
	assert_string_equal(
		link_url_location("123456789012345", small, sizeof(small)), "123456789012345");
	assert_null(link_url_location("1234567890123456", small, sizeof(small)));
}

static void
an_international_host_is_ascii_for_dns(void **state)
{
	static const struct {
		const char *url, *host, *location;
	} cases[] = {
		{"https://B\xc3\xbc"
		 "cher.Example:8443/\xc3\xbc",
			"xn--bcher-kva.example", "https://xn--bcher-kva.example:8443/%C3%BC"},
		{"http://fa\xc3\x9f.de?a", "xn--fa-hia.de", "http://xn--fa-hia.de?a"},
		{"https://EXAMPLE.org./", "example.org", "https://EXAMPLE.org./"},
		{"http://[2001:DB8::1]:80/", "[2001:db8::1]", "http://[2001:DB8::1]:80/"},
		{"https://a#b:c", "a", "https://a#b:c"},
	};
	char host[LINK_HOST_SIZE], location[LINK_URL_LOCATION_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		link_url_host(cases[i].url, host);
		assert_string_equal(host, cases[i].host);
		assert_string_equal(link_url_location(cases[i].url, location, sizeof(location)),
			cases[i].location);
	}
}

static void
the_longest_url_fits_into_a_location(void **state)
{
	static char url[LINK_URL_MAX + 1], location[LINK_URL_LOCATION_SIZE];

	(void)state;
	memset(url, '\xc3', LINK_URL_MAX);
	assert_non_null(link_url_location(url, location, sizeof(location)));
	assert_int_equal(strlen(location), 3 * LINK_URL_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual_urls_are_accepted),
		cmocka_unit_test(each_fault_is_named),
		cmocka_unit_test(a_zero_byte_is_a_control_character),
		cmocka_unit_test(the_length_is_limited),
		cmocka_unit_test(a_location_is_printable_ascii_and_keeps_what_is_encoded),
		cmocka_unit_test(an_international_host_is_ascii_for_dns),
		cmocka_unit_test(the_longest_url_fits_into_a_location),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
