/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of prefixes: any text is either a list or an error that names file and line. What a list
 * has can be written and read again, and is in the set that is made of it. */
#include "common/prefix.h"
#include "dataplane/prefix_set.h"
#include "fuzz.h"

#include <string.h>

#define PATH "/etc/list"

static void
check_prefix(const struct prefix *prefix, const struct prefix_set *set)
{
	struct addr last = prefix->addr;
	char text[PREFIX_TEXT_SIZE];
	struct prefix again;

	fuzz_require(prefix_parse(prefix_format(prefix, text, sizeof(text)), &again, NULL) == 0,
		"a prefix can be read again");
	fuzz_require(addr_equal(&prefix->addr, &again.addr) && prefix->bits == again.bits,
		"a prefix is the same again");
	for (unsigned int bit = prefix->bits; bit < 8 * addr_size(&last); bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	fuzz_require(prefix_set_has(set, prefix->addr.bytes, prefix->addr.family) &&
			     prefix_set_has(set, last.bytes, last.family),
		"a set has its prefixes from end to end");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct prefix_list list = {.n = 0};
	struct prefix_set *set = NULL;
	struct err err = {""};

	if (prefix_list_parse(&list, (const char *)data, size, PATH, &err) < 0) {
		fuzz_require(list.prefixes == NULL, "a refused file leaves nothing");
		fuzz_require(strncmp(err.text, PATH ":", strlen(PATH) + 1) == 0,
			"an error names the file");
		return 0;
	}
	fuzz_require(prefix_set_new(&set, list.prefixes, list.n) == 0, "a set can be made");
	for (size_t i = 0; i < list.n; i++)
		check_prefix(&list.prefixes[i], set);
	prefix_set_unref(set);
	prefix_list_fini(&list);
	return 0;
}
