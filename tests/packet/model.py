# SPDX-License-Identifier: BSD-3-Clause
"""The balancer as it ought to be, slow and simple: a reference that the dataplane is compared with
(test_model.py). Frames go in; a verdict and, where something leaves, the exact frame come out.

It is written from docs/packet-path.md. Its parts, each to be extended for itself:
    model_schedulers.py  how a service picks a backend for a new flow, and what is kept of clients
    model_modes.py       what a frame looks like when it leaves for the backend, or comes back
    model_flows.py       which backend a flow has: a dictionary with timeouts, without limits
    model_fragments.py   which flow a fragment belongs to
    Balancer             state, leases, neighbours; what happens to a frame

Some choices are the worker's own affair. So run() is also given the frame that was seen to leave,
and says what had to leave given such choices, after judging whether they were allowed."""

import contextlib
import ipaddress
import struct
from dataclasses import dataclass, field

import headers
from model_flows import Flows
from model_fragments import Fragments
from model_modes import MODES, Outcome, Way, give_back, may_be_answered
from model_schedulers import SCHEDULERS, Mismatch, Persistence, Uncertain, client_hash

ALL_NODES, ALL_NODES_MAC = ipaddress.ip_address("ff02::1").packed, bytes.fromhex("333300000001")
LOCAL = object()  # In place of a router: an address of the node's own.


def pack(address):
    return ipaddress.ip_address(address).packed


@dataclass(frozen=True)
class Backend:
    """'life' counts how often it came into the state: flows do not outlive a life."""

    pool: str
    name: str
    address: bytes
    life: int


# --- The balancer -----------------------------------------------------------------------------


PROTOCOLS = {"tcp": headers.TCP, "udp": headers.UDP}
OCCASIONS = {"syn": "begin", "udp": "begin", "data": "join"}  # Others are strays.
RETURN_SIGNALS = {"syn": "none"}  # It answers the client's and is no sign of a new connection.


@dataclass(frozen=True)
class Service:
    name: str
    pool: str
    mode: object
    scheduler: object
    mss: int = 0
    persistence: dict = None
    ports: dict = field(default_factory=dict)  # Of backends that have one.

    def notes(self, packet):
        """Whether SYNs of new flows are only noted."""
        return packet.protocol == headers.TCP and not self.scheduler.opens and \
            not self.persistence and not self.mode.translates

    def port_of(self, backend, packet):
        return self.ports.get(backend) or packet.target_port


def is_group(mac):
    return bool(mac[0] & 1)


