# SPDX-License-Identifier: BSD-3-Clause
"""Says what is being done and how long it took, so that nobody waits before a silent screen."""

import sys
import time
from contextlib import contextmanager, suppress


def say(text=""):
    print(text, flush=True)


def complain(text):
    """Never fails: what is to be cleaned up is cleaned up even if the terminal has gone."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


@contextmanager
def step(what, own_lines=False):
    """Shows 'what' while the body runs, then the time; 'own_lines' if the body prints, too."""
    begin = time.monotonic()
    print(f"{what} ...", end="\n" if own_lines else " ", flush=True)
    try:
        yield
    except BaseException:
        print(f"{what}: failed" if own_lines else "failed", flush=True)
        raise
    seconds = f"{time.monotonic() - begin:.1f} s"
    print(f"{what}: {seconds}" if own_lines else seconds, flush=True)
