"""The page of figures: right numbers, spreadsheets, and no way in for operators."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from ivr.figures.by import By
from tests.console import ADMIN, OPERATOR, Console, console
from tests.figures_log import ANSWER, Log


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Console]:
    """Yesterday: one call lost of four."""
    async with console(tmp_path_factory.mktemp("figures"), demonstration=True) as running:
        today = running.parts.store.current.hours.local(datetime.now(UTC)).date()
        log, day = Log(), today - timedelta(days=1)
        for _ in range(3):
            log.call(f"{day}T09:00", "answered", ANSWER)
        log.call(f"{day}T10:00", "gave-up")
        await running.parts.database.run(lambda session: session.add_all(log.written()))
        yield running


async def test_yesterday_on_one_page(site: Console) -> None:
    async with site.client(ADMIN) as client:
        page = (await client.get("/chiffres")).text.replace("\u202f", " ")
    assert "1 appel perdu sur 4, soit 25,0 %" in page
    assert 'href="/questions/fr/passeport"' in page
    assert "démonstration" in page
    assert "style=" not in page


@pytest.mark.parametrize("choice", ["aujourdhui", "7-jours", "30-jours", "mois"])
async def test_every_period(site: Console, choice: str) -> None:
    async with site.client(ADMIN) as client:
        assert (await client.get(f"/chiffres?periode={choice}")).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "periode=libre", "periode=libre&du=2026-03-02&au=2026-03-01", "periode=demain",
        "periode=libre&du=0001-01-01&au=9999-12-31", "periode=libre&du=<b>&au=x",
    ],
)  # fmt: skip
async def test_a_period_that_cannot_be_is_told(site: Console, query: str) -> None:
    async with site.client(ADMIN) as client:
        answer = await client.get(f"/chiffres?{query}")
        assert answer.status_code == 422
        assert "pas possible" in answer.text
        assert "<b>" not in answer.text
        assert (await client.get(f"/chiffres/day.csv?{query}")).status_code == 422


@pytest.mark.parametrize("by", list(By))
async def test_every_table_can_be_taken_away(site: Console, by: By) -> None:
    async with site.client(ADMIN) as client:
        answer = await client.get(f"/chiffres/{by}.csv?periode=hier")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert "attachment" in answer.headers["content-disposition"]
    assert ";" in answer.text


async def test_operators_have_no_figures(site: Console) -> None:
    async with site.client(OPERATOR) as client:
        assert (await client.get("/chiffres")).status_code == 403
        assert (await client.get("/chiffres/day.csv")).status_code == 403
        assert "/chiffres" not in (await client.get("/compte")).text
