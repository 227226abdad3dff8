# SPDX-License-Identifier: BSD-3-Clause
"""Mode fullnat with the client's address told to backends: packet by packet."""

import socket
import struct

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, TCPerror
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from conftest import SERVICES, populate
from harness import CLIENT_MAC, PORT_MAC, backend, service
from test_fullnat import LOCAL4, LOCAL6
from test_nat import (CLIENT, FAMILIES_AND_PROTOCOLS, MACS, SERVICE_PORT, VIP, answer_to, at_client,
                      checksums_are_right, client_ports, ip, layer, nat_pools, network)

SIZES = {4: 28, 6: 52}
FIRST = 1000  # The client's first byte.
TOA = {4: 8, 6: 20}


def use(dataplane, client_address, **keys):
    populate(dataplane)
    dataplane.push(nat_pools(), [
        (*s, {"mode": "fullnat", **keys,
              **({} if s[3] == "udp" and client_address == "toa"
                 else {"client_address": client_address})})
        for s in SERVICES], local_addresses=(*LOCAL4, *LOCAL6))
    dataplane.wait_ready()
    dataplane.wire.forget()
    return dataplane


@pytest.fixture
def proxy(shared_dataplane):
    return use(shared_dataplane, "proxy2")


@pytest.fixture
def toa(shared_dataplane):
    return use(shared_dataplane, "toa")


def header(family, protocol, sport):
    """Built by the words of the specification, and by other code than the dataplane's."""
    kind = {"tcp": 1, "udp": 2}[protocol] | {4: 0x10, 6: 0x20}[family]
    af = socket.AF_INET if family == 4 else socket.AF_INET6
    ends = socket.inet_pton(af, CLIENT[family]) + socket.inet_pton(af, VIP[family]) \
        + struct.pack("!HH", sport, SERVICE_PORT[protocol])
    return b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a" \
        + struct.pack("!BBH", 0x21, kind, len(ends)) + ends


class Connection:
    """A client's connection through the balancer, and the backend that it leads to."""

    def __init__(self, dataplane, family, syn=True, **keys):
        self.wire = dataplane.wire
        self.family = family
        self.sport = next(client_ports)
        self.header = header(family, "tcp", self.sport)
        self.got = None
        if syn:
            self.got = self.ask("S", FIRST - 1, ack=0, **keys)

    def frame(self, flags, seq, load=b"", **keys):
        return Ether(dst=PORT_MAC, src=CLIENT_MAC) / ip(self.family, CLIENT[self.family],
                                                        VIP[self.family]) \
            / TCP(sport=self.sport, dport=80, flags=flags, seq=seq, **{"ack": 5001, **keys}) / load

    def ask(self, flags, seq, load=b"", **keys):
        """Sends the client's segment; returns what comes at the backend."""
        known = (network(self.got).src, layer(self.got).sport) if self.got else None

        def wanted(frame):
            return TCP in frame and frame.dst in MACS and frame.src == PORT_MAC and \
                frame[TCP].dport == 8080 and \
                (not known or (network(frame).src, frame[TCP].sport) == known)

        got = self.wire.ask(self.frame(flags, seq, load, **keys), wanted, "segment at the backend")
        assert checksums_are_right(got)
        return got

    def answer(self, flags, ack, seq=5001, load=b"", **keys):
        """Sends the backend's segment; returns what comes at the client."""
        frame = answer_to(self.got)
        frame[TCP].remove_payload()
        frame[TCP].flags, frame[TCP].seq, frame[TCP].ack = flags, seq, ack
        for key, value in keys.items():
            setattr(frame[TCP], key, value)
        back = self.wire.ask(Ether(bytes(frame / load)), at_client(self.sport), "segment at client")
        assert checksums_are_right(back)
        return back

    def establish(self):
        self.answer("SA", FIRST, seq=5000)
        self.ask("A", FIRST)
        self.answer("A", FIRST + len(self.header))
        return self


def data(frame):
    """What follows the TCP or UDP header, without Ethernet's padding."""
    packet = network(frame)
    end = packet.len if IP in frame else packet.plen + 40
    offset = (packet.ihl * 4 if IP in frame else 40) + \
        (frame[TCP].dataofs * 4 if TCP in frame else 8)
    return bytes(packet)[offset:end]


