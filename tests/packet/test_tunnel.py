# SPDX-License-Identifier: BSD-3-Clause
"""Mode tunnel: what clients send reaches a backend whole, inside another packet; and what does not
fit is answered. The backends' side is decoded by scapy, the way a kernel would take it apart."""

import itertools

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, TCPerror, UDPerror
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6PacketTooBig, IPerror6, IPv6)
from scapy.layers.l2 import Ether

from conftest import BACKENDS4, BACKENDS6, pools
from harness import (CLIENT4, CLIENT6, CLIENT_MAC, PORT_MAC, VIP4, VIP6, Dataplane, backend, router,
                     service)

SOURCE4, SOURCE6 = "10.9.0.3", "fd09::3"
BACKEND_MACS = {mac: name for name, (_, mac) in BACKENDS4.items()}
GUE_PORT = 6080
OVERHEAD = {("ipip", 4): 20, ("ipip", 6): 40, ("gue", 4): 32, ("gue", 6): 52}

KINDS = [pytest.param(kind, vip, outer, id=f"{kind}-{vip}in{outer}")
         for kind in ("ipip", "gue") for vip in (4, 6) for outer in (4, 6)]

client_ports = itertools.count(30000)


def tunnel(kind, **keys):
    values = {"type": kind, "source4": SOURCE4, "source6": SOURCE6}
    if kind == "gue":
        values["gue_port"] = GUE_PORT
    values.update(keys)
    return values


def state(dataplane, services, pool_list=None):
    """The parameters of a push of 'services', which are dictionaries."""
    dataplane.generation += 1
    chosen = pool_list or pools()
    return {"generation": dataplane.generation, "routers": [router("r4", VIP4), router("r6", VIP6)],
            "pools": [{"name": name, "backends": chosen[name]} for name in chosen],
            "services": services}


def tunnel_services(kind, vip, outer, **keys):
    """HTTP and DNS of one VIP by tunnel to the pool of family 'outer'."""
    pool = 0 if outer == 4 else 1
    address = VIP4 if vip == 4 else VIP6
    services = [service("http", address, 80, "tcp", pool), service("dns", address, 53, "udp", pool)]
    mss = keys.pop("mss", None)
    for each in services:
        each["mode"] = "tunnel"
        each["tunnel"] = tunnel(kind, **keys)
    if mss:
        services[0]["mss"] = mss
    return services


def use(dataplane, kind, vip, outer, **keys):
    dataplane.control.call("state", state(dataplane, tunnel_services(kind, vip, outer, **keys)))
    dataplane.wait_ready()


def to_vip(vip, l4, load=b"payload", **keys):
    ip = IP(src=CLIENT4, dst=VIP4, id=4711, **{"tos": 0xb9, "flags": "DF", **keys}) if vip == 4 \
        else IPv6(src=CLIENT6, dst=VIP6, **{"tc": 0xb9, **keys})
    return Ether(dst=PORT_MAC, src=CLIENT_MAC) / ip / l4 / load


def unwrap(frame, kind, vip, outer):
    """Takes the outer headers off as the backend's kernel would; returns (outer, inner bytes)."""
    out = frame[IP] if outer == 4 else frame[IPv6]
    addresses = [address for address, _ in (BACKENDS4 if outer == 4 else BACKENDS6).values()]
    assert out.src == (SOURCE4 if outer == 4 else SOURCE6)
    assert out.dst in addresses
    raw = bytes(out)
    size = 20 if outer == 4 else 40
    number = 4 if vip == 4 else 41
    if kind == "ipip":
        assert (out.proto if outer == 4 else out.nh) == number
        inner = raw[size:]
    else:
        udp_header = UDP(raw[size:])
        assert udp_header.dport == GUE_PORT and udp_header.sport >= 49152
        assert raw[size + 8:size + 12] == bytes([0, number, 0, 0])
        inner = raw[size + 12:]
    # Lengths and checksums are what scapy computes.
    computed = out.__class__(raw)
    if outer == 4:
        del computed.len, computed.chksum
    else:
        del computed.plen
    if kind == "gue":
        assert (computed[UDP].chksum == 0) == (outer == 4)
        del computed[UDP].len
        if outer == 6:
            del computed[UDP].chksum
    assert bytes(computed) == raw
    return out, inner


def one_hop_further(frame):
    packet = frame[1].copy()
    if isinstance(packet, IP):
        packet.ttl -= 1
        del packet.chksum
    else:
        packet.hlim -= 1
    return bytes(packet)


def at_backend(frame):
    return frame.dst in BACKEND_MACS and (IP in frame or IPv6 in frame) and not (
        frame.haslayer("ICMPv6ND_NA") or frame.haslayer("ICMPv6ND_NS"))


