# SPDX-License-Identifier: BSD-3-Clause
"""Elections between weir and keepalived, IPv4 and IPv6 at once. The times are far beyond what
either needs (tenths of a second): they only keep a failure from hanging."""

import signal

from conftest import until

PATIENCE_S = 20


def await_weir_holds(weir, keepalived):
    until("weir is master", lambda: weir.is_all("master"), PATIENCE_S)
    until("keepalived holds nothing", keepalived.holds_none, PATIENCE_S)


def await_keepalived_holds(weir, keepalived):
    until("keepalived is master", keepalived.holds_all, PATIENCE_S)
    until("weir is backup", lambda: weir.is_all("backup"), PATIENCE_S)


def test_the_higher_priority_wins_and_a_stop_hands_over(pair):
    weir, keepalived = pair
    weir.begin(priority=200)
    keepalived.begin(priority=100)
    await_weir_holds(weir, keepalived)
    # SIGTERM: priority 0, and keepalived takes over.
    assert weir.stop("control") == 0
    until("keepalived is master", keepalived.holds_all, PATIENCE_S)
    # weir comes back and takes them again, as its priority is higher.
    weir.start_control()
    await_weir_holds(weir, keepalived)


def test_a_killed_weir_is_replaced_by_keepalived(pair):
    weir, keepalived = pair
    weir.begin(priority=200)
    keepalived.begin(priority=100)
    await_weir_holds(weir, keepalived)
    weir.stop("control", signal.SIGKILL)
    until("keepalived is master", keepalived.holds_all, PATIENCE_S)
    weir.start_control()
    await_weir_holds(weir, keepalived)
    # Without its dataplane no advert of weir's leaves the machine.
    weir.stop("dataplane", signal.SIGKILL)
    until("keepalived is master", keepalived.holds_all, PATIENCE_S)
    until("weir is out", lambda: weir.is_all("init"), PATIENCE_S)


def test_a_planned_failover_moves_the_addresses_and_they_stay(pair):
    weir, keepalived = pair
    weir.begin(priority=200)
    keepalived.begin(priority=100)
    await_weir_holds(weir, keepalived)
    assert weir.ctl("failover") is not None
    await_keepalived_holds(weir, keepalived)


def test_weir_backs_up_a_better_keepalived(pair):
    weir, keepalived = pair
    weir.begin(priority=100)
    keepalived.begin(priority=200)
    await_keepalived_holds(weir, keepalived)
    keepalived.die()
    until("weir is master", lambda: weir.is_all("master"), PATIENCE_S)
    # It preempts weir when it is back, and hands over when it is stopped.
    keepalived.begin(priority=200)
    await_keepalived_holds(weir, keepalived)
    keepalived.stop("keepalived")
    until("weir is master", lambda: weir.is_all("master"), PATIENCE_S)
