# SPDX-License-Identifier: BSD-3-Clause
"""/api/openapi.json describes what is served: every operation is asked for every status that it is
said to have, and each answer must be as described."""

import json
import re
import shutil

import jsonschema
import pytest
from apptier import AppTier, Cluster
from databases import until

THREADS = 1
LINKS = "{owner_writes_per_minute: 1, owner_burst: 12}"
FORMATS = jsonschema.FormatChecker(formats=["date"])


class Description:
    """openapi.json, and which (operation, status) has been seen."""

    def __init__(self, document):
        self.document = document
        self.seen = set()

    def resolve(self, node):
        while "$ref" in node:
            where = node["$ref"].removeprefix("#/").split("/")
            node = self.document
            for word in where:
                node = node[word]
        return node

    def validate(self, schema, value):
        # References are to places in the whole document.
        jsonschema.Draft202012Validator({**schema, "components": self.document["components"]},
                                        format_checker=FORMATS).validate(value)

    def operations(self):
        """{operationId: (path, method, operation)}."""
        return {item[method]["operationId"]: (path, method, item[method])
                for path, item in self.document["paths"].items()
                for method in item if method != "parameters"}

    def documented(self):
        return {(name, int(status)) for name, (_, _, operation) in self.operations().items()
                for status in operation["responses"]}

    def check(self, name, path, answer):
        """The answer of the operation, which 'path' is meant to reach."""
        pattern, _, operation = self.operations()[name]
        matched = re.fullmatch(re.sub(r"\{\w+\}", "([^/]+)", pattern), path.partition("?")[0])
        assert matched, f"{path} is not {pattern}"
        assert str(answer.status) in operation["responses"], f"{name}: {answer}"
        response = self.resolve(operation["responses"][str(answer.status)])
        for header, described in response.get("headers", {}).items():
            if described.get("required"):
                assert answer.headers[header] is not None, f"{name}: no {header}: {answer}"
            self.validate(described["schema"], answer.headers[header])
        content = response.get("content", {})
        media = (answer.headers["Content-Type"] or "").partition(";")[0]
        if content:
            assert media in content, f"{name}: {media}"
            if media == "application/json" and "schema" in content[media]:
                self.validate(content[media]["schema"], answer.json)
        else:
            assert answer.body == b"", f"{name}: {answer.body}"
        self.seen.add((name, answer.status))


@pytest.fixture
def nowhere(folder):
    """An app node whose databases are not there."""
    path = folder / "nowhere"
    path.mkdir()
    tier = AppTier(Cluster(path, 1, 2))
    try:
        tier.start(healthy=False)
        yield tier
    finally:
        tier.kill()
        shutil.rmtree(path)


LONG = {"title": "x" * 30000}


def walk(tier, pair):
    """(operation, client, method, path, body, headers) for every status of every operation, but 503."""
    owner, other, nobody = tier.owner(), tier.owner(), tier.client()
    json_type = {"Content-Type": "application/json"}
    wrong = {"Authorization": "Bearer wrong"}
    yield "createOwner", nobody, "POST", "/api/owners"
    yield "getDescription", nobody, "GET", "/api/openapi.json"
    new = {"url": "https://example.org/ü", "title": "Ü", "code": "docu", "permanent": True,
           "expires": "2999-01-01T00:00:00+01:00"}
    yield "createLink", owner, "POST", "/api/links", new
    yield "createLink", nobody, "POST", "/api/links", {"url": "https://example.org/"}
    yield "createLink", owner, "POST", "/api/links", new  # Taken.
    yield "createLink", owner, "POST", "/api/links", "{", json_type
    yield "createLink", owner, "POST", "/api/links", new, wrong
    yield "createLink", owner, "POST", "/api/links", LONG
    yield "createLink", owner, "POST", "/api/links", "a=b"
    yield "createLink", owner, "POST", "/api/links", {}
    owner.create("https://example.org/", code="temp")
    owner.create("https://example.org/", code="gone")
    owner.create("https://refused.example/", code="refused")
    yield "listLinks", owner, "GET", "/api/links?limit=1"
    yield "listLinks", nobody, "GET", "/api/links?q=x"
    yield "listLinks", nobody, "GET", "/api/links?limit=0"
    yield "listLinks", nobody, "GET", "/api/links", None, wrong
    yield "exportLinks", owner, "GET", "/api/links.csv"
    yield "exportLinks", nobody, "GET", "/api/links.csv"
    yield "changeLink", owner, "PATCH", "/api/links/docu", {"title": None, "expires": None}
    yield "changeLink", owner, "PATCH", "/api/links/docu", {"title": "x"}, {
        "Content-Type": "application/merge-patch+json"}
    yield "changeLink", owner, "PATCH", "/api/links/docu", "{", json_type
    yield "changeLink", nobody, "PATCH", "/api/links/docu", {"title": "x"}
    yield "changeLink", other, "PATCH", "/api/links/docu", {"title": "x"}
    yield "changeLink", owner, "PATCH", "/api/links/absent", {"title": "x"}
    yield "changeLink", owner, "PATCH", "/api/links/docu", LONG
    yield "changeLink", owner, "PATCH", "/api/links/docu", "a=b"
    yield "changeLink", owner, "PATCH", "/api/links/docu", {}
    yield "deleteLink", nobody, "DELETE", "/api/links/gone"
    yield "deleteLink", other, "DELETE", "/api/links/gone"
    yield "deleteLink", owner, "DELETE", "/api/links/absent"
    yield "deleteLink", owner, "DELETE", "/api/links/gone"
    yield "deleteLink", owner, "DELETE", "/api/links/gone"
    yield "changeLink", owner, "PATCH", "/api/links/gone", {"title": "x"}
    for name, suffix in (("getLink", ""), ("getDays", "/days"), ("getQrSvg", "/qr.svg"),
                         ("getQrPng", "/qr.png")):
        yield name, owner, "GET", f"/api/links/docu{suffix}"
        yield name, owner, "GET", f"/api/links/absent{suffix}"
        yield name, owner, "GET", f"/api/links/gone{suffix}"
        if name in ("getLink", "getDays"):
            yield name, nobody, "GET", f"/api/links/docu{suffix}"
            yield name, other, "GET", f"/api/links/docu{suffix}"
    yield "getDays", owner, "GET", "/api/links/docu/days?from=x"
    yield "follow", nobody, "GET", "/l/docu"
    yield "follow", nobody, "GET", "/l/temp"
    yield "follow", nobody, "GET", "/l/absent"
    yield "follow", owner, "GET", "/l/gone"  # Others may see it a moment longer, at a replica.
    pair.db1.sql("INSERT INTO weir.refused_hosts (host) VALUES ('refused.example')")
    until("it is refused", lambda: nobody.get("/l/refused").status == 403)
    yield "follow", nobody, "GET", "/l/refused"
    pair.db1.sql("DELETE FROM weir.refused_hosts")
    until("the limit is reached", lambda: owner.create().status == 429)
    yield "createLink", owner, "POST", "/api/links", {"url": "https://example.org/"}
    yield "changeLink", owner, "PATCH", "/api/links/docu", {"title": "x"}


