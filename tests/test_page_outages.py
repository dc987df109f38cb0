"""What goes away while a page is open: the page says so, goes on, and takes up by itself again."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import delete

from ivr.calllog.accounts import ConsoleSession
from ivr.console import stream
from ivr.live import teller
from ivr.live.messages import LiveOperator, People
from tests import console as harness
from tests.console import EXTENSION, OPERATOR, browsing, serious
from tests.telephone import telephone

SOON_MS = 10_000


@pytest.mark.browser
async def test_redis_the_switchboard_the_console_and_the_session_go_while_pages_are_open(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teller, "HEARTBEAT_S", 0.3)
    async with harness.console(tmp_path) as console, telephone(console) as line:

        def talking() -> None:
            one = LiveOperator(EXTENSION, "talking", datetime.now(UTC), call_id="1.1")
            line.board.people(People((one,)), datetime.now(UTC))

        console.parts.mirror.silent_s = 1.5
        line.begins("1.1")
        line.turn("1.1", "heard", heard="un acte de naissance", entry="acte-naissance")
        talking()
        async with browsing(browser, console, OPERATOR, stopped=True) as desk:
            live = await desk.context.new_page()
            await live.goto("/direct")
            call = live.get_by_text("un acte de naissance")
            state, away = desk.locator("#state"), desk.locator("#away")
            await expect(call).to_be_visible()
            await expect(state).to_contain_text("En conversation")
            note = desk.get_by_label("Note")
            await note.fill("Demande aussi un livret")

            await line.server.stop(signal.SIGKILL)
            await expect(live.get_by_text("les appels en cours ne peuvent pas")).to_be_visible()
            await expect(state).to_contain_text("Redis ne répond pas")
            await expect(call).to_be_hidden()
            assert await serious(desk) == []
            await line.server.start()
            await expect(call).to_be_visible(timeout=SOON_MS)
            await expect(state).to_contain_text("En conversation")

            await line.stop_serving()
            await expect(live.get_by_text("ne donne pas de nouvelles")).to_be_visible(
                timeout=SOON_MS
            )
            await expect(state).to_contain_text("la machine ne donne pas de nouvelles")
            line.serve()
            await expect(call).to_be_visible(timeout=SOON_MS)

            await console.stop()
            await expect(away).to_be_visible(timeout=SOON_MS)
            await expect(live.locator("#away")).to_be_visible(timeout=SOON_MS)
            assert await serious(live) == []
            line.turn("1.1", "keyed", heard="1", entry="acte-naissance")
            await console.start()
            await expect(away).to_be_hidden(timeout=SOON_MS)
            await expect(live.get_by_text("Touche 1")).to_be_visible(timeout=SOON_MS)
            assert await note.input_value() == "Demande aussi un livret"

            monkeypatch.setattr(stream, "CHECK_S", 0.0)
            await live.reload()
            await console.parts.database.run(
                lambda session: session.execute(delete(ConsoleSession))
            )
            line.turn("1.1", "keyed", heard="2", entry="acte-naissance")
            await expect(live.get_by_text("Votre session est terminée")).to_be_visible()
            await desk.get_by_role("button", name="Enregistrer la note").click()
            await expect(desk.get_by_text("Demande aussi un livret")).to_be_visible()
            assert await serious(desk) == []
