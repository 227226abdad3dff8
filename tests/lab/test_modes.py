# SPDX-License-Identifier: BSD-3-Clause
"""Every forwarding mode serves real clients from real servers, all at the same time: HTTP from the
web tier and from a second server, DNS from NSD, by IPv4 and IPv6; and goes on doing so where links
carry less and when a load balancer dies."""

import hashlib
import http.client
import itertools
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import second_server
from conftest import PATIENCE_S
from lablib import dns, lifecycle, namespaces, topology
from lablib.command import run
from lablib.waiting import until

FAMILIES = (4, 6)
MODES = {mode.name: mode for mode in topology.MODES}
STATELESS = [name for name, mode in MODES.items() if mode.on_loopback]
TIMEOUT_S = 30
SIZE = 100_000
USUAL_MTU = 1500
LOWERED_MTU = 1400


# --- What clients do, each in the client's namespace ---------------------------------------------


def ask(address, port, method, path, body=None, status=200):
    """The whole answer to one HTTP request over a connection of its own."""
    connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, {"Host": topology.SITE})
        answer = connection.getresponse()
        assert answer.status == status
        return answer.read()
    finally:
        connection.close()


def dig(address, tries, *words):
    """The data of the answer's records."""
    return run(["dig", f"@{address}", "+short", f"+tries={tries}", f"+time={TIMEOUT_S // tries}",
                *words])


def texts(address, tries, name, *options):
    return dig(address, tries, *options, "TXT", f"{name}.{topology.ZONE}").replace('"', "").split()


def get_page(address, _tries):
    assert ask(address, 80, "GET", "/") == (lifecycle.SOURCE_SITE / "index.html").read_bytes()


def post_100_kb(address, _tries):
    body = os.urandom(SIZE)
    digest = ask(address, second_server.PORT, "POST", "/", body)
    assert digest.decode("ascii") == hashlib.sha256(body).hexdigest()


def post_100_kb_to_the_app_tier(address, _tries):
    """More than it takes, as it says when it has all."""
    body = b'{"url":"https://example.org/' + b"x" * SIZE + b'"}'
    assert "too large" in json.loads(ask(address, 80, "POST", "/api/links", body, 413))["error"]


def get_100_kb(address, _tries):
    got = ask(address, second_server.PORT, "GET", f"/{SIZE}")
    assert got == second_server.content(SIZE)


def query_by_udp(address, tries):
    assert dig(address, tries, "+notcp", "+ignore", "A", topology.SITE).split() == [topology.VIP4]


def query_by_tcp(address, tries):
    assert dig(address, tries, "+tcp", "AAAA", topology.SITE).split() == [topology.VIP6]


def query_with_a_large_udp_answer(address, tries):
    assert texts(address, tries, "medium", "+ignore", "+noedns") == []  # Truncated: TC.
    assert texts(address, tries, "medium", "+ignore", "+bufsize=1232") == dns.text_of("medium")


def query_whose_answer_is_truncated(address, tries):
    assert texts(address, tries, "large", "+ignore") == []
    assert texts(address, tries, "large") == dns.text_of("large")  # Asked again by TCP.


ACTIONS = (get_page, post_100_kb, post_100_kb_to_the_app_tier, get_100_kb, query_by_udp, query_by_tcp,
           query_with_a_large_udp_answer, query_whose_answer_is_truncated)
CASES = list(itertools.product(MODES, FAMILIES, ACTIONS))
IDS = [f"{mode}-IPv{family}-{action.__name__}" for mode, family, action in CASES]


def vip_of(mode, family):
    return MODES[mode].vips[FAMILIES.index(family)]


def as_client(function, *args):
    return namespaces.inside(topology.CLIENT.namespace, function, *args)


def do_all_at_once(tries=1):
    """What went wrong, by case; None if nothing did. All cases begin when all are ready to.

    With one try a datagram that is lost shows."""
    ready = threading.Barrier(len(CASES))

    def do(case):
        mode, family, action = case
        try:
            ready.wait()
            as_client(action, vip_of(mode, family), tries)
        except Exception as error:  # Whatever it is, it is the outcome of this case alone.
            return error
        return None

    with ThreadPoolExecutor(len(CASES)) as pool:
        return dict(zip(CASES, pool.map(do, CASES)))


def failures(outcomes):
    return {name: repr(outcomes[case]) for name, case in zip(IDS, CASES) if outcomes[case]}


@pytest.fixture(scope="module")
def servers(lab):
    """The second servers, besides the web tier and NSD."""
    made = second_server.SecondServers()
    try:
        yield made
    finally:
        made.close()


# --- All at the same time ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outcomes(servers):
    return do_all_at_once()


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_served_while_all_others_are(outcomes, case):
    if outcomes[case]:
        raise outcomes[case]


def services(lab, node):
    return json.loads(lab.ok("ctl", node, "--json", "services"))


def verdicts(lab, node):
    return json.loads(lab.ok("ctl", node, "--json", "stats"))["verdicts"]


def owner(lab):
    """The load balancer that holds all addresses."""
    (name,) = set(lab.owners().values())
    return name


def test_weirctl_counts_what_each_mode_has_served(lab, outcomes):
    used = [row for row in services(lab, owner(lab)) if row["packets"] > 0]
    vips = {address: mode for mode in MODES for address in MODES[mode].vips}
    assert {(vips[row["address"]], row["address"], row["protocol"]) for row in used} == {
        (mode, address, protocol) for address, mode in vips.items() for protocol in ("tcp", "udp")}
    for row in used:  # Answers come back through the load balancer, or past it.
        assert (row["return_packets"] > 0) == (vips[row["address"]] not in STATELESS)


