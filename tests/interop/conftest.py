# SPDX-License-Identifier: BSD-3-Clause
"""weir and keepalived on one network, each in a namespace of its own:

      front4 10.77.1.100, front6 fd77:1::100
   weir: lb1                     keepalived: lb2
   10.77.1.11 weir0              10.77.1.12 front
     | (exception TAP)             |
   weir-dataplane                  |
     | front                       |
     +--------- switch ------------+

Namespaces are named for this process, and everything is stopped and removed at the end."""

import ipaddress
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("WEIR_BUILD", REPOSITORY / "build"))
PREFIX = f"wt{os.getpid()}"
DPDK_FOLDERS = Path("/var/run/dpdk")
STOP_S = 30  # Enough for a process to end, or to answer, on any machine.
VIPS = {"front4": "10.77.1.100", "front6": "fd77:1::100"}

WEIR_YAML = """\
cluster: {cluster}
nodes:
  - name: lb1
    role: lb
    metrics: 10.77.1.11:9100
    lb:
      memory_mb: 160
      hugepages: no
      flows: 1024
      control_socket: dataplane.sock
      admin_socket: admin.sock
      ports:
        - {{ name: front, device: "net_af_xdp0,iface=front,start_queue=0,queue_count=1",
            host_interface: weir0, queues: 1 }}
  - name: lb2
    role: lb
    metrics: 10.77.1.12:9100
    lb:
      memory_mb: 160
      hugepages: no
      flows: 1024
      control_socket: lb2/dataplane.sock
      admin_socket: lb2/admin.sock
      ports:
        - {{ name: front, device: "net_af_xdp0,iface=front,start_queue=0,queue_count=1",
            host_interface: weir0, queues: 1 }}
virtual_routers:
  - name: front4
    vrid: 51
    port: front
    addresses: [10.77.1.100]
    advert_ms: 100
    preempt_delay_ms: 300
    members:
      - {{ node: lb1, priority: {priority}{address4a} }}
      - {{ node: lb2, priority: 100{address4b} }}
{more}
  - name: front6
    vrid: 61
    port: front
    addresses: ["fd77:1::100"]
    advert_ms: 100
    preempt_delay_ms: 300
    members:
      - {{ node: lb1, priority: {priority}{address6a} }}
      - {{ node: lb2, priority: 100{address6b} }}
{more}
{scripts}
pools:
  - name: web4
    backends: [ {{ name: web1, address: 10.77.1.12, weight: 100 }} ]
  - name: web6
    backends: [ {{ name: web1, address: "fd77:1::12", weight: 100 }} ]
services:
  - {{ name: http4, address: 10.77.1.100, port: 80, protocol: tcp, mode: dr,
      scheduler: maglev, pool: web4 }}
  - {{ name: http6, address: "fd77:1::100", port: 80, protocol: tcp, mode: dr,
      scheduler: maglev, pool: web6 }}
"""

KEEPALIVED_CONF = """\
global_defs {{
    vrrp_version 3
}}
vrrp_instance front4 {{
    state BACKUP
    interface front
    virtual_router_id 51
    priority {priority}
    advert_int 0.1
    {more4}
    virtual_ipaddress {{
        10.77.1.100/24
    }}
}}
vrrp_instance front6 {{
    state BACKUP
    interface front
    virtual_router_id 61
    priority {priority}
    advert_int 0.1
    {more6}
    virtual_ipaddress {{
        fd77:1::100/64
    }}
}}
"""



@pytest.fixture(scope="session", autouse=True)
def other_work_comes_later():
    """Adverts are 100 ms apart: a machine with other work to do must not decide elections. What is
    started inherits this."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    yield
    os.setpriority(os.PRIO_PROCESS, 0, before)


@pytest.fixture(scope="session", autouse=True)
def no_runtime_folders_stay():
    """A dataplane that is killed cannot remove its own."""
    yield
    for folder in DPDK_FOLDERS.glob(f"weir-{PREFIX}-*"):
        shutil.rmtree(folder)


def until(what, condition, timeout_s):
    """Waits for a condition; returns how many seconds it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < timeout_s, f"did not come in {timeout_s} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - start


