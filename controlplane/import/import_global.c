/* SPDX-License-Identifier: BSD-3-Clause */
/* Global definitions, and blocks beside instances and servers; see import_data.h. */
#include "controlplane/import/import_data.h"

#include <string.h>

#define TIMEOUT_MS_MIN 500
#define TIMEOUT_MS_MAX 3600000

static void
take_nothing(struct import *import, void *ctx, const struct statement *statement)
{
	(void)import;
	(void)ctx;
	(void)statement;
}

static void
take_version(struct import *import, void *ctx, const struct statement *statement)
{
	long long version;

	(void)ctx;
	if (import_number(statement_word(statement, 1), 2, 3, &version))
		import->version = (unsigned int)version;
}

static void
take_strict(struct import *import, void *ctx, const struct statement *statement)
{
	(void)ctx;
	import->strict = import_bool(statement_word(statement, 1));
	import_note(import, import->routers_at, statement,
		"'accept: no' is what it means for weir, which is strict in the rest by itself");
}

/* "lvs_timeouts tcp 7200 tcpfin 30 udp 60" */
static void
take_timeouts(struct import *import, void *ctx, const struct statement *statement)
{
	static const struct {
		const char *word, *key;
	} timeouts[] = {{"tcp", "established_ms"}, {"tcpfin", "fin_ms"}, {"udp", "udp_ms"}};
	struct document_node *root = document_root(import->document);
	struct document_node *map = document_find(root, "flow_timeouts");

	(void)ctx;
	for (size_t i = 1; i + 1 < statement->n_words; i += 2) {
		unsigned int ms;

		for (size_t j = 0; j < sizeof(timeouts) / sizeof(timeouts[0]); j++) {
			if (strcmp(statement->words[i], timeouts[j].word) != 0)
				continue;
			if (!map)
				map = document_map(import->document, root, "flow_timeouts", false);
			if (import_ms(statement->words[i + 1], TIMEOUT_MS_MIN, TIMEOUT_MS_MAX, &ms))
				document_set(import->document, map, timeouts[j].key, "%u", ms);
			else
				import_note(import, import->nodes_at, statement,
					"%s: weir has from 0.5 seconds to an hour",
					timeouts[j].word);
		}
	}
	if (map && document_count(map) == 0)
		document_drop_last(root);
}

static void
take_sync_daemon(struct import *import, void *ctx, const struct statement *statement)
{
	(void)ctx;
	import_note(import, import->nodes_at, statement,
		"weir's nodes tell each other of flows with 'flow_sync', which wants a key that "
		"they share: docs/config.md, flow_sync. Mode dr with scheduler maglev needs none");
}

static const char no_mail[] = "weir sends no mail: alert on /metrics, or by 'notify'";
static const char its_own[] = "weir's processes are started one by one, by systemd or as you like";
static const char announcements[] =
	"weir announces in its own rhythm: at once, five times within the "
	"next half second, then every minute";
static const char no_user[] = "weir runs programs as the user that weir-controlplane runs as";
static const char kernel[] = "weir sets nothing of the kernel's: use sysctl.d, nftables and the "
			     "system's network configuration";
static const char by_rfc[] = "weir does as RFC 9568 says";
static const char other_view[] = "weirctl and /metrics show what weir does";

