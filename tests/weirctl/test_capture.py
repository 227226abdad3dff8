# SPDX-License-Identifier: BSD-3-Clause
"""'weirctl capture' on a node that runs, and what its file says of packets that were sent."""

import contextlib
import itertools
import json
import signal
import struct
import subprocess

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap

from conftest import BACKENDS, LOCAL4, PATIENCE_S, packet
from harness import CLIENT4, CLIENT_MAC, PORT_MAC, VIP4, wait_until

client_ports = itertools.count(20000)


class Frame:
    """An enhanced packet block (draft-ietf-opsawg-pcapng 4.3) and its interface."""

    def __init__(self, body, interfaces):
        index, high, low, size, self.whole_size = struct.unpack_from("=5I", body)
        self.interface = interfaces[index]
        self.at_ns = high << 32 | low
        self.bytes = body[20:20 + size]
        self.options = options(body[20 + (size + 3) // 4 * 4:])
        self.comment = self.options[1].decode()
        self.direction, = struct.unpack("=I", self.options[2])
        self.id, = struct.unpack("=Q", self.options[5])
        self.ether = Ether(self.bytes)


def options(data):
    found = {}
    while data:
        code, size = struct.unpack_from("=2H", data)
        if code == 0:
            return found
        found[code] = data[4:4 + size]
        data = data[4 + (size + 3) // 4 * 4:]
    return found


class File:
    """A pcapng file, taken apart block by block and by scapy."""

    def __init__(self, path):
        self.interfaces, self.frames, self.statistics = [], [], {}
        data = path.read_bytes()
        while data:
            kind, size = struct.unpack_from("=2I", data)
            assert size % 4 == 0 and data[size - 4:size] == data[4:8]
            self._add(kind, data[8:size - 4])
            data = data[size:]
        assert [bytes(f) for f in rdpcap(str(path))] == [f.bytes for f in self.frames]

    def _add(self, kind, body):
        if kind == 0x0a0d0d0a:
            assert struct.unpack_from("=I2Hq", body) == (0x1a2b3c4d, 1, 0, -1)
            assert options(body[16:])[4].startswith(b"weir-dataplane ")
        elif kind == 1:
            assert options(body[8:])[9] == b"\x09"
            self.interfaces.append(options(body[8:])[2].decode())
        elif kind == 6:
            self.frames.append(Frame(body, self.interfaces))
        else:
            assert kind == 5
            index, = struct.unpack_from("=I", body)
            self.statistics[self.interfaces[index]] = [
                struct.unpack("=Q", options(body[12:])[code])[0] for code in (4, 5)]


class Capture:
    """A weirctl that captures in the background."""

    def __init__(self, node, path, *words):
        self.path = path
        before = node.log.read_text().count("capture asked for")
        started = node.dataplane.log().count("capture begins")
        self.process = subprocess.Popen(node.command("capture", "-w", path, *words),
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: node.dataplane.log().count("capture begins") > started
                   or self.process.poll() is not None, "the start of a capture", PATIENCE_S)
        assert node.log.read_text().count("capture asked for") > before

    def end(self, number=signal.SIGINT):
        if number:
            self.process.send_signal(number)
        self.said, self.error = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, self.error
        return File(self.path)


@contextlib.contextmanager
def capturing(node, path, *words):
    capture = Capture(node, path, *words)
    try:
        yield capture
    finally:
        if capture.process.poll() is None:
            capture.process.kill()
            capture.process.communicate()


def sent_and_decided(node, frames, verdict="forward"):
    with node.dataplane.counts(verdict, len(frames)):
        node.send(*frames)


def test_a_packet_is_shown_as_it_came_and_as_it_left(node, tmp_path):
    frames = [packet(next(client_ports), load=b"number %d" % i) for i in range(5)]
    with capturing(node, tmp_path / "c.pcapng", "--service", "http4") as capture:
        sent_and_decided(node, frames)
        file = capture.end()
    assert file.interfaces == ["front-in", "front-out"]
    before = [f for f in file.frames if f.direction == 1]
    after = {f.id: f for f in file.frames if f.direction == 2}
    assert [f.bytes for f in before] == frames
    assert {f.interface for f in before} == {"front-in"}
    assert len(after) == 5 and {f.interface for f in after.values()} == {"front-out"}
    for first in before:
        then = after[first.id]
        # One hop less to live; else it is as it was but for its link-layer addresses.
        assert then.ether.ttl == first.ether.ttl - 1
        assert then.bytes[26:] == first.bytes[26:]
        assert then.ether.src == PORT_MAC
        backend = next(name for name, (_, mac) in BACKENDS.items() if mac == then.ether.dst)
        for frame in (first, then):
            assert frame.comment == f"forward: sent to a backend, backend {backend} of pool web4"
            assert frame.whole_size == len(frame.bytes)
    assert file.statistics == {"front-in": [5, 0], "front-out": [5, 0]}
    assert capture.said == f"{capture.path}: 10 frames\n"


def test_translated_packets_and_their_answers_are_of_the_service(node, tmp_path):
    sport = next(client_ports)
    with capturing(node, tmp_path / "c.pcapng", "--service", "full4", "--backend", "b1",
                   "--client", f"{CLIENT4}/31") as capture:
        node.send(packet(next(client_ports)), packet(sport, 8080, load=b"question"))
        there = node.wire.expect(lambda f: TCP in f and f[IP].src == LOCAL4, "the question")
        answer = bytes(Ether(dst=PORT_MAC, src=there.dst) / IP(src=there[IP].dst, dst=LOCAL4)
                       / TCP(sport=there[TCP].dport, dport=there[TCP].sport, flags="SA",
                             ack=there[TCP].seq + 1))
        node.send(answer)
        back = node.wire.expect(lambda f: TCP in f and f[IP].dst == CLIENT4, "the answer")
        file = capture.end(signal.SIGTERM)
    assert [(f.interface, f.ether[IP].src, f.ether[IP].dst) for f in file.frames] == [
        ("front-in", CLIENT4, VIP4), ("front-out", LOCAL4, BACKENDS["b1"][0]),
        ("front-in", BACKENDS["b1"][0], LOCAL4), ("front-out", VIP4, CLIENT4)]
    assert file.frames[1].bytes == bytes(there) and file.frames[3].bytes == bytes(back)
    assert file.frames[2].id == file.frames[3].id != file.frames[0].id
    assert file.frames[2].comment.startswith("return: ")
    assert file.frames[2].comment.endswith("backend b1 of pool one4")


def test_what_is_dropped_or_answered_is_told(node, tmp_path):
    echo = Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4) / ICMP(id=7) / b"echo"
    with capturing(node, tmp_path / "c.pcapng", "--client", CLIENT4, "--count", 3) as capture:
        sent_and_decided(node, [packet(next(client_ports), 81)], "drop_no_service")
        node.wire.ask(echo, lambda f: ICMP in f and f[ICMP].type == 0, "an echo reply")
        file = capture.end(None)  # The third frame ends it.
    assert [f.comment.split(":")[0] for f in file.frames] == ["drop_no_service", "reply", "reply"]
    assert [f.direction for f in file.frames] == [1, 1, 2]
    assert file.frames[2].ether[ICMP].type == 0


@pytest.mark.parametrize("words, wanted", [
    (("--protocol", "udp"), {("in", "udp"), ("out", "udp")}),
    (("--protocol", "udp", "--before"), {("in", "udp")}),
    (("--service", "dns4", "--after"), {("out", "udp")}),
    (("--protocol", "tcp", "--port", "front", "--both", "--before"), {("in", "tcp"), ("out", "tcp")}),
    (("--protocol", "icmp"), set()),
    (("--client", "10.9.1.0/24"), set())])
def test_filters(node, tmp_path, words, wanted):
    with capturing(node, tmp_path / "c.pcapng", *words) as capture:
        sent_and_decided(node, [packet(next(client_ports)),
                                packet(next(client_ports), 53, None, b"question")])
        file = capture.end()
    # Whoever else is on the wire is none of the client.
    frames = [f for f in file.frames if IP in f.ether and f.ether[IP].src == CLIENT4]
    assert {(f.interface.split("-")[1], "udp" if UDP in f.ether else "tcp")
            for f in frames} == wanted
    assert len(frames) == len(wanted)


def test_frames_can_be_cut_short_and_go_to_standard_output(node, tmp_path):
    path = tmp_path / "c.pcapng"
    with capturing(node, "-", "--service", "http4", "--snap", 40, "--json", "--count", 2) as capture:
        sent_and_decided(node, [packet(next(client_ports), load=bytes(1000))])
        # Not text, so not by end().
        capture.process.stdout = capture.process.stdout.detach()
        path.write_bytes(capture.process.stdout.read())
        said = json.loads(capture.process.stderr.read())
        assert capture.process.wait(PATIENCE_S) == 0
    assert said == {"file": "-", "frames": 2, "lost": 0}
    for frame in File(path).frames:
        assert (len(frame.bytes), frame.whole_size) == (40, 1054)


def test_there_is_one_capture_at_a_time(node, tmp_path):
    with capturing(node, tmp_path / "first", "--service", "http4") as capture:
        second = node.ctl("capture", "-w", tmp_path / "second")
        assert (second.returncode, second.stdout) == (1, "")
        assert "another capture runs on this node: stop it first" in second.stderr
        assert capture.end().frames == []
    assert node.ctl("capture", "-w", tmp_path / "second", "--seconds", 1).returncode == 0
    assert File(tmp_path / "second").interfaces == ["front-in", "front-out"]


@pytest.mark.parametrize("words, says", [
    (("--service", "none"), "'weirctl services' lists them"),
    (("--backend", "none"), "'weirctl backends' lists them"),
    (("--port", "none"), "'weirctl stats' lists them"),
    (("--protocol", "sctp"), "'sctp' is none of tcp, udp, icmp"),
    (("--snap", "13"), "snap: 13 is not from 14 to 16384"),
    (("--client", "10.9.0.1/24"), "has bits set")])
def test_a_wrong_filter_is_refused(node, tmp_path, words, says):
    done = node.ctl("capture", "-w", tmp_path / "c", *words)
    assert done.returncode == 1 and says in done.stderr


def test_a_capture_that_nobody_reads_makes_room_for_the_next(node, tmp_path):
    with capturing(node, tmp_path / "c") as capture:
        capture.process.kill()
        capture.process.wait()
        wait_until(lambda: "capture ended: nobody has read" in node.dataplane.log(), "its end", 60)
    assert node.ctl("capture", "-w", tmp_path / "d", "--seconds", 1).returncode == 0


def test_a_file_that_cannot_be_written_is_refused(node, tmp_path):
    done = node.ctl("capture", "-w", tmp_path / "none" / "c")
    assert done.returncode == 1 and "No such file or directory" in done.stderr