def test_status_tells_what_the_addresses_are_for(lab):
    lines = [line.split() for line in lab.ok("status").splitlines()]
    for mode in MODES.values():
        for vip in mode.vips:
            assert [words[1] in ("lb1", "lb2") for words in lines if words[:1] == [vip]] == [True]
    assert [words for words in lines if words[2:] == "the gateway of mode nat".split()]


# --- Links that carry less -----------------------------------------------------------------------


def set_mtu(node, mtu):
    """Of a node's link to the front network, at both of its ends."""
    run(["ip", "-n", node.namespace, "link", "set", "dev", topology.FRONT.name, "mtu", mtu])
    run(["ip", "-n", topology.SWITCH, "link", "set", "dev", f"{node.name}-{topology.FRONT.name}",
         "mtu", mtu])


def forget_path_mtus():
    """Has the client begin with its own link's MTU again."""
    for option in ("-4", "-6"):
        run(["ip", "-n", topology.CLIENT.namespace, option, "route", "flush", "cache"])


@pytest.fixture
def short_links(lab):
    """The way to the web nodes carries less than the client believes."""
    lab.await_healthy()
    forget_path_mtus()
    try:
        for node in topology.nodes_of("web"):
            set_mtu(node, LOWERED_MTU)
        yield
    finally:
        for node in topology.nodes_of("web"):
            set_mtu(node, USUAL_MTU)


def test_all_of_it_arrives_where_links_carry_less(lab, servers, short_links):
    before = verdicts(lab, owner(lab))
    assert failures(do_all_at_once()) == {}
    after = verdicts(lab, owner(lab))
    # What fits into the link but not with a tunnel's headers was not lost: the client was told.
    assert after["reply_too_big"] > before["reply_too_big"]
    assert after["drop_too_big"] == before["drop_too_big"]


# --- A load balancer dies ------------------------------------------------------------------------

# Datagrams that are on their way while addresses move may be lost; resolvers ask again.
TRIES_AFTER_A_TAKEOVER = 3


class Download:
    """An endless answer under way; counts what has come, and checks it."""

    def __init__(self, address):
        self.size = 0
        self.thread = threading.Thread(target=self._run, args=(address,))
        self.error = None
        self.ended = False
        self.thread.start()

    def _run(self, address):
        try:
            as_client(self._read, address)
            self.ended = True
        except Exception as error:  # Raised in the test's thread; see check().
            self.error = error

    def _read(self, address):
        connection = http.client.HTTPConnection(address, second_server.PORT, timeout=TIMEOUT_S)
        try:
            connection.request("GET", "/endless")
            answer = connection.getresponse()
            while piece := answer.read(len(second_server.PATTERN)):
                assert piece == second_server.PATTERN
                self.size += len(piece)
        finally:
            connection.close()

    def check(self):
        if self.error:
            raise self.error

    def await_more(self):
        """Waits until far more has come than can have been on the way already."""
        target = self.size + 300_000

        def arrived():
            self.check()
            return self.size >= target

        until("the download goes on", arrived, PATIENCE_S)


@pytest.fixture
def downloads(whole, servers):
    """By every mode, all from the load balancer that holds all addresses: lb1."""
    if set(whole.owners().values()) != {"lb1"}:
        whole.ok("failover")
    until("lb1 owns the addresses", lambda: set(whole.owners().values()) == {"lb1"}, PATIENCE_S)
    servers.resume()
    running = [Download(vip_of(mode, family)) for mode in MODES for family in FAMILIES]
    try:
        for download in running:
            download.await_more()
        yield running
    finally:
        servers.finish()
        for download in running:
            download.thread.join()


def end(servers, downloads):
    servers.finish()
    for download in downloads:
        download.thread.join()
        download.check()
        assert download.ended


def packets(lab, node):
    """What a load balancer has forwarded, by address."""
    found = {}
    for row in services(lab, node):
        found[row["address"]] = found.get(row["address"], 0) + row["packets"]
    return found


def test_downloads_go_on_through_a_planned_failover(whole, servers, downloads):
    before = packets(whole, "lb2")
    # On a busy machine there may just be no holder to ask.
    until("it is handed over", lambda: whole.run("failover").returncode == 0, PATIENCE_S)
    after = packets(whole, "lb2")
    # The addresses may have gone back by now; the downloads have been lb2's all the same.
    assert all(after[vip] > before[vip] for mode in MODES.values() for vip in mode.vips)
    for download in downloads:
        download.await_more()
    end(servers, downloads)


def test_downloads_go_on_when_the_load_balancer_dies(whole, servers, downloads):
    whole.ok("kill", "lb1")
    until("lb2 owns the addresses", lambda: set(whole.owners().values()) == {"lb2"}, PATIENCE_S)
    for download in downloads:
        download.await_more()
    acknowledged = {row["address"] for row in services(whole, "lb2") if row["packets"] > 0}
    assert acknowledged >= {vip for mode in MODES.values() for vip in mode.vips}
    # New connections are served in every mode, nat by the gateway that has moved as well.
    assert failures(do_all_at_once(TRIES_AFTER_A_TAKEOVER)) == {}
    assert verdicts(whole, "lb2")["return"] > 0

    end(servers, downloads)


def test_all_is_served_after_it_came_back(whole, servers):
    until("lb1 owns the addresses", lambda: set(whole.owners().values()) == {"lb1"}, PATIENCE_S)
    assert failures(do_all_at_once(TRIES_AFTER_A_TAKEOVER)) == {}
