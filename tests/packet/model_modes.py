# SPDX-License-Identifier: BSD-3-Clause
"""Modes of the reference model (model.py): the frame that leaves for a backend, or comes back from
one. What a worker is free to choose (a tunnel's source address, ids, local ports) is taken from the
frame that was 'seen', after judging whether it may be so; Mismatch says that it may not. Checksums
that are carried along are taken likewise: the one's complement sum over what they cover must be
what it was, right or wrong (RFC 1624)."""

import ipaddress
import struct
from dataclasses import dataclass

import headers
from model_schedulers import Mismatch

PORT_MTU = 1500
OUTER_TTL = 64
DYNAMIC_PORTS = range(49152, 65536)
LOCAL_PORTS = range(1024, 65536)
CHECKSUM_AT = {headers.TCP: 16, headers.UDP: 6}
ID_WINDOW = 64  # Held fragments leave a little later than others.


@dataclass(frozen=True)
class Outcome:
    """What becomes of a packet. 'late' are fragments that waited for it: their outcomes are to be
    had by calling them with the frame seen."""

    verdict: str
    frame: bytes = None
    why: str = ""
    late: tuple = ()


@dataclass
class Way:
    """Where a packet of a service goes."""

    service: object
    backend: object
    mac: bytes       # Of the next hop.
    port_mac: bytes
    flow: object     # None: it has none.
    balancer: object


# --- IP ---------------------------------------------------------------------------------------


def fixed_ipv4(ip):
    """The packet with its header's checksum worked out anew."""
    size = (ip[0] & 15) * 4
    head = ip[:10] + b"\0\0" + ip[12:size]
    return ip[:10] + struct.pack("!H", headers.checksum(head)) + ip[12:]


def one_hop_less(ip):
    """The packet with its time to live lowered, or None when that is used up."""
    at = 8 if ip[0] >> 4 == 4 else 7
    if ip[at] <= 1:
        return None
    ip = ip[:at] + bytes([ip[at] - 1]) + ip[at + 1:]
    return fixed_ipv4(ip) if ip[0] >> 4 == 4 else ip


def put(data, at, new):
    return data[:at] + new + data[at + len(new):]


def addresses_of(ip):
    return (ip[12:16], ip[16:20]) if ip[0] >> 4 == 4 else (ip[8:24], ip[24:40])


def with_addresses(ip, source, destination):
    return put(ip, 12 if ip[0] >> 4 == 4 else 8, source + destination)


def residue(data):
    return int.from_bytes(data + b"\0" * (len(data) % 2), "big") % 65535


def carried(old, new, at, seen, what, none_is_zero=False):
    """'new' with the checksum at 'at' that 'seen' has, which must have been carried along."""
    if seen is None or at + 2 > len(new):
        return new
    value = seen[at:at + 2]
    result = put(new, at, value)
    if none_is_zero and old[at:at + 2] == b"\0\0":
        if value != b"\0\0":
            raise Mismatch(f"{what}: there was no checksum and now is one")
    elif none_is_zero and value == b"\0\0":
        raise Mismatch(f"{what}: the checksum has gone")
    elif residue(old) != residue(result):
        raise Mismatch(f"{what}: checksum {old[at:at + 2].hex()} has become {value.hex()}")
    return result


def carried_l4(old_ip, new_ip, l4, end, protocol, seen_ip, what):
    """The same of TCP or UDP at 'l4' of an IP packet, whose addresses count as well."""
    old = b"".join(addresses_of(old_ip)) + old_ip[l4:end]
    new = b"".join(addresses_of(new_ip)) + new_ip[l4:end]
    skip = len(old) - (end - l4)
    seen = None if seen_ip is None else bytes(skip) + seen_ip[l4:end]
    new = carried(old, new, skip + CHECKSUM_AT[protocol], seen, what, protocol == headers.UDP)
    return put(new_ip, l4, new[skip:])


