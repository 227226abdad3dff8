# SPDX-License-Identifier: BSD-3-Clause
"""Seeded random work for a balancer: a cluster that keeps changing (Cluster) and the packets of
many clients, honest and otherwise (Traffic). Every frame that may leave again is unlike all
others, so that it can be told apart on the wire."""

import copy
import itertools
import struct

import headers
from harness import CLIENT_MAC, PORT_MAC, VIP4, VIP6
from model import pack

MORE4, MORE6 = "10.9.0.101", "fd09::101"      # Second addresses of the routers.
ALONE4, ALONE6 = "10.9.0.102", "fd09::102"    # Of services, but of no router.
FAR4, FAR6 = "10.9.0.103", "fd09::103"        # Third addresses, of the many kinds of services.
LOCALS = ("10.9.0.5", "10.9.0.6", "fd09::5", "fd09::6")
MUTE = {"10.9.0.77", "fd09::77"}              # Backends that never answer.
BACKENDS = {"4": [f"10.9.0.{n}" for n in range(21, 29)],
            "6": [f"fd09::{n}" for n in range(21, 29)]}
WEIGHTS = (0, 1, 7, 50, 100, 100, 100, 1000)
SMALL_WEIGHTS = (0, 1, 2, 3, 100)  # Of whom one choice tells little about the next.
SERIAL = 1 << 28  # The first one: none is part of an address.
MARK_PORT = 7
CROSS_PORT = 81  # Of a tunnel with round robin: whom an answer does not tell.


def mac_of(address):
    """The link-layer address of a backend."""
    return f"02:00:00:00:01:{pack(address)[-1]:02x}"


def raw(mac):
    return bytes.fromhex(mac.replace(":", ""))


IPIP = {"type": "ipip", "source4": "198.18.0.0/16", "source6": "2001:db8:ff::/112"}
GUE = {"type": "gue", "source4": "10.9.0.3", "source6": "fd09::3", "gue_port": 6081}
SERVICES = [  # Name, address of either family, port, protocol, kind of pool, what else.
    ("http", VIP4, VIP6, 80, "tcp", "a", {}),
    ("https", VIP4, VIP6, 443, "tcp", "a", {"scheduler": "source-hash"}),
    ("dns", VIP4, VIP6, 53, "udp", "a", {}),
    ("more", MORE4, MORE6, 80, "tcp", "a", {"mss": 1300}),
    ("alone", ALONE4, ALONE6, 53, "udp", "a", {}),
    ("mark", VIP4, VIP6, MARK_PORT, "udp", "m", {}),
    ("ipip", FAR4, FAR6, 80, "tcp", "t", {"mode": "tunnel", "tunnel": IPIP, "mss": 1400}),
    ("gue", FAR4, FAR6, 53, "udp", "t",
     {"mode": "tunnel", "tunnel": GUE, "scheduler": "source-hash"}),
    ("cross", FAR4, FAR6, CROSS_PORT, "tcp", "x",
     {"mode": "tunnel", "tunnel": IPIP, "scheduler": "round-robin"}),
    ("cross_gue", FAR4, FAR6, 54, "udp", "x", {"mode": "tunnel", "tunnel": {**GUE, "mtu": 1400}}),
    ("nat", FAR4, FAR6, 443, "tcp", "n", {"mode": "nat", "mss": 1350}),
    ("nat_dns", FAR4, FAR6, 55, "udp", "n", {"mode": "nat", "scheduler": "round-robin"}),
    ("fullnat", FAR4, FAR6, 8080, "tcp", "f",
     {"mode": "fullnat", "scheduler": "least-connections"}),
    ("fullnat_dns", FAR4, FAR6, 56, "udp", "f", {"mode": "fullnat", "mss": 0}),
    ("turns", FAR4, FAR6, 82, "tcp", "c", {"scheduler": "round-robin"}),
    ("loads", FAR4, FAR6, 83, "tcp", "c", {"scheduler": "least-connections"}),
    ("kept", FAR4, FAR6, 84, "tcp", "c",
     {"scheduler": "round-robin", "persistence": {"timeout_s": 20, "prefix": 24}}),
    ("any", FAR4, FAR6, 0, "tcp", "c", {"persistence": {"timeout_s": 3, "prefix": 16}}),
    ("any_udp", FAR4, FAR6, 0, "udp", "c", {"scheduler": "least-connections"})]


