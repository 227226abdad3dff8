# SPDX-License-Identifier: BSD-3-Clause
"""The lab's generated secrets: files in secret/ that only root can read."""

import secrets

from lablib import paths

N_BYTES = 32  # Of randomness; the files hold text.


def make(names):
    """Makes the folder, and a secret for each name."""
    paths.SECRETS.mkdir(mode=0o700)
    for name in names:
        path = paths.SECRETS / name
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(N_BYTES) + "\n", encoding="ascii")


def read(name):
    return (paths.SECRETS / name).read_text(encoding="ascii").strip()
