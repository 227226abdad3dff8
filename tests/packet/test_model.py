# SPDX-License-Identifier: BSD-3-Clause
"""The dataplane against the reference model: seeded random traffic of a cluster that keeps
changing. For every packet both must come to the same verdict, and what leaves must be the same
to the byte.

WEIR_MODEL_SEED chooses other traffic, WEIR_MODEL_PACKETS how much of it."""

import collections
import contextlib
import os
import random
import struct
import time

from scapy.layers.l2 import Ether

import headers
from harness import HOST4, HOST6, PORT_MAC, Dataplane, wait_until
from model import Backend, Balancer, pack
from model_modes import Outcome
from model_schedulers import Maglev, Mismatch, Uncertain, hash_bytes
from traffic import BACKENDS, MUTE, Cluster, Traffic, mac_of, raw

SEED = int(os.environ.get("WEIR_MODEL_SEED", "1"))
PACKETS = int(os.environ.get("WEIR_MODEL_PACKETS", "100000"))
BATCH = 200          # Well below what the port's queue holds.
LOST_EVERY = 20      # Batches.
LEAVE = ("forward", "reply", "reply_too_big", "return")
VERDICTS = {
    "forward", "return", "reply", "reply_too_big", "host", "drop_fragment_tiny",
    "drop_fragment_bad", "drop_fragment_overlap", "drop_fragment_duplicate", "drop_fragment_lost",
    "drop_no_flow", "drop_ttl", "drop_no_backend", "drop_not_held", "drop_no_service",
    "drop_other_station", "drop_icmp", "drop_bad_checksum", "drop_bad_header", "drop_truncated",
    "drop_truncated_l4", "drop_bad_option"}
WINDOW_S = 1.0       # In which a batch is expected to be through, to begin with,
WINDOW_MAX_S = 16.0  # ... and on a machine that was too busy for that.
CHANGE_EVERY = 5     # Batches.
SPOILT_MAX = 0.2     # Share of batches that a busy machine may make worthless.
LOST_MAX = 5         # Batches of which the kernel may lose a frame.


def is_advert(frame):
    """Of an address, to all nodes: an announcement, or the answer to one who asks for itself."""
    return frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] == 136 and \
        frame[38:54] == pack("ff02::1")


def is_background(frame):
    """What leaves without having been caused by a packet: the kernel's own questions and answers,
    and announcements of addresses that are held."""
    kind, source6 = frame[12:14], frame[22:38]
    if kind == b"\x08\x06":
        return frame[20:22] == b"\0\1" or frame[28:32] in (frame[38:42], pack(HOST4))
    if kind == b"\x08\0":
        return frame[26:30] == pack(HOST4)
    if kind == b"\x86\xdd":
        return is_advert(frame) or source6[0] == 0xfe or not any(source6) or source6 == pack(HOST6)
    return False


def n_alone(frames):
    """How many of them are fragments without a first one."""
    packets = [headers.read(frame) for frame in frames]
    told = [headers.read_fragment(packet) for packet in packets if packet.kind == "fragment"]
    begun = {said[0] for said, packet in told if not packet.is_later}
    return sum(said[0] not in begun for said, _ in told)


def decoded(frame):
    """What a person sees in a frame."""
    if frame is None:
        return "    nothing"
    lines = Ether(frame).show2(dump=True).splitlines()
    return "\n".join([f"    {frame.hex()}", *(f"    {line}" for line in lines)])


class Leaving:
    """The frames that left in a batch, one after the other; but held fragments leave behind the
    burst in which their first one came, and a kernel with several processors may let some frames
    overtake others on the wire. So a frame is known by what it carries."""

    def __init__(self, frames):
        self.queue = [frame for frame in frames if not is_background(frame)]
        self.background = collections.Counter(frame for frame in frames if is_background(frame))

    def head(self):
        return self.queue[0] if self.queue else None

    def of(self, packet):
        """The frame that carries what the packet does; the next one for a packet that carries too
        little to tell."""
        load = headers.load(packet)
        return self.carrying(load) if len(load) >= 8 else self.head()

    def carrying(self, load):
        return next((frame for frame in self.queue if load in frame), None)

    def take(self, frame):
        """Whether 'frame' has left, which is then over."""
        if is_background(frame):
            self.background[frame] -= 1
            return self.background[frame] >= 0
        if frame not in self.queue:
            return False
        self.queue.remove(frame)
        return True


