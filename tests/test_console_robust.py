"""Whatever is sent to the console, by whomever, whatever is broken: a page in French, no harm."""

from __future__ import annotations

import asyncio
import html
import re
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from hypothesis import HealthCheck
from sqlalchemy import make_url

from ivr.console import web
from ivr.console.app import ROUTERS
from ivr.console.web import HERE
from tests import console as harness
from tests.console import ADMIN, OPERATOR, PASSWORD, Client, Console

OPEN_TO_ALL = {"/connexion", "/invitation/{token}"}
OF_OPERATORS = {
    *("/", "/compte", "/mot-de-passe", "/deconnexion", "/direct", "/direct/flux"),
    *(
        "/direct/appels/{call_id}",
        "/direct/appels/{call_id}/flux",
        "/poste",
        "/poste/flux",
        "/poste/etat",
        "/poste/recherche",
    ),
    *("/poste/appels/{call_id}/note", "/rappels", "/rappels/{number}"),
    *("/rappels/{number}/{action}", "/messages", "/messages/{message_id}.wav"),
    "/messages/{message_id}/effacer",
}
"""All other pages are for admins alone: whoever adds one decides it here."""
WHOLE_FORM = {
    "identifiant": ADMIN, "mot_de_passe": PASSWORD, "nouveau": PASSWORD, "encore": PASSWORD,
}  # fmt: skip
NOT_HAMMERED = re.compile(r"/flux|/deconnexion|/invitation|/ecouter|/essayer")
"""Streams that do not end, what ends our own session, and what loads models."""


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Console]:
    """A console of its own, without a Redis, that waits less for a lock; one page of it fails."""
    quick = pytest.MonkeyPatch()
    quick.setattr("ivr.console.app.BUSY_MS", 500)
    async with harness.console(tmp_path_factory.mktemp("robust")) as running:
        quick.undo()

        async def fail() -> None:
            raise ZeroDivisionError("a secret of the server")

        running.app.add_api_route("/panne", fail, include_in_schema=False)
        yield running


def routes(console: Console) -> Iterator[tuple[str, str]]:
    """Method and path of every page; parameters are filled in."""
    for path, operations in console.app.openapi()["paths"].items():
        for method in operations:
            yield method.upper(), path


async def test_nobody_gets_in_without_signing_in(town: Console) -> None:
    async with town.client() as client:
        for method, path in routes(town):
            if path not in OPEN_TO_ALL:
                answer = await client.http.request(method, re.sub(r"{\w+}", "1", path))
                # What has no form is refused before anybody looks who sends it.
                assert answer.status_code in (303, 401, 422), (method, path)
                assert "Claire" not in answer.text


async def test_operators_get_no_page_of_admins(town: Console) -> None:
    async with town.client(OPERATOR) as client:
        tried = 0
        for method, path in routes(town):
            if path not in OPEN_TO_ALL | OF_OPERATORS:
                address = re.sub(r"{\w+}", "1", path)
                answer = await client.http.request(method, address, data={"csrf": client.csrf})
                # What has no form is refused before anybody looks who sends it.
                assert answer.status_code == 403 or (method, answer.status_code) == ("POST", 422), (
                    method, path,
                )  # fmt: skip
                tried += 1
        assert tried > 30


def test_every_form_is_checked_and_every_page_has_its_readers(town: Console) -> None:
    """Whatever a request looks like: it is in how the pages are made."""

    def needed(dependant: Dependant) -> Iterator[object]:
        yield dependant.call
        for one in dependant.dependencies:
            yield from needed(one)

    seen = set()
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            seen.add(route.path)
            if route.path not in OPEN_TO_ALL:
                needs = set(needed(route.dependant))
                assert web.signed_in in needs, f"{route.path}: nobody is asked who they are"
                assert (web.admin_only in needs) == (route.path not in OF_OPERATORS), route.path
    assert seen >= OPEN_TO_ALL | OF_OPERATORS


async def test_no_form_is_taken_without_what_our_pages_put_in_it(town: Console) -> None:
    async with town.client(ADMIN) as client:
        for method, path in routes(town):
            if method == "POST" and path not in OPEN_TO_ALL:
                answer = await client.http.post(re.sub(r"{\w+}", "1", path), data={"csrf": "x"})
                assert answer.status_code in (403, 422), path
        evil = {"Origin": "https://ailleurs.example"}
        answer = await client.post("/deconnexion", headers=evil)
        assert answer.status_code == 403
        assert (await client.get("/compte")).status_code == 200
    async with town.client() as nobody:
        for path in ("/connexion", "/invitation/1"):
            answer = await nobody.http.post(path, data=WHOLE_FORM, headers=evil)
            assert answer.status_code == 403, path