@pytest.mark.parametrize("family", [4, 6])
def test_the_header_comes_with_the_handshake_and_again_until_it_is_acknowledged(proxy, family):
    one = Connection(proxy, family)
    assert data(one.got) == b""
    assert one.got[TCP].seq == FIRST - 1
    one.answer("SA", FIRST, seq=5000)
    for flags, load in (("A", b""), ("PA", b"hello"), ("PA", b"hello"), ("FA", b"")):
        got = one.ask(flags, FIRST, load)
        assert data(got) == one.header + load
        assert got[TCP].seq == FIRST
        assert got[TCP].ack == 5001
    # What follows is shifted, and so is everything from now on.
    size = SIZES[family]
    got = one.ask("PA", FIRST + 5, b"world")
    assert (got[TCP].seq, data(got)) == (FIRST + 5 + size, b"world")
    assert one.answer("A", FIRST + size + 5)[TCP].ack == FIRST + 5
    got = one.ask("PA", FIRST, b"hello")
    assert (got[TCP].seq, data(got)) == (FIRST + size, b"hello")


@pytest.mark.parametrize("family", [4, 6])
def test_acknowledgments_of_the_header_alone_tell_the_client_nothing(proxy, family):
    one = Connection(proxy, family)
    size = SIZES[family]
    assert one.answer("SA", FIRST, seq=5000)[TCP].ack == FIRST
    one.ask("A", FIRST)
    assert one.answer("A", FIRST)[TCP].ack == FIRST
    assert one.answer("A", FIRST + size - 1)[TCP].ack == FIRST
    assert data(one.ask("A", FIRST)) == one.header
    assert one.answer("A", FIRST + size)[TCP].ack == FIRST
    got = one.ask("A", FIRST)
    assert (data(got), got[TCP].seq) == (b"", FIRST + size)


@pytest.mark.parametrize("family", [4, 6])
def test_a_keep_alive_and_a_reset_have_the_backends_numbers(proxy, family):
    one = Connection(proxy, family).establish()
    size = SIZES[family]
    assert one.ask("A", FIRST - 1)[TCP].seq == FIRST - 1 + size
    assert one.ask("R", FIRST)[TCP].seq == FIRST + size
    # Before the header is acknowledged a reset is of the number that the backend waits for.
    other = Connection(proxy, family)
    got = other.ask("R", FIRST, ack=0)
    assert (got[TCP].seq, data(got)) == (FIRST, b"")


@pytest.mark.parametrize("family", [4, 6])
def test_numbers_go_on_when_half_of_them_are_used_up(proxy, family):
    one = Connection(proxy, family).establish()
    size = SIZES[family]
    for ahead in (1 << 30, (1 << 31) + 5, (1 << 32) - 2000):
        number = (FIRST + ahead) % (1 << 32)
        assert one.ask("A", number)[TCP].seq == (number + size) % (1 << 32)
        assert one.answer("A", (number + size) % (1 << 32))[TCP].ack == number


@pytest.mark.parametrize("family", [4, 6])
def test_data_in_a_syn_is_taken_off(proxy, family):
    one = Connection(proxy, family, load=b"early data")
    assert (one.got[TCP].flags, data(one.got)) == ("S", b"")


@pytest.mark.parametrize("family", [4, 6])
def test_the_client_is_told_to_leave_room(proxy, family):
    one = Connection(proxy, family, options=[("MSS", 1460), ("WScale", 7)])
    assert dict(one.got[TCP].options)["MSS"] == 1460
    for options in ([("MSS", 1440)], [("NOP", None), ("MSS", 1440), ("SAckOK", b"")]):
        back = one.answer("SA", FIRST, seq=5000, options=options, window=65000, dataofs=None)
        assert dict(back[TCP].options)["MSS"] == 1440 - SIZES[family]
        assert back[TCP].window == 65000 - SIZES[family]
    assert one.answer("SA", FIRST, seq=5000, window=20)[TCP].window == 0


@pytest.mark.parametrize("lead", [0, 1])
@pytest.mark.parametrize("family", [4, 6])
def test_selective_acknowledgments_are_shifted_and_the_headers_own_left_out(proxy, family, lead):
    one = Connection(proxy, family)
    size = SIZES[family]
    behind = FIRST + size

    def back(*edges):
        options = [("NOP", None)] * lead + [("SAck", edges)]
        frame = one.answer("A", FIRST, options=options, dataofs=None)
        return [value for kind, value in frame[TCP].options if kind == "SAck"]

    assert back(behind + 10, behind + 20) == [(FIRST + 10, FIRST + 20)]
    assert back(FIRST, behind) == []
    assert back(FIRST, behind, behind + 10, behind + 20) == [(FIRST + 10, FIRST + 20)]
    assert back(FIRST + 3, behind + 7) == [(FIRST, FIRST + 7)]
    one.answer("A", behind)
    assert back(behind + 10, behind + 20, behind + 30, behind + 40) == \
        [(FIRST + 10, FIRST + 20, FIRST + 30, FIRST + 40)]


