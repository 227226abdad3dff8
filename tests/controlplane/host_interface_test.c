/* SPDX-License-Identifier: BSD-3-Clause */
/* The watch of an interface, on the loopback of a network namespace of the test's own. */
#include "controlplane/host_interface.h"

#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* More changes than the socket of somebody who does not listen holds messages. */
#define N_UNHEARD 3000

#define PATIENCE_MS 60000

struct fixture {
	uv_loop_t loop;
	uv_timer_t timer;
	struct host_interface *host;
	int fd;
	bool late;
};

static void
on_change(void *ctx, const struct host_interface_state *state)
{
	(void)ctx;
	(void)state;
}

static void
on_late(uv_timer_t *timer)
{
	struct fixture *fixture = timer->data;

	fixture->late = true;
}

static int
set_up(void **state)
{
	static struct fixture fixture;
	struct err err = {""};

	if (unshare(CLONE_NEWNET) < 0)
		return 0; /* Only root may; the case skips itself. */
	fixture = (struct fixture){.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
	uv_loop_init(&fixture.loop);
	uv_timer_init(&fixture.loop, &fixture.timer);
	fixture.timer.data = &fixture;
	if (host_interface_new(&fixture.host, &fixture.loop, "lo", on_change, &fixture, &err) < 0)
		fail_msg("%s", err.text);
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	if (!fixture)
		return 0;
	host_interface_free(fixture->host);
	uv_close((uv_handle_t *)&fixture->timer, NULL);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	uv_loop_close(&fixture->loop);
	close(fixture->fd);
	return 0;
}

static void
set_loopback(const struct fixture *fixture, bool up)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0};

	assert_int_equal(ioctl(fixture->fd, SIOCSIFFLAGS, &request), 0);
}

/* Runs the loop until the watch has seen that the loopback is up, or down. */
static void
await(struct fixture *fixture, bool up)
{
	fixture->late = false;
	uv_timer_start(&fixture->timer, on_late, PATIENCE_MS, 0);
	while (host_interface_state(fixture->host)->up != up && !fixture->late)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	uv_timer_stop(&fixture->timer);
	assert_false(fixture->late);
}

static void
changes_are_seen_even_after_messages_were_lost(void **state)
{
	struct fixture *fixture = *state;

	if (!fixture)
		skip();
	set_loopback(fixture, true);
	await(fixture, true);
	for (int i = 0; i < N_UNHEARD; i++)
		set_loopback(fixture, i % 2);
	set_loopback(fixture, false);
	await(fixture, false);
	set_loopback(fixture, true);
	await(fixture, true);
	set_loopback(fixture, false);
	await(fixture, false);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test_setup_teardown(
			changes_are_seen_even_after_messages_were_lost, set_up, tear_down),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
