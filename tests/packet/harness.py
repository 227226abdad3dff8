# SPDX-License-Identifier: BSD-3-Clause
"""What packet tests are made of: namespaces, the wire behind the dataplane's port, the real
dataplane process, and its control socket driven as a control plane would.

    namespace 'lb'                                    namespace 'net'
      weir-dataplane -- front (veth, AF_XDP) ----------- peer: Wire, which plays everybody else
      kernel -- weir0 (TAP), HOST4, HOST6

A Wire sends and sees frames, and answers ARP and neighbour solicitations for the hosts it plays.
Nothing here sleeps for a fixed time: tests wait for conditions."""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

BUILD = os.environ.get("WEIR_BUILD", "build")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(ROOT, BUILD, "dataplane", "weir-dataplane")

PORT_MAC = "02:00:00:00:00:02"
HOST4, HOST6 = "10.9.0.2", "fd09::2"
CLIENT4, CLIENT6, CLIENT_MAC = "10.9.0.10", "fd09::10", "02:00:00:00:00:10"
VIP4, VIP6 = "10.9.0.100", "fd09::100"
ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS, PACKET_AUXDATA = 263, 6, 8  # linux/if_packet.h
TP_STATUS_VLAN_VALID = 0x10
NOISE = b"not worth a look"  # Frames with it are not taken apart when they arrive.
CLONE_NEWNET = 0x40000000
SO_RCVBUFFORCE = 33  # More than the system's limit.
TIMEOUT_S = 30  # Of whatever comes at once unless the machine is busy.
START_S = 120  # Of a process that has much to read and to allocate.
# What a state says unless a test wants otherwise: no flow is forgotten in the middle of a test.
PATIENT = {"embryonic_ms": 120000, "closed_ms": 10000, "udp_new_ms": 120000, "udp_ms": 120000}

# Only builds with sanitizers look at these.
ENVIRONMENT = {**os.environ, "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
               "LSAN_OPTIONS": "print_suppressions=0:suppressions="
               + os.path.join(os.path.dirname(os.path.abspath(__file__)), "lsan.supp")}

libc = ctypes.CDLL("libc.so.6", use_errno=True)


def run(*command):
    """Runs a command; its output belongs to the message when it fails."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr or result.stdout}")
    return result.stdout


def wait_until(condition, what, timeout_s=TIMEOUT_S):
    """Waits until 'condition' returns something true, and returns that."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"timed out: {what}")
        time.sleep(0.005)


class Namespace:
    """A network namespace with a name that no other run uses."""

    serial = 0

    def __init__(self, role):
        Namespace.serial += 1
        self.name = f"wt{os.getpid()}-{Namespace.serial}-{role}"
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *args):
        return run("ip", "-n", self.name, *args)

    def sysctl(self, key, value):
        def write():
            with open(f"/proc/sys/{key}", "w", encoding="ascii") as file:
                file.write(str(value))

        self.call(write)

    def command(self, *args):
        return ["ip", "netns", "exec", self.name, *args]

    def call(self, function):
        """Calls 'function' in a thread inside the namespace; sockets made there stay in it."""
        result = {}

        def body():
            try:
                fd = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
                try:
                    if libc.setns(fd, CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                finally:
                    os.close(fd)
                result["value"] = function()
            except BaseException as error:  # pylint: disable=broad-except
                result["error"] = error

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if "error" in result:
            raise result["error"]
        return result.get("value")

    def socket(self, *args):
        return self.call(lambda: socket.socket(*args))

    def close(self):
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)


def keep_order(namespace, interface, queues=1):
    """Frames of a thread that the scheduler moves between processors would wait in a queue of each,
    and overtake one another on their way to the interface: let all wait in one."""
    write = "; ".join(f"echo 1 > /sys/class/net/{interface}/queues/rx-{queue}/rps_cpus"
                      for queue in range(queues))
    run(*namespace.command("sh", "-ec", write))