class Balancer:
    """One node with one port. set_state() and set_lease() take what the control plane sends."""

    def __init__(self, port, mac):
        self.port, self.mac = port, mac
        self.neighbours = {}   # Backend's address: link-layer address.
        self.held = frozenset()
        self.vips = {}         # Address: name of its router, LOCAL, or None.
        self.locals = frozenset()
        self.services = {}     # By (address, port, protocol); port 0: all.
        self.usable = set()    # Backends that keep their flows.
        self.present = set()   # VIPs and backends of the state,
        self.lives = {}        # ... and how often each has come into one.
        self.flows = Flows()
        self.fragments = Fragments()
        self.persistence = Persistence()
        self.tunnels = {}      # What outer headers of each flow have in common.
        self.ids = {}          # Identifications given to packets in fragments.
        self.schedulers = {}   # What each service's scheduler is known to be at.
        self.now = (0, 0)

    def forget(self):
        """Nothing is known of what the worker remembers; packets to come are of new flows."""
        self.flows.forget()
        self.fragments.forget()
        self.schedulers.clear()

    # --- What the control plane says ---

    def set_lease(self, held):
        self.held = frozenset(held)

    def set_state(self, state):
        services = state["services"]
        self.locals = frozenset(pack(address) for local in state.get("locals", ())
                                for address in local["addresses"])
        self.vips = {pack(service["address"]): None for service in services}
        for router in state["routers"]:
            self.vips.update({pack(address): router["name"] for address in router["addresses"]})
        pools = {pool["name"]: [(pool["name"], b["name"], pack(b["address"]), b)
                                for b in pool["backends"]] for pool in state["pools"]}
        self._enter(set(self.vips) | {entry[:3] for pool in pools.values() for entry in pool})
        self.vips.update({address: LOCAL for address in self.locals})
        self.usable.clear()
        members, ports = {}, {}
        for name, entries in pools.items():
            backends = [(Backend(*entry[:3], self.lives[entry[:3]]), entry[3])
                        for entry in entries]
            self.usable.update(backend for backend, fields in backends if fields["up"])
            ports.update({backend: fields.get("port") for backend, fields in backends})
            members[name] = [(backend, fields["weight"]) for backend, fields in backends
                             if fields["up"] and fields["weight"]]
        names = list(pools)
        there = {service["name"] for service in services}  # Those that come back begin anew.
        self.schedulers = {name: kept for name, kept in self.schedulers.items() if name in there}
        self.services = {(pack(s["address"]), s["port"], PROTOCOLS[s["protocol"]]):
                         self._make_service(s, names[s["pool"]], members, ports)
                         for s in services}

    def _make_service(self, fields, pool, members, ports):
        kept = self.schedulers.setdefault(fields["name"], {})
        kept["count"] = lambda backend: self.flows.load(backend, self.now)
        scheduler = SCHEDULERS[fields["scheduler"]](members[pool], kept)
        return Service(fields["name"], pool, MODES[fields["mode"]](fields), scheduler,
                       fields.get("mss", 0), fields.get("persistence"), ports)

    def _enter(self, things):
        for thing in things - self.present:
            self.lives[thing] = self.lives.get(thing, 0) + 1
        self.present = things

    # --- What happens to a frame ---

    def check_certain(self, frame, window):
        """Raises Uncertain if it is not, whenever in 'window' the frame comes."""
        packet = headers.read(frame)
        if packet.kind == "fragment":
            said, packet = headers.read_fragment(packet)
            if frame[:6] != self.mac or said is None:
                raise Uncertain("no plain fragment")
            if not packet.is_later:  # Later ones are sent right behind it.
                with contextlib.suppress(headers.Bad):
                    packet = headers.read_first(packet)
        if packet.kind in ("flow", "error") and frame[:6] == self.mac:
            service = self._service(packet)
            if service:
                flow = self.flows.peek(self._key(packet), window)
                if flow and packet.kind == "error" and not self._keeps(service, flow) and \
                        service.scheduler.opens:
                    raise Uncertain("nobody sees where the flow goes")
                if service.persistence:
                    self.persistence.find(service, packet, service.scheduler.backends, window)
            else:
                flow = self._returning(packet)
                if flow:
                    flow.has_timed_out(window)

    def run(self, frame, now, seen=None):
        """The outcome for a frame that came at some time in the interval 'now', given that 'seen'
        is the next one that left (None: nothing did any more)."""
        self.now = now
        packet = headers.read(frame)
        if packet.kind == "fragment" and (packet.target in self.vips or
                                          self._may_return(packet.client)):
            return self._run_fragment(packet, now, seen)
        if packet.kind in ("flow", "error") and frame[:6] == self.mac:
            service = self._service(packet)
            if service:
                return self._run_service(service, packet, now, seen)
            flow = self._returning(packet)
            if flow:
                return self._run_return(flow, packet, now, seen)
        return self._run_local(packet)

    def _service(self, packet):
        for port in (packet.target_port, 0):
            service = self.services.get((packet.target, port, packet.protocol))
            if service:
                return service
        return None

    def _key(self, packet):
        return (packet.target, self.lives[packet.target], packet.client, packet.client_port,
                packet.target_port, packet.protocol)

    # --- The client's packets ---

    def _seen_backend(self, scheduler, seen):
        """Who the frame that left went to."""
        for backend in scheduler.backends:
            if seen is not None and self.neighbours.get(backend.address) == seen[:6]:
                return backend
        raise Mismatch("nothing was seen to go to one of " +
                       ", ".join(backend.name for backend in scheduler.backends))

    def _pick(self, service, packet, occasion, now, seen):
        scheduler = service.scheduler
        if not scheduler.backends:
            return None
        is_open = scheduler.opens and occasion == "begin"
        if service.persistence:
            backend = self.persistence.find(service, packet, scheduler.backends, now)
            if backend is None:
                backend = scheduler.pick(packet, self._seen_backend(scheduler, seen)) \
                    if is_open else scheduler.at(client_hash(packet.client,
                                                             service.persistence["prefix"]))
            if occasion != "stray":
                self.persistence.keep(service, packet, backend, now)
            return backend
        if is_open:
            return scheduler.pick(packet, self._seen_backend(scheduler, seen))
        return scheduler.hashed(packet)

    def _keeps(self, service, flow):
        """Whether the flow's packets go on to its backend."""
        return flow.backend.pool == service.pool and flow.backend in self.usable

    def _choose(self, service, packet, now, seen):
        """The backend of the packet's flow, and that flow, which may be a new one."""
        key, notes = self._key(packet), service.notes(packet)
        flow = self.flows.find(key, packet.signal, now, notes)
        if flow and self._keeps(service, flow):
            return flow.backend, flow
        if notes and not flow and packet.signal == "syn":
            return self._note(service, packet, now, seen), None
        occasion = "begin" if flow else OCCASIONS.get(packet.signal, "stray")
        backend = self._pick(service, packet, occasion, now, seen)
        if backend and flow:
            self.flows.move(flow, backend)
        elif backend:
            flow = self.flows.enter(key, packet.signal, backend, now)
        return backend, flow

    def _note(self, service, packet, now, seen):
        """The backend of a SYN that enters no flow."""
        key = self._key(packet)
        note = self.flows.find_note(key, now)
        if note and self._keeps(service, note):
            backend = note.backend
        else:
            backend = self._pick(service, packet, "begin", now, seen)
        if backend:
            self.flows.note(key, backend, now)
        return backend

    def _run_service(self, service, packet, now, seen):
        backend, flow = self._choose(service, packet, now, seen)
        if backend is None:
            return Outcome("drop_no_backend", why=f"service {service.name}")
        why = f"service {service.name}, backend {backend.name}"
        mac = self.neighbours.get(backend.address)
        if mac is None:
            return Outcome("drop_no_neighbour", why=why)
        outcome = service.mode.send(Way(service, backend, mac, self.mac, flow, self), packet, seen)
        return Outcome(outcome.verdict, outcome.frame, why)

    def _run_fragment(self, packet, now, seen):
        _, packet = headers.read_fragment(packet)
        try:
            verdict, packet, held = self.fragments.follow(packet)
        except headers.Bad as bad:
            return Outcome(str(bad) if packet.target in self.vips else "host")
        if verdict:
            return Outcome(verdict, late=tuple(
                (each, lambda _seen: Outcome("drop_fragment_overlap")) for each in held))
        outcome = self._run_flow_of_fragment(packet, now, seen)
        return Outcome(outcome.verdict, outcome.frame, outcome.why, tuple(
            (each, lambda seen, each=each: self._run_flow_of_fragment(each, now, seen))
            for each in held))

    def _run_flow_of_fragment(self, packet, now, seen):
        service = self._service(packet)
        if service:
            return self._run_service(service, packet, now, seen)
        flow = self._returning(packet)
        if flow:
            return self._run_return(flow, packet, now, seen)
        return Outcome("drop_no_service" if packet.target in self.vips else "host")

    # --- The backends' packets ---

    def _returning(self, packet):
        """The flow, of a service that translates, whose backend sends such packets."""
        ends = packet.client, packet.client_port, packet.target, packet.target_port
        return self.flows.by_ends.get((ends, packet.protocol))

    def _may_return(self, address):
        """Whether a backend of a service that translates has the address."""
        return any(backend.address == address for service in self.services.values()
                   if service.mode.translates for backend in service.ports
                   if backend.pool == service.pool)

    def may_answer(self, flow):
        """Whether the flow's backend and service are those of the state."""
        target, _, _, _, port, protocol = flow.key
        backend = flow.backend
        thing = backend.pool, backend.name, backend.address
        return flow.ends and flow.ends[0] == backend.address and \
            (target, port, protocol) in self.services and thing in self.present and \
            self.lives[thing] == backend.life

    def _run_return(self, flow, packet, now, seen):
        target, _, _, _, port, protocol = flow.key
        service = self.services.get((target, port, protocol))
        if service is None or not service.mode.translates:
            return Outcome("drop_no_service")
        signal = RETURN_SIGNALS.get(packet.signal, packet.signal)
        if self.flows.find(flow.key, signal, now) is None:
            return self._run_local(packet)
        outcome = give_back(flow, (target, port), packet, self.mac, seen, self.ids)
        return Outcome(outcome.verdict, outcome.frame, f"service {service.name}, back")

    # --- What is for nobody behind us ---

    def _run_local(self, packet):
        destination = packet.frame[:6]
        if packet.kind == "bad" and not packet.family:
            return Outcome(packet.problem)
        if not is_group(destination) and destination != self.mac:
            return Outcome("drop_other_station")
        if packet.target not in self.vips:
            return Outcome("host")
        router = self.vips[packet.target]
        held = router is LOCAL or router in self.held
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
