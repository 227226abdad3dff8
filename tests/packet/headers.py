# SPDX-License-Identifier: BSD-3-Clause
"""Reading and building frames for the reference model, byte by byte and without scapy: the model
must be quick enough for a hundred thousand packets and must owe nothing to the code under test."""

import struct
from dataclasses import dataclass, replace

TCP, UDP, ICMP4, ICMP6 = 6, 17, 1, 58
IPV4, IPV6, ARP = 0x0800, 0x86dd, 0x0806
EXTENSIONS = (0, 43, 60)  # Hop-by-hop, routing, destination options: length in units of 8 bytes.
AUTHENTICATION, FRAGMENT = 51, 44
HEADERS = (*EXTENSIONS, AUTHENTICATION, FRAGMENT)
HEADERS_MAX = 8
HOP_BY_HOP, ROUTING = 0, 43
END, NOTHING, SOURCE_ROUTES = 0, 1, (131, 137)  # IPv4 options.
CUT_L4, CUT_INNER = "drop_truncated_l4", "drop_icmp_inner"
ECHO = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}
ERRORS = {4: (3, 11, 12), 6: (1, 2, 3, 4)}
SOLICITATION = 135


@dataclass(frozen=True)
class Packet:
    """What a frame is about.

    kind: flow, error (ICMP error about a flow), fragment, echo, icmp, solicitation, arp, ip, other,
    bad."""

    frame: bytes
    kind: str = "other"
    problem: str = ""        # Of a bad one: the verdict.
    family: int = 0          # 4, 6; 0: unknown.
    target: bytes = b""      # Whom it is about: destination, or who is asked for.
    client: bytes = b""
    client_port: int = 0
    target_port: int = 0
    protocol: int = 0
    signal: str = ""         # syn, data, fin, rst, udp; none of an error.
    l3: int = 14
    l4: int = 0
    end: int = 0
    inner: int = 0           # Of an error: where TCP or UDP of the packet that it is about begins.
    is_fragment: bool = False
    is_later: bool = False   # A fragment without ports of its own.

    @property
    def sender(self):
        return self.frame[26:30] if self.family == 4 else self.frame[22:38]

    @property
    def receiver(self):
        return self.frame[30:34] if self.family == 4 else self.frame[38:54]


class Bad(Exception):
    """Carries the verdict for a malformed packet."""


class Fragment(Exception):
    """The packet is a fragment."""


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def pseudo_header(source, destination, protocol, size):
    if len(source) == 4:
        return source + destination + struct.pack("!BBH", 0, protocol, size)
    return source + destination + struct.pack("!IHBB", size, 0, 0, protocol)


def _need(packet, offset, size, problem="drop_truncated"):
    if offset + size > packet.end:
        raise Bad(problem)


def _read_tcp(packet):
    _need(packet, packet.l4, 20, CUT_L4)
    size = (packet.frame[packet.l4 + 12] >> 4) * 4
    if size < 20:
        raise Bad("drop_bad_tcp")
    _need(packet, packet.l4, size, CUT_L4)
    flags = packet.frame[packet.l4 + 13]
    if flags & 4:
        return "rst"
    if flags & 1:
        return "fin"
    return "syn" if flags & 2 else "data"


def _read_udp(packet):
    _need(packet, packet.l4, 8, CUT_L4)
    size = struct.unpack_from("!H", packet.frame, packet.l4 + 4)[0]
    if size < 8:
        raise Bad("drop_bad_udp")
    _need(packet, packet.l4, size, CUT_L4)
    return "udp"


def _skip_extensions(packet, protocol, offset):
    """Returns the upper layer's protocol and offset."""
    n = 0
    while protocol in HEADERS:
        if n == HEADERS_MAX or (protocol == HOP_BY_HOP and n > 0):
            raise Bad("drop_extensions")
        _need(packet, offset, 8)
        size = 8
        if protocol in EXTENSIONS:
            size = (packet.frame[offset + 1] + 1) * 8
        elif protocol == AUTHENTICATION:
            size = (packet.frame[offset + 1] + 2) * 4
        _need(packet, offset, size)
        if protocol == ROUTING and packet.frame[offset + 3]:
            raise Bad("drop_source_route")
        if protocol == FRAGMENT and struct.unpack_from("!H", packet.frame, offset + 2)[0] & 0xfff9:
            raise Fragment
        protocol = packet.frame[offset]
        offset += size
        n += 1
    return protocol, offset


def _check_options(options):
    """Those of IPv4."""
    while options and options[0] != END:
        if options[0] in SOURCE_ROUTES:
            raise Bad("drop_source_route")
        size = 1
        if options[0] != NOTHING:
            size = options[1] if len(options) > 1 else 0
            if not 2 <= size <= len(options):
                raise Bad("drop_bad_option")
        options = options[size:]


def _read_inner6(packet, at):
    """Protocol and offset of what an ICMPv6 error is about."""
    try:
        return _skip_extensions(packet, packet.frame[at + 6], at + 40)
    except Bad as bad:
        raise Bad(CUT_INNER) from bad


