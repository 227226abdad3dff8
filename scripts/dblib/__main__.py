# SPDX-License-Identifier: BSD-3-Clause
"""Entry point: scripts/database runs this folder."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from dblib.cli import main  # noqa: E402  (the path above makes it importable)

sys.exit(main(sys.argv[1:]))