class Cluster:
    """The state that the control plane wants, changed a little at a time."""

    def __init__(self, rng):
        self.rng = rng
        self.generation = 0
        self.held = {"r4", "r6"}
        self.addresses = {"r4": [VIP4, FAR4, MORE4], "r6": [VIP6, FAR6, MORE6]}
        self.pools = {kind + family: self._pool(kind, addresses)
                      for family, addresses in BACKENDS.items() for kind in "abctnfxm"}
        self.services = {}  # Each has its fields, and last whether it is there.
        for name, address4, address6, port, protocol, pool, fields in SERVICES:
            for family, address in (("4", address4), ("6", address6)):
                other = {"4": "6", "6": "4"}[family] if pool == "x" else family
                self.services[name + family] = [address, port, protocol, pool + other,
                                                self._family_fields(fields, family), True]

    @staticmethod
    def _family_fields(fields, family):
        """Prefixes are of IPv4; a missing MSS is not said."""
        fields = {key: value for key, value in fields.items() if value}
        if "persistence" in fields and family == "6":
            fields["persistence"] = {**fields["persistence"],
                                     "prefix": fields["persistence"]["prefix"] * 4 - 32}
        return fields

    @classmethod
    def _pool(cls, kind, addresses):
        pool = [cls._backend(address) for address in addresses[:1 if kind == "m" else 3]]
        if kind in "nf":
            pool[1]["port"] = 8000 + ord(kind)
        return pool

    @staticmethod
    def _backend(address):
        return {"name": f"n{address.replace(':', '.').rsplit('.', 1)[1]}", "address": address,
                "weight": 100, "up": True}

    def state(self):
        names = list(self.pools)
        return {
            "generation": self.generation,
            "locals": [{"port": "front", "addresses": list(LOCALS)}],
            "routers": [{"name": name, "port": "front", "addresses": addresses}
                        for name, addresses in self.addresses.items()],
            "pools": [{"name": name, "backends": copy.deepcopy(backends)}
                      for name, backends in self.pools.items()],
            "services": [{"name": name, "address": address, "port": port, "protocol": protocol,
                          "mode": "dr", "scheduler": "maglev", "pool": names.index(pool), **more}
                         for name, (address, port, protocol, pool, more, present)
                         in self.services.items() if present]}

    def change(self):
        """Changes something and returns what."""
        actions = (self._weigh, self._weigh, self._turn, self._turn, self._turn_all, self._swap,
                   self._serve, self._move, self._readdress, self._lease)
        return self.rng.choice(actions)()

    def _any_pool(self, kinds="abctnfx"):
        return self.rng.choice([name for name in self.pools if name[0] in kinds])

    def _any_backend(self):
        name = self._any_pool()
        return name, self.rng.choice(self.pools[name])

    def _weigh(self):
        pool, backend = self._any_backend()
        backend["weight"] = self.rng.choice(WEIGHTS if pool[0] in "abt" else SMALL_WEIGHTS)
        return f"{pool} {backend['name']} weighs {backend['weight']}"

    def _turn(self):
        pool, backend = self._any_backend()
        backend["up"] = not backend["up"] or self.rng.random() < 0.3
        return f"{pool} {backend['name']} is {'up' if backend['up'] else 'down'}"

    def _turn_all(self):
        pool = self._any_pool()
        up = not all(backend["up"] for backend in self.pools[pool]) or self.rng.random() < 0.5
        for backend in self.pools[pool]:
            backend["up"] = up
            backend["weight"] = 100
        return f"all of {pool} are {'up' if up else 'down'}"

    def _swap(self):
        """A backend comes or goes."""
        pool = self._any_pool("abtnf")
        backends = self.pools[pool]
        if len(backends) > 1 and self.rng.random() < 0.5:
            return f"{pool} loses {backends.pop(self.rng.randrange(len(backends)))['name']}"
        known = {backend["address"] for backend in backends}
        mute = [address for address in sorted(MUTE) if (":" in address) == (pool[1] == "6")]
        others = BACKENDS[pool[1]] + (mute if pool[0] in "abt" else [])
        free = [address for address in others if address not in known]
        if free:
            address = self.rng.choice(free)
            backends.insert(self.rng.randrange(len(backends) + 1), self._backend(address))
            return f"{pool} gains {address}"
        return "nothing"

    def _serve(self):
        away = [name for name, fields in self.services.items() if not fields[-1]]
        name = self.rng.choice(away if len(away) > 1 else self._movable())
        self.services[name][-1] = not self.services[name][-1]
        return f"service {name} {'comes' if self.services[name][-1] else 'goes'}"

    def _movable(self, kinds="abctnfx"):
        return [name for name, fields in self.services.items() if fields[3][0] in kinds]

    def _move(self):
        name = self.rng.choice(self._movable("ab"))
        pool = self.services[name][3]
        self.services[name][3] = ("b" if pool[0] == "a" else "a") + pool[1]
        return f"service {name} is served by {self.services[name][3]}"

    def _readdress(self):
        name, address = self.rng.choice((("r4", MORE4), ("r6", MORE6)))
        addresses = self.addresses[name]
        if address in addresses:
            addresses.remove(address)
        else:
            addresses.append(address)
        return f"{name} has {', '.join(addresses)}"

    def _lease(self):
        self.held ^= {self.rng.choice(("r4", "r6"))}
        return f"held: {', '.join(sorted(self.held)) or 'nothing'}"


