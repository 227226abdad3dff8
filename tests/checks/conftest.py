# SPDX-License-Identifier: BSD-3-Clause
"""Health checks before real servers, each of which turns good, bad, slow and silent."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path[:0] = map(str, Path(__file__).resolve().parents[:2])

from servers import Checks, Process, TcpRelay, UdpRelay  # noqa: E402


@pytest.fixture
def folder():
    # Servers that run as another user must be able to go there.
    path = Path(tempfile.mkdtemp(prefix="weir-checks-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def ending():
    """What is appended here is closed after the test, the last first."""
    things = []
    yield things
    for thing in reversed(things):
        thing.close()


@pytest.fixture
def run(ending):
    """Starts a program."""
    def start(*words, **options):
        ending.append(Process(*words, **options))
        return ending[-1]
    return start


@pytest.fixture
def relay(ending):
    def start(port, udp=False):
        ending.append((UdpRelay if udp else TcpRelay)(port))
        return ending[-1]
    return start


@pytest.fixture
def checks(folder, ending):
    """Starts the checks of one backend; the arguments are those of Checks."""
    def start(keys, **options):
        ending.append(Checks(folder, keys, **options))
        return ending[-1]
    return start


class Authority:
    """A certificate authority, and certificates that it signs."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = folder / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                      folder / "ca.key", "-out", self.ca, "-subj", "/CN=authority", "-days", "2")

    def _openssl(self, *words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60)

    def issue(self, names, days=2):
        """Returns paths of a certificate for 'names' ("DNS:www.example.org") and of its key."""
        request, key = self.folder / "request.pem", self.folder / "server.key"
        certificate, more = self.folder / "server.pem", self.folder / "extensions"
        more.write_text(f"subjectAltName={names}\n")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request,
                      "-subj", "/CN=server")
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey",
                      self.folder / "ca.key", "-CAcreateserial", "-days", days, "-extfile", more,
                      "-out", certificate)
        for path in (certificate, key):
            path.chmod(0o644)
        return certificate, key


@pytest.fixture
def authority(folder):
    return Authority(folder)
