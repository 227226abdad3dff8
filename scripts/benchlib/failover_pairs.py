# SPDX-License-Identifier: BSD-3-Clause
"""The pairs of load balancers that are compared: how their nodes start, who holds the addresses.

Both elect by VRRPv3 with the same intervals and priorities, and neither takes the addresses back
from a holder that lives. Both check the same servers equally often."""

import json
import os
import socket

from benchlib import failover_net as network
from benchlib.failover_net import (GATEWAY, LBS, LOCAL, PORT, SECOND, SERVERS, TAP,
                                   TUNNEL_SOURCE, VIPS)
from benchlib.programs import BUILD
from lablib import waiting
from lablib.command import run
from lablib.errors import LabError

PRIORITIES = {"lb1": 200, "lb2": 100}
CHECK_MS = 200
READY_S = 30

# Before client and servers, which would be on other machines than either node.
FIRST = ("nice", "-n", "-15")
MODES = ("dr", "tunnel", "nat", "fullnat")

WEIR_NODE = """\
  - name: {name}
    role: lb
    metrics: {address}:9100
    lb:
      memory_mb: 128
      flows: 262144
      control_socket: {folder}/dataplane.sock
      admin_socket: {folder}/admin.sock
      ports:
        - name: front
          device: "net_af_xdp0,iface=front,start_queue=0,queue_count=1,busy_budget=0"
          host_interface: {tap}
"""

WEIR_POOL = """\
  - name: {name}
    check: alive
    backends:
"""

WEIR_HEAD = """\
cluster: failover
virtual_routers:
  - name: vips
    vrid: 51
    port: front
    addresses: [{addresses}]
    local_addresses: [{local}]
    advert_ms: {advert_ms}
    preempt: no
    members: [{members}]
flow_sync:
  keys: [{{id: 1, file: {key}}}]
checks:
  - {{name: alive, type: tcp, interval_ms: {check_ms}, timeout_ms: 400, rise: 2, fall: 2}}
"""

KEEPALIVED_CONF = """\
global_defs {{
    vrrp_version 3
    script_user root
    max_auto_priority 50
}}
vrrp_script haproxy {{
    script "{folder}/alive"
    interval 1
}}
vrrp_instance vips {{
    state BACKUP
    nopreempt
    interface front
    virtual_router_id 51
    priority {priority}
    advert_int {advert_s}
    virtual_ipaddress {{
        {vip}/24
    }}
    track_script {{
        haproxy
    }}
}}
"""

HAPROXY_CFG = """\
global
    maxconn 8000
    stats socket {folder}/haproxy.sock
defaults
    mode tcp
    timeout connect 1s
    timeout client 1h
    timeout server 1h
listen web
    bind {vip}:{port}
    balance roundrobin
    default-server check inter {check_ms} rise 2 fall 2
"""


# Exits with 0 while HAProxy runs. keepalived's own tracking of processes hears nothing in a network
# namespace, and calls scripts once a second at most.
ALIVE = """\
#!/bin/sh
kill -0 "$(cat {folder}/haproxy.pid)"
"""


