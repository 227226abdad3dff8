/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/sync_message.h"

#include "dataplane/flow.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct addr
address(const char *text)
{
	struct addr addr = {.family = ADDR_NONE};

	assert_int_equal(addr_parse(text, &addr, NULL), 0);
	return addr;
}

static struct sync_record
flow4(void)
{
	struct sync_record record = {.op = SYNC_FLOW_PUT,
		.flow = {.client = address("198.51.100.7"),
			.vip = address("192.0.2.100"),
			.backend = UINT64_C(0x0102030405060708),
			.client_port = 4711,
			.vip_port = 80,
			.protocol = PROTOCOL_TCP,
			.state = FLOW_TCP_ESTABLISHED}};

	return record;
}

static struct sync_record
flow6(void)
{
	struct sync_record record = {.op = SYNC_FLOW_PUT,
		.flow = {.client = address("2001:db8:c::7"),
			.vip = address("2001:db8::100"),
			.local = address("2001:db8::aa"),
			.sequence = {.first = 0xfffffff0,
				.ahead = 0x80000001,
				.stamp = 3,
				.room = 1460,
				.bits = SEQUENCE_SHIFTED | SEQUENCE_PROXIED | 0x8000},
			.backend = UINT64_MAX,
			.client_port = 65535,
			.vip_port = 1,
			.local_port = 40000,
			.idle_s = 3599,
			.protocol = PROTOCOL_TCP,
			.state = FLOW_TCP_FIN,
			.paired = true,
			.hop = {2, 0, 0, 0, 0, 0xc1}}};

	return record;
}

static struct sync_record
pool_part(uint16_t n)
{
	struct sync_record record = {.op = SYNC_VIEW_POOL,
		.pool = {.name = "a-name-of-thirty-one-characters",
			.n_total = (uint16_t)(n + 3),
			.first = 3,
			.n = n}};

	if (n == 0)
		record.pool.n_total = record.pool.first = 0;
	for (uint16_t i = 0; i < n; i++)
		record.pool.takers[i] = (struct sync_taker){.seed = i * 77u, .weight = i + 1};
	return record;
}

static void
assert_same(const struct sync_record *a, const struct sync_record *b)
{
	assert_int_equal(a->op, b->op);
	assert_memory_equal(a, b, sizeof(*a));
}

static void
every_record_is_read_as_written(void **state)
{
	struct sync_record records[] = {flow4(), flow6(), {.op = SYNC_FLOW_DEL},
		{.op = SYNC_VIEW, .view = {.generation = 7, .n_routers = 1, .n_pools = 2}},
		{.op = SYNC_VIEW_ROUTER, .router = "front4"}, pool_part(1), pool_part(0),
		{.op = SYNC_BULK_BEGIN}, {.op = SYNC_BULK_END}};
	uint8_t body[SYNC_BODY_MAX];
	struct sync_record again;
	size_t used = 0, offset = 0;

	(void)state;
	records[2].flow = (struct sync_flow){.client = address("198.51.100.7"),
		.vip = address("192.0.2.100"),
		.client_port = 1,
		.vip_port = 2,
		.protocol = PROTOCOL_UDP};
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		size_t end = sync_record_write(&records[i], body, used, sizeof(body));

		assert_true(end > used);
		used = end;
	}
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		assert_int_equal(sync_record_read(body, used, &offset, &again), 1);
		assert_same(&records[i], &again);
	}
	assert_int_equal(sync_record_read(body, used, &offset, &again), 0);
}

static void
the_largest_record_fits_an_empty_body(void **state)
{
	struct sync_record record = pool_part(SYNC_PART_TAKERS), again;
	uint8_t body[SYNC_BODY_MAX];
	size_t offset = 0, size = sync_record_write(&record, body, 0, sizeof(body));

	(void)state;
	assert_true(size > 0);
	assert_int_equal(sync_record_read(body, size, &offset, &again), 1);
	assert_same(&record, &again);
	assert_int_equal(sync_record_write(&record, body, size, sizeof(body)), 0);
}

