# SPDX-License-Identifier: BSD-3-Clause
"""The manual pages are well-formed, and say what the programs say of themselves."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("WEIR_BUILD", "build")
FOLDER = BUILD / "docs" / "man"
PROGRAMS = {"weir-dataplane": "dataplane", "weir-controlplane": "controlplane",
            "weir-webtier": "webtier", "weir-apptier": "apptier", "weir-monitor": "monitor",
            "weir-pktgen": "dataplane/pktgen", "weirctl": "controlplane"}
PAGES = {"weir.7": ROOT / "docs" / "man" / "weir.7", "weir.yaml.5": FOLDER / "weir.yaml.5",
         **{f"{name}.8": FOLDER / f"{name}.8" for name in PROGRAMS}}


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def plain(path):
    """The page as people read it, without overstriking and line breaks."""
    text = re.sub(".\b", "", output("mandoc", "-T", "utf8", "-O", "width=200", path))
    return " ".join(text.replace("\N{HYPHEN}\n", "").replace("\N{HYPHEN}", "-").split())


@pytest.mark.parametrize("name", PAGES)
def test_mandoc_has_nothing_to_say_of_it(name):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", PAGES[name]],
                          capture_output=True, text=True, check=False)
    # Those that it refers to are not installed where tests run; see below.
    said = [line for line in (done.stdout + done.stderr).splitlines()
            if "referenced manual not found: Xr " not in line
            and "outdated mandoc.db lacks" not in line]
    assert said == []


def test_pages_refer_to_pages_that_there_are():
    for name, path in PAGES.items():
        for title, section in re.findall(r"^\.Xr (\S+) (\d)", path.read_text(), re.M):
            if title.startswith("systemd."):  # Of the system, where it has one.
                continue
            assert f"{title}.{section}" in PAGES, f"{name} refers to {title}({section})"


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_page_has_every_option_and_its_meaning(name):
    page = plain(PAGES[f"{name}.8"])
    text = output(BUILD / PROGRAMS[name] / name, "--help")
    options = re.findall(r"^  (?:-\w, )?(--[\w-]+).*? {1,}(\S.*)$", text, re.M)
    assert len(options) >= 5
    for flag, words in options:
        assert flag in page
        assert words.split()[-1] in page


def test_the_page_of_weirctl_has_every_command_exit_status_and_argument():
    weirctl = BUILD / "controlplane" / "weirctl"
    page = plain(PAGES["weirctl.8"])
    text = output(weirctl, "help")
    listed = text.split("Commands:\n")[1].split("\n\n")[0].splitlines()
    commands = [line.split()[0] for line in listed if line[2:3].isalpha()]
    assert len(commands) > 12
    for meaning in re.findall(r"^  \d +(.*)$", text.split("Exit status:\n")[1], re.M):
        assert meaning[1:] + "." in page
    for command in commands:
        if command == "help":
            continue
        lines = output(weirctl, "help", command).split("\n\nOptions:")[0].splitlines()
        for line in lines:
            argument = re.match(r"  (-\S+|[A-Z]+)( [A-Z]+)? +(\S.*)$", line)
            assert not argument or argument[3][1:] + "." in page, line


def test_the_page_of_the_cluster_file_has_every_key():
    page = plain(PAGES["weir.yaml.5"])
    keys = output(BUILD / "tests" / "common" / "config-keys").split()
    for key in keys:
        assert re.search(rf"\b{key.rsplit('.', 1)[-1]}\b", page), key


def test_pages_and_completion_are_installed(tmp_path):
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet"], check=True,
                   capture_output=True, env={**os.environ, "DESTDIR": str(tmp_path)})
    found = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert {name.removesuffix(".gz") for name in found} >= set(PAGES) | {"_weirctl"}
    assert len([p for p in tmp_path.rglob("weirctl") if p.is_file()]) == 2  # Program, completion.
