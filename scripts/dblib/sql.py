# SPDX-License-Identifier: BSD-3-Clause
"""SQL at the servers, by the mariadb client. Passwords go by a file in memory that only this
process and the client see, never by a command line."""

import os
import subprocess
from contextlib import contextmanager

from lablib.errors import LabError

CONNECT_S = 2
ANSWER_S = 10  # Of statements that do not wait.


class ServerError(LabError):
    """A server did not do what it was asked for."""


class Unreachable(ServerError):
    """It may be dead, or only not to be reached from here."""


# What the client says when there is no talking to the server: cannot connect, gone, lost.
UNREACHABLE = tuple(f"ERROR {code} " for code in (2002, 2003, 2005, 2006, 2013, 2026))


def quote(text):
    """As a literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@contextmanager
def defaults_file(account):
    """The path of an options file for a child process that inherits the descriptor: (path, fd)."""
    password = account.password().replace("\\", "\\\\").replace('"', '\\"')
    fd = os.memfd_create("weir-database")
    try:
        os.fchmod(fd, 0o600)  # The client ignores options that everybody could have written.
        os.write(fd, f'[client]\nuser="{account.user}"\npassword="{password}"\n'.encode())
        yield f"/proc/self/fd/{fd}", fd
    finally:
        os.close(fd)


def client_options(cluster, server):
    """Where the server is, for any of MariaDB's programs."""
    options = ["--protocol=tcp", f"--host={server.host}", f"--port={server.port}"]
    if cluster.tls_ca:
        options += [f"--ssl-ca={cluster.tls_ca}", "--ssl-verify-server-cert"]
    return options


def ask(cluster, server, statements, answer_s=ANSWER_S, vertical=False):
    """Runs statements as the administrator; returns what the client prints."""
    with defaults_file(cluster.account("admin")) as (path, fd):
        argv = ["mariadb", f"--defaults-file={path}", *client_options(cluster, server),
                f"--connect-timeout={CONNECT_S}", "--batch", "--skip-column-names"]
        if vertical:
            argv[-2:] = ["--vertical"]
        try:
            done = subprocess.run(argv, input=statements, capture_output=True, text=True,
                                  timeout=CONNECT_S + answer_s, check=False, pass_fds=(fd,))
        except FileNotFoundError:
            raise LabError("the program mariadb is missing",
                           "apt-get install mariadb-client") from None
        except subprocess.TimeoutExpired:
            raise Unreachable(f"{server.name} does not answer",
                              f"nothing within {CONNECT_S + answer_s} s") from None
    if done.returncode == 0:
        return done.stdout
    why = done.stderr.strip()
    if why.startswith(UNREACHABLE):
        raise Unreachable(f"{server.name} cannot be reached", why)
    raise ServerError(f"{server.name} refuses", why)


def ask_vertical(cluster, server, statements):
    """Queries of one row each; all their columns in one dictionary."""
    text = ask(cluster, server, statements, vertical=True)
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}
