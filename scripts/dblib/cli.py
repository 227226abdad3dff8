# SPDX-License-Identifier: BSD-3-Clause
"""The command line: a table of commands, from which the help is printed."""

import argparse
import os

from dblib import accounts, backup, cluster, promote, roles, state
from lablib.errors import LabError
from lablib.progress import complain, say

CONFIG = os.environ.get("WEIR_CONFIG", "/etc/weir/weir.yaml")

# With this a server that was the primary starts after another one has been promoted: it takes back
# the end of its log that no replica has, and that nobody was told of.
DEMOTED = "--init-rpl-role=SLAVE"


def _status(found, _):
    states = state.of_all(found)
    for entry in states:
        say(f"{entry.server.name:<8} {entry.describe()}")
    return 0 if state.writable(states) else 1


def _accounts(found, args):
    say(accounts.statements(found, args.hosts).rstrip())


def _start_options(found, args):
    """For whoever starts the server: is another one the primary now?"""
    server = found.server(args.node)
    others = [entry for entry in state.of_all(found) if entry.server != server]
    if state.writable(others) and found.semi_sync:
        say(DEMOTED)


def _open(found, args):
    roles.open_first(found, found.server(args.node), args.fenced)


def _join(found, args):
    roles.join(found, found.server(args.node), args.position)


def _promote(found, args):
    promote.promote(found, args.node, args.fenced, args.accept_loss)


def _backup(found, args):
    backup.backup(found, args.node, args.folder, args.keep)


def _restore(_, args):
    backup.restore(args.backup, args.data, args.user)


def _count(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


NODE = (("node",), {"metavar": "NODE"})
FENCED = (("--fenced",), {"action": "store_true",
                          "help": "servers that do not answer certainly take no writes"})

COMMANDS = (
    ("status", _status, "every server: role, position, replication", ()),
    ("accounts", _accounts, "print the SQL that makes the accounts, for root of every server", (
        (("--hosts",), {"required": True, "metavar": "PATTERN",
                        "help": "where clients and servers come from: '10.0.3.%%'"}),)),
    ("open", _open, "let NODE take writes, where no server does", (NODE, FENCED)),
    ("join", _join, "make NODE a replica of the primary, also one that was the primary", (
        NODE, (("--position",), {"metavar": "GTID", "help": "where its backup stands"}))),
    ("promote", _promote, "make NODE the primary; left out: the replica that has most", (
        (("node",), {"metavar": "NODE", "nargs": "?"}), FENCED,
        (("--accept-loss",), {"action": "store_true",
                              "help": "though writes that were answered may be missing there"}))),
    ("start-options", _start_options, "print the options that mariadbd needs to start on NODE now",
     (NODE,)),
    ("backup", _backup, "back NODE up into a new folder below FOLDER, on NODE's machine", (
        NODE, (("folder",), {"metavar": "FOLDER"}),
        (("--keep",), {"type": _count, "metavar": "N", "help": "remove all but the last N"}))),
    ("restore", _restore, "put BACKUP into place as the data folder DATA of a stopped server", (
        (("backup",), {"metavar": "BACKUP"}), (("data",), {"metavar": "DATA"}),
        (("--user",), {"default": "mysql", "help": "to whom the data belong (mysql)"}))),
)


def _parser():
    parser = argparse.ArgumentParser(
        prog="scripts/database", description="Roles and backups of the database servers of weir.yaml; "
        "see docs/database.md. `promote`, `backup` and `restore` are also scripts of their own.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", default=CONFIG, metavar="FILE",
                        help=f"the cluster file ({CONFIG}; WEIR_CONFIG)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text, arguments in COMMANDS:
        command = commands.add_parser(name, help=text, description=text, parents=[common])
        command.set_defaults(run=run, needs_cluster=run is not _restore)
        for flags, options in arguments:
            command.add_argument(*flags, **options)
    return parser


def main(words):
    """Runs one command; returns the exit status."""
    args = _parser().parse_args(words)
    try:
        found = cluster.load(args.config) if args.needs_cluster else None
        return args.run(found, args) or 0
    except (LabError, OSError) as error:
        complain(f"database: {error}")
        return 1
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