class Batch:
    """Some packets that were sent: the model goes through them and what left, in step."""

    def __init__(self, model, sent, now, frames):
        self.model, self.sent, self.now = model, sent, now
        self.leaving = Leaving(frames)
        self.late = []  # Fragments that waited, and what is to be asked about each.
        self.verdicts = collections.Counter()
        self.n_lost = None  # Of fragments in vain, as the model says; None: it has not got so far.

    def judge(self):
        """Returns what is wrong, or None."""
        for number, frame in enumerate(self.sent):
            self._take_late()
            problem = self._judge(number, frame)
            if problem:
                return problem
        self._take_late()
        self.n_lost = self.model.fragments.lost()
        if self.late or self.leaving.head():
            waiting = [self._explain(number, packet.frame, self._ask(packet, ask)[1])
                       for number, packet, ask in self.late]
            return "\n".join(["fragments that should have left:", *waiting,
                              "  left and not expected:", decoded(self.leaving.head())])
        self.verdicts["drop_fragment_lost"] += self.n_lost
        del self.verdicts["hold"]
        return None

    def _judge(self, number, frame):
        try:
            outcome = self.model.run(frame, self.now, self.leaving.of(headers.read(frame)))
        except (Mismatch, Uncertain) as problem:  # The latter if it took too long.
            return self._explain(number, frame, Outcome("", None, str(problem)))
        if outcome.frame and not self.leaving.take(outcome.frame):
            return self._explain(number, frame, outcome)
        self.verdicts[outcome.verdict] += 1
        self.late += [(number, *late) for late in outcome.late]
        return None

    def _take_late(self):
        """Deals with fragments that waited and have left, or have been dropped, by now. A fragment
        that did not leave as it would now left later, when other packets had come."""
        for entry in list(self.late):
            seen, outcome = self._ask(*entry[1:])
            if outcome.verdict and (self.leaving.take(outcome.frame) if outcome.frame else
                                    seen is None):
                self.late.remove(entry)
                self.verdicts[outcome.verdict] += 1

    def _ask(self, packet, ask):
        """The frame in which a fragment that waited has left, and what would become of it now."""
        seen = self.leaving.carrying(packet.frame[packet.l4:packet.end])
        try:
            return seen, ask(seen)
        except (Mismatch, Uncertain) as problem:
            return seen, Outcome("", None, str(problem))

    def _explain(self, number, frame, outcome):
        return f"packet {number}:\n{decoded(frame)}\n  expected {outcome.verdict} " \
            f"({outcome.why}):\n{decoded(outcome.frame)}\n  seen next:\n" \
            + decoded(self.leaving.head())


