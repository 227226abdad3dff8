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
MUTE = {"10.9.0.77", "fd09::77"}              # Backends that never answer.
BACKENDS = {"4": [f"10.9.0.{n}" for n in range(21, 29)],
            "6": [f"fd09::{n}" for n in range(21, 29)]}
WEIGHTS = (0, 1, 7, 50, 100, 100, 100, 1000)


def mac_of(address):
    """The link-layer address of a backend."""
    return f"02:00:00:00:01:{pack(address)[-1]:02x}"


def raw(mac):
    return bytes.fromhex(mac.replace(":", ""))


SERVICES = [  # Name, address of either family, port, protocol.
    ("http", VIP4, VIP6, 80, "tcp"), ("https", VIP4, VIP6, 443, "tcp"),
    ("dns", VIP4, VIP6, 53, "udp"), ("more", MORE4, MORE6, 80, "tcp"),
    ("alone", ALONE4, ALONE6, 53, "udp")]


class Cluster:
    """The state that the control plane wants, changed a little at a time."""

    def __init__(self, rng):
        self.rng = rng
        self.generation = 0
        self.held = {"r4", "r6"}
        self.addresses = {"r4": [VIP4, MORE4], "r6": [VIP6, MORE6]}
        self.pools = {kind + family: [self._backend(address) for address in addresses[:3]]
                      for family, addresses in BACKENDS.items() for kind in ("a", "b")}
        self.services = {}
        for name, address4, address6, port, protocol in SERVICES:
            for family, address in (("4", address4), ("6", address6)):
                self.services[name + family] = [address, port, protocol, "a" + family, True]

    @staticmethod
    def _backend(address):
        return {"name": f"n{address.replace(':', '.').rsplit('.', 1)[1]}", "address": address,
                "weight": 100, "up": True}

    def state(self):
        names = list(self.pools)
        return {
            "generation": self.generation,
            "routers": [{"name": name, "port": "front", "addresses": addresses}
                        for name, addresses in self.addresses.items()],
            "pools": [{"name": name, "backends": copy.deepcopy(backends)}
                      for name, backends in self.pools.items()],
            "services": [{"name": name, "address": address, "port": port, "protocol": protocol,
                          "mode": "dr", "scheduler": "maglev", "pool": names.index(pool)}
                         for name, (address, port, protocol, pool, present)
                         in self.services.items() if present]}

    def change(self):
        """Changes something and returns what."""
        actions = (self._weigh, self._weigh, self._turn, self._turn, self._turn_all, self._swap,
                   self._serve, self._move, self._readdress, self._lease)
        return self.rng.choice(actions)()

    def _any_backend(self):
        name = self.rng.choice(list(self.pools))
        return name, self.rng.choice(self.pools[name])

    def _weigh(self):
        pool, backend = self._any_backend()
        backend["weight"] = self.rng.choice(WEIGHTS)
        return f"{pool} {backend['name']} weighs {backend['weight']}"

    def _turn(self):
        pool, backend = self._any_backend()
        backend["up"] = not backend["up"] or self.rng.random() < 0.3
        return f"{pool} {backend['name']} is {'up' if backend['up'] else 'down'}"

    def _turn_all(self):
        pool = self.rng.choice(list(self.pools))
        up = not all(backend["up"] for backend in self.pools[pool]) or self.rng.random() < 0.5
        for backend in self.pools[pool]:
            backend["up"] = up
            backend["weight"] = 100
        return f"all of {pool} are {'up' if up else 'down'}"

    def _swap(self):
        """A backend comes or goes."""
        pool = self.rng.choice(list(self.pools))
        backends = self.pools[pool]
        if len(backends) > 1 and self.rng.random() < 0.5:
            return f"{pool} loses {backends.pop(self.rng.randrange(len(backends)))['name']}"
        known = {backend["address"] for backend in backends}
        mute = [address for address in sorted(MUTE) if (":" in address) == (pool[1] == "6")]
        free = [address for address in BACKENDS[pool[1]] + mute if address not in known]
        if free:
            address = self.rng.choice(free)
            backends.insert(self.rng.randrange(len(backends) + 1), self._backend(address))
            return f"{pool} gains {address}"
        return "nothing"

    def _serve(self):
        away = [name for name, fields in self.services.items() if not fields[4]]
        name = self.rng.choice(away if len(away) > 1 else list(self.services))
        self.services[name][4] = not self.services[name][4]
        return f"service {name} {'comes' if self.services[name][4] else 'goes'}"

    def _move(self):
        name = self.rng.choice(list(self.services))
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
    FLAGS = (0x02, 0x02, 0x10, 0x10, 0x18, 0x18, 0x18, 0x11, 0x14, 0x12)  # S S A A PA .. FA RA SA

    def __init__(self, rng):
        self.rng = rng
        self.serial = itertools.count(1)
        self.flows = []   # That are busy.
        self.memory = []  # All: some speak again after a long silence.
        self.kinds = [kind for kind, share in (
            (self._flow, 860), (self._error, 40), (self._echo, 25), (self._arp, 15),
            (self._solicitation, 15), (self._other_protocol, 5), (self._misaddressed, 10),
            (self._damaged, 30), (self._unknown, 3)) for _ in range(share)]
        self.renew()

    def renew(self):
        """From now on nothing is of a flow that was there before."""
        self.flows.clear()
        self.memory.clear()
        self.base = next(self.serial) & 0xffffff

    def next(self):
        return self.rng.choice(self.kinds)()

    def _new_flow(self):
        rng = self.rng
        v6 = rng.random() < 0.5
        _, vip4, vip6, port, protocol = rng.choice(SERVICES)
        number = rng.randrange(1 << 16)
        client = f"2001:db8:{self.base >> 8:x}:{self.base & 0xff:x}::{number:x}" if v6 else \
            f"{11 + self.base % 100}.{self.base // 100 % 256}.{number >> 8}.{number & 0xff}"
        if rng.random() < 0.02:
            port = rng.choice((0, 81, 65535))  # Of no service.
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

    def _flow(self):
        client, client_port, vip, port, protocol = self._any_flow()
        fields = {}
        if self.rng.random() < 0.02:
            fields["ttl"] = self.rng.choice((0, 1, 2, 255))
        if protocol == headers.UDP:
            payload = headers.udp(client_port, port, self._load())
        else:
            payload = headers.tcp(client_port, port, self.rng.choice(self.FLAGS), self._load())
        if self.rng.random() < 0.03:
            if len(client) == 4:
                fields["options"] = b"\x94\x04\0\0"
            else:
                fields["options"] = bytes([protocol, 0, 1, 4, 0, 0, 0, 0])
                protocol = self.rng.choice((0, 60, 43))
        frame = self._frame(client, vip, protocol, payload, **fields)
        return frame + bytes(self.rng.choice((0,) * 9 + (7,)))

    def _error(self):
        """From some router, about a packet that went back to the client."""
        client, client_port, vip, port, protocol = self._any_flow()
        router = client[:-1] + bytes([self.rng.randrange(1, 255)])
        inner = struct.pack("!HH", port, client_port) + struct.pack("!Q", next(self.serial))
        inner = headers.ip(vip, client, protocol, inner)
        v4 = len(client) == 4
        kind, code = self.rng.choice(((3, 4), (3, 1), (11, 0)) if v4 else ((2, 0), (1, 4), (3, 0)))
        message = headers.icmp(router, vip, kind, code, struct.pack("!I", 1400), inner)
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
        if frame[12:14] == b"\x08\0" and rng.random() < 0.7:
            size = min(max((frame[14] & 15) * 4, 20), len(frame) - 14)
            frame[24:26] = b"\0\0"
            frame[24:26] = struct.pack("!H", headers.checksum(bytes(frame[14:14 + size])))
        if rng.random() < 0.3:
            del frame[rng.randrange(14, len(frame)):]
        return bytes(frame)

    def _unknown(self):
        return headers.ethernet(raw(PORT_MAC), raw(CLIENT_MAC), 0x88b5, self._load())
