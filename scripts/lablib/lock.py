# SPDX-License-Identifier: BSD-3-Clause
"""One command at a time changes the lab."""

import fcntl
import os
from contextlib import contextmanager

from lablib import paths
from lablib.progress import complain


def _is_current(fd):
    """Whether the file that is open is still the one at the lock's path, not a removed one."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(paths.LOCK))
    except FileNotFoundError:
        return False


def _acquire(command):
    while True:
        fd = os.open(paths.LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 100, 0).decode("ascii", "replace").strip()
            complain(f"waiting for another command to finish: scripts/lab {holder}")
            fcntl.flock(fd, fcntl.LOCK_EX)
        if _is_current(fd):
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{command} (process {os.getpid()})\n".encode("ascii"), 0)
            return fd
        os.close(fd)


@contextmanager
def held(command):
    """Holds the lock during the body, under the command's name. Without a lab no file stays."""
    fd = _acquire(command)
    try:
        yield
    finally:
        if not paths.LAB.exists():
            paths.LOCK.unlink(missing_ok=True)
        os.close(fd)
