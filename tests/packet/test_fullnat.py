# SPDX-License-Identifier: BSD-3-Clause
"""Mode fullnat: backends speak with a local address of the balancer, clients with the service."""

import pytest
from scapy.layers.inet import ICMP, IP, TCP, IPerror, TCPerror, UDPerror
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6ND_NA, ICMPv6ND_NS,
                                ICMPv6NDOptSrcLLAddr, ICMPv6PacketTooBig, IPerror6, IPv6)
from scapy.layers.l2 import ARP, Ether

from conftest import BACKENDS4, BACKENDS6, SERVICES, populate
from harness import CLIENT6, CLIENT_MAC, PORT_MAC, VIP4, VIP6
from test_nat import (BACKENDS, CLIENT, FAMILIES_AND_PROTOCOLS, GATEWAY_MAC, MACS, SERVICE_PORT,
                      VIP, answer_to, at_client, check_ipv4_error, checksums_are_right,
                      client_ports, ip, layer, nat_pools, network, to_vip)

FULLNAT_SERVICES = [(*service, {"mode": "fullnat"}) for service in SERVICES]
LOCAL4 = ["10.9.0.5", "10.9.0.6"]
LOCAL6 = ["fd09::5"]
LOCAL = {4: LOCAL4, 6: LOCAL6}


@pytest.fixture
def full(shared_dataplane):
    populate(shared_dataplane)
    push(shared_dataplane)
    shared_dataplane.wait_ready()
    shared_dataplane.wire.forget()
    return shared_dataplane


def push(dataplane, pools=None, services=None, local_addresses=(*LOCAL4, *LOCAL6)):
    dataplane.push(pools or nat_pools(), services or FULLNAT_SERVICES,
                   local_addresses=local_addresses)


def from_local(load):
    """A packet at a backend from a local address, known by what it carries."""
    return lambda frame: layer(frame) is not None and frame.dst in MACS and \
        bytes(layer(frame).payload)[:len(load)] == load and \
        network(frame).src in LOCAL4 + LOCAL6


def ask(wire, family, protocol, sport, **keys):
    load = f"question of {sport} {keys.get('flags', 'S')}".encode()
    return wire.ask(to_vip(family, protocol, sport, load=load, **keys), from_local(load),
                    "packet at backend")


@pytest.mark.parametrize("family,protocol", FAMILIES_AND_PROTOCOLS)
def test_both_ends_are_translated_both_ways(full, family, protocol):
    sport = next(client_ports)
    got = ask(full.wire, family, protocol, sport)
    assert network(got).src in LOCAL[family]
    assert dict(BACKENDS[family].values())[network(got).dst] == got.dst
    assert layer(got).dport == 8080
    assert layer(got).sport >= 1024
    assert checksums_are_right(got)
    back = full.wire.ask(answer_to(got), at_client(sport), "answer at the client")
    assert (network(back).src, network(back).dst) == (VIP[family], CLIENT[family])
    assert layer(back).sport == SERVICE_PORT[protocol]
    assert bytes(layer(back).payload) == b"answer"
    assert (back[IP].ttl if family == 4 else back[IPv6].hlim) == 63
    assert checksums_are_right(back)


@pytest.mark.parametrize("family,protocol", FAMILIES_AND_PROTOCOLS)
def test_a_flow_keeps_its_local_port_and_no_two_share_one(full, family, protocol):
    seen = {}
    sports = [next(client_ports) for _ in range(24)]
    for flags in ("S", "A", "PA"):
        for sport in sports:
            got = ask(full.wire, family, protocol, sport, flags=flags)
            ends = (network(got).src, layer(got).sport, network(got).dst)
            assert seen.setdefault(sport, ends) == ends
    assert len(set(seen.values())) == len(sports)
    assert {ends[0] for ends in seen.values()} == set(LOCAL[family])


@pytest.mark.parametrize("address", LOCAL4)
def test_arp_for_a_local_address_is_answered_without_any_lease(full, address):
    full.lease()
    reply = full.wire.ask(
        Ether(dst="ff:ff:ff:ff:ff:ff", src=CLIENT_MAC)
        / ARP(op=1, hwsrc=CLIENT_MAC, psrc=BACKENDS4["b1"][0], pdst=address),
        lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == address, "ARP reply")
    assert reply[ARP].hwsrc == PORT_MAC


def test_a_solicitation_for_a_local_address_is_answered(full):
    full.lease()
    solicitation = Ether(dst="33:33:ff:00:00:05", src=CLIENT_MAC) \
        / IPv6(src=BACKENDS6["b1"][0], dst="ff02::1:ff00:5", hlim=255) \
        / ICMPv6ND_NS(tgt=LOCAL6[0]) / ICMPv6NDOptSrcLLAddr(lladdr=CLIENT_MAC)
    advert = full.wire.ask(solicitation, lambda f: ICMPv6ND_NA in f
                           and f[ICMPv6ND_NA].tgt == LOCAL6[0], "advertisement")
    assert advert.src == PORT_MAC


def test_answers_go_to_the_router_that_the_question_came_from(full):
    sport = next(client_ports)
    got = ask(full.wire, 4, "tcp", sport, source="203.0.113.9", mac=GATEWAY_MAC)
    back = full.wire.ask(answer_to(got), at_client(sport, GATEWAY_MAC), "answer")
    assert back[IP].dst == "203.0.113.9"


