"""The pages that follow the telephone: what they show to whom, and what is done from them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import delete

from ivr.calllog.accounts import ConsoleSession
from ivr.console import live_view, live_words, stream
from ivr.dialogue.turns import Dismissed, Redirected
from ivr.errors import CallLogError
from ivr.live.messages import LiveOperator, LiveQueue, People, Waiting
from ivr.live.mirror import Sight, View
from tests.console import ADMIN, OPERATOR, Client, Console, browsing, fits, serious
from tests.telephone import HEALTH, Telephone, telephone


@pytest.fixture(scope="module")
async def line(console: Console) -> AsyncIterator[Telephone]:
    async with telephone(console) as line:
        yield line


@pytest.fixture(autouse=True)
def quiet(line: Telephone) -> None:
    """No call is left of the test before."""
    for call_id in list(line.orders):
        line.ends(call_id)
    line.orders.clear()


async def stream_until(client: Client, path: str, words: str) -> str:
    """What a page is sent, up to the first part in which these words are."""
    got = ""
    async with asyncio.timeout(10), client.http.stream("GET", path) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for text in answer.aiter_lines():
            got += text + "\n"
            if words in text:
                return got
    raise AssertionError(f"the stream ended without {words!r}: {got[-2000:]}")


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("0612345678", "06 12 •• •• 78"),
        ("+33612345678", "06 12 •• •• 78"),
        ("101", "101"),
        (None, "Numéro masqué"),
        ("+442079460958", "+44 20 79•• ••58"),
    ],
)
def test_numbers_are_shown_in_part(number: str | None, shown: str) -> None:
    assert live_words.number_in_part(number) == shown


@pytest.mark.parametrize(
    ("answers", "light"), [(None, []), (True, ["ok"]), (False, ["error"])]
)  # fmt: skip
def test_whether_the_provider_answers_is_told_where_there_is_one(
    answers: bool | None, light: list[str]
) -> None:
    view = View(Sight.LIVE, health=replace(HEALTH, outside=answers))
    found = live_view.facts(view, disk_free=10**11, workers=1, zone=ZoneInfo("Europe/Paris"))
    assert [one.light for one in found if one.label == "Ligne extérieure"] == light


async def test_what_a_caller_says_is_on_the_page_as_it_is_said(line: Telephone) -> None:
    line.begins("1.1")
    async with line.console.client(ADMIN) as client:
        assert "06 12 •• •• 78" in (await client.get("/direct")).text
        following = asyncio.create_task(stream_until(client, "/direct/flux", "acte de naissance"))
        line.turn("1.1", "heard", heard="un acte de naissance", entry="acte-naissance")
        assert "0612345678" not in await following


async def test_operators_see_the_calls_of_their_departments_and_no_other(line: Telephone) -> None:
    knowledge = line.console.parts.store.current
    theirs = {d for o in knowledge.operators if o.extension == "101" for d in o.departments}
    mine = next(e for e in knowledge.entries.values() if e.department in theirs)
    other = next(e for e in knowledge.entries.values() if e.department not in theirs)
    for call_id, entry in (("1.1", mine.id), ("2.2", other.id)):
        line.begins(call_id)
        line.turn(call_id, "heard", heard=f"à propos de {entry}", entry=entry)
    async with line.console.client(ADMIN) as client:
        page = await stream_until(client, "/direct/flux", f"à propos de {other.id}")
    async with line.console.client(OPERATOR) as client:
        page = (await client.get("/direct")).text
        assert f"à propos de {mine.id}" in page
        assert f"à propos de {other.id}" not in page
        assert (await client.get("/direct/appels/1.1")).status_code == 200
        assert (await client.get("/direct/appels/2.2")).status_code == 403
        assert (await client.get("/direct/appels/2.2/flux")).status_code == 403
        for action in ("passer", "terminer"):
            form = {"vers": "service:accueil"}
            answer = await client.post(f"/direct/appels/1.1/{action}", form)
            assert answer.status_code == 403
    assert line.orders == {"1.1": [], "2.2": []}


async def test_an_admin_passes_a_call_on_and_ends_one_once(line: Telephone) -> None:
    async with line.console.client(ADMIN) as client:
        line.begins("1.1")
        line.begins("2.2")
        passed = await client.post("/direct/appels/1.1/passer", {"vers": "poste:101"})
        assert passed.status_code == 303
        assert line.orders["1.1"] == [Redirected("accueil", "101")]
        twice = await asyncio.gather(*(client.post("/direct/appels/2.2/terminer") for _ in "ab"))
        assert [answer.status_code for answer in twice] == [303, 303]
        assert line.orders["2.2"] == [Dismissed()]
        again = await client.post("/direct/appels/2.2/terminer")
        assert again.cookies  # the message, for the next page
        assert "déjà terminé" in (await client.get("/direct")).text
        journal = (await client.get("/journal")).text
        assert "a passé un appel" in journal
        assert "a terminé un appel" in journal


@pytest.mark.parametrize(
    "to", ["", "service:", "poste:<script>", "poste:999999", "service:inconnu\r\nX: y", "x" * 9000]
)
async def test_a_call_is_passed_nowhere_else(to: str, line: Telephone) -> None:
    line.begins("1.1")
    async with line.console.client(ADMIN) as client:
        answer = await client.post("/direct/appels/1.1/passer", {"vers": to})
        assert answer.status_code in (303, 422)
    assert line.orders["1.1"] == []


@pytest.mark.parametrize("name", ["9.9", "..%2f..%2fetc", "<script>", "x" * 400, "%00", "{{7*7}}"])
async def test_calls_that_are_not_there(name: str, line: Telephone) -> None:
    async with line.console.client(ADMIN) as client:
        answer = await client.get(f"/direct/appels/{name}")
        assert answer.status_code in (404, 422)
        assert "<script>" not in answer.text.replace("<script src", "")


async def test_what_callers_say_is_text_and_nothing_else(line: Telephone) -> None:
    line.begins("1.1")
    line.turn("1.1", "heard", heard="<img src=x onerror=alert(1)> {{ 7*7 }}\nevent: health")
    async with line.console.client(ADMIN) as client:
        page = await stream_until(client, "/direct/flux", "onerror")
        assert "<img" not in page
        assert "49" not in page.split("onerror")[1][:40]


async def test_without_redis_the_page_says_so_and_shows_what_the_call_log_knows(
    line: Telephone,
) -> None:
    line.begins("1.1")
    async with line.console.client(ADMIN) as client:
        await line.server.stop(signal.SIGKILL)
        try:
            await line.seen(Sight.NO_REDIS)
            page = (await client.get("/direct")).text
            assert "Redis ne répond pas" in page
            answer = await client.post("/direct/appels/1.1/terminer")
            assert answer.status_code == 303
            assert line.orders["1.1"] == []
        finally:
            await line.server.start()
        await line.seen()
        assert "Redis ne répond pas" not in (await client.get("/direct")).text


async def test_a_stream_ends_with_the_session_and_when_the_reader_leaves(
    line: Telephone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "CHECK_S", 0.0)
    async with line.console.client(OPERATOR) as client:
        told = ""
        async with asyncio.timeout(10), client.http.stream("GET", "/direct/flux") as answer:
            async for text in answer.aiter_lines():
                told += text
                if text == "event: calls" and "3.3" not in line.orders:
                    await line.console.parts.database.run(
                        lambda session: session.execute(delete(ConsoleSession))
                    )
                    line.begins("3.3")  # something happens
        assert "Reconnectez-vous" in told
        assert (await client.get("/direct/flux")).status_code == 303
    async with asyncio.timeout(15):
        while line.console.parts.streams:
            line.turn("3.3", "keyed", heard="1")
            await asyncio.sleep(0)


async def test_a_page_that_cannot_be_renewed_says_so_until_it_can(
    line: Telephone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "CHECK_S", 0.0)
    answers: list[dict[str, str] | CallLogError] = [
        {"calls": "un"}, CallLogError("database is locked"), {"calls": "un"},
    ]  # fmt: skip

    async def render(view: View) -> dict[str, str]:
        line.begins(f"{len(answers)}.1")  # something happens
        answer = answers.pop(0)
        if isinstance(answer, CallLogError):
            raise answer
        return answer

    async def goes_on() -> str | None:
        return None if answers else "over"

    texts = [text async for text in stream.changes(line.console.parts.mirror, render, goes_on)]
    told = "".join(texts)
    assert told.count("event: calls") == 1, "it is not sent again"
    assert [text for text in texts if text.startswith("event: trouble")] == [
        stream.event("trouble", ""), texts[3], stream.event("trouble", ""),
    ]  # fmt: skip
    assert "La base de données ne répond pas" in texts[3]


async def test_streams_are_bounded(line: Telephone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST", 0)
    async with line.console.client(ADMIN) as client:
        assert (await client.get("/direct/flux")).status_code == 503


@pytest.mark.browser
async def test_a_call_is_watched_and_ended_by_keyboard(line: Telephone, browser: Browser) -> None:
    now = datetime.now(UTC)
    line.board.people(
        People(
            (
                LiveOperator("101", "talking", now - timedelta(minutes=3)),
                LiveOperator("102", "paused", now, reason="Déjeuner"),
            ),
            (LiveQueue("accueil", (Waiting("7.7", "0611111111", now),), 0, 1, 90.0),),
        ),
        now,
    )
    async with browsing(browser, line.console, ADMIN) as page:
        await page.get_by_text("Aucun appel en cours").wait_for()
        line.begins("1.1")
        line.begins("2.2", "")
        line.turn("1.1", "heard", heard="je voudrais refaire mon passeport", entry="passeport",
                  said="Le passeport se demande en mairie, sur rendez-vous. " * 3)  # fmt: skip
        await page.get_by_text("je voudrais refaire mon passeport").wait_for()
        await expect(page.get_by_text("Déjeuner")).to_be_visible()
        assert await serious(page) == []
        await fits(page, "live")
        page.on("dialog", lambda dialog: dialog.accept())
        link = page.get_by_role("link", name="06 12 •• •• 78")
        await link.focus()
        line.turn("1.1", "keyed", heard="1")
        await page.get_by_text("Touche 1").wait_for()
        await expect(link).to_be_focused()  # what is renewed leaves the focus where it was
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", name="Appel du 06 12 34 56 78").wait_for()
        line.turn("1.1", "heard", heard="et pour un livret de famille ?", entry="passeport")
        await page.get_by_text("et pour un livret de famille").wait_for()
        assert await serious(page) == []
        await fits(page, "call")
        await page.get_by_role("button", name="Terminer l’appel").press("Enter")
        await page.get_by_text("C’est fait").wait_for()
        assert line.orders["1.1"] == [Dismissed()]
