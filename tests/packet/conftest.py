# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures: one dataplane for each file of tests, and one for each test that wants its own."""

import logging
import os

import pytest

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from harness import (CLIENT4, CLIENT6, CLIENT_MAC, PROGRAM, VIP4, VIP6, Dataplane,  # noqa: E402
                     backend)

BACKENDS4 = {"b1": ("10.9.0.21", "02:00:00:00:01:21"), "b2": ("10.9.0.22", "02:00:00:00:01:22")}
BACKENDS6 = {"b1": ("fd09::21", "02:00:00:00:01:21"), "b2": ("fd09::22", "02:00:00:00:01:22")}
SERVICES = [("http4", VIP4, 80, "tcp", "web4"), ("dns4", VIP4, 53, "udp", "web4"),
            ("http6", VIP6, 80, "tcp", "web6"), ("dns6", VIP6, 53, "udp", "web6")]


def pytest_configure():
    if os.geteuid() != 0:
        pytest.exit("packet tests make network namespaces: run them as root", 2)
    if not os.access(PROGRAM, os.X_OK):
        pytest.exit(f"{PROGRAM} is missing: build it, or set WEIR_BUILD to the build folder", 2)


def pools(**changes):
    """The pools of SERVICES; 'b1={"weight": 0}' changes a backend of both."""
    return {f"web{family}": [backend(name, address, **changes.get(name, {}))
                             for name, (address, _) in backends.items()]
            for family, backends in ((4, BACKENDS4), (6, BACKENDS6))}


def populate(dataplane):
    """Lets the wire play a client and the backends, pushes the usual state, waits for it."""
    for backends in (BACKENDS4, BACKENDS6):
        dataplane.wire.hosts.update(dict(backends.values()))
    dataplane.wire.hosts.update({CLIENT4: CLIENT_MAC, CLIENT6: CLIENT_MAC})
    dataplane.push(pools(), SERVICES)
    dataplane.lease("r4", "r6")
    dataplane.wait_ready()


@pytest.fixture(scope="module")
def shared_dataplane(tmp_path_factory):
    dataplane = Dataplane(tmp_path_factory.mktemp("dataplane"))
    try:
        dataplane.start()
        dataplane.add_host_addresses()
        yield dataplane
    finally:
        dataplane.close()


@pytest.fixture
def dataplane(shared_dataplane):
    """A dataplane in the usual state, holding both virtual routers."""
    populate(shared_dataplane)
    shared_dataplane.wire.forget()
    return shared_dataplane


@pytest.fixture
def wire(dataplane):
    return dataplane.wire


@pytest.fixture
def own_dataplane(tmp_path):
    """A dataplane of the test's own, not started."""
    dataplane = Dataplane(tmp_path)
    try:
        yield dataplane
    finally:
        dataplane.close()
