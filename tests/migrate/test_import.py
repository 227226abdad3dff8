# SPDX-License-Identifier: BSD-3-Clause
"""weirctl import: configurations in many styles, each of which keepalived takes, become cluster files that
weirctl check takes and that are those in expected/. To write these anew after a change, and look at
what is different by git: WEIR_EXPECTED=write."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CONF, EXPECTED = HERE / "conf", HERE / "expected"
BUILD = Path(os.environ.get("WEIR_BUILD", HERE.parents[1] / "build"))
WEIRCTL = BUILD / "controlplane" / "weirctl"
PATIENCE_S = 60

# Interfaces that the files speak of.
INTERFACES = ("eth0", "eth1", "ens3", "ens4", "enp1s0", "bond0.120")

# What keepalived has to say of files that it takes; of the others it says nothing.
REMARKS = {
    "api": "ignoring tracked script check_api with weights due to address_owner",
    "both": "xmit_base is incompatible with strict mode",
    "gateway": ("preempt delay will not work with initial state MASTER",
                "ignoring eth1 tracked interface weight due to SYNC group"),
    "haproxy": "Ignoring track_interface ens3 since own interface",
    "included": "Config files missing 'conf.d/optional/*.conf'",
    "marks": "port will be ignored",
}


def import_(*words, stdin=None):
    return subprocess.run([WEIRCTL, "import", *words], cwd=CONF, input=stdin, capture_output=True,
                          timeout=PATIENCE_S, check=False)


def check(folder, text):
    path = folder / "weir.yaml"
    path.write_bytes(text)
    return subprocess.run([WEIRCTL, "check", path], capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False)


def compare(name, text):
    path = EXPECTED / f"{name}.yaml"
    if os.environ.get("WEIR_EXPECTED") == "write":
        path.write_bytes(text)
    assert text.decode() == path.read_text()


@pytest.fixture(scope="module")
def machine():
    """A namespace with the interfaces."""
    name = f"wm{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for i, interface in enumerate(INTERFACES):
            subprocess.run(["ip", "-n", name, "link", "add", interface, "type", "veth", "peer",
                            "name", f"p{i}"], check=True)
            for end in (interface, f"p{i}"):
                subprocess.run(["ip", "-n", name, "link", "set", end, "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.mark.parametrize("name", sorted(path.stem for path in CONF.glob("*.conf")))
def test_keepalived_takes_the_file(machine, name):
    result = subprocess.run(
        ["ip", "netns", "exec", machine, "keepalived", "--config-test",
         f"--use-file={CONF / name}.conf"],
        cwd=CONF, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    remarks = REMARKS.get(name, ())
    remarks = (remarks,) if isinstance(remarks, str) else remarks
    said = [line for line in (result.stdout + result.stderr).splitlines() if line.strip()]
    assert [line for line in said if not any(remark in line for remark in remarks)] == []
    assert all(any(remark in line for line in said) for remark in remarks)


@pytest.mark.parametrize("name", sorted(path.stem for path in CONF.glob("*.conf")))
def test_a_configuration_becomes_a_cluster_file(tmp_path, name):
    result = import_(f"{name}.conf")
    assert result.returncode == 0, result.stderr
    checked = check(tmp_path, result.stdout)
    assert checked.returncode == 0, checked.stderr
    compare(name, result.stdout)
    # Each thing to fill in is told with the line on which it is marked.
    lines = result.stdout.decode().splitlines()
    told = [line for line in result.stderr.decode().splitlines() if line.startswith("fill in: ")]
    assert len(told) == sum("FILL IN: " in line for line in lines)
    for line in told:
        assert "FILL IN: " in lines[int(line.split()[3].rstrip(":")) - 1]


def test_the_file_of_the_other_node_gives_its_priority(tmp_path):
    result = import_("pair.conf", "--peer", "pair-peer.conf")
    assert result.returncode == 0, result.stderr
    assert check(tmp_path, result.stdout).returncode == 0
    compare("pair-of-both", result.stdout)
    assert b"{node: lvs_backup, priority: 80}" in result.stdout


def test_rules_of_ipvs_are_known_by_their_content(tmp_path):
    result = import_("rules.ipvs")
    assert result.returncode == 0, result.stderr
    assert check(tmp_path, result.stdout).returncode == 0
    compare("rules", result.stdout)
    rules = (CONF / "rules.ipvs").read_bytes()
    assert import_("-", stdin=rules).returncode == 0
    assert import_("--ipvsadm", "rules.ipvs").stdout == result.stdout


def test_rules_of_ipvs_stand_beside_an_election_of_keepalived(tmp_path):
    rules = tmp_path / "rules"
    rules.write_text("-A -t 192.168.200.11:80 -s rr\n"
                     "-a -t 192.168.200.11:80 -r 192.168.201.1:80 -g -w 1\n")
    result = import_("pair.conf", "--ipvsadm", rules)
    assert result.returncode == 0, result.stderr
    assert check(tmp_path, result.stdout).returncode == 0
    assert b"imported4" not in result.stdout  # VI_1 holds the address.
    assert b"{name: tcp-192-168-200-11-80, address: 192.168.200.11, port: 80," in result.stdout


WRONG = {
    "open block": ("vrrp_instance A {\n  priority 1\n",
                   ":1: the block of 'vrrp_instance' is never closed"),
    "stray end": ("}\n", ":1: this '}' closes nothing"),
    "stray begin": ("{\n", ":1: there is nothing before this '{'"),
    "deep blocks": ("a {\n" * 40, ":17: blocks are nested deeper"),
    "includes itself": ("include bad.conf\n", "does it include itself?"),
    "means itself": ("$A=$A\n\n$A\n", ":3: '$A' grows beyond all bounds"),
    "endless sequence": ("$A=x\n$B=${A}${A}\n~SEQ(I, 1, 1000000) ${B}${B}${B}\n",
                         ":3: stands for more than 1 MB"),
    "odd sequence": ("~SEQ(I, 1) x\n~SEQ(I) x\n", ":2: ~SEQ wants"),
    "odd list": ("~LST({A,B}, {1}) x\n", ":1: ~LST has 2 variables"),
    "latin 1": (b"router_id \xfc\n", ":1: a word has bytes that are not UTF-8"),
    "program": (b"\x7fELF\x02\x01\n", ":1: is not a text: byte 0 is 0x7f"),
    "huge": (b"x\n" * (5 << 20), "larger than 8 MB"),
    "no server": ("-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r\n", ":2: '-r' wants a value"),
    "host's name": ("-A -t www.example.org:80\n",
                    ":1: 'www.example.org:80' is not ADDRESS:PORT"),
    "odd option": ("-A -t 192.0.2.1:80 -z\n", ":1: '-z' is no option that is known"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_with_the_line_and_why(tmp_path, name):
    text, message = WRONG[name]
    path = tmp_path / "bad.conf"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    result = import_(path)
    assert result.returncode == 1
    assert result.stdout == b""
    error = result.stderr.decode()
    assert error.startswith(f"weirctl: {path}") and message in error


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    assert b"no-such.conf: cannot be opened" in import_("no-such.conf").stderr
    assert b"is a folder" in import_(tmp_path).stderr
    result = import_()
    assert result.returncode == 1 and b"import needs FILE" in result.stderr


def test_files_are_included_from_where_they_are(tmp_path):
    """Relative paths are relative to the file that includes."""
    shutil.copytree(CONF / "conf.d", tmp_path / "conf.d")
    shutil.copy(CONF / "included.conf", tmp_path)
    here = import_("included.conf").stdout
    there = import_(tmp_path / "included.conf").stdout
    assert there.replace(f"{tmp_path}/".encode(), b"").split(b"cluster:")[1] == \
        here.split(b"cluster:")[1]