def unavailable(tier):
    client = tier.client()
    client.token = "0" * 64
    body = {"url": "https://example.org/"}
    yield "createOwner", client, "POST", "/api/owners"
    yield "listLinks", client, "GET", "/api/links"
    yield "createLink", client, "POST", "/api/links", body
    yield "exportLinks", client, "GET", "/api/links.csv"
    yield "getLink", client, "GET", "/api/links/abc"
    yield "changeLink", client, "PATCH", "/api/links/abc", body
    yield "deleteLink", client, "DELETE", "/api/links/abc"
    yield "getDays", client, "GET", "/api/links/abc/days"
    yield "getQrSvg", client, "GET", "/api/links/abc/qr.svg"
    yield "getQrPng", client, "GET", "/api/links/abc/qr.png"
    yield "follow", client, "GET", "/l/abc"


def test_every_answer_is_as_described(app, pair, nowhere):
    served = app.client().get("/api/openapi.json")
    assert served.status == 200 and served.headers["Content-Type"] == "application/json"
    description = Description(served.json)
    for steps in (walk(app, pair), unavailable(nowhere)):
        for name, client, method, path, *rest in steps:
            if isinstance(rest[0] if rest else None, dict):
                rest[0] = json.dumps(rest[0])
                if len(rest) == 1:
                    rest.append({"Content-Type": "application/json"})
                else:
                    rest[1] = {"Content-Type": "application/json", **rest[1]}
            description.check(name, path, client.request(method, path, *rest))
    assert description.documented() - description.seen == set()


def test_only_described_methods_are_served(app):
    description = Description(app.client().get("/api/openapi.json").json)
    served = {}
    for path, method, _ in description.operations().values():
        served.setdefault(path, set()).add(method.upper())
    # What is below a link is one route, as far as methods go.
    below = {path for path in served if path.startswith("/api/links/{code}/")}
    for path, methods in served.items():
        if path in below:
            continue
        for method in {"PUT", "POST", "PATCH", "DELETE", "GET"} - methods:
            answer = app.client().request(method, path.replace("{code}", "abc"), "")
            assert answer.status == 405, (method, path, answer)
            allowed = set(answer.headers["Allow"].split(", ")) - {"HEAD"}
            assert allowed == methods, (method, path, allowed)


def test_the_description_is_a_sound_one(app):
    description = Description(app.client().get("/api/openapi.json").json)
    document = description.document
    assert document["openapi"].startswith("3.1.")
    text = json.dumps(document)
    for reference in set(re.findall(r'"\$ref": "([^"]+)"', text)):
        description.resolve({"$ref": reference})
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert f"#/components/schemas/{name}" in text, f"nothing uses {name}"
    for path, item in document["paths"].items():
        named = {description.resolve(parameter)["name"] for parameter in item.get("parameters", [])}
        assert set(re.findall(r"\{(\w+)\}", path)) == named
