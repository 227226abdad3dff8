/* SPDX-License-Identifier: BSD-3-Clause */
/* EAL; see eal.h. */
#include "dataplane/eal.h"

#include "common/log.h"
#include "dataplane/eal_files.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_config.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>

LOG_MODULE("dpdk");

#define ARGS_MAX (24 + MODEL_PORTS_MAX)
#define ARGS_TEXT_SIZE 8192
#define LINE_SIZE 256
#define PREFIX_SIZE 256

struct eal {
	char prefix[PREFIX_SIZE]; /* Of the names of its files. */
	FILE *log;                /* DPDK writes its messages here. */
	char line[LINE_SIZE];     /* The message that is being written. */
	size_t line_size;
	char first_error[LINE_SIZE];
	bool quiet;
	bool started;
	/* The arguments, which EAL refers to as long as it runs. */
	char *args[ARGS_MAX];
	int n_args;
	char text[ARGS_TEXT_SIZE];
	size_t text_size;
};

static void
log_line(struct eal *eal)
{
	int level = rte_log_cur_msg_loglevel();

	if (eal->line_size == 0)
		return;
	eal->line[eal->line_size] = '\0';
	eal->line_size = 0;
	if (level > 0 && level <= (int)RTE_LOG_ERR) {
		if (eal->first_error[0] == '\0')
			memcpy(eal->first_error, eal->line, sizeof(eal->first_error));
		if (!eal->quiet) {
			LOG_WARNING("%s", eal->line);
			return;
		}
	}
	LOG_DBG("%s", eal->line);
}

/* The stream's write function: cuts what DPDK writes into lines. stdio's lock of the stream makes
 * it safe from any thread. */
static ssize_t
write_log(void *cookie, const char *data, size_t size)
{
	struct eal *eal = cookie;

	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\n')
			log_line(eal);
		else if (eal->line_size < sizeof(eal->line) - 1)
			eal->line[eal->line_size++] = data[i];
	}
	return (ssize_t)size;
}

static int
open_log(struct eal *eal)
{
	cookie_io_functions_t io = {.write = write_log};

	eal->log = fopencookie(eal, "w", io);
	if (!eal->log)
		return -ENOMEM;
	setvbuf(eal->log, NULL, _IOLBF, LINE_SIZE);
	return rte_openlog_stream(eal->log);
}

/* Appends an argument. What does not fit is a bug in the sizes above. */
static void __attribute__((format(printf, 2, 3))) add_arg(struct eal *eal, const char *format, ...)
{
	size_t room = sizeof(eal->text) - eal->text_size;
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(eal->text + eal->text_size, room, format, args);
	va_end(args);
	if (size < 0 || (size_t)size >= room || eal->n_args >= ARGS_MAX - 1)
		return;
	eal->args[eal->n_args++] = eal->text + eal->text_size;
	eal->text_size += (size_t)size + 1;
}

static void
add_lcores(struct eal *eal, const struct lb_node *lb)
{
	char cpus[CPU_SETSIZE * 5] = "0";
	size_t size = 0;
	cpu_set_t set;

	if (lb->cores) {
		add_arg(eal, "--lcores=%s", lb->cores);
		return;
	}
	/* Without a wish the operating system places the threads on all it gives us. */
	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &set))
			size += (size_t)snprintf(
				cpus + size, sizeof(cpus) - size, "%s%d", size ? "," : "", cpu);
	}
	add_arg(eal, "--lcores=(0-%u)@(%s)", eal_n_workers(lb), cpus);
}

static void
make_args(struct eal *eal, const struct lb_node *lb)
{
	bool any_pci = false;

	add_arg(eal, "weir-dataplane");
	add_lcores(eal, lb);
	add_arg(eal, "--file-prefix=%s", eal->prefix);
	add_arg(eal, "-m");
	add_arg(eal, "%u", lb->memory_mb);
	if (lb->hugepages) {
		/* virtio-user and memif hand their peers one descriptor for all memory. */
		add_arg(eal, "--single-file-segments");
	} else {
		add_arg(eal, "--no-huge");
		add_arg(eal, "--no-shconf");
	}
	for (size_t i = 0; i < lb->n_ports; i++) {
		if (eal_device_is_pci(lb->ports[i].device)) {
			any_pci = true;
			add_arg(eal, "--allow=%s", lb->ports[i].device);
		}
	}
	if (!any_pci) {
		add_arg(eal, "--no-pci");
		add_arg(eal, "--iova-mode=va");
	}
}

static int
check_pci(const struct lb_port *port, struct err *err)
{
	char path[128];

	/* The domain may be left out, as lspci does. */
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s%.32s",
		strlen(port->device) < 12 ? "0000:" : "", port->device);
	if (access(path, F_OK) < 0)
		return err_set(err, -ENODEV,
			"port %s: there is no PCI device %s: lspci -D lists what there is",
			port->name, port->device);
	return 0;
}