def clamp(packet, ip, mss, seen_ip):
    """RFC 9293 3.7.1: the MSS option of a SYN lowered to 'mss'."""
    l4 = packet.l4 - packet.l3
    if packet.protocol != headers.TCP or not ip[l4 + 13] & 2:
        return ip
    at, end = l4 + 20, l4 + (ip[l4 + 12] >> 4) * 4
    while at < end and ip[at]:
        size = 1 if ip[at] == 1 else ip[at + 1] if at + 1 < end else 0
        if size == 0 or (ip[at] != 1 and size < 2) or at + size > end:
            break
        if ip[at] == 2:
            if size == 4 and struct.unpack_from("!H", ip, at + 2)[0] > mss:
                return carried_l4(ip, put(ip, at + 2, struct.pack("!H", mss)), l4,
                                  packet.end - packet.l3, packet.protocol, seen_ip, "MSS")
            break
        at += size
    return ip


def ip_in(seen):
    return None if seen is None else seen[14:]


# --- Mode dr ----------------------------------------------------------------------------------


class DirectRouting:
    """The packet goes on as it is, to the backend's link-layer address."""

    translates = False

    def send(self, way, packet, seen):
        ip = one_hop_less(packet.frame[packet.l3:])
        if ip is None:
            return Outcome("drop_ttl")
        if way.service.mss and packet.kind == "flow" and not packet.is_fragment:
            ip = clamp(packet, ip, way.service.mss, ip_in(seen))
        return Outcome("forward", way.mac + way.port_mac + packet.frame[12:14] + ip)


# --- Mode tunnel ------------------------------------------------------------------------------


def may_be_answered(address):
    """Whether it is one station's address (RFC 1122 3.2.2.6, RFC 4443 2.4)."""
    if len(address) == 16:
        return address[0] != 0xff and any(address)
    return 0 < address[0] < 224 and address[0] != 127


def too_big(packet, mtu, port_mac):
    """RFC 1191 4, RFC 4443 3.2: the client is told what fits."""
    source, destination = packet.sender, packet.receiver
    limit, least = (576, 576) if packet.family == 4 else (1280, 1280)
    if packet.kind == "error" or packet.is_later or packet.frame[6] & 1 or mtu < least or \
            not may_be_answered(source):
        return Outcome("drop_too_big")
    quoted = packet.frame[packet.l3:packet.end][:limit - (28 if packet.family == 4 else 48)]
    kind, code = (3, 4) if packet.family == 4 else (2, 0)
    message = headers.icmp(destination, source, kind, code, struct.pack("!I", mtu), quoted)
    if packet.family == 4:
        ip = struct.pack("!BBHHHBBH", 0x45, 0xc0, 20 + len(message), 0, 0x4000, 64,
                         headers.ICMP4, 0) + destination + source
        ip = fixed_ipv4(ip) + message
    else:
        ip = struct.pack("!IHBB", 6 << 28, len(message), headers.ICMP6, 64) + destination \
            + source + message
    return Outcome("reply_too_big", packet.frame[6:12] + port_mac + packet.frame[12:14] + ip)