def tcp(sport, flags="S", **keys):
    return TCP(sport=sport, dport=80, flags=flags, seq=1000, **keys)


def udp(sport):
    return UDP(sport=sport, dport=53)


@pytest.mark.parametrize("protocol", [tcp, udp])
@pytest.mark.parametrize("kind,vip,outer", KINDS)
def test_a_packet_arrives_whole_inside_another(dataplane, wire, kind, vip, outer, protocol):
    use(dataplane, kind, vip, outer)
    sent = Ether(bytes(to_vip(vip, protocol(next(client_ports)))))
    got = wire.ask(sent, at_backend, "tunnelled packet")
    assert got.src == PORT_MAC
    out, inner = unwrap(got, kind, vip, outer)
    assert inner == one_hop_further(sent)
    if outer == 4:
        assert (out.tos, out.ttl) == (0xb9, 64)
        assert out.flags.DF == (vip == 4)
    else:
        assert (out.tc, out.hlim) == (0xb9, 64)
        assert out.fl != 0


@pytest.mark.parametrize("outer", [4, 6])
def test_a_flow_stays_in_one_tunnel_and_flows_spread(dataplane, wire, outer):
    use(dataplane, "gue", 4, outer)
    sports = [next(client_ports) for _ in range(16)]
    seen = {}
    for flags in ("S", "A"):
        for sport in sports:
            got = wire.ask(to_vip(4, tcp(sport, flags)), at_backend, "tunnelled packet")
            label = got[IPv6].fl if outer == 6 else 0
            assert seen.setdefault(sport, (got.dst, got[UDP].sport, label)) == \
                (got.dst, got[UDP].sport, label)
    assert len({mac for mac, _, _ in seen.values()}) == 2
    assert len({port for _, port, _ in seen.values()}) > 12
    if outer == 6:
        assert len({label for _, _, label in seen.values()}) > 12


def test_a_source_prefix_gives_flows_different_sources(dataplane, wire):
    use(dataplane, "ipip", 4, 4, source4="198.18.0.0/16")
    seen = set()
    for _ in range(16):
        got = wire.ask(to_vip(4, tcp(next(client_ports))), at_backend, "tunnelled packet")
        assert got[IP].src.startswith("198.18.")
        seen.add(got[IP].src)
    assert len(seen) > 12


def test_a_packet_that_may_be_fragmented_may_be_so_outside(dataplane, wire):
    use(dataplane, "ipip", 4, 4)
    got = wire.ask(to_vip(4, udp(next(client_ports)), flags=0), at_backend, "tunnelled packet")
    assert not got[IP].flags.DF
    assert got[IP].id != 0


def test_the_outer_packet_goes_to_the_gateway_of_the_backends_route(dataplane, wire):
    gateway, mac = "10.9.0.1", "02:00:00:00:01:01"
    wire.hosts[gateway] = mac
    dataplane.lb.ip("route", "add", "192.0.2.0/24", "via", gateway, "dev", "weir0")
    try:
        services = tunnel_services("ipip", 6, 4)
        dataplane.control.call("state", state(dataplane, services, {
            "web4": [backend("far", "192.0.2.7")], "web6": []}))
        dataplane.wait_ready()
        got = wire.ask(to_vip(6, tcp(next(client_ports))), lambda f: f.dst == mac and IP in f,
                       "packet at the gateway")
        assert (got[IP].src, got[IP].dst) == (SOURCE4, "192.0.2.7")
    finally:
        dataplane.lb.ip("route", "del", "192.0.2.0/24")


@pytest.mark.parametrize("vip", [4, 6])
def test_a_packet_at_the_end_of_its_life_is_dropped(dataplane, wire, vip):
    use(dataplane, "ipip", vip, 4)
    last = {"ttl": 1} if vip == 4 else {"hlim": 1}
    with dataplane.counts("drop_ttl"):
        wire.send(to_vip(vip, tcp(next(client_ports)), **last))


@pytest.mark.parametrize("kind,vip,outer", KINDS)
def test_an_icmp_error_about_a_flow_goes_into_its_tunnel(dataplane, wire, kind, vip, outer):
    use(dataplane, kind, vip, outer)
    sport = next(client_ports)
    flow = wire.ask(to_vip(vip, tcp(sport)), at_backend, "tunnelled packet")
    if vip == 4:
        error = Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src="10.9.0.77", dst=VIP4) \
            / ICMP(type=3, code=4, nexthopmtu=1300) / IPerror(src=VIP4, dst=CLIENT4) \
            / TCPerror(sport=80, dport=sport)
    else:
        error = Ether(dst=PORT_MAC, src=CLIENT_MAC) / IPv6(src="fd09::77", dst=VIP6) \
            / ICMPv6PacketTooBig(mtu=1300) / IPerror6(src=VIP6, dst=CLIENT6) \
            / TCPerror(sport=80, dport=sport)
    error = Ether(bytes(error))
    got = wire.ask(error, at_backend, "tunnelled error")
    assert got.dst == flow.dst
    assert unwrap(got, kind, vip, outer)[1] == one_hop_further(error)