def _read_error(packet):
    """An ICMP error is about a packet from the VIP to a client, if its inside says so."""
    at, frame = packet.l4 + 8, packet.frame
    plain = replace(packet, kind="icmp")
    if packet.family == 4:
        _need(packet, at, 20, CUT_INNER)
        size = (frame[at] & 15) * 4
        if frame[at] >> 4 != 4 or size < 20:
            raise Bad(CUT_INNER)
        source, client, protocol = frame[at + 12:at + 16], frame[at + 16:at + 20], frame[at + 9]
        if source != packet.target:
            return plain
        if struct.unpack_from("!H", frame, at + 6)[0] & 0x1fff:
            raise Bad("drop_icmp_fragment")
        l4 = at + size
    else:
        _need(packet, at, 40, CUT_INNER)
        if frame[at] >> 4 != 6:
            raise Bad(CUT_INNER)
        source, client = frame[at + 8:at + 24], frame[at + 24:at + 40]
        if source != packet.target:
            return plain
        protocol, l4 = _read_inner6(packet, at)
    if protocol not in (TCP, UDP):
        return plain
    _need(packet, l4, 8, CUT_INNER)
    vip_port, client_port = struct.unpack_from("!HH", frame, l4)
    return replace(packet, kind="error", client=client, client_port=client_port,
                   target_port=vip_port, protocol=protocol, signal="none", inner=l4)


def _read_icmp(packet):
    _need(packet, packet.l4, 8, CUT_L4)
    kind = packet.frame[packet.l4]
    if kind in ERRORS[packet.family]:
        return _read_error(packet)
    if kind == ECHO[packet.family]:
        return replace(packet, kind="echo")
    if packet.family == 6 and kind == SOLICITATION:
        _need(packet, packet.l4, 24, CUT_L4)
        return replace(packet, kind="solicitation",
                       target=packet.frame[packet.l4 + 8:packet.l4 + 24])
    return replace(packet, kind="icmp")


def _read_upper(packet):
    if packet.protocol == (ICMP4 if packet.family == 4 else ICMP6):
        return _read_icmp(packet)
    if packet.protocol not in (TCP, UDP):
        return replace(packet, kind="ip")
    signal = _read_tcp(packet) if packet.protocol == TCP else _read_udp(packet)
    client_port, target_port = struct.unpack_from("!HH", packet.frame, packet.l4)
    return replace(packet, kind="flow", signal=signal, client_port=client_port,
                   target_port=target_port)


def _read_ipv4(packet):
    frame = packet.frame
    size, total = (frame[14] & 15) * 4, struct.unpack_from("!H", frame, 16)[0]
    if frame[14] >> 4 != 4 or size < 20 or total < size:
        raise Bad("drop_bad_header")
    _need(packet, 14, total)
    if checksum(frame[14:14 + size]):
        raise Bad("drop_bad_checksum")
    _check_options(frame[34:14 + size])
    if struct.unpack_from("!H", frame, 20)[0] & 0x3fff:
        raise Fragment
    return _read_upper(replace(packet, end=14 + total, l4=14 + size, protocol=frame[23]))


def _read_ipv6(packet):
    frame = packet.frame
    if frame[14] >> 4 != 6:
        raise Bad("drop_bad_header")
    size = struct.unpack_from("!H", frame, 18)[0]
    _need(packet, 54, size)
    packet = replace(packet, end=54 + size)
    if size == 0 and frame[20] == HOP_BY_HOP:
        raise Bad("drop_jumbo")
    protocol, l4 = _skip_extensions(packet, frame[20], 54)
    return _read_upper(replace(packet, l4=l4, protocol=protocol))


def _read_arp(packet):
    if packet.frame[14:20] != b"\0\1\x08\0\6\4":
        return packet
    return replace(packet, kind="arp", family=4, client=packet.frame[28:32],
                   target=packet.frame[38:42])


def read(frame):
    """Says what a frame is about. Whose it is, is known even of most bad ones."""
    packet = Packet(frame, end=len(frame))
    try:
        _need(packet, 0, 14)
        kind = struct.unpack_from("!H", frame, 12)[0]
        if kind == IPV4:
            _need(packet, 14, 20)
            packet = replace(packet, family=4, client=frame[26:30], target=frame[30:34])
            return _read_ipv4(packet)
        if kind == IPV6:
            _need(packet, 14, 40)
            packet = replace(packet, family=6, client=frame[22:38], target=frame[38:54])
            return _read_ipv6(packet)
        if kind == ARP:
            _need(packet, 14, 28)
            return _read_arp(packet)
        return packet
    except Bad as bad:
        return replace(packet, kind="bad", problem=str(bad))
    except Fragment:
        return replace(packet, kind="fragment")


