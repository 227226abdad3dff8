# SPDX-License-Identifier: BSD-3-Clause
"""What a run of the web tier's benchmark has found, as tables, beside what is meant to be."""

from benchlib.report import Table

TITLES = {
    "static": "static files, HTTP",
    "handshakes": "handshakes, each with one request for 1 KiB",
    "tls": "static files, HTTPS",
    "http2": "HTTP/2",
    "proxy": "proxied, HTTP",
    "tls-proxy": "proxied, HTTPS",
}

NO_FIGURES = ("requests_per_cpu_s", "requests_per_s", "p99_us")

# Requests per CPU second, times nginx's.
GOALS = (
    ("static", "kept alive, 1 KiB", 1.4),
    ("static", "kept alive, 16 KiB", 1.0),
    ("static", "kept alive, 1024 KiB", 1.0),
    ("tls", "kept alive, 1 KiB", 1.1),
    ("tls", "kept alive, 16 KiB", 1.1),
    ("tls", "kept alive, 1024 KiB", 1.0),
    ("handshakes", "TLS 1.3, new", 1.0),
    ("handshakes", "TLS 1.3, resumed", 1.0),
    ("http2", "static, 1 KiB", 1.0),
    ("http2", "static, 16 KiB", 1.0),
    ("http2", "static, 1024 KiB", 1.0),
    ("http2", "proxied, 1 KiB", 1.0),
    ("proxy", "kept alive, 1 KiB", 0.9),
    ("proxy", "kept alive, 16 KiB", 1.0),
    ("tls-proxy", "kept alive, 1 KiB", 0.9),
    ("tls-proxy", "kept alive, 16 KiB", 0.9),
)


def ratio(series, peer, figure="requests_per_cpu_s"):
    """weir's figure, times the peer's; None if there is none."""
    ours, theirs = (series["servers"].get(name) for name in ("weir", peer))
    return ours[figure] / theirs[figure] if ours and theirs and theirs[figure] else None


def _part_table(part, found):
    peers = [name for name in ("nginx", "nginx-cache")
             if any(name in series["servers"] for series in found)]
    table = Table(TITLES[part], "work", "weir: requests/CPU s", "us/request",
                  *(f"times {peer}" for peer in peers), "requests/s", "p99 us",
                  *(f"times {peer}" for peer in peers))
    for series in found:
        weir = series["servers"]["weir"] or dict.fromkeys(NO_FIGURES)
        rate = weir["requests_per_cpu_s"]
        table.add(series["name"], rate, 1e6 / rate if rate else None,
                  *(ratio(series, peer) for peer in peers), weir["requests_per_s"],
                  weir["p99_us"], *(ratio(series, peer, "p99_us") for peer in peers))
    return table


def _idle_table(results):
    table = Table(f"memory of an idle connection, bytes, of {results['idle_connections']}",
                  "server", "HTTP", "HTTPS")
    for name, found in results["idle"].items():
        table.add(name, found["plain"], found["tls"])
    return table


def _goal_table(results):
    found = {(series["part"], series["name"]): series for series in results["series"]}
    table = Table("goals: requests per CPU second, times nginx's", "work", "goal", "found", "met")
    for part, name, goal in GOALS:
        series = found.get((part, name))
        value = series and ratio(series, "nginx")
        if value:
            table.add(f"{TITLES[part]}: {name}", f">= {goal:g}", value,
                      "yes" if value >= goal else "no")
    return table


def tables(results):
    parts = dict.fromkeys(series["part"] for series in results["series"])
    made = [_part_table(part, [series for series in results["series"] if series["part"] == part])
            for part in parts]
    if "idle" in results:
        made.append(_idle_table(results))
    return [*made, _goal_table(results)] if parts else made


def remarks(results):
    """What a reader must know of the run besides its figures."""
    n = results.get("empty_rounds", 0)
    return [f"Rounds in which a busy machine let nothing be done, and which were repeated: {n}."
            ] if n else []


def text(results):
    return "\n\n".join([*(table.text() for table in tables(results)), *remarks(results)])