@pytest.mark.parametrize("signed_in", [True, False])
async def test_what_was_written_into_a_form_that_is_refused_is_given_back(
    town: Console, signed_in: bool
) -> None:
    form = {"csrf": "of yesterday", "texte": "Veut un <b>livret</b>", "actuel": "my own secret"}
    async with town.client(OPERATOR if signed_in else None) as client:
        ours = await client.http.post(
            "/poste/appels/1/note", data=form, headers={"Origin": town.url}
        )
        assert ours.status_code == (403 if signed_in else 401)
        assert "Veut un &lt;b&gt;livret&lt;/b&gt;" in ours.text
        assert "my own secret" not in ours.text
        for origin in ({"Origin": "https://ailleurs.example"}, {}):
            answer = await client.http.post("/poste/appels/1/note", data=form, headers=origin)
            assert "livret" not in answer.text, "nobody else speaks in our name"


async def test_every_answer_has_what_bounds_the_browser_and_none_is_kept(town: Console) -> None:
    async with town.client(ADMIN) as client:
        for path in (
            "/compte",
            "/nulle-part",
            "/panne",
            "/poste/recherche?q=x",
            "/static/console.css",
        ):
            headers = (await client.get(path)).headers
            assert "unsafe" not in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["referrer-policy"] == "same-origin"
            assert headers["x-content-type-options"] == "nosniff"
            assert (headers.get("cache-control") == "no-store") == (not path.startswith("/static"))


async def test_cookies_are_for_our_pages_alone_and_for_https_behind_a_proxy(town: Console) -> None:
    behind = httpx.ASGITransport(town.app)  # as uvicorn hands it on for a proxy that is believed
    async with httpx.AsyncClient(transport=behind, base_url="https://mairie.example") as client:
        who = {"identifiant": ADMIN, "mot_de_passe": PASSWORD}
        given = (await client.post("/connexion", data=who)).headers.get_list("set-cookie")
    assert len(given) == 2
    for cookie in given:
        for attribute in ("HttpOnly", "SameSite=strict", "Secure"):
            assert attribute.lower() in cookie.lower()


@pytest.mark.parametrize(
    "to",
    [
        "https://ailleurs.example", "//ailleurs.example", "/\\ailleurs.example",
        "/\t/ailleurs.example", "\\\\ailleurs.example", "javascript:alert(1)", "", " /poste",
        "/poste\r\nSet-Cookie: a=b",
    ],
)  # fmt: skip
async def test_signing_in_leads_to_no_other_site(town: Console, to: str) -> None:
    async with town.client() as client:
        assert "ailleurs" not in (await client.get("/connexion", params={"suite": to})).text
        who = {"identifiant": ADMIN, "mot_de_passe": PASSWORD, "suite": to}
        assert (await client.http.post("/connexion", data=who)).headers["location"] == "/"
        who["suite"] = "/rappels?etat=retard&service=etat-civil"
        answer = await client.http.post("/connexion", data=who)
        assert answer.headers["location"] == who["suite"]


async def test_a_failure_of_ours_tells_no_secret_and_keeps_the_headers(town: Console) -> None:
    async with town.client(ADMIN) as client:
        answer = await client.get("/panne")
    assert answer.status_code == 500
    assert "Une erreur est survenue de notre côté" in answer.text
    for secret in ("ZeroDivision", "Traceback", "a secret of the server"):
        assert secret not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def nothing_is_saved(town: Console, client: Client) -> None:
    """What cannot be written down is not done either: an answer, and a setting."""
    root = town.settings.paths.knowledge
    before = {file: file.read_bytes() for file in root.rglob("*.yaml")}
    page = (await client.get("/questions/fr/eau-fuite/supprimer")).text
    version = re.findall(r'name="version" value="(\w+)"', page)[0]
    fields = {"title": "Une fuite", "confirm": "une fuite", "examples": "ça fuit de partout"}
    seen = re.findall(r'name="vu" value="(\w+)"', (await client.get("/reglages/annonces")).text)[0]
    answer = {"version": version, "department": "eau", "answer": "Ma réponse.", **fields}
    line = {"texte": "La mairie ferme.", "debut": "2026-01-01", "fin": "2026-01-02", "vu": seen}
    answers = [
        await client.post(path, form, timeout=30)
        for path, form in (
            ("/questions/fr/eau-fuite/supprimer", {"version": version}),
            ("/questions/fr/eau-fuite", answer),
            ("/reglages/annonces/ajouter", line),
        )
    ]
    assert [one.status_code for one in answers] == [503, 503, 422]
    for one in answers:
        assert "Rien n'a été changé : réessayez" in html.unescape(one.text).replace("\xa0", " ")
    assert "Ma réponse." in answers[1].text, "what was typed is kept"
    assert "La mairie ferme." in answers[2].text
    assert {file: file.read_bytes() for file in root.rglob("*.yaml")} == before


