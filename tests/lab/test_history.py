# SPDX-License-Identifier: BSD-3-Clause
"""Nothing that was acknowledged is lost, and nothing is there twice, whatever dies and whenever.

A load of writers and visitors notes every request with its answer; app nodes and databases are
killed and their network is cut at random moments meanwhile; then the history is compared with what
both databases hold. The moments and the victims come from a seed; WEIR_SEED repeats one."""

import os
import random
import signal
import time

import pytest

import load
from conftest import PATIENCE_S
from lablib import command, lock, mariadb, nodes, processes, topology
from lablib.waiting import until

N_KILLS = 20
RESUME_S = 5  # After a promotion ...
N_ATTEMPTS = 4  # ... at least once.


def test_the_comparison_finds_what_is_lost_doubled_or_nobodys():
    def made(target, status, code):
        return {"method": "POST", "body": f'{{"url": "{target}"}}', "status": status, "code": code}

    history = [made("a", 503, None), made("a", 201, "1"), made("b", 0, None), made("c", 201, "3")]
    assert not load.disagreements(history, {"a": ["1"], "c": ["3"]})
    assert not load.disagreements(history, {"a": ["1"], "b": ["2"], "c": ["3"]})
    for rows in ({"a": ["1"]}, {"a": ["1"], "c": ["4"]}, {"a": ["1"], "c": ["3", "4"]},
                 {"a": ["1"], "b": ["2", "5"], "c": ["3"]}, {"a": ["1"], "c": ["3"], "d": ["6"]}):
        assert len(load.disagreements(history, rows)) >= 1, rows


@pytest.fixture
def seed():
    return int(os.environ.get("WEIR_SEED", random.SystemRandom().randrange(10 ** 6)))


class Faults:
    """Kills and cuts, and their ends."""

    def __init__(self, rng):
        self.rng = rng
        self.log = []
        self.n_kills = 0
        self.killed = []
        self.cut = []

    def note(self, what):
        self.log.append(f"{time.time():.3f} {what}")

    def begin(self):
        """Something fails."""
        node = topology.NODE[self.rng.choice(("app1", "app2", "db1", "db2"))]
        if self.rng.random() < 0.25:
            self.cut.append(node)
            self._set_cable(node, "down")
        else:
            self.killed.append(node)
            self.note(f"kill {node.name}")
            self.n_kills += len(processes.kill(processes.of_node(node)))

    def mend(self):
        """All works again. A database that starts asks the others for its role, so the network comes
        first."""
        self.connect()
        for node in self.killed:
            self.note(f"start {node.name}")
            with lock.held(f"start {node.name}"):
                nodes.start(node)
        self.killed = []

    def connect(self):
        """No cable is cut."""
        while self.cut:
            self._set_cable(self.cut.pop(), "up")

    def _set_cable(self, node, state):
        """Of the node to the network of the databases."""
        self.note(f"cable of {node.name} {state}")
        command.run(["ip", "-n", topology.SWITCH, "link", "set",
                     f"{node.name}-{topology.DATA.name}", state])

    def pause(self, longest_s):
        """The random moment that the test is about, not a wait for anything."""
        time.sleep(self.rng.uniform(0, longest_s))


def explained(error, seed, faults):
    """The failure with what is needed to see it again."""
    return AssertionError(f"{error}\nseed {seed}: WEIR_SEED={seed} repeats it\n"
                          + "\n".join(faults.log))


def test_kills_at_random_moments_lose_no_write_and_double_none(whole, tmp_path, seed):
    faults = Faults(random.Random(seed))
    print(f"seed {seed}")
    try:
        with load.Load(whole, tmp_path / "history", f"kills-{seed}") as writers:
            while faults.n_kills < N_KILLS:
                writers.await_more(5)
                faults.pause(0.3)
                faults.begin()
                if faults.rng.random() < 0.25:
                    faults.pause(0.3)
                    faults.begin()
                faults.pause(0.8)
                faults.mend()
            writers.await_more(20)
        whole.await_healthy()
        n_acknowledged, n_links = load.check(whole, writers)
    except Exception as error:
        raise explained(error, seed, faults) from error
    finally:
        faults.connect()
    print(f"seed {seed}: {faults.n_kills} kills, {n_acknowledged} acknowledged, {n_links} links")


def await_semi_sync(primary):
    def waits():
        status = mariadb.ask(topology.NODE[primary],
                             "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_status';")
        return status.split()[-1] == "ON"

    until(f"{primary} waits for its replica", waits, PATIENCE_S)


def promote_under_load(lab, history, what):
    """Returns how long after the promotion was asked for writes were answered again. The old primary
    comes back as a replica."""
    old, new = mariadb.primary(), mariadb.replica()
    await_semi_sync(old)
    with load.Load(lab, history, f"promotion-{what}-{time.time_ns()}") as writers:
        server = processes.of_node(topology.NODE[old])
        if what == "killed":
            processes.kill(server)
        elif what == "hung":
            server[0].signal(signal.SIGSTOP)
        asked = time.time()
        lab.ok("promote")
        resumed_s = writers.await_write_begun_after(asked) - asked
        if what != "planned":
            lab.ok("heal", old)
        writers.await_more(20)
    assert (mariadb.primary(), mariadb.replica()) == (new, old)
    state = mariadb.replication()
    assert state["state"] == "running", state
    load.check(lab, writers)
    print(f"{what}: writes resumed {resumed_s:.2f} s after the promotion was asked for")
    return resumed_s


@pytest.mark.parametrize("what", ["killed", "hung", "planned"])
def test_a_promotion_under_load_loses_no_acknowledged_write(whole, tmp_path, what):
    """After a kill, with a server that hangs (which the promotion ends), or in order. Machines that have
    other work to do may hold up one promotion, but not one after the other."""
    for attempt in range(N_ATTEMPTS):
        if promote_under_load(whole, tmp_path / f"history{attempt}", what) < RESUME_S:
            return
    pytest.fail(f"writes resumed within {RESUME_S} s after none of {N_ATTEMPTS} promotions")
