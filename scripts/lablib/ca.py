# SPDX-License-Identifier: BSD-3-Clause
"""The lab's certificate authority, and what it signs (ECDSA P-256)."""

from lablib import paths, topology
from lablib.command import run

DAYS = "30"
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def _openssl(*words):
    run(["openssl", *words], umask=0o077)


def issue(path, common_name, alternatives):
    """Makes path.crt, with what signed it, and path.key for a server of these names."""
    key, request, leaf = (path.with_suffix(suffix) for suffix in (".key", ".csr", ".leaf"))
    _openssl("req", "-new", *KEY, "-keyout", key, "-out", request,
             "-subj", f"/CN={common_name}",
             "-addext", "basicConstraints=critical,CA:FALSE",
             "-addext", "keyUsage=critical,digitalSignature",
             "-addext", "extendedKeyUsage=serverAuth",
             "-addext", "subjectAltName=" + ",".join(alternatives))
    _openssl("x509", "-req", "-in", request, "-CA", paths.CA, "-CAkey", paths.TLS / "ca.key",
             "-copy_extensions", "copy", "-days", DAYS, "-out", leaf)
    chain = leaf.read_text(encoding="ascii") + paths.CA.read_text(encoding="ascii")
    path.with_suffix(".crt").write_text(chain, encoding="ascii")
    request.unlink()
    leaf.unlink()


def make():
    """Makes tls/: ca.crt and ca.key, site.crt (with what signed it) and site.key."""
    paths.TLS.mkdir(mode=0o755)
    _openssl("req", "-x509", *KEY, "-keyout", paths.TLS / "ca.key", "-out", paths.CA,
             "-days", DAYS, "-subj", "/CN=weir lab authority",
             "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    paths.CA.chmod(0o644)
    names = [topology.SITE, topology.ZONE, *(mode.site for mode in topology.MODES)]
    issue(paths.TLS / "site", topology.SITE, [f"DNS:{name}" for name in names])


def client_environment():
    """What makes curl, and what else is built on OpenSSL, trust the lab's authority alone."""
    return {"CURL_CA_BUNDLE": str(paths.CA), "SSL_CERT_FILE": str(paths.CA)}