async def test_the_database_locked(town: Console) -> None:
    file = make_url(town.settings.database_url).database
    assert file is not None
    with closing(sqlite3.connect(file, timeout=1)) as other:
        async with town.client(ADMIN) as client:
            other.execute("BEGIN IMMEDIATE")
            begun = time.monotonic()
            for path in ("/comptes", "/journal", "/reglages"):
                assert (await client.get(path)).status_code == 200, "readers need not wait"
            form = {"identifiant": "locked.out", "nom": "Locked Out", "role": "admin"}
            answer = await client.post("/comptes", form)
            assert answer.status_code == 503
            assert "La base de données ne répond pas" in answer.text
            assert time.monotonic() - begun < 8
            await nothing_is_saved(town, client)
            other.rollback()
            assert "locked.out" not in (await client.get("/comptes")).text
            assert (await client.post("/comptes", form)).status_code == 200


async def test_too_many_wrong_passwords_at_once_count_as_many(town: Console) -> None:
    async with town.client() as client:
        wrong = [client.sign_in("quelquun", "wrong wrong wrong") for _ in range(8)]
        answers = await asyncio.gather(*wrong)
        told = ["Trop d" in answer.text for answer in answers]
        assert sum(told) == 3, "five are looked at"
        assert (await client.sign_in(ADMIN, PASSWORD)).status_code == 303


async def test_a_body_of_unknown_length_is_refused(town: Console) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"identifiant=" + b"x" * 1000

    async with town.client() as client:
        answer = await client.http.post("/connexion", content=parts())
    assert answer.status_code == 413


def test_no_page_has_a_script_or_style_of_its_own() -> None:
    """The browser would not run it: the content security policy forbids it."""
    own = re.compile(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|javascript:|https?://")
    for template in sorted((HERE / "templates").rglob("*.html")):
        found = own.findall(template.read_text(encoding="utf-8"))
        assert not found, f"{template.name}: {found}"


async def test_hostile_requests_break_nothing(town: Console) -> None:
    async with town.client(ADMIN) as client:
        headers = {"X-CSRF-Token": client.csrf}
        cookies = dict(client.http.cookies)
    schema = schemathesis.openapi.from_dict(town.app.openapi())
    broken: list[str] = []
    statuses: Counter[int] = Counter()

    def hammer(operation: Any, client: httpx.Client) -> None:
        @hypothesis.settings(
            max_examples=4, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @hypothesis.given(case=operation.as_strategy())
        def one(case: Any) -> None:
            sent = case.as_transport_kwargs(base_url=town.url)
            sent["headers"] = {**sent.get("headers", {}), **headers}
            sent.pop("cookies", None)
            try:
                request = client.build_request(**sent)
            except (ValueError, TypeError, httpx.InvalidURL):
                return  # no browser can send it either
            status = client.send(request).status_code
            statuses[status] += 1
            if status == 500:
                broken.append(f"{case.method} {request.url}: {request.content[:300]!r}")

        one()

    def all_of_it() -> int:
        count = 0
        with httpx.Client(cookies=cookies, timeout=120) as client:  # groups load models
            for result in schema.get_all_operations():
                operation: Any = result.ok()  # type: ignore[union-attr]  # an Err raises
                if not NOT_HAMMERED.search(operation.path):
                    hammer(operation, client)
                    count += 1
        return count

    assert await asyncio.to_thread(all_of_it) > 30
    assert broken == []
    assert statuses[200] > 10, f"signed in, and let through: {statuses}"
    async with town.client(ADMIN) as again:
        assert (await again.get("/comptes")).status_code == 200


def test_shipped_files_are_there() -> None:
    named = re.findall(r'"/static/([^"]+)"', (HERE / "templates" / "base.html").read_text())
    assert named
    assert [name for name in named if not (HERE / "static" / Path(name)).exists()] == []
