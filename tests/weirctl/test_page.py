# SPDX-License-Identifier: BSD-3-Clause
"""The metrics of a node that runs: promtool reads them, and they tell what weirctl shows."""

import json
import re
import subprocess

from conftest import PATIENCE_S
from harness import wait_until

# What the lists show, and which families have it.
SHOWN = {
    "status": {"state": "vrrp_state", "priority": "vrrp_priority", "since_s": "vrrp_state_age",
               "transitions": "vrrp_transitions", "addresses": "vip_held"},
    "services": {"address": "service_info", "port": "service_info", "protocol": "service_info",
                 "mode": "service_info", "scheduler": "service_info", "pool": "service_info",
                 "router_state": "vrrp_state", "backends_up": "backend_up",
                 "packets": "service_packets", "bytes": "service_bytes",
                 "new_flows": "service_new_flows", "drops": "service_drops"},
    "backends": {"address": "backend_info", "state": "backend_info", "drained": "backend_drained",
                 "weight": "backend_weight", "since_s": "backend_state_age",
                 "changes": "backend_changes", "packets": "backend_packets",
                 "bytes": "backend_bytes", "new_flows": "backend_new_flows",
                 "active_flows": "backend_flows"},
    "stats": {"verdicts": "verdict_packets", "flow_events": "flow_events",
              "path_events": "path_events", "flows": "flows", "flow_timeouts": "flow_timeout",
              "ports": "port_rx_packets", "workers": "worker_packets"},
}


def metrics(node):
    done = subprocess.run(node.dataplane.lb.command("curl", "-sS", "--max-time", str(PATIENCE_S),
                                                    "http://127.0.0.1:9100/metrics"),
                          capture_output=True, text=True, check=False)
    return done.stdout if "weir_verdict_packets_total" in done.stdout else None


def test_promtool_reads_the_page(node):
    page = wait_until(lambda: metrics(node), "metrics with statistics", PATIENCE_S)
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True,
                          text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_metrics_tell_what_weirctl_shows(node):
    page = wait_until(lambda: metrics(node), "metrics with statistics", PATIENCE_S)
    families = set(re.findall(r"^# TYPE weir_(\w+?)(?:_total|_seconds)? ", page, re.M))
    for command, members in SHOWN.items():
        answer = json.loads(node.ctl(command, "--json").stdout)
        if command == "status":
            answer = answer["routers"]
        thing = answer[0] if isinstance(answer, list) else answer
        assert set(members) <= set(thing), command
        assert set(members.values()) <= families, command
