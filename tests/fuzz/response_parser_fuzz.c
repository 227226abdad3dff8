/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP responses from app nodes. The first byte chooses: answer to HEAD, peer closes at the end,
 * and into which pieces the rest is cut. However it is cut, the parser must see the same. */
#include "fuzz.h"
#include "webtier/response_parser.h"

#include <errno.h>
#include <string.h>

#define FLAG_HEAD 1
#define FLAG_CLOSE 2
#define STEP_SHIFT 2

struct reading {
	int rc;
	struct response_parser *parser;
	struct byte_queue body;
	const struct response_head *head;
};

static void
read_response(struct reading *reading, const char *data, size_t size, size_t step, uint8_t flags)
{
	const char *why = NULL;

	memset(reading, 0, sizeof(*reading));
	byte_queue_init(&reading->body);
	fuzz_require(response_parser_new(&reading->parser) == 0, "memory for the test");
	response_parser_reset(reading->parser, (flags & FLAG_HEAD) != 0, &reading->body);
	for (size_t at = 0; at < size && reading->rc == 0; at += step)
		reading->rc = response_parser_feed(
			reading->parser, data + at, size - at < step ? size - at : step, &why);
	if (reading->rc == 0 && (flags & FLAG_CLOSE))
		reading->rc = response_parser_finish(reading->parser, &why);
	fuzz_require(reading->rc == 0 || reading->rc == -EBADMSG, "a response is good or bad");
	fuzz_require(reading->rc == 0 || why != NULL, "a bad response is explained");
	reading->head = response_parser_head(reading->parser);
}

static void
drop(struct reading *reading)
{
	response_parser_free(reading->parser);
	byte_queue_fini(&reading->body);
}

static bool
is_clean(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return false;
	return true;
}

static void
check_head(const struct response_head *head)
{
	fuzz_require(head->status >= 200 && head->status <= 599, "the status is a final one");
	fuzz_require(head->n_fields <= RESPONSE_FIELDS_MAX, "fields are bounded");
	fuzz_require(head->body_size >= RESPONSE_BODY_UNKNOWN, "the size is known or not");
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct response_field *field = &head->fields[i];

		fuzz_require(field->name[0] && !strpbrk(field->name, " \t:"), "names are tokens");
		fuzz_require(is_clean(field->name) && is_clean(field->value),
			"no control character comes through");
	}
}

static void
check_same_head(const struct response_head *a, const struct response_head *b)
{
	fuzz_require(a->status == b->status && a->n_fields == b->n_fields &&
			     a->body_size == b->body_size,
		"pieces do not change the head");
	for (size_t i = 0; i < a->n_fields; i++)
		fuzz_require(strcmp(a->fields[i].name, b->fields[i].name) == 0 &&
				     strcmp(a->fields[i].value, b->fields[i].value) == 0,
			"pieces do not change a field");
}

static void
check_same(const struct reading *a, const struct reading *b)
{
	size_t size = byte_queue_size(&a->body);

	fuzz_require(a->rc == b->rc, "pieces do not change whether a response is good");
	if (a->rc < 0)
		return; /* How much of it was read before may differ. */
	fuzz_require(
		response_parser_is_complete(a->parser) == response_parser_is_complete(b->parser),
		"pieces do not change whether a response is complete");
	fuzz_require(!a->head == !b->head, "pieces do not change whether there is a head");
	if (a->head)
		check_same_head(a->head, b->head);
	fuzz_require(size == byte_queue_size(&b->body) &&
			     (size == 0 || memcmp(byte_queue_data(&a->body),
						   byte_queue_data(&b->body), size) == 0),
		"pieces do not change the body");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	uint8_t flags = fuzz_byte(&input);
	const char *text = (const char *)input.data;
	struct reading whole, cut;

	read_response(&whole, text, input.size, input.size + 1, flags);
	read_response(&cut, text, input.size, (size_t)(flags >> STEP_SHIFT) + 1, flags);
	if (whole.head)
		check_head(whole.head);
	if (whole.rc == 0 && response_parser_is_complete(whole.parser)) {
		fuzz_require(whole.head != NULL, "a complete response has a head");
		/* What ends with its header may announce a size all the same. */
		if ((flags & FLAG_HEAD) == 0 && whole.head->body_size >= 0 &&
			whole.head->status != 204 && whole.head->status != 304)
			fuzz_require(
				byte_queue_size(&whole.body) == (uint64_t)whole.head->body_size,
				"a complete body has the size that was announced");
	}
	check_same(&whole, &cut);
	drop(&whole);
	drop(&cut);
	return 0;
}
