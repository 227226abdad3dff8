# SPDX-License-Identifier: BSD-3-Clause
"""The programs of the nodes as detached processes.

A pid file holds the process's number, its start time and the boot, so that a number that the
kernel has given to another process is never taken for ours, and never signalled."""

import os
import select
import signal
import subprocess
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from lablib import namespaces, paths, topology
from lablib.waiting import POLL_S

LOG_TAIL_LINES = 15
URGENT_NICE = -15

# Hands over an inherited socket as systemd does: as descriptor 3, addressed to the process that
# the program will be. exec keeps that process's number.
LISTEN_LAUNCHER = 'exec 3<&"$1"; shift; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"'


def _boot_id():
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _start_time(pid):
    """When the process started, in ticks since boot; None if there is none or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _put_session_first(pid):
    """Where the kernel shares the processors among sessions, nice counts only within each."""
    try:
        Path(f"/proc/{pid}/autogroup").write_text(str(URGENT_NICE), encoding="ascii")
    except OSError:  # It does not, or the process has ended.
        pass


@dataclass(frozen=True)
class Process:
    """One program of one node, whether it runs or not."""

    node: topology.Node
    program: str

    @property
    def name(self):
        return f"{self.node.name}-{self.program}"

    @property
    def pid_file(self):
        return paths.PIDS / f"{self.name}.pid"

    @property
    def log(self):
        return paths.LOGS / f"{self.name}.log"

    def pid(self):
        """Its number if it runs, else None."""
        try:
            pid, start, boot = self.pid_file.read_text(encoding="ascii").split()
        except (FileNotFoundError, ValueError):
            return None
        if boot == _boot_id() and _start_time(int(pid)) == int(start):
            return int(pid)
        return None

    def was_started(self):
        """Whether somebody wanted it to run: it may have died, or been killed, since."""
        return self.pid_file.exists()

    def runs_older_than(self, executable):
        """Whether it runs an executable that a newer build has replaced."""
        pid = self.pid()
        try:
            return pid is not None and not os.path.samefile(f"/proc/{pid}/exe", executable)
        except FileNotFoundError:
            return False

    def start(self, argv, env=None, listener=None, urgent=False):
        """Starts 'argv' in the node's namespace, apart from this terminal, writing to its log.

        'listener' is a listening socket that the program gets as descriptor 3. What is 'urgent'
        comes before what is not: all of the lab shares the processors that each node would have
        for itself."""
        argv = namespaces.exec_argv(self.node.namespace, argv)
        if urgent:
            argv = ["nice", "-n", str(URGENT_NICE), *argv]
        inherited = ()
        if listener is not None:
            inherited = (listener.fileno(),)
            argv = ["/bin/sh", "-c", LISTEN_LAUNCHER, "sh", str(listener.fileno()), *argv]
        with open(self.log, "ab") as log:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     env={**os.environ, **(env or {})}, cwd=paths.LAB,
                                     start_new_session=True, pass_fds=inherited)
        if urgent:
            _put_session_first(child.pid)
        # 0 is no process's start time: one that has died already counts as not running.
        self.pid_file.write_text(f"{child.pid} {_start_time(child.pid) or 0} {_boot_id()}\n",
                                 encoding="ascii")

    def signal(self, number):
        """Sends a signal to its process group, if it runs; returns whether it did."""
        pid = self.pid()
        if pid is None:
            return False
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            return False
        return True

    def forget(self):
        self.pid_file.unlink(missing_ok=True)

    def log_tail(self, n_lines=LOG_TAIL_LINES):
        """The end of its log, headed by the log's path."""
        try:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                lines = [line.rstrip("\n") for line in deque(log, n_lines)]
        except FileNotFoundError:
            return ""
        return "\n".join([f"the end of {self.log}:", *("  | " + line for line in lines)])


def of_node(node):
    return [Process(node, program) for program in node.programs]


def of_all():
    return [process for node in topology.MACHINES for process in of_node(node)]


def _await_end(pids, seconds):
    """Waits until all of the processes have ended; returns whether they have."""
    deadline = time.monotonic() + seconds
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([handle], [], [], left)[0]:
                return False
        finally:
            os.close(handle)
    return True


def stop(processes, grace_s):
    """Asks the processes to end; kills, and returns, those that have not after 'grace_s'."""
    pids = [pid for pid in (process.pid() for process in processes) if pid is not None]
    for process in processes:
        process.signal(signal.SIGTERM)
    killed = [] if _await_end(pids, grace_s) else kill(processes)
    for process in processes:
        process.forget()
    return killed


def kill(processes):
    """Ends the processes at once, as a machine that loses power does; returns the ended ones."""
    pids = [pid for pid in (process.pid() for process in processes) if pid is not None]
    ended = [process for process in processes if process.signal(signal.SIGKILL)]
    _await_end(pids, 5)
    return ended


def sweep(names):
    """Ends whatever else still runs in the namespaces called 'names'."""
    pids = [pid for name in names for pid in namespaces.pids(name)]
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    _await_end(pids, 5)


def await_reaped(pids, seconds):
    """Gives init time to collect processes that have ended, so that ps(1) shows none of them."""
    deadline = time.monotonic() + seconds
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(POLL_S)