class Wire:
    """The far end of the port's cable. Plays hosts: {address: link-layer address}. With 'vlan' it
    is an access port of a switch: frames get that tag on their way in and lose it on their way
    out; those that leave with another or none are 'strays'."""

    def __init__(self, namespace, interface, vlan=0):
        def make():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
            sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            sock.bind((interface, 0))
            return sock

        self.sock = namespace.call(make)
        self.interface = interface
        self.vlan = vlan
        self.hosts = {}
        self.frames = []
        self.capture = None  # A list: frames are put there as bytes, and not into 'frames'.
        self.strays = []
        self.n_lost = 0
        self.changed = threading.Condition()
        self.stop_read, self.stop_write = os.pipe()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        while True:
            readable, _, _ = select.select([self.sock, self.stop_read], [], [])
            if self.stop_read in readable:
                return
            data, auxiliary, _, (_, _, kind, _, _) = self.sock.recvmsg(65536, 64)
            if kind == socket.PACKET_OUTGOING or NOISE in data:
                continue
            # The kernel has put the tag aside.
            tag = next((struct.unpack("=IIIHHHH", value)[5] for _, _, value in auxiliary
                        if struct.unpack("=I", value[:4])[0] & TP_STATUS_VLAN_VALID), None)
            capture = self.capture
            if capture is not None:
                capture.append(data)
                if not self._may_ask(data):
                    continue
            frame = Ether(data)
            if tag != (self.vlan or None):
                self.strays.append(frame)
                continue
            self._answer(frame)
            if capture is not None:
                continue
            with self.changed:
                self.frames.append(frame)
                self.changed.notify_all()

    @staticmethod
    def _may_ask(data):
        """Whether the frame is ARP or ICMPv6: to dissect all of many takes too long."""
        return data[12:14] == b"\x08\x06" or (data[12:14] == b"\x86\xdd" and data[20] == 58)

    def _answer(self, frame):
        """Answers for the hosts it plays, as their kernels would."""
        if ARP in frame and frame[ARP].op == 1 and frame[ARP].psrc != frame[ARP].pdst:
            mac = self.hosts.get(frame[ARP].pdst)
            if mac:
                self.send(Ether(dst=frame.src, src=mac) / ARP(
                    op=2, hwsrc=mac, psrc=frame[ARP].pdst, hwdst=frame.src, pdst=frame[ARP].psrc))
        elif ICMPv6ND_NS in frame and frame[IPv6].src != "::":
            mac = self.hosts.get(frame[ICMPv6ND_NS].tgt)
            if mac:
                self.send(Ether(dst=frame.src, src=mac)
                          / IPv6(src=frame[ICMPv6ND_NS].tgt, dst=frame[IPv6].src, hlim=255)
                          / ICMPv6ND_NA(tgt=frame[ICMPv6ND_NS].tgt, R=0, S=1, O=1)
                          / ICMPv6NDOptDstLLAddr(lladdr=mac))

    def send(self, frame):
        data = frame if isinstance(frame, bytes) else bytes(frame)
        if self.vlan:
            data = data[:12] + struct.pack("!HH", 0x8100, self.vlan) + data[12:]
        self.send_as_it_is(data)

    def send_all(self, frames):
        """Sends frames one right behind the other: later fragments do not wait long for the first."""
        for frame in [bytes(frame) for frame in frames]:
            self.send(frame)

    def send_as_it_is(self, data):
        self.sock.send(data)

    def lost(self):
        """How many frames did not fit into the socket's buffer so far."""
        # The kernel counts from the last question on.
        statistics = self.sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        self.n_lost += struct.unpack("=II", statistics)[1]
        return self.n_lost

    def forget(self):
        """Forgets the frames seen so far."""
        with self.changed:
            self.frames.clear()

    def seen(self, wanted):
        with self.changed:
            return [frame for frame in self.frames if wanted(frame)]

    def expect(self, wanted, what, n=1, timeout_s=TIMEOUT_S):
        """Waits for 'n' frames that are 'wanted' and returns them (one: the frame itself)."""
        deadline = time.monotonic() + timeout_s
        with self.changed:
            while True:
                found = [frame for frame in self.frames if wanted(frame)]
                if len(found) >= n:
                    return found[0] if n == 1 else found[:n]
                left = deadline - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    seen = "\n  ".join(frame.summary() for frame in self.frames[-10:])
                    raise AssertionError(
                        f"{what}: {len(found)} of {n} frames came; the last ones seen:\n  {seen}")

    def ask(self, frame, wanted, what):
        """Sends a frame and waits for what it causes."""
        self.forget()
        self.send(frame)
        return self.expect(wanted, what)

    def close(self):
        os.write(self.stop_write, b"x")
        self.thread.join()
        for fd in (self.stop_read, self.stop_write):
            os.close(fd)
        self.sock.close()


