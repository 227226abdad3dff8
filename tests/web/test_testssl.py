# SPDX-License-Identifier: BSD-3-Clause
"""testssl.sh finds nothing above "low"."""

import json
import shutil
import subprocess

import pytest

from web import NAME

TOOL = shutil.which("testssl") or shutil.which("testssl.sh")

# Of an authority and a certificate that are made for the test, not of the server.
OF_THE_TEST = ("cert_chain_of_trust", "cert_trust", "cert_revocation", "cert_crlDistributionPoints",
               "cert_ocspURL", "OCSP_stapling", "DNS_CAArecord", "cert_caIssuers",
               "certificate_transparency", "cert_extKeyUsage", "cert_mustStapleExtension",
               "cert_expirationStatus", "cert_extlifeSpan")
# The quick ones; the rest looks for suites that TLS 1.2 with AEAD alone does not have.
PARTS = ("--protocols", "--server-defaults", "--headers", "--heartbleed", "--renegotiation",
         "--compression", "--tls-fallback")
FAULTS = ("MEDIUM", "HIGH", "CRITICAL", "FATAL")


@pytest.mark.skipif(not TOOL, reason="testssl.sh is not installed")
def test_testssl_finds_nothing_above_low(start, folder):
    tier = start(hsts_max_age_s=31536000, redirect_https="yes")
    report = folder / "testssl.json"
    subprocess.run([TOOL, "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1",
                    "--nodns", "none", "--jsonfile", report, *PARTS,
                    f"{NAME}:{tier.https}"], stdin=subprocess.DEVNULL, capture_output=True,
                   check=False, timeout=900)
    found = json.loads(report.read_text())
    assert any(each["id"] == "TLS1_3" and "offered" in each["finding"] for each in found)
    faults = [each for each in found if each["severity"] in FAULTS
              and not each["id"].startswith(OF_THE_TEST)]
    assert not faults