static const struct import_keyword definitions[] = {
	{"router_id", take_nothing, NULL},
	{"vrrp_version", take_version, NULL},
	{"vrrp_strict", take_strict, NULL},
	{"lvs_timeouts", take_timeouts, NULL},
	{"lvs_sync_daemon", take_sync_daemon, NULL},
	{"notification_email", NULL, no_mail},
	{"notification_email_from", NULL, no_mail},
	{"smtp_server", NULL, no_mail},
	{"smtp_helo_name", NULL, no_mail},
	{"smtp_connect_timeout", NULL, no_mail},
	{"smtp_alert", NULL, no_mail},
	{"smtp_alert_vrrp", NULL, no_mail},
	{"smtp_alert_checker", NULL, no_mail},
	{"no_email_faults", NULL, no_mail},
	{"script_user", NULL, no_user},
	{"enable_script_security", NULL,
		"weir runs programs without a shell; see to it that nobody else can write them"},
	{"vrrp_skip_check_adv_addr", NULL, ""},
	{"vrrp_garp_interval", NULL, announcements},
	{"vrrp_gna_interval", NULL, announcements},
	{"vrrp_garp_master_delay", NULL, announcements},
	{"vrrp_garp_master_repeat", NULL, announcements},
	{"vrrp_garp_master_refresh", NULL, announcements},
	{"vrrp_garp_master_refresh_repeat", NULL, announcements},
	{"vrrp_garp_lower_prio_delay", NULL, announcements},
	{"vrrp_garp_lower_prio_repeat", NULL, announcements},
	{"vrrp_garp_extra_if", NULL, announcements},
	{"vrrp_lower_prio_no_advert", NULL, by_rfc},
	{"vrrp_higher_prio_send_advert", NULL, by_rfc},
	{"vrrp_down_timer_adverts", NULL, by_rfc},
	{"vrrp_mcast_group4", NULL, "adverts go to VRRP's own group, 224.0.0.18"},
	{"vrrp_mcast_group6", NULL, "adverts go to VRRP's own group, ff02::12"},
	{"vrrp_iptables", NULL, kernel},
	{"vrrp_ipsets", NULL, kernel},
	{"nftables", NULL, kernel},
	{"nftables_priority", NULL, kernel},
	{"default_interface", NULL, kernel},
	{"startup_script", NULL, its_own},
	{"shutdown_script", NULL, its_own},
	{"startup_script_timeout", NULL, its_own},
	{"shutdown_script_timeout", NULL, its_own},
	{"process_names", NULL, its_own},
	{"vrrp_priority", NULL, its_own},
	{"checker_priority", NULL, its_own},
	{"vrrp_no_swap", NULL, its_own},
	{"checker_no_swap", NULL, its_own},
	{"vrrp_rt_priority", NULL, its_own},
	{"checker_rt_priority", NULL, its_own},
	{"use_pid_dir", NULL, its_own},
	{"enable_dbus", NULL, other_view},
	{"enable_snmp_vrrp", NULL, other_view},
	{"enable_snmp_checker", NULL, other_view},
	{"enable_snmp_rfc", NULL, other_view},
	{"enable_snmp_rfcv2", NULL, other_view},
	{"enable_snmp_rfcv3", NULL, other_view},
	{"enable_traps", NULL, other_view},
	{"snmp_socket", NULL, other_view},
	{"vrrp_notify_fifo", NULL, "use 'notify' of a virtual router"},
	{"vrrp_notify_fifo_script", NULL, "use 'notify' of a virtual router"},
	{"lvs_flush", NULL, ""},
	{"lvs_flush_onstop", NULL, ""},
	{"checker_log_all_failures", NULL, "give weir-controlplane --log-level debug"},
	{"dynamic_interfaces", NULL, "weir's ports are there from the start"},
	{NULL, NULL, NULL},
};

static void
take_definitions(struct import *import, void *ctx, const struct statement *statement)
{
	(void)ctx;
	import_block(import, statement, definitions, import->nodes_at, NULL);
}

/* What stands at the top of the file, and where it has no counterpart, why. */
static const struct import_keyword blocks[] = {
	{"global_defs", take_definitions, NULL},
	{"vrrp_instance", take_nothing, NULL},
	{"vrrp_sync_group", take_nothing, NULL},
	{"vrrp_script", take_nothing, NULL},
	{"vrrp_track_process", take_nothing, NULL},
	{"virtual_server", take_nothing, NULL},
	{"virtual_server_group", take_nothing, NULL},
	{"local_address_group", take_nothing, NULL},
	{"static_ipaddress", NULL, kernel},
	{"static_routes", NULL, kernel},
	{"static_rules", NULL, kernel},
	{"track_group", NULL, kernel},
	{"track_file", NULL,
		"weir tracks ports, pools and scripts: write a script that looks at it"},
	{"vrrp_track_file", NULL,
		"weir tracks ports, pools and scripts: write a script that looks at it"},
	{"bfd_instance", NULL,
		"weir speaks no BFD: let BIRD do so, and track a script that asks it"},
	{"garp_group", NULL, announcements},
	{"linkbeat_use_polling", NULL, ""},
	{"linkbeat_interfaces", NULL, ""},
	{"interface_up_down_delays", NULL,
		"weir gives a virtual router up when its link is lost: preempt_delay_ms keeps a "
		"link that comes and goes from moving it back each time"},
	{"SSL", NULL, "the checks of weir have keys for it: tls_verify, tls_ca and tls_name"},
	{"net_namespace", NULL, its_own},
	{"net_namespace_ipvs", NULL, its_own},
	{"namespace_with_ipsets", NULL, its_own},
	{"instance", NULL, its_own},
	{"use_pid_dir", NULL, its_own},
	{"child_wait_time", NULL, its_own},
	{NULL, NULL, NULL},
};

void
import_globals(struct import *import)
{
	if (import->n_views > 0)
		import_block(import, &import->views[0].tree.root, blocks, import->nodes_at, NULL);
}
