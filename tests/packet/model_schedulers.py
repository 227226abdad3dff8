# SPDX-License-Identifier: BSD-3-Clause
"""Schedulers of the reference model (model.py), and what services with persistence remember.

Each has pick(packet, seen): the backend of a new flow, or None. Where the choice is the worker's
own affair, 'seen' is the backend that the packet was seen to go to; the scheduler judges whether
that may be and raises Mismatch if not. hashed() is where packets go that no table remembers."""

import struct
from fractions import Fraction
from math import gcd

MASK = (1 << 64) - 1


class Mismatch(Exception):
    """The dataplane did what it may not do."""


class Uncertain(Exception):
    """It depends on the moment, or on what nobody outside can know: not to be sent."""


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
    opens = False  # Whether new flows go where only the worker knows.

    def __init__(self, members, _state=None):
        """'members' are (backend, weight) pairs that may take new flows."""
        seeded = sorted(((self.seed(backend), weight, backend) for backend, weight in members),
                        key=lambda entry: entry[0])
        key = tuple(entry[:2] for entry in seeded)
        if key not in self.tables:
            self.tables[key] = self.fill([weight for _, weight, _ in seeded],
                                         [seed for seed, _, _ in seeded])
        self.table = self.tables[key]
        self.members = [(backend, weight) for _, weight, backend in seeded]
        self.backends = [backend for backend, _ in self.members]

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

    def at(self, h):
        return self.backends[self.table[(h >> 32) * len(self.table) >> 32]]

    def hashed(self, packet):
        key = packet.client.ljust(16, b"\0") + struct.pack(
            "!HHB", packet.client_port, packet.target_port, packet.protocol)
        return self.at(hash_bytes(self.FLOW_SEED, key.ljust(24, b"\0")))

    def pick(self, packet, _seen=None):
        return self.hashed(packet)


def client_hash(address, prefix=128):
    """A client, which is the first bits of an address, as dataplane/persistence.h hashes it."""
    bits = len(address) * 8
    number = int.from_bytes(address, "big") >> max(bits - prefix, 0) << max(bits - prefix, 0)
    return hash_bytes(0x776569722d737263, number.to_bytes(len(address), "big").ljust(24, b"\0"))


class SourceHash(Maglev):
    def hashed(self, packet):
        return self.at(client_hash(packet.client))


class RoundRobin(Maglev):
    """Goes round the order that dataplane/rota.h describes. Where a worker is in it only the
    worker knows: 'places' are the turns at which it may be, and each choice seen leaves fewer."""

    opens = True
    orders = {}

    def __init__(self, members, state):
        super().__init__(members)
        shares = self._shares([weight for _, weight in self.members])
        if tuple(shares) not in self.orders:
            self.orders[tuple(shares)] = self._order(shares)
        self.order = self.orders[tuple(shares)]
        self.state = state  # Kept from one configuration to the next, unless the order changes.
        if state.get("members") != self.members:
            state.update(members=self.members, places=set(range(len(self.order))))

    @staticmethod
    def _shares(weights):
        divisor = gcd(*weights) or 1
        assert sum(weights) // divisor <= 65536
        return [weight // divisor for weight in weights]

    @staticmethod
    def _order(shares):
        total, taken, order = sum(shares), [0] * len(shares), []
        for turn in range(total):
            ready = [(Fraction((n + 1) * total, shares[i]), i) for i, n in enumerate(taken)
                     if n * total <= turn * shares[i]]
            chosen = min(ready)[1]
            taken[chosen] += 1
            order.append(chosen)
        return order

    def pick(self, packet, seen=None):
        if seen not in self.backends:
            raise Mismatch(f"round robin chose {seen}, who is not among {self.members}")
        chosen, size = self.backends.index(seen), len(self.order)
        places = {place for place in self.state["places"] if self.order[place] == chosen}
        if not places:
            raise Mismatch(f"it was not the turn of {seen.name} among {self.members}")
        self.state["places"] = {(place + 1) % size for place in places}
        return seen


class LeastConnections(Maglev):
    """The backend chosen must be one that may have the fewest flows for its weight."""

    opens = True

    def __init__(self, members, state):
        super().__init__(members)
        self.count = state["count"]  # Returns the least and the most flows of a backend.

    def pick(self, packet, seen=None):
        if seen not in self.backends:
            raise Mismatch(f"least connections chose {seen}, who is not among {self.members}")
        loads = {backend: [Fraction(n + 1, weight) for n in self.count(backend)]
                 for backend, weight in self.members}
        best = min(most for _, most in loads.values())
        if loads[seen][0] > best:
            raise Mismatch(f"{seen.name} has too many flows for another one: " + ", ".join(
                f"{backend.name} {weight}: {self.count(backend)}"
                for backend, weight in self.members))
        return seen


SCHEDULERS = {"maglev": Maglev, "source-hash": SourceHash, "round-robin": RoundRobin,
              "least-connections": LeastConnections}


class Persistence:
    """Which backend each client of a pool was given last, and when: between two times."""

    def __init__(self):
        self.clients = {}

    def find(self, service, packet, members, now):
        """The backend that the client has and that still takes flows, or None."""
        entry = self.clients.get(self._key(service, packet))
        if entry is None or entry[0] not in members:
            return None
        backend, seen = entry
        # Both times are cut to seconds.
        least, most = now[0] - seen[1] - 1, now[1] - seen[0] + 1
        if most <= service.persistence["timeout_s"]:
            return backend
        if least > service.persistence["timeout_s"]:
            return None
        raise Uncertain("persistence may end")

    def keep(self, service, packet, backend, now):
        self.clients[self._key(service, packet)] = (backend, now)

    @staticmethod
    def _key(service, packet):
        return service.pool, client_hash(packet.client, service.persistence["prefix"])