def is_too_big(frame):
    return (ICMP in frame and (frame[ICMP].type, frame[ICMP].code) == (3, 4)) or \
        ICMPv6PacketTooBig in frame


@pytest.mark.parametrize("kind,vip,outer", KINDS)
def test_what_does_not_fit_is_told_to_the_client(dataplane, wire, kind, vip, outer):
    use(dataplane, kind, vip, outer)
    mtu = 1500 - OVERHEAD[kind, outer]
    room = mtu - (20 if vip == 4 else 40) - 8
    sport = next(client_ports)
    got = wire.ask(to_vip(vip, udp(sport), bytes(room)), at_backend, "the largest packet")
    assert len(got) == 1514
    sent = Ether(bytes(to_vip(vip, udp(sport), bytes(room + 1))))
    with dataplane.counts("reply_too_big"):
        got = wire.ask(sent, is_too_big, "packet too big")
    assert (got.src, got.dst) == (PORT_MAC, CLIENT_MAC)
    checked = Ether(bytes(got))
    if vip == 4:
        assert (got[IP].src, got[IP].dst) == (VIP4, CLIENT4)
        assert got[ICMP].nexthopmtu == mtu
        assert len(got) == 14 + 576
        assert bytes(got[ICMP])[8:] == bytes(sent)[14:14 + 548]
        assert got[UDPerror].sport == sport
        del checked[IP].chksum, checked[ICMP].chksum
    else:
        assert (got[IPv6].src, got[IPv6].dst) == (VIP6, CLIENT6)
        assert got[ICMPv6PacketTooBig].mtu == mtu
        assert len(got) == 14 + 1280
        assert bytes(got[ICMPv6PacketTooBig])[8:] == bytes(sent)[14:14 + 1232]
        assert got[UDPerror].sport == sport
        del checked[ICMPv6PacketTooBig].cksum
    assert bytes(checked) == bytes(got)
    assert not wire.seen(at_backend)


def test_what_is_told_quotes_a_syn_as_it_came(dataplane, wire):
    use(dataplane, "gue", 4, 4, mss=1340)
    sent = Ether(bytes(to_vip(4, tcp(next(client_ports), options=[("MSS", 1460)]), bytes(1456))))
    got = wire.ask(sent, is_too_big, "fragmentation needed")
    assert bytes(got[ICMP])[8:] == bytes(sent)[14:14 + 548]


def test_without_df_the_client_is_told_as_well(dataplane, wire):
    use(dataplane, "ipip", 4, 4)
    got = wire.ask(to_vip(4, udp(next(client_ports)), bytes(1472), flags=0), is_too_big,
                   "fragmentation needed")
    assert got[ICMP].nexthopmtu == 1480


def test_the_tunnels_own_mtu_counts(dataplane, wire):
    use(dataplane, "ipip", 6, 6, mtu=1400)
    got = wire.ask(to_vip(6, udp(next(client_ports)), bytes(1400 - 40 - 48 + 1)), is_too_big,
                   "packet too big")
    assert got[ICMPv6PacketTooBig].mtu == 1360


def test_answers_are_limited(dataplane, wire):
    use(dataplane, "ipip", 4, 4)
    before = dataplane.stats()["verdicts"]
    frame = bytes(to_vip(4, udp(next(client_ports)), bytes(1472)))
    for _ in range(400):
        wire.send(frame)
    wire.ask(to_vip(4, tcp(next(client_ports))), at_backend, "a packet behind them")
    after = dataplane.stats()["verdicts"]
    told = after["reply_too_big"] - before["reply_too_big"]
    silent = after["drop_too_big"] - before["drop_too_big"]
    assert told + silent == 400
    assert told >= 50


def test_an_error_that_does_not_fit_is_dropped(dataplane, wire):
    use(dataplane, "ipip", 6, 6, mtu=1320)
    error = Ether(dst=PORT_MAC, src=CLIENT_MAC) / IPv6(src="fd09::77", dst=VIP6) \
        / ICMPv6DestUnreach() / IPerror6(src=VIP6, dst=CLIENT6) \
        / TCPerror(sport=80, dport=next(client_ports)) / bytes(1300)
    with dataplane.counts("drop_too_big"):
        wire.send(error)
    assert not wire.seen(is_too_big)