class Tunnel:
    """The packet goes whole inside another to the backend's address."""

    translates = False
    ids = {}  # By balancer: the last id of an outer IPv4 header.

    def __init__(self, fields):
        self.gue_port = fields.get("gue_port", 6080) if fields["type"] == "gue" else None
        self.mtu = min(PORT_MTU, fields.get("mtu", PORT_MTU))
        self.sources = {4: fields.get("source4"), 6: fields.get("source6")}

    def send(self, way, packet, seen):
        v4 = len(way.backend.address) == 4
        overhead = (20 if v4 else 40) + (12 if self.gue_port else 0)
        ip = packet.frame[packet.l3:packet.end]
        if len(ip) + overhead > self.mtu:
            return too_big(packet, self.mtu - overhead, way.port_mac)
        ip = one_hop_less(ip)
        if ip is None:
            return Outcome("drop_ttl")
        if way.service.mss and packet.kind == "flow" and not packet.is_fragment:
            ip = clamp(packet, ip, way.service.mss,
                       None if seen is None else seen[14 + overhead:])
        outer = self._outer(way, packet, ip, None if seen is None or len(seen) < 14 + overhead
                            else seen[14:14 + overhead])
        kind = headers.IPV4 if v4 else headers.IPV6
        return Outcome("forward", headers.ethernet(way.mac, way.port_mac, kind, outer + ip))

    def _outer(self, way, packet, ip, seen):
        chosen = way.balancer.tunnels.setdefault(
            (way.service.name, packet.client, packet.client_port, packet.target_port,
             packet.protocol), {})
        inner_protocol = 4 if packet.family == 4 else 41
        tos = ip[1] if packet.family == 4 else (ip[0] << 4 | ip[1] >> 4) & 0xff
        size, backend = len(ip), way.backend.address
        protocol = headers.UDP if self.gue_port else inner_protocol
        source = self._source(chosen, backend, seen)
        gue = b""
        if self.gue_port:
            size += 12
            at = 20 if len(backend) == 4 else 40
            port = self._same(chosen, "UDP source port", seen, at, 2)
            if seen is not None and int.from_bytes(port, "big") not in DYNAMIC_PORTS:
                raise Mismatch(f"UDP source port {port.hex()} is not a dynamic one")
            gue = port + struct.pack("!HHHBBH", self.gue_port, size, 0, 0, inner_protocol, 0)
        if len(backend) == 4:
            dont_fragment = packet.family == 4 and ip[6] & 0x40
            number = 0 if dont_fragment else self._id(way.balancer, seen)
            return fixed_ipv4(struct.pack(
                "!BBHHHBBH", 0x45, tos, 20 + size, number, 0x4000 if dont_fragment else 0,
                OUTER_TTL, protocol, 0) + source + backend) + gue
        label = self._same(chosen, "flow label", seen, 1, 3)
        word = 6 << 28 | tos << 20 | int.from_bytes(label, "big") & 0xfffff
        head = struct.pack("!IHBB", word, size, protocol, OUTER_TTL) + source + backend
        return head + (self._summed(packet, source, backend, gue, ip, seen) if gue else b"")

    @staticmethod
    def _same(chosen, name, seen, at, size):
        """What the first packet of a flow had, all others must have."""
        if seen is None:
            return chosen.get(name, bytes(size))
        value = seen[at:at + size]
        if name == "flow label":
            value = bytes([value[0] & 15]) + value[1:]
        if chosen.setdefault(name, value) != value:
            raise Mismatch(f"{name} {value.hex()}, which was {chosen[name].hex()} before")
        return value

    def _source(self, chosen, backend, seen):
        v4 = len(backend) == 4
        network = ipaddress.ip_network(self.sources[4 if v4 else 6])
        if network.num_addresses == 1:
            return network.network_address.packed
        source = self._same(chosen, "source", seen, 12 if v4 else 8, 4 if v4 else 16)
        if seen is not None and (ipaddress.ip_address(source) not in network or source in (
                network.network_address.packed, network.broadcast_address.packed)):
            raise Mismatch(f"source {source.hex()} is not of {network}, or at its end")
        return source

    def _id(self, balancer, seen):
        """Those that may be fragmented count on."""
        if seen is None:
            return 0
        number = struct.unpack_from("!H", seen, 4)[0]
        last = self.ids.get(id(balancer), number)
        if (number - last + ID_WINDOW) % 65536 > 2 * ID_WINDOW:
            raise Mismatch(f"the outer id is {number} soon after {last}")
        self.ids[id(balancer)] = number
        return number

    @staticmethod
    def _summed(packet, source, backend, gue, ip, seen):
        """UDP's checksum in IPv6. It is worked out by that of the packet inside: where that is
        wrong, so is the outer one, and only its being there can be asked for."""
        size = len(gue) + len(ip)
        head = headers.pseudo_header(source, backend, headers.UDP, size)
        value = struct.pack("!H", headers.checksum(head + gue + ip) or 0xffff)
        if packet.kind == "flow" and seen is not None and not headers.l4_is_right(packet):
            value = seen[46:48]
            if value == b"\0\0":
                raise Mismatch("UDP in IPv6 without a checksum")
        return put(gue, 6, value)