class Pair:
    """What both kinds have in common. They say of themselves: NAME; PROGRAMS in the order of their
    start, the DATAPLANE among them; whether the benchmark DRAINS servers of theirs; their
    'targets', addresses by name; prepare(machine), start(machine, program), state(name)."""

    def __init__(self, net, advert_ms):
        self.net = net
        self.advert_ms = advert_ms

    def boot(self, name):
        """The node from nothing: its machine, then its programs."""
        machine = self.net[name]
        machine.remove()
        machine.boot()
        self.prepare(machine)
        for program in self.PROGRAMS:
            self.start(machine, program)

    def begin(self):
        for name in LBS:
            self.prepare(self.net[name])
            for program in self.PROGRAMS:
                self.start(self.net[name], program)

    def recover(self, name, whole):
        """Brings back what was killed."""
        if whole:
            self.boot(name)
        else:
            self.start(self.net[name], self.DATAPLANE)

    def await_ready(self):
        """Waits until one node holds the addresses and the other could; returns the holder."""
        last = []

        def problems():
            for name in LBS:
                self.net[name].check()
            states = {name: self.state(name) for name in LBS}
            last[:] = [name for name, state in states.items() if state == "holds"]
            wrong = [f"{name} {state}" for name, state in states.items()
                     if state not in ("holds", "waits")]
            return wrong or ([] if len(last) == 1 else [f"{len(last)} nodes hold the addresses"])

        waiting.until_none("the load balancers are ready", problems, READY_S, self.log_tails)
        return last[0]

    def log_tails(self):
        return [line for name in LBS for program in self.PROGRAMS
                for line in self._tail(self.net[name].log(program))]

    @staticmethod
    def _tail(path):
        if not path.exists():
            return []
        lines = path.read_text(errors="replace").splitlines()[-8:]
        return [f"the end of {path}:", *("  | " + line for line in lines)]


class Weir(Pair):
    """Two weir nodes, one service for each mode."""

    NAME = "weir"
    PROGRAMS = ("dataplane", "controlplane")
    DATAPLANE = "dataplane"
    DRAINS = True

    def __init__(self, net, advert_ms, modes):
        super().__init__(net, advert_ms)
        # What servers send from these addresses of theirs is answered through the balancer.
        self.pools = ([("back", SECOND)] if "nat" in modes else []) + (
            [("web", 0)] if set(modes) - {"nat"} else [])
        self.targets = {mode: VIPS[mode] for mode in modes}
        self.key = net.folder / "sync_key"
        self.key.write_bytes(os.urandom(32))
        self.key.chmod(0o600)
        self.config = net.folder / "weir.yaml"
        self.config.write_text(self._configuration(), encoding="ascii")
        run([BUILD / "controlplane" / "weirctl", "check", self.config])
        for name in SERVERS:
            self.net[name].ip("link set dev front xdp object "
                              f"{BUILD / 'docs' / 'examples' / 'decapsulate.bpf.o'} section xdp")

    def _configuration(self):
        members = ", ".join(f"{{node: {name}, priority: {priority}}}"
                            for name, priority in PRIORITIES.items())
        text = WEIR_HEAD.format(addresses=", ".join([*self.targets.values(), GATEWAY]),
                                members=members, local=LOCAL, key=self.key,
                                advert_ms=self.advert_ms, check_ms=CHECK_MS)
        text += "nodes:\n" + "".join(
            WEIR_NODE.format(name=name, address=network.address(number), tap=TAP,
                             folder=self.net[name].folder) for name, number in LBS.items())
        text += "pools:\n"
        for pool, extra in self.pools:
            text += WEIR_POOL.format(name=pool) + "".join(
                f"      - {{name: {name}, address: {network.address(number + extra)}}}\n"
                for name, number in SERVERS.items())
        text += "services:\n"
        for mode, vip in self.targets.items():
            tunnel = f", tunnel: {{source: {TUNNEL_SOURCE}}}" if mode == "tunnel" else ""
            text += (f"  - {{name: {mode}, address: {vip}, port: {PORT}, protocol: tcp, "
                     f"mode: {mode}, pool: {'back' if mode == 'nat' else 'web'}{tunnel}}}\n")
        return text

    def prepare(self, machine):
        machine.run("sysctl", "-qw", *(f"{key}={value}" for key, value
                                       in network.namespaces.NIC_SYSCTLS.items()))
        machine.ip(f"tuntap add dev {TAP} mode tap",
                   f"link set {TAP} address {network.mac(machine.number)} up",
                   "link set front arp off",
                   f"address add {network.address(machine.number)}/24 dev {TAP}")
        machine.run("ethtool", "-K", TAP, *network.namespaces.OFFLOADS_OFF)

    def start(self, machine, program):
        runtime = machine.folder / "run"
        runtime.mkdir(exist_ok=True)
        machine.start(program, *FIRST, BUILD / program / f"weir-{program}", "--config", self.config,
                      "--node", machine.name, env={"RUNTIME_DIRECTORY": str(runtime)})

    def ctl(self, name, *words):
        return json.loads(run([BUILD / "controlplane" / "weirctl", "--config", self.config,
                               "--node", name, "--json", *words], timeout_s=5))

    def state(self, name):
        try:
            status = self.ctl(name, "status")
            if not status["ready"] or not status["dataplane"]["up"]:
                return "is not ready"
            if any(row["state"] not in ("up", "drained") for row in self.ctl(name, "backends")):
                return "finds servers down"
        except LabError:
            return "does not answer"
        states = {router["state"] for router in status["routers"]}
        return {("master",): "holds", ("backup",): "waits"}.get(tuple(states), "is neither")

    def drain(self, server, drained):
        """On both nodes, as an operator would."""
        for name in LBS:
            self.ctl(name, "drain" if drained else "undrain", server)


