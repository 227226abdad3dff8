# SPDX-License-Identifier: BSD-3-Clause
"""Completion as bash and zsh do it, of names that a running node knows."""

import contextlib
import os
import subprocess

import pytest

from conftest import PATIENCE_S, WEIRCTL
from terminal import Terminal

BASH = r"""
source <("$WEIRCTL" completion bash)
COMP_WORDS=("$WEIRCTL" "$@")
COMP_CWORD=$#
_weirctl
printf '%s\n' "${COMPREPLY[@]}"
"""


def bash(node, *words, cwd="/"):
    """What bash would offer for the last word."""
    done = subprocess.run(
        ["bash", "-c", BASH, "bash", "--socket", node.socket, *words], capture_output=True,
        text=True, check=True, timeout=PATIENCE_S, cwd=cwd, env={**os.environ, "WEIRCTL": WEIRCTL})
    assert done.stderr == ""
    return sorted(done.stdout.split())


@pytest.mark.parametrize("words, wanted", [
    (["se"], ["services"]),
    (["st"], ["stats", "status"]),
    (["help", "un"], ["undrain"]),
    (["services", ""], ["dns4", "full4", "http4"]),
    (["services", "dns4", ""], []),
    (["drain", ""], ["b1", "b2"]),
    (["drain", "b1", "--p"], ["--pool"]),
    (["drain", "--pool", ""], ["one4", "web4"]),
    (["drain", "--pool", "web4", "b"], ["b1", "b2"]),
    (["drain", "--pool", "=", "o"], ["one4"]),
    (["drain", "--pool", "="], ["one4", "web4"]),
    (["drain", "--pool=o"], ["--pool=one4"]),
    (["failover", ""], ["front4"]),
    (["flows", "--protocol", "t"], ["tcp"]),
    (["flows", "--state", "udp"], ["udp", "udp_new"]),
    (["flows", "--limit", ""], []),
    (["capture", "--port", ""], ["front"]),
    (["trace", "--fl"], ["--flags"]),
    (["backends", "--watch", "b"], ["b1", "b2"]),
    (["completion", ""], ["bash", "zsh"]),
    (["--j"], ["--json"])])
def test_bash_offers(node, words, wanted):
    assert bash(node, *words) == wanted


def test_bash_offers_files(node, tmp_path):
    (tmp_path / "one.yaml").touch()
    (tmp_path / "two.yaml").touch()
    assert bash(node, "check", "o", cwd=tmp_path) == ["one.yaml"]
    assert bash(node, "capture", "-w", "", cwd=tmp_path) == ["one.yaml", "two.yaml"]


def test_every_command_and_flag_of_the_help_is_offered(node):
    text = node.ctl("help").stdout
    listed = text.split("Commands:\n")[1].split("\n\n")[0].splitlines()
    commands = sorted(line.split()[0] for line in listed if line[2:3].isalpha())
    assert bash(node, "") == commands
    for command in commands:
        lines = node.ctl("help", command).stdout.splitlines()
        flags = sorted({line.split()[0] for line in lines if line.startswith("  -")})
        if command != "help":
            assert bash(node, command, "-") == flags


def test_without_a_node_nothing_is_offered_and_nothing_said(node, tmp_path):
    done = subprocess.run([WEIRCTL, "__complete", "--socket", tmp_path / "none", "services", ""],
                          capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.fixture(scope="module")
def shared_zsh(tmp_path_factory):
    """An interactive zsh that completes."""
    folder = tmp_path_factory.mktemp("zsh")
    (folder / ".zshrc").write_text(
        "PS1='> '\nautoload -Uz compinit && compinit -u -D\n"
        "source <(weirctl completion zsh)\n", encoding="ascii")
    terminal = Terminal(["zsh", "-i"], columns=120, ZDOTDIR=str(folder), HOME=str(folder),
                        PATH=os.path.dirname(WEIRCTL) + ":" + os.environ["PATH"])
    with contextlib.closing(terminal):
        yield terminal
        terminal.type("\x15exit\n")
        assert terminal.wait() == 0


@pytest.fixture
def zsh(shared_zsh):
    """With nothing but a prompt."""
    shared_zsh.expect(lambda t: any(line.startswith(">") for line in t.lines()), "the prompt")
    shared_zsh.type("\x15\x0c")  # Kill the line, clear the screen.
    shared_zsh.expect(lambda t: t.text().strip() == ">", "an empty line")
    return shared_zsh


@pytest.mark.parametrize("typed, wanted", [
    ("servi", "services"), ("drain --po", "--pool"), ("drain --pool o", "--pool one4"),
    ("drain --pool=o", "--pool=one4"), ("services f", "services full4")])
def test_zsh_completes(node, zsh, typed, wanted):
    zsh.type(f"weirctl --socket {node.socket} {typed}\t")
    zsh.expect(lambda t: wanted + "\n" in t.text().replace(" \n", "\n") + "\n", wanted)


def test_zsh_shows_what_words_mean(node, zsh):
    zsh.type("weirctl stat\t")
    zsh.expect_text("-- show the node, its dataplane and its virtual routers")


def test_another_shell_is_refused(node):
    done = node.ctl("completion", "fish")
    assert done.returncode == 2 and "choose bash or zsh" in done.stderr
