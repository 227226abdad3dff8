# SPDX-License-Identifier: BSD-3-Clause
"""Waits on conditions, never on the clock alone."""

import time

from lablib.errors import LabError

POLL_S = 0.1


def until_none(what, problems, seconds, details=None):
    """Calls 'problems' until it returns an empty list.

    After 'seconds' raises a LabError that says what is still wrong; 'details' is then called for
    more lines, such as the ends of logs."""
    deadline = time.monotonic() + seconds
    while True:
        left = problems()
        if not left:
            return
        if time.monotonic() > deadline:
            more = details() if details else []
            raise LabError(f"{what}: not within {seconds} s", *left, *more)
        time.sleep(POLL_S)


def until(what, condition, seconds, details=None):
    """Calls 'condition' until it returns something true, and returns that."""
    found = []

    def problems():
        result = condition()
        if result:
            found.append(result)
            return []
        return ["it has not happened yet"]

    until_none(what, problems, seconds, details)
    return found[0]
