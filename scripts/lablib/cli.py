# SPDX-License-Identifier: BSD-3-Clause
"""The command line: a table of commands, from which the help is printed."""

import json
import os
import signal
from dataclasses import dataclass
from typing import Callable

from lablib import ca, host, lifecycle, mariadb, nodes, paths, scaling, snapshot, table, topology
from lablib.errors import LabError
from lablib.progress import complain, say

ANY = 10000  # No limit on the number of arguments.
HELP = ("-h", "--help")
LOG_LINES = "200"  # Of each file that `logs` shows.


class UsageError(Exception):
    """The command line makes no sense."""


def _machine(name):
    """The node called 'name', which must be one that runs programs."""
    names = [node.name for node in topology.MACHINES]
    if name not in names:
        raise UsageError(f"no node is called '{name}': the nodes are {', '.join(names)}")
    return topology.NODE[name]


def _load_balancer(name):
    node = _machine(name)
    if node.role != "lb":
        raise UsageError(f"{node.name} is no load balancer: those are lb1 and lb2")
    return node


def _up(_, flags):
    lifecycle.up("--keep" in flags, "--active-active" in flags)


def _status(_, flags):
    as_json = "--json" in flags
    if not host.stands():
        say(json.dumps({"running": False}) if as_json
            else "no lab is up; scripts/lab up starts one")
        return 1
    state = snapshot.collect()
    say(json.dumps(state.as_json(), indent=2) if as_json else table.render(state))
    return 0


def _client(words, _):
    nodes.require_lab()
    argv = lifecycle.client_argv(words or [os.environ.get("SHELL", "/bin/sh")])
    os.execvpe(argv[0], argv, {**os.environ, **ca.client_environment()})


def _kill(words, _):
    nodes.kill(_machine(words[0]))


def _heal(words, _):
    nodes.heal(_machine(words[0]))


def _failover(words, _):
    nodes.failover(_load_balancer(words[0]) if words else None)


def _database(name):
    node = _machine(name)
    if node.role != "db":
        raise UsageError(f"{node.name} is no database: those are db1 and db2")
    return node


def _promote(words, _):
    nodes.promote(_database(words[0]) if words else None)


def _scale(words, _):
    role, number = words
    if role not in topology.FIRST_SCALE:
        raise UsageError(f"'{role}' cannot be scaled: the tiers are "
                         + " and ".join(topology.FIRST_SCALE))
    if not number.isdigit() or not 1 <= int(number) <= topology.MOST_SCALE:
        raise UsageError(f"'{number}' is no number from 1 to {topology.MOST_SCALE}")
    scaling.scale(role, int(number))


def _logs(words, flags):
    files = nodes.logs_of(_machine(words[0]))
    follow = ["-F"] if "-f" in flags else []
    os.execvp("tail", ["tail", "-n", LOG_LINES, *follow, "--", *map(str, files)])


def _ctl(words, _):
    nodes.require_lab()
    node = _load_balancer(words[0])
    os.execv(paths.WEIRCTL, [str(paths.WEIRCTL), "--config", str(paths.CONFIG),
                             "--node", node.name, *words[1:]])


def _sql(words, _):
    nodes.require_lab()
    node = _database(words[0])
    argv = [*mariadb.client_argv(node), f"--database={topology.DATABASE}", *words[1:]]
    os.execvp(argv[0], argv)


def _down(*_):
    lifecycle.down()


@dataclass(frozen=True)
class Command:
    """One line of the help, and what it calls with its arguments and flags."""

    name: str
    usage: str
    summary: str
    run: Callable
    min_args: int = 0
    max_args: int = 0
    flags: tuple = ()


COMMANDS = (
    Command("up", "[OPTION...]", "install, build, start and check everything;\n"
            "--keep leaves a lab that failed to start for a look;\n"
            "--active-active gives each load balancer an address of the site", _up,
            flags=("--keep", "--active-active")),
    Command("status", "[--json]", "nodes, owners of the virtual addresses, replication", _status,
            flags=("--json",)),
    Command("client", "[CMD...]", "run a command (or a shell) as the client", _client, 0, ANY),
    Command("kill", "NODE", "end the node's processes as a loss of power would", _kill, 1, 1),
    Command("heal", "NODE", "start them again and wait until the node is healthy", _heal, 1, 1),
    Command("failover", "[NODE]", "hand the virtual addresses to the other load balancer;\n"
            "NODE: those that this one holds", _failover, 0, 1),
    Command("promote", "[NODE]", "make the replica the primary, by scripts/promote; a primary that\n"
            "does not answer is killed first; `heal` brings it back as replica", _promote, 0, 1),
    Command("scale", "TIER N", "bring the tier web or app to N nodes, by editing weir.yaml and\n"
            "reloading; nodes that leave are drained", _scale, 2, 2),
    Command("logs", "NODE [-f]", "the ends of the node's logs; -f follows them", _logs, 1, 1,
            ("-f",)),
    Command("ctl", "NODE ARGS...", "run weirctl on a load balancer", _ctl, 1, ANY),
    Command("sql", "NODE [ARGS...]", "run the mariadb client on a database, as its root;\n"
            "for instance: sql db2 -e 'SELECT * FROM links'", _sql, 1, ANY),
    Command("down", "", "end everything and leave nothing behind", _down),
)


def _print_help():
    say("usage: scripts/lab COMMAND ...\n\n"
        "The whole picture of weir in network namespaces of this machine. Needs root.\n")
    for command in COMMANDS:
        first, *rest = command.summary.split("\n")
        say(f"  {command.name + ' ' + command.usage:<22}{first}")
        for line in rest:
            say(" " * 24 + line)
    say("\nNodes: " + " ".join(node.name for node in topology.MACHINES))
    say(f"Everything that the lab writes is in {paths.LAB}.")


def _parse(args):
    """The command, its words and its flags. What follows `client`, `ctl` or `sql` is theirs."""
    name, *rest = args
    command = next((entry for entry in COMMANDS if entry.name == name), None)
    if command is None:
        raise UsageError(f"there is no command '{name}'")
    flags = []
    if command.max_args < ANY:
        flags = [word for word in rest if word.startswith("-")]
        rest = [word for word in rest if not word.startswith("-")]
    for flag in flags:
        if flag not in command.flags:
            raise UsageError(f"{name}: unknown option '{flag}'")
    if not command.min_args <= len(rest) <= command.max_args:
        raise UsageError(f"usage: scripts/lab {name} {command.usage}".rstrip())
    return command, rest, flags


def _end_by_signal(number, _):
    raise SystemExit(128 + number)


def main(args):
    """Runs one command; returns the exit status."""
    if not args or args[0] in HELP or args[1:2] in ([word] for word in HELP):
        _print_help()
        return 0 if args else 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end_by_signal)
    try:
        command, words, flags = _parse(args)
        host.require_root()
        return command.run(words, flags) or 0
    except UsageError as error:
        complain(f"lab: {error}\n(scripts/lab --help)")
        return 2
    except BrokenPipeError:
        return 128 + signal.SIGPIPE
    except (LabError, OSError) as error:
        complain(f"lab: {error}")
        return 1
    except KeyboardInterrupt:
        complain("interrupted")
        return 128 + signal.SIGINT
