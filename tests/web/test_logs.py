# SPDX-License-Identifier: BSD-3-Clause
"""The access log: its lines, a new file on request, and the way to systemd's journal."""

import json
import re
import signal
import socket

import pytest
from web import PATIENCE_S, WebTier, until

COMBINED = re.compile(r'127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] '
                      r'"(?P<request>[^"]*)" (?P<status>\d+) (?P<bytes>\d+) "(?P<referer>[^"]*)" '
                      r'"(?P<agent>[^"]*)"')
JOURNAL_HEADER = 7  # Lines of a stream to the journal before its entries.


def ask(tier, *targets):
    for target in targets:
        assert tier.get(target, "User-Agent: me", "Referer: here").status


def test_a_renamed_log_is_begun_anew_and_no_line_is_lost(start):
    tier = start(access_log="%n.log")
    log, former = tier.folder / "web1.log", tier.folder / "web1.log.1"
    ask(tier, "/digits", "/none?q=\"x\"")
    log.rename(former)
    tier.process.send_signal(signal.SIGUSR1)
    until("it is begun anew", lambda: f"opened {log} again" in tier.said())
    ask(tier, "/index.html")
    lines = until("all is written", lambda: len(found := former.read_text().splitlines(
        ) + log.read_text().splitlines()) >= 3 and found)
    found = [COMBINED.fullmatch(line) for line in lines]
    assert all(found), lines
    assert [(each["request"], each["status"], each["bytes"]) for each in found][0] == (
        "GET /digits HTTP/1.1", "200", "10")
    assert found[1]["request"] == r"GET /none?q=\x22x\x22 HTTP/1.1"
    assert {(each["referer"], each["agent"]) for each in found} == {("here", "me")}
    assert log.stat().st_mode & 0o777 == 0o640


def test_a_log_that_cannot_be_begun_anew_goes_on(start, folder):
    log, former = folder / "logs", folder / "former"
    log.mkdir()
    tier = start(access_log=str(log / "%n.log"))
    log.rename(former)
    tier.process.send_signal(signal.SIGUSR1)
    until("it is told", lambda: "the old file stays in use" in tier.said())
    ask(tier, "/digits")
    until("it is written", lambda: "/digits" in (former / "web1.log").read_text())


class Journal:
    """The end of systemd-journald that programs write lines to."""

    def __init__(self, folder):
        self.run = folder / "run"
        path = self.run / "systemd" / "journal" / "stdout"
        path.parent.mkdir(parents=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(8)
        self.listener.settimeout(PATIENCE_S)

    def starter(self):
        """Sees this journal alone."""
        return ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /run && exec "$@"',
                str(self.run))

    def accept(self):
        stream, _ = self.listener.accept()
        stream.settimeout(PATIENCE_S)
        return stream, stream.makefile(encoding="utf-8")


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path)
    yield made
    made.listener.close()


def test_lines_go_to_the_journal_and_to_one_that_was_started_anew(start, journal):
    tier = start(access_log="journal", access_log_format="json", starter=journal.starter(),
                 ready=False)
    stream, reader = journal.accept()
    tier.await_ready()
    header = [reader.readline().rstrip("\n") for _ in range(JOURNAL_HEADER)]
    assert (header[0], header[2]) == ("weir-webtier", "6")
    ask(tier, "/digits", "/none")
    lines = [json.loads(reader.readline()) for _ in range(2)]
    assert [(line["target"], line["status"]) for line in lines] == [("/digits", 200), ("/none", 404)]
    reader.close()
    stream.close()

    def comes_back():
        ask(tier, "/index.html")
        journal.listener.settimeout(0.5)
        try:
            return journal.accept()
        except TimeoutError:
            return None
    stream, reader = until("it connects again", comes_back)
    with stream, reader:
        assert [reader.readline() for _ in range(JOURNAL_HEADER)][0] == "weir-webtier\n"
        assert json.loads(reader.readline())["target"] == "/index.html"
    assert not (tier.folder / "journal").exists()


def test_without_a_journal_it_says_so(folder, authority, app, site, journal):
    journal.listener.close()
    tier = WebTier(folder, authority, app, ready=False, access_log="journal",
                   starter=journal.starter())
    assert tier.process.wait(PATIENCE_S) == 1
    assert "cannot reach the journal: Connection refused" in tier.said()