# --- Modes nat and fullnat --------------------------------------------------------------------


def translate(packet, ip, source, destination, seen_ip):
    """The packet of a flow with other ends, each of them (address, port)."""
    l4, end = packet.l4 - packet.l3, packet.end - packet.l3
    new = with_addresses(ip, source[0], destination[0])
    if packet.family == 4:
        new = fixed_ipv4(new)
    new = put(new, l4, struct.pack("!HH", source[1], destination[1]))
    return carried_l4(ip, new, l4, end, packet.protocol, seen_ip, "TCP or UDP")


def translate_fragment(packet, ip, source, destination, seen_ip, ids):
    """A fragment with other ends. The first one's checksum is that of the whole packet, and all of
    IPv4 get an identification of the balancer's, which 'ids' remembers."""
    l4 = packet.l4 - packet.l3
    new = with_addresses(ip, source[0], destination[0])
    if not packet.is_later:
        new = put(new, l4, struct.pack("!HH", source[1], destination[1]))
        size = CHECKSUM_AT[packet.protocol] + 2  # As far as anything may change.
        head = carried_l4(ip[:l4 + size], new[:l4 + size], l4, l4 + size, packet.protocol,
                          None if seen_ip is None else seen_ip[:l4 + size], "first fragment")
        new = head + new[l4 + size:]
    if packet.family == 6:
        return new
    key = addresses_of(ip), ip[4:6], packet.protocol
    if not packet.is_later and seen_ip is not None:
        ids[key] = seen_ip[4:6]
        if ids.get(addresses_of(new)) == ids[key]:
            raise Mismatch(f"two packets one after the other have the id {ids[key].hex()}")
        ids[addresses_of(new)] = ids[key]
    return fixed_ipv4(put(new, 4, ids.get(key, b"")))


def translate_error(packet, ip, outer, inner, seen_ip):
    """An ICMP error with other outer addresses and about a packet with other ends."""
    l4, end, at = packet.l4 - packet.l3, packet.end - packet.l3, packet.inner - packet.l3
    quoted, quoted_seen = ip[l4 + 8:end], None if seen_ip is None else seen_ip[l4 + 8:end]
    new = with_addresses(quoted, inner[0][0], inner[1][0])
    new = put(new, at - l4 - 8, struct.pack("!HH", inner[0][1], inner[1][1]))
    if packet.family == 4:
        size = (quoted[0] & 15) * 4
        new = put(new, 0, carried(quoted[:size], new[:size], 10, quoted_seen, "inner IPv4"))
    new = carried_l4(quoted, new, at - l4 - 8, len(quoted), packet.protocol, quoted_seen,
                     "inner TCP or UDP")
    whole = put(with_addresses(ip, *outer), l4 + 8, new)
    if packet.family == 4:
        whole = fixed_ipv4(whole)
        old_sum, new_sum = ip[l4:end], whole[l4:end]
    else:
        old_sum, new_sum = (b"".join(addresses_of(each)) + each[l4:end] for each in (ip, whole))
    skip = len(old_sum) - (end - l4)
    seen = None if seen_ip is None else bytes(skip) + seen_ip[l4:end]
    return put(whole, l4, carried(old_sum, new_sum, skip + 2, seen, "ICMP")[skip:])


