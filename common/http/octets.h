/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs of bytes in the text of HTTP, eight at a time: this goes over every byte of every header. */
#ifndef COMMON_HTTP_OCTETS_H
#define COMMON_HTTP_OCTETS_H

#include <stdint.h>
#include <string.h>

#define OCTETS_EACH UINT64_C(0x0101010101010101)
#define OCTETS_HIGH UINT64_C(0x8080808080808080)

/* Whether one of the eight bytes is a control character or DEL. Taking something from each byte
 * sets its highest bit if the byte was less, and had none to begin with. */
static inline int
octets_have_control(uint64_t word)
{
	uint64_t no_del = word ^ (OCTETS_EACH * 0x7f);
	uint64_t below_space = (word - OCTETS_EACH * ' ') & ~word;
	uint64_t is_del = (no_del - OCTETS_EACH) & ~no_del;

	return ((below_space | is_del) & OCTETS_HIGH) != 0;
}

/* How many bytes there are before the first control character, tab and DEL among them. */
static inline size_t
octets_plain(const char *text, size_t size)
{
	size_t n = 0;
	uint64_t word;

	while (n + sizeof(word) <= size) {
		memcpy(&word, text + n, sizeof(word));
		if (octets_have_control(word))
			break;
		n += sizeof(word);
	}
	while (n < size && (unsigned char)text[n] >= ' ' && text[n] != 0x7f)
		n++;
	return n;
}

#endif /* COMMON_HTTP_OCTETS_H */
