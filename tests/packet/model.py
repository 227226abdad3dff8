# SPDX-License-Identifier: BSD-3-Clause
"""The balancer as it ought to be, slow and simple: a reference that the dataplane is compared with
(test_model.py). Frames go in; a verdict and, where something leaves, the exact frame come out.

The parts, each to be extended for itself:
    SCHEDULERS   how a service picks a backend for a new flow
    MODES        what a frame looks like when it leaves for the backend
    Flows        which backend a flow has: a dictionary with timeouts, without limits
    Balancer     state, leases, neighbours; what happens to a frame

Time is an interval, since nobody outside knows the moment at which a packet was looked at. Where
the interval leaves it open whether a flow has timed out, Uncertain is raised and nothing is
changed: such a packet is not to be sent."""

import ipaddress
import struct
from dataclasses import dataclass

import headers

ALL_NODES, ALL_NODES_MAC = ipaddress.ip_address("ff02::1").packed, bytes.fromhex("333300000001")
MASK = (1 << 64) - 1


def pack(address):
    return ipaddress.ip_address(address).packed


class Uncertain(Exception):
    """The packet may come just before or just after a timeout, or it is a fragment."""


@dataclass(frozen=True)
class Backend:
    """'life' counts how often it came into the state: flows do not outlive a life."""

    pool: str
    name: str
    address: bytes
    life: int


@dataclass(frozen=True)
class Outcome:
    verdict: str
    frame: bytes = None
    why: str = ""


# --- Schedulers -------------------------------------------------------------------------------


def mix(h):
    h = (h ^ h >> 33) * 0xff51afd7ed558ccd & MASK
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53 & MASK
    return h ^ h >> 33


def hash_bytes(seed, data):
    h = seed ^ len(data)
    for at in range(0, len(data), 8):
        h = mix(h ^ int.from_bytes(data[at:at + 8], "little"))
    return h


class Maglev:
    """The table that dataplane/maglev.h describes."""

    SIZE = 65537
    NAME_SEED, FLOW_SEED = 0x776569722d6d6776, 0x776569722d666c77
    tables = {}  # By members: tables are the same for the same members.

    def __init__(self, members):
        """'members' are (backend, weight) pairs that may take new flows."""
        seeded = sorted(((self.seed(backend), weight, backend) for backend, weight in members),
                        key=lambda entry: entry[0])
        key = tuple(entry[:2] for entry in seeded)
        if key not in self.tables:
            self.tables[key] = self.fill([weight for _, weight, _ in seeded],
                                         [seed for seed, _, _ in seeded])
        self.table = self.tables[key]
        self.backends = [backend for _, _, backend in seeded]

    @classmethod
    def seed(cls, backend):
        return hash_bytes(cls.NAME_SEED ^ hash_bytes(0, backend.address), backend.name.encode())

    @classmethod
    def fill(cls, weights, seeds):
        """Returns a list of indices into both lists, which are sorted by seed."""
        if len(seeds) < 2:
            return [0] * len(seeds)
        size, largest = cls.SIZE, max(weights)
        table, left = [None] * size, size
        next_slot = [(seed >> 32) % size for seed in seeds]
        skip = [(seed & 0xffffffff) % (size - 1) + 1 for seed in seeds]
        taken = [0] * len(seeds)
        rounds = {0: list(range(len(seeds)))[::-1]}  # The front of a list is its end here.
        turn = 0
        while left:
            for member in reversed(rounds.pop(turn, ())):
                if not left:
                    break
                while table[next_slot[member]] is not None:
                    next_slot[member] = (next_slot[member] + skip[member]) % size
                table[next_slot[member]] = member
                left -= 1
                taken[member] += 1
                later = taken[member] * largest // weights[member]
                rounds.setdefault(later, []).append(member)
            turn += 1
        return table

    def pick(self, packet):
        if not self.table:
            return None
        key = packet.client.ljust(16, b"\0") + struct.pack(
            "!HHB", packet.client_port, packet.target_port, packet.protocol)
        h = hash_bytes(self.FLOW_SEED, key.ljust(24, b"\0"))
        return self.backends[self.table[(h >> 32) * len(self.table) >> 32]]


SCHEDULERS = {"maglev": Maglev}


# --- Modes ------------------------------------------------------------------------------------