class Nat:
    """The packet gets the backend's address and port."""

    translates = True

    def send(self, way, packet, seen):
        ends = way.backend.address, way.service.port_of(way.backend, packet)
        is_error = packet.kind == "error"
        if is_error and not (way.flow and way.flow.ends):
            return Outcome("drop_icmp")
        if way.flow is None:
            return Outcome("drop_no_flow")
        source = self.source(way, packet, ends, seen)
        if isinstance(source, Outcome):
            return source
        ip = packet.frame[packet.l3:]
        if way.service.mss and packet.kind == "flow" and not packet.is_fragment:
            # Its checksum and the translation's are one: they are judged together below.
            ip = clamp(packet, ip, way.service.mss, None)
        if not is_error:
            way.flow.hop = packet.frame[6:12]
        lowered = one_hop_less(ip)
        if lowered is None:
            return Outcome("drop_ttl")
        if is_error:
            ip = translate_error(packet, lowered, (packet.sender, ends[0]), (ends, source),
                                 ip_in(seen))
        elif packet.is_fragment:
            ip = translate_fragment(packet, lowered, source, ends, ip_in(seen), way.balancer.ids)
        else:
            ip = self._translate(packet, lowered, source, ends, seen)
        return Outcome("forward", way.mac + way.port_mac + packet.frame[12:14] + ip)

    @staticmethod
    def _translate(packet, ip, source, ends, seen):
        """As translate(), but the checksum is compared with that of the packet as it came: if the
        MSS was clamped, that has been carried along, too."""
        new = translate(packet, ip, source, ends, None)
        old = packet.frame[packet.l3:]
        return carried_l4(old, new, packet.l4 - packet.l3, packet.end - packet.l3,
                          packet.protocol, ip_in(seen), "TCP or UDP")

    def source(self, way, packet, ends, seen):
        """Where the packet comes from as the backend sees it; or why it is dropped."""
        source = packet.client, packet.client_port
        if packet.kind != "error" and not way.balancer.flows.pair(
                way.flow, (*ends, *source)):
            way.balancer.flows.remove(way.flow)
            return Outcome("drop_nat_clash")
        return source


class FullNat(Nat):
    """... and comes from a local address and port, which the worker chooses."""

    def source(self, way, packet, ends, seen):
        flow, locals_ = way.flow, way.balancer.locals
        if flow.ends and flow.ends[:2] == ends and flow.ends[2] in locals_:
            return flow.ends[2:]
        if packet.kind == "error":
            return Outcome("drop_icmp")
        way.balancer.flows.unpair(flow)
        if seen is None:
            return min(locals_, key=len), 0  # It has not left: nothing is known of the port.
        ip = ip_in(seen)
        source = addresses_of(ip)[0], struct.unpack_from("!H", ip, packet.l4 - packet.l3)[0]
        if source[0] not in locals_ or len(source[0]) != len(ends[0]):
            raise Mismatch(f"{source[0].hex()} is not a local address")
        if source[1] not in LOCAL_PORTS:
            raise Mismatch(f"{source[1]} is not a local port")
        if not way.balancer.flows.pair(flow, (*ends, *source)):
            raise Mismatch(f"local port {source[1]} belongs to another flow")
        return source


def give_back(flow, service_end, packet, port_mac, seen, ids):
    """A packet of a backend, on its way to the flow's client."""
    client = flow.key[2:4]
    ip = one_hop_less(packet.frame[packet.l3:])
    if ip is None:
        return Outcome("drop_ttl")
    if packet.kind == "error":
        ip = translate_error(packet, ip, (service_end[0], client[0]), (client, service_end),
                             ip_in(seen))
    elif packet.is_fragment:
        ip = translate_fragment(packet, ip, service_end, client, ip_in(seen), ids)
    else:
        ip = translate(packet, ip, service_end, client, ip_in(seen))
    return Outcome("return", flow.hop + port_mac + packet.frame[12:14] + ip)


MODES = {"dr": lambda fields: DirectRouting(), "tunnel": lambda fields: Tunnel(fields["tunnel"]),
         "nat": lambda fields: Nat(), "fullnat": lambda fields: FullNat()}
