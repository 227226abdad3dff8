# SPDX-License-Identifier: BSD-3-Clause
"""Runs other programs; a failure carries what they said."""

import subprocess

from lablib.errors import LabError


class TimedOut(LabError):
    """It did not end in time."""


def run(argv, text_in=None, timeout_s=60, **options):
    """Runs 'argv' and returns its output; raises a LabError if it fails or takes too long."""
    argv = [str(word) for word in argv]
    if text_in is None:
        options.setdefault("stdin", subprocess.DEVNULL)
    try:
        done = subprocess.run(argv, input=text_in, capture_output=True, text=True,
                              timeout=timeout_s, check=False, **options)
    except FileNotFoundError:
        raise LabError(f"'{argv[0]}' is missing", "run scripts/install-deps") from None
    except subprocess.TimeoutExpired:
        raise TimedOut(f"'{' '.join(argv)}' did not end within {timeout_s} s") from None
    if done.returncode != 0:
        raise LabError(f"'{' '.join(argv)}' failed (exit status {done.returncode})",
                       done.stderr.strip() or done.stdout.strip())
    return done.stdout
