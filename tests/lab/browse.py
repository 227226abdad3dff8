# SPDX-License-Identifier: BSD-3-Clause
"""Opens the site in a headless Chromium, makes a link and follows it, as a person would. Runs as the
lab's client; prints what was seen as JSON.

usage: browse.py URL TARGET KEY FOLDER   (KEY: SHA-256 of the public key that is trusted, base64)"""

import json
import sys

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as become
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE_S = 60
# By what protocol the page, and what it asked for by itself, came.
PROTOCOLS = """return performance.getEntriesByType('navigation').concat(
    performance.getEntriesByType('resource')).map((one) => [new URL(one.name).pathname,
                                                            one.nextHopProtocol])"""


def start(key, folder):
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1000,900",
                 "--disable-dev-shm-usage", "--disable-quic", f"--user-data-dir={folder}/profile",
                 f"--ignore-certificate-errors-spki-list={key}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options)


def follow(browser, url, target, folder):
    """What a visit shows, in order."""
    wait = WebDriverWait(browser, PATIENCE_S)
    browser.get(url)
    browser.find_element(By.ID, "url").send_keys(target)
    browser.find_element(By.ID, "submit").click()
    short = wait.until(become.visibility_of_element_located((By.ID, "short")))
    href = short.get_attribute("href")
    code = href.rpartition("/")[2]
    wait.until(lambda _: code in browser.find_element(By.ID, "list").text)
    seen = {"title": browser.title, "short": href, "protocols": browser.execute_script(PROTOCOLS),
            "problem": browser.find_element(By.ID, "problem").text}
    browser.save_screenshot(f"{folder}/page.png")
    short.click()
    wait.until(lambda _: browser.current_url == target)
    seen["landed"] = browser.current_url
    seen["severe"] = [entry["message"] for entry in browser.get_log("browser")
                      if entry["level"] == "SEVERE"]
    return seen


def main():
    url, target, key, folder = sys.argv[1:]
    browser = start(key, folder)
    try:
        print(json.dumps(follow(browser, url, target, folder)))
    finally:
        browser.quit()


main()
