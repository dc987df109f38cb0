"""Messages in the console: heard by their department, and by nobody else."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from ivr.audio.pcm import write_wav
from ivr.calllog.tables import Callback, Message
from ivr.console import live_words
from ivr.errors import MessageError
from ivr.messages import listing
from ivr.messages.listing import Orders
from ivr.retention.numbers import random_pseudonym
from tests.console import (
    ADMIN,
    EXTENSION,
    OPERATOR,
    Console,
    browsing,
    fits,
    serious,
)  # fmt: skip
from tests.exchange import tone

NOW = datetime.now(UTC)


@pytest.fixture
async def left(console: Console) -> AsyncIterator[dict[str, int]]:
    """Messages by department; the operator of the tests has no part in the last."""
    knowledge = console.parts.store.current
    (theirs,) = (one.departments for one in knowledge.operators if one.extension == EXTENSION)
    other = next(name for name in knowledge.departments if name not in theirs)
    folder = console.settings.messages_folder
    folder.mkdir(exist_ok=True)

    def work(session: Session) -> dict[str, int]:
        ids = {}
        for department in (theirs[0], other):
            message = Message(
                call_id="1.1", department=department, file=f"{department}.wav",
                number="+33612345678", state="transcribed", seconds=1.0,
                transcript=f"Un <b>mot</b> pour {department}.", recorded_at=datetime.now(UTC),
            )  # fmt: skip
            session.add(message)
            session.flush()
            write_wav(folder / message.file, tone(1000))
            ids["theirs" if department == theirs[0] else "other"] = message.id
        callback = Callback(
            reference="5551", number="+33612345678", department=theirs[0], state="pending",
            reason=f"Message vocal : « Un <b>mot</b> pour {theirs[0]}. »", origin="message",
            due_at=NOW, taken_at=NOW, updated_at=NOW,
        )  # fmt: skip
        session.add(callback)
        session.flush()
        session.get_one(Message, ids["theirs"]).callback_id = ids["callback"] = callback.id
        return ids

    def clear(session: Session) -> None:
        session.execute(delete(Message))
        session.execute(delete(Callback))

    yield await console.parts.database.run(work)
    await console.parts.database.run(clear)
    shutil.rmtree(folder)


async def message(console: Console, number: int) -> Message:
    return await console.parts.database.run(lambda session: session.get_one(Message, number))


async def test_a_message_is_heard_by_its_department_and_by_no_other(
    console: Console, left: dict[str, int]
) -> None:
    async with console.client(OPERATOR) as client:
        page = (await client.get("/messages")).text
        assert f"/messages/{left['theirs']}.wav" in page
        assert f"/messages/{left['other']}.wav" not in page
        answer = await client.get(f"/messages/{left['theirs']}.wav")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
        assert answer.content[:4] == b"RIFF"
        assert (await client.get(f"/messages/{left['other']}.wav")).status_code == 403
        assert (await client.get("/messages/99999.wav")).status_code == 404
    async with console.client(ADMIN) as client:
        assert (await client.get(f"/messages/{left['other']}.wav")).status_code == 200
    lines = await console.parts.accounts.audited(limit=5)
    heard = [(one.who, one.subject) for one in lines if one.action.startswith("a écouté")]
    assert (OPERATOR, f"{left['theirs']} (1.1)") in heard
    assert (OPERATOR, f"{left['other']} (1.1)") not in heard


async def test_a_message_is_deleted_and_its_callback_stays(
    console: Console, left: dict[str, int]
) -> None:
    theirs, other, callback = left["theirs"], left["other"], f"/rappels/{left['callback']}"
    file = console.settings.messages_folder / (await message(console, theirs)).file
    async with console.client(OPERATOR) as client:
        assert f"/messages/{theirs}.wav" in (await client.get(callback)).text, "heard there, too"
        assert (await client.post(f"/messages/{other}/effacer")).status_code == 403
        assert (await client.post("/messages/99999/effacer")).status_code == 404
        assert (await client.post(f"/messages/{theirs}/effacer")).status_code == 303
        page = (await client.get("/messages")).text
        assert "Le rappel 5551 est conservé" in page
        assert "Un &lt;b&gt;mot" not in page
        page = (await client.get(callback)).text
        assert "Message vocal (effacé)" in page
        assert "<b>mot" not in page.replace("&lt;", "<")
        await client.post(f"/messages/{theirs}/effacer")
        assert "déjà effacé" in (await client.get("/messages")).text
    assert not file.exists()
    kept = await message(console, theirs)
    assert (kept.file, kept.transcript, kept.callback_id) == ("", "", left["callback"])
    assert (await message(console, other)).transcript
    (line,) = await console.parts.accounts.audited(limit=1)
    assert (line.who, line.action, line.subject) == (
        OPERATOR, "a effacé le message vocal", f"{theirs} (1.1)",
    )  # fmt: skip


async def test_a_file_that_cannot_be_deleted_keeps_its_message(
    console: Console, left: dict[str, int]
) -> None:
    file = console.settings.messages_folder / (await message(console, left["theirs"])).file
    file.unlink()
    file.mkdir()  # no file any more: it cannot be unlinked, whoever we are
    async with console.client(OPERATOR) as client:
        await client.post(f"/messages/{left['theirs']}/effacer")
        assert "a pas pu être effacé" in (await client.get("/messages")).text
    assert (await message(console, left["theirs"])).transcript


async def test_the_command_lists_shows_and_deletes(
    console: Console, left: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    async def ivr(orders: Orders, *, as_json: bool = False) -> str:
        capsys.readouterr()
        await listing.run(console.settings, console.parts.store.current, orders, as_json=as_json)
        return capsys.readouterr().out

    theirs = left["theirs"]
    told = await ivr(Orders())
    assert "rappel 5551" in told
    assert "« Un <b>mot</b> pour" in told
    shown = await ivr(Orders(show=theirs))
    assert str(console.settings.messages_folder) in shown
    assert [one["id"] for one in json.loads(await ivr(Orders(), as_json=True))] == [
        left["other"], theirs,
    ]  # fmt: skip
    with pytest.raises(MessageError, match="confirmez avec --yes"):
        await ivr(Orders(delete=theirs))
    assert (await message(console, theirs)).file
    assert f"Message {theirs} : effacé." in await ivr(Orders(delete=theirs, yes=True))
    assert "son : effacé" in await ivr(Orders(show=theirs))
    with pytest.raises(MessageError, match="pas de message 99999"):
        await ivr(Orders(show=99999))
    (line,) = await console.parts.accounts.audited(limit=1)
    assert (line.who, line.subject) == ("ivr", f"{theirs} (1.1)")


async def test_words_are_no_markup_and_numbers_are_shown_in_part(
    console: Console, left: dict[str, int]
) -> None:
    async with console.client(ADMIN) as client:
        page = (await client.get("/messages")).text
    assert "Un &lt;b&gt;mot&lt;/b&gt; pour" in page
    assert "34 56" not in page


async def test_nobody_listens_without_signing_in(console: Console, left: dict[str, int]) -> None:
    async with console.client() as client:
        for path in ("/messages", f"/messages/{left['theirs']}.wav"):
            assert (await client.get(path)).status_code == 303


async def test_a_sound_that_was_deleted_is_not_there(
    console: Console, left: dict[str, int]
) -> None:
    def work(session: Session) -> None:
        session.execute(update(Message).values(file="", transcript=""))

    await console.parts.database.run(work)
    async with console.client(ADMIN) as client:
        assert "Effacé\xa0; il durait 1 s." in (await client.get("/messages")).text
        assert (await client.get(f"/messages/{left['theirs']}.wav")).status_code == 404


def test_a_pseudonym_is_no_number_to_show() -> None:
    assert live_words.number(random_pseudonym()) == "Numéro effacé"
    assert live_words.number_in_part(random_pseudonym()) == "Numéro effacé"


@pytest.mark.browser
async def test_the_page_plays_for_everybody_at_every_width(
    console: Console, left: dict[str, int], browser: Browser
) -> None:
    async with browsing(browser, console, ADMIN) as page:
        await page.goto("/messages")
        sound = page.locator(f"audio[src='/messages/{left['theirs']}.wav']")
        await sound.evaluate("player => player.play()")
        await page.wait_for_function("sound => sound.ended", arg=await sound.element_handle())
        assert await serious(page) == []
        await fits(page, "messages")
        await page.locator("summary", has_text="Effacer").first.press(
            "Enter"
        )  # unfolds what asks once more
        await page.get_by_role("button", name="Effacer ce message pour toujours").wait_for()
        assert await serious(page) == []
        menu = page.get_by_role("navigation", name="Pages")
        assert await menu.evaluate("menu => menu.scrollWidth <= menu.clientWidth")