def test_urgent_data_stays_where_it_is(proxy):
    one = Connection(proxy, 4)
    one.answer("SA", FIRST, seq=5000)
    got = one.ask("PAU", FIRST, b"hello", urgptr=3)
    assert got[TCP].urgptr == 3 + SIZES[4]
    one.answer("A", FIRST + SIZES[4] + 5)
    assert one.ask("PAU", FIRST + 5, b"hello", urgptr=3)[TCP].urgptr == 3


@pytest.mark.parametrize("family", [4, 6])
def test_a_connection_in_midstream_is_left_as_it_is(proxy, family):
    one = Connection(proxy, family, syn=False)
    one.got = one.ask("PA", FIRST, b"hello")
    assert (one.got[TCP].seq, data(one.got)) == (FIRST, b"hello")
    assert one.answer("A", FIRST + 5)[TCP].ack == FIRST + 5


@pytest.mark.parametrize("family", [4, 6])
def test_a_forged_syn_leaves_a_connections_numbers(proxy, family):
    one = Connection(proxy, family).establish()
    assert one.ask("S", 77777)[TCP].seq == 77777
    assert one.ask("A", FIRST)[TCP].seq == FIRST + SIZES[family]


@pytest.mark.parametrize("family", [4, 6])
def test_a_connection_goes_on_when_the_service_tells_no_more(proxy, family):
    one = Connection(proxy, family).establish()
    proxy.push(nat_pools(), [(*s, {"mode": "fullnat"}) for s in SERVICES],
               local_addresses=(*LOCAL4, *LOCAL6))
    proxy.wait_ready()
    size = SIZES[family]
    assert one.ask("PA", FIRST + 1, b"x")[TCP].seq == FIRST + 1 + size
    assert one.answer("A", FIRST + 2 + size)[TCP].ack == FIRST + 2
    other = Connection(proxy, family)
    assert data(other.ask("PA", FIRST, b"new")) == b"new"


@pytest.mark.parametrize("family", [4, 6])
def test_a_datagram_has_the_header_in_front(proxy, family):
    for n in range(2):
        sport = next(client_ports)
        load = b"question%d" % n + b"x" * n  # Odd and even.
        frame = Ether(dst=PORT_MAC, src=CLIENT_MAC) / ip(family, CLIENT[family], VIP[family]) \
            / UDP(sport=sport, dport=53) / load
        got = proxy.wire.ask(frame, lambda f: UDP in f and f.dst in MACS and load in bytes(f),
                             "datagram at the backend")
        assert data(got) == header(family, "udp", sport) + load
        assert got[UDP].len == 8 + len(data(got))
        assert checksums_are_right(got)
        back = proxy.wire.ask(answer_to(got), at_client(sport), "answer")
        assert bytes(back[UDP].payload)[:6] == b"answer"


def test_a_datagram_without_checksum_stays_so(proxy):
    sport = next(client_ports)
    frame = Ether(dst=PORT_MAC, src=CLIENT_MAC) / ip(4, CLIENT[4], VIP[4]) \
        / UDP(sport=sport, dport=53, chksum=0) / b"no checksum"
    got = proxy.wire.ask(frame, lambda f: UDP in f and f.dst in MACS and b"no check" in bytes(f),
                         "datagram at the backend")
    assert got[UDP].chksum == 0
    assert data(got) == header(4, "udp", sport) + b"no checksum"


@pytest.mark.parametrize("family,protocol", FAMILIES_AND_PROTOCOLS)
def test_what_leaves_no_room_for_the_header_is_told(proxy, family, protocol):
    size = SIZES[family]
    overhead = {4: 20, 6: 40}[family] + {"tcp": 20, "udp": 8}[protocol]
    if protocol == "tcp":
        one = Connection(proxy, family)
        sport = one.sport
        one.answer("SA", FIRST, seq=5000)
        fits = one.ask("PA", FIRST, b"x" * (1500 - overhead - size))
        assert len(network(fits)) == 1500
        frame = one.frame("PA", FIRST, b"x" * (1500 - overhead - size + 1))
    else:
        sport = next(client_ports)
        frame = Ether(dst=PORT_MAC, src=CLIENT_MAC) / ip(family, CLIENT[family], VIP[family]) \
            / UDP(sport=sport, dport=53) / (b"x" * (1500 - overhead - size + 1))
    with proxy.counts("reply_too_big"):
        told = proxy.wire.ask(frame, lambda f: f.dst == CLIENT_MAC and f.src == PORT_MAC and
                              (ICMP in f or ICMPv6PacketTooBig in f), "too big")
    mtu = told[ICMP].nexthopmtu if family == 4 else told[ICMPv6PacketTooBig].mtu
    assert mtu == 1500 - size
    if protocol == "tcp":  # All but the first segment may be as large as ever.
        one.answer("A", FIRST + size)
        assert len(network(one.ask("PA", FIRST, b"x" * (1500 - overhead)))) == 1500


