/* SPDX-License-Identifier: BSD-3-Clause */
/* Results as text and JSON; see report.h. */
#include "dataplane/pktgen/report.h"

#include "common/clock.h"
#include "dataplane/pktgen/flows.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#define RATE_TEXT_SIZE 24

static double
us(uint64_t ns)
{
	return (double)ns / (double)NS_PER_US;
}

static double
loss_percent(const struct result *result)
{
	return result->sent ? 100.0 * (double)result_lost(result) / (double)result->sent : 0;
}

void
report_second(FILE *out, const struct report_second *second)
{
	char sent[RATE_TEXT_SIZE], bits[RATE_TEXT_SIZE], received[RATE_TEXT_SIZE];

	fprintf(out,
		"%4.0f s  sent %spps %sbit/s  received %spps  missing %lu  p99 %.1f us  max %.1f "
		"us\n",
		(double)second->elapsed_ns / (double)NS_PER_S,
		rate_format((double)second->sent, sent, sizeof(sent)),
		rate_format((double)second->sent_bits, bits, sizeof(bits)),
		rate_format((double)second->received, received, sizeof(received)),
		(unsigned long)second->missing, us(second->p99_ns), us(second->most_ns));
	fflush(out);
}

void
report_table_head(FILE *out)
{
	fprintf(out, "%11s %11s %12s %11s %11s %9s %8s %8s %9s %9s %9s %9s\n", "wanted", "sent pps",
		"wire bit/s", "recv pps", "lost", "lost %", "reorder", "dup", "p50 us", "p99 us",
		"p99.9 us", "max us");
}

static const char *
wanted_text(const struct pacing *wanted, char *buf, size_t size)
{
	char number[RATE_TEXT_SIZE];

	if (wanted->rate == 0)
		return "max";
	rate_format((double)wanted->rate, number, sizeof(number));
	snprintf(buf, size, "%s%s", number, wanted->in_bits ? "bps" : "pps");
	return buf;
}

void
report_table_row(FILE *out, const struct result *result)
{
	char wanted[RATE_TEXT_SIZE + 4], sent[RATE_TEXT_SIZE], bits[RATE_TEXT_SIZE],
		received[RATE_TEXT_SIZE];

	fprintf(out, "%11s %11s %12s %11s %11lu %9.5f %8lu %8lu %9.1f %9.1f %9.1f %9.1f\n",
		wanted_text(&result->wanted, wanted, sizeof(wanted)),
		rate_format(result_per_second(result, result->sent), sent, sizeof(sent)),
		rate_format(result_per_second(result, result->sent_bits), bits, sizeof(bits)),
		rate_format(result_per_second(result, result->counts.received), received,
			sizeof(received)),
		(unsigned long)result_lost(result), loss_percent(result),
		(unsigned long)result->counts.reordered, (unsigned long)result->counts.duplicates,
		us(result->p50_ns), us(result->p99_ns), us(result->p999_ns), us(result->most_ns));
	fflush(out);
}

void
report_search(FILE *out, const struct report *report)
{
	char packets[RATE_TEXT_SIZE], bits[RATE_TEXT_SIZE];

	if (!report->chosen) {
		fprintf(out, "\nthroughput: none found: %s\n", search_end_text(report->end));
		return;
	}
	fprintf(out, "\nthroughput: %spps, %sbit/s on the wire (%s)\n",
		rate_format(result_per_second(report->chosen, report->chosen->sent), packets,
			sizeof(packets)),
		rate_format(result_per_second(report->chosen, report->chosen->sent_bits), bits,
			sizeof(bits)),
		search_end_text(report->end));
}

static json_t *
result_json(const struct result *result)
{
	const struct flight_counts *counts = &result->counts;

	return json_pack("{s:I, s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f,"
			 " s:{s:I, s:I, s:I, s:I, s:I}}",
		"wanted", (json_int_t)result->wanted.rate, "wanted_unit",
		result->wanted.rate == 0 ? "max"
		: result->wanted.in_bits ? "bit/s"
					 : "packets/s",
		"duration_s", (double)result->duration_ns / (double)NS_PER_S, "sent",
		(json_int_t)result->sent, "sent_wire_bits", (json_int_t)result->sent_bits,
		"received", (json_int_t)counts->received, "lost", (json_int_t)result_lost(result),
		"reordered", (json_int_t)counts->reordered, "duplicates",
		(json_int_t)counts->duplicates, "stale", (json_int_t)counts->stale, "strangers",
		(json_int_t)result->strangers, "port_full", (json_int_t)result->refused, "sent_pps",
		result_per_second(result, result->sent), "wire_bps",
		result_per_second(result, result->sent_bits), "latency_ns", "min",
		(json_int_t)result->least_ns, "p50", (json_int_t)result->p50_ns, "p99",
		(json_int_t)result->p99_ns, "p99.9", (json_int_t)result->p999_ns, "max",
		(json_int_t)result->most_ns);
}

static json_t *
settings_json(const struct settings *settings)
{
	char target[ADDR_TEXT_SIZE];
	json_t *sizes = json_array();

	for (uint16_t i = 0; i < settings->sizes.n_order; i++)
		json_array_append_new(
			sizes, json_integer(settings->sizes.bytes[settings->sizes.order[i]]));
	return json_pack("{s:s, s:s*, s:s, s:i, s:i, s:s, s:i, s:f, s:o, s:i}", "port",
		settings->port, "rx_port", settings->rx_port, "to",
		addr_format(&settings->target, target, sizeof(target)), "to_port",
		(int)settings->target_port, "to_ports", (int)settings->n_target_ports, "protocol",
		settings->protocol == IPPROTO_TCP ? "tcp" : "udp", "flows", (int)settings->n_flows,
		"new_flows_percent", 100.0 * settings->new_share / FLOWS_SHARE_ALL, "frame_sizes",
		sizes, "threads", (int)settings->n_threads);
}

static json_t *
search_json(const struct report *report)
{
	bool found = report->chosen != NULL;

	return json_pack("{s:b, s:f, s:f, s:s, s:f}", "found", found, "throughput_pps",
		found ? result_per_second(report->chosen, report->chosen->sent) : 0.0,
		"throughput_wire_bps",
		found ? result_per_second(report->chosen, report->chosen->sent_bits) : 0.0,
		"because", search_end_text(report->end), "tolerated_loss_percent",
		100.0 * report->settings->tolerance / SEARCH_WHOLE);
}

int
report_json(const struct report *report, const char *path, struct err *err)
{
	json_t *trials = json_array(), *root;
	int rc;

	for (size_t i = 0; i < report->n_results; i++)
		json_array_append_new(trials, result_json(&report->results[i]));
	root = json_pack("{s:s, s:o, s:o}", "generator", "weir-pktgen " WEIR_VERSION, "settings",
		settings_json(report->settings), "trials", trials);
	if (root && report->settings->search)
		json_object_set_new(root, "search", search_json(report));
	if (!root)
		return err_set(err, -ENOMEM, "out of memory");
	errno = 0;
	if (strcmp(path, "-") == 0)
		rc = json_dumpf(root, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF ? 0
											   : -EIO;
	else
		rc = json_dump_file(root, path, JSON_INDENT(2)) == 0 ? 0 : -EIO;
	json_decref(root);
	if (rc < 0)
		return err_set(err, errno ? -errno : rc, "--json %s: cannot be written: %s", path,
			strerror(errno ? errno : EIO));
	return 0;
}
