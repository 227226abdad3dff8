# SPDX-License-Identifier: BSD-3-Clause
"""Mode nat: clients' packets get the backend's address and port, the backend's get the service's."""

import itertools

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, TCPerror, UDPerror
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6PacketTooBig, IPerror6, IPv6)
from scapy.layers.l2 import Ether

from conftest import BACKENDS4, BACKENDS6, SERVICES, populate
from harness import (CLIENT4, CLIENT6, CLIENT_MAC, HOST4, PORT_MAC, VIP4, VIP6, Dataplane, backend,
                     wait_until)

NAT = {"mode": "nat"}
NAT_SERVICES = [(*service, NAT) for service in SERVICES]
PORTS = {"tcp": 8080, "udp": 8080}
BACKENDS = {4: BACKENDS4, 6: BACKENDS6}
MACS = {mac for _, mac in BACKENDS4.values()}
CLIENT = {4: CLIENT4, 6: CLIENT6}
VIP = {4: VIP4, 6: VIP6}
SERVICE_PORT = {"tcp": 80, "udp": 53}
FAMILIES_AND_PROTOCOLS = [(f, p) for f in (4, 6) for p in ("tcp", "udp")]
GATEWAY_MAC = "02:00:00:00:00:fe"  # Behind which clients of other networks are.

client_ports = itertools.count(20000)


def nat_pools(port=8080, **changes):
    return {f"web{family}": [backend(name, address, **{**({"port": port} if port else {}),
                                                       **changes.get(name, {})})
                             for name, (address, _) in BACKENDS[family].items()]
            for family in (4, 6)}


@pytest.fixture
def nat(shared_dataplane):
    populate(shared_dataplane)
    shared_dataplane.push(nat_pools(), NAT_SERVICES)
    shared_dataplane.wait_ready()
    shared_dataplane.wire.forget()
    return shared_dataplane


def ip(family, source, destination, **keys):
    return IP(src=source, dst=destination, **keys) if family == 4 else \
        IPv6(src=source, dst=destination, **keys)


def l4(protocol, sport, dport, flags="S", **keys):
    return TCP(sport=sport, dport=dport, flags=flags, **keys) if protocol == "tcp" else \
        UDP(sport=sport, dport=dport, **keys)


def layer(frame):
    return frame.getlayer(TCP) or frame.getlayer(UDP)


def network(frame):
    return frame.getlayer(IP) or frame.getlayer(IPv6)


def checksums_are_right(frame):
    """Whether the frame is the same with all checksums computed anew."""
    again = Ether(bytes(frame))
    for one in (IP, TCP, UDP, ICMP):
        if one in again:
            del again[one].chksum
    for one in again.layers():
        if one.__name__.startswith("ICMPv6"):
            del again[one].cksum
    return bytes(again) == bytes(frame)


def to_vip(family, protocol, sport, source=None, mac=CLIENT_MAC, load=b"question", **keys):
    return Ether(dst=PORT_MAC, src=mac) / ip(family, source or CLIENT[family], VIP[family]) \
        / l4(protocol, sport, SERVICE_PORT[protocol], **keys) / load


def at_backend(sport):
    return lambda frame: layer(frame) is not None and frame.dst in MACS and \
        layer(frame).sport == sport


def at_client(sport, mac=CLIENT_MAC):
    return lambda frame: layer(frame) is not None and frame.dst == mac and \
        layer(frame).dport == sport


def ask(wire, family, protocol, sport, **keys):
    """Sends a packet of a client and returns it as a backend gets it."""
    return wire.ask(to_vip(family, protocol, sport, **keys), at_backend(sport), "packet at backend")


def answer_to(question, load=b"answer", flags="SA", **keys):
    """What a backend sends back to the packet that it got."""
    family = 4 if IP in question else 6
    protocol = "tcp" if TCP in question else "udp"
    return Ether(dst=PORT_MAC, src=question.dst) \
        / ip(family, network(question).dst, network(question).src) \
        / l4(protocol, layer(question).dport, layer(question).sport, flags=flags, **keys) / load