class Control:
    """A connection to the control socket."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(path)
        self.file = self.sock.makefile("rb")
        self.id = 0

    def line(self, data):
        """Sends raw bytes and returns the next line of the answer, parsed; None at the end."""
        self.sock.sendall(data)
        line = self.file.readline()
        return json.loads(line) if line else None

    def request(self, method, params=None):
        self.id += 1
        reply = self.line(json.dumps(
            {"id": self.id, "method": method, "params": params or {}}).encode() + b"\n")
        assert reply["id"] == self.id
        return reply

    def call(self, method, params=None):
        reply = self.request(method, params)
        assert "error" not in reply, reply
        return reply["result"]

    def error(self, method, params=None):
        return self.request(method, params)["error"]

    def close(self):
        self.file.close()
        self.sock.close()


def backend(name, address, weight=100, up=True, **keys):
    return {"name": name, "address": address, "weight": weight, "up": up, **keys}


def service(name, address, port, protocol, pool, **more):
    return {"name": name, "address": address, "port": port, "protocol": protocol, "mode": "dr",
            "scheduler": "maglev", "pool": pool, **more}


def router(name, *addresses, port="front"):
    return {"name": name, "port": port, "addresses": list(addresses)}


class Dataplane:
    """The process under test with its two namespaces. start() may follow a stop() or kill()."""

    def __init__(self, folder, ports=("front",), queues=1, workers=0, device=None, vlans=None,
                 **keys):
        self.folder = str(folder)
        self.ports = ports
        self.vlans = vlans or {}  # By port.
        self.config = os.path.join(self.folder, "weir.yaml")
        self.socket = os.path.join(self.folder, "control.sock")
        self.log_path = os.path.join(self.folder, "log")
        self.cluster = f"test{os.getpid()}"  # In the name of DPDK's runtime folder.
        self.runtime_folder = f"/var/run/dpdk/weir-{self.cluster}-lb1"
        self.process = None
        self.control = None
        self.generation = 0
        self.wires = {}
        self.cleanup = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            self.lb = Namespace("lb")
            stack.callback(self.lb.close)
            self.net = Namespace("net")
            stack.callback(self.net.close)
            for index, port in enumerate(ports):
                self._cable(port, index, queues, stack)
            self.write_config(queues=queues, workers=workers, device=device, **keys)
            self.cleanup = stack.pop_all()
        self.wire = self.wires[ports[0]]

    def _cable(self, port, index, queues, stack):
        mac = PORT_MAC[:-1] + str(2 + index)
        peer = f"peer{index}"
        run("ip", "link", "add", port, "netns", self.lb.name, "address", mac, "numrxqueues",
            str(queues), "numtxqueues", str(queues), "type", "veth", "peer", "name", peer, "netns",
            self.net.name, "numrxqueues", str(queues), "numtxqueues", str(queues))
        self.net.sysctl(f"net/ipv6/conf/{peer}/disable_ipv6", 1)
        self.net.ip("link", "set", peer, "arp", "off", "up")
        keep_order(self.net, peer, queues)
        self.wires[port] = Wire(self.net, peer, self.vlans.get(port, 0))
        stack.callback(self.wires[port].close)

    def lost_by_kernel(self):
        """A number that rises when the kernel loses frames between the dataplane and the wires, for
        want of room on a busy machine."""
        with open("/proc/net/softnet_stat", encoding="ascii") as file:
            n_backlog = sum(int(line.split()[1], 16) for line in file)
        return n_backlog + sum(wire.lost() + self._n_refused(wire) for wire in self.wires.values())

    def _n_refused(self, wire):
        """Frames that were sent while the port's queue was full."""
        link = json.loads(self.net.ip("-s", "-j", "link", "show", wire.interface))[0]
        return link["stats64"]["tx"]["dropped"]

    def write_config(self, queues=1, workers=0, device=None, **keys):
        """'device' is a pattern with the port's number and name; 'keys' go to the node's lb."""
        device = device or ("net_af_xdp{n},iface={name},start_queue=0,queue_count=" + str(queues)
                            + ",busy_budget=0")
        values = {"memory_mb": 128, "hugepages": "no", "flows": 4096,
                  "control_socket": self.socket, "admin_socket": self.folder + "/admin.sock"}
        values.update(keys)
        text = [f"cluster: {self.cluster}", "nodes:", "  - name: lb1", "    role: lb",
                "    metrics: 127.0.0.1:9100", "    lb:"]
        text += [f"      {key}: {value}" for key, value in values.items()]
        text.append("      ports:")
        for index, port in enumerate(self.ports):
            text += [f"        - name: {port}",
                     f"          device: \"{device.format(n=index, name=port)}\"",
                     f"          host_interface: weir{index}", f"          queues: {queues}"]
            if workers:
                text.append(f"          workers: {workers}")
            if port in self.vlans:
                text.append(f"          vlan: {self.vlans[port]}")
        with open(self.config, "w", encoding="ascii") as file:
            file.write("\n".join(text) + "\n")

    def spawn(self, *args):
        with open(self.log_path, "ab") as log:
            return subprocess.Popen(
                self.lb.command(PROGRAM, "--config", self.config, "--node", "lb1", *args),
                stderr=log, stdout=log, stdin=subprocess.DEVNULL, env=ENVIRONMENT)

    def log(self):
        if not os.path.exists(self.log_path):
            return ""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def start(self):
        already = self.log().count(" is ready: ")
        self.process = self.spawn()

        def is_ready():
            if self.process.poll() is not None:
                raise AssertionError(f"the dataplane ended:\n{self.log()}")
            return self.log().count(" is ready: ") > already

        wait_until(is_ready, "start of the dataplane", START_S)
        self.connect()
        return self

    def connect(self):
        self.control = Control(self.socket)

    def add_host_addresses(self):
        for index in range(len(self.ports)):
            self.lb.ip("addr", "add", HOST4.replace(".9.", f".{9 + index}.", 1) + "/24", "dev",
                       f"weir{index}")
            self.lb.ip("addr", "add", HOST6.replace("fd09", f"fd{9 + index:02x}") + "/64", "dev",
                       f"weir{index}", "nodad")

    def push(self, pools, services=None, routers=None, local_addresses=(), local_port=None,
             **members):
        """Pushes a state: services are (name, address, port, protocol, pool's name), and after
        that a dictionary of more members where there are some; 'members' are the state's."""
        self.generation += 1
        names = list(pools)
        self.control.call("state", {
            "generation": self.generation, "flow_timeouts": PATIENT, **members,
            **({"locals": [{"port": local_port or self.ports[0],
                            "addresses": list(local_addresses)}]}
               if local_addresses else {}),
            "routers": routers or [router("r4", VIP4), router("r6", VIP6)],
            "pools": [{"name": name, "backends": pools[name]} for name in names],
            "services": [service(*s[:4], names.index(s[4]), **(s[5] if len(s) > 5 else {}))
                         for s in services or []]})

    def lease(self, *held, ttl_ms=60000):
        until_ns = time.monotonic_ns() + ttl_ms * 1000000
        self.control.call("lease", {"until_ns": until_ns, "held": list(held)})

    def wait_ready(self):
        wait_until(lambda: self.control.call("ready")["ready"], "next hops")

    def stats(self):
        return self.control.call("stats")

    def verdict(self, name):
        return self.stats()["verdicts"][name]

    def path_event(self, name):
        return self.stats()["path_events"][name]

    @contextlib.contextmanager
    def counts(self, name, n=1):
        """Waits until what is done inside has been counted 'n' times as verdict 'name'."""
        before = self.verdict(name)
        yield
        wait_until(lambda: self.verdict(name) >= before + n, f"{n} more {name}")
        # Answers to what the host's kernel asks now and then are for the host, too.
        assert name == "host" or self.verdict(name) == before + n

    def end(self, number):
        """Sends the signal and returns the exit status."""
        if self.control:
            self.control.close()
            self.control = None
        if self.process is None:
            return None
        # 'ip netns exec' has become the dataplane: the pid is its own.
        self.process.send_signal(number)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None
        return status

    def stop(self):
        return self.end(signal.SIGTERM)

    def kill(self):
        return self.end(signal.SIGKILL)

    def close(self):
        try:
            status = self.stop()
        finally:
            self.cleanup.close()
            shutil.rmtree(self.runtime_folder, ignore_errors=True)  # A killed one leaves it.
        assert status in (None, 0), f"exit status {status}:\n{self.log()}"
        assert "Sanitizer" not in self.log(), self.log()
