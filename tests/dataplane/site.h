/* SPDX-License-Identifier: BSD-3-Clause */
/* A world with several workers, whose packets are handed over as the edge does it. All services are
 * in one mode, which is fullnat to begin with; port "back" has a local address of each family. */
#ifndef TESTS_DATAPLANE_SITE_H
#define TESTS_DATAPLANE_SITE_H

#include "dataplane/steer.h"
#include "frames.h"
#include "world.h"

#define SITE_WORKERS 4
#define SITE_FLOWS 800
#define SITE_FRONT 0
#define SITE_BACK 1
#define SITE_LOCAL4 "192.0.2.5"
#define SITE_LOCAL6 "2001:db8::5"

struct site {
	struct world world;
	struct steer steer; /* A worker for each of the first ports, until a case says otherwise. */
	struct pipeline *workers[SITE_WORKERS];
	struct control_local local;
	struct addr addresses[2];
	uint64_t random;
	uint16_t first[2]; /* By port: what site_give_rss() was told. */
	uint16_t n[2];
};

/* A case's set-up and tear-down: '*state' is a site. */
int site_set_up(void **state);
int site_tear_down(void **state);

void site_set_mode(struct site *site, uint8_t mode);

/* Forgets all flows. */
void site_expire(struct site *site);

/* RSS for a port whose entries are dealt out to workers 'first' to 'first' + 'n' - 1. */
void site_give_rss(struct site *site, uint16_t port, uint16_t first, uint16_t n);

/* Random numbers, the same in each run. */
uint64_t site_draw(struct site *site);

uint64_t site_count(const struct site *site, enum path_event event);
uint64_t site_n_flows(const struct site *site);

/* Lets the frame come in by the port, at 'worker' or where the port's RSS takes it (anywhere, if
 * it has none and is unknown), and be handed over where that is decided. */
enum verdict site_pass_at(struct site *site, struct frame *frame, uint16_t port, uint16_t worker);
enum verdict site_pass(struct site *site, struct frame *frame, uint16_t port);

/* Lets all workers give back what they held. The frames, which the packets' buffers must be, get
 * their verdicts. Returns how many there were. */
unsigned int site_release(struct site *site);

#endif /* TESTS_DATAPLANE_SITE_H */
