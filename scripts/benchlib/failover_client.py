# SPDX-License-Identifier: BSD-3-Clause
"""The client of the failover benchmark, tests/bench/failover_client.c, as an object."""

import json
import select
import subprocess

from benchlib import programs
from benchlib.failover_net import PORT
from lablib.errors import LabError

ANSWER_S = 90  # Longer than the client's own patience with any command.
PATIENCE_MS = 3000


class Client:
    """Asks the targets without a pause, from its start to its stop."""

    def __init__(self, net, targets, interval_ms, idle, streams):
        self._machine = net["client"]
        words = [f"{name}={address}:{PORT}" for name, address in targets.items()]
        self._process = self._machine.start(
            "client", programs.PROGRAMS / "bench-failover-client", *words,
            "--interval-us", str(round(interval_ms * 1000)), "--patience-ms", str(PATIENCE_MS),
            "--idle", str(idle), "--streams", str(streams),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _ask(self, command):
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], ANSWER_S)[0]:
            raise LabError(f"the client does not answer '{command}'")
        line = self._process.stdout.readline()
        if not line:
            self._machine.check()
            raise LabError("the client has ended")
        return json.loads(line)

    def fill(self, anew=False):
        """All connections are there, 'anew' or those that live and others for the dead."""
        answer = self._ask("renew" if anew else "fill")
        if not answer["done"]:
            raise LabError("not all connections could be opened, or requests fail",
                           *(f"{name}: {found}" for name, found in answer["targets"].items()))

    def begin(self):
        self._ask("begin")

    def await_recovery(self, killed_ns, dead_ns):
        """Returns whether all targets serve requests again."""
        return self._ask(f"killed {killed_ns} {dead_ns}")["done"]

    def end(self):
        """The results since begin(), by target."""
        return self._ask("end")["targets"]

    def stop(self):
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
        del self._machine.processes["client"]
