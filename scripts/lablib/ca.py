# SPDX-License-Identifier: BSD-3-Clause
"""The lab's certificate authority, and the site's certificate from it (ECDSA P-256)."""

from lablib import paths, topology
from lablib.command import run

DAYS = "30"
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def _openssl(*words):
    run(["openssl", *words], umask=0o077)


def make():
    """Makes tls/: ca.crt and ca.key, site.crt (with what signed it) and site.key."""
    paths.TLS.mkdir(mode=0o755)
    ca_key = paths.TLS / "ca.key"
    site_key = paths.TLS / "site.key"
    request = paths.TLS / "site.csr"
    leaf = paths.TLS / "leaf.crt"
    names = [topology.SITE, topology.ZONE, *(mode.site for mode in topology.MODES)]

    _openssl("req", "-x509", *KEY, "-keyout", ca_key, "-out", paths.CA, "-days", DAYS,
             "-subj", "/CN=weir lab authority",
             "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _openssl("req", "-new", *KEY, "-keyout", site_key, "-out", request,
             "-subj", f"/CN={topology.SITE}",
             "-addext", "basicConstraints=critical,CA:FALSE",
             "-addext", "keyUsage=critical,digitalSignature",
             "-addext", "extendedKeyUsage=serverAuth",
             "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
    _openssl("x509", "-req", "-in", request, "-CA", paths.CA, "-CAkey", ca_key,
             "-copy_extensions", "copy", "-days", DAYS, "-out", leaf)

    chain = leaf.read_text(encoding="ascii") + paths.CA.read_text(encoding="ascii")
    (paths.TLS / "site.crt").write_text(chain, encoding="ascii")
    paths.CA.chmod(0o644)
    request.unlink()
    leaf.unlink()


def client_environment():
    """What makes curl, and what else is built on OpenSSL, trust the lab's authority alone."""
    return {"CURL_CA_BUNDLE": str(paths.CA), "SSL_CERT_FILE": str(paths.CA)}