class Traffic:
    """Packets of clients, most of them of flows that have been seen before."""

    FLOWS_MAX = 4000
    FORETOLD = (80, 53, 54, 443, 56)  # Of the far services: nothing of them is the worker's own choice.
    FLAGS = (0x02, 0x02, 0x10, 0x10, 0x18, 0x18, 0x18, 0x11, 0x14, 0x12)  # S S A A PA .. FA RA SA

    def __init__(self, rng, model):
        self.rng = rng
        self.model = model  # Knows which backends have something to answer.
        self.serial = itertools.count(SERIAL)
        self.flows = []   # That are busy.
        self.memory = []  # All: some speak again after a long silence.
        self.kinds = [kind for kind, share in (
            (self._flow, 860), (self._error, 40), (self._echo, 25), (self._arp, 15),
            (self._solicitation, 15), (self._other_protocol, 5), (self._misaddressed, 10),
            (self._damaged, 30), (self._unknown, 3), (self._return, 250),
            (self._return_error, 30), (self._fragments, 25),
            (self._return_fragments, 15)) for _ in range(share)]
        self.waiting = []     # To be sent next, in this order.
        self.renew()

    def renew(self):
        """From now on nothing is of a flow that was there before."""
        self.flows.clear()
        self.memory.clear()
        self.base = next(self.serial) & 0xffffff

    def next(self):
        return self.waiting.pop(0) if self.waiting else self.rng.choice(self.kinds)()

    def mark(self):
        """A packet that is forwarded for sure: where it is seen, all before it have been."""
        return self._frame(pack("192.0.2.1"), pack(VIP4), headers.UDP,
                           headers.udp(next(self.serial) & 0xffff or 1, MARK_PORT, self._load()))

    def _new_flow(self):
        rng = self.rng
        v6 = rng.random() < 0.5
        _, vip4, vip6, port, protocol, _, _ = rng.choice(SERVICES)
        number = rng.randrange(1 << 16)
        client = f"2001:db8:{self.base >> 8:x}:{self.base & 0xff:x}::{number:x}" if v6 else \
            f"{11 + self.base % 100}.{self.base // 100 % 256}.{number >> 8}.{number & 0xff}"
        port = port or rng.randrange(20000, 20100)
        if rng.random() < 0.02:
            port = rng.choice((0, 81, 65535))  # Of no service, or of one for any port.
        return (pack(client), rng.randrange(1, 65536), pack(vip6 if v6 else vip4), port,
                headers.TCP if protocol == "tcp" else headers.UDP)

    def _any_flow(self):
        chance = self.rng.random()
        if self.memory and chance < 0.06:
            return self.rng.choice(self.memory)
        if not self.flows or chance < 0.25:
            flow = self._new_flow()
            self.memory.append(flow)
            if len(self.flows) < self.FLOWS_MAX:
                self.flows.append(flow)
            else:
                self.flows[self.rng.randrange(self.FLOWS_MAX)] = flow
            return flow
        return self.rng.choice(self.flows)

    def _load(self):
        """Begins with a number that no other has."""
        size = self.rng.choice((0, 0, 1, 30, 400, 1400))
        return struct.pack("!Q", next(self.serial)) + bytes(size)

    def _frame(self, source, destination, protocol, payload, **fields):
        kind = headers.IPV4 if len(source) == 4 else headers.IPV6
        return headers.ethernet(raw(PORT_MAC), raw(CLIENT_MAC), kind,
                                headers.ip(source, destination, protocol, payload, **fields))

    def _segment(self, source, destination, protocol, source_port, port, flags):
        """TCP or UDP with a right checksum, a wrong one, or none."""
        load = self._load()
        if self.rng.random() < 0.03 and port != CROSS_PORT:
            load += bytes(1452 - len(load))  # As large as a tunnel cannot carry.
        if protocol == headers.UDP:
            segment = headers.udp(source_port, port, load)
        else:
            options = b""
            if flags & 2:
                options = self.rng.choice((b"", b"\2\4\5\xb4", b"\1\1\2\4\2\x18\0\0",
                                           b"\1\2\4\xff\xff\1\1\0", b"\2\3\1\1"))
            load = load[:1480 - (20 if len(source) == 4 else 40) - len(options)]
            segment = headers.tcp(source_port, port, flags, options + load)
            segment = segment[:12] + bytes([5 + len(options) // 4 << 4]) + segment[13:]
        if self.rng.random() < 0.6:
            segment = headers.summed(source, destination, protocol, segment)
        return segment

    def _flow(self):
        client, client_port, vip, port, protocol = self._any_flow()
        fields = {"tos": self.rng.choice((0, 0, 3, 0xb8)),
                  "fragment": self.rng.choice((0, 0x4000))}
        if self.rng.random() < 0.02 and vip not in (pack(FAR4), pack(FAR6)):
            fields["ttl"] = self.rng.choice((0, 1, 2, 255))
        segment = self._segment(client, vip, protocol, client_port, port,
                                self.rng.choice(self.FLAGS))
        if self.rng.random() < 0.03:
            if len(client) == 4:
                fields["options"] = b"\x94\x04\0\0"
            else:
                fields["options"] = bytes([protocol, 0, 1, 4, 0, 0, 0, 0])
                protocol = self.rng.choice((0, 60, 43))
            segment = segment[:1400]
            if protocol == headers.UDP or fields["options"][0] == headers.UDP:
                segment = segment[:4] + struct.pack("!H", len(segment)) + segment[6:]
        frame = self._frame(client, vip, protocol, segment, **fields)
        frame = frame[:11] + bytes([self.rng.choice((0x10, 0x11, 0x12))]) + frame[12:]
        return frame + bytes(self.rng.choice((0,) * 9 + (7,)) if len(frame) < 1500 else 0)

    def _answerer(self):
        """The ends of a flow as its backend has them, and the protocol."""
        choice, flows = self.rng.random(), self.model.flows.paired
        if not flows:
            return None
        # Rather of the last ones: others have timed out.
        flow = flows[int(len(flows) * choice ** 0.2)]
        return (*flow.ends, flow.key[-1]) if self.model.may_answer(flow) else None

    def _return(self):
        """A backend answers, as far as anybody knows: the flow may be gone."""
        ends, flags = self._answerer(), self.rng.choice((0x12, 0x10, 0x18, 0x18, 0x11, 0x14))
        if ends is None:
            return self._flow()
        address, port, to, to_port, protocol = ends
        fields = {"ttl": self.rng.choice((64, 64, 64, 64, 64, 64, 64, 2, 1))}
        segment = self._segment(address, to, protocol, port, to_port, flags)
        return self._frame(address, to, protocol, segment, **fields)

    def _rest(self):
        """Of an ICMP error's header: unlike all others."""
        return struct.pack("!I", next(self.serial) & 0xffffffff)

    def _return_error(self):
        """Of the backend, or of a router before it, about a packet that it was sent."""
        ends = self._answerer()
        if ends is None:
            return self._error()
        address, port, to, to_port, protocol = ends
        v4 = len(to) == 4
        segment = self._segment(to, address, protocol, to_port, port, 0x10)
        inner = headers.ip(to, address, protocol, segment)
        inner = inner[:self.rng.choice((28, 60, 500) if v4 else (48, 80, 500))]
        router = address if self.rng.random() < 0.5 else address[:-1] + b"\xfe"
        kind, code = self.rng.choice(((3, 4), (3, 3), (11, 0)) if v4 else ((2, 0), (1, 4), (3, 0)))
        message = headers.icmp(router, to, kind, code, self._rest(), inner)
        return self._frame(router, to, headers.ICMP4 if v4 else headers.ICMP6, message)

    def _fragments(self):
        """The fragments of a datagram, some in the wrong order, some wrong themselves."""
        client, client_port, vip, port, protocol = self._new_flow()
        if vip in (pack(FAR4), pack(FAR6)) and port not in self.FORETOLD:
            vip, port, protocol = pack(VIP4 if len(vip) == 4 else VIP6), 53, headers.UDP
        return self._in_fragments(client, client_port, vip, port, protocol)

    def _return_fragments(self):
        ends = self._answerer()
        if ends is None:
            return self._fragments()
        address, port, to, to_port, protocol = ends
        return self._in_fragments(address, port, to, to_port, protocol)

    def _in_fragments(self, client, client_port, vip, port, protocol):
        rng = self.rng
        number, size = next(self.serial), rng.choice((48, 400))
        segment = self._segment(client, vip, protocol, client_port, port, 0x18)[:1200]
        segment += bytes(-len(segment) % 8)
        segment = segment[:20] + struct.pack("!Q", number) + segment[28:].ljust(size * 2, b"\1")
        cuts = [(at, at + size < len(segment)) for at in range(0, len(segment), size)]
        pieces = [(at, segment[at:at + size], more) for at, more in cuts]
        pieces = self._spoil(pieces, size)
        self.waiting = [self._fragment(client, vip, protocol, number, at,
                                       data[:8] + struct.pack("!Q", next(self.serial)) + data[16:]
                                       if at else data, more) for at, data, more in pieces]
        return self.waiting.pop(0)

    def _spoil(self, pieces, size):
        kind = self.rng.choice(("", "", "", "swap", "swap", "twice", "overlap", "tiny", "bad",
                                "beyond", "again"))
        (at, data, _), first = pieces[-1], pieces[0][1]
        if kind == "swap":
            pieces = [pieces[1], pieces[0], *pieces[2:]]
        elif kind == "twice":
            pieces.insert(1, pieces[0])
        elif kind == "overlap":
            pieces.insert(2, (pieces[1][0] + 8, pieces[1][1], True))
        elif kind == "tiny":
            pieces = [(0, first[:8], True), (8, pieces[1][1][:16], True)]
        elif kind == "bad":
            pieces = [(0, first[:size - 3], True)]
        elif kind == "beyond":
            pieces.insert(-1, (at + size, data, False))
        elif kind == "again":
            pieces += pieces
        return pieces

    def _fragment(self, client, vip, protocol, number, at, data, more):
        if len(client) == 4:
            return self._frame(client, vip, protocol, data, number=number & 0xffff,
                               fragment=at // 8 | more << 13)
        header = struct.pack("!BBHI", protocol, 0, at | more, number)
        return self._frame(client, vip, 44, header + data)

    def lost_fragment(self):
        """A later one, whose first never comes."""
        client = self._new_flow()[0]
        vip = pack(VIP4 if len(client) == 4 else VIP6)
        return self._fragment(client, vip, headers.UDP, next(self.serial), 64, self._load(), False)

    def _error(self):
        """From some router, about a packet that went back to the client."""
        client, client_port, vip, port, protocol = self._any_flow()
        router = client[:-1] + bytes([self.rng.randrange(1, 255)])
        inner = struct.pack("!HH", port, client_port) + struct.pack("!Q", next(self.serial))
        inner = headers.ip(vip, client, protocol, inner)
        v4 = len(client) == 4
        kind, code = self.rng.choice(((3, 4), (3, 1), (11, 0)) if v4 else ((2, 0), (1, 4), (3, 0)))
        message = headers.icmp(router, vip, kind, code, self._rest(), inner)
        return self._frame(router, vip, headers.ICMP4 if v4 else headers.ICMP6, message)

    def _echo(self):
        client, _, vip, _, _ = self._new_flow()
        v4 = len(client) == 4
        rest = struct.pack("!HH", self.rng.randrange(65536), 1)
        message = headers.icmp(client, vip, headers.ECHO[4 if v4 else 6], 0, rest, self._load())
        return self._frame(client, vip, headers.ICMP4 if v4 else headers.ICMP6, message)

    def _some_mac(self):
        return b"\x02\x77" + struct.pack("!I", next(self.serial) & 0xffffffff)

    def _arp(self):
        mac, vip = self._some_mac(), pack(self.rng.choice((VIP4, MORE4, ALONE4)))
        sender = vip if self.rng.random() < 0.2 else pack(f"10.9.0.{self.rng.randrange(200, 250)}")
        operation = 2 if self.rng.random() < 0.2 else 1
        to = self.rng.choice((b"\xff" * 6, raw(PORT_MAC)))
        return headers.ethernet(to, mac, headers.ARP, headers.arp(
            operation, mac, sender, bytes(6), vip) + bytes(18))

    def _solicitation(self):
        rng, mac = self.rng, self._some_mac()
        vip = pack(rng.choice((VIP6, MORE6, ALONE6)))
        group = bytes.fromhex("ff0200000000000000000001ff") + vip[13:]
        whole, broken = b"\1\1" + mac, b"\1\0" + mac
        source, option = rng.choice(((bytes(16), b""), (bytes(16), whole),
                                     (pack("fe80::77"), whole), (pack("fd09::77:1"), whole),
                                     (pack("fd09::77:1"), broken)))
        unicast = any(source) and rng.random() < 0.3
        destination, to = (vip, raw(PORT_MAC)) if unicast else (group, b"\x33\x33" + group[12:])
        message = headers.icmp(source, destination, headers.SOLICITATION, 0, bytes(4), vip + option)
        ttl = 64 if rng.random() < 0.1 else 255
        return headers.ethernet(to, mac, headers.IPV6, headers.ip(
            source, destination, headers.ICMP6, message, ttl=ttl))

    def _other_protocol(self):
        client, _, vip, _, _ = self._new_flow()
        return self._frame(client, vip, self.rng.choice((4, 41, 47, 50, 132)), self._load())

    def _misaddressed(self):
        to = self.rng.choice((b"\x02\0\0\0\x99\x99", b"\xff" * 6, b"\x33\x33\0\0\0\x05"))
        return to + self.rng.choice((self._flow, self._echo))()[6:]

    def _damaged(self):
        rng = self.rng
        frame = bytearray(rng.choice((self._flow, self._error, self._echo))())
        for _ in range(rng.randrange(1, 4)):
            at = rng.choice((rng.randrange(14, min(len(frame), 110)), 14, 16, 17, 20, 23, 46))
            frame[at] = rng.choice((0, 1, 0x45, 0x46, 0x60, 0xff, rng.randrange(256)))
        if bytes(frame[30:34]) == pack(FAR4) or bytes(frame[38:54]) == pack(FAR6):
            frame[22 if frame[12:14] == b"\x08\0" else 21] = 64  # As in _flow().
        if frame[12:14] == b"\x08\0" and rng.random() < 0.7:
            size = min(max((frame[14] & 15) * 4, 20), len(frame) - 14)
            frame[24:26] = b"\0\0"
            frame[24:26] = struct.pack("!H", headers.checksum(bytes(frame[14:14 + size])))
        if rng.random() < 0.3:
            del frame[rng.randrange(14, len(frame)):]
        return bytes(frame)

    def _unknown(self):
        return headers.ethernet(raw(PORT_MAC), raw(CLIENT_MAC), 0x88b5, self._load())
