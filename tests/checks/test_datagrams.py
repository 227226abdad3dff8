# SPDX-License-Identifier: BSD-3-Clause
"""UDP checks of a small server, DNS checks of NSD, ICMP checks of a kernel in a namespace."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ports import free_port
from servers import until


class Echo:
    """Answers each datagram by 'answer', with what was asked behind it."""

    def __init__(self):
        self.answer = b"pong "
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                data, client = self.socket.recvfrom(65536)
                self.socket.sendto(self.answer + data, client)
            except OSError:
                return

    def close(self):
        self.socket.close()


@pytest.fixture
def echo(ending):
    ending.append(Echo())
    return ending[-1]


def test_udp_good_bad_slow_silent(echo, relay, checks):
    way = relay(echo.port, udp=True)
    check = checks(f"type: udp\nport: {way.port}\nsend: ping\nexpect: pong ping", timeout_ms=500)
    check.await_result("up", "answer of 9 bytes")
    echo.answer = b"busy "
    check.await_result("down", "answer of 9 bytes without what is expected")
    echo.answer = b"pong "
    check.await_result("up", "answer of 9 bytes")
    way.delay_s = 2
    check.await_result("down", "no answer within 500 ms")
    way.delay_s = 0
    check.await_result("up", "answer of 9 bytes")
    way.silent = True
    check.await_result("down", "no answer within 500 ms")
    way.silent = False
    check.await_result("up", "answer of 9 bytes")


def test_udp_bytes_in_hex(echo, checks):
    echo.answer = bytes([0, 255, 16])
    checks(f"type: udp\nport: {echo.port}\nsend_hex: '00 0aFF'\nexpect_hex: 00ff10000aff"
           ).await_result("up", "answer of 6 bytes")


def test_udp_any_answer(echo, checks):
    checks(f"type: udp\nport: {echo.port}\nsend: x").await_result("up", "answer of 6 bytes")


def test_udp_closed_port(checks):
    """ICMP's word of it is the end at once, long before the timeout."""
    checks(f"type: udp\nport: {free_port()}\nsend: x", timeout_ms=60000
           ).await_result("down", "Connection refused")


ZONE = """\
$ORIGIN example.org.
@ 60 IN SOA ns hostmaster {serial} 3600 600 86400 60
@ 60 IN NS ns.example.org.
@ 60 IN MX 10 mail.example.org.
@ 60 IN TXT "v=spf1 " "-all"
ns 60 IN A 192.0.2.53
mail 60 IN A 192.0.2.25
alias 60 IN CNAME www
{more}
"""

NSD = """\
server:
  ip-address: 127.0.0.1
  port: {port}
  username: ""
  chroot: ""
  zonesdir: {folder}
  pidfile: {folder}/nsd.pid
  xfrdfile: {folder}/xfrd.state
  database: ""
  zonelistfile: {folder}/zone.list
  xfrdir: {folder}
  logfile: {folder}/nsd.log
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: example.org
  zonefile: example.org
"""

GOOD = "www 60 IN A 192.0.2.80\nwww 60 IN A 192.0.2.81\nwww 60 IN AAAA 2001:db8::80"


