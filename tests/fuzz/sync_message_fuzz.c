/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of flow sync from the network: any bytes are either refused or read, and what was read
 * can be written and says the same again. */
#include "dataplane/sync_message.h"
#include "fuzz.h"

#include <string.h>

static void
check_record(const struct sync_record *record)
{
	uint8_t body[SYNC_BODY_MAX];
	struct sync_record again;
	size_t offset = 0, size = sync_record_write(record, body, 0, sizeof(body));

	fuzz_require(size > 0, "a record that was read fits a body");
	fuzz_require(sync_record_read(body, size, &offset, &again) == 1 && offset == size,
		"a written record can be read");
	fuzz_require(memcmp(record, &again, sizeof(again)) == 0, "it says the same");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sync_header header;
	struct sync_record record;
	char name[SYNC_NAME_SIZE];
	size_t offset = 0, last = 0;
	int rc;

	if (size > SYNC_MESSAGE_MAX || sync_header_read(data, size, &header) < 0)
		return 0;
	fuzz_require(size >= SYNC_HEADER_SIZE, "a message has a whole header");
	data += SYNC_HEADER_SIZE;
	size -= SYNC_HEADER_SIZE;
	if (sync_name_read(data, size, name) == 0)
		fuzz_require(strlen(name) == size - 1, "a name is all of it");
	while ((rc = sync_record_read(data, size, &offset, &record)) != 0) {
		fuzz_require(offset > last && offset <= size, "reading gets on and stays inside");
		last = offset;
		if (rc == 1)
			check_record(&record);
	}
	fuzz_require(offset == size, "reading ends at the end");
	return 0;
}
