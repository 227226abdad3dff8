# SPDX-License-Identifier: BSD-3-Clause
"""The monitor's page in a real browser: it shows what `lab status` says, and follows changes."""

import json
import urllib.parse
import urllib.request

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from conftest import PATIENCE_S
from lablib.waiting import until

PAGE = "http://127.0.0.1:8600/"
NETWORK_SCHEMES = {"http", "https", "ws", "wss", "ftp"}
NODES = {"lb1", "lb2", "web1", "web2", "app1", "app2", "db1", "db2"}


def view():
    """What the page is drawn from."""
    with urllib.request.urlopen(PAGE + "api/state", timeout=PATIENCE_S) as answer:
        return json.load(answer)


@pytest.fixture
def page(whole, tmp_path):
    """The monitor's page, open in a headless Chromium that keeps its console's messages."""
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1400",
                 "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}/profile"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options)
    try:
        browser.get(PAGE)
        yield browser
    finally:
        browser.quit()


def drawn(page, selector):
    """The elements of the picture with their states, by what they stand for."""
    return page.execute_script(
        "return Array.from(document.querySelectorAll(arguments[0]), (one) => ["
        "one.dataset.node || one.dataset.from + '>' + one.dataset.to, one.dataset.state])",
        selector)


def states(page):
    return dict(drawn(page, "#picture [data-node]"))


def edges(page):
    return dict(drawn(page, "#picture [data-from]"))


def all_well(page):
    return (set(states(page).values()) == {"ok"} and set(edges(page).values()) == {"ok"}
            and "all is well" in page.find_element(By.ID, "verdict").text)


def requested_hosts(page):
    """Of everything that the page went to the network for."""
    found = set()
    for entry in page.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = urllib.parse.urlsplit(message["params"]["request"]["url"])
            if url.scheme in NETWORK_SCHEMES:  # Not the browser's own pages, nor data: URLs.
                found.add(url.netloc)
    return found


def test_every_node_and_edge_is_drawn_and_well(page, lab):
    until("the page shows all as well", lambda: all_well(page), PATIENCE_S)
    assert NODES | {"client", "dns", "vip", "monitor"} == set(states(page))
    watched = {f"monitor>{node}" for node in NODES}
    paths = {f"{a}{i}>{b}{j}" for a, b in (("lb", "web"), ("web", "app"), ("app", "db"))
             for i in (1, 2) for j in (1, 2)}
    assert set(edges(page)) == watched | paths | {
        "client>dns", "client>vip", "vip>lb1", "vip>lb2", "db1>db2"}
    owners = {address: holder for router in view()["routers"]
              for holder in router["holders"] for address in router["addresses"]}
    assert owners == lab.owners()


def test_the_services_of_every_mode_are_listed(page, lab):
    until("the page shows all as well", lambda: all_well(page), PATIENCE_S)
    rows = page.execute_script(
        "return Array.from(document.querySelectorAll('#services tbody tr'), (row) => "
        "Array.from(row.cells, (cell) => cell.textContent))")
    named = ("name", "protocol", "address", "port", "mode")
    assert [row[:5] for row in rows] == [
        [str(one[name] or "any") for name in named]
        for one in json.loads(lab.ok("ctl", "lb1", "--json", "services"))]
    assert {row[4] for row in rows} == {"dr", "tunnel", "nat", "fullnat"}
    (owner,) = set(lab.owners().values())
    assert {tuple(row[5:8]) for row in rows} == {("✓ works", "2 of 2", owner)}


def test_a_killed_node_turns_red_and_green_again(page, lab):
    lab.ok("kill", "web2")
    until("web2 is red", lambda: states(page)["web2"] == "failed", PATIENCE_S)
    until("lb1 finds it down", lambda: edges(page)["lb1>web2"] == "failed", PATIENCE_S)
    assert states(page)["web1"] == "ok"
    lab.ok("heal", "web2")
    until("all is well again", lambda: all_well(page), PATIENCE_S)
    changes = page.find_element(By.ID, "events").text
    assert "web2" in changes and "failed" in changes


def test_a_failover_moves_the_holder(page, lab):
    def holders():
        return {tuple(router["holders"]) for router in view()["routers"]}

    (before,) = holders()
    lab.ok("kill", before[0])
    other = ({"lb1", "lb2"} - set(before)).pop()
    until("the other node holds the addresses", lambda: holders() == {(other,)}, PATIENCE_S)
    until("the page says so", lambda: other in page.find_element(By.ID, "routers").text, PATIENCE_S)
    lab.ok("heal", before[0])


def test_the_page_asks_nobody_else_and_complains_of_nothing(page):
    until("the page shows all as well", lambda: all_well(page), PATIENCE_S)
    assert requested_hosts(page) == {"127.0.0.1:8600"}
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_the_page_fits_a_phone(page):
    page.set_window_size(400, 900)
    until("the picture stands upright", lambda: page.execute_script(
        "const box = document.getElementById('picture').viewBox.baseVal;"
        "return box.height > box.width"), PATIENCE_S)
    assert page.execute_script(
        "return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