class Nsd:
    def __init__(self, folder, run):
        self.folder = folder
        self.serial = 0
        self.write(GOOD)
        while not self.begin(run):
            pass

    def begin(self, run):
        """Whether NSD runs, which also listens by TCP: somebody may have the port there."""
        self.port = free_port()
        (self.folder / "nsd.conf").write_text(NSD.format(folder=self.folder, port=self.port))
        self.process = run("nsd", "-d", "-c", str(self.folder / "nsd.conf"),
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("NSD runs or ends", lambda: (self.folder / "nsd.pid").exists()
              or self.process.process.poll() is not None)
        if self.process.process.poll() is None:
            return True
        assert "Address already in use" in (self.folder / "nsd.log").read_text()
        return False

    def write(self, more):
        self.serial += 1
        (self.folder / "example.org").write_text(ZONE.format(serial=self.serial, more=more))

    def load(self, more):
        self.write(more)
        self.process.process.send_signal(1)


@pytest.fixture
def nsd(folder, run):
    return Nsd(folder, run)


def test_dns_good_bad_slow_silent(nsd, relay, checks):
    way = relay(nsd.port, udp=True)
    check = checks(f"type: dns\nport: {way.port}\nquery: www.example.org\n"
                   "expect_answer: 192.0.2.81", timeout_ms=500)
    check.await_result("up", "NOERROR")
    nsd.load("www 60 IN A 192.0.2.99")
    check.await_result("down", "'192.0.2.81' is not among the 1 records")
    nsd.load("other 60 IN A 192.0.2.99")
    check.await_result("down", "NXDOMAIN, expected NOERROR")
    nsd.load(GOOD)
    check.await_result("up", "NOERROR")
    way.delay_s = 2
    check.await_result("down", "no answer within 500 ms")
    way.delay_s = 0
    check.await_result("up", "NOERROR")
    nsd.process.stop()
    check.await_result("down", "no answer within 500 ms")
    nsd.process.go_on()
    check.await_result("up", "NOERROR")


@pytest.mark.parametrize("keys, verdict, says", [
    ("query: www.example.org\nquery_type: AAAA\nexpect_answer: '2001:DB8:0::80'", "up", "NOERROR"),
    ("query: www.example.org\nquery_type: AAAA\nexpect_answer: '2001:db8::81'", "down", "not among"),
    ("query: WWW.example.org.", "up", "NOERROR"),
    ("query: alias.example.org\nexpect_answer: 192.0.2.80", "up", "NOERROR"),
    ("query: alias.example.org\nquery_type: CNAME\nexpect_answer: Www.Example.org.", "up", "NOERROR"),
    ("query: example.org\nquery_type: MX\nexpect_answer: mail.example.org", "up", "NOERROR"),
    ("query: example.org\nquery_type: MX\nexpect_answer: ail.example.org", "down", "not among"),
    ("query: example.org\nquery_type: NS\nexpect_answer: ns.example.org", "up", "NOERROR"),
    ("query: example.org\nquery_type: TXT\nexpect_answer: 'v=spf1 -all'", "up", "NOERROR"),
    ("query: example.org\nquery_type: TXT\nexpect_answer: 'v=spf1 -al'", "down", "not among"),
    ("query: example.org\nquery_type: TXT\nexpect_answer: 'v=spf1 -all.'", "down", "not among"),
    ("query: example.org\nquery_type: SOA", "up", "NOERROR"),
    ("query: nothing.example.org\nexpect_rcode: NXDOMAIN", "up", "NXDOMAIN"),
    ("query: www.example.net\nexpect_rcode: REFUSED", "up", "REFUSED"),
    ("query: www.example.net", "down", "REFUSED, expected NOERROR"),
])
def test_dns_questions(nsd, checks, keys, verdict, says):
    checks(f"type: dns\nport: {nsd.port}\n{keys}").await_result(verdict, says)


def test_dns_ignores_what_is_no_answer_to_it(relay, checks, ending):
    """Garbage, and answers to other questions, are as silence."""
    echo = Echo()
    ending.append(echo)
    check = checks(f"type: dns\nport: {echo.port}\nquery: www.example.org", timeout_ms=100)
    check.await_result("down", "no answer within 100 ms")  # "pong " and the question
    echo.answer = b""
    assert check.next() == ["down", "no answer within 100 ms"]  # A question is no answer.


RESPONDER = Path(__file__).resolve().parent / "late_echo.py"

needs_root = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="needs root")


class Namespace:
    def __init__(self):
        self.name = f"weir-checks-{os.getpid()}"
        self.prefix = ("ip", "netns", "exec", self.name)
        subprocess.run(["ip", "netns", "add", self.name], check=True, timeout=20)
        self.do("ip", "link", "set", "lo", "up")
        self.do("ip", "address", "add", "192.0.2.1/32", "dev", "lo")
        self.do("ip", "address", "add", "2001:db8::1/128", "dev", "lo", "nodad")

    def do(self, *words):
        subprocess.run([*self.prefix, *words], check=True, capture_output=True, timeout=20)

    def close(self):
        subprocess.run(["ip", "netns", "delete", self.name], check=True, timeout=20)


@pytest.fixture
def namespace(ending):
    ending.append(Namespace())
    return ending[-1]


@needs_root
@pytest.mark.parametrize("address, family, prefix", [
    ("192.0.2.1", "ipv4", "192.0.2.1/32"), ("2001:db8::1", "ipv6", "2001:db8::1/128")])
def test_icmp_good_bad_slow_silent(namespace, checks, run, address, family, prefix):
    def silence(value):
        path = "icmp_echo_ignore_all" if family == "ipv4" else "icmp/echo_ignore_all"
        namespace.do("sh", "-c", f"echo {value} >/proc/sys/net/{family}/{path}")

    check = checks("type: icmp", address=address, timeout_ms=500, prefix=namespace.prefix)
    check.await_result("up", "echo reply")
    silence(1)
    check.await_result("down", "no answer within 500 ms")
    silence(0)
    check.await_result("up", "echo reply")
    namespace.do("ip", "address", "del", prefix, "dev", "lo")
    check.await_result("down", "Network is unreachable")
    namespace.do("ip", "address", "add", prefix, "dev", "lo", "nodad")
    check.await_result("up", "echo reply")
    silence(1)
    late = run(*namespace.prefix, sys.executable, str(RESPONDER), address, "2")
    check.await_result("down", "no answer within 500 ms")
    late.close()
    run(*namespace.prefix, sys.executable, str(RESPONDER), address, "0.05")
    check.await_result("up", "echo reply")