def read_fragment(packet):
    """What a plain fragment, of IPv4 without options or of IPv6 with no other extension header,
    says of itself: (key, begin, end, more); None of any other. The packet returned has 'l4' and
    'protocol' set."""
    frame = packet.frame
    if packet.family == 4:
        if frame[14] != 0x45:
            return None, packet
        number, word = struct.unpack_from("!HH", frame, 18)
        total, protocol = struct.unpack_from("!H", frame, 16)[0], frame[23]
        begin, more, l4 = (word & 0x1fff) * 8, bool(word & 0x2000), 34
        packet = replace(packet, end=14 + total)
        key = packet.client, packet.target, number, protocol
    else:
        if frame[20] != FRAGMENT:
            return None, packet
        protocol, _, word, number = struct.unpack_from("!BBHI", frame, 54)
        begin, more, l4 = word & 0xfff8, bool(word & 1), 62
        packet = replace(packet, end=54 + struct.unpack_from("!H", frame, 18)[0])
        key = packet.client, packet.target, number
    packet = replace(packet, l4=l4, protocol=protocol, is_fragment=True, is_later=begin > 0)
    return (key, begin, begin + packet.end - l4, more), packet


def load(packet):
    """Some of what TCP, UDP, an ICMP error or a fragment carries, behind the headers and as no mode
    changes it; nothing of all else."""
    if packet.kind == "error":
        return packet.frame[packet.l4 + 4:packet.l4 + 12]
    if packet.kind == "fragment":
        packet = read_fragment(packet)[1]
        at = packet.l4 + (8 if packet.is_later else 20)
        return packet.frame[at:at + 8]
    if packet.kind != "flow":
        return b""
    size = 8 if packet.protocol == UDP else (packet.frame[packet.l4 + 12] >> 4) * 4
    return packet.frame[packet.l4 + size:packet.end]


def read_first(packet):
    """The first fragment as a packet of its flow; raises Bad if it has not its whole header."""
    try:
        if packet.protocol == UDP:
            _need(packet, packet.l4, 8, CUT_L4)
            signal = "udp"
        else:
            signal = _read_tcp(packet)
    except Bad as bad:
        raise Bad("drop_fragment_tiny" if str(bad) == CUT_L4 else str(bad)) from bad
    client_port, target_port = struct.unpack_from("!HH", packet.frame, packet.l4)
    return replace(packet, kind="flow", signal=signal, client_port=client_port,
                   target_port=target_port)


def l4_is_right(packet):
    """Whether the checksum of TCP or UDP is right, or there is none that covers just all of it."""
    segment = packet.frame[packet.l4:packet.end]
    is_udp = packet.protocol == UDP
    if packet.is_fragment or packet.l4 - packet.l3 != (20 if packet.family == 4 else 40):
        return True
    if is_udp and (segment[6:8] == b"\0\0" or
                   struct.unpack_from("!H", segment, 4)[0] != len(segment)):
        return True
    return checksum(pseudo_header(packet.sender, packet.receiver, packet.protocol, len(segment))
                    + segment) == 0


# --- Building ---------------------------------------------------------------------------------


def ethernet(destination, source, kind, payload):
    return destination + source + struct.pack("!H", kind) + payload


def ip(source, destination, protocol, payload, ttl=64, options=b"", fragment=0, tos=0,
       number=0x1234):
    """An IPv4 packet or, by the addresses, an IPv6 one ('options' are then extension headers of
    which 'protocol' is the first)."""
    if len(source) == 16:
        head = struct.pack("!IHBB", 0x60012345 | tos << 20, len(options) + len(payload), protocol,
                           ttl)
        return head + source + destination + options + payload
    size = 20 + len(options)
    head = struct.pack("!BBHHHBBH", 0x40 | size // 4, tos, size + len(payload), number, fragment,
                       ttl, protocol, 0) + source + destination + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def tcp(source_port, destination_port, flags, payload=b""):
    return struct.pack("!HHIIBBHHH", source_port, destination_port, 1000, 0, 0x50, flags, 8192, 0,
                       0) + payload


def udp(source_port, destination_port, payload=b""):
    return struct.pack("!HHHH", source_port, destination_port, 8 + len(payload), 0) + payload


def summed(source, destination, protocol, segment):
    """TCP or UDP with its checksum."""
    at = 16 if protocol == TCP else 6
    value = checksum(pseudo_header(source, destination, protocol, len(segment)) + segment)
    return segment[:at] + struct.pack("!H", value or 0xffff) + segment[at + 2:]


def icmp(source, destination, kind, code, rest, payload=b""):
    """'rest' are the 4 bytes behind the checksum. 'source' and 'destination' are those of IP."""
    message = struct.pack("!BBH", kind, code, 0) + rest + payload
    head = pseudo_header(source, destination, ICMP6, len(message)) if len(source) == 16 else b""
    return message[:2] + struct.pack("!H", checksum(head + message)) + message[4:]


def arp(operation, sender_mac, sender, target_mac, target):
    return struct.pack("!HHBBH", 1, IPV4, 6, 4, operation) + sender_mac + sender + target_mac \
        + target
