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

from harness import HOST4, HOST6, PORT_MAC, Dataplane, wait_until
from model import Backend, Balancer, Maglev, Uncertain, hash_bytes, pack
from traffic import BACKENDS, MUTE, Cluster, Traffic, mac_of, raw

SEED = int(os.environ.get("WEIR_MODEL_SEED", "1"))
PACKETS = int(os.environ.get("WEIR_MODEL_PACKETS", "100000"))
BATCH = 200          # Well below what the port's queue holds.
WINDOW_S = 1.0       # In which a batch is expected to be through.
CHANGE_EVERY = 5     # Batches.
SLOW_MAX = 0.2       # Share of batches that may be too slow to judge.


def is_background(frame):
    """What leaves without having been caused by a packet: the kernel's own questions and answers,
    and announcements of addresses that are held."""
    kind, source6 = frame[12:14], frame[22:38]
    if kind == b"\x08\x06":
        return frame[20:22] == b"\0\1" or frame[28:32] in (frame[38:42], pack(HOST4))
    if kind == b"\x08\0":
        return frame[26:30] == pack(HOST4)
    if kind == b"\x86\xdd":
        is_advert = frame[20] == 58 and frame[54] == 136 and frame[38:54] == pack("ff02::1")
        return is_advert or source6[0] == 0xfe or not any(source6) or source6 == pack(HOST6)
    return False


class Comparison:
    """A dataplane and a model that are told the same."""

    def __init__(self, dataplane):
        self.rng = random.Random(SEED)
        self.dataplane = dataplane
        self.wire = dataplane.wire
        self.cluster = Cluster(self.rng)
        self.traffic = Traffic(self.rng)
        self.model = Balancer("front", raw(PORT_MAC))
        for addresses in BACKENDS.values():
            for address in addresses:
                self.wire.hosts[address] = mac_of(address)
                self.model.neighbours[pack(address)] = raw(mac_of(address))
        self.changes = collections.deque(maxlen=5)
        self.n_compared = self.n_batches = self.n_slow = 0
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

    def batch(self):
        """Sends some packets and compares what comes of them."""
        begin = time.monotonic()
        sent = []
        for _ in range(BATCH):  # Whatever the clock says, the same traffic is made.
            frame = self.traffic.next()
            try:
                sent.append((frame, self.model.run(frame, (begin, begin + WINDOW_S))))
            except Uncertain:
                pass
        before = self.dataplane.stats()["verdicts"]
        self.wire.capture = []
        for frame, _ in sent:
            self.wire.send(frame)
        wait_until(lambda: sum(self._counted(before).values()) >= len(sent),
                   f"verdicts of {len(sent)} packets (seed {SEED}, batch {self.n_batches})", 30)
        end = time.monotonic()
        problem = self._compare(sent, before)
        self.model.flows.settle(time.monotonic())
        self.n_batches += 1
        if problem and end - begin > WINDOW_S:
            self.n_slow += 1  # Then timeouts may have been on either side: start afresh.
            self.model.flows.clear()
            self.traffic.renew()
            return
        assert not problem, self._explain(problem)
        self.n_compared += len(sent)
        self.verdicts.update(outcome.verdict for _, outcome in sent)

    def pause(self):
        """Waits until half-open flows have timed out; then both must know the same number."""
        flows = self.model.flows

        def are_gone():
            try:
                flows.forget_silent(time.monotonic())
            except Uncertain:
                return False
            return not flows.count("embryonic", "udp_new", "closed")

        wait_until(are_gone, "end of the half-open flows", 30)
        if not self.n_slow:
            wait_until(lambda: self.dataplane.stats()["flows"]["active"] == len(flows),
                       f"{len(flows)} flows (seed {SEED}, batch {self.n_batches})")

    def _counted(self, before):
        after = self.dataplane.stats()["verdicts"]
        return {name: after[name] - before[name] for name in after}

    def _compare(self, sent, before):
        """Returns what is different, or None."""
        expected = collections.Counter(outcome.verdict for _, outcome in sent)
        frames = collections.Counter(outcome.frame for _, outcome in sent if outcome.frame)

        def differences():
            counted = self._counted(before)
            # The kernel has packets of its own, and a queue that may be full.
            n_host = counted["host"] + counted.pop("drop_host_full")
            counted["host"] = min(n_host, expected["host"])
            return {name: (n, expected[name]) for name, n in counted.items()
                    if n != expected[name]}

        def is_through():
            seen = collections.Counter(list(self.wire.capture))
            return not frames - seen and not differences()

        with contextlib.suppress(AssertionError):  # It is told below what is missing.
            wait_until(is_through, "packets", 3)
        seen = collections.Counter(list(self.wire.capture))
        missing = frames - seen
        extra = [frame for frame in (seen - frames).elements() if not is_background(frame)]
        problem = differences(), missing, extra
        return (*problem, sent) if any(problem) else None

    def _explain(self, problem):
        counts, missing, extra, sent = problem
        lines = [f"seed {SEED}, batch {self.n_batches} (WEIR_MODEL_SEED={SEED} repeats it)",
                 f"last changes: {'; '.join(self.changes)}"]
        lines += [f"verdict {name}: {got} packets instead of {wanted}"
                  for name, (got, wanted) in counts.items()]
        for number, (frame, outcome) in enumerate(sent):
            if outcome.frame in missing:
                lines.append(f"packet {number}: {frame.hex()}")
                lines.append(f"  expected ({outcome.why}): {outcome.frame.hex()}")
                lines += [f"  went to {other[:6].hex(':')}" for other in extra
                          if other[12:] == outcome.frame[12:]]
        lines += [f"not expected: {frame.hex()}" for frame in extra[:5]]
        return "\n".join(lines[:60])


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
        while comparison.n_compared < PACKETS:
            if comparison.n_batches % CHANGE_EVERY == CHANGE_EVERY - 1:
                comparison.change()
            if comparison.n_batches == PACKETS // BATCH // 2:
                comparison.pause()
            comparison.batch()
            assert comparison.n_slow <= 5 + SLOW_MAX * comparison.n_batches
        events = dataplane.stats()["flow_events"]
    finally:
        dataplane.wire.capture = None
        dataplane.close()
    print(f"{comparison.n_compared} packets: {dict(comparison.verdicts)}; {events}")
    # The traffic was worth something.
    assert events["rescheduled"] and events["created"] and not events["untracked"]
    assert {"forward", "reply", "host", "drop_ttl", "drop_no_backend", "drop_not_held",
            "drop_no_service", "drop_other_station", "drop_icmp", "drop_bad_checksum",
            "drop_bad_header", "drop_truncated", "drop_truncated_l4",
            "drop_bad_option"} <= set(comparison.verdicts)
