# SPDX-License-Identifier: BSD-3-Clause
"""Flows of the reference model (model.py): a dictionary with timeouts and without limits.

Time is an interval, since nobody outside knows the moment at which a packet was looked at. Where
the interval leaves it open whether a flow has timed out, Uncertain is raised and nothing is
changed: such a packet is not to be sent."""

import math
from dataclasses import dataclass

from model_schedulers import Uncertain

TICK_S = 2 ** 28 / 1e9  # Times of flows are as coarse as this.
STEADY_PARTS, STEADY_TICKS_MAX = 64, 16  # How late the time of a flow in use may be.
SWEEP_S = 10            # What has timed out is counted no longer than this.
TIMEOUTS_S = {"embryonic": 10, "established": 900, "fin": 30, "closed": 2, "udp_new": 10,
              "udp": 60}
FORGOTTEN_MORE = 1000   # Flows that are not known when all are forgotten, at most.
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


def longest(timeout_s):
    """When a flow has timed out for sure: ticks are whole ones, a time that is a little old is not
    written again, and timeouts are that much longer."""
    ticks = math.ceil(timeout_s / TICK_S)
    return (ticks + min(ticks // STEADY_PARTS, STEADY_TICKS_MAX) + 1) * TICK_S


LONGEST_S = {state: longest(timeout_s) for state, timeout_s in TIMEOUTS_S.items()}


@dataclass
class Flow:
    key: tuple
    state: str
    backend: object
    seen: tuple  # Between these two times.
    ends: tuple = None  # Of modes nat and fullnat: both ends of what the backend sends,
    hop: bytes = b""    # ... and the station that the client's packets come from.

    def has_timed_out(self, now):
        if now[1] - self.seen[0] <= TIMEOUTS_S[self.state]:
            return False
        if now[0] - self.seen[1] >= LONGEST_S[self.state]:
            return True
        raise Uncertain(self.state)


class Flows:
    """Which backend each flow has."""

    def __init__(self):
        self.flows = {}
        self.notes = {}       # Flows of which there was but a SYN that is only noted.
        self.by_backend = {}  # For those who count: the flows of each backend, in lists of keys.
        self.by_ends = {}     # Of modes nat and fullnat: by what the backend's packets have.
        self.paired = []      # All that ever were in by_ends.
        self.forgotten = 0    # Flows that there may be besides.
        self.touched = []     # Since settle().

    def __len__(self):
        return len(self.flows)

    def count(self, *states):
        return sum(flow.state in states for flow in self.flows.values())

    def forget(self):
        """Nothing is known any more, but that there are some."""
        self.forgotten = sum(map(len, self.by_backend.values())) + FORGOTTEN_MORE
        for table in (self.flows, self.notes, self.by_backend, self.by_ends, self.paired):
            table.clear()

    def peek(self, key, now):
        """The flow, if it has not timed out."""
        flow = self.flows.get(key, self.notes.get(key))
        return None if flow is None or flow.has_timed_out(now) else flow

    def find(self, key, signal, now, notes=False):
        """The flow as this packet leaves it, or None if the packet belongs to none. 'notes': the
        service has SYNs noted."""
        flow = self.flows.get(key)
        if flow is None and notes and signal != "syn":
            flow = self._enter_noted(key, now)
        if flow is None:
            return None
        if flow.has_timed_out(now):
            self.remove(flow)
            return None
        if signal == "none":
            return flow
        state = NEXT[flow.state].get(signal, flow.state)
        if state == NEW:
            self.remove(flow)
            return None
        flow.state = state
        self._touch(flow, now)
        return flow

    def find_note(self, key, now):
        """What is noted of the flow, if it has not timed out."""
        note = self.notes.get(key)
        if note is None or not note.has_timed_out(now):
            return note
        return self.notes.pop(key) and None

    def note(self, key, backend, now):
        """A SYN was sent to the backend and leaves nothing but a note."""
        note = self.notes[key] = Flow(key, FIRST["syn"], backend, now)
        self._touch(note, now)

    def _enter_noted(self, key, now):
        """The flow as it would be if its SYN had entered it just now."""
        note = self.find_note(key, now)
        if note is None:
            return None
        del self.notes[key]
        return self.enter(key, "syn", note.backend, now)

    def enter(self, key, signal, backend, now):
        """Returns the new flow, or None if such a packet leaves none behind."""
        if signal not in FIRST:
            return None
        flow = self.flows[key] = Flow(key, FIRST[signal], backend, now)
        self.by_backend.setdefault(backend, {})[key] = flow
        self._touch(flow, now)
        return flow

    def remove(self, flow):
        self.unpair(flow)
        del self.flows[flow.key]
        del self.by_backend[flow.backend][flow.key]

    def move(self, flow, backend):
        del self.by_backend[flow.backend][flow.key]
        flow.backend = backend
        self.by_backend.setdefault(backend, {})[flow.key] = flow

    def pair(self, flow, ends):
        """Makes the flow known by what its backend's packets have. Returns whether that is free."""
        protocol = flow.key[-1]
        other = self.by_ends.get((ends, protocol))
        if other is flow:
            return True
        if other and other.state != "closed":
            return False
        self.unpair(flow)
        if other:
            self.remove(other)
        flow.ends = ends
        self.paired.append(flow)
        self.by_ends[ends, protocol] = flow
        return True

    def unpair(self, flow):
        if flow.ends:
            del self.by_ends[flow.ends, flow.key[-1]]
            flow.ends = None

    def load(self, backend, now):
        """The least and the most flows that the backend may have now."""
        least = most = 0
        for flow in list(self.by_backend.get(backend, {}).values()):
            if now[0] - flow.seen[1] > LONGEST_S[flow.state] + SWEEP_S:
                self.remove(flow)
                continue
            most += 1
            least += now[1] - flow.seen[0] <= TIMEOUTS_S[flow.state]
        return least, most + self.forgotten

    def _touch(self, flow, now):
        flow.seen = now
        self.touched.append(flow)

    def census(self, now):
        """The least and the most flows that the dataplane may have; drops those that have long
        timed out."""
        loads = [self.load(backend, now) for backend in list(self.by_backend)]
        return sum(least for least, _ in loads), sum(most for _, most in loads)

    def settle(self, now):
        """Everything since the last call has happened by 'now'."""
        for flow in self.touched:
            flow.seen = (flow.seen[0], min(flow.seen[1], now))
        self.touched.clear()
