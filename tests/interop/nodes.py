# SPDX-License-Identifier: BSD-3-Clause
"""Two weir nodes and a client that watches them:

      front4 10.77.1.100, front6 fd77:1::100
   weir: lb1            weir: lb2            client
   10.77.1.11 weir0     10.77.1.12 weir0     10.77.1.10 front
     | front              | front              |
     p1 ------- switch -- p2 ----------------- p3"""

import json
import signal
import subprocess
from pathlib import Path

from conftest import BUILD, PREFIX, STOP_S, VIPS, Namespace, Programs, connect, until

ADVERT_S = 0.1
PATIENCE_S = 60
NODES = ("lb1", "lb2")

HEAD = """\
cluster: {cluster}
nodes:
{nodes}
"""

NODE = """\
  - name: {name}
    role: lb
    metrics: 10.77.1.{host}:9100
    lb:
      memory_mb: 160
      hugepages: no
      flows: 1024
      control_socket: {name}/dataplane.sock
      admin_socket: {name}/admin.sock
      ports:
        - {{ name: front, device: "net_af_xdp0,iface=front,start_queue=0,queue_count=1",
            host_interface: weir0, queues: 1 }}
"""

ROUTERS = """\
virtual_routers:
  - name: front4
    vrid: 51
    port: front
    addresses: [10.77.1.100]
    advert_ms: 100
    preempt_delay_ms: 300
    members:
      - {{ node: lb1, priority: 200{address4a} }}
      - {{ node: lb2, priority: 100{address4b} }}
{more}
  - name: front6
    vrid: 61
    port: front
    addresses: ["fd77:1::100"]
    advert_ms: 100
    preempt_delay_ms: 300
    members:
      - {{ node: lb1, priority: 200{address6a} }}
      - {{ node: lb2, priority: 100{address6b} }}
{more}
"""

REST = """\
pools:
  - name: web4
    backends: [ { name: web1, address: 10.77.1.10, weight: 100 } ]
  - name: web6
    backends: [ { name: web1, address: "fd77:1::10", weight: 100 } ]
services:
  - { name: http4, address: 10.77.1.100, port: 80, pool: web4 }
  - { name: http6, address: "fd77:1::100", port: 80, pool: web6 }
"""


def configuration(more="", top="", unicast=False):
    """weir.yaml; 'more' are keys of both routers, 'top' further sections."""
    def address(text):
        return f', address: "{text}"' if unicast else ""

    nodes = "".join(NODE.format(name=name, host=11 + i) for i, name in enumerate(NODES))
    more = "".join(f"    {line}\n" for line in more.splitlines())
    return (HEAD.format(cluster=PREFIX, nodes=nodes)
            + ROUTERS.format(more=more, address4a=address("10.77.1.11"),
                             address4b=address("10.77.1.12"), address6a=address("fd77:1::11"),
                             address6b=address("fd77:1::12")) + REST + top)


class Node(Programs):
    """Dataplane and control plane of one node."""

    def __init__(self, namespace, name, top):
        folder = top / name
        folder.mkdir()
        super().__init__(namespace, folder)
        self.name = name
        self.file = top / "weir.yaml"

    def options(self):
        return "--config", self.file, "--node", self.name

    def begin(self):
        self.start_dataplane()
        self.start_control()

    def start_dataplane(self):
        self.start("dataplane", BUILD / "dataplane" / "weir-dataplane", *self.options())

    def start_control(self):
        self.start("control", BUILD / "controlplane" / "weir-controlplane", *self.options())

    def send(self, number, *programs):
        for program in programs or ("dataplane", "control"):
            self.processes[program].send_signal(number)

    def ctl(self, *words):
        done = subprocess.run([BUILD / "controlplane" / "weirctl", "--socket",
                               self.folder / "admin.sock", "--json", *words],
                              capture_output=True, text=True, timeout=STOP_S, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def routers(self):
        status = self.ctl("status") or {"routers": []}
        return {router["name"]: router for router in status["routers"]}

    def states(self):
        return {name: router["state"] for name, router in self.routers().items()}

    def is_all(self, state):
        return self.states() == {name: state for name in VIPS}

    def mac(self):
        return self.namespace.run("cat /sys/class/net/front/address").strip()

    def stop_all(self):
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
        super().stop_all()


class Observer:
    """observer.py in the client's namespace, and what it has seen."""

    def __init__(self, namespace, folder):
        self.path = folder / "observer.json"
        mac = namespace.run("cat /sys/class/net/front/address").strip()
        with open(self.path, "wb") as output:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", namespace.name, "/usr/bin/python3",
                 Path(__file__).parent / "observer.py", "front", mac, "10.77.1.10",
                 "fd77:1::10", *VIPS.values()], stdin=subprocess.PIPE, stdout=output)

    def seen(self, kind="answer", since=0.0):
        frames = []
        for line in self.path.read_text().splitlines():
            try:
                frame = json.loads(line)
            except ValueError:  # The last one may not be whole yet.
                break
            if frame["kind"] == kind and frame["at"] >= since:
                frames.append(frame)
        return frames

    def answerers(self, since):
        """The MACs that have answered for each address."""
        found = {vip: set() for vip in VIPS.values()}
        for frame in self.seen(since=since):
            found[frame["vip"]].add(frame["mac"])
        return found

    def overlap(self, since=0.0, until_s=float("inf")):
        """The longest time for which two stations answered for one address: from the first
        answer of the one to the last of the other, where they alternate."""
        longest = 0.0
        for vip in VIPS.values():
            longest = max(longest, _overlap([f for f in self.seen(since=since)
                                             if f["vip"] == vip and f["at"] <= until_s]))
        return longest

    def stop(self):
        self.process.stdin.close()
        self.process.wait(STOP_S)