def test_two_services_may_share_backends_and_a_clients_port(full):
    services = FULLNAT_SERVICES + [("more", VIP4, 81, "tcp", "web4", {"mode": "fullnat"})]
    push(full, services=services)
    sport = next(client_ports)
    first = ask(full.wire, 4, "tcp", sport)
    frame = to_vip(4, "tcp", sport, load=b"the other")
    frame[TCP].dport = 81
    second = full.wire.ask(frame, from_local(b"the other"), "packet to the other service")
    for got, port in ((first, 80), (second, 81)):
        back = full.wire.ask(answer_to(got), at_client(sport), "answer")
        assert back[TCP].sport == port


def test_a_flow_moves_when_its_backend_goes_down(full):
    sport = next(client_ports)
    first = ask(full.wire, 4, "tcp", sport)
    name = next(n for n, (_, mac) in BACKENDS4.items() if mac == first.dst)
    push(full, pools=nat_pools(**{name: {"up": False}}))
    second = ask(full.wire, 4, "tcp", sport, flags="A")
    assert second.dst != first.dst
    full.wire.ask(answer_to(second), at_client(sport), "answer of the other backend")
    with full.counts("drop_no_service"):
        full.wire.send(answer_to(first))


def test_a_local_address_that_goes_takes_its_flows_elsewhere(full):
    sport = next(client_ports)
    first = ask(full.wire, 4, "tcp", sport)
    left = [address for address in LOCAL4 if address != first[IP].src]
    push(full, local_addresses=(*left, *LOCAL6))
    second = ask(full.wire, 4, "tcp", sport, flags="A")
    assert second[IP].src == left[0]


def test_what_comes_to_a_local_port_without_flow_is_dropped(full):
    with full.counts("drop_no_service"):
        full.wire.send(Ether(dst=PORT_MAC, src=BACKENDS4["b1"][1])
                       / IP(src=BACKENDS4["b1"][0], dst=LOCAL4[0])
                       / TCP(sport=8080, dport=5, flags="A"))


def test_only_the_backend_of_the_flow_is_let_through(full):
    sport = next(client_ports)
    got = ask(full.wire, 4, "tcp", sport)
    frame = answer_to(got)
    frame[IP].src = "10.9.0.99"
    with full.counts("drop_no_service"):
        full.wire.send(frame)


def test_a_routers_error_reaches_the_backend_as_about_its_own_packet(full):
    sport = next(client_ports)
    got = ask(full.wire, 4, "tcp", sport)
    back = full.wire.ask(answer_to(got), at_client(sport), "answer at the client")
    error = Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src="203.0.113.1", dst=VIP4) \
        / ICMP(type=3, code=4, nexthopmtu=1400) / bytes(back[IP])[:48]
    told = full.wire.ask(error, lambda f: ICMP in f and f.dst == got.dst, "error at the backend")
    assert told[IP].dst == got[IP].dst
    assert (told[IPerror].src, told[IPerror].dst) == (got[IP].dst, got[IP].src)
    assert (told[TCPerror].sport, told[TCPerror].dport) == (8080, got[TCP].sport)
    check_ipv4_error(told)


@pytest.mark.parametrize("family", [4, 6])
def test_a_backends_error_reaches_the_client_as_from_the_service(full, family):
    sport = next(client_ports)
    got = ask(full.wire, family, "udp", sport)
    unreachable = ICMP(type=3, code=3) if family == 4 else ICMPv6DestUnreach(code=4)
    error = Ether(dst=PORT_MAC, src=got.dst) / ip(family, network(got).dst, network(got).src) \
        / unreachable / network(got)
    told = full.wire.ask(error, lambda f: UDPerror in f and f.dst == CLIENT_MAC, "error")
    assert (network(told).src, network(told).dst) == (VIP[family], CLIENT[family])
    inner = told.getlayer(IPerror) or told.getlayer(IPerror6)
    assert (inner.src, inner.dst) == (CLIENT[family], VIP[family])
    assert (told[UDPerror].sport, told[UDPerror].dport) == (sport, 53)
    if family == 4:
        check_ipv4_error(told)
    else:
        assert checksums_are_right(told)


def test_a_router_before_the_backend_says_packet_too_big_to_the_client(full):
    sport = next(client_ports)
    got = ask(full.wire, 6, "tcp", sport)
    error = Ether(dst=PORT_MAC, src=got.dst) / IPv6(src="2001:db8:5::1", dst=got[IPv6].src) \
        / ICMPv6PacketTooBig(mtu=1280) / got[IPv6]
    told = full.wire.ask(error, lambda f: ICMPv6PacketTooBig in f and f.dst == CLIENT_MAC, "error")
    assert (told[IPv6].src, told[IPv6].dst) == (VIP6, CLIENT6)
    assert (told[IPerror6].src, told[IPerror6].dst) == (CLIENT6, VIP6)
    assert (told[TCPerror].sport, told[TCPerror].dport) == (sport, 80)
    assert checksums_are_right(told)


@pytest.mark.parametrize("local_addresses,says", [
    ((), "mode fullnat needs a local address of the service's family"),
    (LOCAL4, "mode fullnat needs a local address of the service's family"),
    ((VIP4, *LOCAL6), "is given twice, or a virtual router's"),
])
def test_a_bad_pool_of_local_addresses_is_refused(full, local_addresses, says):
    with pytest.raises(AssertionError, match=says):
        push(full, local_addresses=local_addresses)
    sport = next(client_ports)
    ask(full.wire, 4, "tcp", sport)