def one_hop_less(packet):
    """The IP packet with its time to live lowered, or None when that is used up."""
    ip = packet.frame[packet.l3:]
    at = 8 if packet.family == 4 else 7
    if ip[at] <= 1:
        return None
    ip = ip[:at] + bytes([ip[at] - 1]) + ip[at + 1:]
    if packet.family == 4:
        size = (ip[0] & 15) * 4
        head = ip[:10] + b"\0\0" + ip[12:size]
        ip = ip[:10] + struct.pack("!H", headers.checksum(head)) + ip[12:]
    return ip


def direct_routing(packet, port_mac, backend_mac):
    """Mode dr: the packet goes on as it is, to the backend's link-layer address."""
    ip = one_hop_less(packet)
    return None if ip is None else backend_mac + port_mac + packet.frame[12:14] + ip


MODES = {"dr": direct_routing}


# --- Flows ------------------------------------------------------------------------------------

TICK_S = 2 ** 28 / 1e9  # Times of flows are as coarse as this.
TIMEOUTS_S = {"embryonic": 10, "established": 900, "fin": 30, "closed": 2, "udp_new": 10,
              "udp": 60}
NEW = "new"  # The packet begins another flow in the old one's place.
FIRST = {"syn": "embryonic", "data": "embryonic", "udp": "udp_new"}
NEXT = {
    "embryonic": {"syn": "embryonic", "data": "established", "fin": "fin", "rst": "closed"},
    "established": {"syn": "established", "data": "established", "fin": "fin", "rst": "closed"},
    "fin": {"syn": NEW, "data": "fin", "fin": "fin", "rst": "closed"},
    "closed": {"syn": NEW, "data": "established", "fin": "fin", "rst": "closed"},
    "udp_new": {"udp": "udp"},
    "udp": {"udp": "udp"},
}


@dataclass
class Flow:
    state: str
    backend: Backend
    seen: tuple  # Between these two times.

    def has_timed_out(self, now):
        timeout = TIMEOUTS_S[self.state]
        if now[1] - self.seen[0] <= timeout:
            return False
        if now[0] - self.seen[1] >= timeout + 2 * TICK_S:
            return True
        raise Uncertain(self.state)


class Flows:
    """Which backend each flow has."""

    def __init__(self):
        self.flows = {}
        self.touched = []  # Since settle().

    def __len__(self):
        return len(self.flows)

    def count(self, *states):
        return sum(flow.state in states for flow in self.flows.values())

    def clear(self):
        self.flows.clear()

    def find(self, key, signal, now):
        """The flow as this packet leaves it, or None if the packet belongs to none."""
        flow = self.flows.get(key)
        if flow is None:
            return None
        if flow.has_timed_out(now):
            del self.flows[key]
            return None
        if signal == "none":
            return flow
        state = NEXT[flow.state][signal]
        if state == NEW:
            del self.flows[key]
            return None
        flow.state = state
        self._touch(flow, now)
        return flow

    def enter(self, key, signal, backend, now):
        if signal in FIRST:
            self.flows[key] = Flow(FIRST[signal], backend, now)
            self._touch(self.flows[key], now)

    def _touch(self, flow, now):
        flow.seen = now
        self.touched.append(flow)

    def forget_silent(self, now):
        """Drops the flows that have timed out by now; raises Uncertain if one might have."""
        gone = [key for key, flow in self.flows.items() if flow.has_timed_out((now, now))]
        for key in gone:
            del self.flows[key]

    def settle(self, now):
        """Everything since the last call has happened by 'now'."""
        for flow in self.touched:
            flow.seen = (flow.seen[0], min(flow.seen[1], now))
        self.touched.clear()


# --- The balancer -----------------------------------------------------------------------------


PROTOCOLS = {"tcp": headers.TCP, "udp": headers.UDP}


@dataclass(frozen=True)
class Service:
    name: str
    pool: str
    mode: object
    scheduler: object


def is_group(mac):
    return bool(mac[0] & 1)


def may_be_answered(address):
    """Whether it is one station's address (RFC 1122 3.2.2.6, RFC 4443 2.4)."""
    if len(address) == 16:
        return address[0] != 0xff and any(address)
    return 0 < address[0] < 224 and address[0] != 127