static int
check_device(const struct lb_port *port, struct err *err)
{
	char name[IF_NAMESIZE];

	if (eal_device_is_pci(port->device))
		return check_pci(port, err);
	/* net_tap makes its interface; the others need one that is there. */
	if (strncmp(port->device, "net_tap", 7) == 0)
		return 0;
	if (eal_device_argument(port->device, "iface", name, sizeof(name)) &&
		if_nametoindex(name) == 0)
		return err_set(err, -ENODEV,
			"port %s: there is no interface '%s' (device %s): make it, or name another "
			"one in the port's device; ip link lists what there is",
			port->name, name, port->device);
	return 0;
}

static int
check_host(const struct lb_node *lb, const char *prefix, struct err *err)
{
	int rc = 0;

	if (geteuid() != 0)
		return err_set(err, -EPERM,
			"the dataplane drives network devices, which only root may: run it as root "
			"(sudo)");
	if (lb->hugepages) {
		eal_files_remove_stale(prefix);
		rc = eal_files_check_pages(lb->memory_mb, err);
	}
	for (size_t i = 0; i < lb->n_ports && rc == 0; i++)
		rc = check_device(&lb->ports[i], err);
	return rc;
}

static int
check_lcores(const struct lb_node *lb, struct err *err)
{
	unsigned int n_needed = 1 + eal_n_workers(lb);

	if (rte_lcore_count() >= n_needed)
		return 0;
	return err_set(err, -EINVAL,
		"cores: '%s' has %u lcores and %u are needed, one for control and one for each of "
		"the ports' workers: name more cores or lower queues or workers",
		lb->cores ? lb->cores : "", rte_lcore_count(), n_needed);
}

int
eal_new(struct eal **out, const char *cluster, const struct node *node, struct err *err)
{
	char prefix[PREFIX_SIZE];
	struct eal *eal;
	int rc;

	snprintf(prefix, sizeof(prefix), "weir-%s-%s", cluster, node->name);
	rc = check_host(&node->lb, prefix, err);
	if (rc < 0)
		return rc;
	eal = calloc(1, sizeof(*eal));
	if (!eal || open_log(eal) < 0) {
		free(eal);
		return err_set(err, -ENOMEM, "out of memory");
	}
	memcpy(eal->prefix, prefix, sizeof(prefix));
	make_args(eal, &node->lb);
	if (rte_eal_init(eal->n_args, eal->args) < 0) {
		rc = rte_errno ? -rte_errno : -EIO;
		err_set(err, rc,
			"DPDK did not start: %s (%s): check memory_mb, hugepages and cores of node "
			"%s, and that no other dataplane runs for it",
			eal->first_error[0] ? eal->first_error : "it does not say why",
			strerror(-rc), node->name);
	} else {
		eal->started = true;
		rc = check_lcores(&node->lb, err);
	}
	if (rc < 0) {
		eal_free(eal);
		return rc;
	}
	*out = eal;
	return 0;
}

void
eal_free(struct eal *eal)
{
	char folder[PATH_MAX], file[PATH_MAX];

	if (!eal)
		return;
	if (eal->started) {
		snprintf(folder, sizeof(folder), "%s", rte_eal_get_runtime_dir());
		/* While EAL still keeps others of its name away. */
		eal_files_remove_own(eal->prefix, folder);
		rte_eal_cleanup();
		/* DPDK leaves the folder, and removes the telemetry socket in it only at exit. */
		snprintf(file, sizeof(file), "%.*s/dpdk_telemetry.v2", PATH_MAX - 32, folder);
		unlink(file);
		rmdir(folder);
	}
	rte_openlog_stream(NULL);
	fclose(eal->log);
	free(eal);
}

void
eal_try_begin(struct eal *eal)
{
	eal->first_error[0] = '\0';
	eal->quiet = true;
}

void
eal_try_end(struct eal *eal)
{
	eal->quiet = false;
}

const char *
eal_first_error(const struct eal *eal)
{
	return eal->first_error;
}

bool
eal_device_is_pci(const char *device)
{
	size_t size = strspn(device, "0123456789abcdefABCDEF:.");

	return device[size] == '\0' && strchr(device, ':') && strchr(device, '.');
}

bool
eal_device_argument(const char *device, const char *key, char *buf, size_t size)
{
	size_t key_size = strlen(key);
	const char *at = strchr(device, ',');

	for (; at; at = strchr(at, ',')) {
		at++;
		if (strncmp(at, key, key_size) == 0 && at[key_size] == '=') {
			const char *value = at + key_size + 1;
			size_t value_size = strcspn(value, ",");

			if (value_size >= size)
				return false;
			memcpy(buf, value, value_size);
			buf[value_size] = '\0';
			return true;
		}
	}
	return false;
}

unsigned int
eal_n_workers(const struct lb_node *lb)
{
	unsigned int n = 0;

	for (size_t i = 0; i < lb->n_ports; i++)
		n += lb->ports[i].n_workers;
	return n;
}
