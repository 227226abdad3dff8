# SPDX-License-Identifier: BSD-3-Clause
"""Fragments of the reference model (model.py): which flow they belong to, without limits and
without time. What is held stays so until its first fragment comes or somebody asks for lost()."""

from dataclasses import dataclass, field, replace

import headers
from model_schedulers import Uncertain

PACKET_BYTES_MAX = 65535
TCP_HEADER_BYTES = 20


@dataclass
class Datagram:
    pieces: list = field(default_factory=list)
    total: int = None
    first: object = None  # The packet that has the ports.
    refused: bool = False
    held: list = field(default_factory=list)

    def is_complete(self):
        return not self.refused and self.total == sum(end - begin for begin, end in self.pieces)

    def refuses(self, begin, end, more):
        """RFC 5722: fragments that overlap, or disagree about the end."""
        return any(begin < other_end and other_begin < end or (not more and other_end > end)
                   for other_begin, other_end in self.pieces) or \
            (self.total is not None and (not more or end > self.total))


class Fragments:
    def __init__(self):
        self.datagrams = {}

    def forget(self):
        self.datagrams.clear()

    def follow(self, packet):
        """Returns (verdict or None, the packet with its flow's ports, packets held until now).
        Raises headers.Bad if the headers say enough."""
        if packet.protocol not in (headers.TCP, headers.UDP):
            raise headers.Bad("drop_fragment")
        said, packet = headers.read_fragment(packet)
        if said is None:
            raise Uncertain("not a plain fragment")
        key, begin, end, more = said
        if not packet.is_later:
            packet = headers.read_first(packet)
        if end == begin or (more and (end - begin) % 8) or end > PACKET_BYTES_MAX:
            return "drop_fragment_bad", packet, []
        if packet.is_later and packet.protocol == headers.TCP and begin < TCP_HEADER_BYTES:
            return "drop_fragment_tiny", packet, []
        if key in self.datagrams and self.datagrams[key].is_complete():
            del self.datagrams[key]
        return self._enter(self.datagrams.setdefault(key, Datagram()), packet, begin, end, more)

    def _enter(self, datagram, packet, begin, end, more):
        if datagram.refused:
            return "drop_fragment_overlap", packet, []
        if (begin, end) in datagram.pieces:
            return "drop_fragment_duplicate", packet, []
        if datagram.refuses(begin, end, more):
            datagram.refused = True
            held, datagram.held = datagram.held, []
            return "drop_fragment_overlap", packet, held
        datagram.pieces.append((begin, end))
        if not more:
            datagram.total = end
        if not packet.is_later:
            datagram.first = packet
            held, datagram.held = datagram.held, []
            return None, packet, [self.led(datagram.first, later) for later in held]
        if datagram.first is None:
            datagram.held.append(packet)
            return "hold", packet, []
        return None, self.led(datagram.first, packet), []

    @staticmethod
    def led(first, later):
        return replace(later, kind="flow", signal="none", client_port=first.client_port,
                       target_port=first.target_port, protocol=first.protocol)

    def lost(self):
        """How many are held in vain; they are no longer."""
        n = 0
        for datagram in self.datagrams.values():
            n += len(datagram.held)
            datagram.held = []
        return n
