# SPDX-License-Identifier: BSD-3-Clause
"""Health checks and what hangs on them, with a real load balancer and real backends:

    lb1 (dataplane, control plane)   b1   b2 (kernels that take tunnels apart)   client
        10.77.1.11                  .21  .22                                     .10
          +------------ switch --------+----+------------------------------------+

Both backends have the virtual addresses 10.77.1.100 and fd77:1::100 on 'lo' and serve on them
alone, so that a probe that succeeds has come by the virtual address. On their own addresses they
serve the service in mode fullnat."""

import json
import signal
import subprocess

import pytest

from conftest import BUILD, PREFIX, REPOSITORY, Namespace, Programs, connect, until

PATIENCE_S = 30
VIP = {4: "10.77.1.100", 6: "fd77:1::100"}
LOCAL = "10.77.1.13"
BACKENDS = {"b1": 21, "b2": 22}
PROGRAM = BUILD / "docs" / "examples" / "decapsulate.bpf.o"
FULLNAT_PORT = 8080

# Name, family of the virtual address, of the backends', port, mode, check.
SERVICES = [
    ("dr4", 4, 4, 80, "dr", "web"), ("dr6", 6, 6, 80, "dr", "web"),
    ("ipip44", 4, 4, 81, "ipip", "web"), ("ipip66", 6, 6, 81, "ipip", "connect"),
    ("ipip46", 4, 6, 82, "ipip", "connect"), ("gue44", 4, 4, 83, "gue", "connect"),
    ("gue66", 6, 6, 83, "gue", "web"), ("gue64", 6, 4, 84, "gue", "web"),
    ("udp44", 4, 4, 53, "gue", "ping"), ("udp6", 6, 6, 53, "dr", "ping"),
]
TUNNELS = {name for name, *_, mode, _ in SERVICES if mode != "dr"}
NAMES = {name for name, *_ in SERVICES}

HEAD = f"""\
cluster: {PREFIX}
probe_ports: 61000
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
            host_interface: weir0, queues: 1, local_addresses: [{LOCAL}] }}
flow_timeouts: {{ fin_ms: 500, closed_ms: 500 }}
virtual_routers:
  - {{ name: front4, vrid: 51, port: front, addresses: [{VIP[4]}], advert_ms: 100,
      members: [ {{ node: lb1, priority: 200 }} ] }}
  - {{ name: front6, vrid: 61, port: front, addresses: ["{VIP[6]}"], advert_ms: 100,
      members: [ {{ node: lb1, priority: 200 }} ] }}
checks:
  - {{ name: web, type: http, path: /, via: vip, interval_ms: 200, timeout_ms: 1000 }}
  - {{ name: connect, type: tcp, via: vip, interval_ms: 200, timeout_ms: 1000 }}
  - {{ name: ping, type: udp, send: ping, expect: pong, via: vip, interval_ms: 200,
      timeout_ms: 1000 }}
  - {{ name: seldom, type: tcp, interval_ms: 3600000, timeout_ms: 1000, fall: 3 }}
"""


def configuration():
    pools = ["pools:"]
    services = ["services:"]
    for name, vip, outer, port, mode, check in SERVICES:
        backends = ", ".join(f'{{ name: {b}, address: "{address(outer, host)}" }}'
                             for b, host in BACKENDS.items())
        pools.append(f"  - {{ name: {name}, check: {check}, backends: [ {backends} ] }}")
        tunnel = "" if mode == "dr" else \
            f', tunnel: {{ type: {mode}, source4: 10.77.1.11, source6: "fd77:1::11" }}'
        services.append(f'  - {{ name: {name}, address: "{VIP[vip]}", port: {port}, protocol: '
                        f'{"udp" if check == "ping" else "tcp"}, '
                        f'mode: {"dr" if mode == "dr" else "tunnel"}, pool: {name}{tunnel} }}')
    backends = ", ".join(f"{{ name: {b}, address: {address(4, host)}, port: {FULLNAT_PORT} }}"
                         for b, host in BACKENDS.items())
    pools.append(f"  - {{ name: nat, check: seldom, backends: [ {backends} ] }}")
    services.append(f"  - {{ name: nat, address: {VIP[4]}, port: 90, mode: fullnat, pool: nat }}")
    return HEAD + "\n".join(pools + services) + "\n"


