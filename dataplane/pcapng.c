/* SPDX-License-Identifier: BSD-3-Clause */
/* pcapng; see pcapng.h. Numbers are in the byte order of the writer, which the section header tells
 * (4.1); every block has its size at both ends, and all parts are padded to 32 bits. */
#include "dataplane/pcapng.h"

#include <stdlib.h>
#include <string.h>

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define LINKTYPE_ETHERNET 1
#define NANOSECONDS 9 /* if_tsresol: 10^-9 s. */
#define CAPACITY_MIN 4096u

enum block {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
};

enum option {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SECTION_APPLICATION = 4,
	INTERFACE_NAME = 2,
	INTERFACE_DESCRIPTION = 3,
	INTERFACE_RESOLUTION = 9,
	PACKET_FLAGS = 2,
	PACKET_LOST = 4,
	PACKET_ID = 5,
	STATISTICS_KEPT = 4,
	STATISTICS_LOST = 5,
};

void
pcapng_init(struct pcapng *pcapng)
{
	memset(pcapng, 0, sizeof(*pcapng));
}

void
pcapng_fini(struct pcapng *pcapng)
{
	free(pcapng->bytes);
	pcapng_init(pcapng);
}

static bool
make_room(struct pcapng *pcapng, size_t size)
{
	size_t capacity = pcapng->capacity > 0 ? pcapng->capacity : CAPACITY_MIN;
	uint8_t *grown;

	while (capacity - pcapng->size < size)
		capacity *= 2;
	if (capacity == pcapng->capacity)
		return true;
	grown = realloc(pcapng->bytes, capacity);
	if (!grown)
		return false;
	pcapng->bytes = grown;
	pcapng->capacity = capacity;
	return true;
}

/* Adds bytes, and zeros up to a multiple of four. */
static void
add_bytes(struct pcapng *pcapng, const void *bytes, size_t size)
{
	static const uint8_t zeros[4];
	size_t padding = -size & 3;

	if (pcapng->short_of_memory || !make_room(pcapng, size + padding)) {
		pcapng->short_of_memory = true;
		return;
	}
	if (size > 0)
		memcpy(pcapng->bytes + pcapng->size, bytes, size);
	memcpy(pcapng->bytes + pcapng->size + size, zeros, padding);
	pcapng->size += size + padding;
}

static void
add16(struct pcapng *pcapng, uint16_t first, uint16_t second)
{
	const uint16_t both[2] = {first, second};

	add_bytes(pcapng, both, sizeof(both));
}

static void
add32(struct pcapng *pcapng, uint32_t value)
{
	add_bytes(pcapng, &value, sizeof(value));
}

/* A time: its upper half first, whatever the byte order. */
static void
add_time(struct pcapng *pcapng, uint64_t at_ns)
{
	add32(pcapng, (uint32_t)(at_ns >> 32));
	add32(pcapng, (uint32_t)at_ns);
}

static void
add_option(struct pcapng *pcapng, enum option option, const void *value, size_t size)
{
	if (size > UINT16_MAX)
		size = UINT16_MAX;
	add16(pcapng, (uint16_t)option, (uint16_t)size);
	add_bytes(pcapng, value, size);
}

static void
add_text(struct pcapng *pcapng, enum option option, const char *text)
{
	if (text && *text)
		add_option(pcapng, option, text, strlen(text));
}

/* Begins a block; returns where, for end_block(). */
static size_t
begin_block(struct pcapng *pcapng, enum block type)
{
	size_t start = pcapng->size;

	add32(pcapng, type);
	add32(pcapng, 0);
	return start;
}

static void
end_block(struct pcapng *pcapng, size_t start)
{
	uint32_t size = (uint32_t)(pcapng->size - start) + sizeof(size);

	add32(pcapng, size);
	if (pcapng->short_of_memory)
		pcapng->size = start; /* Half a block would make the rest unreadable. */
	else
		memcpy(pcapng->bytes + start + sizeof(uint32_t), &size, sizeof(size));
}

void
pcapng_section(struct pcapng *pcapng, const char *application, const char *comment)
{
	const int64_t unknown_size = -1;
	size_t start = begin_block(pcapng, BLOCK_SECTION);

	add32(pcapng, BYTE_ORDER_MAGIC);
	add16(pcapng, 1, 0); /* Version 1.0. */
	add_bytes(pcapng, &unknown_size, sizeof(unknown_size));
	add_text(pcapng, OPTION_COMMENT, comment);
	add_text(pcapng, SECTION_APPLICATION, application);
	add_option(pcapng, OPTION_END, NULL, 0);
	end_block(pcapng, start);
}

void
pcapng_interface(struct pcapng *pcapng, const char *name, const char *description, uint32_t snap)
{
	const uint8_t resolution = NANOSECONDS;
	size_t start = begin_block(pcapng, BLOCK_INTERFACE);

	add16(pcapng, LINKTYPE_ETHERNET, 0);
	add32(pcapng, snap);
	add_text(pcapng, INTERFACE_NAME, name);
	add_text(pcapng, INTERFACE_DESCRIPTION, description);
	add_option(pcapng, INTERFACE_RESOLUTION, &resolution, sizeof(resolution));
	add_option(pcapng, OPTION_END, NULL, 0);
	end_block(pcapng, start);
}

void
pcapng_add(struct pcapng *pcapng, const struct pcapng_packet *packet)
{
	const uint32_t flags = packet->direction;
	size_t start = begin_block(pcapng, BLOCK_PACKET);

	add32(pcapng, packet->interface);
	add_time(pcapng, packet->at_ns);
	add32(pcapng, packet->size);
	add32(pcapng, packet->whole_size);
	add_bytes(pcapng, packet->bytes, packet->size);
	add_text(pcapng, OPTION_COMMENT, packet->comment);
	add_option(pcapng, PACKET_FLAGS, &flags, sizeof(flags));
	add_option(pcapng, PACKET_LOST, &packet->n_lost, sizeof(packet->n_lost));
	add_option(pcapng, PACKET_ID, &packet->id, sizeof(packet->id));
	add_option(pcapng, OPTION_END, NULL, 0);
	end_block(pcapng, start);
}

void
pcapng_statistics(
	struct pcapng *pcapng, uint32_t interface, uint64_t at_ns, uint64_t n_kept, uint64_t n_lost)
{
	size_t start = begin_block(pcapng, BLOCK_STATISTICS);

	add32(pcapng, interface);
	add_time(pcapng, at_ns);
	add_option(pcapng, STATISTICS_KEPT, &n_kept, sizeof(n_kept));
	add_option(pcapng, STATISTICS_LOST, &n_lost, sizeof(n_lost));
	add_option(pcapng, OPTION_END, NULL, 0);
	end_block(pcapng, start);
}