@pytest.mark.parametrize("family,protocol", FAMILIES_AND_PROTOCOLS)
def test_both_directions_are_translated(nat, family, protocol):
    sport = next(client_ports)
    got = ask(nat.wire, family, protocol, sport)
    assert network(got).src == CLIENT[family]
    assert network(got).dst in [address for address, _ in BACKENDS[family].values()]
    assert dict(BACKENDS[family].values())[network(got).dst] == got.dst
    assert got.src == PORT_MAC
    assert layer(got).dport == PORTS[protocol]
    assert bytes(layer(got).payload) == b"question"
    assert checksums_are_right(got)
    back = nat.wire.ask(answer_to(got), at_client(sport), "answer at the client")
    assert (network(back).src, network(back).dst) == (VIP[family], CLIENT[family])
    assert layer(back).sport == SERVICE_PORT[protocol]
    assert bytes(layer(back).payload) == b"answer"
    assert back.src == PORT_MAC
    assert (back[IP].ttl if family == 4 else back[IPv6].hlim) == 63
    assert checksums_are_right(back)


@pytest.mark.parametrize("family,protocol", FAMILIES_AND_PROTOCOLS)
@pytest.mark.parametrize("size", [0, 1, 2, 1399])
def test_checksums_are_right_for_even_and_odd_sizes(nat, family, protocol, size):
    sport = next(client_ports)
    got = ask(nat.wire, family, protocol, sport, load=(bytes(range(256)) * 6)[:size])
    assert checksums_are_right(got)
    assert checksums_are_right(nat.wire.ask(
        answer_to(got, load=b"\xff" * size), at_client(sport), "answer"))


@pytest.mark.parametrize("family,protocol", FAMILIES_AND_PROTOCOLS)
def test_without_a_port_backends_serve_at_the_services_port(nat, family, protocol):
    nat.push(nat_pools(port=None), NAT_SERVICES)
    sport = next(client_ports)
    got = ask(nat.wire, family, protocol, sport)
    assert layer(got).dport == SERVICE_PORT[protocol]
    nat.wire.ask(answer_to(got), at_client(sport), "answer")


@pytest.mark.parametrize("family", [4, 6])
def test_a_wrong_checksum_stays_wrong(nat, family):
    sport = next(client_ports)
    frame = to_vip(family, "tcp", sport)
    frame = Ether(bytes(frame))
    frame[TCP].chksum ^= 0x1234
    got = nat.wire.ask(frame, at_backend(sport), "packet at backend")
    assert not checksums_are_right(got)


@pytest.mark.parametrize("family", [4, 6])
def test_a_udp_packet_without_checksum_stays_without(nat, family):
    sport = next(client_ports)
    got = nat.wire.ask(to_vip(family, "udp", sport, chksum=0), at_backend(sport), "packet")
    assert got[UDP].chksum == 0
    back = nat.wire.ask(answer_to(got, chksum=0), at_client(sport), "answer")
    assert back[UDP].chksum == 0


def test_answers_go_to_the_router_that_the_question_came_from(nat):
    sport = next(client_ports)
    got = ask(nat.wire, 4, "tcp", sport, source="203.0.113.9", mac=GATEWAY_MAC)
    back = nat.wire.ask(answer_to(got), at_client(sport, GATEWAY_MAC), "answer")
    assert back[IP].dst == "203.0.113.9"
    other = GATEWAY_MAC[:-1] + "d"
    got = ask(nat.wire, 4, "tcp", sport, source="203.0.113.9", mac=other, flags="A")
    nat.wire.ask(answer_to(got), at_client(sport, other), "answer by the new router")


def test_a_flow_stays_with_its_backend_and_flows_spread(nat):
    chosen = {}
    sports = [next(client_ports) for _ in range(16)]
    for flags in ("S", "A", "PA"):
        for sport in sports:
            got = ask(nat.wire, 4, "tcp", sport, flags=flags)
            assert chosen.setdefault(sport, got.dst) == got.dst
    assert set(chosen.values()) == MACS


