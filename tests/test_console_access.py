"""Who may enter the console, and what of it each may see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import Type, extract_parameters
from playwright.async_api import Browser, expect
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ivr.calllog.accounts import Account, ConsoleSession
from ivr.calllog.database import Database
from ivr.console.accounts import Accounts
from ivr.console.lockout import (
    MOST_ELSEWHERE,
    MOST_FAILURES,
    Count,
    Visitor,
    count,
    forgive,
)
from ivr.console.passwords import Refused
from ivr.console.process import reset_password
from ivr.settings import Settings
from tests.console import (
    ADMIN,
    OPERATOR,
    PASSWORD,
    WIDTHS,
    Console,
    browsing,
    csrf_in,
    fits,
    picture,
    serious,
)  # fmt: skip

COLLEAGUE = "j.caron"
PAGES = ("/comptes", "/journal")
"""For admins alone."""


@pytest.fixture(scope="module", autouse=True)
async def colleague(console: Console) -> None:
    """Somebody else's account."""
    await console.parts.accounts.add(
        COLLEAGUE, "J. Caron", "operator", "102", by="t", now=datetime.now(UTC), password=PASSWORD
    )


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


async def test_a_password_is_kept_so_that_guessing_it_is_dear(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'accounts.sqlite'}")
    accounts = Accounts(database, Settings().console)
    now, visitor = datetime.now(UTC), Visitor("127.0.0.1")
    await accounts.add(ADMIN, "C. Delorme", "admin", None, by="t", now=now, password=PASSWORD)
    kept = await database.run(lambda session: session.scalars(select(Account.password)).one())
    assert kept is not None
    params = extract_parameters(kept)
    assert params.type is Type.ID
    assert params.memory_cost >= 64 * 1024, "KiB"
    assert params.time_cost >= 3
    assert await accounts.sign_in(ADMIN, PASSWORD, visitor, now)
    await database.close()


async def test_wrong_passwords_lock_the_account_without_telling_whether_it_exists(
    console: Console,
) -> None:
    async with console.client() as client:
        told = {}
        for login in (COLLEAGUE, "nobody.here"):
            answers = [await client.sign_in(login, "wrong") for _ in range(MOST_FAILURES + 1)]
            assert {answer.status_code for answer in answers} == {403}
            told[login] = [answer.text.replace(login, "") for answer in answers]
        assert told[COLLEAGUE] == told["nobody.here"]
        assert (await client.sign_in(COLLEAGUE)).status_code == 403, "locked"
        assert (await client.sign_in(ADMIN)).status_code == 303, "others are not"
        journal = (await client.get("/journal?quoi=connexions")).text
        assert "mauvais" not in (await client.get("/journal?quoi=changements")).text
    for line in (
        f"mauvais mot de passe pour <strong>{COLLEAGUE}",
        f"bloqués pendant un quart d&#39;heure pour <strong>{COLLEAGUE}",
        "mauvais mot de passe pour <strong>un identifiant inconnu",
        "depuis 127.0.0.1",
    ):
        assert line in journal
    assert "nobody.here" not in journal, "it may be a password typed in the wrong place"


async def test_whoever_guesses_outside_locks_nobody_out_who_works_here(console: Console) -> None:
    def guess(session: Session) -> list[Count]:
        outside = [Visitor(f"203.0.113.{number}") for number in range(MOST_ELSEWHERE + 1)]
        return [count(session, OPERATOR, one, datetime.now(UTC)) for one in outside]

    async with console.client(OPERATOR) as theirs, console.client() as new:
        counts = await console.parts.database.run(guess)
        assert [one.too_many for one in counts] == [False] * MOST_ELSEWHERE + [True]
        assert (await new.sign_in(OPERATOR)).status_code == 403
        assert (await theirs.post("/deconnexion")).status_code == 303
        assert (await theirs.sign_in(OPERATOR)).status_code == 303, "a browser that is known"
        stolen = {name: f"{value}0" for name, value in theirs.http.cookies.items()}
        async with console.client() as forger:
            forger.http.cookies.update(stolen)
            assert (await forger.sign_in(OPERATOR)).status_code == 403
    await console.parts.database.run(lambda session: forgive(session, OPERATOR))


