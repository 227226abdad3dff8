/* SPDX-License-Identifier: BSD-3-Clause */
/* bench-kernel: what a kernel does with the frames of a load, as one line of JSON.
 *
 * The frames go out by a packet socket on the interface "client", the near end of a veth pair. The
 * kernel takes each at the far end within the call that sends it, so this thread's processor time
 * is that of everything that becomes of it; what sending alone costs is told by a run in which the
 * far end drops all. Those that leave by the interface "backs", which drops them, are counted. */
#include "load.h"
#include "parameters.h"
#include "thread_clock.h"
#include "windows.h"

#include "common/clock.h"

#include <errno.h>
#include <jansson.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BURST 64
#define FRAME_SIZE 2048

struct job {
	struct load load;
	uint32_t n_windows;
	uint32_t window_ms;
	uint32_t marks;
};

struct sender {
	int fd;
	uint64_t n_sent;
	struct traffic traffic;
	struct mmsghdr messages[BURST];
	struct iovec vectors[BURST];
	uint8_t frames[BURST][FRAME_SIZE];
};

#define JOB_AT(field) offsetof(struct job, field)

static const char *const answers[] = {"no", "yes", NULL};

static const uint8_t far_mac[6] = {2, 0, 0, 0, 0, 1};

static const struct parameter parameters[] = {
	{"windows", "how often", JOB_AT(n_windows), 1, WINDOWS_MAX, NULL},
	{"window-ms", "how long each time", JOB_AT(window_ms), 1, 10000, NULL},
	{"marks", "whether to say after each window how many frames were sent", JOB_AT(marks), 0, 0,
		answers},
	LOAD_PARAMETERS(job, load),
};

static int
open_sender(struct sender *sender, const struct load *load)
{
	const struct traffic_config traffic = load_traffic(load, far_mac);
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("client")};
	int yes = 1;

	if (traffic_init(&sender->traffic, &traffic) < 0)
		return -EINVAL;
	sender->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (sender->fd < 0 || at.sll_ifindex == 0 ||
		bind(sender->fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
		setsockopt(sender->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof(yes)) < 0)
		return errno ? -errno : -ENODEV;
	for (unsigned int i = 0; i < BURST; i++) {
		sender->vectors[i].iov_base = sender->frames[i];
		sender->messages[i].msg_hdr.msg_iov = &sender->vectors[i];
		sender->messages[i].msg_hdr.msg_iovlen = 1;
	}
	return 0;
}

/* Sends a burst; returns how many frames the kernel took. */
static unsigned int
send_burst(struct sender *sender)
{
	int n;

	for (unsigned int i = 0; i < BURST; i++)
		sender->vectors[i].iov_len = traffic_write(&sender->traffic, sender->frames[i]);
	n = sendmmsg(sender->fd, sender->messages, BURST, 0);
	if (n < 0)
		return 0;
	sender->n_sent += (unsigned int)n;
	return (unsigned int)n;
}

static double
run_window(struct sender *sender, uint64_t window_ns)
{
	uint64_t begin_ns = thread_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t n = 0, ns;

	do {
		n += send_burst(sender);
		ns = thread_clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns;
	} while (ns < window_ns);
	return n > 0 ? (double)ns / (double)n : 0;
}

/* For somebody who watches from outside of a virtual machine, whose clocks may be coarse. */
static void
mark(const struct sender *sender, bool wanted)
{
	if (!wanted)
		return;
	printf("mark %llu\n", (unsigned long long)sender->n_sent);
	fflush(stdout);
}

/* Frames that left by "backs": kinds of interfaces count those that they drop differently. */
static uint64_t
n_left(void)
{
	static const char *const counters[] = {"tx_packets", "rx_dropped"};
	uint64_t n = 0;

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		char path[128], text[32];
		FILE *file;

		snprintf(path, sizeof(path), "/sys/class/net/backs/statistics/%s", counters[i]);
		file = fopen(path, "re");
		if (file && fgets(text, sizeof(text), file))
			n += strtoull(text, NULL, 10);
		if (file)
			fclose(file);
	}
	return n;
}

int
main(int argc, char **argv)
{
	static struct sender sender;
	struct job job = {.load = LOAD_DEFAULT, .n_windows = 25, .window_ms = 20};
	static struct windows windows;
	uint64_t before;
	json_t *result;
	int rc;

	parameters_parse(parameters, sizeof(parameters) / sizeof(parameters[0]), &job, argc, argv);
	rc = open_sender(&sender, &job.load);
	if (rc < 0) {
		fprintf(stderr,
			"bench-kernel: no frames can be sent by an interface 'client': "
			"%s\n",
			strerror(-rc));
		return EXIT_FAILURE;
	}
	before = n_left();
	while (!traffic_is_steady(&sender.traffic))
		send_burst(&sender);
	mark(&sender, job.marks);
	for (uint32_t i = 0; i < job.n_windows; i++) {
		windows_add(&windows, run_window(&sender, job.window_ms * NS_PER_MS));
		mark(&sender, job.marks);
	}
	windows_sort(&windows);
	result = json_pack("{s:f, s:f, s:I, s:I}", "best_ns", windows_best(&windows), "median_ns",
		windows_median(&windows), "sent", (json_int_t)sender.n_sent, "left",
		(json_int_t)(n_left() - before));
	if (!result || json_dumpf(result, stdout, 0) < 0)
		return EXIT_FAILURE;
	printf("\n");
	json_decref(result);
	close(sender.fd);
	return EXIT_SUCCESS;
}