def address(family, host):
    return f"10.77.1.{host}" if family == 4 else f"fd77:1::{host}"


class Backend(Programs):
    """A kernel that has the virtual addresses, and a server on them and one on its own."""

    def __init__(self, namespace, folder, host):
        super().__init__(namespace, folder)
        self.host = host
        for key in ("ipv4/conf/all/rp_filter=0", "ipv4/conf/all/arp_ignore=1",
                    "ipv4/conf/all/arp_announce=2"):
            namespace.run("sysctl -qw net." + key.replace("/", "."))
        for family, length in ((4, 24), (6, 64)):
            namespace.run(f"ip addr add {address(family, host)}/{length} dev front")
            self.hold(family)

    def hold(self, family, change="add"):
        self.namespace.run(f"ip addr {change} {VIP[family]}/{32 if family == 4 else 128} dev lo")

    def unpack(self, does):
        program = f"object {PROGRAM} section xdp" if does else "off"
        self.namespace.run(f"ip link set dev front xdp {program}")

    def serve(self, name, *words):
        self.start(name, "/usr/bin/python3", REPOSITORY / "tests" / "interop" / "vip_server.py",
                   *words)
        log = self.folder / f"{name}.log"
        until(f"{name} serves", lambda: "ready" in log.read_text(), PATIENCE_S)

    def begin(self):
        self.unpack(True)
        self.serve("vip", *{f"{'udp' if check == 'ping' else 'tcp'}/{VIP[vip]}/{port}"
                            for _, vip, _, port, _, check in SERVICES})
        self.serve("own", f"tcp/{address(4, self.host)}/{FULLNAT_PORT}")


class LoadBalancer(Programs):
    def __init__(self, namespace, folder):
        super().__init__(namespace, folder)
        mac = namespace.run("cat /sys/class/net/front/address").strip()
        namespace.run("ip tuntap add dev weir0 mode tap")
        namespace.run(f"ip link set weir0 address {mac}")
        namespace.run("ip addr add 10.77.1.11/24 dev weir0")
        namespace.run("ip addr add fd77:1::11/64 dev weir0")
        namespace.run("ip link set weir0 up")

    def begin(self):
        (self.folder / "weir.yaml").write_text(configuration())
        for name, program in (("dataplane", "dataplane/weir-dataplane"),
                              ("control", "controlplane/weir-controlplane")):
            self.start(name, BUILD / program, "--config", self.folder / "weir.yaml", "--node",
                       "lb1")

    def run_ctl(self, *words):
        return subprocess.run(
            [BUILD / "controlplane" / "weirctl", "--socket", self.folder / "admin.sock", "--json",
             *words], capture_output=True, text=True, timeout=60, check=False)

    def ctl(self, *words):
        done = self.run_ctl(*words)
        return json.loads(done.stdout) if done.returncode == 0 else []

    def backends(self):
        """{(pool, backend): what weirctl tells of it}"""
        return {(b["pool"], b["backend"]): b for b in self.ctl("backends")}

    def down(self):
        return {key for key, b in self.backends().items() if b["state"] != "up"}

    def await_down(self, wanted):
        try:
            until(f"down are {wanted}",
                  lambda: self.backends() and self.down() == set(wanted), PATIENCE_S)
        except AssertionError as error:
            raise AssertionError(f"{error}; but: " + "; ".join(
                f"{key}: {b['state']}, {b['reason']}" for key, b in self.backends().items()
                if (b["state"] != "up") != (key in wanted))) from error