@pytest.mark.parametrize("flags", ["S", "SEC"])
@pytest.mark.parametrize("vip", [4, 6])
def test_the_mss_of_a_syn_is_lowered_in_a_tunnel(dataplane, wire, vip, flags):
    use(dataplane, "gue", vip, 4, mss=1340)
    segment = tcp(next(client_ports), flags, options=[
        ("SAckOK", b""), ("NOP", None), ("MSS", 1460), ("WScale", 7)])
    got = wire.ask(to_vip(vip, segment), at_backend, "SYN")
    _, inner = unwrap(got, "gue", vip, 4)
    packet = IP(inner) if vip == 4 else IPv6(inner)
    assert dict(packet[TCP].options)["MSS"] == 1340
    del packet[TCP].chksum
    assert bytes(packet) == inner


@pytest.mark.parametrize("offered,flags,got_mss", [
    (1460, "S", 1300), (1300, "S", 1300), (1200, "S", 1200), (1460, "A", 1460), (None, "S", None)])
def test_the_mss_is_lowered_in_dr_on_syns_only(dataplane, wire, offered, flags, got_mss):
    clamped = service("http4", VIP4, 80, "tcp", 0)
    clamped["mss"] = 1300
    dataplane.control.call("state", state(dataplane, [clamped]))
    dataplane.wait_ready()
    segment = tcp(next(client_ports), flags, options=[("MSS", offered)] if offered else [])
    got = wire.ask(to_vip(4, segment), lambda f: f.dst in BACKEND_MACS and TCP in f, "segment")
    assert dict(got[TCP].options).get("MSS") == got_mss
    checked = Ether(bytes(got))
    del checked[TCP].chksum
    assert bytes(checked) == bytes(got)


def test_the_service_counts_packets_as_they_came(dataplane, wire):
    def count():
        return {each["name"]: each for each in dataplane.stats()["services"]}["http"]

    use(dataplane, "gue", 4, 6)
    before = count()
    frame = to_vip(4, tcp(next(client_ports)))
    wire.ask(frame, at_backend, "tunnelled packet")
    after = count()
    assert after["packets"] - before["packets"] == 1
    assert after["bytes"] - before["bytes"] == len(frame)


@pytest.mark.parametrize("change,says", [
    ({"source4": VIP4}, f"source is or holds {VIP4}, an address of virtual router r4"),
    ({"source4": "10.9.0.0/24"}, f"holds {VIP4}"),
    ({"source4": None}, "no source of IPv4, the family of backend b1"),
    ({"mtu": 595}, "mtu 595 is too small: give at least 596"),
    ({"mtu": 100}, "mtu: 100 is not from 576 to 65535"),
    ({"type": "gue", "gue_port": 0}, "gue_port: 0 is not from 1 to 65535"),
    ({"type": "gre"}, "choose ipip, gue"),
])
def test_a_state_with_a_bad_tunnel_is_refused_and_changes_nothing(dataplane, wire, change, says):
    use(dataplane, "ipip", 4, 4)
    services = tunnel_services("ipip", 4, 4, **change)
    for each in services:
        each["tunnel"] = {key: value for key, value in each["tunnel"].items() if value is not None}
    generation = dataplane.stats()["generation"]
    error = dataplane.control.error("state", state(dataplane, services))
    assert says in error
    assert dataplane.stats()["generation"] == generation
    wire.ask(to_vip(4, tcp(next(client_ports))), at_backend, "tunnelled packet")


def test_the_mtu_of_the_ports_interface_counts(tmp_path):
    own = Dataplane(tmp_path)
    try:
        own.lb.ip("link", "set", "front", "mtu", "1400")
        own.start()
        own.add_host_addresses()
        own.wire.hosts.update({BACKENDS4["b1"][0]: BACKENDS4["b1"][1]})
        one = {"web4": [backend("b1", BACKENDS4["b1"][0])], "web6": []}
        own.control.call("state", state(own, tunnel_services("ipip", 4, 4), one))
        own.wait_ready()
        own.wire.ask(to_vip(4, udp(next(client_ports)), bytes(1380 - 28)), at_backend, "packet")
        got = own.wire.ask(to_vip(4, udp(next(client_ports)), bytes(1381 - 28)), is_too_big,
                           "fragmentation needed")
        assert got[ICMP].nexthopmtu == 1380
    finally:
        own.close()


def test_a_port_too_narrow_for_any_tunnel_is_named(tmp_path):
    own = Dataplane(tmp_path)
    try:
        own.lb.ip("link", "set", "front", "mtu", "1290")
        own.start()
        error = own.control.error("state", state(own, tunnel_services("ipip", 6, 4)))
        assert "service http: the MTU 1290 is too small for its tunnel: give the port's " \
            "interface at least 1300" in error
    finally:
        own.close()
