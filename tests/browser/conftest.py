# SPDX-License-Identifier: BSD-3-Clause
"""A headless Chromium in front of the real tiers: web tier, app tier, primary and replica, in a network
namespace that goes with this process."""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest
from selenium import webdriver

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "app"))

from apptier import BUILD, AppTier, Cluster  # noqa: E402
from databases import PATIENCE_S, Pair, until  # noqa: E402
from ports import free_port  # noqa: E402

CLONE_NEWNET = 0x40000000

WEB = """
web:
  http_port: {http}
  https_port: {https}
  root: {root}
  certificate: {folder}/site.crt
  private_key: {folder}/site.key
  limits: {{threads: 1}}
  proxy: [{{prefix: /api/}}, {{prefix: /l/}}]
  upstream_check: {{path: /health, interval_ms: 200, timeout_ms: 5000}}
"""


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
    path = Path(tempfile.mkdtemp(prefix="weir-browser-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def pair(folder):
    (folder / "databases").mkdir()
    databases = Pair(folder / "databases")
    try:
        databases.start()
        yield databases
    finally:
        databases.stop()


@pytest.fixture(scope="session")
def site(folder, pair):
    """The site's address."""
    (folder / "site").mkdir()
    http, https, metrics = free_port(), free_port(), free_port()
    url = f"http://127.0.0.1:{http}"
    cluster = Cluster(folder / "site", pair.db1.port, pair.db2.port)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "site.key", "-out",
                    folder / "site.crt", "-subj", "/CN=localhost", "-days", "2"], check=True,
                   capture_output=True)
    text = cluster.file.read_text().replace("https://short.test", url)
    text = text.replace("nodes:\n", "nodes:\n  - {name: web1, role: web, metrics: "
                        f'"127.0.0.1:{metrics}"}}\n')
    text = text.replace(f'"127.0.0.1:{cluster.ports["app2"]}"', '"127.0.0.2:1"')
    cluster.file.write_text(text + WEB.format(http=http, https=https, folder=folder,
                                              root=REPOSITORY / "webtier" / "site"))
    app = AppTier(cluster)
    web = None
    try:
        app.start()
        with open(folder / "web.log", "wb") as log:
            web = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", BUILD / "webtier" / "weir-webtier", "--config",
                 cluster.file, "--node", "web1"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until("the web tier passes on", lambda: _passes_on(web, url, folder / "web.log"))
        yield url
    finally:
        if web:
            web.kill()
            web.wait()
        app.kill()


def _passes_on(web, url, log):
    assert web.poll() is None, log.read_text()
    try:
        with urllib.request.urlopen(f"{url}/api/openapi.json", timeout=PATIENCE_S) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture(scope="session")
def browser(namespace, folder):
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--lang=en-GB",
                 "--disable-dev-shm-usage", f"--user-data-dir={folder}/profile"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {
        "download.default_directory": str(folder / "downloads")})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options)
    try:
        yield made
    finally:
        made.quit()
