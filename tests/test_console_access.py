"""Who may enter the console, and what of it each may see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser
from sqlalchemy import update

from ivr.calllog.accounts import ConsoleSession
from ivr.console.accounts import MOST_FAILURES
from tests.console import ADMIN, OPERATOR, PASSWORD, Console, browsing, screenshots, serious

PAGES = ("/comptes", "/journal")
"""For admins alone."""


async def test_nobody_sees_a_page_without_signing_in(console: Console) -> None:
    async with console.client() as client:
        for path in ("/", "/compte", *PAGES):
            answer = await client.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/connexion")


async def test_an_operator_cannot_open_an_admins_page(console: Console) -> None:
    async with console.client(OPERATOR) as client:
        for path in PAGES:
            answer = await client.get(path)
            assert answer.status_code == 403
            assert "n'est pas ouverte à votre compte" in answer.text.replace("&#39;", "'")
        answer = await client.post("/comptes", {"identifiant": "x1", "nom": "X", "role": "admin"})
        assert answer.status_code == 403
    assert "x1" not in [one.login for one in await console.parts.accounts.accounts()]


@pytest.mark.parametrize("csrf", ["", "wrong"])
async def test_a_form_of_another_page_changes_nothing(csrf: str, console: Console) -> None:
    async with console.client(ADMIN) as client:
        client.csrf = csrf
        answer = await client.post("/comptes", {"identifiant": "x2", "nom": "X", "role": "admin"})
        assert answer.status_code == 403
        assert "rien n'a été changé" in answer.text.replace("&#39;", "'")
    assert "x2" not in [one.login for one in await console.parts.accounts.accounts()]


async def test_another_sites_form_signs_nobody_in(console: Console) -> None:
    async with console.client() as client:
        answer = await client.http.post(
            "/connexion",
            data={"identifiant": ADMIN, "mot_de_passe": PASSWORD},
            headers={"Origin": "http://elsewhere.example"},
        )
        assert answer.status_code == 403
        assert "session" not in answer.cookies


async def test_wrong_passwords_lock_the_account_without_telling_whether_it_exists(
    console: Console,
) -> None:
    accounts, now = console.parts.accounts, datetime.now(UTC)
    await accounts.add("j.caron", "J. Caron", "operator", "102", by="t", now=now, password=PASSWORD)
    async with console.client() as client:
        told = {}
        for login in ("j.caron", "nobody.here"):
            answers = [await client.sign_in(login, "wrong") for _ in range(MOST_FAILURES + 1)]
            assert {answer.status_code for answer in answers} == {403}
            told[login] = [answer.text.replace(login, "") for answer in answers]
        assert told["j.caron"] == told["nobody.here"]
        assert (await client.sign_in("j.caron")).status_code == 403, "locked"
        assert (await client.sign_in(ADMIN)).status_code == 303, "others are not"


async def test_sessions_end(console: Console) -> None:
    async with console.client(OPERATOR) as client:
        assert (await client.get("/compte")).status_code == 200
        old = datetime.now(UTC) - timedelta(minutes=console.settings.console.idle + 1)
        await console.parts.database.run(
            lambda session: session.execute(update(ConsoleSession).values(seen_at=old))
        )
        assert (await client.get("/compte")).status_code == 303


async def test_a_disabled_account_is_out_at_once_and_it_is_written_down(console: Console) -> None:
    accounts, now = console.parts.accounts, datetime.now(UTC)
    await accounts.add("f.haddad", "F. Haddad", "operator", "103", by="t", now=now,
                       password=PASSWORD)  # fmt: skip
    (one,) = [a for a in await accounts.accounts() if a.login == "f.haddad"]
    async with console.client("f.haddad") as theirs, console.client(ADMIN) as admin:
        form = {"role": "operator", "poste": "103", "desactive": "true"}
        assert (await admin.post(f"/comptes/{one.id}", form)).status_code == 303
        assert (await theirs.get("/compte")).status_code == 303
        assert (await theirs.sign_in("f.haddad")).status_code == 403
        journal = (await admin.get("/journal")).text
    assert "f.haddad" in journal
    assert "désactivé" in journal


async def test_an_invitation_is_taken_up_once(console: Console) -> None:
    async with console.client(ADMIN) as admin:
        form = {"identifiant": "p.roussel", "nom": "Philippe Roussel", "role": "operator"}
        page = (await admin.post("/comptes", form)).text
    link = page.split('class="copy">')[1].split("<")[0]
    async with console.client() as client:
        short = await client.http.post(link, data={"nouveau": "court", "encore": "court"})
        assert short.status_code == 422
        chosen = {"nouveau": PASSWORD, "encore": PASSWORD}
        assert (await client.http.post(link, data=chosen)).status_code == 303
        assert (await client.get("/compte")).status_code == 200
        again = await client.http.post(link, data=chosen)
        assert "plus valable" in again.text
        used = await client.get(link)
        assert (used.status_code, "plus valable" in used.text) == (404, True)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "{{ 7*7 }}", "x" * 5000, "", "\r\nSet-Cookie: a=b"]
)
async def test_hostile_names(name: str, console: Console) -> None:
    async with console.client(ADMIN) as client:
        form = {"identifiant": "hostile", "nom": name, "role": "operator"}
        answer = await client.post("/comptes", form)
        assert answer.status_code in (200, 422)
        assert "<script>alert" not in answer.text
        assert ">49<" not in answer.text


async def test_pages_bound_what_a_browser_may_do(console: Console) -> None:
    async with console.client() as client:
        answer = await client.get("/connexion")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        huge = await client.http.post("/connexion", data={"identifiant": "x" * 3_000_000})
        assert huge.status_code == 413
        assert (await client.get("/nulle-part")).status_code == 404


@pytest.mark.browser
async def test_an_admin_signs_in_and_makes_an_account(
    console: Console, browser: Browser, tmp_path: Path
) -> None:
    async with browsing(browser, console) as page:
        await page.goto("/connexion")
        assert await serious(page) == []
        await screenshots(page, tmp_path, "sign-in")
    async with browsing(browser, console, ADMIN) as page:
        await page.get_by_role("link", name="Comptes").click()
        await page.get_by_label("Nom", exact=True).fill("Nathalie Perrin")
        await page.get_by_label("Identifiant").fill("n.perrin")
        await page.get_by_role("button", name="Créer le compte").click()
        await page.get_by_text("/invitation/").wait_for()
        assert await serious(page) == []
        await screenshots(page, tmp_path, "accounts")
