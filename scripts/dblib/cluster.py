# SPDX-License-Identifier: BSD-3-Clause
"""What weir.yaml says of the databases: servers, accounts, how they are replicated.

`weirctl check` says all that may be wrong with the file; here only what is missing for the work
at hand is told."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from lablib.errors import LabError

SEMI_SYNC_TIMEOUT_MS = 1000


@dataclass(frozen=True)
class Account:
    """A user and the file of the password, which is read when it is needed."""

    user: str
    password_file: Path

    def password(self):
        try:
            with open(self.password_file, encoding="utf-8") as file:
                mode = os.fstat(file.fileno()).st_mode
                text = file.read().rstrip("\r\n")
        except OSError as error:
            raise LabError(f"cannot read the password of {self.user}: {error}") from None
        if mode & stat.S_IRWXO:
            raise LabError(f"{self.password_file} is open to everybody",
                           f"chmod o= {self.password_file}")
        if not text or "\n" in text or "\0" in text:
            raise LabError(f"{self.password_file} does not hold one line of text")
        return text


@dataclass(frozen=True)
class Server:
    """One server: a node with role db."""

    name: str
    host: str
    port: int
    is_first: bool  # Primary by the file; which one is now, the servers say.


@dataclass(frozen=True)
class Cluster:
    """The section 'database' and the nodes that it is about."""

    path: Path  # Of the file.
    servers: tuple
    schema: str
    accounts: dict  # 'app', 'migrate', 'monitor', 'replication', 'admin': those that there are.
    semi_sync: bool
    semi_sync_timeout_ms: int
    fence: tuple
    tls_ca: Path

    def server(self, name):
        for server in self.servers:
            if server.name == name:
                return server
        raise LabError(f"no database is called '{name}'",
                       "they are " + ", ".join(server.name for server in self.servers))

    def at(self, host, port):
        """The server with that address, or None."""
        for server in self.servers:
            if server.host == host and server.port == int(port or 0):
                return server
        return None

    def account(self, name):
        try:
            return self.accounts[name]
        except KeyError:
            key = "replication.user and admin_user" if name in ("replication", "admin") else name
            raise LabError(f"the cluster file has no account '{name}'",
                           f"give database.{key} (docs/database.md)") from None


def _endpoint(text):
    host, _, port = str(text).rpartition(":")
    return host.strip("[]"), int(port)


def _accounts(section, folder):
    replication = section.get("replication") or {}
    found = {}
    for name, part, user, file in (
            ("app", section, "user", "password_file"),
            ("read", section, "read_user", "read_password_file"),
            ("migrate", section, "migrate_user", "migrate_password_file"),
            ("monitor", section, "monitor_user", "monitor_password_file"),
            ("replication", replication, "user", "password_file"),
            ("admin", replication, "admin_user", "admin_password_file")):
        if part.get(user) and part.get(file):
            found[name] = Account(part[user], folder / part[file])
    return found


def load(path):
    """Reads the cluster file."""
    try:
        import yaml  # Only here, so that --help works without it.
    except ImportError:
        raise LabError("Python's YAML library is missing",
                       "apt-get install python3-yaml (scripts/install-deps run)") from None
    path = Path(path)
    try:
        with open(path, encoding="utf-8") as file:
            text = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        nodes = [node for node in text["nodes"] if node["role"] == "db"]
        section = text["database"]
        servers = tuple(Server(node["name"], *_endpoint(node["listen"]),
                               node["database"] == "primary") for node in nodes)
        folder = path.resolve().parent
        replication = section.get("replication") or {}
        tls_ca = section.get("tls_ca")
        return Cluster(path, servers, section["name"], _accounts(section, folder),
                       bool(replication.get("semi_sync", False)),
                       int(replication.get("semi_sync_timeout_ms", SEMI_SYNC_TIMEOUT_MS)),
                       _command(replication.get("fence") or (), folder),
                       folder / tls_ca if tls_ca else None)
    except OSError as error:
        raise LabError(f"cannot read the cluster file: {error}") from None
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise LabError(f"{path} makes no sense as a cluster with databases: {error!r}",
                       f"weirctl check {path} says what is wrong") from None


def _command(words, folder):
    """A relative first word is in the file's folder, as everywhere in weir.yaml."""
    return tuple([str(folder / words[0]), *map(str, words[1:])]) if words else ()
