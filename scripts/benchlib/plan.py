# SPDX-License-Identifier: BSD-3-Clause
"""What is measured of the dataplane: series of runs, each with one thing that changes.

A run is a mapping of bench-loop's parameters. Where nothing else is said it is mode dr, IPv4, TCP,
frames of 60 bytes, one service over 100 backends, every packet one of an established flow chosen
at random."""

from dataclasses import dataclass

K = 1024
M = K * K
MODES = ("dr", "ipip", "gue", "nat", "fullnat")


@dataclass(frozen=True)
class Series:
    """Runs that make one table and, if 'plot' says so, one plot."""

    name: str
    title: str
    axis: str
    runs: tuple  # Of (value on the axis, parameters).
    quick: tuple = ()  # Values that the quick run has; none: it leaves the series out.
    plot: bool = True


def _over(axis, values, **more):
    return tuple((value, {axis: value, **more}) for value in values)


def _modes(flows):
    return tuple((mode, {"mode": mode, "flows": flows}) for mode in MODES)


FLOWS = (K, 4 * K, 16 * K, 64 * K, 131072, 524288, M, 4 * M)
PLACES = 262144  # Of the table that is filled until it is full, and beyond.
FILLINGS = (25, 50, 75, 90, 100, 110, 125, 150, 200)

SERIES = (
    Series("flows", "by number of flows", "flows", _over("flows", FLOWS), quick=(K, M)),
    Series("modes", "by mode, 1 M flows", "mode", _modes(M), quick=MODES, plot=False),
    Series("modes-1k", "by mode, 1 k flows", "mode", _modes(K), plot=False),
    Series("families", "by address family and protocol, 1 M flows", "packets", (
        ("IPv4 TCP", {"flows": M}),
        ("IPv4 UDP", {"flows": M, "protocol": "udp"}),
        ("IPv6 TCP", {"flows": M, "family": 6, "size": 74}),
        ("IPv6 UDP", {"flows": M, "family": 6, "size": 74, "protocol": "udp"})), plot=False),
    Series("services", "by number of services, 1 M flows", "services",
           _over("services", (1, 10, 100, 1000, 10000), flows=M), quick=(1, 10000)),
    Series("sizes", "by frame size, 1 M flows", "bytes",
           tuple((size, {"size": size, "flows": M}) for size in (60, 124, 252, 508, 1020, 1514))),
    Series("backends", "by number of backends, 1 M flows", "backends",
           _over("backends", (1, 10, 100, 1000), flows=M), plot=False),
    Series("new", "by share of packets that begin a flow (as many end one), 1 M flows", "percent",
           tuple((percent, {"new": percent * 10000, "flows": M})
                 for percent in (0, 1, 5, 10, 20, 50)), plot=False),
    Series("flood", "under a flood of SYNs, 1 M flows", "percent of the packets",
           tuple((percent, {"flood": percent * 10000, "flows": M})
                 for percent in (0, 10, 25, 50, 75, 90, 100)), quick=(0, 50, 100)),
    Series("full", f"when the table is full ({PLACES} places)", "flows in percent of the places",
           tuple((percent, {"flows": PLACES * percent // 100, "places": PLACES})
                 for percent in FILLINGS)),
    Series("swaps", "with so many new configurations a second, 1 M flows", "configurations/s",
           _over("swaps", (0, 10, 100), flows=M), quick=(0, 100), plot=False),
    Series("workers", "by number of workers, 1 M flows each", "workers",
           _over("workers", (1, 2), flows=M), plot=False),
)

# Offered loads, in percent of what one core can take, at which the time in the box is taken.
LOADS = (10, 30, 50, 70, 80, 90, 95)
QUICK_LOADS = (50,)
LATENCY_FLOWS = M
TOO_MUCH = 1000000000  # Frames a second that no core takes.

# A packet now and then: what an idle node uses, and how long its first packet takes.
# Most ports' workers wait for their frames; those of drivers without interrupts sleep between polls.
# Awake: as with wake_latency_us: 0.
IDLE = {"flows": K, "rate": 20, "windows": 40, "window_ms": 50, "waits": "yes"}
IDLE_ASLEEP = {**IDLE, "waits": "no"}
IDLE_AWAKE = {**IDLE, "awake": "yes"}

# Stages of the packet core, the parameters that each is measured with.
STAGES = (
    ("memory: one line after the other", {"stage": "memory-wait"}),
    ("memory: 32 lines at once, each", {"stage": "memory-lines"}),
    ("parse", {"stage": "parse"}),
    ("service look-up", {"stage": "service"}),
    ("service look-up, 10 000 services", {"stage": "service", "services": 10000}),
    ("flow look-up, found", {"stage": "flow-hit"}),
    ("flow look-up, not found", {"stage": "flow-miss"}),
    ("flow entered", {"stage": "flow-insert"}),
    ("Maglev choice", {"stage": "maglev-pick"}),
    ("rewrite dr", {"stage": "rewrite-dr"}),
    ("rewrite ipip", {"stage": "rewrite-tunnel", "mode": "ipip"}),
    ("rewrite gue", {"stage": "rewrite-tunnel", "mode": "gue"}),
    ("rewrite nat", {"stage": "rewrite-nat", "mode": "nat"}),
    ("rewrite fullnat", {"stage": "rewrite-fullnat", "mode": "fullnat"}),
    *((f"whole, {mode}", {"stage": "pipeline", "mode": mode}) for mode in MODES),
    ("whole, dr, UDP", {"stage": "pipeline", "protocol": "udp"}),
    ("whole, dr, IPv6", {"stage": "pipeline", "family": 6, "size": 74}),
    ("whole, dr, new flows", {"stage": "pipeline", "flood": 1000000}),
    ("whole, dr, 10 000 services", {"stage": "pipeline", "services": 10000}),
)
STAGE_FLOWS = M
COUNT_FLOWS = 16 * K  # Instructions do not depend on it.
MISS_FLOWS = 131072   # Misses do, up to where nothing of the table is in the caches.
MAGLEV_BACKENDS = 1000

TESTPMD_MODES = ("io", "macswap", "5tswap")
QUICK_TESTPMD_MODES = ("macswap",)

# Flows that the peers forward; nftables' tracking table has 262 144 places by default.
PEER_FLOWS = (4 * K, 64 * K)

# Of the form with two processes.
PAIR_FLOWS = (K, 64 * K)
