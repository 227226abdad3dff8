# SPDX-License-Identifier: BSD-3-Clause
"""The link shortener's page in a real browser, as people meet it: with mouse and keyboard, on a wide
screen and on a phone, in light and in dark, and as a screen reader is told of it."""

import csv
import json
import os
import urllib.request
from pathlib import Path

import pytest
from databases import PATIENCE_S, until
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

WIDE, NARROW, TINY = (1280, 900), (390, 844), (320, 640)
WAVE = "\N{WATER WAVE}"
HOSTILE = '<img src=x onerror="document.title=1"> & "more"'

# Roles that people act on: a screen reader must have a name for each.
ACTIVE = {"button", "link", "textbox", "searchbox", "checkbox", "combobox", "DisclosureTriangle",
          "Date", "DateTime"}

# The lowest contrast of any visible text with what is behind it (WCAG 2.2 1.4.3), and which text.
CONTRAST = """
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((v) => { v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number);
  return { rgb: n.slice(0, 3), alpha: n.length > 3 ? n[3] : 1 }; };
let least = [99, ""];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const open = document.querySelector("dialog[open]");
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !node.checkVisibility() || (open && !open.contains(node))
      || node.closest(".away, .skip, script, option")) continue;
  let behind = node;
  while (behind && parse(getComputedStyle(behind).backgroundColor).alpha < 1)
    behind = behind.parentElement;
  const a = luminance(parse(getComputedStyle(node).color).rgb);
  const b = luminance(behind ? parse(getComputedStyle(behind).backgroundColor).rgb : [255, 255, 255]);
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < least[0]) least = [ratio, walker.currentNode.data.trim().slice(0, 60)];
}
return least;
"""


