# SPDX-License-Identifier: BSD-3-Clause
"""HTTPS: certificates by name, tickets that web nodes share, OCSP responses, clients' certificates,
reload, the way from HTTP."""

import base64
import os
import shutil
import socket
import ssl
import subprocess

import http2
import pytest
from web import NAME, PATIENCE_S, Client, client_context, until

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def write_keys(path, *keys):
    path.write_text("".join(base64.b64encode(key).decode() + "\n" for key in keys))
    path.chmod(0o600)


def new_key():
    return os.urandom(80)


def served_names(tier, name, context):
    with Client(tier, context, name) as client:
        return [value for _, value in client.socket.getpeercert()["subjectAltName"]]


@pytest.fixture(scope="module")
def context(authority):
    return client_context(authority)


@pytest.fixture(scope="module")
def pairs(start, folder, authority):
    """Two tiers with the same ticket keys, several certificates and HSTS."""
    keys = folder / "ticket.keys"
    write_keys(keys, new_key())
    more = [authority.issue("other.example.org", "alias.example.org"),
            authority.issue("*.wild.example.org")]
    one = authority.issue(NAME)
    staple = authority.ocsp(one[0], folder / "staple.der")
    shared = {"ticket_keys": str(keys), "hsts_max_age_s": 3600, "redirect_https": "yes",
              "pair": one, "ocsp_response": str(staple),
              "certificates": [{"certificate": str(certificate), "private_key": str(key)}
                               for certificate, key in more]}
    return start(**shared), start(**shared)


@pytest.mark.parametrize("asked, served", [
    (NAME, NAME), ("other.example.org", "other.example.org"),
    ("alias.example.org", "other.example.org"), ("ALIAS.example.org", "other.example.org"),
    ("a.wild.example.org", "*.wild.example.org")])
def test_a_certificate_is_chosen_by_name(pairs, context, asked, served):
    assert served in served_names(pairs[0], asked, context)


@pytest.mark.parametrize("asked", ["unknown.example.org", "a.b.wild.example.org", "wild.example.org"])
def test_other_names_get_the_first_certificate(pairs, authority, asked):
    context = client_context(authority)
    context.check_hostname = False
    assert served_names(pairs[0], asked, context) == [NAME]


class Together:
    """A client whose first data come with the end of its handshake, in one piece."""

    def __init__(self, tier, context, data):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=NAME)
        self.socket = socket.create_connection(("127.0.0.1", tier.https), timeout=PATIENCE_S)
        self._until_done(self.tls.do_handshake)
        self.tls.write(data)
        self.socket.sendall(self.outgoing.read())

    def _until_done(self, call, *words):
        while True:
            try:
                return call(*words)
            except ssl.SSLWantReadError:
                self.socket.sendall(self.outgoing.read())
                self.incoming.write(self.socket.recv(65536))

    def read_until(self, condition):
        found = b""
        while not condition(found):
            found += self._until_done(self.tls.read, 65536)
        return found


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("n", [1, 1000])  # One, and more than are read at once.
def test_requests_may_come_with_the_end_of_the_handshake(pairs, authority, version, n):
    body = pairs[0].get("/digits", tls=client_context(authority)).body
    request = f"GET /digits HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode()
    client = Together(pairs[0], client_context(authority, version=version), request * n)
    with client.socket:
        found = client.read_until(lambda found: found.count(body) == n)
    assert found.count(b"HTTP/1.1 200 ") == n


def test_frames_may_come_with_the_end_of_the_handshake(pairs, authority):
    client = Together(pairs[0], http2.context_for(authority),
                      http2.PREFACE + http2.frame(http2.SETTINGS))
    taken = http2.frame(http2.SETTINGS, http2.ACK)
    with client.socket:
        assert client.read_until(lambda found: taken in found)


