# SPDX-License-Identifier: BSD-3-Clause
"""Services with SYN cookies, packet by packet."""

import pytest
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

from conftest import SERVICES, populate
from harness import CLIENT_MAC, PORT_MAC
from test_client_address import data, header
from test_fullnat import LOCAL4, LOCAL6
from test_nat import (CLIENT, MACS, VIP, answer_to, at_client, checksums_are_right, client_ports,
                      ip, nat_pools, network)

FAMILIES = [4, 6]
ISN = 1000
NUMBER = 900000  # The backend's.
CLOCK = 5000     # Of its timestamps.
OPTIONS = [("MSS", 1400), ("SAckOK", b""), ("Timestamp", (77, 0)), ("NOP", None), ("WScale", 9)]


def use(dataplane, **keys):
    populate(dataplane)
    dataplane.push(nat_pools(), [(*s, {"mode": "fullnat", **(keys if s[3] == "tcp" else {})})
                                 for s in SERVICES], local_addresses=(*LOCAL4, *LOCAL6))
    dataplane.wait_ready()
    dataplane.wire.forget()
    return dataplane


@pytest.fixture
def cookies(shared_dataplane):
    return use(shared_dataplane, syn_cookies=True)


class Client:
    def __init__(self, dataplane, family, options=()):
        self.wire, self.family, self.sport = dataplane.wire, family, next(client_ports)
        self.options = list(options)
        self.asked = None
        self.told = self.wire.ask(self.frame("S", ISN, 0, self.options), at_client(self.sport),
                                  "answer")
        assert checksums_are_right(self.told)
        self.cookie = self.told[TCP].seq
        self.stamp = dict(self.told[TCP].options).get("Timestamp", (0, 0))[0]

    def frame(self, flags, seq, ack, options=(), load=b""):
        return Ether(dst=PORT_MAC, src=CLIENT_MAC) / ip(self.family, CLIENT[self.family],
                                                        VIP[self.family]) \
            / TCP(sport=self.sport, dport=80, flags=flags, seq=seq, ack=ack, window=500,
                  options=list(options)) / load

    def stamps(self, echo):
        return [("NOP", None), ("NOP", None), ("Timestamp", (78, echo))] if self.stamp else []

    def say(self, flags="A", seq=ISN + 1, ack=None, options=None, load=b""):
        """Sends a segment; returns what comes at the backend."""
        frame = self.frame(flags, seq, self.cookie + 1 if ack is None else ack,
                           self.stamps(self.stamp) if options is None else options, load)
        got = self.wire.ask(frame, lambda f: TCP in f and f.dst in MACS and f[TCP].dport == 8080,
                            "segment at the backend")
        assert checksums_are_right(got)
        return got

    def open(self):
        self.asked = self.say()
        return self

    def answer(self, flags="SA", seq=NUMBER, ack=ISN + 1, options=(), load=b"", window=1000):
        """Sends the backend's segment; returns what comes at the client."""
        frame = answer_to(self.asked)
        frame[TCP].remove_payload()
        tcp = frame[TCP]
        tcp.flags, tcp.seq, tcp.ack, tcp.window = flags, seq, ack, window
        tcp.options, tcp.dataofs = list(options), None
        back = self.wire.ask(Ether(bytes(frame / load)), at_client(self.sport), "at the client")
        assert checksums_are_right(back)
        return back

    def expect_acknowledged(self):
        """The backend's answer is acknowledged to it, beside what the client is told."""
        return self.wire.expect(lambda f: TCP in f and f.dst in MACS and f[TCP].flags == "A",
                                "acknowledgment at the backend")

    def establish(self):
        self.open()
        self.answer(options=[("MSS", 1300), ("NOP", None), ("WScale", 3), ("NOP", None),
                             ("NOP", None), ("Timestamp", (CLOCK, 78))]
                    if self.stamp else [("MSS", 1300)])
        self.expect_acknowledged()
        return self


@pytest.mark.parametrize("family", FAMILIES)
def test_a_syn_is_answered_and_forgotten(cookies, family):
    before = cookies.stats()["flow_events"]["created"]
    told = Client(cookies, family, OPTIONS).told
    options = dict(told[TCP].options)
    assert (told[TCP].flags, told[TCP].ack, told[TCP].window) == ("SA", ISN + 1, 0)
    assert options["MSS"] == {4: 1460, 6: 1440}[family]
    assert (options["WScale"], options["Timestamp"][1]) == (7, 77)
    assert "SAckOK" in options
    plain = Client(cookies, family, [("MSS", 1400), ("WScale", 9), ("SAckOK", b"")]).told
    assert [kind for kind, _ in plain[TCP].options] == ["MSS"]
    assert cookies.stats()["flow_events"]["created"] == before


@pytest.mark.parametrize("family", FAMILIES)
def test_the_acknowledgment_becomes_the_clients_syn(cookies, family):
    one = Client(cookies, family, OPTIONS).open()
    options = dict(one.asked[TCP].options)
    assert (one.asked[TCP].flags, one.asked[TCP].seq) == ("S", ISN)
    assert (options["MSS"], options["WScale"], options["Timestamp"]) == (1400, 9, (78, 0))
    assert "SAckOK" in options
    assert one.asked[TCP].window == 65535  # 500 << 9
    again = one.say(load=b"x")  # Whatever comes meanwhile asks once more.
    assert (again[TCP].flags, again[TCP].seq, data(again)) == ("S", ISN, b"")
    plain = Client(cookies, family).open()
    assert dict(plain.asked[TCP].options) == {"MSS": 536 if family == 4 else 1220}
    assert plain.asked[TCP].window == 500


