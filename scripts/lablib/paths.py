# SPDX-License-Identifier: BSD-3-Clause
"""Where everything is: the repository, its build, and the folder that the lab lives in."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build"
DATABASE = REPOSITORY / "scripts" / "database"
INSTALL_DEPS = REPOSITORY / "scripts" / "install-deps"
WEIRCTL = BUILD / "controlplane" / "weirctl"
DECAPSULATE = BUILD / "docs" / "examples" / "decapsulate.bpf.o"

LAB = Path("/var/lib/weir-lab")
CONFIG = LAB / "weir.yaml"
FACTS = LAB / "lab.json"
LOGS = LAB / "log"
PIDS = LAB / "run"
SECRETS = LAB / "secret"
SITE = LAB / "site"
MIGRATIONS = LAB / "migrations"
TLS = LAB / "tls"
CA = TLS / "ca.crt"

LOCK = Path("/run/weir-lab.lock")
NETNS = Path("/run/netns")  # Where ip-netns(8) keeps the names of network namespaces ...
ETC_NETNS = Path("/etc/netns")  # ... and files that take the place of those in /etc.


def executable(program):
    """The built daemon of a folder: dataplane -> build/dataplane/weir-dataplane."""
    return BUILD / program / f"weir-{program}"


def node_folder(node):
    return LAB / node.name
