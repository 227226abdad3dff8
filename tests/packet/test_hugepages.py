# SPDX-License-Identifier: BSD-3-Clause
"""Huge pages: what a dataplane took comes back when it stops, and at its next start if it was
killed. The pages are borrowed from the machine for a test and given back."""

import os
import signal

import pytest

from harness import Dataplane, run, wait_until
from test_start import fails

MEMORY_MB = 72
N_PAGES = MEMORY_MB // 2
FOLDER = "/sys/kernel/mm/hugepages/hugepages-2048kB"


def count(name):
    with open(f"{FOLDER}/{name}", encoding="ascii") as file:
        return int(file.read())


def reserve(n):
    """Changes how many pages are reserved by 'n'."""
    value = count("nr_hugepages") + n
    with open(f"{FOLDER}/nr_hugepages", "w", encoding="ascii") as file:
        file.write(str(value))


def file_systems():
    with open("/proc/self/mounts", encoding="utf-8") as file:
        return [fields[1] for fields in map(str.split, file) if fields[2] == "hugetlbfs"]


@pytest.fixture
def huge(tmp_path):
    """A dataplane for which there are just enough pages, if nobody else has free ones."""
    if not os.access(f"{FOLDER}/nr_hugepages", os.W_OK):
        pytest.skip("this kernel has no huge pages of 2 MB")
    before = count("nr_hugepages")
    mount = tmp_path / "huge"
    mount.mkdir()
    dataplane = None
    try:
        reserve(N_PAGES)
        if count("nr_hugepages") < before + N_PAGES or count("free_hugepages") < N_PAGES:
            pytest.skip(f"the machine has no room for {N_PAGES} huge pages")
        if not file_systems():
            run("mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", str(mount))
        dataplane = Dataplane(tmp_path, hugepages="yes", memory_mb=MEMORY_MB)
        yield dataplane
    finally:
        try:
            if dataplane:
                dataplane.close()
        finally:
            for path in pages_of(dataplane) if dataplane else []:
                os.unlink(path)
            if str(mount) in file_systems():
                run("umount", str(mount))
            reserve(before - count("nr_hugepages"))


def pages_of(dataplane):
    """The files that hold the dataplane's pages."""
    return [os.path.join(folder, name) for folder in file_systems() for name in os.listdir(folder)
            if name.startswith(os.path.basename(dataplane.runtime_folder))]


def test_what_it_took_is_free_when_it_has_stopped(huge):
    free = count("free_hugepages")
    for _ in range(2):
        huge.start()
        assert pages_of(huge) and count("free_hugepages") <= free - N_PAGES
        assert huge.stop() == 0
        assert not pages_of(huge)
        assert not os.path.exists(huge.runtime_folder)
        wait_until(lambda: count("free_hugepages") >= free, "pages to be free")


def test_what_a_killed_one_left_behind_counts_as_free(huge):
    free = count("free_hugepages")
    huge.start()
    left = pages_of(huge)
    assert huge.kill() == -signal.SIGKILL
    assert pages_of(huge) == left != []
    huge.start()
    assert huge.stop() == 0
    assert not pages_of(huge)
    wait_until(lambda: count("free_hugepages") >= free, "pages to be free")


def test_what_is_in_use_is_left_alone(huge):
    huge.start()
    used = pages_of(huge)
    huge.write_config(hugepages="yes", memory_mb=MEMORY_MB,
                      control_socket=huge.folder + "/second.sock")
    status, _ = fails(huge)
    assert status == 1
    assert pages_of(huge) == used != []
    assert huge.control.call("ready")["ready"] is False