@pytest.mark.parametrize("family", [4, 6])
def test_errors_about_the_clients_packets_have_the_clients_numbers(proxy, family):
    one = Connection(proxy, family).establish()
    size = SIZES[family]
    got = one.ask("PA", FIRST + 5, b"world")
    router = "203.0.113.1" if family == 4 else "2001:db8:5::1"
    kind = ICMP(type=3, code=4, nexthopmtu=1400) if family == 4 else ICMPv6PacketTooBig(mtu=1400)
    for quoted in (len(bytes(network(got))), {4: 28, 6: 48}[family]):
        error = Ether(dst=PORT_MAC, src=got.dst) / ip(family, router, network(got).src) / kind \
            / bytes(network(got))[:quoted]
        told = one.wire.ask(error, lambda f: f.dst == CLIENT_MAC and
                            (ICMP in f or ICMPv6PacketTooBig in f), "error at the client")
        inner = bytes(told.getlayer(ICMP) or told.getlayer(ICMPv6PacketTooBig))[8:]
        number, = struct.unpack_from("!I", inner, {4: 20, 6: 40}[family] + 4)
        assert number == FIRST + 5
        mtu = told[ICMP].nexthopmtu if family == 4 else told[ICMPv6PacketTooBig].mtu
        assert mtu == 1400 - size
        check_error(told)
        if TCPerror in told and quoted > 60:  # What was quoted whole is a right packet.
            again = (IP if family == 4 else IPv6)(inner)
            del again[TCP].chksum
            assert bytes(again)[-25:] == inner[-25:]


def check_error(frame):
    """Whether outer checksums are right; the quoted packet is not looked into."""
    again = Ether(bytes(frame))
    if IP in frame:
        del again[IP].chksum, again[ICMP].chksum
        again[ICMP].remove_payload()
        again = again / Raw(bytes(frame[ICMP])[8:])
    else:
        del again[ICMPv6PacketTooBig].cksum
        again[ICMPv6PacketTooBig].remove_payload()
        again = again / Raw(bytes(frame[ICMPv6PacketTooBig])[8:])
    assert bytes(again) == bytes(frame)


@pytest.mark.parametrize("family", [4, 6])
def test_errors_about_the_backends_packets_have_the_backends_numbers(proxy, family):
    one = Connection(proxy, family).establish()
    size = SIZES[family]
    back = one.answer("PA", FIRST + size, load=b"answer")
    assert back[TCP].ack == FIRST
    router = "203.0.113.1" if family == 4 else "2001:db8:5::1"
    kind = ICMP(type=3, code=4, nexthopmtu=1400) if family == 4 else ICMPv6PacketTooBig(mtu=1400)
    error = Ether(dst=PORT_MAC, src=CLIENT_MAC) / ip(family, router, VIP[family]) / kind \
        / bytes(network(back))
    told = one.wire.ask(error, lambda f: f.dst in MACS and (ICMP in f or ICMPv6PacketTooBig in f),
                        "error at the backend")
    inner = bytes(told.getlayer(ICMP) or told.getlayer(ICMPv6PacketTooBig))[8:]
    seq, ack = struct.unpack_from("!II", inner, {4: 20, 6: 40}[family] + 4)
    assert (seq, ack) == (5001, FIRST + size)
    mtu = told[ICMP].nexthopmtu if family == 4 else told[ICMPv6PacketTooBig].mtu
    assert mtu == 1400
    check_error(told)


def toa_option(family, sport):
    af = socket.AF_INET if family == 4 else socket.AF_INET6
    return struct.pack("!BBH", 254, TOA[family], sport) + socket.inet_pton(af, CLIENT[family])


def options(frame):
    tcp = bytes(frame[TCP])
    return tcp[20:frame[TCP].dataofs * 4]


