# SPDX-License-Identifier: BSD-3-Clause
"""Elections between weir and keepalived, IPv4 and IPv6 at once. The times are far beyond what
either needs (tenths of a second): they only keep a failure from hanging."""

import ipaddress
import signal

import pytest

from conftest import mute, unmute, until

PATIENCE_S = 60

# keepalived 2.2 sends IPv6 adverts by unicast with a hop limit of 64.
UNICAST = {"unicast": True, "more": "min_ttl: 64"}


def await_weir_holds(weir, keepalived):
    until("weir is master", lambda: weir.is_all("master"), PATIENCE_S)
    until("keepalived holds nothing", keepalived.holds_none, PATIENCE_S)


def await_keepalived_holds(weir, keepalived):
    until("keepalived is master", keepalived.holds_all, PATIENCE_S)
    until("weir is backup", lambda: weir.is_all("backup"), PATIENCE_S)


@pytest.mark.parametrize("weirs, keepaliveds", [
    ({}, {}), (UNICAST, {"unicast": True}), ({"more": "mac: virtual"}, {})],
    ids=["multicast", "unicast", "virtual-mac"])
def test_the_higher_priority_wins_and_a_stop_hands_over(pair, weirs, keepaliveds):
    weir, keepalived = pair
    weir.begin(priority=200, **weirs)
    keepalived.begin(priority=100, **keepaliveds)
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


def test_weir_backs_up_a_better_keepalived_by_unicast(pair):
    weir, keepalived = pair
    weir.begin(priority=100, **UNICAST)
    keepalived.begin(priority=200, unicast=True)
    await_keepalived_holds(weir, keepalived)
    keepalived.die()
    until("weir is master", lambda: weir.is_all("master"), PATIENCE_S)
    keepalived.begin(priority=200, unicast=True)
    await_keepalived_holds(weir, keepalived)


def test_a_changed_priority_of_keepalived_moves_the_addresses(pair):
    weir, keepalived = pair
    weir.begin(priority=200)
    keepalived.begin(priority=100)
    await_weir_holds(weir, keepalived)
    keepalived.reload(priority=220)
    await_keepalived_holds(weir, keepalived)
    keepalived.reload(priority=100)
    await_weir_holds(weir, keepalived)


def test_a_changed_priority_of_weir_moves_the_addresses(pair):
    weir, keepalived = pair
    flag = weir.folder / "well"
    flag.touch()
    weir.begin(priority=200, more="track: [{ script: flag, weight: 150 }]",
               scripts="scripts: [{ name: flag, command: [/usr/bin/test, -e, well-PATH], "
                       "interval_ms: 50 }]".replace("well-PATH", str(flag)))
    keepalived.begin(priority=100)
    await_weir_holds(weir, keepalived)
    flag.unlink()
    await_keepalived_holds(weir, keepalived)
    status = weir.ctl("status")
    assert {router["priority"] for router in status["routers"]} == {50}
    flag.touch()
    await_weir_holds(weir, keepalived)


def test_who_does_not_preempt_leaves_the_other_in_place(pair):
    weir, keepalived = pair
    weir.begin(priority=100)
    until("weir is master", lambda: weir.is_all("master"), PATIENCE_S)
    keepalived.begin(priority=200, more="nopreempt")
    # It has heard several adverts by the time that it would have taken over.
    until("keepalived has begun", lambda: "Entering BACKUP STATE" in keepalived.logs(),
          PATIENCE_S)
    held = [router["transitions"] for router in weir.ctl("status")["routers"]]
    until("ten adverts", lambda: _adverts(weir) >= 10, PATIENCE_S)
    assert weir.is_all("master") and keepalived.holds_none()
    # And the other way round.
    weir.stop("control", signal.SIGKILL)
    until("keepalived is master", keepalived.holds_all, PATIENCE_S)
    assert held == [2, 2]
    keepalived.reload(priority=50)
    weir.configure(priority=100, more="preempt: no")
    weir.start_control()
    until("weir is backup", lambda: weir.is_all("backup"), PATIENCE_S)
    before = _received(weir)
    until("ten adverts more", lambda: _received(weir) >= before + 10, PATIENCE_S)
    assert weir.is_all("backup") and keepalived.holds_all()


def test_at_equal_priority_the_higher_address_stays(pair, network):
    weir, keepalived = pair
    mute(network[0], "p1", "p2")
    weir.begin(priority=150)
    keepalived.begin(priority=150)
    until("weir is master", lambda: weir.is_all("master"), PATIENCE_S)
    until("keepalived is master", keepalived.holds_all, PATIENCE_S)
    unmute(network[0])
    higher6 = _link_local(weir.namespace, "weir0") > _link_local(keepalived.namespace, "front")
    wanted = {"front4": "backup", "front6": "master" if higher6 else "backup"}
    until("one of them holds", lambda: weir.states() == wanted, PATIENCE_S)
    until("and not both", lambda: keepalived.held() == {"10.77.1.100"} | (
        set() if higher6 else {"fd77:1::100"}), PATIENCE_S)


def _metric(weir, name):
    lines = weir.namespace.run("curl -sS http://10.77.1.11:9100/metrics").splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def _adverts(weir):
    return _metric(weir, "weir_vrrp_adverts_sent_total")


def _received(weir):
    return _metric(weir, "weir_vrrp_adverts_received_total")


def _link_local(namespace, interface):
    for line in namespace.run(f"ip -6 -o addr show dev {interface} scope link").splitlines():
        return ipaddress.ip_interface(line.split()[3]).ip
    raise AssertionError(f"{interface} has no link-local address")