def _overlap(frames):
    """A change of the answerer begins an overlap; it ends with the last answer of the one that was
    there before, if that comes within a second. What is later is another takeover."""
    longest = 0.0
    for i in range(1, len(frames)):
        first, before = frames[i], frames[i - 1]["mac"]
        if first["mac"] == before:
            continue
        for later in frames[i + 1:]:
            if later["at"] - first["at"] > 1:
                break
            if later["mac"] == before:
                longest = max(longest, later["at"] - first["at"])
    return longest


class World:
    """The switch, two nodes and the client."""

    def __init__(self, folder, text):
        self.namespaces = []
        self.nodes = []
        self.observer = None
        self.folder = folder
        (folder / "weir.yaml").write_text(text)

    def build(self):
        for name in ("switch", "lb1", "lb2", "client"):
            self.namespaces.append(Namespace(name))
        self.switch, first, second, client = self.namespaces
        self.switch.run("ip link add name br0 type bridge mcast_snooping 0")
        self.switch.run("ip link set br0 up")
        for i, namespace in enumerate((first, second, client)):
            connect(self.switch, namespace, i + 1)
        for i, namespace in enumerate((first, second)):
            mac = namespace.run("cat /sys/class/net/front/address").strip()
            namespace.run("ip tuntap add dev weir0 mode tap")
            namespace.run(f"ip link set weir0 address {mac}")
            namespace.run(f"ip addr add 10.77.1.{11 + i}/24 dev weir0")
            namespace.run(f"ip addr add fd77:1::{11 + i}/64 dev weir0")
            namespace.run("ip link set weir0 up")
        client.run("ip addr add 10.77.1.10/24 dev front")
        client.run("ip addr add fd77:1::10/64 dev front")
        self.nodes = [Node(namespace, name, self.folder)
                      for name, namespace in zip(NODES, (first, second))]
        self.observer = Observer(client, self.folder)

    def begin(self):
        """Both nodes run, and lb1 holds both addresses."""
        for node in self.nodes:
            node.begin()
        self.await_holder(0)

    def await_holder(self, index):
        holder, other = self.nodes[index], self.nodes[1 - index]
        until(f"{holder.name} is master", lambda: holder.is_all("master"), PATIENCE_S)
        until(f"{other.name} is not", lambda: "master" not in other.states().values(),
              PATIENCE_S)

    def await_holder_alone(self, index):
        """As await_holder(), where the other one's control plane does not run."""
        holder = self.nodes[index]
        until(f"{holder.name} is master", lambda: holder.is_all("master"), PATIENCE_S)

    def await_answers_of(self, index, since):
        """Only this node answers."""
        wanted = {self.nodes[index].mac()}

        def settled():
            frames = self.observer.seen(since=since)
            last = {frame["vip"]: frame["mac"] for frame in frames}
            return {vip: {mac} for vip, mac in last.items()} == \
                {vip: wanted for vip in VIPS.values()}
        until(f"{NODES[index]} answers", settled, PATIENCE_S)

    def await_announcement(self, index, since):
        mac = self.nodes[index].mac()

        def announced():
            return {frame["vip"] for frame in self.observer.seen("announcement", since)
                    if frame["mac"] == mac} == set(VIPS.values())
        until(f"{NODES[index]} has announced both", announced, PATIENCE_S)

    def isolate(self, isolated):
        """The nodes do not reach each other, but both reach the client."""
        word = "on" if isolated else "off"
        for port in ("p1", "p2"):
            self.switch.run(f"bridge link set dev {port} isolated {word}")

    def remove(self):
        for node in self.nodes:
            node.stop_all()
            print(node.logs())
        if self.observer:
            self.observer.stop()
        for namespace in reversed(self.namespaces):
            namespace.remove()


def make_world(folder, **options):
    """A world that runs; the caller ends it with remove()."""
    world = World(folder, configuration(**options))
    try:
        world.build()
        world.begin()
    except BaseException:
        world.remove()
        raise
    return world
