/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of the model as text, in the words of weir.yaml; see plan_data.h. */
#include "common/plan_data.h"

#include <inttypes.h>

void
plan_format_nothing(FILE *out, const void *field, const void *object)
{
	(void)out;
	(void)field;
	(void)object;
}

void
plan_format_text(FILE *out, const void *field, const void *object)
{
	const char *const *text = field;

	(void)object;
	if (*text)
		fputs(*text, out);
}

void
plan_format_u8(FILE *out, const void *field, const void *object)
{
	(void)object;
	fprintf(out, "%u", *(const uint8_t *)field);
}

void
plan_format_u16(FILE *out, const void *field, const void *object)
{
	(void)object;
	fprintf(out, "%u", *(const uint16_t *)field);
}

void
plan_format_u32(FILE *out, const void *field, const void *object)
{
	(void)object;
	fprintf(out, "%" PRIu32, *(const uint32_t *)field);
}

void
plan_format_u64(FILE *out, const void *field, const void *object)
{
	(void)object;
	fprintf(out, "%" PRIu64, *(const uint64_t *)field);
}

void
plan_format_some16(FILE *out, const void *field, const void *object)
{
	if (*(const uint16_t *)field != 0)
		plan_format_u16(out, field, object);
}

void
plan_format_some32(FILE *out, const void *field, const void *object)
{
	if (*(const uint32_t *)field != 0)
		plan_format_u32(out, field, object);
}

void
plan_format_port(FILE *out, const void *field, const void *object)
{
	if (*(const uint16_t *)field != 0)
		plan_format_u16(out, field, object);
	else
		fputs("any", out);
}

void
plan_format_bool(FILE *out, const void *field, const void *object)
{
	(void)object;
	fputs(*(const bool *)field ? "yes" : "no", out);
}

void
plan_format_tenths(FILE *out, const void *field, const void *object)
{
	(void)object;
	fprintf(out, "%" PRIu32, *(const uint32_t *)field * 10);
}

void
plan_format_seconds(FILE *out, const void *field, const void *object)
{
	(void)object;
	fprintf(out, "%" PRIu32, *(const uint32_t *)field / 1000);
}

void
plan_format_addr(FILE *out, const void *field, const void *object)
{
	const struct addr *addr = field;
	char text[ADDR_TEXT_SIZE];

	(void)object;
	if (addr->family != ADDR_NONE)
		fputs(addr_format(addr, text, sizeof(text)), out);
}

void
plan_format_addrs(FILE *out, const struct addr *addrs, size_t n)
{
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : "", addr_format(&addrs[i], text, sizeof(text)));
}

void
plan_format_endpoint(FILE *out, const void *field, const void *object)
{
	const struct endpoint *endpoint = field;
	char text[ENDPOINT_TEXT_SIZE];

	(void)object;
	if (endpoint->addr.family != ADDR_NONE)
		fputs(endpoint_format(endpoint, text, sizeof(text)), out);
}

void
plan_format_words(FILE *out, const void *field, const void *object)
{
	const char *const *const *words = field;

	(void)object;
	for (size_t i = 0; *words && (*words)[i]; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : "", (*words)[i]);
}

void
plan_format_bytes(FILE *out, const void *field, const void *object)
{
	const struct check_bytes *bytes = field;

	(void)object;
	for (size_t i = 0; i < bytes->size; i++)
		fprintf(out, "%02x", bytes->data[i]);
}

void
plan_format_reference(FILE *out, const void *field, const void *object)
{
	const void *const *named = field;

	if (*named)
		plan_format_text(out, *named, object);
}

void
plan_format_name(FILE *out, const void *field, const void *object)
{
	(void)object;
	plan_format_text(out, field, field);
}
