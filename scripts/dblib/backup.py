# SPDX-License-Identifier: BSD-3-Clause
"""Backups by mariadb-backup: of a running server, on its own machine, without stopping anybody.

A backup is a folder that can be put into place as it is (it is prepared at once) with a note of
where in the shared history it stands, so that a server made from it can go on as a replica."""

import json
import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

from dblib import sql, state
from lablib.errors import LabError
from lablib.progress import say, step

NOTE = "weir-backup.json"
DATA = "data"
PARTIAL = ".partial"  # At the end of the name of a backup that is not whole.

# What mariadb-backup notes about the position: file, offset, GTID.
POSITION_FILES = ("mariadb_backup_binlog_info", "xtrabackup_binlog_info")

NEXT = """\
Start the server on it, then make it what it shall be:
  a replica:    scripts/database join {node} --position {position}
  the primary, if there is none left (its history goes on where the backup ends):
                mariadb -e "SET GLOBAL gtid_slave_pos = '{position}'"   (as its root)
                scripts/database open {node}"""


def _run(argv, log, **options):
    """Runs mariadb-backup, whose many words go to a file."""
    with open(log, "ab") as out:
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False,
                                  **options)
        except FileNotFoundError:
            raise LabError("the program mariadb-backup is missing",
                           "apt-get install mariadb-backup") from None
    if done.returncode != 0:
        tail = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
        raise LabError(f"mariadb-backup failed ({log})", *tail)


def _position(folder, server_state):
    """Where the backup stands. A replica's own log has the whole history as well: it keeps what it
    applies there (log_slave_updates)."""
    for name in POSITION_FILES:
        path = folder / name
        if path.exists():
            words = path.read_text(encoding="ascii").split()
            return words[2] if len(words) > 2 else ""
    raise LabError(f"mariadb-backup has noted no position in {folder}",
                   f"{server_state.server.name} must have log_bin = ON (apptier/mariadb/weir.cnf)")


def _data_folder(cluster, server):
    folder = Path(sql.ask(cluster, server, "SELECT @@datadir;").strip())
    if not (folder / "ibdata1").exists():
        raise LabError(f"{folder}, the data of {server.name}, is not on this machine",
                       "run this where the server runs")
    return folder


def backup(cluster, name, into, keep=None):
    """Backs the server up into a new folder below 'into'; returns that. 'keep': how many of this
    server's backups stay; older ones are removed when the new one is whole."""
    server = cluster.server(name)
    now = state.of(cluster, server)
    if not now.answers:
        raise now.error
    folder = Path(into) / f"{name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    if folder.exists():
        raise LabError(f"{folder} is there already")
    partial = folder.with_name(folder.name + PARTIAL)
    partial.mkdir(mode=0o700, parents=True)
    data, log = partial / DATA, partial / "backup.log"
    try:
        with sql.defaults_file(cluster.account("admin")) as (path, fd), step(f"backing up {name}"):
            _run(["mariadb-backup", f"--defaults-file={path}", "--backup", f"--target-dir={data}",
                  f"--datadir={_data_folder(cluster, server)}",
                  *sql.client_options(cluster, server)], log, pass_fds=(fd,))
        with step("preparing"):
            _run(["mariadb-backup", "--no-defaults", "--prepare", f"--target-dir={data}"], log)
        note = {"node": name, "position": _position(data, now), "schema": cluster.schema,
                "version": sql.ask(cluster, server, "SELECT VERSION();").strip(),
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        (partial / NOTE).write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
        os.sync()  # What has its final name is whole, also after a loss of power.
        partial.rename(folder)
    except BaseException:
        say(f"not a whole backup: {partial}")
        raise
    say(f"{folder}: at {note['position'] or 'no GTID'}")
    _prune(Path(into), name, keep)
    return folder


def of_server(into, name):
    """The whole backups of a server, oldest first."""
    found = [path.parent for path in Path(into).glob(f"{name}-*/{NOTE}")
             if not path.parent.name.endswith(PARTIAL)]
    return sorted(path for path in found if read_note(path)["node"] == name)


def _prune(into, name, keep):
    if keep is None:
        return
    for path in of_server(into, name)[:-keep]:
        shutil.rmtree(path)
        say(f"removed {path}")


def read_note(folder):
    try:
        return json.loads((Path(folder) / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabError(f"{folder} is no whole backup: {error}") from None


def _give_to(folder, user):
    try:
        owner = pwd.getpwnam(user)
    except KeyError:
        raise LabError(f"there is no user '{user}'") from None
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def restore(folder, into, user):
    """Puts a backup into place as the data of a server that does not run yet."""
    note = read_note(folder)
    into = Path(into)
    if into.exists() and any(into.iterdir()):
        raise LabError(f"{into} is not empty", "move the former data away first: nothing of it is "
                       "overwritten")
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = into.with_name(into.name + ".restore.log")
    with step(f"restoring {note['node']} of {note['time']}"):
        _run(["mariadb-backup", "--no-defaults", "--copy-back", f"--target-dir={Path(folder) / DATA}",
              f"--datadir={into}"], log)
        _give_to(into, user)
    log.unlink()
    say(NEXT.format(node=note["node"], position=note["position"]))