@pytest.mark.parametrize("family", FAMILIES)
def test_the_answer_opens_the_window_and_is_acknowledged(cookies, family):
    one = Client(cookies, family, OPTIONS).open()
    back = one.answer(window=8000, options=[("MSS", 1300), ("NOP", None), ("WScale", 3),
                                            ("NOP", None), ("NOP", None),
                                            ("Timestamp", (CLOCK, 78))])
    assert (back[TCP].flags, back[TCP].seq, back[TCP].ack) == ("A", one.cookie + 1, ISN + 1)
    assert back[TCP].window == 8000 >> 7
    assert dict(back[TCP].options)["Timestamp"] == (one.stamp, 78)
    got = one.expect_acknowledged()
    assert (got[TCP].seq, got[TCP].ack, got[TCP].window) == (ISN + 1, NUMBER + 1, 500)
    assert dict(got[TCP].options)["Timestamp"] == (78, CLOCK)
    assert checksums_are_right(got)


@pytest.mark.parametrize("family", FAMILIES)
def test_numbers_stamps_and_windows_are_translated_both_ways(cookies, family):
    one = Client(cookies, family, OPTIONS).establish()
    got = one.say("PA", ack=one.cookie + 11, load=b"hello", options=[
        ("NOP", None), ("Timestamp", (80, one.stamp + 5)),
        ("NOP", None), ("SAck", (one.cookie + 21, one.cookie + 31))])
    options = dict(got[TCP].options)
    assert (got[TCP].seq, got[TCP].ack, data(got)) == (ISN + 1, NUMBER + 11, b"hello")
    assert options["Timestamp"] == (80, CLOCK + 5)
    assert options["SAck"] == (NUMBER + 21, NUMBER + 31)
    back = one.answer("PA", NUMBER + 1, ISN + 6, load=b"answer", window=1600, options=[
        ("NOP", None), ("NOP", None), ("Timestamp", (CLOCK + 9, 80))])
    assert (back[TCP].seq, back[TCP].ack) == (one.cookie + 1, ISN + 6)
    assert back[TCP].window == 1600 << 3 >> 7
    assert dict(back[TCP].options)["Timestamp"] == (one.stamp + 9, 80)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_refusal_resets_the_client(cookies, family):
    one = Client(cookies, family).open()
    back = one.answer("RA", seq=0)
    assert (back[TCP].flags, back[TCP].seq) == ("RA", one.cookie + 1)


def test_bad_cookies_and_other_answers_are_dropped_by_name(cookies):
    one = Client(cookies, 4)
    for seq, ack in ((ISN + 1, one.cookie), (ISN + 2, one.cookie + 1), (ISN + 1, 0)):
        with cookies.counts("drop_syn_cookie"):
            cookies.wire.send(one.frame("A", seq, ack))
    one.open()
    frame = answer_to(one.asked)
    frame[TCP].remove_payload()
    frame[TCP].flags, frame[TCP].seq, frame[TCP].ack = "A", 5, 4711
    with cookies.counts("drop_handshake"):
        got = cookies.wire.ask(Ether(bytes(frame)), lambda f: TCP in f and f.dst in MACS and
                               f[TCP].flags == "R", "reset of the old connection")
    assert got[TCP].seq == 4711


def test_a_backend_that_takes_less_has_the_client_told(cookies):
    one = Client(cookies, 4).establish()  # It said 1300.
    assert len(network(one.say("PA", load=b"x" * 1300))) == 1340
    with cookies.counts("reply_too_big"):
        cookies.wire.send(one.frame("PA", ISN + 1, one.cookie + 1, load=b"x" * 1301))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_proxy_header_comes_with_the_acknowledgment(shared_dataplane, family):
    dataplane = use(shared_dataplane, syn_cookies=True, client_address="proxy2")
    one = Client(dataplane, family).establish()
    expected = header(family, "tcp", one.sport)
    got = one.expect_acknowledged()
    assert (data(got), got[TCP].seq, got[TCP].ack) == (expected, ISN + 1, NUMBER + 1)
    assert checksums_are_right(got)
    assert one.answer("A", NUMBER + 1, ISN + 1 + len(expected))[TCP].ack == ISN + 1
    got = one.say("PA", load=b"hello")
    assert (got[TCP].seq, data(got)) == (ISN + 1 + len(expected), b"hello")


def test_a_trace_tells_of_cookies(cookies):
    ends = {"protocol": "tcp", "from": f"{CLIENT[4]}:4711", "to": f"{VIP[4]}:80"}
    assert cookies.control.call("trace", {**ends, "flags": "syn"})["verdict"] == "reply_syn_cookie"
    assert cookies.control.call("trace", {**ends, "flags": "ack"})["verdict"] == "drop_syn_cookie"