async def test_who_came_and_went_is_written_down_with_the_place(console: Console) -> None:
    async with console.client(OPERATOR) as client:
        wrong = {"actuel": "not this one", "nouveau": PASSWORD, "encore": PASSWORD}
        assert (await client.post("/mot-de-passe", wrong)).status_code == 422
        assert (await client.post("/mot-de-passe", wrong | {"actuel": PASSWORD})).status_code == 303
        client.csrf = csrf_in((await client.get("/compte")).text)
        await client.post("/deconnexion")
    lines = await console.parts.accounts.audited(limit=4)
    assert [(one.who, one.action, one.subject, one.address) for one in reversed(lines)] == [
        (OPERATOR, "s'est connecté", "", "127.0.0.1"),
        ("", "mauvais mot de passe pour", OPERATOR, "127.0.0.1"),
        (OPERATOR, "a changé son mot de passe", "", "127.0.0.1"),
        (OPERATOR, "s'est déconnecté", "", "127.0.0.1"),
    ]


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
        again = await theirs.sign_in("f.haddad")
        assert (again.status_code, "Votre compte est désactivé" in again.text) == (403, True)
        journal = (await admin.get("/journal")).text
    assert "f.haddad" in journal
    assert "désactivé" in journal


async def test_a_page_that_renews_itself_keeps_no_session_alive(console: Console) -> None:
    async def seen() -> list[datetime]:
        query = select(ConsoleSession.seen_at)
        return await console.parts.database.run(lambda session: list(session.scalars(query)))

    async with console.client(OPERATOR) as client:
        old = datetime.now(UTC) - timedelta(minutes=5)
        await console.parts.database.run(
            lambda session: session.execute(update(ConsoleSession).values(seen_at=old))
        )
        follows = {"Accept": "text/event-stream"}
        async with client.http.stream("GET", "/direct/flux", headers=follows) as answer:
            assert answer.status_code == 200
            await anext(answer.aiter_lines())
        assert set(await seen()) == {old}
        await client.get("/compte")
        assert max(await seen()) > old


async def test_an_operator_without_a_place_among_the_agents_is_told(console: Console) -> None:
    accounts, now = console.parts.accounts, datetime.now(UTC)
    await accounts.add("s.place", "S. Place", "operator", None, by="t", now=now, password=PASSWORD)
    (one,) = [a for a in await accounts.accounts() if a.login == "s.place"]
    async with console.client("s.place") as theirs, console.client(ADMIN) as admin:
        assert "Votre compte n’a pas de poste" in (await theirs.get("/rappels")).text
        await admin.post(f"/comptes/{one.id}", {"role": "operator", "poste": "999"})
        for path in ("/poste", "/rappels", "/messages"):
            page = (await theirs.get(path)).text
            assert "Le poste 999 de votre compte n’est pas dans la liste des agents" in page, path
        assert "poste absent de la liste" in (await admin.get("/comptes")).text
        await admin.post(f"/comptes/{one.id}", {"role": "operator", "poste": "102"})
        assert "liste des agents" not in (await theirs.get("/poste")).text


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
        assert 'href="/connexion"' in used.text, "for who has kept the link, not the page"
        told = await reset_password(console.settings, "P.Roussel")
        assert (await client.get("/compte")).status_code == 303, "their sessions end"
        assert (await client.sign_in("p.roussel")).status_code == 403
        link = told.split()[-1].removeprefix(console.url)
        assert (await client.http.post(link, data=chosen)).status_code == 303
        assert (await client.get("/compte")).status_code == 200
    with pytest.raises(Refused, match="pas de compte"):
        await reset_password(console.settings, "nobody.here")


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
async def test_an_admin_signs_in_and_makes_an_account(console: Console, browser: Browser) -> None:
    async with browsing(browser, console) as page:
        await page.goto("/connexion")
        assert await serious(page) == []
        await fits(page, "sign-in")
    async with browsing(browser, console, ADMIN) as page:
        await page.get_by_role("link", name="Comptes").click()
        await page.get_by_label("Nom", exact=True).fill("Nathalie Perrin")
        await page.get_by_label("Identifiant").fill("n.perrin")
        await page.get_by_role("button", name="Créer le compte").click()
        await page.get_by_text("/invitation/").wait_for()
        assert await serious(page) == []
        await fits(page, "accounts")
        await page.set_viewport_size({"width": WIDTHS["phone"], "height": 800})
        await page.get_by_text("Menu").press("Enter")
        assert await serious(page) == []
        await picture(page, "menu-phone")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="En direct")).to_be_focused()
        await page.get_by_role("link", name="Journal").press("Enter")
        await page.get_by_text("a créé le compte n.perrin").wait_for()
        assert await serious(page) == []
        await fits(page, "audit")
        for path in ("/compte", "/mot-de-passe", "/donnees", "/nulle-part"):
            await page.goto(path)
            assert await serious(page) == [], path
            await fits(page, path[1:])