class Comparison:
    """A dataplane and a model that are told the same."""

    def __init__(self, dataplane):
        self.rng = random.Random(SEED)
        self.dataplane = dataplane
        self.wire = dataplane.wire
        self.cluster = Cluster(self.rng)
        self.model = Balancer("front", raw(PORT_MAC))
        self.traffic = Traffic(self.rng, self.model)
        for addresses in BACKENDS.values():
            for address in addresses:
                self.wire.hosts[address] = mac_of(address)
                self.model.neighbours[pack(address)] = raw(mac_of(address))
        self.changes = collections.deque(maxlen=5)
        self.window_s = WINDOW_S
        self.n_compared = self.n_batches = self.n_spoilt = self.n_lost = 0
        self.lost_before = dataplane.lost_by_kernel()
        self.verdicts = collections.Counter()

    def push(self):
        self.cluster.generation += 1
        state = self.cluster.state()
        self.dataplane.control.call("state", state)
        self.model.set_state(state)
        self.lease()
        try:
            wait_until(self._is_resolved, "next hops")
        except AssertionError as error:
            waiting = self.dataplane.control.call("ready")["waiting"]
            raise AssertionError(f"{error}: {waiting}; {'; '.join(self.changes)}") from error

    def lease(self):
        self.dataplane.lease(*sorted(self.cluster.held))
        self.model.set_lease(self.cluster.held)

    def _is_resolved(self):
        waiting = self.dataplane.control.call("ready")["waiting"]
        return all(any(f"({address})" in text for address in MUTE) for text in waiting)

    def change(self):
        self.changes.append(self.cluster.change())
        self.push()

    def _make(self, window):
        """Packets whose fate is certain, and at the end the one that is forwarded for sure."""
        frames = [self.traffic.next() for _ in range(BATCH)]  # Whatever the clock says.
        frames += self.traffic.waiting
        self.traffic.waiting = []
        if self.n_batches % LOST_EVERY == 0:
            frames.append(self.traffic.lost_fragment())
        sent = []
        for frame in frames:
            with contextlib.suppress(Uncertain):
                self.model.check_certain(frame, window)
                sent.append(frame)
        return [*sent, self.traffic.mark()]

    def batch(self):
        """Sends some packets and compares what comes of them."""
        begin = time.monotonic()
        sent = self._make((begin, begin + self.window_s))
        before = self.dataplane.stats()
        self.wire.capture = []
        for frame in sent:
            self.wire.send(frame)
        told = f"(seed {SEED}, batch {self.n_batches})"
        with contextlib.suppress(AssertionError):  # What is missing is told below.
            wait_until(lambda: self._is_seen(sent[-1]), f"the last packet {told}")
        try:
            wait_until(lambda: self._is_decided(sent, before), f"{len(sent)} verdicts {told}")
        except AssertionError:
            if self.dataplane.lost_by_kernel() == self.lost_before:
                raise
        end = time.monotonic()
        with contextlib.suppress(AssertionError):
            wait_until(lambda: self._is_out(sent, before), f"what leaves {told}")
        batch = Batch(self.model, sent, (begin, end), list(self.wire.capture))
        problem = self._compare(batch, before)
        self.model.flows.settle(end)
        self.n_batches += 1
        if problem and self._is_spoilt(batch, before, end - begin):
            self.model.forget()  # Start afresh.
            self.push()
            self.traffic.renew()
            return
        assert not problem, self._explain(problem)
        self.n_compared += len(sent)

    def _is_spoilt(self, batch, before, took_s):
        """Whether nothing can be said of the batch, because the machine was too busy for it."""
        lost = self.dataplane.lost_by_kernel()
        if lost != self.lost_before:
            self.lost_before = lost
            self.n_lost += 1
            return True
        if not self._is_out(batch.sent, before):  # Fewer were seen than the verdicts say.
            self.n_lost += 1
            return True
        if took_s > self.window_s:  # Then timeouts may have been on either side.
            self.window_s = min(2 * self.window_s, WINDOW_MAX_S)
            self.n_spoilt += 1
            return True
        # Then fragments came too long after one another.
        n_lost = n_alone(batch.sent) if batch.n_lost is None else batch.n_lost
        is_late = self._counted(before)["drop_fragment_lost"] > n_lost
        self.n_spoilt += is_late
        return is_late

    def missing(self):
        """Verdicts that there have been none of yet, though all kinds of packets come sometime."""
        return VERDICTS - set(+self.verdicts)

    def assert_worth(self):
        assert self.n_lost <= LOST_MAX, "the kernel loses frames"
        assert self.n_spoilt <= 5 + SPOILT_MAX * self.n_batches, "the machine is too busy"

    def _is_seen(self, mark):
        return any(mark[42:] in frame for frame in list(self.wire.capture))

    def _is_decided(self, sent, before):
        """Whether all that came in has its verdict, and nothing is held any more."""
        stats = self.dataplane.stats()
        n = sum(stats["verdicts"].values())
        return n == stats["ports"][0]["rx_packets"] and \
            n >= sum(before["verdicts"].values()) + len(sent)

    def _is_out(self, sent, before):
        """Whether as many frames have been seen as the verdicts say; adverts leave of themselves,
        too, and those that were asked for are known."""
        frames, counted = list(self.wire.capture), self._counted(before)
        asked = collections.Counter(self._adverts(sent))
        seen = collections.Counter(frame for frame in frames if frame in asked)
        n_seen = sum(not is_background(frame) for frame in frames)
        return asked <= seen and n_seen + asked.total() >= sum(counted[name] for name in LEAVE)

    def _adverts(self, sent):
        """Those that answer solicitations."""
        for packet in map(headers.read, sent):
            if packet.kind == "solicitation":
                frame = self.model.run(packet.frame, self.model.now).frame
                if frame and is_background(frame):
                    yield frame

    def pause(self):
        """Waits until half-open flows have timed out; then both must know the same number."""
        flows = self.model.flows

        def agree():
            begin = time.monotonic()
            n = self.dataplane.stats()["flows"]["active"]
            least, most = flows.census((begin, time.monotonic()))
            return not flows.count("embryonic", "udp_new", "closed") and least <= n <= most

        wait_until(agree, f"about {len(flows)} flows (seed {SEED}, batch {self.n_batches})", 60)

    def _counted(self, before):
        after = self.dataplane.stats()["verdicts"]
        return {name: n - before["verdicts"][name] for name, n in after.items()}

    def _compare(self, batch, before):
        """Returns what is different, or None."""
        problem = batch.judge()
        if problem:
            counted = {name: n for name, n in self._counted(before).items() if n}
            return f"{problem}\n  all verdicts: {counted}\n  until then: {dict(batch.verdicts)}"
        self.verdicts.update(batch.verdicts)
        return "\n".join(f"verdict {name}: {n} packets instead of {batch.verdicts[name]}"
                         for name, n in self._differences(batch, before).items())

    def _differences(self, batch, before):
        counted = self._counted(before)
        # The kernel has packets of its own, and a queue that may be full.
        counted["host"] += counted.pop("drop_host_full")
        counted["host"] = min(counted["host"], batch.verdicts["host"])
        return {name: n for name, n in counted.items() if n != batch.verdicts[name]}

    def _explain(self, problem):
        return f"seed {SEED}, batch {self.n_batches} (WEIR_MODEL_SEED={SEED} repeats it)\n" \
            f"last changes: {'; '.join(self.changes)}\n{problem}"