class Page:
    """The page, and what is done to it."""

    def __init__(self, browser, url):
        self.browser = browser
        self.url = url
        self.api = f"{url}/api/links"

    def resize(self, size):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": 1,
            "mobile": size[0] < 600})

    def media(self, **features):
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": name.replace("_", "-"), "value": value}
                         for name, value in features.items()]})

    def open(self, key=None):
        self.browser.get(self.url)
        self.browser.execute_script("localStorage.clear();"
                                    "if (arguments[0]) localStorage.setItem('weir-key', arguments[0])",
                                    key)
        self.browser.get(self.url)

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.find(selector).text

    def await_text(self, selector, word):
        # Elements are made anew while the list is refreshed.
        until(f"{selector} says {word!r}", lambda: word in self.browser.execute_script(
            "return [...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility())"
            ".map((e) => e.innerText).join()", selector))

    def make(self, url, **fields):
        """Makes a link by the form; returns its code."""
        self.find("#url").send_keys(url)
        if fields and not self.find("#options").get_attribute("open"):
            self.find("#options summary").click()
        for name, value in fields.items():
            self.find(f"#{name}").send_keys(value)
        before = self.text("#short") if self.find("#result").is_displayed() else ""
        self.find("#submit").click()
        WebDriverWait(self.browser, PATIENCE_S).until(
            lambda _: self.find("#result").is_displayed() and self.text("#short") != before)
        code = self.text("#short").rpartition("/")[2]
        self.await_text("#list", f"/l/{code}")
        return code

    def details(self, code):
        """Opens the dialog of a link."""
        self.browser.execute_script(
            "document.querySelector(`button[data-code='${arguments[0]}']`).click()", code)
        WebDriverWait(self.browser, PATIENCE_S).until(
            lambda _: self.find("#dialog").is_displayed()
            and self.text("#days-summary") != ""
            and self.browser.execute_script("return document.getElementById('qr').naturalWidth"))

    def key(self):
        return self.browser.execute_script("return localStorage.getItem('weir-key')")

    def ask(self, path, method="GET"):
        """As the page's owner, past the page."""
        request = urllib.request.Request(self.url + path, method=method, headers={
            "Authorization": f"Bearer {self.key()}"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def complaints(self):
        """What the console says of errors; refusals that a test provokes are logged as well."""
        return [entry["message"] for entry in self.browser.get_log("browser")
                if entry["level"] == "SEVERE" and "Failed to load resource" not in entry["message"]]

    def screenshot(self, name):
        """Kept where WEIR_SCREENSHOTS says, for people to look at."""
        if os.environ.get("WEIR_SCREENSHOTS"):
            folder = Path(os.environ["WEIR_SCREENSHOTS"])
            folder.mkdir(exist_ok=True)
            self.browser.save_screenshot(str(folder / f"{name}.png"))


@pytest.fixture
def page(browser, site):
    made = Page(browser, site)
    made.resize(WIDE)
    made.media(prefers_color_scheme="light", prefers_reduced_motion="no-preference")
    made.open()
    made.complaints()
    yield made
    assert made.complaints() == []


def test_a_link_is_made_followed_changed_and_deleted(page):
    code = page.make("https://example.org/a?b=c", title=f"Sea {WAVE}", code="sea-1")
    assert code == "sea-1" and len(page.key()) == 64
    assert page.text("#list h3") == f"Sea {WAVE}"
    assert "0 visits" in page.text("#list")
    # A visit that follows no redirect.
    urllib.request.build_opener(NoRedirect).open(f"{page.url}/l/{code}", timeout=PATIENCE_S)
    page.await_text("#list", "1 visit")

    page.details(code)
    assert page.text("#dialog-title") == f"Sea {WAVE}"
    assert "1 visit in all" in page.text("#days-summary")
    assert len(page.all("#days span")) == 30
    title = page.find("#change-title")
    title.clear()
    title.send_keys("Lake")
    page.find("#change button[type=submit]").click()
    page.await_text("#list h3", "Lake")
    page.await_text("#fresh", "sea-1 is changed")
    assert page.ask(f"/api/links/{code}")["url"] == "https://example.org/a?b=c"

    page.details(code)
    page.find("#change-url").clear()
    page.find("#change-url").send_keys("ftp://example.org")
    page.find("#change button[type=submit]").click()
    page.await_text("#change-problem", "http://")
    assert page.find("#change-url").get_attribute("aria-invalid") == "true"
    page.find("#delete").click()
    assert "Really" in page.text("#delete")
    page.find("#delete").click()
    page.await_text("#empty", "no links yet")
    assert not page.find("#dialog").is_displayed()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None

    def http_error_302(self, _request, answer, *_):
        return answer


def test_what_is_wrong_is_said_where_it_is(page):
    page.find("#submit").click()
    page.await_text("#problem", "http:// or https://")
    assert page.find("#url").get_attribute("aria-invalid") == "true"
    assert page.browser.switch_to.active_element == page.find("#url")
    page.find("#url").send_keys("https://a b/")
    page.find("#submit").click()
    page.await_text("#problem", "percent-encoded")
    page.find("#url").clear()
    page.make("https://example.org/", code="double")
    page.find("#url").send_keys("https://example.org/")
    page.find("#code").send_keys("double")
    page.find("#submit").click()
    page.await_text("#problem", "double is taken")
    assert page.find("#code").get_attribute("aria-invalid") == "true"
    assert page.browser.switch_to.active_element == page.find("#code")
    page.find("#code").clear()
    page.find("#expires").send_keys("12")
    page.find("#submit").click()
    page.await_text("#problem", "complete the date")


def test_markup_from_people_is_text(page):
    page.make("https://example.org/?<b>".replace("<b>", "%3Cb%3E"), title=HOSTILE)
    page.await_text("#list h3", HOSTILE)
    page.details(page.text("#short").rpartition("/")[2])
    assert page.text("#dialog-title") == HOSTILE
    assert page.browser.title == "weir: short links"
    page.find("#dialog-close").click()


def test_links_are_searched_and_paged(page, pair):
    page.make("https://example.org/first", title="Find me")
    owner = pair.db1.value("SELECT MAX(owner_id) FROM weir.links")
    pair.db1.sql("INSERT INTO weir.links (code, url, created_at, owner_id) SELECT "
                 f"CONCAT('p{owner}x', seq), 'https://example.net/', UTC_TIMESTAMP(), {owner} "
                 "FROM weir.seq_1_to_30")
    pair.await_replicated()
    until("a page is there", lambda: len(page.all("#list li")) == 20)
    page.find("#more").click()
    until("all are there", lambda: len(page.all("#list li")) == 31)
    assert not page.find("#more").is_displayed()
    page.find("#q").send_keys("FIND")
    until("only one is there", lambda: len(page.all("#list li")) == 1)
    assert page.text("#list h3") == "Find me"
    page.find("#q").send_keys("x")
    page.await_text("#empty", "No link of yours has this text")


def test_all_links_are_downloaded(page, folder):
    page.make("https://example.org/csv", title="=1+1")
    page.find("#export").click()
    there = folder / "downloads" / "links.csv"
    until("it is downloaded", lambda: there.exists() and there.stat().st_size)
    with open(there, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[1][2:4] == ["https://example.org/csv", "'=1+1"]


def test_a_key_is_taken_elsewhere(page):
    code = page.make("https://example.org/mine")
    key = page.key()
    page.find("#key-forget").click()
    page.find("#key-forget").click()
    page.await_text("#empty", "no links yet")
    assert page.key() is None
    page.find("#key-input").send_keys("not a key")
    page.find("#key-form button").click()
    page.await_text("#key-problem", "64 characters")
    page.find("#key-input").clear()
    page.find("#key-input").send_keys("0" * 64)
    page.find("#key-form button").click()
    page.await_text("#fresh", "does not know your key")
    page.find("#key-input").send_keys(key, Keys.ENTER)
    page.await_text("#list", f"/l/{code}")


def test_the_keyboard_is_enough(page):
    """From the top to a link that is made, and through its dialog, by keys alone."""
    def active():
        return page.browser.switch_to.active_element

    def press(*keys):
        active().send_keys(*keys)

    page.find("body").send_keys(Keys.TAB)
    assert active().get_attribute("class") == "skip" and active().is_displayed()
    press(Keys.ENTER)
    press(Keys.TAB)
    assert active().get_attribute("id") == "url"
    outline = page.browser.execute_script(
        "const s = getComputedStyle(document.activeElement);"
        "return [s.outlineStyle, parseFloat(s.outlineWidth)]")
    assert outline[0] == "solid" and outline[1] >= 2
    press("https://example.org/keys", Keys.ENTER)
    WebDriverWait(page.browser, PATIENCE_S).until(lambda _: page.find("#result").is_displayed())
    until("the link is listed", lambda: page.all("#list button"))

    seen = []
    for _ in range(30):
        press(Keys.TAB)
        seen.append(active().get_attribute("id") or active().get_attribute("data-code")
                    or active().tag_name)
        if seen[-1] == "key-forget":
            break
    code = page.text("#short").rpartition("/")[2]
    wanted = ["submit", "summary", "short", "copy", "q", "a", code, "export", "key-copy",
              "key-forget"]
    assert [each for each in seen if each in wanted] == wanted

    button = page.find("#list button")
    page.browser.execute_script("arguments[0].focus()", button)
    press(Keys.ENTER)
    WebDriverWait(page.browser, PATIENCE_S).until(lambda _: page.find("#dialog").is_displayed())
    assert active().get_attribute("id") == "dialog-title"
    for _ in range(15):  # Focus does not leave an open dialog for the page.
        press(Keys.TAB)
        assert page.browser.execute_script(
            "return document.activeElement === document.body || "
            "document.getElementById('dialog').contains(document.activeElement)")
    page.find("#change-title").send_keys(Keys.ESCAPE)
    assert not page.find("#dialog").is_displayed()
    assert active().get_attribute("data-code") == code


def names(page):
    """[(role, name)] of what the accessibility tree has to act on."""
    tree = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree
            if not node.get("ignored") and node.get("role", {}).get("value") in ACTIVE]


def test_a_screen_reader_has_a_name_for_everything(page):
    code = page.make("https://example.org/named", title="Named")
    found = names(page)
    assert len(found) > 15 and all(name for _, name in found), found
    assert ("button", "Details of Named") in found
    assert ("textbox", "Address to shorten") in found
    assert ("searchbox", "Search your links") in found
    page.details(code)
    found = names(page)
    assert all(name for _, name in found), found
    assert ("textbox", "Leads to") in found
    page.find("#dialog-close").click()
    headings = page.browser.execute_script(
        "return [...document.querySelectorAll('h1, h2, h3')].filter((h) => h.checkVisibility())"
        ".map((h) => Number(h.tagName[1]))")
    assert headings[0] == 1 and all(b - a <= 1 for a, b in zip(headings, headings[1:]))
    assert page.find("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("name, size, scheme", [
    ("wide", WIDE, "light"), ("wide", WIDE, "dark"), ("narrow", NARROW, "light"),
    ("narrow", NARROW, "dark"), ("tiny", TINY, "light")])
def test_it_is_pleasant_on_every_screen(page, scheme, name, size):
    page.resize(size)
    page.media(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    page.make("https://bücher.example/" + "a-long-path/" * 20, title=f"A title {WAVE} that is long")
    if not page.find("#options").get_attribute("open"):
        page.find("#options summary").click()
    page.browser.execute_script("document.getElementById('expires').value = '2099-12-31T10:00'")
    code = page.make("https://example.org/")
    assert page.ask(f"/api/links/{code}")["expires"].startswith("2099-12-")
    page.screenshot(f"{name}-{scheme}")

    def check():
        page.browser.execute_script("scrollTo(0, 0)")
        wide, whole = page.browser.execute_script(
            "return [document.documentElement.clientWidth, document.documentElement.scrollWidth]")
        assert whole <= wide <= size[0], "it scrolls sideways"
        ratio, text = page.browser.execute_script(CONTRAST)
        assert ratio >= 4.5, (ratio, text)
        small = page.browser.execute_script(
            "return [...document.querySelectorAll('button, summary, input, .check')].filter((e) =>"
            "e.checkVisibility() && e.type !== 'checkbox' && e.getBoundingClientRect().height < 40)"
            ".map((e) => e.id || e.textContent)")
        assert small == [], "too small for a finger"
        moving = page.browser.execute_script(
            "return [...document.querySelectorAll('*')].filter((e) => {"
            "const s = getComputedStyle(e); return s.animationName !== 'none' || "
            "parseFloat(s.transitionDuration) > 0 || s.scrollBehavior === 'smooth'; }).length")
        assert moving == 0

    check()
    page.details(code)
    page.screenshot(f"{name}-{scheme}-details")
    check()
    page.find("#dialog-close").click()
