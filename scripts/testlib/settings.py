# SPDX-License-Identifier: BSD-3-Clause
"""Numbers from the environment."""

import os

from lablib.errors import LabError


def processors():
    """How many programs that only compute can run side by side."""
    return len(os.sched_getaffinity(0))


def positive(name, default, meaning):
    """The whole number that the variable 'name' holds; 'default' if it is not set."""
    text = os.environ.get(name, str(default))
    if not text.isdecimal() or int(text) == 0:
        raise LabError(f"{name} is '{text}'", f"it is {meaning}",
                       "give a whole number of 1 or more")
    return int(text)