class Haproxy(Pair):
    """Debian's keepalived and HAProxy, the latter in TCP mode."""

    NAME = "haproxy"
    PROGRAMS = ("haproxy", "keepalived")
    DATAPLANE = "haproxy"
    DRAINS = False  # It would keep no connection anyway.

    def __init__(self, net, advert_ms):
        super().__init__(net, advert_ms)
        self.targets = {"haproxy": VIPS["haproxy"]}

    def prepare(self, machine):
        machine.run("sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=1")
        machine.ip(f"address add {network.address(machine.number)}/24 dev front")
        servers = "".join(f"    server {name} {network.address(number)}:{PORT}\n"
                          for name, number in SERVERS.items())
        (machine.folder / "haproxy.cfg").write_text(
            HAPROXY_CFG.format(folder=machine.folder, vip=VIPS["haproxy"], port=PORT,
                               check_ms=CHECK_MS) + servers, encoding="ascii")
        (machine.folder / "keepalived.conf").write_text(
            KEEPALIVED_CONF.format(priority=PRIORITIES[machine.name], vip=VIPS["haproxy"],
                                   advert_s=self.advert_ms / 1000, folder=machine.folder),
            encoding="ascii")
        (machine.folder / "alive").write_text(ALIVE.format(folder=machine.folder),
                                              encoding="ascii")
        (machine.folder / "alive").chmod(0o755)

    def start(self, machine, program):
        argv = {
            "haproxy": ["haproxy", "-db", "-f", "haproxy.cfg"],
            "keepalived": ["keepalived", "--dont-fork", "--log-console", "--vrrp", "--use-file",
                           "keepalived.conf", "--pid", "main.pid", "--vrrp_pid", "vrrp.pid"],
        }
        if program == "keepalived":
            for name in ("main.pid", "vrrp.pid"):
                (machine.folder / name).unlink(missing_ok=True)
        process = machine.start(program, *FIRST, *argv[program])
        if program == "haproxy":
            (machine.folder / "haproxy.pid").write_text(f"{process.pid}\n", encoding="ascii")

    def _servers_are_up(self, name):
        """What HAProxy says on its socket; in each server's line the state is the sixth word."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(2)
            asking.connect(str(self.net[name].folder / "haproxy.sock"))
            asking.sendall(b"show servers state web\n")
            lines = asking.makefile().read().splitlines()[2:]
        states = [line.split()[5] for line in lines if line]
        return len(states) == len(SERVERS) and set(states) == {"2"}

    def state(self, name):
        machine = self.net[name]
        try:
            if not self._servers_are_up(name):
                return "finds servers down"
        except (OSError, IndexError):
            return "has no HAProxy that answers"
        held = json.loads(machine.run("ip", "-j", "address", "show", "dev", "front"))
        if any(entry.get("local") == VIPS["haproxy"] for entry in held[0]["addr_info"]):
            return "holds"
        states = [line for line in machine.log("keepalived").read_text(errors="replace")
                  .splitlines() if " STATE" in line and "(vips)" in line]
        return "waits" if states and "BACKUP" in states[-1] else "is neither"