def resume(first, second, context):
    """Whether a session begun with the first goes on with the second."""
    with Client(first, context) as client:
        client.send(b"GET /digits HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.answer().status == 200  # TLS 1.3 brings tickets after the handshake.
        session = client.socket.session
    with Client(second, context, session=session) as client:
        client.send(b"GET /digits HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.answer().status == 200
        return client.socket.session_reused


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3], ids=["1.2", "1.3"])
def test_a_session_goes_on_at_another_node(pairs, authority, version):
    assert resume(*pairs, client_context(authority, version=version))


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3], ids=["1.2", "1.3"])
def test_a_session_that_was_resumed_can_be_resumed_again(pairs, authority, version):
    context = client_context(authority, version=version)
    session = None
    for number in range(6):
        with Client(pairs[number % 2], context, session=session) as client:
            client.send(b"GET /digits HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.answer().status == 200
            assert client.socket.session_reused == (number > 0)
            assert version == TLS_1_2 or client.socket.session is not session
            session = client.socket.session


def test_nodes_without_common_keys_begin_anew(tier, pairs, authority):
    assert resume(tier, tier, client_context(authority))
    assert not resume(tier, pairs[0], client_context(authority))


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3], ids=["1.2", "1.3"])
def test_ticket_keys_are_changed_without_a_gap(start, folder, authority, version):
    keys = folder / "changing.keys"
    old, new = new_key(), new_key()
    write_keys(keys, old)
    tier = start(ticket_keys=str(keys))
    context = client_context(authority, version=version)
    with Client(tier, context) as client:
        client.send(b"GET /digits HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.answer().status == 200
        session = client.socket.session
    for lines, reused in (((new, old), True), ((new,), False)):
        write_keys(keys, *lines)
        assert "reloaded the cluster file, certificates and ticket keys" in tier.reload()
        with Client(tier, context, session=session) as client:
            client.send(b"GET /digits HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.answer().status == 200
            assert client.socket.session_reused == reused


def test_wrong_ticket_keys_change_nothing(start, folder, authority):
    keys = folder / "wrong.keys"
    write_keys(keys, new_key())
    tier = start(ticket_keys=str(keys))
    for wrong, why in ((b"short\n", ":1: is no key"), (b"", "has no key")):
        keys.write_bytes(wrong)
        said = tier.reload()
        assert why in said and "stay in force" in said
    write_keys(keys, *[new_key() for _ in range(9)])
    assert "keys" in tier.reload()
    write_keys(keys, new_key())
    keys.chmod(0o644)
    assert "chmod 600" in tier.reload()
    assert resume(tier, tier, client_context(authority))


def status_of(tier, name):
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{tier.https}", "-servername", name,
         "-status"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        timeout=60).stdout


def test_an_ocsp_response_goes_with_its_certificate(pairs):
    assert "Cert Status: good" in status_of(pairs[0], NAME)
    assert "OCSP response: no response sent" in status_of(pairs[0], "other.example.org")
    stapled = [line for line in pairs[0].figures().splitlines()
               if line.startswith("weir_tls_certificate_stapled{")]
    assert [line[-1] for line in stapled] == ["1", "0", "0"]


def test_an_ocsp_response_of_another_certificate_is_refused(start, folder, authority):
    staple = authority.ocsp(authority.issue(NAME)[0], folder / "foreign.der")
    tier = start(ready=False, ocsp_response=str(staple))
    assert tier.process.wait(60) == 1
    assert "no OCSP response about the certificate" in tier.said()
    tier.process.returncode = 0


def test_hsts_is_said_to_tls_clients_alone(pairs, context):
    for path in ("/", "/digits", "/none", "/api/x"):
        for _ in range(2):  # What is cached for the one is not for the other.
            answer = pairs[0].get(path, tls=context)
            assert answer["Strict-Transport-Security"] == "max-age=3600; includeSubDomains"
            assert not pairs[0].get(path)["Strict-Transport-Security"]


@pytest.mark.parametrize("target, host, path", [
    ("/", NAME, "/"), ("/a%20b?c=d", NAME, "/a%20b?c=d"), ("/api/x", f"{NAME}:8080", "/api/x"),
    ("http://other.example.org/x?y", "other.example.org", "/x?y"), ("//evil.example/", NAME,
                                                                    "//evil.example/"),
    ("http://other.example.org", "other.example.org", "/")])
def test_plain_http_is_sent_on_to_https(pairs, target, host, path):
    with Client(pairs[0]) as client:
        client.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = client.answer()
    assert answer.status == 301
    assert answer["Location"] == f"https://{host.partition(':')[0]}:{pairs[0].https}{path}"


def test_a_redirect_keeps_a_method_and_leaves_out_what_must_be_plain(pairs):
    assert pairs[0].get("/api/x", "Content-Length: 0", method="POST").status == 308
    assert pairs[0].get("/health").status == 200
    assert pairs[0].get("/.well-known/acme-challenge/x").status == 404


def test_a_reload_drops_no_connection(start, authority, context):
    certificate, key = authority.issue(NAME, "old.example.org")
    tier = start(pair=(certificate, key))
    assert "old.example.org" in served_names(tier, NAME, context)
    with Client(tier, context) as open_one:
        fresh, fresh_key = authority.issue(NAME, "new.example.org")
        shutil.copy(fresh, certificate)
        shutil.copy(fresh_key, key)
        assert "reloaded the cluster file, certificates and ticket keys" in tier.reload()
        assert "new.example.org" in served_names(tier, NAME, context)
        open_one.send(b"GET /digits HTTP/1.1\r\nHost: x\r\n\r\n")
        assert open_one.answer().status == 200
    expiry = tier.figure(f'weir_tls_certificate_expires_seconds{{certificate="{certificate}"}}')
    with Client(tier, context) as client:
        assert expiry == ssl.cert_time_to_seconds(client.socket.getpeercert()["notAfter"])


def test_a_client_shows_who_it_is(start, authority):
    tier = start(client_ca=str(authority.ca), client_certificate="optional")
    known = client_context(authority, authority.issue(subject="alice,ops"))
    body = tier.get("/api/x", "X-Client-Certificate: CN=root", tls=known).body
    assert b"\r\nX-Client-Certificate: CN=alice\\,ops\r\n" in body
    body = tier.get("/api/x", "X-Client-Certificate: CN=root", tls=client_context(authority)).body
    assert b"X-Client-Certificate" not in body


def test_a_client_without_a_certificate_is_refused_where_one_is_required(start, authority, folder):
    tier = start(client_ca=str(authority.ca))
    known = client_context(authority, authority.issue(subject="alice"))
    assert tier.get("/digits", tls=known).status == 200
    (folder / "strangers").mkdir()
    stranger = type(authority)(folder / "strangers").issue(subject="mallory")
    for context in (client_context(authority), client_context(authority, stranger)):
        with pytest.raises((ssl.SSLError, ConnectionError, AttributeError)):
            assert tier.get("/digits", tls=context).status  # None: closed without an answer.
    until("failures are counted", lambda: tier.figure("weir_tls_handshakes_failed_total") >= 2)


def test_an_old_version_is_refused_where_the_new_one_is_required(start, authority):
    tier = start(min_tls="1.3")
    assert tier.get("/digits", tls=client_context(authority, version=TLS_1_3)).status == 200
    with pytest.raises((ssl.SSLError, ConnectionError)):
        tier.get("/digits", tls=client_context(authority, version=TLS_1_2))
