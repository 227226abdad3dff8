# SPDX-License-Identifier: BSD-3-Clause
"""A pair of keepalived nodes of which one is replaced by weir, with a cluster file that weirctl import made
of both nodes' keepalived.conf; the other node goes on with its own."""

import subprocess

import pytest

from conftest import BUILD, PREFIX, until

PATIENCE_S = 20


def replace_by_weir(weir, keepalived, unicast):
    """Writes weir's cluster file. keepalived's is the other node's; of this one the addresses of
    unicast and the priority are different."""
    other = keepalived.configure(priority=100, unicast=unicast)
    own = weir.folder / "keepalived.conf"
    text = other.read_text().replace("priority 100", "priority 200")
    for here, there in (("10.77.1.11", "10.77.1.12"), ("fd77:1::11", "fd77:1::12")):
        text = text.replace(there, "THERE").replace(here, there).replace("THERE", here)
    own.write_text(text)
    made = subprocess.run([BUILD / "controlplane" / "weirctl", "import", own, "--peer", other],
                          capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
    # What a person fills in: here all but sockets and memory is right already.
    for old, new in (("cluster: imported", f"cluster: {PREFIX}"), ("/run/weir/", ""),
                     ("    control_socket:", "    memory_mb: 160\n    flows: 1024\n"
                                             "    control_socket:")):
        assert old in made
        made = made.replace(old, new)
    (weir.folder / "weir.yaml").write_text(made)


@pytest.mark.parametrize("unicast", [False, True], ids=["multicast", "unicast"])
def test_the_other_node_goes_on_with_what_is_imported(pair, unicast):
    weir, keepalived = pair
    replace_by_weir(weir, keepalived, unicast)
    keepalived.begin(priority=100, unicast=unicast)
    until("keepalived is master", keepalived.holds_all, PATIENCE_S)
    weir.start("dataplane", BUILD / "dataplane" / "weir-dataplane", *weir.options())
    weir.start_control()
    # Its priority is higher, as in the file that it comes from.
    until("weir is master", lambda: weir.is_all("master"), PATIENCE_S)
    until("keepalived holds nothing", keepalived.holds_none, PATIENCE_S)
    assert weir.stop("control") == 0
    until("keepalived is master", keepalived.holds_all, PATIENCE_S)
