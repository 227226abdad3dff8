/* SPDX-License-Identifier: BSD-3-Clause */
/* A circuit breaker: leaves an app node alone that has failed several times in a row.
 *
 * It is closed until so many tries have failed without one success between them; then open for a
 * while, in which the node gets nothing; then half open: one request tries the node, and what comes
 * of it closes the circuit or opens it again. All threads share it; what a healthy node costs is to
 * read two words that nobody writes. It knows no clock and does no I/O. */
#ifndef WEBTIER_CIRCUIT_H
#define WEBTIER_CIRCUIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct circuit_settings {
	uint32_t n_failures; /* In a row that open it; 0: it stays closed. */
	uint64_t open_ns;
};

/* Starts as zeros. Workers: write and read. */
struct circuit {
	_Atomic uint32_t n_failed;      /* In a row. */
	_Atomic uint64_t open_until_ns; /* 0: closed. */
	atomic_bool is_tried;           /* Half open, and a request is on its way. */
	_Atomic uint64_t n_opened;
};

enum circuit_ticket {
	CIRCUIT_REFUSED,
	CIRCUIT_PASS,
	CIRCUIT_TRIAL, /* It decides. */
};

/* How long the circuit stays open; 0: a request might pass. */
uint64_t circuit_closed_for_ns(const struct circuit *circuit, uint64_t now_ns);

/* Asks to pass. One that may must tell how it went, by one of the functions below. */
enum circuit_ticket circuit_enter(struct circuit *circuit, uint64_t now_ns);

/* Returns true if that has closed the circuit. */
bool circuit_succeed(struct circuit *circuit);

/* Returns true if that has opened the circuit. */
bool circuit_fail(struct circuit *circuit, enum circuit_ticket ticket,
	const struct circuit_settings *settings, uint64_t now_ns);

/* Nobody knows: the client has left. */
void circuit_forget(struct circuit *circuit, enum circuit_ticket ticket);

#endif /* WEBTIER_CIRCUIT_H */