def test_the_models_table_is_the_one_that_unit_tests_pin():
    """Traffic tells little about the few slots that depend on the order of turns; this does. The
    same numbers are in tests/dataplane/maglev_test.c."""
    members = [(Backend("", f"web{n}", pack(f"10.0.0.{n + 1}"), 1), n * 7 % 10 + 1)
               for n in range(40)]
    maglev = Maglev(members)
    ids = [int(maglev.backends[index].name[3:]) + 1 for index in maglev.table]
    assert hash_bytes(0, struct.pack(f"<{len(ids)}H", *ids)) == 0x8ca48b7100ac0829


def test_the_dataplane_does_what_the_model_says(tmp_path):
    dataplane = Dataplane(tmp_path, flows=65536)
    try:
        dataplane.start()
        dataplane.add_host_addresses()
        comparison = Comparison(dataplane)
        comparison.push()
        while comparison.n_compared < PACKETS or (
                comparison.missing() and comparison.n_compared < 2 * PACKETS):
            if comparison.n_batches % CHANGE_EVERY == CHANGE_EVERY - 1:
                comparison.change()
            if comparison.n_batches == PACKETS // BATCH // 2:
                comparison.pause()
            comparison.batch()
            comparison.assert_worth()
        events = dataplane.stats()["flow_events"]
    finally:
        dataplane.wire.capture = None
        dataplane.close()
    print(f"{comparison.n_compared} packets: {dict(comparison.verdicts)}; {events}; "
          f"{comparison.n_spoilt} of {comparison.n_batches} batches spoilt, {comparison.n_lost} lost")
    # The traffic was worth something.
    assert events["rescheduled"] and events["created"] and not events["untracked"]
    assert not comparison.missing()
