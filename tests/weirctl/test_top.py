# SPDX-License-Identifier: BSD-3-Clause
"""'weirctl top' on a terminal, of a node that runs."""

import contextlib
import itertools
import os
import re
import signal
import subprocess
import threading

import pytest

from conftest import PATIENCE_S, packet
from harness import wait_until
from terminal import Terminal

client_ports = itertools.count(40000)
HELP = "q quit  p packets b bytes f flows n name  r reverse  tab lists  arrows  +/- speed"


@pytest.fixture
def traffic(node):
    """Packets of new flows to http4, and fewer to dns4, as long as the test takes."""
    stop = threading.Event()

    def run():
        while not stop.wait(0.02):
            sport = 40000 + next(client_ports) % 20000
            node.send(packet(sport), packet(sport, flags="A"), packet(sport, 53, None, b"x"))

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stop.set()
    thread.join()


@contextlib.contextmanager
def top(node, *words, **options):
    terminal = Terminal(node.command("top", *words), **options)
    with contextlib.closing(terminal):
        yield terminal


def rows(terminal, title):
    """The rows of the table whose title begins so, as lists of words."""
    lines = terminal.lines()
    starts = [i for i, line in enumerate(lines) if line.startswith(title)]
    if not starts:
        return []
    return [line.split() for line in itertools.takewhile(bool, lines[starts[0] + 1:-1])]


def has_rates(terminal):
    return "PACKETS/S" in terminal.text() and rows(terminal, "SERVICE")


def first_words(found):
    return [row[0] for row in found]


def test_services_and_backends_are_shown_with_rates_at_80x24(node, traffic):
    # Twice as many packets go to http4 as to dns4, and none to full4. What is drawn comes in
    # pieces, so each condition is waited for.
    with top(node, "--interval", 1) as terminal:
        for line, wanted in (
                (0, r"\d\d:\d\d:\d\d lb1 of test\d+: ready  holds front4  by packets, every 1s$"),
                (1, r"flows \S+ of 4\.10k  rx \S+ packets/s \S+ .*B/s  new [1-9]\S*/s  dropped \S+/s$"),
                (3, r"SERVICE +ADDRESS +UP +FLOWS/S +PACKETS/S +BYTES/S +DROPS/S$"),
                (4, r"http4 +10\.9\.0\.100:80 +2/2 +[1-9]"), (5, r"dns4 "), (6, r"full4 "),
                (8, r"BACKEND +POOL +STATE +WEIGHT +FLOWS +NEW/S +PACKETS/S +BYTES/S$"),
                (9, r"b[12] +web4 +up +100 +[1-9]"), (11, r"b1 +one4 +up "),
                (23, re.escape(HELP[:80]) + "$")):
            terminal.expect(lambda t: re.match(wanted, t.lines()[line]), wanted)
        terminal.type("q")
        assert terminal.wait() == 0


def test_keys_sort_reverse_and_choose_lists(node, traffic):
    with top(node) as terminal:
        terminal.expect(has_rates, "rates")
        for keys, head, names in (("n", "by names", ["dns4", "full4", "http4"]),
                                  ("r", "by names", ["http4", "full4", "dns4"]),
                                  ("b", "by bytes", ["full4", "dns4", "http4"]),
                                  ("rf", "by new flows", None)):
            terminal.type(keys)
            terminal.expect(
                lambda t: head in t.lines()[0]
                and (names is None or first_words(rows(t, "SERVICE")) == names), keys)
        terminal.type("\t")
        terminal.expect(lambda t: rows(t, "SERVICE") and not rows(t, "BACKEND"), "services only")
        terminal.type("\t")
        terminal.expect(lambda t: rows(t, "BACKEND") and not rows(t, "SERVICE"), "backends only")
        terminal.type(" ")
        terminal.expect_text("PAUSED")
        terminal.type("q")
        assert terminal.wait() == 0


def test_it_follows_the_terminals_size(node):
    with top(node) as terminal:
        terminal.expect_text(HELP[:80])
        terminal.resize(12, 60)
        terminal.expect(lambda t: t.lines()[11] == HELP[:60].rstrip(), "a smaller view")
        # Lists keep their titles, and each a row.
        terminal.expect(lambda t: rows(t, "SERVICE") and rows(t, "BACKEND"), "both lists")
        terminal.resize(40, 132)
        terminal.expect(lambda t: t.lines()[39] == HELP, "a larger view")
        terminal.resize(3, 20)
        terminal.expect(lambda t: t.lines()[2] == HELP[:20].rstrip(), "a tiny view")
        terminal.type("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize("ending", ["q", "\x03", signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_the_terminal_is_given_back(node, ending):
    # A shell has it before and after, so that it stays open.
    script = 'trap : INT HUP TERM QUIT; stty -a; echo ready; read go; "$@"; echo "status $?"; read end'
    with contextlib.closing(Terminal(["sh", "-c", script, "sh", *node.command("top")])) as terminal:
        terminal.expect_text("ready")
        before = terminal.modes()
        terminal.type("\n")
        terminal.expect_text("q quit")
        assert terminal.modes() != before
        if isinstance(ending, str):
            terminal.type(ending)
        else:
            pid = int(subprocess.run(["pgrep", "-P", str(terminal.pid)], check=True,
                                     capture_output=True, text=True).stdout)
            os.kill(pid, ending)
        terminal.expect_text("status 0")
        assert terminal.modes() == before
        # The last thing it has sent shows the cursor again.
        assert terminal.output.rindex(b"\x1b[?25h") > terminal.output.rindex(b"\x1b[?25l")
        assert not terminal.screen.cursor.hidden


def test_a_node_that_does_not_answer_is_told_of_and_asked_again(node):
    with top(node, "--interval", 1) as terminal:
        terminal.expect(has_rates, "rates")
        node.control.send_signal(signal.SIGSTOP)
        try:
            terminal.expect(lambda t: "answer" in t.lines()[1], "the problem")
            # What was known stays.
            terminal.expect(lambda t: len(rows(t, "SERVICE")) == 3, "services")
        finally:
            node.control.send_signal(signal.SIGCONT)
        wait_until(node.is_master, "a master again", PATIENCE_S)
        terminal.expect(lambda t: t.lines()[1].startswith("flows "), "rates again")
        terminal.type("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize("words, term, status, says", [
    ((), "no-such-terminal", 1, "the terminal 'no-such-terminal' is not known here"),
    (("--interval", "0"), "linux", 2, "interval: 0 is not from 1 to 60")])
def test_it_says_why_it_cannot_begin(node, words, term, status, says):
    with top(node, *words, TERM=term) as terminal:
        assert terminal.wait() == status, terminal.text()
        assert says in terminal.text().replace("\n", "")


def test_without_a_terminal_it_says_what_to_do(node):
    done = subprocess.run(node.command("top"), capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
    assert done.returncode == 1 and "try 'weirctl services --watch'" in done.stderr
