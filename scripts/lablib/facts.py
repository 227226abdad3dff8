# SPDX-License-Identifier: BSD-3-Clause
"""What `up` has noted about the lab, for the commands that come after it."""

import json

from lablib import paths


def read():
    """Empty if there is no lab."""
    try:
        return json.loads(paths.FACTS.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


def write(**facts):
    known = read()
    known.update(facts)
    paths.FACTS.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
