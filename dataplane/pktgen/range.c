/* SPDX-License-Identifier: BSD-3-Clause */
/* Address ranges; see range.h. */
#include "dataplane/pktgen/range.h"

#include <errno.h>
#include <stdlib.h>

/* Of an address with a prefix length that leaves more, the first ones are taken. */
#define HOST_BITS_MAX 31

static uint32_t
low_word(const struct addr *addr)
{
	be32 word;

	memcpy(&word, addr->bytes + addr_size(addr) - sizeof(word), sizeof(word));
	return be32_to(word);
}

static void
set_low_word(struct addr *addr, uint32_t value)
{
	be32 word = be32_from(value);

	memcpy(addr->bytes + addr_size(addr) - sizeof(word), &word, sizeof(word));
}

static bool
same_net(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, addr_size(a) - 4) == 0;
}

static int
parse_prefix(const char *text, const char *bits_text, struct range *out, struct err *err)
{
	unsigned long all = 8 * addr_size(&out->first), bits;
	unsigned int host_bits;
	char *end;

	bits = strtoul(bits_text, &end, 10);
	if (end == bits_text || *end || bits == 0 || bits > all)
		return err_set(err, -EINVAL, "'%s': the prefix length is not 1 to %lu", text, all);
	host_bits = (unsigned int)(all - bits);
	if (host_bits > HOST_BITS_MAX)
		host_bits = HOST_BITS_MAX;
	out->n = UINT32_C(1) << host_bits;
	set_low_word(&out->first, low_word(&out->first) & ~(out->n - 1));
	return 0;
}

static int
parse_last(const char *text, const char *last_text, struct range *out, struct err *err)
{
	struct addr last;
	int rc = addr_parse(last_text, &last, err);

	if (rc < 0)
		return rc;
	if (!same_net(&out->first, &last) || low_word(&last) < low_word(&out->first))
		return err_set(err, -EINVAL,
			"'%s': the last address must not come before the first one and may differ "
			"from it in the last 4 bytes only",
			text);
	if (low_word(&last) - low_word(&out->first) >= UINT32_C(1) << HOST_BITS_MAX)
		return err_set(err, -EINVAL, "'%s': there are more than 2^%d addresses", text,
			HOST_BITS_MAX);
	out->n = low_word(&last) - low_word(&out->first) + 1;
	return 0;
}

int
range_parse(const char *text, struct range *out, struct err *err)
{
	size_t size = strcspn(text, "-/");
	char first[ADDR_TEXT_SIZE];
	struct range range = {.n = 1};
	int rc;

	snprintf(first, sizeof(first), "%.*s", (int)size, text);
	rc = addr_parse(first, &range.first, err);
	if (rc == 0 && text[size] == '/')
		rc = parse_prefix(text, text + size + 1, &range, err);
	else if (rc == 0 && text[size] == '-')
		rc = parse_last(text, text + size + 1, &range, err);
	if (rc == 0)
		*out = range;
	return rc;
}

uint32_t
range_base(const struct range *range)
{
	return low_word(&range->first);
}

bool
range_has(const struct range *range, const struct addr *addr)
{
	return same_net(&range->first, addr) && low_word(addr) - low_word(&range->first) < range->n;
}
