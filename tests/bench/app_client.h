/* SPDX-License-Identifier: BSD-3-Clause */
/* What bench-app-client measures, and the two ways to ask for it: over HTTP from the app tier
 * (app_client_http.c), and straight from the database (app_client_db.c). */
#ifndef TESTS_BENCH_APP_CLIENT_H
#define TESTS_BENCH_APP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#define APP_CLIENT_CODE_SIZE 16
#define APP_CLIENT_URL "https://example.org/a/page?of=the&benchmark"

enum app_load {
	APP_READ,
	APP_WRITE,
	APP_MIXED, /* Nine reads to a write. */
};

struct app_job {
	uint32_t straight; /* 1: from the database. */
	uint32_t load;
	uint32_t port;
	uint32_t other_port; /* Of a second node, for every other connection; 0: none. */
	uint32_t n_connections;
	uint32_t duration_ms;
	uint32_t n_links; /* Codes b0000001 and so on, which are there. */
};

struct app_request {
	bool write;
	char code[APP_CLIENT_CODE_SIZE]; /* To read. */
};

enum app_outcome {
	APP_WAITS, /* For the events that app_target's functions have set. */
	APP_DONE,
	APP_FAILED,
};

/* One connection. */
struct app_target;

/* Opens the connection with number 'index', waiting for it. NULL after having said why not. */
typedef struct app_target *(*app_open_fn)(const struct app_job *job, unsigned int index);

struct app_way {
	app_open_fn open;
	int (*fd)(const struct app_target *target);
	/* Begins a request, and goes on with it when its 'events' (of epoll) have come. '*wanted'
	 * is what to wait for. */
	enum app_outcome (*begin)(
		struct app_target *target, const struct app_request *request, uint32_t *wanted);
	enum app_outcome (*go_on)(struct app_target *target, uint32_t events, uint32_t *wanted);
	void (*close)(struct app_target *target);
};

extern const struct app_way app_way_http;
extern const struct app_way app_way_db;

#endif /* TESTS_BENCH_APP_CLIENT_H */