@pytest.mark.parametrize("family", [4, 6])
def test_a_flow_moves_when_its_backend_goes_down(nat, family):
    sport = next(client_ports)
    first = ask(nat.wire, family, "tcp", sport)
    name = next(n for n, (_, mac) in BACKENDS[family].items() if mac == first.dst)
    nat.push(nat_pools(**{name: {"up": False}}), NAT_SERVICES)
    second = ask(nat.wire, family, "tcp", sport, flags="A")
    assert second.dst != first.dst
    assert network(second).dst != network(first).dst
    nat.wire.ask(answer_to(second), at_client(sport), "answer of the other backend")
    with nat.counts("host"):
        nat.wire.send(answer_to(first))


def test_what_backends_send_without_a_flow_is_the_hosts(nat):
    with nat.counts("host"):
        nat.wire.send(Ether(dst=PORT_MAC, src=BACKENDS4["b1"][1])
                      / IP(src=BACKENDS4["b1"][0], dst=HOST4) / TCP(sport=8080, dport=5, flags="R"))


def test_two_services_with_one_backend_cannot_share_a_clients_port(nat):
    services = NAT_SERVICES + [("more", VIP4, 81, "tcp", "web4", NAT)]
    nat.push({**nat_pools(), "web4": [backend("b1", BACKENDS4["b1"][0], port=8080)]}, services)
    sport = next(client_ports)
    ask(nat.wire, 4, "tcp", sport)
    second = to_vip(4, "tcp", sport)
    second[TCP].dport = 81
    with nat.counts("drop_nat_clash"):
        nat.wire.send(second)
    # Another port of the client has a way back of its own.
    second[TCP].sport = next(client_ports)
    del second[TCP].chksum
    got = nat.wire.ask(second, at_backend(second[TCP].sport), "packet")
    back = nat.wire.ask(answer_to(got), at_client(second[TCP].sport), "answer")
    assert back[TCP].sport == 81


def test_a_packet_at_the_end_of_its_life_is_dropped_both_ways(nat):
    sport = next(client_ports)
    got = ask(nat.wire, 4, "tcp", sport)
    frame = answer_to(got)
    frame[IP].ttl = 1
    with nat.counts("drop_ttl"):
        nat.wire.send(frame)
    frame = to_vip(4, "tcp", sport, flags="A")
    frame[IP].ttl = 1
    with nat.counts("drop_ttl"):
        nat.wire.send(frame)


def test_returns_and_flows_are_counted_once(nat):
    def counted():
        return next(s for s in nat.stats()["services"] if s["name"] == "http4")

    before, flows = counted(), nat.stats()["flows"]["active"]
    sport = next(client_ports)
    got = ask(nat.wire, 4, "tcp", sport)
    nat.wire.ask(answer_to(got), at_client(sport), "answer")
    wait_until(lambda: counted()["return_packets"] == before["return_packets"] + 1, "count")
    assert counted()["return_bytes"] >= before["return_bytes"] + 54
    assert counted()["packets"] == before["packets"] + 1
    assert nat.stats()["flows"]["active"] == flows + 1
    listed = nat.control.call("flows", {"limit": 10000, "client": CLIENT4})["flows"]
    assert [f["virtual"] for f in listed if f["client"].endswith(f":{sport}")] == [f"{VIP4}:80"]


def test_a_routers_error_reaches_the_backend_as_about_its_own_packet(nat):
    sport = next(client_ports)
    got = ask(nat.wire, 4, "tcp", sport)
    back = nat.wire.ask(answer_to(got), at_client(sport), "answer")
    error = Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src="203.0.113.1", dst=VIP4) \
        / ICMP(type=3, code=4, nexthopmtu=1400) / bytes(back[IP])[:48]
    told = nat.wire.ask(error, lambda f: ICMP in f and f.dst == got.dst, "error at the backend")
    assert (told[IP].src, told[IP].dst) == ("203.0.113.1", got[IP].dst)
    assert told[ICMP].nexthopmtu == 1400
    assert (told[IPerror].src, told[IPerror].dst) == (got[IP].dst, CLIENT4)
    assert (told[TCPerror].sport, told[TCPerror].dport) == (8080, sport)
    check_ipv4_error(told)


