# SPDX-License-Identifier: BSD-3-Clause
"""A terminal: a program behind a pty, and what it has drawn so far, as pyte understands it."""

import fcntl
import os
import select
import signal
import struct
import termios
import time

import pyte

PATIENCE_S = 30


class Terminal:
    """'command' runs in it until close()."""

    def __init__(self, command, rows=24, columns=80, **environment):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.pid, self.fd = os.forkpty()
        if self.pid == 0:
            # Nothing of Python's may run here but this.
            try:
                # As from a shell, also when a shell has begun the tests in the background.
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
                os.execvpe(command[0], command, {**os.environ, "TERM": "linux", **environment})
            finally:
                os._exit(127)
        self.status = None
        self.output = b""  # All of it.

    def read(self, timeout_s):
        """Takes in what is there, or comes in time; returns whether the program still has the
        terminal."""
        readable, _, _ = select.select([self.fd], [], [], timeout_s)
        if not readable:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: nobody has the other end any more.
            return False
        self.output += data
        self.stream.feed(data)
        return bool(data)

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def expect(self, condition, what):
        """Reads on until 'condition' of the terminal is true, and returns what it returned."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            value = condition(self)
            if value:
                return value
            assert time.monotonic() < deadline, f"{what}; the screen:\n{self.text()}"
            assert self.read(0.2) or condition(self), f"{what}; at the end:\n{self.text()}"

    def expect_text(self, text):
        self.expect(lambda t: text in t.text(), f"'{text}'")

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def modes(self):
        """How the terminal treats input and output."""
        return termios.tcgetattr(self.fd)[:4]

    def wait(self):
        """Reads until the program ends, and returns its exit status (negative: a signal's)."""
        deadline = time.monotonic() + PATIENCE_S
        while self.status is None:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            assert time.monotonic() < deadline, f"still runs; the screen:\n{self.text()}"
        return self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