class Namespace:
    """A network namespace without duplicate address detection, so that addresses work at once."""

    def __init__(self, name):
        self.name = f"{PREFIX}-{name}"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.run("ip link set lo up")
        self.run("sysctl -qw net.ipv6.conf.default.accept_dad=0")

    def run(self, command):
        """Runs a command inside, which must succeed, and returns what it prints."""
        done = subprocess.run(["ip", "netns", "exec", self.name, *command.split()],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{self.name}: {command}: {done.stderr}"
        return done.stdout

    def start(self, log, *words):
        """Starts a program inside and returns its process."""
        with open(log, "ab") as output:
            return subprocess.Popen(["ip", "netns", "exec", self.name, *map(str, words)],
                                    stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def remove(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False)


class Programs:
    """Processes that are stopped at the end, whatever happens."""

    def __init__(self, namespace, folder):
        self.namespace = namespace
        self.folder = folder
        self.processes = {}

    def start(self, name, *words):
        self.processes[name] = self.namespace.start(self.folder / f"{name}.log", *words)

    def stop(self, name, number=signal.SIGTERM):
        """Ends a program; returns its exit status."""
        process = self.processes.pop(name)
        process.send_signal(number)
        return process.wait(STOP_S)

    def stop_all(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        self.processes.clear()

    def logs(self):
        return "".join(f"--- {path.name}\n{path.read_text()}" for path in
                       sorted(self.folder.glob("*.log")))


class Weir(Programs):
    """A weir node: dataplane and control plane."""

    def configure(self, priority, more="", scripts="", unicast=False):
        """Writes weir.yaml; 'more' are keys of both routers, 'scripts' a section of the file."""
        addresses = {key: f', address: "{text}"' if unicast else "" for key, text in (
            ("address4a", "10.77.1.11"), ("address4b", "10.77.1.12"),
            ("address6a", "fd77:1::11"), ("address6b", "fd77:1::12"))}
        (self.folder / "weir.yaml").write_text(WEIR_YAML.format(
            cluster=PREFIX, priority=priority, more=f"    {more}", scripts=scripts, **addresses))

    def begin(self, priority, **options):
        self.configure(priority, **options)
        self.start("dataplane", BUILD / "dataplane" / "weir-dataplane", *self.options())
        self.start_control()

    def options(self):
        return "--config", self.folder / "weir.yaml", "--node", "lb1"

    def start_control(self):
        self.start("control", BUILD / "controlplane" / "weir-controlplane", *self.options())

    def ctl(self, *words):
        done = subprocess.run([BUILD / "controlplane" / "weirctl", "--socket",
                               self.folder / "admin.sock", "--json", *words],
                              capture_output=True, text=True, timeout=STOP_S, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def states(self):
        status = self.ctl("status") or {"routers": []}
        return {router["name"]: router["state"] for router in status["routers"]}

    def is_all(self, state):
        return self.states() == {name: state for name in VIPS}


class Keepalived(Programs):
    """Debian's keepalived as it comes."""

    def configure(self, priority, more="", unicast=False):
        """Writes the configuration; 'more' goes into both instances."""
        more4 = more6 = more
        if unicast:
            more4 += "\n    unicast_src_ip 10.77.1.12\n    unicast_peer { 10.77.1.11 }"
            more6 += "\n    unicast_src_ip fd77:1::12\n    unicast_peer { fd77:1::11 }"
        conf = self.folder / "keepalived.conf"
        conf.write_text(KEEPALIVED_CONF.format(priority=priority, more4=more4, more6=more6))
        return conf

    def begin(self, priority, **options):
        conf = self.configure(priority, **options)
        self.start("keepalived", "keepalived", "--dont-fork", "--log-console", "--log-detail",
                   "--vrrp", "--use-file", conf, "--pid", self.folder / "main.pid",
                   "--vrrp_pid", self.folder / "vrrp.pid")

    def reload(self, priority):
        self.configure(priority)
        self.processes["keepalived"].send_signal(signal.SIGHUP)

    def held(self):
        links = json.loads(self.namespace.run("ip -j addr show dev front"))
        return {entry["local"] for entry in links[0]["addr_info"]} & set(VIPS.values())

    def holds_all(self):
        return self.held() == set(VIPS.values())

    def holds_none(self):
        return not self.held()

    def die(self):
        """SIGKILL of both of its processes: the addresses stay on the interface, so they are
        taken off as the end of a machine would."""
        child = int((self.folder / "vrrp.pid").read_text())
        os.kill(self.processes["keepalived"].pid, signal.SIGKILL)
        os.kill(child, signal.SIGKILL)
        self.processes.pop("keepalived").wait(STOP_S)
        for name in ("main.pid", "vrrp.pid"):
            (self.folder / name).unlink()
        for address in self.held():
            length = 24 if ipaddress.ip_address(address).version == 4 else 64
            self.namespace.run(f"ip addr del {address}/{length} dev front")


def connect(switch, namespace, number):
    """A veth called front from the namespace to the switch."""
    switch.run(f"ip link add name p{number} type veth peer name front netns {namespace.name}")
    switch.run(f"ip link set p{number} master br0 up")
    for owner, name in ((switch, f"p{number}"), (namespace, "front")):
        owner.run(f"ethtool -K {name} tx off tso off gso off gro off")
    namespace.run("ip link set front up")


def mute(switch, *ports):
    """Adverts that come into the switch by these ports are lost."""
    switch.run("nft add table netdev mute")
    for port in ports:
        switch.run(f"nft add chain netdev mute {port} "
                   f"{{ type filter hook ingress device {port} priority 0; }}")
        switch.run(f"nft add rule netdev mute {port} ip protocol 112 drop")
        switch.run(f"nft add rule netdev mute {port} ip6 nexthdr 112 drop")


def unmute(switch):
    switch.run("nft delete table netdev mute")


@pytest.fixture
def network():
    """The namespaces of the switch, of weir and of keepalived."""
    namespaces = []
    try:
        for name in ("switch", "weir", "keepalived"):
            namespaces.append(Namespace(name))
        switch, weir, keepalived = namespaces
        switch.run("ip link add name br0 type bridge mcast_snooping 0")
        switch.run("ip link set br0 up")
        connect(switch, weir, 1)
        connect(switch, keepalived, 2)
        keepalived.run("ip addr add 10.77.1.12/24 dev front")
        keepalived.run("ip addr add fd77:1::12/64 dev front")
        mac = weir.run("cat /sys/class/net/front/address").strip()
        weir.run("ip tuntap add dev weir0 mode tap")
        weir.run(f"ip link set weir0 address {mac}")
        weir.run("ip addr add 10.77.1.11/24 dev weir0")
        weir.run("ip addr add fd77:1::11/64 dev weir0")
        weir.run("ip link set weir0 up")
        yield namespaces
    finally:
        for namespace in reversed(namespaces):
            namespace.remove()


@pytest.fixture
def pair(network, tmp_path):
    """A weir node and a keepalived node, not started yet."""
    programs = []
    for kind, namespace in zip((Weir, Keepalived), network[1:]):
        folder = tmp_path / kind.__name__.lower()
        folder.mkdir()
        programs.append(kind(namespace, folder))
    try:
        yield programs
    finally:
        for program in programs:
            program.stop_all()
            print(program.logs())
