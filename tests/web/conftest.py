# SPDX-License-Identifier: BSD-3-Clause
"""The web tier as a process, with an app node that the tests play, in a network namespace that goes
with this process."""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from web import PROGRAM, AppNode, Authority, WebTier  # noqa: E402

CLONE_NEWNET = 0x40000000


def pytest_configure():
    if os.geteuid() != 0:
        pytest.exit("tests of the web tier make a network namespace: run them as root", 2)
    if not os.access(PROGRAM, os.X_OK):
        pytest.exit(f"{PROGRAM} is missing: build it, or set WEIR_BUILD to the build folder", 2)


@pytest.fixture(scope="session", autouse=True)
def namespace():
    """This thread, and all that it starts from now on, is in a namespace of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    yield
    libc.setns(before, CLONE_NEWNET)
    os.close(before)


@pytest.fixture(scope="session")
def folder(namespace):
    path = Path(tempfile.mkdtemp(prefix="weir-web-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def authority(folder):
    return Authority(folder)


@pytest.fixture(scope="session")
def app(namespace):
    with AppNode() as node:
        yield node


@pytest.fixture(scope="session")
def site(folder):
    """The files that are served; a test adds its own under names that no other has."""
    root = folder / "site"
    (root / "sub").mkdir(parents=True)
    (root / ".well-known").mkdir()
    (root / ".git").mkdir()
    (root / "errors").mkdir()
    (root / "index.html").write_text("<title>site</title>")
    (root / "sub" / "index.html").write_text("<title>sub</title>")
    (root / "digits").write_bytes(b"0123456789")
    (root / "empty").write_bytes(b"")
    (root / "large").write_bytes(bytes(range(256)) * 4096)
    (root / "with space.txt").write_text("space")
    (root / ".hidden").write_text("secret")
    (root / ".git" / "config").write_text("secret")
    (root / ".well-known" / "known.txt").write_text("known")
    (root / "errors" / "404.html").write_text("<title>nothing here</title>")
    (folder / "secret").write_text("secret")
    (root / "out").symlink_to(folder / "secret")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture(scope="session")
def start(folder, authority, app, site):
    """Starts a web tier with some keys of its own; all are ended with the tests."""
    running = []

    def make(**options):
        running.append(WebTier(folder, authority, app, **options))
        return running[-1]
    yield make
    for tier in running:
        tier.stop()


@pytest.fixture(scope="session")
def tier(start):
    """The one that most tests share."""
    return start(limits={"max_header_bytes": 8192, "max_body_bytes": 65536,
                         "header_timeout_ms": 20000})