class Balancer:
    """One node with one port. set_state() and set_lease() take what the control plane sends."""

    def __init__(self, port, mac):
        self.port, self.mac = port, mac
        self.neighbours = {}   # Backend's address: link-layer address.
        self.held = frozenset()
        self.vips = {}         # Address: name of its router, or None.
        self.services = {}     # By (address, port, protocol); port 0: all.
        self.usable = set()    # Backends that keep their flows.
        self.present = set()   # VIPs and backends of the state,
        self.lives = {}        # ... and how often each has come into one.
        self.flows = Flows()

    # --- What the control plane says ---

    def set_lease(self, held):
        self.held = frozenset(held)

    def set_state(self, state):
        services = state["services"]
        self.vips = {pack(service["address"]): None for service in services}
        for router in state["routers"]:
            self.vips.update({pack(address): router["name"] for address in router["addresses"]})
        pools = {pool["name"]: [(pool["name"], b["name"], pack(b["address"]), b)
                                for b in pool["backends"]] for pool in state["pools"]}
        self._enter(set(self.vips) | {entry[:3] for pool in pools.values() for entry in pool})
        self.usable.clear()
        members = {}
        for name, entries in pools.items():
            backends = [(Backend(*entry[:3], self.lives[entry[:3]]), entry[3])
                        for entry in entries]
            self.usable.update(backend for backend, fields in backends if fields["up"])
            members[name] = [(backend, fields["weight"]) for backend, fields in backends
                             if fields["up"] and fields["weight"]]
        names = list(pools)
        self.services = {
            (pack(s["address"]), s["port"], PROTOCOLS[s["protocol"]]):
            Service(s["name"], names[s["pool"]], MODES[s["mode"]],
                    SCHEDULERS[s["scheduler"]](members[names[s["pool"]]])) for s in services}

    def _enter(self, things):
        for thing in things - self.present:
            self.lives[thing] = self.lives.get(thing, 0) + 1
        self.present = things

    # --- What happens to a frame ---

    def run(self, frame, now):
        """The outcome for a frame that comes at some time in the interval 'now'."""
        packet = headers.read(frame)
        if packet.kind == "fragment":
            raise Uncertain("it depends on other fragments")
        if packet.kind in ("flow", "error") and frame[:6] == self.mac:
            service = self._service(packet)
            if service:
                return self._run_service(service, packet, now)
        return self._run_local(packet)

    def _service(self, packet):
        for port in (packet.target_port, 0):
            service = self.services.get((packet.target, port, packet.protocol))
            if service:
                return service
        return None

    def _choose(self, service, packet, now):
        """The backend of the packet's flow, which may be a new one."""
        key = (packet.target, self.lives[packet.target], packet.client, packet.client_port,
               packet.target_port, packet.protocol)
        flow = self.flows.find(key, packet.signal, now)
        if flow is None:
            backend = service.scheduler.pick(packet)
            if backend:
                self.flows.enter(key, packet.signal, backend, now)
            return backend
        if flow.backend.pool == service.pool and flow.backend in self.usable:
            return flow.backend
        backend = service.scheduler.pick(packet)
        if backend:
            flow.backend = backend
        return backend

    def _run_service(self, service, packet, now):
        backend = self._choose(service, packet, now)
        if backend is None:
            return Outcome("drop_no_backend", why=f"service {service.name}")
        why = f"service {service.name}, backend {backend.name}"
        mac = self.neighbours.get(backend.address)
        if mac is None:
            return Outcome("drop_no_neighbour", why=why)
        frame = service.mode(packet, self.mac, mac)
        return Outcome("forward", frame, why) if frame else Outcome("drop_ttl", why=why)

    def _run_local(self, packet):
        destination = packet.frame[:6]
        if packet.kind == "bad" and not packet.family:
            return Outcome(packet.problem)
        if not is_group(destination) and destination != self.mac:
            return Outcome("drop_other_station")
        if packet.target not in self.vips:
            return Outcome("host")
        held = self.vips[packet.target] in self.held
        answer = getattr(self, "_run_" + packet.kind)
        return answer(packet, held)

    def _run_bad(self, packet, _held):
        return Outcome(packet.problem)

    def _run_flow(self, packet, _held):
        mine = packet.frame[:6] == self.mac
        return Outcome("drop_no_service" if mine else "drop_other_station")

    _run_ip = _run_flow

    def _run_icmp(self, _packet, _held):
        return Outcome("drop_icmp")

    _run_error = _run_icmp

    def _run_arp(self, packet, held):
        """RFC 826, and RFC 5227 2.4 for other stations that announce the address."""
        operation, sender_mac, sender = packet.frame[20:22], packet.frame[22:28], packet.client
        if sender == packet.target:
            return Outcome("drop_vip_claimed" if held else "host")
        if not held:
            return Outcome("drop_not_held")
        if operation != b"\0\1":
            return Outcome("host")
        if is_group(sender_mac):
            return Outcome("drop_bad_neighbour")
        reply = headers.arp(2, self.mac, packet.target, sender_mac, sender)
        return Outcome("reply", headers.ethernet(sender_mac, self.mac, headers.ARP, reply)
                       + packet.frame[42:], "ARP")

    def _run_echo(self, packet, held):
        frame, mac = packet.frame, packet.frame[6:12]
        if frame[:6] != self.mac:
            return Outcome("drop_other_station")
        if not held:
            return Outcome("drop_not_held")
        if frame[packet.l4 + 1] or not may_be_answered(packet.client) or is_group(mac):
            return Outcome("drop_bad_echo")
        if not self._icmp_checksum_is_right(packet):
            return Outcome("drop_bad_checksum")
        message = frame[packet.l4:packet.end]
        message = headers.icmp(packet.target, packet.client, headers.ECHO_REPLY[packet.family], 0,
                               message[4:8], message[8:])
        return Outcome("reply", mac + self.mac + frame[12:14] + self._turned(packet) + message
                       + frame[packet.end:], "echo")

    @staticmethod
    def _turned(packet):
        """The IP header with the addresses exchanged and a new time to live."""
        ip = packet.frame[packet.l3:packet.l4]
        if packet.family == 6:
            return ip[:7] + b"\x40" + ip[24:40] + ip[8:24] + ip[40:]
        ip = ip[:8] + b"\x40" + ip[9:10] + b"\0\0" + ip[16:20] + ip[12:16] + ip[20:]
        return ip[:10] + struct.pack("!H", headers.checksum(ip)) + ip[12:]

    @staticmethod
    def _icmp_checksum_is_right(packet):
        frame, message = packet.frame, packet.frame[packet.l4:packet.end]
        head = b"" if packet.family == 4 else headers.pseudo_header(
            frame[22:38], frame[38:54], headers.ICMP6, len(message))
        return headers.checksum(head + message) == 0

    def _run_solicitation(self, packet, held):
        """RFC 4861 7.1.1 and 7.2.4."""
        if not held:
            return Outcome("drop_not_held")
        frame, sender, target = packet.frame, packet.client, packet.target
        if frame[21] != 255 or frame[packet.l4 + 1] or target[0] == 0xff or sender[0] == 0xff:
            return Outcome("drop_bad_neighbour")
        options = self._options(frame[packet.l4 + 24:packet.end])
        is_probe = not any(sender)
        group = bytes.fromhex("ff0200000000000000000001ff") + target[13:]
        if options is None or (is_probe and (1 in options or frame[38:54] != group)):
            return Outcome("drop_bad_neighbour")
        if not self._icmp_checksum_is_right(packet):
            return Outcome("drop_bad_checksum")
        if is_probe:
            return Outcome("reply", self._advert(target, ALL_NODES_MAC, ALL_NODES, 0x20), "ND")
        if is_group(frame[6:12]):
            return Outcome("drop_bad_neighbour")
        return Outcome("reply", self._advert(target, frame[6:12], sender, 0x60), "ND")

    @staticmethod
    def _options(data):
        """The types of the options, or None if one is broken."""
        kinds = []
        while data:
            size = data[1] * 8 if len(data) >= 8 else 0
            if size == 0 or size > len(data):
                return None
            kinds.append(data[0])
            data = data[size:]
        return kinds

    def _advert(self, target, mac, address, flags):
        message = headers.icmp(target, address, 136, 0, bytes([flags, 0, 0, 0]),
                               target + b"\2\1" + self.mac)
        packet = struct.pack("!IHBB", 6 << 28, len(message), headers.ICMP6, 255) + target \
            + address + message
        return headers.ethernet(mac, self.mac, headers.IPV6, packet)