def check_ipv4_error(frame):
    """The ICMP checksum, and that of the IP header inside."""
    again = Ether(bytes(frame))
    del again[IP].chksum
    del again[ICMP].chksum
    assert bytes(again) == bytes(frame)
    inner = IP(bytes(frame[IPerror]))
    expected = inner.chksum
    del inner.chksum
    assert IP(bytes(inner)).chksum == expected


def test_a_router_near_the_client_of_ipv6_says_packet_too_big(nat):
    sport = next(client_ports)
    got = ask(nat.wire, 6, "tcp", sport)
    back = nat.wire.ask(answer_to(got), at_client(sport), "answer")
    error = Ether(dst=PORT_MAC, src=CLIENT_MAC) / IPv6(src="2001:db8:9::1", dst=VIP6) \
        / ICMPv6PacketTooBig(mtu=1280) / back[IPv6]
    told = nat.wire.ask(error, lambda f: ICMPv6PacketTooBig in f and f.dst == got.dst, "error")
    assert told[IPv6].dst == got[IPv6].dst
    assert (told[IPerror6].src, told[IPerror6].dst) == (got[IPv6].dst, CLIENT6)
    assert (told[TCPerror].sport, told[TCPerror].dport) == (8080, sport)
    assert checksums_are_right(told)
    inner = IPv6(bytes(told[IPerror6]))
    expected = inner[TCP].chksum
    del inner[TCP].chksum
    assert IPv6(bytes(inner))[TCP].chksum == expected


@pytest.mark.parametrize("family", [4, 6])
def test_a_backends_error_reaches_the_client_as_from_the_service(nat, family):
    sport = next(client_ports)
    got = ask(nat.wire, family, "udp", sport)
    unreachable = ICMP(type=3, code=3) if family == 4 else ICMPv6DestUnreach(code=4)
    error = Ether(dst=PORT_MAC, src=got.dst) / ip(family, network(got).dst, CLIENT[family]) \
        / unreachable / network(got)
    told = nat.wire.ask(error, lambda f: UDPerror in f and f.dst == CLIENT_MAC, "error")
    assert (network(told).src, network(told).dst) == (VIP[family], CLIENT[family])
    inner = told.getlayer(IPerror) or told.getlayer(IPerror6)
    assert (inner.src, inner.dst) == (CLIENT[family], VIP[family])
    assert (told[UDPerror].sport, told[UDPerror].dport) == (sport, 53)
    if family == 4:
        check_ipv4_error(told)
    else:
        assert checksums_are_right(told)


def news(nat):
    """Signs of trouble that were not told before."""
    return nat.control.call("signs")["backends"]


@pytest.mark.parametrize("family", [4, 6])
def test_signs_of_trouble_are_told_of_the_backend_once(nat, family):
    got = ask(nat.wire, family, "tcp", next(client_ports))
    sport = layer(got).sport
    name = next(n for n, (_, mac) in BACKENDS[family].items() if mac == got.dst)
    wait_until(lambda: not news(nat), "nothing new")
    nat.wire.ask(answer_to(got, load=b""), at_client(sport), "answer")
    assert news(nat) == []
    unreachable = ICMP(type=3, code=1) if family == 4 else ICMPv6DestUnreach(code=3)
    nat.wire.send(Ether(dst=PORT_MAC, src=got.dst)
                  / ip(family, network(got).dst, CLIENT[family]) / unreachable / network(got))
    first, = wait_until(lambda: news(nat), "an unreachable")
    assert (first["pool"], first["name"]) == (f"web{family}", name)
    assert first["unreachables"] > 0
    assert news(nat) == []
    nat.wire.ask(answer_to(got, load=b"", flags="RA"), at_client(sport), "reset")
    second, = wait_until(lambda: news(nat), "a reset")
    assert second == {**first, "resets": first["resets"] + 1}


def test_an_error_about_no_flow_is_dropped(nat):
    with nat.counts("drop_icmp"):
        nat.wire.send(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src="203.0.113.1", dst=VIP4)
                      / ICMP(type=3, code=1) / IP(src=VIP4, dst=CLIENT4)
                      / TCP(sport=80, dport=next(client_ports)))