@pytest.mark.parametrize("family", [4, 6])
def test_toa_is_in_all_packets_until_the_backend_has_answered(toa, family):
    one = Connection(toa, family, options=[("MSS", 1460)])
    option = toa_option(family, one.sport)
    assert options(one.got) == option + b"\x02\x04\x05\xb4"
    back = one.answer("SA", FIRST, seq=5000, options=[("MSS", 1460)], dataofs=None)
    assert dict(back[TCP].options)["MSS"] == 1460 - TOA[family]
    for flags, load in (("A", b""), ("PA", b"hello"), ("PA", b"hello")):
        got = one.ask(flags, FIRST, load)
        assert (options(got), data(got)) == (option, load)
        assert (got[TCP].seq, got[TCP].ack) == (FIRST, 5001)
    assert options(one.ask("R", FIRST)) == b""
    one = Connection(toa, family)
    one.answer("SA", FIRST, seq=5000)
    assert options(one.ask("A", FIRST)) == toa_option(family, one.sport)
    one.answer("A", FIRST + 5)
    got = one.ask("PA", FIRST, b"hello")
    assert (options(got), data(got)) == (b"", b"hello")


@pytest.mark.parametrize("family", [4, 6])
def test_toa_gives_way_where_there_is_no_room(toa, family):
    one = Connection(toa, family)
    for load, room in ((b"x" * (1460 - TOA[family]), True), (b"x" * (1461 - TOA[family]), False)):
        load = load[20:] if family == 6 else load
        before = toa.path_event("toa_omitted")
        got = one.ask("PA", FIRST, load)
        assert (toa_option(family, one.sport) in options(got)) == room
        assert data(got) == load
        assert toa.path_event("toa_omitted") == before + (not room)
    got = one.ask("A", FIRST, options=[("NOP", None)] * (40 - TOA[family] + 1))
    assert toa_option(family, one.sport) not in options(got)
    got = one.ask("A", FIRST, options=[("NOP", None)] * (40 - TOA[family]))
    assert options(got)[:TOA[family]] == toa_option(family, one.sport)
    assert len(options(got)) == 40


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("lead", [0, 1, 2])
def test_what_clients_put_there_themselves_comes_off(toa, family, lead):
    one = Connection(toa, family)
    forged = [("NOP", None)] * lead + [(254, b"\0\x50\x0a\0\0\1"), (254, b"\0\x50" + b"\1" * 16)]
    before = toa.path_event("toa_forged")
    got = one.ask("A", FIRST, options=forged)
    assert toa.path_event("toa_forged") == before + 1
    assert options(got).count(bytes([254])) == (1 if len(forged) and room(family, lead) else 0)
    assert options(got).replace(toa_option(family, one.sport), b"").strip(b"\0\x01") == b""
    # Others' experiments are none of our business.
    got = one.ask("A", FIRST, options=[(254, b"\xf9\x89\1\2")])
    assert bytes([254, 6, 0xf9, 0x89]) in options(got)


def room(family, lead):
    return (28 + lead + 3) // 4 * 4 + TOA[family] <= 40


def test_toa_is_of_tcp_and_both_are_of_fullnat(shared_dataplane):
    def refused(protocol, **keys):
        error = shared_dataplane.control.error("state", {
            "generation": 1, "routers": [], "locals": [{"port": "front", "addresses": LOCAL4}],
            "pools": [{"name": "p", "backends": [backend("b", "10.9.0.11")]}],
            "services": [service("s", VIP[4], 80, protocol, 0, **keys)]})
        return str(error)

    assert "toa is of protocol tcp only" in refused("udp", mode="fullnat", client_address="toa")
    for mode in ("dr", "nat"):
        assert "is of mode fullnat only" in refused("tcp", mode=mode, client_address="proxy2")
    assert "choose none, toa, proxy2" in refused("tcp", mode="fullnat", client_address="xff")


@pytest.mark.parametrize("family", [4, 6])
def test_a_trace_tells_which_packets_have_it(proxy, family):
    one = Connection(proxy, family)

    def trace(protocol, flags, sport):
        end = "{}:{}" if family == 4 else "[{}]:{}"
        return proxy.control.call("trace", {
            "protocol": protocol, "from": end.format(CLIENT[family], sport),
            "to": end.format(VIP[family], SERVICE_PORT[protocol]),
            **({"flags": flags} if flags else {})})

    assert trace("tcp", "syn", one.sport)["service"]["client_address"] == "proxy2"
    assert trace("tcp", "syn", one.sport)["sent"]["client_address"] is False
    said = trace("tcp", "ack", one.sport)["sent"]
    assert said["client_address"] is True
    assert said["bytes"] == len(one.ask("A", FIRST, b""))
    one.establish()
    assert trace("tcp", "ack", one.sport)["sent"]["client_address"] is False
    assert trace("udp", None, 4711)["sent"]["client_address"] is True
