#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the seeds of the fuzz targets to tests/fuzz/corpus/TARGET/. Seeds are what a peer would
really send; findings that were fixed stay in the same folders under names of their own."""

import json
import struct
from pathlib import Path

import hpack
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, IPOption
from scapy.layers.inet6 import (ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr,
                                ICMPv6PacketTooBig, IPerror6, IPv6, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment, IPv6ExtHdrHopByHop)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.vrrp import VRRPv3

FOLDER = Path(__file__).resolve().parent
CORPUS = FOLDER / "corpus"

# As in pipeline_world.h.
PORT, CLIENT_MAC = "02:00:00:00:00:01", "02:00:00:00:00:c1"
CLIENT4, CLIENT6 = "198.51.100.7", "2001:db8:c::7"
VIP4, VIP6 = "192.0.2.100", "2001:db8::100"
FAR4, FAR6 = "192.0.2.102", "2001:db8::102"
GROUP, GROUP_MAC = "ff02::1:ff00:100", "33:33:ff:00:01:00"

# Steps of pipeline_fuzz.c, by their numbers.
RAW, MADE, MANY, TIME, LEASE, STATE, NEIGHBOUR, SWEEP, BACK = range(9)
V6 = 0x80
TCP_FIN, TCP_DATA, TCP_SYN, UDP_, ECHO, ERROR, ASK, OTHER = 0x08, 0, 2, 3, 4, 5, 6, 7
TCP_RST = 0x20


def raw(frame, how=0x40):
    """'how' 4 leaves no room around the frame."""
    data = bytes(frame)
    return bytes([RAW, how]) + struct.pack("!H", len(data)) + data


def made(kind, who=0, port=4711, cut=0, damage=()):
    changes = b"".join(bytes(change) for change in damage)
    return bytes([MADE, 0x48, kind, who]) + struct.pack("!HBB", port, cut, len(damage)) + changes


def many(kind, n, who=0, port=1000):
    return bytes([MANY, kind, who]) + struct.pack("!HB", port, n)


def back(which, error=0, router=0, flags=0, damage=()):
    """An answer of a backend: 'flags' 0 ACK, 1 SYN, 2 FIN, 3 RST."""
    changes = b"".join(bytes(change) for change in damage)
    kind = which | error << 2 | router << 3 | flags << 4 | 0x40
    return bytes([BACK, kind, len(damage)]) + changes


def state(number):
    return bytes([STATE, number])


def seconds(n):
    return bytes([TIME, 0x80 | n])


def minutes(n):
    return bytes([TIME, 0xc0 | n])


def lease(router, tenths=60):
    return bytes([LEASE, tenths << 1 | router])


def neighbour(host, known, v6=0, version=0):
    return bytes([NEIGHBOUR, v6 | known << 1 | host << 2 | version << 5])


def frames():
    """Real frames, one of each kind."""
    to_port = Ether(dst=PORT, src=CLIENT_MAC)
    four, six = IP(src=CLIENT4, dst=VIP4), IPv6(src=CLIENT6, dst=VIP6)
    syn, ask = TCP(sport=4711, dport=80, flags="S"), UDP(sport=4711, dport=53)
    inner4 = IPerror(bytes(IP(src=VIP4, dst=CLIENT4) / TCP(sport=80, dport=4711)))
    inner6 = IPerror6(bytes(IPv6(src=VIP6, dst=CLIENT6) / TCP(sport=80, dport=4711)))
    return {
        "tcp4": to_port / four / syn, "tcp6": to_port / six / syn,
        "udp4": to_port / four / ask / b"query", "udp6": to_port / six / ask / b"query",
        "echo4": to_port / four / ICMP(id=7) / b"payload",
        "echo6": to_port / six / ICMPv6EchoRequest(id=7, data=b"payload"),
        "too_big4": to_port / four / ICMP(type=3, code=4, nexthopmtu=1400) / inner4,
        "too_big6": to_port / six / ICMPv6PacketTooBig(mtu=1400) / inner6,
        "options4": to_port / IP(src=CLIENT4, dst=VIP4, options=[IPOption(b"\x94\x04\0\0")]) / syn,
        "extensions6": to_port / six / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / syn,
        "fragment4": to_port / IP(src=CLIENT4, dst=VIP4, flags="MF") / ask / bytes(16),
        "fragment6": to_port / six / IPv6ExtHdrFragment(m=1) / ask / bytes(16),
        "arp": Ether(dst="ff:ff:ff:ff:ff:ff", src=CLIENT_MAC)
        / ARP(op=1, hwsrc=CLIENT_MAC, psrc="192.0.2.1", pdst=VIP4) / bytes(18),
        "solicitation": Ether(dst=GROUP_MAC, src=CLIENT_MAC)
        / IPv6(src="fe80::1", dst=GROUP, hlim=255) / ICMPv6ND_NS(tgt=VIP6)
        / ICMPv6NDOptSrcLLAddr(lladdr=CLIENT_MAC),
        "probe": Ether(dst=GROUP_MAC, src=CLIENT_MAC) / IPv6(src="::", dst=GROUP, hlim=255)
        / ICMPv6ND_NS(tgt=VIP6),
        "vlan": Ether(dst=PORT, src=CLIENT_MAC) / Dot1Q(vlan=7) / four / syn,
    }


def pipeline():
    both = lease(0) + lease(1)
    seeds = {name: state(0) + both + raw(frame) * 2 + raw(frame, how=4)
             for name, frame in frames().items()}
    for family, v6 in (("4", 0), ("6", V6)):
        syn, data, end, reset = (kind | v6 for kind in (TCP_SYN, TCP_DATA, TCP_FIN, TCP_RST))
        seeds["connection" + family] = state(0) + made(syn) + made(data) * 2 + seconds(50) \
            + made(data) + made(end) + made(reset) + seconds(3) + made(data) + made(syn)
        seeds["states" + family] = b"".join(
            state(n) + many(syn, 9) + many(data, 9) + many(UDP_ | v6, 9, who=0x10)
            for n in (0, 2, 3, 4, 5, 1, 6, 7, 8, 0))
        seeds["full" + family] = state(0) + many(syn, 60) + many(data, 60) + seconds(9) \
            + many(syn, 60, port=9000) + bytes([SWEEP, 9]) + minutes(6) + many(data, 63, port=7000)
        seeds["hops" + family] = state(0) + b"".join(
            made(syn, damage=[(21 if v6 else 22, hops)]) for hops in (0, 1, 2))
        seeds["errors" + family] = state(0) + made(syn) + made(ERROR | v6) + state(3) \
            + made(ERROR | v6) + made(data)
        seeds["neighbours" + family] = state(0) + many(syn, 9) + b"".join(
            neighbour(host, 0, int(v6 > 0)) + many(data, 9) for host in range(4)) \
            + neighbour(0, 1, int(v6 > 0), 3) + many(data, 9)
        seeds["questions" + family] = b"".join(
            lease(n, tenths) + made(ECHO | v6) + made(ASK | v6) + made(ASK | v6, who=0x80)
            for n in (0, 1) for tenths in (60, 0)) + state(0) + both + made(ECHO | v6) \
            + made(ASK | v6) + made(ASK | v6, who=0x80) + seconds(7) + made(ASK | v6)
        seeds["damage" + family] = state(1) + both + b"".join(
            made(data, damage=[(at, value)]) for at in range(12, 60, 3) for value in (0, 255)) \
            + b"".join(made(syn, cut=n) for n in range(0, 60, 7))
        seeds.update(modes(family, v6))
    return seeds


def modes(family, v6):
    """Services of modes other than dr: their kind of packet, address and port as 'who' has them."""
    far, alone = 1 << 2, 2 << 2
    services = {"ipip": (TCP_SYN, far), "gue": (UDP_, far | 1 << 4), "nat": (TCP_SYN, far | 2 << 4),
                "fullnat": (TCP_SYN, far | 3 << 4), "nat_udp": (UDP_, far | 4 << 4),
                "fullnat_udp": (UDP_, far | 5 << 4), "cross": (TCP_SYN, far | 6 << 4),
                "cross_gue": (UDP_, far | 6 << 4)}
    seeds = {}
    for name, (kind, who) in services.items():
        begin, more = kind | v6, (TCP_DATA if kind == TCP_SYN else UDP_) | v6
        answers = back(0) + back(0, flags=1) + back(0, error=1) + back(0, error=1, router=1)
        seeds[name + family] = state(9) + made(begin, who) + answers + made(more, who, cut=1) \
            + made(ERROR | v6, who) + made(ERROR | v6, who, port=1) + back(1, flags=2) \
            + made(TCP_FIN | v6, who) + seconds(20) + made(more, who) + back(3, flags=3)
        seeds[name + "_states" + family] = b"".join(
            state(n) + many(begin, 9, who) + many(more, 9, who) + back(n % 4) + back(1, error=1)
            for n in (9, 10, 11, 12, 13, 9))
        seeds[name + "_full" + family] = state(10) + many(begin, 60, who) + many(more, 60, who) \
            + seconds(9) + many(begin, 63, who, port=9000) + back(2) + minutes(6) \
            + many(more, 60, who, port=5000)
        seeds[name + "_fragments" + family] = state(9) + b"".join(
            made((4 if kind == TCP_SYN else 0) | 0x40 | n | v6, who) for n in (0, 1, 3, 2))
    shared = far | 2 << 4, alone | 2 << 4
    seeds["clash" + family] = state(9) + b"".join(
        made(kind | v6, who & ~(alone if v6 else 0)) for kind in (TCP_SYN, TCP_DATA)
        for who in shared) + back(0) + back(1)
    seeds["locals" + family] = state(9) + b"".join(
        made(ECHO | v6 | n << 3, 0x40) + made(ASK | v6 | n << 4, 0x40) for n in (0, 1))
    client, vip, ip = (CLIENT6, FAR6, IPv6) if v6 else (CLIENT4, FAR4, IP)
    to_port = Ether(dst=PORT, src=CLIENT_MAC) / ip(src=client, dst=vip)
    options = [("NOP", None), ("MSS", 1460), ("SAckOK", b"")]
    seeds["mss" + family] = state(9) + b"".join(
        raw(to_port / TCP(sport=4711, dport=port, flags="S", options=options))
        for port in (80, 8080))
    seeds["too_big_tunnel" + family] = state(9) + b"".join(
        raw(to_port / layer / bytes(size), how) for how in (0x40, 4) for layer, size in (
            (TCP(sport=4711, dport=80, flags="A"), 1350), (UDP(sport=4711, dport=53), 1350),
            (UDP(sport=4711, dport=53), 1000)))
    return seeds


def vrrp_packet():
    seeds = {}
    for index, (source, addresses) in enumerate((("192.0.2.1", ["192.0.2.100", "192.0.2.101"]),
                                                 ("fe80::1", ["fe80::100", "2001:db8::100"]))):
        ip = IP(src=source, dst="224.0.0.18", ttl=255, proto=112) if index == 0 else \
            IPv6(src=source, dst="ff02::12", hlim=255, nh=112)
        packet = ip / VRRPv3(vrid=51, priority=200, adv=100, addrlist=addresses,
                             ipcount=len(addresses))
        message = bytes(packet)[20 if index == 0 else 40:]
        seeds[f"advert{4 + 2 * index}"] = bytes([index, 0]) + message
        seeds[f"low_ttl{4 + 2 * index}"] = bytes([index, 1]) + message
    return seeds


def control():
    def line(method, params):
        return json.dumps({"id": 1, "method": method, "params": params}).encode() + b"\n"

    backends = [{"name": f"b{n}", "address": f"192.0.2.{n}", "weight": 100, "up": n != 2}
                for n in (1, 2)]
    full = {"generation": 7,
            "routers": [{"name": "r4", "port": "front", "addresses": [VIP4]}],
            "pools": [{"name": "web", "backends": backends}, {"name": "none", "backends": []}],
            "services": [{"name": "http", "address": VIP4, "port": 80, "protocol": "tcp",
                          "mode": "dr", "scheduler": "maglev", "pool": 0},
                         {"name": "dns", "address": VIP6, "port": 53, "protocol": "udp",
                          "mode": "dr", "scheduler": "maglev", "pool": 1}]}
    listed = {**full, "lists": [{"name": "a", "prefixes": ["192.0.2.0/24", "2001:db8::1"]},
                                {"name": "b", "file": "/b", "stamp": "1-2-3"}],
              "services": [{**full["services"][0], "block": [0, 1], "allow": [1]}],
              "flow_timeouts": {"embryonic_ms": 500, "udp_ms": 3600000}}
    state_line, lease_line = line("state", full), line("lease", {"ttl_ms": 250, "held": ["r4"]})
    return {"lists": b"\0" + line("state", listed), "state": b"\0" + state_line, "lease": b"\0" + lease_line,
            "pieces": b"\x07" + line("hello", {"version": 1}) + state_line + lease_line
            + line("flows", {"limit": 10, "client": CLIENT6}),
            "refused": b"\0" + line("state", {"generation": -1}) + b"not json\n[]\n{}\n\n"}


def response_parser():
    plain = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" \
        b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: z\r\n\r\n"
    return {"length": b"\x0c" + plain, "chunked": b"\x1c" + chunked, "head": b"\x01" + plain[:-5],
            "until_close": b"\x02HTTP/1.0 404 Not Found\r\nServer: a\r\n\r\nnothing",
            "interim": b"\x10HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + plain,
            "no_body": b"\0HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
            "refused": b"\0HTTP/1.1 200 OK\r\nA : b\r\n c\r\n"
                       b"Transfer-Encoding: gzip, chunked\r\n\r\n"}


def http_guard():
    get = b"GET /a?b=c HTTP/1.1\r\nHost: www.example.org\r\nAccept: */*\r\n\r\n"
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" \
        b"3;x=\"y\"\r\nabc\r\n0\r\nTrailer: z\r\n\r\n"
    return {"get": b"\xff" + get, "pipelined": b"\x06" + get + post + chunked + get,
            "old": b"\xffGET / HTTP/1.0\r\n\r\n",
            "two_lengths": b"\xff" + post.replace(b"\r\n\r\n", b"\r\nContent-Length: 4\r\n\r\n"),
            "too_long": b"\x20GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 600 + b"\r\n\r\n"}


def http2():
    """Pieces, how the client behaves (http2_fuzz.c), frames."""
    def frame(kind, flags=0, stream=0, payload=b""):
        return struct.pack("!I", len(payload))[1:] \
            + struct.pack("!BBI", kind, flags, stream) + payload

    def fields(path, method="GET", *more):
        pairs = [(":method", method), (":scheme", "https"), (":authority", "a"), (":path", path),
                 *more]
        return hpack.Encoder().encode([hpack.NeverIndexedHeaderTuple(*pair) for pair in pairs])

    def get(stream, path):
        return frame(1, 0x5, stream, fields(path))

    def post(stream, path, *data):
        return frame(1, 0x4, stream, fields(path, "POST")) + b"".join(
            frame(0, i + 1 == len(data), stream, each) for i, each in enumerate(data))

    whole, pings = b"\xff\0", frame(6, 0, 0, b"12345678") * 30
    windows = frame(8, 0, 0, b"\0\x0f\xff\xff") + frame(8, 0, 1, b"\0\x0f\xff\xff")
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    return {"get": whole + get(1, "/bytes") + get(3, "/none") + get(5, "/sink"),
            "bodies": b"\x02\0" + post(1, "/echo", b"a" * 99, b"b")
                      + post(3, "/sink", b"c" * 700, b""),
            "much": whole + get(1, "/source") + windows + get(3, "/source"),
            "deaf": b"\xff\2" + b"".join(get(2 * i + 1, "/source") for i in range(8)) + pings,
            "stays": b"\x10\4" + get(1, "/source") + post(3, "/sink", b"d"),
            "drains": b"\xff\x08" + get(1, "/source") + get(3, "/bytes"),
            "own_preface": b"\xff\1" + preface + frame(4, 0, 0, b"\0\4\0\0\0\1")
                           + get(1, "/source"),
            "no_preface": b"\xff\1GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "resets": whole + b"".join(
                get(2 * i + 1, "/source") + frame(3, 0, 2 * i + 1, b"\0\0\0\x08")
                for i in range(30)),
            "continued": whole + frame(1, 1, 1, fields("/bytes")[:9])
                         + frame(9, 0, 1, fields("/bytes")[9:15])
                         + frame(9, 4, 1, fields("/bytes")[15:]),
            "trailers": whole + frame(1, 4, 1, fields("/sink", "POST", ("expect", "100-continue")))
                        + frame(0, 8, 1, b"\3abc\0\0\0")
                        + frame(1, 5, 1, hpack.Encoder().encode([("x", "y")])),
            "priorities": whole + frame(2, 0, 3, b"\0\0\0\0\x10")
                          + frame(1, 0x25, 1, b"\0\0\0\0\x10" + fields("/bytes"))
                          + frame(99, 0, 0, b"new") + frame(7, 0, 0, bytes(8)),
            "malformed": whole + frame(1, 5, 1, fields("/bytes", "GET", ("Upper", "x"))) + frame(
                1, 5, 3, fields("bytes")) + frame(8, 0, 0, bytes(4))}


TEXTS = {
    "path_rules": {
        "plain": b"\xff/a/b.html\0/api/links?a=b",
        "folder": b"\xff//a//b/\0/api/",
        "hidden": b"\xff/.git/config\0/api/%2e%2E/x",
        "short": b"\x02/abcdef\0/api/a%2fb",
        "known": b"\xff/.well-known/x y%\0/api/..;/.\\x",
    },
    "http_fields": {
        "range": b"\x04\0\0bytes=0-499\0bytes=-5\0bytes=9-",
        "dates": b"\x01\0\0Sun, 06 Nov 1994 08:49:37 GMT\0Sunday, 06-Nov-94 08:49:37 GMT\0"
                 b"Sun Nov  6 08:49:37 1994",
        "tags": b"\0\0\0\"tag\"\0W/\"tag\", *\0keep-alive",
        "targets": b"\xff\xff\x08http://a:80/b?c\0Connection\0close, X",
    },
    "prefix_list": {
        "both": b"# head\n10.0.0.0/8 # rest\r\n\n2001:db8::/32\n192.0.2.1\n10.1.0.0/16\n::/0",
        "ends": b"0.0.0.0\n255.255.255.255\n128.0.0.0/1\nffff::/16\n::1/128\n",
        "long": b"10.0.0.0/33\n", "beyond": b"10.0.0.1/8\n", "other": b"10.0.0.0/8\0\n",
    },
    "exposition": {
        "page": b"# HELP a b\n# TYPE a counter\na{x=\"1\",y=\"q\\\"u\\\\o\\nte\"} 2.5 17\n"
                b"b +Inf\nc{} NaN\nd_bucket{le=\"0.5\"} 1e9\n",
        "bad": b"1a 2\na{\na{x} 1\na 1 2 3",
    },
}


def sync_message():
    def message(kind, body, sequence=0, version=1):
        return struct.pack("!HBBBBHQQQQQQ", 0x7773, version, 1, kind, 0, len(body), 11, 22, 33,
                           sequence, 44, 6) + body

    def record(op, content):
        return struct.pack("!BH", op, len(content)) + content

    v4, v6 = bytes([198, 51, 100, 7, 192, 0, 2, 100]), bytes(range(32))
    plain = bytes([1]) + v4
    flows = record(1, b"\x00\x06\x12\x67\x00\x50" + v4 + plain) \
        + record(1, b"\x3f\x06\x12\x67\x00\x50" + v6 + plain + b"\x9c\x40" + v6[:16]
                 + bytes(range(16)) + v6[:6]) + record(2, b"\x00\x11\x12\x67\x00\x35" + v4)
    view = record(3, struct.pack("!QHH", 7, 1, 1)) + record(4, b"\x06front4") \
        + record(5, b"\x03web" + struct.pack("!HHHQHQH", 2, 0, 2, 5, 100, 6, 50))
    return {"hello": message(1, b"\x03lb1"), "alive": message(2, b""),
            "flows": message(3, record(6, b"") + flows + record(7, b""), 1),
            "view": message(3, view, 2), "unknown": message(3, record(99, b"new") + view, 3),
            "cut": message(3, flows[:-1], 4), "version": message(2, b"", version=2)}


def config():
    sample = (FOLDER.parent.parent / "docs" / "weir.yaml").read_text(encoding="utf-8")
    lines = [line.split(" #")[0].rstrip() for line in sample.splitlines()]
    plain = "\n".join(line for line in lines if line and not line.startswith("#")) + "\n"
    small = "cluster: a\nnodes:\n  - name: lb1\n    role: lb\n    metrics: 127.0.0.1:9100\n" \
        "    lb:\n      memory_mb: 64\n      flows: 1000\n      control_socket: c\n" \
        "      admin_socket: a\n      ports:\n        - {name: front, device: x, " \
        "host_interface: weir0, queues: 1}\n"
    lists = "virtual_routers:\n  - {name: r, vrid: 1, port: front, addresses: [192.0.2.100], " \
        "members: [{node: lb1, priority: 9}]}\npools: [{name: p}]\nsource_lists:\n" \
        "  - {name: a, file: a.txt}\n  - {name: b, prefixes: [10.0.0.0/8, '::1']}\nservices:\n" \
        "  - {name: s, address: 192.0.2.100, port: 80, pool: p, block: [a], allow: [b]}\n" \
        "flow_timeouts: {embryonic_ms: 500, established_ms: 3600000, fin_ms: 501, closed_ms: 600, " \
        "udp_new_ms: 700, udp_ms: 800, evict_idle_ms: 900}\n"
    return {"sample": plain.encode(), "small": small.encode(),
            "lists": (small.replace("1000", "2048") + lists).encode(),
            "unknown_key": small.replace("flows", "flaws").encode(),
            "odd": b"a: &x [*x, !!int 'b']\n--- %YAML\n? {}\n: |\n"}


def main():
    targets = {"pipeline": pipeline(), "vrrp_packet": vrrp_packet(), "control": control(),
               "response_parser": response_parser(), "http_guard": http_guard(), "http2": http2(),
               "config": config(), "sync_message": sync_message(), **TEXTS}
    for target, seeds in targets.items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