/* The bytes that docs/flow-sync.md shows. */
static void
a_flow_has_the_documented_bytes(void **state)
{
	static const uint8_t documented[] = {0x01, 0x00, 0x17, 0x00, 0x06, 0x12, 0x67, 0x00, 0x50,
		198, 51, 100, 7, 192, 0, 2, 100, 0x02, 1, 2, 3, 4, 5, 6, 7, 8};
	struct sync_record record = flow4();
	uint8_t body[64];

	(void)state;
	assert_int_equal(sync_record_write(&record, body, 0, sizeof(body)), sizeof(documented));
	assert_memory_equal(body, documented, sizeof(documented));
}

static void
a_record_cut_short_is_refused(void **state)
{
	struct sync_record records[] = {flow4(), flow6(), pool_part(2)};
	uint8_t body[SYNC_BODY_MAX];
	struct sync_record again;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t size = sync_record_write(&records[i], body, 0, sizeof(body));

		for (size_t cut = 1; cut < size; cut++) {
			size_t offset = 0;

			assert_int_equal(sync_record_read(body, cut, &offset, &again), -EBADMSG);
			assert_int_equal(offset, cut);
		}
	}
}

static void
a_bad_record_does_not_spoil_the_next(void **state)
{
	struct sync_record record = flow4(), again;
	uint8_t body[SYNC_BODY_MAX];
	size_t offset = 0, first, size;

	(void)state;
	first = sync_record_write(&record, body, 0, sizeof(body));
	size = sync_record_write(&record, body, first, sizeof(body));
	body[17] = N_FLOW_STATES;
	assert_int_equal(sync_record_read(body, size, &offset, &again), -EBADMSG);
	assert_int_equal(offset, first);
	assert_int_equal(sync_record_read(body, size, &offset, &again), 1);
	assert_same(&record, &again);
	offset = 0;
	body[0] = 200;
	assert_int_equal(sync_record_read(body, size, &offset, &again), 2);
	assert_int_equal(sync_record_read(body, size, &offset, &again), 1);
}

static void
names_are_those_of_the_configuration(void **state)
{
	static const char *const bad[] = {"", "UPPER", "sp ace", "\"quote"};
	uint8_t body[SYNC_NAME_SIZE + 8];
	char name[SYNC_NAME_SIZE] = "unchanged";

	(void)state;
	assert_int_equal(sync_name_write("lb1", body, sizeof(body)), 4);
	assert_int_equal(sync_name_read(body, 4, name), 0);
	assert_string_equal(name, "lb1");
	assert_int_equal(sync_name_read(body, 5, name), -EBADMSG);
	for (size_t i = 0; i < 4; i++) {
		size_t size = sync_name_write(bad[i], body, sizeof(body));

		assert_int_equal(sync_name_read(body, size, name), -EBADMSG);
		assert_string_equal(name, "lb1");
	}
}

static void
a_header_is_read_as_written(void **state)
{
	struct sync_header header = {.type = SYNC_DATA,
		.sender = 1,
		.receiver = UINT64_MAX,
		.number = 3,
		.sequence = 4,
		.ack = 5,
		.ack_later = 6};
	uint8_t message[SYNC_HEADER_SIZE + 1] = {0};
	struct sync_header again;

	(void)state;
	sync_header_write(&header, 1, message);
	assert_int_equal(sync_header_read(message, sizeof(message), &again), 0);
	assert_int_equal(again.type, header.type);
	assert_int_equal(again.sender, header.sender);
	assert_int_equal(again.receiver, header.receiver);
	assert_int_equal(again.number, header.number);
	assert_int_equal(again.sequence, header.sequence);
	assert_int_equal(again.ack, header.ack);
	assert_int_equal(again.ack_later, header.ack_later);
	for (size_t cut = 0; cut < sizeof(message); cut++)
		assert_int_equal(sync_header_read(message, cut, &again), -EBADMSG);
	message[2] = SYNC_VERSION + 1;
	assert_int_equal(sync_header_read(message, sizeof(message), &again), -EPROTONOSUPPORT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record_is_read_as_written),
		cmocka_unit_test(the_largest_record_fits_an_empty_body),
		cmocka_unit_test(a_flow_has_the_documented_bytes),
		cmocka_unit_test(a_record_cut_short_is_refused),
		cmocka_unit_test(a_bad_record_does_not_spoil_the_next),
		cmocka_unit_test(names_are_those_of_the_configuration),
		cmocka_unit_test(a_header_is_read_as_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