class Site:
    def __init__(self, folder):
        self.folder = folder
        self.namespaces = []
        self.programs = []

    def namespace(self, name):
        namespace = Namespace(name)
        self.namespaces.append(namespace)
        return namespace

    def begin(self):
        switch = self.namespace("switch")
        switch.run("ip link add name br0 type bridge mcast_snooping 0")
        switch.run("ip link set br0 up")
        members = [self.namespace(name) for name in ("lb1", "client", *BACKENDS)]
        for i, namespace in enumerate(members):
            connect(switch, namespace, i + 1)
            (self.folder / namespace.name).mkdir()
        lb, self.client = members[:2]
        self.client.run("ip addr add 10.77.1.10/24 dev front")
        self.backends = {
            name: Backend(namespace, self.folder / namespace.name, BACKENDS[name])
            for name, namespace in zip(BACKENDS, members[2:])}
        self.lb = LoadBalancer(lb, self.folder / lb.name)
        self.programs = [self.lb, *self.backends.values()]
        for program in reversed(self.programs):
            program.begin()
        until("the addresses are held", lambda: {r["state"] for r in (
            self.lb.ctl("status") or {"routers": []})["routers"]} == {"master"}, PATIENCE_S)
        self.lb.await_down(())

    def end(self):
        for program in self.programs:
            program.stop_all()
            print(program.logs())
        for namespace in reversed(self.namespaces):
            namespace.remove()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("checks"))
    try:
        made.begin()
        yield made
    finally:
        made.end()


def of(pools, *backends):
    return {(pool, backend) for pool in pools for backend in backends}


def test_a_backend_without_the_virtual_address_is_down_in_every_mode(site):
    gone = site.backends["b1"]
    for family in (4, 6):
        gone.hold(family, "del")
        site.lb.await_down(of({name for name, vip, *_ in SERVICES if vip == family}, "b1"))
        gone.hold(family)
        site.lb.await_down(())
    assert site.lb.ctl("stats")["probes"]["sent"] > 0


def test_a_backend_that_takes_no_tunnels_apart_is_down_for_them_alone(site):
    site.backends["b2"].unpack(False)
    site.lb.await_down(of(TUNNELS, "b2"))
    site.backends["b2"].unpack(True)
    site.lb.await_down(())


class Client:
    """A connection by the service in mode fullnat, kept by connections.py."""

    def __init__(self, site):
        self.site = site
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", site.client.name, "/usr/bin/python3",
             REPOSITORY / "tests" / "interop" / "connections.py"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.tell({"open": "one", "address": VIP[4], "port": 90, "n": 1})

    def tell(self, order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["one"][0]

    def backend(self):
        """The one that has the connection, which is the only flow of the service."""
        flows = [f for f in self.site.lb.ctl("flows", "--service", "nat")["flows"]
                 if f["state"] == "established"]
        assert len(flows) == 1, flows
        return flows[0]["backend"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


def test_a_drain_waits_for_the_flows_to_go(site):
    client = Client(site)
    try:
        name = client.backend()
        words = ("drain", name, "--pool", "nat", "--wait")
        done = site.lb.run_ctl(*words, "--timeout", "0")
        assert done.returncode == 3 and json.loads(done.stdout)["flows"] == 1, done
        assert site.lb.run_ctl(*words, "--until-flows", "1").returncode == 0
        assert client.tell({"ask": ["one"]}).startswith("HTTP/1.1 200")
    finally:
        client.close()
    done = site.lb.run_ctl(*words, "--timeout", "50")
    assert done.returncode == 0 and json.loads(done.stdout)["flows"] == 0, done
    assert site.lb.ctl("undrain", name)


KNOCK = """
import socket
for _ in range(16):
    try:
        socket.create_connection(("%s", 90), 5).close()
    except OSError:
        pass
"""


def test_a_reset_makes_a_seldom_check_look_at_once(site):
    """The check's interval is an hour. Of 16 connections some go to the backend that refuses."""
    site.backends["b1"].stop("own", signal.SIGKILL)

    def is_down():
        subprocess.run(["ip", "netns", "exec", site.client.name, "/usr/bin/python3", "-c",
                        KNOCK % VIP[4]], timeout=100, check=True)
        return site.lb.down() == of({"nat"}, "b1")

    until("b1 is down", is_down, PATIENCE_S)
    assert site.lb.backends()["nat", "b1"]["resets"] > 0
